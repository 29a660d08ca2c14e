"""The rows of the report: of its bonds, orders, stops and days, and how each is sorted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from core.i18n import mark, say
from core.model.report import BondResult, EquityPoint, OrderResult, Report, Slippage, SlippageDay, StopResult
from tui import format as fmt
from tui.widgets.bar_chart import signed_bars
from tui.widgets.columns import Cell, Column, TableRow, cell, sorted_known_first
from tui.widgets.theme import SIDE_TONES, Tone, change_tone

PERIODS = (mark("day"), mark("week"), mark("month"), mark("year"), mark("all"))
VIEWS = (mark("bonds"), mark("orders"), mark("stops"), mark("equity"), mark("slippage"))


def first_day(period: str, today: date) -> date | None:
    """The first day of the span that ends today, None for everything."""
    if period == "week":
        return today - timedelta(days=today.weekday())
    if period == "month":
        return today.replace(day=1)
    if period == "year":
        return today.replace(month=1, day=1)
    return today if period == "day" else None


@dataclass(frozen=True, slots=True)
class ReportSorting:
    """By which column rows are sorted; `value` None goes last either way. `falling` is how it begins."""

    label: str
    value: Callable[[Any], Any]
    descending: bool = True


SORTINGS: dict[str, tuple[ReportSorting, ...]] = {
    "bonds": (
        ReportSorting(mark("realised"), lambda row: row.realised),
        ReportSorting(mark("open P/L"), lambda row: row.open),
        ReportSorting(mark("fees"), lambda row: row.fees),
        ReportSorting(mark("turnover"), lambda row: row.turnover),
        ReportSorting(mark("slippage against the list"), lambda row: row.by_list.cost),
        ReportSorting(mark("slippage against the arrival"), lambda row: row.by_arrival.cost),
        ReportSorting(mark("code"), lambda row: row.code, descending=False),
    ),
    "orders": (
        ReportSorting(mark("time"), lambda row: row.at),
        ReportSorting(mark("slippage against the list"), lambda row: row.by_list.cost),
        ReportSorting(mark("slippage against the arrival"), lambda row: row.by_arrival.cost),
        ReportSorting(mark("amount"), lambda row: row.amount),
        ReportSorting(mark("code"), lambda row: row.code, descending=False),
    ),
    "stops": (
        ReportSorting(mark("time"), lambda row: row.at),
        ReportSorting(mark("result"), lambda row: row.realised),
        ReportSorting(mark("code"), lambda row: row.code, descending=False),
    ),
    "equity": (
        ReportSorting(mark("time"), lambda row: row.at),
        ReportSorting(mark("equity"), lambda row: row.value),
        ReportSorting(mark("drawdown"), lambda row: row.drawdown),
    ),
    "slippage": (
        ReportSorting(mark("time"), lambda row: row.day),
        ReportSorting(mark("slippage against the list"), lambda row: row.by_list.cost),
        ReportSorting(mark("slippage against the arrival"), lambda row: row.by_arrival.cost),
    ),
}


_BAR = 40
"""Cells of the bars of slippage."""

COLUMNS: dict[str, tuple[Column, ...]] = {
    "bonds": (
        Column(mark("Code"), 9),
        Column(mark("Name"), 8, most=12, rank=6),
        Column(mark("Realised"), 8, right=True),
        Column(mark("Open P/L"), 8, right=True),
        Column(mark("Fees"), 5, right=True, rank=1),
        Column(mark("vs list"), 7, right=True),
        Column("%", 6, right=True, rank=8),
        Column(mark("vs arrival"), 7, right=True),
        Column("%", 6, right=True, rank=7),
        Column(mark("Turnover"), 8, right=True, rank=2),
        Column(mark("Bought"), 5, right=True, rank=12),
        Column(mark("Sold"), 5, right=True, rank=11),
        Column(mark("Held"), 5, right=True, rank=9),
        Column(mark("Cost"), 7, right=True, rank=13),
        Column(mark("Last"), 7, right=True, rank=10),
    ),
    "orders": (
        Column(mark("Time"), 8, most=15),
        Column(mark("Side"), 4),
        Column(mark("Code"), 9),
        Column(mark("Name"), 8, most=12, rank=7),
        Column(mark("Filled"), 5, right=True),
        Column(mark("Average"), 7, right=True),
        Column(mark("List"), 7, right=True, rank=6),
        Column(mark("vs list"), 7, right=True),
        Column("%", 6, right=True, rank=9),
        Column(mark("Arrival"), 7, right=True, rank=5),
        Column(mark("vs arrival"), 7, right=True),
        Column("%", 6, right=True, rank=8),
        Column(mark("Fee"), 5, right=True, rank=4),
        Column(mark("State"), 6, most=11, rank=2),
        Column(mark("For"), 6, most=11, rank=10),
    ),
    "stops": (
        Column(mark("Time"), 8, most=15),
        Column(mark("Stop"), 9, most=11),
        Column(mark("Code"), 9),
        Column(mark("Name"), 8, most=12, rank=2),
        Column(mark("Trigger"), 7, right=True),
        Column(mark("Price"), 7, right=True),
        Column(mark("Sold at"), 7, right=True),
        Column(mark("Sold"), 5, right=True),
        Column(mark("Result"), 9, right=True),
        Column(mark("State"), 6, most=11, rank=1),
    ),
    "equity": (
        Column(mark("Date"), 10),
        Column(mark("Equity"), 12, right=True),
        Column(mark("Day +/-"), 10, right=True),
        Column("%", 7, right=True),
        Column(mark("Drawdown"), 8, right=True),
        Column(mark("Paid in"), 11, right=True, rank=1),
    ),
    "slippage": (
        Column(mark("Date"), 10),
        Column(mark("Orders"), 6, right=True),
        Column(mark("vs list"), 9, right=True),
        Column("bp", 7, right=True),
        Column(mark("vs arrival"), 9, right=True),
        Column("bp", 7, right=True),
        Column(mark("Won | lost, bp"), _BAR, rank=1),
    ),
}


def key_of(item: object) -> str:
    """The row's key."""
    if isinstance(item, BondResult):
        return str(item.code)
    if isinstance(item, SlippageDay):
        return str(item.day)
    return item.client_order_id if isinstance(item, OrderResult | StopResult) else str(getattr(item, "at", ""))


