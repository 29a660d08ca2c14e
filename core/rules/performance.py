"""The report: what the fills earned, and how they compare with the prices that they were meant to have.

A sell is paired with the average cost of what was owned then, fees of the buys included, as the ledger keeps it. What a
user takes out of management earns nothing here: it was not sold.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev
from typing import SupportsFloat

from core.model.bond import BondCode
from core.model.order import STOP_ORIGINS, Intent, Side
from core.model.report import (
    BondResult,
    CashFlow,
    EquityPoint,
    OrderResult,
    Report,
    Slippage,
    SlippageDay,
    StopResult,
    Totals,
)
from core.rules.returns import growth, sum_between

Equity = Sequence[tuple[date, SupportsFloat]]

DAYS_PER_YEAR = 365


def total_return(equity: Equity) -> float | None:
    """Last value over the first, less 1."""
    if len(equity) < 2 or not float(equity[0][1]) > 0:
        return None
    return float(equity[-1][1]) / float(equity[0][1]) - 1


def annualized_return(equity: Equity) -> float | None:
    """The yearly rate which, compounded over the calendar days of the line, gives its total return; years of 365 days.

    -1 where all is lost; None also where the rate is beyond any figure (a large gain over very few days).
    """
    total = total_return(equity)
    if total is None or _days(equity) <= 0:
        return None
    try:
        return max(1 + total, 0.0) ** (DAYS_PER_YEAR / _days(equity)) - 1
    except OverflowError:
        return None


def max_drawdown(equity: Equity) -> float | None:
    """The deepest fall from a former high, as a ratio of that high, 0 or above; 0 where the line never fell."""
    return max(drawdowns(equity), default=None)


def drawdowns(equity: Equity) -> tuple[float, ...]:
    """At each point, how far it is below the highest one until then, as a ratio of that, 0 or above."""
    falls: list[float] = []
    high = float("-inf")
    for _, value in equity:
        high = max(high, float(value))
        falls.append(1 - float(value) / high if high > 0 else 0.0)
    return tuple(falls)


def sharpe(equity: Equity) -> float | None:
    """Mean of the periods' returns over their sample standard deviation, annualised; the risk-free rate is 0.

    Annualised by the square root of the periods that really fit into a year of this line, so weekly and daily points
    may be mixed. None for fewer than two periods, and where the returns do not vary at all.
    """
    if len(equity) < 3 or _days(equity) <= 0:
        return None
    values = [float(value) for _, value in equity]
    if not all(value > 0 for value in values[:-1]):
        return None
    returns = [after / before - 1 for before, after in pairwise(values)]
    deviation = stdev(returns)
    if deviation == 0:
        return None
    return fmean(returns) / deviation * sqrt(len(returns) * DAYS_PER_YEAR / _days(equity))


def _days(equity: Equity) -> int:
    return (equity[-1][0] - equity[0][0]).days


NOTHING_MEASURED = Slippage(None, Decimal(0), 0, 0)


class EntryKind(StrEnum):
    """What a line of the ledger records; what the user adopts or releases moves no money."""

    FILL = "fill"
    ADOPTED = "adopted"
    RELEASED = "released"
    LEFT = "left"  # the market


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A line of the ledger."""

    kind: EntryKind
    trading_day: date
    client_order_id: str
    code: BondCode
    side: Side
    volume: int
    price: Decimal
    fee: Decimal


_SALES = frozenset({EntryKind.FILL, EntryKind.LEFT})


@dataclass(frozen=True, slots=True)
class SentOrder:
    """An order of the journal."""

    intent: Intent
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TradeHistory:
    """All that a report is made from: ledger and orders from the beginning on, oldest first.

    `equity` are the account's totals in ascending time, those around each of the `flows` among them; `prices` the last
    ones that are known, CNY per 张.
    """

    mode: str
    account: str
    entries: Sequence[LedgerEntry]
    orders: Sequence[SentOrder]
    equity: Sequence[tuple[datetime, Decimal]]
    prices: Mapping[BondCode, Decimal]
    names: Mapping[BondCode, str] = field(default_factory=dict[BondCode, str])
    flows: Sequence[CashFlow] = ()


@dataclass(slots=True)
class _Bond:
    """A bond while the ledger is replayed."""

    held: int = 0
    cost: Decimal = Decimal(0)
    bought: int = 0
    sold: int = 0
    turnover: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)


