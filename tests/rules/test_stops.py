"""Where a holding is sold: ratios, levels, and what a price sets off."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model.known import Known, Maybe, Unknown
from core.model.order import Origin
from core.model.settings import StopSettings
from core.rules.stops import Basis, Levels, Ratios, crossed, levels_of, ratios_of

COST, CLOSE = Decimal(100), Decimal(110)
STRATEGY = StopSettings()


def ratios(profit: str | None = "0.2", loss: str | None = "0.08") -> Ratios:
    return Ratios(Known(Decimal(profit) if profit else None), Known(Decimal(loss) if loss else None))


def levels(basis: Basis, *, cost: Decimal = COST, close: Decimal | None = CLOSE, terms: Ratios | None = None) -> Levels:
    found = levels_of(cost, Known(close) if close is not None else Unknown("away"), terms or ratios(), basis)
    assert isinstance(found, Known)
    return found.value


def told(**parameters: Any) -> Maybe[Mapping[str, Any]]:
    return Known(parameters)


def test_the_settings_own_ratios_need_no_strategy() -> None:
    own = StopSettings(take_profit=Decimal("0.2"), stop_loss=Decimal("0.08"))
    assert ratios_of(own, Unknown("away")) == ratios()


def test_ratios_of_the_settings_override_the_strategy_s() -> None:
    own = StopSettings(take_profit=Decimal("0.2"), stop_loss=Decimal("0.08"))
    assert ratios_of(own, told(profitTargetRatio=0.5, stopLossRatio=0.5)) == ratios()


@pytest.mark.parametrize("figure", [0.08, "0.08", "0.080", Decimal("0.08")])
def test_a_strategy_s_ratio_may_be_a_number_or_its_text(figure: object) -> None:
    assert ratios_of(STRATEGY, told(profitTargetRatio="0.2", stopLossRatio=figure)) == ratios()


def test_off_in_the_settings_is_no_such_stop_whatever_the_record_says() -> None:
    off = StopSettings(take_profit="off", stop_loss="off")
    for parameters in (told(profitTargetRatio=0.5, stopLossRatio=5), Unknown("away")):
        found = ratios_of(off, parameters)
        assert found == Ratios(Known(None), Known(None))
        assert found.not_set == (Origin.STOP_LOSS, Origin.TAKE_PROFIT)


def test_one_stop_off_leaves_the_other_to_the_record() -> None:
    found = ratios_of(StopSettings(take_profit="off"), told(profitTargetRatio=0.5, stopLossRatio=0.08))
    assert found == Ratios(Known(None), Known(Decimal("0.08")))


def test_without_stops_an_unknown_cost_is_no_trouble() -> None:
    none = ratios(profit=None, loss=None)
    assert levels_of(Decimal(0), Unknown("away"), none, "both") == Known(Levels(None, None, ""))


@pytest.mark.parametrize("zero", [0, 0.0, "0", "0.00", -0.0])
def test_a_ratio_of_zero_is_no_such_stop_and_no_trouble(zero: object) -> None:
    found = ratios_of(STRATEGY, told(profitTargetRatio=zero, stopLossRatio=zero))
    assert found == Ratios(Known(None), Known(None))
    assert found.troubles == ()


@pytest.mark.parametrize("parameters", [{}, {"stopLossRatio": None, "profitTargetRatio": None}])
def test_a_ratio_that_the_record_does_not_name_is_unknown(parameters: Mapping[str, Any]) -> None:
    found = ratios_of(STRATEGY, Known(parameters))
    assert isinstance(found.loss, Unknown)
    assert isinstance(found.profit, Unknown)
    assert [name in "".join(found.troubles) for name in ("stopLossRatio", "profitTargetRatio", "[stops]")] == [True] * 3


def test_a_strategy_not_requested_yet_is_not_one_without_stops() -> None:
    found = ratios_of(STRATEGY, Unknown("the platform is away"))
    assert isinstance(found.loss, Unknown)
    assert isinstance(found.profit, Unknown)
    assert [name in "".join(found.troubles) for name in ("stop loss ratio", "profit target ratio", "is away")] == [
        True
    ] * 3


@pytest.mark.parametrize(
    "figure",
    [-0.05, 1, 5, 8, "abc", "", True, False, float("nan"), float("inf"), "-inf", [0.05], {"a": 1}, "5%", "1e999"],
)
def test_a_stop_loss_outside_0_to_1_is_refused_with_its_figure(figure: object) -> None:
    found = ratios_of(STRATEGY, told(stopLossRatio=figure, profitTargetRatio=0.2))
    assert isinstance(found.loss, Unknown)
    assert f"stop loss ratio (stopLossRatio) is {figure!r}, which is no ratio between 0 and 1" in found.loss.reason
    assert "[stops]" in found.loss.reason
    assert found.profit == Known(Decimal("0.2"))


@pytest.mark.parametrize("figure", [-1, 1, 1.5, 2, 5, 20, "x", True, float("nan"), float("inf")])
def test_a_take_profit_that_is_no_ratio_is_refused_with_its_figure(figure: object) -> None:
    found = ratios_of(STRATEGY, told(profitTargetRatio=figure))
    assert isinstance(found.profit, Unknown)
    assert (
        f"profit target ratio (profitTargetRatio) is {figure!r}, which is no ratio between 0 and 1 (0.05 is 5 %)"
        in found.profit.reason
    )


def test_a_long_figure_is_cut_in_the_sentence() -> None:
    found = ratios_of(STRATEGY, told(stopLossRatio="9" * 5000)).loss
    assert isinstance(found, Unknown)
    assert len(found.reason) < 300


@pytest.mark.parametrize(
    ("basis", "loss", "profit"),
    [("cost", "92", "120"), ("prev_close", "101.2", "132"), ("both", "101.2", "120")],
)
def test_both_after_a_rise_uses_the_levels_reached_first(basis: Basis, loss: str, profit: str) -> None:
    found = levels(basis)
    assert (found.loss, found.profit) == (Decimal(loss), Decimal(profit))


def test_both_after_a_fall_uses_the_levels_reached_first() -> None:
    found = levels("both", close=Decimal(90))
    assert (found.loss, found.profit) == (Decimal(92), Decimal(108))


def test_trigger_prices_name_their_basis() -> None:
    assert levels("both").basis == "cost 100.000 / prev. close 110.000"


def test_an_unknown_previous_close_arms_no_stop() -> None:
    assert levels_of(COST, Unknown("two disagree"), ratios(), "prev_close") == Unknown("two disagree")


def test_without_a_previous_close_both_is_the_cost_alone() -> None:
    assert levels("both", close=None) == replace(levels("cost"), doubt="away")


def test_a_stop_switched_off_has_no_trigger_price() -> None:
    assert levels("cost", terms=ratios(profit=None)).profit is None
    assert levels("cost", terms=ratios(loss=None)).loss is None


def test_an_unknown_ratio_has_no_trigger_price_and_the_other_stays() -> None:
    found = levels("cost", terms=Ratios(Known(Decimal("0.2")), Unknown("away")))
    assert (found.loss, found.profit) == (None, Decimal(120))


@pytest.mark.parametrize("cost", ["0", "-3.5"])
def test_an_unknown_cost_is_not_zero(cost: str) -> None:
    """A holding that was adopted without its cost would else be through its take-profit at any price."""
    found = levels_of(Decimal(cost), Known(CLOSE), ratios(), "cost")
    assert isinstance(found, Unknown)
    assert "cost" in found.reason
    assert levels("both", cost=Decimal(cost)) == levels("prev_close")


def test_prices_between_the_triggers_fire_no_stop() -> None:
    found = levels("cost")
    assert [crossed(Decimal(last), found) for last in ("92.001", "100", "119.999")] == [None] * 3


def test_the_trigger_price_itself_fires_the_stop() -> None:
    found = levels("cost")
    assert crossed(Decimal(92), found) is Origin.STOP_LOSS
    assert crossed(Decimal(120), found) is Origin.TAKE_PROFIT


def test_a_stop_loss_goes_before_a_take_profit() -> None:
    """The previous close may put the loss above the profit."""
    assert crossed(Decimal(105), Levels(Decimal(110), Decimal(101), "")) is Origin.STOP_LOSS


def test_without_trigger_prices_no_stop_fires() -> None:
    assert crossed(Decimal("0.001"), Levels(None, None, "")) is None


thousandths = st.integers(1, 500_000).map(lambda n: Decimal(n) / 1000)
shares_of_one = st.integers(1, 9_999).map(lambda n: Decimal(n) / 10_000)


@settings(max_examples=100)
@given(cost=thousandths, loss=shares_of_one, profit=shares_of_one, off=st.integers(-3, 3))
def test_the_shown_trigger_price_is_the_one_that_fires(cost: Decimal, loss: Decimal, profit: Decimal, off: int) -> None:
    """For prices on the tick, the level on the tick parts them just as the exact one does."""
    exact_loss, exact_profit = cost * (1 - loss), cost * (1 + profit)
    found = levels("cost", cost=cost, terms=Ratios(Known(profit), Known(loss)))
    assert found.loss is not None
    assert found.profit is not None
    for level, exact in ((found.loss, exact_loss), (found.profit, exact_profit)):
        assert level == level.quantize(Decimal("0.001"))
        last = level + Decimal(off) / 1000
        assert (last <= exact) == (last <= level) or level == found.profit
        assert (last >= exact) == (last >= level) or level == found.loss


@settings(max_examples=100)
@given(cost=thousandths, close=thousandths, loss=shares_of_one, profit=shares_of_one)
def test_both_fires_whenever_either_basis_does(cost: Decimal, close: Decimal, loss: Decimal, profit: Decimal) -> None:
    terms = Ratios(Known(profit), Known(loss))
    one, other = (levels(b, cost=cost, close=close, terms=terms) for b in ("cost", "prev_close"))
    both = levels("both", cost=cost, close=close, terms=terms)
    for last in (level for row in (one, other, both) for level in (row.loss, row.profit) if level is not None):
        fires = crossed(last, one) is not None or crossed(last, other) is not None
        assert (crossed(last, both) is not None) == fires
