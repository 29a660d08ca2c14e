"""The stop ratios of the strategy record: requested, stored, and switched with the record."""

import logging
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from core.factorcat import FactorCatClient, Unreachable
from core.infra.database import open_database
from core.model.known import Known, Unknown
from core.model.platform import RecordDetail
from core.model.settings import Settings, StopSettings, StrategySettings
from core.rules.stops import Ratios
from core.trading.state_store import TRADING, StateStore
from core.trading.stop_ratios import StopRatios

FIRST, SECOND = StrategySettings(strategy_id=1, history_id=11), StrategySettings(strategy_id=1, history_id=12)


class Platform:
    """Returns the parameters of records; `away` makes it unreachable."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[tuple[int, int]] = []
        self.parameters: dict[int, dict[str, Any]] = {
            11: {"profitTargetRatio": 0.2, "stopLossRatio": "0.08", "hold": 10},
            12: {"profitTargetRatio": 0.3},
        }

    async def record(self, strategy_id: int, history_id: int) -> RecordDetail:
        self.asked.append((strategy_id, history_id))
        if self.away:
            raise Unreachable("the platform is away")
        return RecordDetail(self.parameters[history_id], {})


class RatiosWorld:
    def __init__(self, path: Path) -> None:
        self.db = open_database(path, TRADING, durable=False)
        self.platform = Platform()
        self.followed = FIRST
        self.stop_ratios = self.again()

    def again(self, stops: StopSettings | None = None) -> StopRatios:
        platform = cast("FactorCatClient", self.platform)
        self.settings = Settings(stops=stops or StopSettings(), strategy=self.followed)
        self.stop_ratios = StopRatios(self.settings, platform, StateStore(self.db))
        return self.stop_ratios

    def follow(self, strategy: StrategySettings) -> None:
        self.followed = strategy
        self.settings = self.settings.model_copy(update={"strategy": strategy})
        self.stop_ratios.use_settings(self.settings)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RatiosWorld]:
    world = RatiosWorld(tmp_path / "app.db")
    with closing(world.db):
        yield world


def ratios(profit: str | None, loss: str | None) -> Ratios:
    return Ratios(Known(Decimal(profit) if profit else None), Known(Decimal(loss) if loss else None))


def test_no_stop_is_armed_before_the_platform_answered(world: RatiosWorld) -> None:
    assert isinstance(world.stop_ratios.ratios.loss, Unknown)
    assert "has not been asked yet" in world.stop_ratios.ratios.troubles[0]
    assert world.stop_ratios.wanted


async def test_the_platform_s_ratios_are_armed_and_not_requested_again(world: RatiosWorld) -> None:
    await world.stop_ratios.ask()
    assert world.stop_ratios.ratios == ratios("0.2", "0.08")
    assert not world.stop_ratios.wanted


async def test_ratios_stay_armed_after_a_restart_without_the_platform(world: RatiosWorld) -> None:
    await world.stop_ratios.ask()
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
    await world.stop_ratios.ask()
    assert world.stop_ratios.wanted
    assert "the strategy's stops could not be asked for: the platform is away" in caplog.messages
    world.platform.away = False
    await world.stop_ratios.ask()
    assert world.stop_ratios.ratios == ratios("0.2", "0.08")
    assert not world.stop_ratios.wanted


async def test_changed_ratios_apply_once_they_are_requested(world: RatiosWorld) -> None:
    await world.stop_ratios.ask()
    world.platform.parameters[11] = {"profitTargetRatio": 0.5}
    again = world.again()
    assert again.ratios == ratios("0.2", "0.08")
    await again.ask()
    assert again.ratios == ratios("0.5", None)


async def test_another_record_never_uses_the_previous_record_s_ratios(world: RatiosWorld) -> None:
    await world.stop_ratios.ask()
    world.follow(SECOND)
    assert isinstance(world.stop_ratios.ratios.loss, Unknown)
    assert world.stop_ratios.wanted
    await world.stop_ratios.ask()
    assert world.stop_ratios.ratios == ratios("0.3", None)
    world.follow(FIRST)
    assert world.stop_ratios.ratios == ratios("0.2", "0.08")


async def test_a_late_response_is_stored_for_its_own_record(
    world: RatiosWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = world.platform.record

    async def slow(strategy_id: int, history_id: int) -> RecordDetail:
        world.follow(SECOND)
        return await record(strategy_id, history_id)

    monkeypatch.setattr(world.platform, "record", slow)
    await world.stop_ratios.ask()
    assert world.stop_ratios.wanted
    assert isinstance(world.stop_ratios.ratios.loss, Unknown)
    assert world.stop_ratios.wanted
    world.follow(FIRST)
    assert world.stop_ratios.ratios == ratios("0.2", "0.08")


async def test_no_request_is_made_without_a_strategy(world: RatiosWorld) -> None:
    world.follow(StrategySettings())
    await world.stop_ratios.ask()
    assert world.platform.asked == []
    assert "no strategy is followed yet" in world.stop_ratios.ratios.troubles[0]


def test_the_settings_own_ratios_need_no_platform(world: RatiosWorld) -> None:
    stop_ratios = world.again(StopSettings(take_profit=Decimal("0.1"), stop_loss=Decimal("0.05")))
    assert stop_ratios.ratios == ratios("0.1", "0.05")
    assert not stop_ratios.wanted


async def test_an_invalid_ratio_is_logged_once(world: RatiosWorld, caplog: pytest.LogCaptureFixture) -> None:
    world.platform.parameters[11] = {"stopLossRatio": -0.05, "profitTargetRatio": 0.2}
    with caplog.at_level(logging.ERROR):
        await world.stop_ratios.ask()
        await world.stop_ratios.ask()
    (line,) = caplog.messages
    assert "a stop is not armed: the strategy's stopLossRatio is -0.05" in line
    assert world.stop_ratios.ratios.profit == Known(Decimal("0.2"))
