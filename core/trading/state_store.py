"""Small values kept across restarts, the equity curve, and the tables of the trading database."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from core.infra.backlog import backlog_of
from core.infra.database import delete_where, rows, schema, update
from core.infra.stored import StoredRow, as_amount, as_moment, as_text, read_rows
from core.model.snapshot import Control

if TYPE_CHECKING:
    from sqlite_utils import Database

RUNNING = "engine_running"
"""Key: when the running engine started; empty after a clean end."""


class StateStore:
    def __init__(self, db: "Database") -> None:
        self._db = db
        self.backlog = backlog_of(db)
        self._newest: dict[str, str | None] = {}

    def recall(self, key: str) -> str | None:
        """The value as it is on disk, where other processes may change it; as last seen while the disk is troubled."""
        if self.backlog.trouble is not None and key in self._newest:
            return self._newest[key]
        try:
            found = read_rows(self._db, "state", _value, "key = ?", [key])
        except sqlite3.DatabaseError as error:
            self.backlog.note(error)
            return self._newest.get(key)
        self._newest[key] = found[0] if found else None
        return self._newest[key]

    def keep(self, key: str, value: str) -> None:
        self._newest[key] = value
        self.backlog.store(lambda: self._db.table("state").insert({"key": key, "value": value}, replace=True))

    def latest(self, key: str) -> datetime | None:
        """The moment kept under `key`, or that of the newest step in the journal where that is later."""
        steps = rows(self._db, "transitions", order_by="rowid desc limit 1")
        told = [moment for moment in (self.recall(key), *(step["at"] for step in steps)) if moment is not None]
        return max((datetime.fromisoformat(moment) for moment in told), default=None)

    def add_equity(self, at: datetime, total: Decimal) -> None:
        """Store one point of the equity curve, CNY; a second one for the same moment replaces the first."""
        row = {"at": at.isoformat(), "total": str(total)}
        self.backlog.store(lambda: self._db.table("equity").insert(row, replace=True))

    def equity(self, limit: int) -> tuple[tuple[datetime, Decimal], ...]:
        """The newest `limit` points, oldest first."""
        found = read_rows(self._db, "equity", equity_point, order_by=f"at desc limit {limit:d}")
        return tuple(reversed(found))

    def check(self) -> None:
        """Read every row. Raises `DatabaseUnusable` for one that is damaged."""
        read_rows(self._db, "state", _value)
        read_rows(self._db, "equity", equity_point)

    def drop_minutes(self, before: date) -> None:
        """Keep of each earlier day its last point of the equity only."""
        last_ones = "select max(at) from equity group by substr(at, 1, 10)"
        delete_where(self._db, "equity", f"at < ? and at not in ({last_ones})", [before.isoformat()])


def equity_point(row: StoredRow) -> tuple[datetime, Decimal]:
    """The point of the equity curve in a row of `equity`."""
    return row.get("at", as_moment), row.get("total", as_amount)


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
    "engine_running": as_moment,
    "sandbox_time": as_moment,
    "qmt_session": int,
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
        {
            "client_order_id": str,
            "plan_id": str,
            "trading_day": str,
            "code": str,
            "name": str,
            "side": str,
            "volume": int,
            "price": str,
            "reason": str,
            "attempt": int,
            "state": str,
            "created_at": str,
            "order_id": str,
            "message": str,
        },
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
        {
            "key": str,
            "kind": str,
            "trading_day": str,
            "client_order_id": str,
            "order_id": str,
            "code": str,
            "side": str,
            "volume": int,
            "price": str,
            "fee": str,
            "at": str,
        },
        pk="key",
        not_null={"kind", "trading_day", "code", "side", "volume", "price", "fee"},
        strict=True,
    )
    db.table("ledger").create_index(["client_order_id"])
    db.table("ledger").create_index(["trading_day"])


@TRADING()
def runs_and_lists(db: "Database") -> None:
    db.table("runs").create(
        {
            "plan_id": str,
            "trading_day": str,
            "started_at": str,
            "finished_at": str,
            "stage": str,
            "plan": str,
            "cash_after": str,
            "stopped": str,
        },
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
