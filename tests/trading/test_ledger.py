"""Only fills change the ledger, each once."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from core.model.account import Owned
from core.model.order import Fill, Side
from core.rules.performance import EntryKind
from tests.trading.trading_world import BUY, SELL, TEN, TODAY, A, B, TradingWorld


def fill(trade: str, side: Side, volume: int, price: str = "100", fee: str = "1", order: str = "1") -> Fill:
    return Fill(TODAY, order, trade, "key", A, side, volume, Decimal(price), Decimal(fee), TEN)


def test_a_repeated_fill_is_booked_once(world: TradingWorld) -> None:
    assert world.ledger.book(fill("T1", BUY, 10), "key")
    assert not world.ledger.book(fill("T1", BUY, 10), "key")
    again = world.again().ledger
    assert again.has(fill("T1", BUY, 10))
    assert not again.book(fill("T1", BUY, 10), "key")
    assert again.holdings() == {A: Owned(A, 10, Decimal("100.1"))}


def test_a_fill_is_identified_by_day_order_and_number(world: TradingWorld) -> None:
    """Order numbers restart each day."""
    first = fill("T1", BUY, 10)
    for other in (replace(first, trading_day=date(2026, 5, 18)), replace(first, order_id="2"), first):
        assert world.ledger.book(other, "key")
    assert world.owned == {A: 30}


def test_cost_is_the_average_buy_price_and_a_sale_leaves_it(world: TradingWorld) -> None:
    world.ledger.book(fill("T1", BUY, 10, "100", "1"), "key")
    world.ledger.book(fill("T2", BUY, 30, "102", "1"), "key")
    paid = (Decimal(1001) + Decimal(3061)) / 40
    assert world.ledger.holdings()[A] == Owned(A, 40, paid)
    world.ledger.book(fill("T3", SELL, 15), "key")
    assert world.ledger.holdings()[A] == Owned(A, 25, paid)
    assert world.again().ledger.holdings()[A] == Owned(A, 25, paid)


def test_a_sold_out_bond_leaves_the_ledger(world: TradingWorld) -> None:
    world.ledger.book(fill("T1", BUY, 10), "key")
    world.ledger.book(fill("T2", SELL, 10), "key")
    assert world.ledger.holdings() == {}
    assert world.again().ledger.holdings() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        *(fill("T2", SELL, 11), replace(fill("T2", SELL, 1), code=B), fill("T2", BUY, 0), fill("T2", BUY, -10)),
        *(fill("T2", BUY, 10, fee=fee) for fee in ("20.01", "-1", "NaN")),
        *(fill("T2", BUY, 10, price) for price in ("0", "0.0001", "100001", "NaN")),
    ],
)
def test_an_impossible_fill_is_not_booked(world: TradingWorld, wrong: Fill) -> None:
    world.ledger.book(fill("T1", BUY, 10), "key")
    with pytest.raises(ValueError, match=r"张|cannot be true"):
        world.ledger.book(wrong, "key")
    assert world.owned == world.again().owned == {A: 10}


def test_daily_buys_include_fees(world: TradingWorld) -> None:
    world.ledger.book(fill("T1", BUY, 10, "100", "1.5"), "key")
    world.ledger.book(fill("T2", SELL, 10, "200", "1"), "key")
    assert world.ledger.bought_on(TODAY) == Decimal("1001.5")
    assert world.ledger.bought_on(date(2026, 5, 18)) == 0


def test_a_delisted_bond_is_removed_once(world: TradingWorld) -> None:
    world.ledger.book(fill("T1", BUY, 10), "key")
    world.ledger.leave(A, Decimal(90), TODAY, TEN)
    world.ledger.leave(A, Decimal(90), TODAY, TEN)
    assert world.again().ledger.holdings() == {}


@pytest.mark.parametrize("cost", ["0", "0.0001", "0.5", "100000"])
def test_what_is_adopted_at_an_odd_cost_is_read_again(world: TradingWorld, cost: str) -> None:
    world.ledger.move_by_hand(EntryKind.ADOPTED, A, BUY, 10, Decimal(cost), TEN)
    assert world.again().ledger.holdings() == {A: Owned(A, 10, Decimal(cost))}
