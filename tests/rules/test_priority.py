"""One decision per bond: who stands back for whom."""

from itertools import combinations

import pytest

from core.model.order import Origin, Side
from core.rules.priority import COOLING, beats, why_behind
from tests.trading.trading_world import A, B, intent, meant_for

ORDER = (Origin.FLATTEN, Origin.STOP_LOSS, Origin.TAKE_PROFIT, Origin.REBALANCE, Origin.REFILL)
STOPS = (Origin.STOP_LOSS, Origin.TAKE_PROFIT)


@pytest.mark.parametrize(("first", "second"), list(combinations(ORDER, 2)))
def test_priority_is_stop_loss_take_profit_rebalance_refill(first: Origin, second: Origin) -> None:
    assert beats(first, second)
    assert not beats(second, first)


@pytest.mark.parametrize("origin", Origin)
def test_no_order_has_priority_over_its_own_kind(origin: Origin) -> None:
    assert not beats(origin, origin)


@pytest.mark.parametrize("claim", STOPS)
@pytest.mark.parametrize("side", Side)
def test_a_bond_whose_stop_is_being_executed_takes_no_rebalance_order(claim: Origin, side: Side) -> None:
    order = meant_for(Origin.REBALANCE, intent("k", A, side, 10))
    assert why_behind(order, {A: claim}, frozenset()) == f"its {claim} is running"
    assert why_behind(order, {B: claim}, frozenset()) is None


def test_a_flatten_has_the_highest_priority() -> None:
    order = meant_for(Origin.FLATTEN, intent("k", A, Side.SELL, 10))
    assert [why_behind(order, {A: claim}, {A}) for claim in Origin] == [None] * len(Origin)


def test_the_stop_that_claims_a_bond_may_trade_it() -> None:
    order = meant_for(Origin.STOP_LOSS, intent("k", A, Side.SELL, 10))
    assert why_behind(order, {A: Origin.STOP_LOSS}, {A}) is None


@pytest.mark.parametrize("origin", [Origin.REBALANCE, Origin.REFILL, Origin.SELF_TEST])
def test_a_bond_whose_stop_fired_today_is_not_bought(origin: Origin) -> None:
    assert why_behind(meant_for(origin, intent("k", A, Side.BUY, 10)), {}, {A}) == COOLING
    assert why_behind(meant_for(origin, intent("k", B, Side.BUY, 10)), {}, {A}) is None


def test_a_bond_whose_stop_fired_today_may_still_be_sold() -> None:
    assert why_behind(intent("k", A, Side.SELL, 10), {}, {A}) is None