@dataclass(slots=True)
class _Fills:
    """What was filled of one order."""

    volume: int = 0
    amount: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)


def make_report(books: TradeHistory, first: date | None, last: date, made_at: datetime) -> Report:
    """The report of the trading days from `first` (None: the beginning) to `last`, both included."""
    bonds, fills = _replay(books.entries, first, last)
    sent = [order for order in books.orders if _within(order.intent.trading_day, first, last)]
    orders = tuple(_order(order, fills.get(order.intent.client_order_id, _Fills())) for order in sent)
    names = {**{order.intent.code: order.intent.name for order in books.orders}, **books.names}
    rows = _bonds(bonds, orders, names, books.prices)
    equity = equity_points(books.equity, books.flows, first, last)
    return Report(
        books.mode,
        books.account,
        first,
        last,
        made_at,
        rows,
        orders,
        tuple(_stop(order, fills) for order in sent if order.intent.origin in STOP_ORIGINS),
        equity,
        tuple(flow for flow in books.flows if equity and equity[0].at < flow.at and flow.at.date() <= last),
        _totals(rows, orders, equity),
        _slippage_by_day(orders),
    )


def slippage(side: Side, volume: int, average: Decimal | None, measure: Decimal | None) -> Slippage:
    """What one order's fills cost more than `measure` (CNY per 张); nothing where nothing was filled."""
    if average is None or not volume:
        return NOTHING_MEASURED
    if measure is None:
        return Slippage(None, Decimal(0), 0, 1)
    worse = average - measure if side is Side.BUY else measure - average
    return Slippage(worse * volume, measure * volume, 1, 1)


def together(parts: Iterable[Slippage]) -> Slippage:
    """The sum; the orders without a price to measure by are counted and not summed."""
    all_parts = list(parts)
    known = [part for part in all_parts if part.cost is not None]
    cost = sum((part.cost for part in known if part.cost is not None), Decimal(0)) if known else None
    base = sum((part.base for part in known), Decimal(0))
    return Slippage(cost, base, sum(part.measured for part in known), sum(part.orders for part in all_parts))


def _slippage_by_day(orders: Sequence[OrderResult]) -> tuple[SlippageDay, ...]:
    filled: defaultdict[date, list[OrderResult]] = defaultdict(list)
    for order in orders:
        if order.filled:
            filled[order.trading_day].append(order)
    return tuple(
        SlippageDay(day, together(one.by_list for one in those), together(one.by_arrival for one in those))
        for day, those in sorted(filled.items())
    )


def _within(day: date, first: date | None, last: date) -> bool:
    return (first is None or first <= day) and day <= last


def _replay(
    entries: Sequence[LedgerEntry], first: date | None, last: date
) -> tuple[dict[BondCode, _Bond], dict[str, _Fills]]:
    """Holdings and average costs are those of now; all else is counted within the span only."""
    bonds: defaultdict[BondCode, _Bond] = defaultdict(_Bond)
    fills: defaultdict[str, _Fills] = defaultdict(_Fills)
    for entry in entries:
        bond, amount = bonds[entry.code], entry.price * entry.volume
        earned = amount - entry.fee - bond.cost * entry.volume if _sale(entry) else Decimal(0)
        _move(bond, entry)
        if entry.kind is EntryKind.FILL and entry.client_order_id:
            filled = fills[entry.client_order_id]
            filled.volume += entry.volume
            filled.amount += amount
            filled.fee += entry.fee
            filled.realised += earned
        if entry.kind in _SALES and _within(entry.trading_day, first, last):
            bond.bought += entry.volume if entry.side is Side.BUY else 0
            bond.sold += entry.volume if entry.side is Side.SELL else 0
            bond.turnover += amount if entry.kind is EntryKind.FILL else 0
            bond.realised += earned
            bond.fees += entry.fee
    return bonds, fills


def _sale(entry: LedgerEntry) -> bool:
    return entry.side is Side.SELL and entry.kind in _SALES


def _move(bond: _Bond, entry: LedgerEntry) -> None:
    if entry.side is Side.BUY:
        paid = bond.cost * bond.held + entry.price * entry.volume + entry.fee
        bond.held += entry.volume
        bond.cost = paid / bond.held
    else:
        bond.held -= entry.volume
        bond.cost = bond.cost if bond.held else Decimal(0)


