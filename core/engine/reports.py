"""Reading the books for a report, and writing a report as files for a spreadsheet. Both are done off the engine's loop.

The books are read over a connection of their own, so that a long read delays no order that is to be stored.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from core.i18n import say
from core.infra.database import open_for_reading
from core.infra.home import write_atomically
from core.infra.stored import StoredRow, as_moment, read_rows
from core.model.bond import BondCode
from core.model.order import OrderState
from core.model.report import BondResult, CashFlow, EquityPoint, OrderResult, Report, Slippage, StopResult
from core.model.series import EquityDay, EquityLine
from core.rules.day_line import gaps
from core.rules.performance import SentOrder, TradeHistory, equity_points, make_report
from core.trading.journal import intent_of
from core.trading.ledger import entry_of
from core.trading.state_store import TRADING, cash_flow, equity_point

if TYPE_CHECKING:
    from sqlite_utils import Database

_BYTE_ORDER_MARK = "\ufeff"
"""Excel on Chinese Windows reads a file as GBK without it."""

_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def read_report(
    database: Path,
    mode: str,
    account: str,
    prices: Mapping[BondCode, Decimal],
    first: date | None,
    last: date,
    made_at: datetime,
) -> Report:
    """The report of a span of trading days from the books in this file.

    Raises `HomeUnusable` where it cannot be read, `FileNotFoundError` where there is none, and `ValueError` for a span
    that ends before it begins.
    """
    if first is not None and last < first:
        raise ValueError(say("the report's last day {last} is before its first, {first}", last=last, first=first))
    opened = open_for_reading(database, TRADING)
    try:
        books = _books(opened, mode, account, prices, first, last)
    finally:
        opened.close()
    return make_report(books, first, last, made_at)


def read_equity(database: Path, first: date | None, day: date) -> EquityLine:
    """The equity from `first` on until now, and the minutes of `day`. Raises as `read_report`."""
    opened = open_for_reading(database, TRADING)
    try:
        flows = tuple(read_rows(opened, "flows", cash_flow, order_by="at, number"))
        line = _equity(opened, flows, day, day)
    finally:
        opened.close()
    minutes = equity_points(line, flows, day, day)
    detail = EquityDay(day, minutes, gaps([point.at for point in minutes])) if minutes else None
    return EquityLine(equity_points(line, flows, first, date.max), detail)


def export_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write the report's tables as CSV files into the folder, replacing those of the same span; answers with them.

    UTF-8 with a byte order mark; a text that a spreadsheet would take for a formula begins with an apostrophe; what is
    not known is empty. Raises `OSError`, with what to do.
    """
    first = "start" if report.first is None else f"{report.first:%Y%m%d}"
    written: list[Path] = []
    for name, header, lines in _tables(report):
        path = folder / f"report-{report.mode}-{first}-{report.last:%Y%m%d}-{name}.csv"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, _BYTE_ORDER_MARK + _csv(header, lines))
        except OSError as error:
            told = error.strerror or str(error)
            advice = say(
                "If a spreadsheet has it open, close it there; see that there is room on the disk, then try again."
            )
            raise OSError(
                say(
                    "{path} was not written: {told}. No order and no book was touched. {advice}",
                    path=path,
                    told=told,
                    advice=advice,
                )
            ) from error
        written.append(path)
    return tuple(written)


def _books(
    db: "Database",
    mode: str,
    account: str,
    prices: Mapping[BondCode, Decimal],
    first: date | None,
    last: date,
) -> TradeHistory:
    entries = tuple(read_rows(db, "ledger", entry_of))
    orders = tuple(read_rows(db, "orders", _sent, order_by="created_at, rowid"))
    flows = tuple(read_rows(db, "flows", cash_flow, order_by="at, number"))
    return TradeHistory(mode, account, entries, orders, _equity(db, flows, first, last), prices, flows=flows)


def _sent(row: StoredRow) -> SentOrder:
    return SentOrder(intent_of(row), row.get("state", OrderState), row.get("created_at", as_moment))


