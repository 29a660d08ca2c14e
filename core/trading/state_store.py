"""Small values kept across restarts, the equity curve, and the tables of the trading database."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from core.infra.backlog import backlog_of
from core.infra.database import delete, delete_where, rows, schema, update
from core.infra.stored import (
    NewestRow,
    StoredRow,
    as_amount,
    as_count,
    as_day,
    as_moment,
    as_money,
    as_text,
    as_whole,
    columns,
    read_rows,
    row_of,
)
from core.model.bond import BondCode
from core.model.report import CashFlow
from core.model.snapshot import Control
from core.rules.returns import Bond, MoneyReading

if TYPE_CHECKING:
    from sqlite_utils import Database

RUNNING, RESTORED = "engine_running", "books_restored"
"""Keys: when the running engine started, empty after a clean end; the day of restored books, empty once they fit."""

_READING = "money_reading"
"""Key: the account's newest reading."""


class StateStore:
    def __init__(self, db: "Database") -> None:
        self._db = db
        self.backlog = backlog_of(db)
        self._newest: dict[str, str | None] = {}
        self._rows: dict[str, NewestRow[str]] = {}

    def recall(self, key: str) -> str | None:
        """The value as it is on disk, where other processes may change it; as last seen while the disk is troubled."""
        if self.backlog.trouble is not None and key in self._newest:
            return self._newest[key]
        row = self._rows.get(key) or self._rows.setdefault(key, NewestRow(self._db, "state", _value))
        try:
            self._newest[key] = row.read("key = ?", [key])
        except sqlite3.DatabaseError as error:
            self.backlog.note(error)
        return self._newest.get(key)

    def keep(self, key: str, value: str) -> None:
        self._newest[key] = value
        self.backlog.store(lambda: self._db.table("state").insert({"key": key, "value": value}, replace=True))

    def latest(self, key: str) -> datetime | None:
        """The moment kept under `key`, or that of the newest step in the journal where that is later."""
        steps = rows(self._db, "transitions", order_by="rowid desc limit 1")
        told = [moment for moment in (self.recall(key), *(step["at"] for step in steps)) if moment is not None]
        return max((datetime.fromisoformat(moment) for moment in told), default=None)

    def add_equity(
        self, at: datetime, total: Decimal, reading: MoneyReading | None = None, flow: CashFlow | None = None
    ) -> None:
        """Store one point of the equity curve, CNY; a second one for the same moment replaces the first.

        With it, all or nothing: the account's newest reading, by which the next run sees what was paid meanwhile, and
        the payment that was seen.
        """
        point = {"at": at.isoformat(), "total": str(total)}
        self._newest[_READING] = told = None if reading is None else _written(reading)

        def write() -> None:
            self._db.table("equity").insert(point, replace=True)
            if told is not None:
                self._db.table("state").insert({"key": _READING, "value": told}, replace=True)
            if flow is not None:
                self._db.table("flows").insert(row_of(flow))

        self.backlog.store(write)

    def equity_of(self, day: date) -> list[tuple[datetime, Decimal]]:
        """The day's points, oldest first, after the last one before it."""
        before = read_rows(self._db, "equity", equity_point, "at < ?", [day.isoformat()], "at desc limit 1")
        return before + read_rows(self._db, "equity", equity_point, "substr(at, 1, 10) = ?", [day.isoformat()], "at")

    def first_point(self) -> datetime | None:
        """When the equity curve begins."""
        found = read_rows(self._db, "equity", equity_point, order_by="at limit 1")
        return found[0][0] if found else None

    def point_from(self, at: datetime) -> Decimal | None:
        """The account's total at the first point from this moment on."""
        found = read_rows(self._db, "equity", equity_point, "at >= ?", [at.isoformat()], "at limit 1")
        return found[0][1] if found else None

    def kept_reading(self) -> MoneyReading | None:
        """The reading that was kept last; None in a database of an older version."""
        kept = self.recall(_READING)
        return None if kept is None else _reading(kept)

    def flows(self) -> tuple[CashFlow, ...]:
        """All payments into the account and out of it, oldest first."""
        return tuple(read_rows(self._db, "flows", cash_flow, order_by="at, number"))

    def add_flow(self, flow: CashFlow) -> None:
        """Store a payment that the user names."""
        self.backlog.store(lambda: self._db.table("flows").insert(row_of(flow)))

    def remove_flow(self, flow: CashFlow) -> None:
        """Forget a payment."""
        self.backlog.store(lambda: delete(self._db, "flows", flow.number))

    def check(self) -> None:
        """Read every row. Raises `DatabaseUnusable` for one that is damaged."""
        read_rows(self._db, "state", _value)
        read_rows(self._db, "equity", equity_point)
        self.flows()

    def drop_minutes(self, before: date) -> None:
        """Keep of each earlier day its last point of the equity, the very first one, and those around payments."""
        kept = (
            "select max(at) from equity group by substr(at, 1, 10)",
            "select min(at) from equity",
            "select max(e.at) from equity e join flows f on e.at < f.at group by f.number",
            "select min(e.at) from equity e join flows f on e.at >= f.at group by f.number",
        )
        delete_where(self._db, "equity", f"at < ? and at not in ({' union '.join(kept)})", [before.isoformat()])


