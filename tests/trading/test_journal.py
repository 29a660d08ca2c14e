"""The journal is written before sending, is the same after a restart, and holds no order twice."""

import sqlite3
from datetime import timedelta

import pytest

from core.model.order import Intent, OrderState, Transition
from core.trading.journal import MAX_REMARK
from tests.trading.trading_world import BUY, SELL, TEN, TODAY, A, B, C, TradingWorld, intent


def test_an_intended_order_is_on_disk_at_once(world: TradingWorld) -> None:
    world.journal.intend([intent("p-B01-1", A, BUY, 10)], TEN)
    with sqlite3.connect(world.path) as other:
        assert other.execute("select client_order_id, state from orders").fetchall() == [("p-B01-1", "intended")]
        assert other.execute("select state from transitions").fetchall() == [("intended",)]
    other.close()


@pytest.mark.parametrize("key", ["x" * (MAX_REMARK + 1), "单-1"])
def test_an_id_that_an_order_remark_cannot_carry_is_refused(world: TradingWorld, key: str) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        world.journal.intend([intent("p-B01-1", A, BUY, 10), intent(key, B, BUY, 10)], TEN)
    assert world.again().journal.open() == ()


def test_an_order_id_is_unique_across_restarts(world: TradingWorld) -> None:
    world.journal.intend([intent("p-B01-1", A, BUY, 10)], TEN)
    world.journal.record("p-B01-1", OrderState.CANCELLED, "", TEN)
    with pytest.raises(ValueError, match="in the journal already"):
        world.again().journal.intend([intent("p-B01-1", B, BUY, 10)], TEN)


def test_intended_orders_are_written_all_or_none(world: TradingWorld) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        world.journal.intend([intent("p-B01-1", A, BUY, 10), intent("p-B01-1", B, BUY, 10)], TEN)
    assert world.journal.open() == ()
    assert world.again().journal.open() == ()


def test_an_order_is_read_back_unchanged(world: TradingWorld) -> None:
    order = intent("p-B01-1", A, BUY, 10, "100.125")
    world.journal.intend([order], TEN)
    world.journal.record("p-B01-1", OrderState.WORKING, "taken", TEN + timedelta(seconds=1), "77")
    before = world.journal["p-B01-1"]
    again = world.again().journal
    assert again["p-B01-1"] == before
    assert again["p-B01-1"].log == (
        Transition(TEN, OrderState.INTENDED, "test"),
        Transition(TEN + timedelta(seconds=1), OrderState.WORKING, "taken"),
    )
    assert again["p-B01-1"].intent == order


def test_open_orders_survive_a_restart_and_block_their_bond(world: TradingWorld) -> None:
    states = {"p-1": OrderState.INTENDED, "p-2": OrderState.UNKNOWN, "p-3": OrderState.CANCELLING}
    for (key, state), code in zip(states.items(), (A, B, C), strict=True):
        world.journal.intend([intent(key, code, BUY, 10)], TEN)
        world.journal.record(key, state, "", TEN)
    assert set(world.again().journal.busy()) == {A, B, C}


def test_orders_are_listed_oldest_first_also_after_a_restart(world: TradingWorld) -> None:
    """Open orders are read first; a later attempt must not look like an earlier one."""
    for attempt in (1, 2, 3):
        order = Intent(f"p-B01-{attempt}", "p", TODAY, A, "", SELL, 10, intent("x", A, SELL, 1).price, "", attempt)
        world.journal.intend([order], TEN)
    for attempt in (1, 3):
        world.journal.record(f"p-B01-{attempt}", OrderState.CANCELLED, "", TEN)
    again = world.again().journal
    assert [order.intent.attempt for order in again.of_plan("p")] == [1, 2, 3]
    assert [order.intent.attempt for order in again.of_day(TODAY)] == [1, 2, 3]


def test_an_order_s_fills_are_the_ledger_s(world: TradingWorld) -> None:
    world.journal.intend([intent("p-B01-1", A, BUY, 30)], TEN)
    number = world.broker.take(intent("p-B01-1", A, BUY, 30))
    world.broker.trade(number, 10, price="99.9")
    before = world.journal["p-B01-1"]
    assert (before.filled_volume, before.filled_amount, before.fee) == (10, 999, 1)
    assert world.again().journal["p-B01-1"] == before