def _order(order: SentOrder, fills: _Fills) -> OrderResult:
    intent = order.intent
    average = fills.amount / fills.volume if fills.volume else None
    return OrderResult(
        intent.client_order_id,
        order.at,
        intent.trading_day,
        intent.code,
        intent.name,
        intent.side,
        intent.origin,
        order.state,
        intent.volume,
        fills.volume,
        intent.price,
        average,
        fills.fee,
        intent.list_price,
        intent.arrival,
        slippage(intent.side, fills.volume, average, intent.list_price),
        slippage(intent.side, fills.volume, average, intent.arrival),
    )


def _stop(order: SentOrder, fills: Mapping[str, _Fills]) -> StopResult:
    intent = order.intent
    filled = fills.get(intent.client_order_id)
    return StopResult(
        intent.client_order_id,
        order.at,
        intent.code,
        intent.name,
        intent.origin,
        order.state,
        intent.level,
        intent.arrival,
        intent.volume,
        filled.volume if filled else 0,
        filled.amount / filled.volume if filled else None,
        filled.realised if filled else None,
    )


def _bonds(
    bonds: Mapping[BondCode, _Bond],
    orders: Sequence[OrderResult],
    names: Mapping[BondCode, str],
    prices: Mapping[BondCode, Decimal],
) -> tuple[BondResult, ...]:
    """Those that were traded within the span and those that are held now."""
    mine: defaultdict[BondCode, list[OrderResult]] = defaultdict(list)
    for order in orders:
        mine[order.code].append(order)
    return tuple(
        BondResult(
            code,
            names.get(code, ""),
            bond.bought,
            bond.sold,
            bond.turnover,
            bond.realised,
            bond.fees,
            bond.held,
            bond.cost if bond.held else None,
            prices.get(code),
            together(order.by_list for order in mine[code]),
            together(order.by_arrival for order in mine[code]),
        )
        for code, bond in sorted(bonds.items())
        if bond.bought or bond.sold or bond.held
    )


def equity_points(
    line: Sequence[tuple[datetime, Decimal]], flows: Sequence[CashFlow], first: date | None, last: date
) -> tuple[EquityPoint, ...]:
    """The opening point, and one point a day, its last; of a single day every point."""
    inside = [point for point in line if _within(point[0].date(), first, last)]
    if not inside:
        return ()
    before = [point for point in line if first is not None and point[0].date() < first][-1:]
    points = [*before, *inside]
    days = {at.date(): at for at, _ in inside}
    shown = {points[0][0], *(days.values() if first != last else (at for at, _ in inside))}
    grown = growth(points, flows)
    kept = [(at, value, factor) for (at, value), factor in zip(points, grown, strict=True) if at in shown]
    falls = drawdowns([(at.date(), factor) for at, _, factor in kept])
    since = [points[0][0], *(at for at, _, _ in kept)]
    return tuple(
        EquityPoint(at, value, sum_between(flows, earlier, at), factor, fall)
        for (at, value, factor), fall, earlier in zip(kept, falls, since, strict=False)
    )


def _totals(bonds: Sequence[BondResult], orders: Sequence[OrderResult], equity: Sequence[EquityPoint]) -> Totals:
    line = [(point.at.date(), point.growth) for point in equity]
    paid = sum((point.paid for point in equity), Decimal(0))
    turnover = sum((bond.turnover for bond in bonds), Decimal(0))
    mean = sum((point.value for point in equity), Decimal(0)) / len(equity) if equity else Decimal(0)
    priced = [bond.open for bond in bonds if bond.held and bond.open is not None]
    held = sum(1 for bond in bonds if bond.held)
    return Totals(
        sum((bond.realised for bond in bonds), Decimal(0)),
        sum(priced, Decimal(0)) if priced or not held else None,
        held - len(priced),
        sum((bond.fees for bond in bonds), Decimal(0)),
        turnover,
        turnover / mean if mean > 0 else None,
        together(order.by_list for order in orders),
        together(order.by_arrival for order in orders),
        equity[-1].value - equity[0].value - paid if len(equity) > 1 else None,
        total_return(line),
        max_drawdown(line),
    )