def _equity(
    db: "Database", flows: Sequence[CashFlow], first: date | None, last: date
) -> tuple[tuple[datetime, Decimal], ...]:
    """Every minute of a single day, else each day's last point; the first of all, and those around each flow."""
    where = "at in (select max(at) from equity group by substr(at, 1, 10)) or at = (select min(at) from equity)"
    values: list[str] = []
    if first == last:
        where, values = f"{where} or substr(at, 1, 10) = ?", [last.isoformat()]
    points = dict(read_rows(db, "equity", equity_point, where, values))
    for flow in flows:
        at = [flow.at.isoformat()]
        points |= dict(read_rows(db, "equity", equity_point, "at < ?", at, "at desc limit 1"))
        points |= dict(read_rows(db, "equity", equity_point, "at >= ?", at, "at limit 1"))
    return tuple(sorted(points.items()))


_Table = tuple[str, Sequence[str], Iterable[Sequence[object]]]

_SLIPPAGE = tuple(f"slippage_{by}_{what}" for by in ("list", "arrival") for what in ("cny", "ratio", "measured", "of"))
_BOND = (
    "code",
    "name",
    "bought",
    "sold",
    "turnover_cny",
    "realised_cny",
    "fees_cny",
    "held",
    "cost",
    "last",
    "open_cny",
)
_ORDER = (
    *("client_order_id", "at", "trading_day", "code", "name", "side", "origin", "state", "ordered", "filled", "limit"),
    *("average_price", "amount_cny", "fee_cny", "list_price", "arrival_price"),
)
_STOP = (
    *("client_order_id", "at", "code", "name", "origin", "state", "level", "price", "ordered", "filled"),
    *("average_price", "realised_cny"),
)
_EQUITY = ("at", "equity_cny", "drawdown_ratio", "paid_in_cny", "growth")
_FLOW = ("number", "at", "amount_cny", "entered")


def _tables(report: Report) -> tuple[_Table, ...]:
    return (
        ("bonds", (*_BOND, *_SLIPPAGE), map(_bond, report.bonds)),
        ("orders", (*_ORDER, *_SLIPPAGE), map(_order, report.orders)),
        ("stops", _STOP, map(_stop, report.stops)),
        ("equity", _EQUITY, map(_point, report.equity)),
        ("flows", _FLOW, ((flow.number, flow.at.isoformat(), flow.amount, flow.entered) for flow in report.flows)),
    )


def _bond(row: BondResult) -> tuple[object, ...]:
    return (
        *(str(row.code), row.name, row.bought, row.sold, row.turnover, row.realised, row.fees, row.held),
        *(row.cost, row.last, row.open, *_measured(row.by_list), *_measured(row.by_arrival)),
    )


def _order(row: OrderResult) -> tuple[object, ...]:
    return (
        *(row.client_order_id, row.at.isoformat(), row.trading_day.isoformat(), str(row.code), row.name),
        *(str(row.side), str(row.origin), row.state, row.ordered, row.filled, row.limit, row.average, row.amount),
        *(row.fee, row.list_price, row.arrival, *_measured(row.by_list), *_measured(row.by_arrival)),
    )


def _stop(row: StopResult) -> tuple[object, ...]:
    return (
        *(row.client_order_id, row.at.isoformat(), str(row.code), row.name, str(row.origin), row.state, row.level),
        *(row.price, row.ordered, row.filled, row.average, row.realised),
    )


def _point(row: EquityPoint) -> tuple[object, ...]:
    return row.at.isoformat(), row.value, round(row.drawdown, 6), row.paid, round(row.growth, 8)


def _measured(part: Slippage) -> tuple[object, ...]:
    return part.cost, part.ratio, part.measured, part.orders


def _csv(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in line] for line in lines)
    return stream.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{round(value, 6):f}"
    if isinstance(value, str) and value.startswith(_BEGINS_A_FORMULA):
        return f"'{value}"
    return "" if value is None else value
