"""The followed record's stops and rule: requested, stored, and switched with the record."""

import logging
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from core.factorcat.client import FactorCatClient
from core.factorcat.errors import Unreachable
from core.model.known import Known, Unknown
from core.model.platform import TradeTiming
from core.model.settings import Settings, StopSettings, StrategySettings
from core.rules.stops import Ratios
from core.trading.followed_record import FollowedRecord
from core.trading.state_store import StateStore
from tests.databases import trading_database

FIRST, SECOND = StrategySettings(strategy_id=1, history_id=11), StrategySettings(strategy_id=1, history_id=12)


class Platform:
    """Returns the parameters of records; `away` makes it unreachable."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[tuple[int, int]] = []
        self.records: dict[int, dict[str, Any]] = {
            11: {"profitTargetRatio": 0.2, "stopLossRatio": "0.08", "hold": 10},
            12: {"profitTargetRatio": 0.3, "stopLossRatio": 0},
        }

    async def parameters(self, strategy_id: int, history_id: int) -> dict[str, Any]:
        self.asked.append((strategy_id, history_id))
        if self.away:
            raise Unreachable("the platform is away")
        return self.records[history_id]


class RatiosWorld:
    def __init__(self, path: Path) -> None:
        self.db = trading_database(path)
        self.platform = Platform()
        self.followed = FIRST
        self.followed_record = self.again()

    def again(self, stops: StopSettings | None = None) -> FollowedRecord:
        platform = cast("FactorCatClient", self.platform)
        self.settings = Settings(stops=stops or StopSettings(), strategy=self.followed)
        self.followed_record = FollowedRecord(self.settings, platform, StateStore(self.db))
        return self.followed_record

    def follow(self, strategy: StrategySettings) -> None:
        self.followed = strategy
        self.settings = self.settings.model_copy(update={"strategy": strategy})
        self.followed_record.use_settings(self.settings)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RatiosWorld]:
    world = RatiosWorld(tmp_path / "app.db")
    with closing(world.db):
        yield world


def ratios(profit: str | None, loss: str | None) -> Ratios:
    return Ratios(Known(Decimal(profit) if profit else None), Known(Decimal(loss) if loss else None))


def test_no_stop_is_armed_before_the_platform_answered(world: RatiosWorld) -> None:
    assert isinstance(world.followed_record.ratios.loss, Unknown)
    assert "has not been asked yet" in world.followed_record.ratios.troubles[0]
    assert world.followed_record.wanted


async def test_the_platform_s_ratios_are_armed_and_not_requested_again(world: RatiosWorld) -> None:
    await world.followed_record.ask()
    assert world.followed_record.ratios == ratios("0.2", "0.08")
    assert not world.followed_record.wanted


async def test_ratios_stay_armed_after_a_restart_without_the_platform(world: RatiosWorld) -> None:
    await world.followed_record.ask()
    world.platform.away = True
    again = world.again()
    assert again.ratios == ratios("0.2", "0.08")
    await again.ask()
    assert again.ratios == ratios("0.2", "0.08")
    assert again.wanted


async def test_ratios_are_requested_again_until_the_platform_answers(
    world: RatiosWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.platform.away = True
    await world.followed_record.ask()
    assert world.followed_record.wanted
    assert "the record's parameters could not be asked for: the platform is away" in caplog.messages
    world.platform.away = False
    await world.followed_record.ask()
    assert world.followed_record.ratios == ratios("0.2", "0.08")
    assert not world.followed_record.wanted


async def test_changed_ratios_apply_once_they_are_requested(world: RatiosWorld) -> None:
    await world.followed_record.ask()
    world.platform.records[11] = {"profitTargetRatio": 0.5, "stopLossRatio": 0.0}
    again = world.again()
    assert again.ratios == ratios("0.2", "0.08")
    await again.ask()
    assert again.ratios == ratios("0.5", None)


async def test_another_record_never_uses_the_previous_record_s_ratios(world: RatiosWorld) -> None:
    await world.followed_record.ask()
    world.follow(SECOND)
    assert isinstance(world.followed_record.ratios.loss, Unknown)
    assert world.followed_record.wanted
    await world.followed_record.ask()
    assert world.followed_record.ratios == ratios("0.3", None)
    world.follow(FIRST)
    assert world.followed_record.ratios == ratios("0.2", "0.08")


async def test_a_late_response_is_stored_for_its_own_record(
    world: RatiosWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = world.platform.parameters

    async def slow(strategy_id: int, history_id: int) -> dict[str, Any]:
        world.follow(SECOND)
        return await parameters(strategy_id, history_id)

    monkeypatch.setattr(world.platform, "parameters", slow)
    await world.followed_record.ask()
    assert world.followed_record.wanted
    assert isinstance(world.followed_record.ratios.loss, Unknown)
    assert world.followed_record.wanted
    world.follow(FIRST)
    assert world.followed_record.ratios == ratios("0.2", "0.08")


async def test_no_request_is_made_without_a_strategy(world: RatiosWorld) -> None:
    world.follow(StrategySettings())
    await world.followed_record.ask()
    assert world.platform.asked == []
    assert "no strategy is followed yet" in world.followed_record.ratios.troubles[0]


def test_the_settings_own_ratios_need_no_platform(world: RatiosWorld) -> None:
    followed_record = world.again(StopSettings(take_profit=Decimal("0.1"), stop_loss=Decimal("0.05")))
    world.platform.away = True
    assert followed_record.ratios == ratios("0.1", "0.05")


async def test_a_platform_that_stays_away_is_logged_once(world: RatiosWorld, caplog: pytest.LogCaptureFixture) -> None:
    world.platform.away = True
    for _ in range(3):
        await world.followed_record.ask()
    assert len(caplog.messages) == 1


async def test_a_record_that_does_not_say_its_stop_has_none_armed_and_says_so(
    world: RatiosWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.platform.records[11] = {"profitTargetRatio": 0.2}
    await world.followed_record.ask()
    found = world.followed_record.ratios
    assert found.profit == Known(Decimal("0.2"))
    assert isinstance(found.loss, Unknown)
    assert "does not say its stop loss ratio (stopLossRatio)" in found.troubles[0]
    assert any("a stop is not armed" in line for line in caplog.messages)


async def test_the_rule_of_the_record_is_kept_across_a_restart(world: RatiosWorld) -> None:
    selection = {"holding_days": 5, "top_n": 10, "positive_factors": ["x"] * 1000}
    world.platform.records[11] |= {"tradeTiming": "open", "timingOption": 1, "bond_selection_params": selection}
    await world.followed_record.ask()
    world.platform.away = True
    rule = world.again().rule
    assert (rule.holding_sessions, rule.top_n) == (Known(5), Known(10))
    assert (rule.trade_timing, rule.uses_timing) == (Known(TradeTiming.OPEN), Known(True))


def test_the_rule_is_unknown_before_the_platform_answered(world: RatiosWorld) -> None:
    assert isinstance(world.followed_record.rule.holding_sessions, Unknown)


async def test_an_invalid_ratio_is_logged_once(world: RatiosWorld, caplog: pytest.LogCaptureFixture) -> None:
    world.platform.records[11] = {"stopLossRatio": -0.05, "profitTargetRatio": 0.2}
    with caplog.at_level(logging.ERROR):
        await world.followed_record.ask()
        await world.followed_record.ask()
    (line,) = caplog.messages
    assert "a stop is not armed: the strategy's stop loss ratio (stopLossRatio) is -0.05" in line
    assert world.followed_record.ratios.profit == Known(Decimal("0.2"))