def sorted_items(report: Report, view: str, sorting: ReportSorting, *, descending: bool) -> list[Any]:
    items = {
        "bonds": report.bonds,
        "orders": report.orders,
        "stops": report.stops,
        "equity": report.equity,
        "slippage": report.slippage,
    }[view]
    return sorted_known_first(items, sorting.value, descending=descending)


def rows_of(report: Report, view: str, found: Sequence[Any]) -> list[TableRow]:
    if view == "bonds":
        return [_bond(item) for item in found]
    if view == "orders":
        return [_order(item, report.made_at) for item in found]
    if view == "stops":
        return [_stop(item, report.made_at) for item in found]
    if view == "slippage":
        return _slippage_days(found)
    before = {after.at: earlier for earlier, after in pairwise(report.equity)}
    by_minute = report.first == report.last
    return [_point(item, before.get(item.at), by_minute=by_minute) for item in found]


def rounded_money(amount: Decimal | None) -> str:
    """CNY without its fen, where a column is narrow."""
    return fmt.NOT_KNOWN if amount is None else f"{amount:,.0f}"


def slippage_text(part: Slippage) -> str:
    """What it cost; nothing where nothing was filled, `--` where no price to measure by was recorded."""
    return "" if not part.orders else fmt.signed_money(part.cost)


def slippage_sentence(part: Slippage) -> str:
    """The slippage as a sentence, with how much of it is known."""
    if not part.orders:
        return say("nothing was filled")
    if part.cost is None:
        return say("not recorded")
    if part.measured < part.orders:
        return say(
            "{cost} CNY ({ratio}), {measured} of {orders} orders; the others not recorded",
            cost=fmt.signed_money(part.cost),
            ratio=fmt.ratio(part.ratio),
            measured=part.measured,
            orders=part.orders,
        )
    return say("{cost} CNY ({ratio})", cost=fmt.signed_money(part.cost), ratio=fmt.ratio(part.ratio))


def _bond(row: BondResult) -> TableRow:
    return TableRow(
        str(row.code),
        (
            cell(row.code, Tone.STRONG),
            cell(row.name),
            cell(fmt.signed_money(row.realised), change_tone(row.realised)),
            cell(fmt.signed_money(row.open) if row.held else "", change_tone(row.open)),
            cell(fmt.money(row.fees)),
            _slippage_cell(row.by_list),
            cell(fmt.ratio(row.by_list.ratio) if row.by_list.orders else "", Tone.DIM),
            _slippage_cell(row.by_arrival),
            cell(fmt.ratio(row.by_arrival.ratio) if row.by_arrival.orders else "", Tone.DIM),
            cell(rounded_money(row.turnover)),
            cell(fmt.volume(row.bought)),
            cell(fmt.volume(row.sold)),
            cell(fmt.volume(row.held)),
            cell(fmt.price(row.cost) if row.held else "", Tone.DIM),
            cell(fmt.price(row.last) if row.held else ""),
        ),
    )