def cash_flow(row: StoredRow) -> CashFlow:
    """The payment in a row of `flows`."""
    return CashFlow(
        row.get("number", as_count),
        row.get("at", as_moment),
        row.get("amount", as_amount),
        bool(row.get("entered", as_whole)),
    )


def _written(reading: MoneyReading) -> str:
    bonds = {str(code): [bond.held, bond.outside, str(bond.price)] for code, bond in reading.bonds.items()}
    return json.dumps([[str(reading.cash), str(reading.holdings), str(reading.traded)], bonds])


def _reading(text: str) -> MoneyReading:
    (cash, holdings, traded), bonds = json.loads(text)
    known = {
        BondCode(code): Bond(as_whole(held), as_whole(outside), as_amount(price))
        for code, (held, outside, price) in bonds.items()
    }
    return MoneyReading(as_amount(cash), as_amount(holdings), as_amount(traded), known)


def equity_point(row: StoredRow) -> tuple[datetime, Decimal]:
    """The point of the equity curve in a row of `equity`."""
    return row.get("at", as_moment), row.get("total", as_money)


def _table(text: str) -> Mapping[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError
    return cast("Mapping[str, Any]", found)


_READ_BY: dict[str, Callable[[str], object]] = {
    "control": Control,
    "self_test": lambda text: datetime.fromisoformat(_table(text)["at"]),
    "turned_down": lambda text: [str(key) for key in _table(text)["orders"]],
    "stop_parameters": _table,
    "dangers_told": _table,
    "schedule_seen": lambda text: as_moment(_table(text)["until"]),
    "schedule_begun": as_moment,
    "schedule_missed": lambda text: as_moment(_table(text)["planned_at"]),
    RUNNING: as_moment,
    RESTORED: lambda text: as_day(_table(text)["day"]),
    "sandbox_time": as_moment,
    "qmt_session": int,
    _READING: _reading,
}
"""How what is kept under a key (up to its first slash) is read, where it is not empty. Other keys hold any text."""


def _value(row: StoredRow) -> str:
    value = row.get("value", as_text)
    read = _READ_BY.get(row.get("key", as_text).partition("/")[0])
    if read is not None and value:
        row.get("value", read)
    return value


TRADING = schema("trading")


@TRADING()
def orders_and_their_transitions(db: "Database") -> None:
    db.table("orders").create(
        columns(
            "client_order_id plan_id trading_day code name side volume price reason attempt state created_at order_id "
            "message",
            whole="volume attempt",
        ),
        pk="client_order_id",
        not_null={"plan_id", "trading_day", "code", "side", "volume", "price", "state"},
        strict=True,
    )
    db.table("orders").create_index(["trading_day"])
    db.table("orders").create_index(["state"])
    db.table("orders").create_index(["plan_id"])
    db.table("transitions").create(
        {"client_order_id": str, "at": str, "state": str, "text": str},
        foreign_keys=[("client_order_id", "orders", "client_order_id")],
        strict=True,
    )
    db.table("transitions").create_index(["client_order_id"])


@TRADING()
def ledger_entries(db: "Database") -> None:
    db.table("ledger").create(
        columns(
            "key kind trading_day client_order_id order_id code side volume price fee at",
            whole="volume",
        ),
        pk="key",
        not_null={"kind", "trading_day", "code", "side", "volume", "price", "fee"},
        strict=True,
    )
    db.table("ledger").create_index(["client_order_id"])
    db.table("ledger").create_index(["trading_day"])


@TRADING()
def runs_and_lists(db: "Database") -> None:
    db.table("runs").create(
        columns("plan_id trading_day started_at finished_at stage plan cash_after stopped"),
        pk="plan_id",
        strict=True,
    )
    db.table("lists").create(
        {"strategy_id": int, "history_id": int, "trade_date": str, "bonds": str, "fetched_at": str},
        pk=("strategy_id", "history_id"),
        strict=True,
    )


@TRADING()
def what_orders_and_runs_are_for(db: "Database") -> None:
    for table in ("orders", "runs"):
        db.table(table).add_column("origin", str, not_null_default="rebalance")


@TRADING()
def state_and_equity(db: "Database") -> None:
    db.table("state").create({"key": str, "value": str}, pk="key", strict=True)
    db.table("equity").create({"at": str, "total": str}, pk="at", strict=True)


@TRADING()
def what_fills_are_measured_by(db: "Database") -> None:
    # Of orders from before this, nobody knows them: they stay null.
    for column in ("list_price", "arrival", "level"):
        db.table("orders").add_column(column, str)


@TRADING()
def orders_that_were_not_sent(db: "Database") -> None:
    # Rows of older versions say it only in their text, in English whatever the user's language.
    db.table("orders").add_column("unsent", int, not_null_default=0)
    for row in rows(db, "orders", "state = 'refused' and substr(message, 1, 10) = 'not sent: '"):
        update(db, "orders", row["client_order_id"], {"unsent": 1})


@TRADING()
def payments_into_the_account_and_out_of_it(db: "Database") -> None:
    db.table("flows").create(
        {"number": int, "at": str, "amount": str, "entered": int},
        pk="number",
        not_null={"at", "amount", "entered"},
        strict=True,
    )


@TRADING()
def the_list_that_a_run_followed(db: "Database") -> None:
    # In words, for the message about its end; of older runs it stays null.
    db.table("runs").add_column("listed", str)
