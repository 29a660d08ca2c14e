"""What adopting a holding would do, before it is done."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from core.engine.adoption import adoption_of
from core.model.account import Owned
from core.model.known import Known, Unknown
from core.model.settings import StopSettings
from core.model.snapshot import Adoption, AdoptionLevels
from core.rules.stops import Ratios
from tests import worlds
from tests.trading.conftest import make_world, world  # noqa: F401  (fixtures)
from tests.trading.trading_world import A, TradingWorld


def asked(
    trading: TradingWorld, cost: str, last: str | None = "100", owned: Owned | None = None, **stops: Any
) -> Adoption:
    settings = trading.settings.model_copy(update={"stops": StopSettings(**stops)})
    trading.stops.use_settings(settings)
    components: Any = SimpleNamespace(settings=settings, followed_record=trading, stops=trading.stops)
    found = Unknown("no price") if last is None else Known(worlds.quote(A, last))
    return adoption_of(components, A, 100, Decimal(cost), owned, found)


def at_last(adoption: Adoption) -> AdoptionLevels:
    assert isinstance(adoption.at_last, Known)
    return adoption.at_last.value


def test_levels_are_shown_at_the_cost_and_at_today_s_price(world: TradingWorld) -> None:  # noqa: F811
    found = asked(world, "98")
    assert (found.at_cost.loss, found.at_cost.profit) == (Decimal("93.1"), Decimal("107.8"))
    assert (at_last(found).loss, at_last(found).profit) == (Decimal(95), Decimal(110))
    assert (found.at_cost.through, found.at_cost.note, at_last(found).through) == ("", "", "")


@pytest.mark.parametrize(("cost", "level"), [("150", "stop-loss 142.500"), ("80", "take-profit 88.000")])
def test_a_level_that_is_crossed_already_is_named(world: TradingWorld, cost: str, level: str) -> None:  # noqa: F811
    found = asked(world, cost)
    assert found.at_cost.through == f"today's price 100 is beyond the {level} already: it is sold at the next price"
    assert at_last(found).through == ""


@pytest.mark.parametrize("cost", ["0", "-12.5"])
def test_a_cost_at_or_below_zero_gives_no_level_and_says_so(world: TradingWorld, cost: str) -> None:  # noqa: F811
    found = asked(world, cost)
    assert (found.at_cost.loss, found.at_cost.profit, found.at_cost.through) == (None, None, "")
    assert f"its cost as {cost}: at or below zero there is no stop level" in found.at_cost.note
    assert at_last(found).loss == Decimal(95)


def test_without_a_price_nobody_knows_whether_it_is_sold_at_once(world: TradingWorld) -> None:  # noqa: F811
    found = asked(world, "100", last=None)
    assert "not known: no price" in found.at_cost.through
    assert isinstance(found.at_last, Unknown)


def test_the_levels_are_those_of_the_whole_holding(world: TradingWorld) -> None:  # noqa: F811
    found = asked(world, "140", owned=Owned(A, 100, Decimal(100)))
    assert found.at_cost.loss == Decimal(114)
    assert "stop-loss 114.000" in found.at_cost.through
    assert asked(world, "0", owned=Owned(A, 100, Decimal(100))).at_cost.loss is None


def test_a_basis_of_the_previous_close_is_looked_at_too(world: TradingWorld) -> None:  # noqa: F811
    assert asked(world, "150", basis="prev_close").at_cost.through == ""
    assert "stop-loss" in asked(world, "150", basis="both").at_cost.through


def test_stops_that_are_off_or_unknown_are_said(world: TradingWorld) -> None:  # noqa: F811
    assert "off" in asked(world, "150", enabled=False).at_cost.note
    world.ratios = Ratios(Unknown("not asked yet"), Unknown("not asked yet"))
    assert asked(world, "150").at_cost.note == "not asked yet"
