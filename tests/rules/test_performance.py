"""The report's figures against sums done by hand."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from core.model.bond import BondCode
from core.model.order import Intent, Origin, Side
from core.model.report import CashFlow, Report
from core.model.time import SHANGHAI
from core.rules.performance import EntryKind, LedgerEntry, SentOrder, TradeHistory, make_report, slippage, together

A, B = BondCode("113050"), BondCode("127045")
MONDAY, TUESDAY = date(2026, 5, 11), date(2026, 5, 12)
NOON = datetime(2026, 5, 12, 12, tzinfo=SHANGHAI)


def entry(
    day: date,
    key: str,
    code: BondCode,
    side: Side,
    volume: int,
    price: str,
    fee: str = "1",
    kind: EntryKind = EntryKind.FILL,
) -> LedgerEntry:
    return LedgerEntry(kind, day, key, code, side, volume, Decimal(price), Decimal(fee))


def sent(day: date, key: str, code: BondCode, side: Side, volume: int, **prices: str) -> SentOrder:
    intent = Intent(key, "p", day, code, "name", side, volume, Decimal(100), "why")
    intent = replace(
        intent,
        origin=Origin(prices.get("origin", "rebalance")),
        **{name: Decimal(text) for name, text in prices.items() if name != "origin"},
    )
    return SentOrder(intent, "filled", datetime(day.year, day.month, day.day, 10, tzinfo=SHANGHAI))


ENTRIES = (
    entry(MONDAY, "b1", A, Side.BUY, 60, "100", "6"),
    entry(MONDAY, "b1", A, Side.BUY, 40, "101", "4"),
    entry(TUESDAY, "s1", A, Side.SELL, 50, "110", "5"),
    entry(TUESDAY, "b2", B, Side.BUY, 10, "120"),
)
ORDERS = (
    sent(MONDAY, "b1", A, Side.BUY, 100, list_price="99", arrival="100"),
    sent(TUESDAY, "s1", A, Side.SELL, 50, arrival="111", level="111.5", origin="take-profit"),
    sent(TUESDAY, "b2", B, Side.BUY, 10, list_price="121", arrival="119.5"),
)
EQUITY = (
    (NOON - timedelta(days=1), Decimal(100_000)),
    (NOON - timedelta(minutes=1), Decimal(99_000)),
    (NOON, Decimal(102_000)),
)
BOOKS = TradeHistory("paper", "paper-1", ENTRIES, ORDERS, EQUITY, {A: Decimal(108)})


def report(first: date | None = None, books: TradeHistory = BOOKS) -> Report:
    return make_report(books, first, TUESDAY, NOON)


def test_realised_profit_uses_average_cost_and_the_fees_of_both_sides() -> None:
    bond = report().bonds[0]
    # 100 张 cost 60*100 + 40*101 + 10 = 10,050, so 100.5 each; 50 sold at 110 less 5.
    assert bond.realised == Decimal(50) * Decimal(110) - 5 - Decimal(50) * Decimal("100.5")
    assert (bond.bought, bond.sold, bond.held, bond.cost) == (100, 50, 50, Decimal("100.5"))
    assert bond.open == Decimal(50) * (Decimal(108) - Decimal("100.5"))
    assert bond.fees == 15
    assert bond.turnover == 6000 + 4040 + 5500


def test_only_the_period_counts_and_the_cost_is_of_all_time() -> None:
    bond = report(TUESDAY).bonds[0]
    assert (bond.bought, bond.sold, bond.fees, bond.turnover) == (0, 50, 5, 5500)
    assert bond.realised == report().bonds[0].realised


def test_an_unknown_price_gives_no_unrealised_profit() -> None:
    found = report()
    assert found.bonds[1].open is None
    assert (found.totals.open, found.totals.unpriced) == (found.bonds[0].open, 1)


def test_positive_slippage_is_a_loss_on_both_sides() -> None:
    buy, sell, other = report().orders
    # Filled at 100.4 on average.
    assert buy.average == Decimal("100.4")
    assert buy.by_list.cost == Decimal("1.4") * 100
    assert buy.by_arrival.cost == Decimal("0.4") * 100
    assert sell.by_arrival.cost == Decimal(1) * 50
    assert sell.by_list.cost is None
    assert other.by_list.cost == Decimal(-1) * 10
    total = report().totals.by_list
    assert (total.cost, total.measured, total.orders) == (Decimal(130), 2, 3)
    assert total.ratio == Decimal(130) / (9900 + 1210)


def test_without_fills_there_is_no_slippage() -> None:
    assert slippage(Side.BUY, 0, None, Decimal(1)).orders == 0
    assert together([]).cost is None


def test_a_stop_row_has_trigger_price_price_and_result() -> None:
    (stop,) = report().stops
    assert (stop.origin, stop.level, stop.price, stop.average) == (
        Origin.TAKE_PROFIT,
        Decimal("111.5"),
        Decimal(111),
        Decimal(110),
    )
    assert stop.realised == report().bonds[0].realised


def test_a_bond_that_left_otherwise_is_not_a_sale() -> None:
    released = (*ENTRIES, entry(TUESDAY, "", A, Side.SELL, 50, "0", "0", kind=EntryKind.RELEASED))
    bond = report(books=replace(BOOKS, entries=released)).bonds[0]
    assert (bond.held, bond.realised) == (0, report().bonds[0].realised)


def test_the_equity_curve_has_one_point_a_day_and_its_max_drawdown() -> None:
    found = report()
    assert [point.value for point in found.equity] == [100_000, 102_000]
    assert [point.growth for point in found.equity] == pytest.approx([1.0, 1.02])
    assert found.totals.change == 2000
    assert found.totals.change_ratio == pytest.approx(0.02)
    today = report(TUESDAY).equity
    assert [point.value for point in today] == [100_000, 99_000, 102_000]
    assert today[1].drawdown == pytest.approx(0.01)
    assert report(TUESDAY).totals.max_drawdown == pytest.approx(0.01)


def test_without_trades_the_report_is_empty() -> None:
    assert report(books=TradeHistory("paper", "x", (), (), (), {})).empty


def test_return_and_drawdown_count_from_the_capital_before_the_first_trade() -> None:
    first = NOON - timedelta(days=1)
    line = ((first, Decimal(100_000)), (first + timedelta(hours=3), Decimal(92_000)), (NOON, Decimal(90_000)))
    found = report(books=replace(BOOKS, equity=line))
    assert [point.value for point in found.equity] == [100_000, 92_000, 90_000]
    assert (found.totals.change, found.totals.change_ratio) == (-10_000, pytest.approx(-0.1))
    assert found.totals.max_drawdown == pytest.approx(0.1)
    assert report(TUESDAY, replace(BOOKS, equity=line)).totals.change_ratio == pytest.approx(90 / 92 - 1)


def test_payments_of_the_span_are_told_and_not_counted() -> None:
    first, paid = NOON - timedelta(days=1), NOON - timedelta(hours=1)
    line = (
        *((first, Decimal(100_000)), (first + timedelta(hours=3), Decimal(99_000))),
        *((paid - timedelta(minutes=1), Decimal(108_900)), (paid, Decimal(158_900)), (NOON, Decimal(143_010))),
    )
    flows = (CashFlow(1, paid, Decimal(50_000), entered=False), CashFlow(2, first, Decimal(70_000), entered=True))
    found = report(books=replace(BOOKS, equity=line, flows=flows))
    assert [point.value for point in found.equity] == [100_000, 99_000, 143_010], "one a day"
    assert [point.paid for point in found.equity] == [0, 0, 50_000]
    assert found.totals.change == -6_990
    assert found.totals.change_ratio == pytest.approx(0.99 * 1.1 * 0.9 - 1)
    assert [flow.number for flow in found.flows] == [1], "what was there at the start is the opening capital"
    assert report(TUESDAY, replace(BOOKS, equity=line, flows=flows)).flows == found.flows
    assert report(books=replace(BOOKS, equity=line)).totals.change_ratio == pytest.approx(0.4301), "the control"
