"""The ledger: fills move it, each once; nothing else does."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from core.model.account import Owned
from core.model.order import Fill, Side
from tests.trading.trading_world import BUY, SELL, TEN, TODAY, A, B, Room


def fill(trade: str, side: Side, volume: int, price: str = "100", fee: str = "1", order: str = "1") -> Fill:
    return Fill(TODAY, order, trade, "key", A, side, volume, Decimal(price), Decimal(fee), TEN)


def test_a_fill_is_booked_once_however_often_it_comes(room: Room) -> None:
    assert room.ledger.book(fill("T1", BUY, 10), "key")
    assert not room.ledger.book(fill("T1", BUY, 10), "key")
    again = room.again().ledger
    assert again.has(fill("T1", BUY, 10))
    assert not again.book(fill("T1", BUY, 10), "key")
    assert again.holdings() == {A: Owned(A, 10, Decimal("100.1"))}


def test_the_day_and_the_order_are_part_of_a_fill_s_name(room: Room) -> None:
    """Order numbers are given out anew each day."""
    first = fill("T1", BUY, 10)
    for other in (replace(first, trading_day=date(2026, 5, 18)), replace(first, order_id="2"), first):
        assert room.ledger.book(other, "key")
    assert room.owned == {A: 30}


def test_cost_is_the_average_of_what_was_paid_and_a_sale_leaves_it(room: Room) -> None:
    room.ledger.book(fill("T1", BUY, 10, "100", "1"), "key")
    room.ledger.book(fill("T2", BUY, 30, "102", "1"), "key")
    paid = (Decimal(1001) + Decimal(3061)) / 40
    assert room.ledger.holdings()[A] == Owned(A, 40, paid)
    room.ledger.book(fill("T3", SELL, 15), "key")
    assert room.ledger.holdings()[A] == Owned(A, 25, paid)
    assert room.again().ledger.holdings()[A] == Owned(A, 25, paid)


def test_what_is_sold_out_is_gone(room: Room) -> None:
    room.ledger.book(fill("T1", BUY, 10), "key")
    room.ledger.book(fill("T2", SELL, 10), "key")
    assert room.ledger.holdings() == {}
    assert room.again().ledger.holdings() == {}


@pytest.mark.parametrize(
    "wrong", [fill("T2", SELL, 11), replace(fill("T2", SELL, 1), code=B), fill("T2", BUY, 0), fill("T2", BUY, -10)]
)
def test_what_cannot_be_is_not_booked_and_leaves_no_trace(room: Room, wrong: Fill) -> None:
    room.ledger.book(fill("T1", BUY, 10), "key")
    with pytest.raises(ValueError, match="张"):
        room.ledger.book(wrong, "key")
    assert room.owned == room.again().owned == {A: 10}


def test_the_day_s_buys_count_with_their_fees(room: Room) -> None:
    room.ledger.book(fill("T1", BUY, 10, "100", "1.5"), "key")
    room.ledger.book(fill("T2", SELL, 10, "200", "1"), "key")
    assert room.ledger.bought_on(TODAY) == Decimal("1001.5")
    assert room.ledger.bought_on(date(2026, 5, 18)) == 0


def test_a_bond_that_left_the_market_leaves_once(room: Room) -> None:
    room.ledger.book(fill("T1", BUY, 10), "key")
    room.ledger.leave(A, Decimal(90), TODAY, TEN)
    room.ledger.leave(A, Decimal(90), TODAY, TEN)
    assert room.again().ledger.holdings() == {}