def _order(row: OrderResult, now: datetime) -> TableRow:
    return TableRow(
        key_of(row),
        (
            cell(fmt.moment(row.at, now), Tone.DIM),
            cell(say(str(row.side)), SIDE_TONES[row.side]),
            cell(row.code, Tone.STRONG),
            cell(row.name),
            cell(fmt.volume(row.filled), Tone.TEXT if row.filled == row.ordered else Tone.WARN),
            cell(fmt.price(row.average) if row.filled else ""),
            cell(fmt.price(row.list_price), Tone.DIM),
            _slippage_cell(row.by_list),
            cell(fmt.ratio(row.by_list.ratio) if row.filled else "", Tone.DIM),
            cell(fmt.price(row.arrival), Tone.DIM),
            _slippage_cell(row.by_arrival),
            cell(fmt.ratio(row.by_arrival.ratio) if row.filled else "", Tone.DIM),
            cell(fmt.money(row.fee)),
            cell(say(row.state)),
            cell(say(str(row.origin)), Tone.DIM),
        ),
    )


def _stop(row: StopResult, now: datetime) -> TableRow:
    return TableRow(
        key_of(row),
        (
            cell(fmt.moment(row.at, now), Tone.DIM),
            cell(say(str(row.origin))),
            cell(row.code, Tone.STRONG),
            cell(row.name),
            cell(fmt.price(row.level), Tone.DIM),
            cell(fmt.price(row.price)),
            cell(fmt.price(row.average) if row.filled else ""),
            cell(fmt.volume(row.filled), Tone.TEXT if row.filled == row.ordered else Tone.WARN),
            cell(fmt.signed_money(row.realised), change_tone(row.realised)),
            cell(say(row.state)),
        ),
    )


def _point(row: EquityPoint, before: EquityPoint | None, *, by_minute: bool) -> TableRow:
    change = None if before is None else row.value - before.value - row.paid
    ratio = None if before is None or not before.growth else row.growth / before.growth - 1
    opening = before is None or by_minute
    return TableRow(
        key_of(row),
        (
            cell(f"{fmt.in_shanghai(row.at):%m-%d %H:%M}" if opening else f"{fmt.in_shanghai(row.at):%Y-%m-%d}"),
            cell(fmt.money(row.value), Tone.STRONG),
            cell(fmt.signed_money(change), change_tone(change)),
            cell(fmt.ratio(ratio), change_tone(ratio)),
            cell(drawdown_text(row.drawdown), Tone.DIM if not row.drawdown else Tone.DOWN),
            cell(fmt.signed_money(row.paid) if row.paid else "", Tone.DIM),
        ),
    )


def _slippage_days(found: Sequence[SlippageDay]) -> list[TableRow]:
    """A line a day; the bar is of the slippage against the arrival: what was lost lies to the right."""
    points = [float(row.by_arrival.basis_points or 0) for row in found]
    bars = signed_bars(points, _BAR)
    rows: list[TableRow] = []
    for row, point, (won, lost) in zip(found, points, bars, strict=True):
        measured = f"{row.by_arrival.measured}/{row.by_arrival.orders}"
        bar = f"{won}│{lost}" if won or lost else ""
        cells = (
            cell(f"{row.day}"),
            cell(measured, Tone.TEXT if row.by_arrival.measured == row.by_arrival.orders else Tone.WARN),
            _slippage_cell(row.by_list),
            cell(_basis_points(row.by_list), Tone.DIM),
            _slippage_cell(row.by_arrival),
            cell(_basis_points(row.by_arrival), Tone.DIM),
            cell(bar, change_tone(-point)),
        )
        rows.append(TableRow(key_of(row), cells))
    return rows


def _basis_points(part: Slippage) -> str:
    return fmt.NOT_KNOWN if part.basis_points is None else f"{part.basis_points:+.1f}"


def drawdown_text(drawdown: float | None) -> str:
    """A drawdown as it is read: below the high, with a minus."""
    return fmt.NOT_KNOWN if drawdown is None else f"{-drawdown * 100:.2f}%" if drawdown else "0.00%"


def _slippage_cell(part: Slippage) -> Cell:
    return cell(slippage_text(part), Tone.DIM if part.cost is None else Tone.TEXT)
