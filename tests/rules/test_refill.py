"""What stops have freed: slots and money, counted from the day's orders."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.model.account import Owned
from core.model.order import Order, OrderState, Origin, Side
from core.rules.refill import NOTHING, Freed, freed
from tests.trading.trading_world import TEN, A, B, C, D, intent, meant_for


def order(origin: Origin, code: str, volume: int, filled: int, state: OrderState = OrderState.FILLED) -> Order:
    """At 100 each, with a fee of 1 where something is filled."""
    side = Side.BUY if origin is Origin.REFILL else Side.SELL
    made = meant_for(origin, intent(f"{origin}-{code}-{state}-{filled}", A, side, volume))
    made = replace(made, code=type(A)(code))
    return Order(made, state, TEN, None, filled, Decimal(100) * filled, Decimal(1 if filled else 0))


def test_a_day_without_stops_frees_nothing() -> None:
    assert freed([], {}) == NOTHING
    assert freed([order(Origin.REBALANCE, A, 100, 100)], {}) == NOTHING
    assert freed([order(Origin.FLATTEN, A, 100, 100)], {}) == NOTHING


@pytest.mark.parametrize("origin", [Origin.STOP_LOSS, Origin.TAKE_PROFIT])
def test_a_bond_sold_by_its_stop_frees_its_slot_and_its_cash(origin: Origin) -> None:
    assert freed([order(origin, A, 100, 100)], {}) == Freed(1, Decimal(9_999))


def test_each_bond_frees_one_slot_however_many_orders_it_took() -> None:
    orders = [
        order(Origin.STOP_LOSS, A, 100, 40, OrderState.CANCELLED),
        order(Origin.STOP_LOSS, A, 60, 60),
        order(Origin.TAKE_PROFIT, B, 50, 50),
    ]
    assert freed(orders, {}) == Freed(2, Decimal(14_997))


def test_a_bond_sold_in_part_frees_nothing() -> None:
    orders = [order(Origin.STOP_LOSS, A, 100, 40, OrderState.CANCELLED)]
    assert freed(orders, {A: Owned(A, 60, Decimal(100))}) == NOTHING


def test_a_stop_that_sold_nothing_frees_nothing() -> None:
    """Somebody else sold what it was for."""
    assert freed([order(Origin.STOP_LOSS, A, 100, 0, OrderState.REJECTED)], {}) == NOTHING


def test_a_slot_that_was_filled_is_not_filled_twice() -> None:
    orders = [
        order(Origin.STOP_LOSS, A, 100, 100),
        order(Origin.STOP_LOSS, B, 100, 100),
        order(Origin.REFILL, C, 90, 90),
    ]
    assert freed(orders, {}) == Freed(1, Decimal(9_999 * 2 - 9_001))


@pytest.mark.parametrize("state", [OrderState.WORKING, OrderState.UNKNOWN, OrderState.INTENDED])
def test_an_open_refill_keeps_its_slot_and_its_cash(state: OrderState) -> None:
    orders = [order(Origin.STOP_LOSS, A, 100, 100), order(Origin.REFILL, C, 90, 0, state)]
    assert freed(orders, {}) == Freed(0, Decimal(999))


@pytest.mark.parametrize("state", [OrderState.REFUSED, OrderState.REJECTED, OrderState.CANCELLED])
def test_an_unfilled_refill_releases_its_slot(state: OrderState) -> None:
    orders = [order(Origin.STOP_LOSS, A, 100, 100), order(Origin.REFILL, C, 90, 0, state)]
    assert freed(orders, {}) == Freed(1, Decimal(9_999))


def test_more_refills_than_stops_free_no_negative_slots() -> None:
    orders = [
        order(Origin.STOP_LOSS, A, 10, 10),
        order(Origin.REFILL, C, 90, 90),
        order(Origin.REFILL, D, 90, 90),
    ]
    assert freed(orders, {}) == NOTHING
