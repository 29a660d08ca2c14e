"""The paper broker's account, positions, orders and fills: in memory and in data/paper.db."""

import logging
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from core.i18n import say
from core.infra.database import (
    damaged,
    delete,
    delete_where,
    open_database,
    rows,
    schema,
    update,
    wait_at_most,
    writing,
)
from core.infra.stored import (
    DamagedValueError,
    StoredRow,
    as_amount,
    as_count,
    as_day,
    as_moment,
    as_money,
    as_price,
    as_text,
    as_whole,
    columns,
    read_rows,
    row_of,
)
from core.model.bond import BondCode
from core.model.order import LIVE_STATES, Fill, Intent, OrderState, Side

if TYPE_CHECKING:
    from sqlite_utils import Database

log = logging.getLogger(__name__)

PAPER = schema("paper")

_PATIENCE = 0.2
"""Seconds to wait for another process that writes: no price is compared meanwhile."""


@PAPER()
def counter(db: "Database") -> None:
    """Keeps its name: each file records by it that the step has run."""
    db.table("account").create({"id": int, "cash": str, "frozen": str}, pk="id", strict=True)
    db.table("holdings").create({"code": str, "volume": int, "cost": str, "last": str}, pk="code", strict=True)
    orders = columns(
        "order_id remark day code side volume price state filled_volume filled_amount fee message at",
        whole="volume filled_volume",
    )
    db.table("orders").create(orders, pk="order_id", strict=True)
    db.table("orders").create_index(["day"])
    db.table("orders").create_index(["remark"])
    fills = columns("trade_id order_id remark day code side volume price fee at", whole="volume")
    db.table("fills").create(fills, pk="trade_id", strict=True)
    db.table("fills").create_index(["day"])


@dataclass(frozen=True, slots=True)
class PaperAccount:
    """Available cash and cash frozen for live buys, CNY."""

    cash: Decimal
    frozen: Decimal

    def plus(self, money: Decimal) -> "PaperAccount":
        return PaperAccount(self.cash + money, self.frozen)


@dataclass(frozen=True, slots=True)
class PaperHolding:
    """`volume` in 张; `cost` (fees included) and the `last` price seen in CNY per 张."""

    volume: int
    cost: Decimal
    last: Decimal


@dataclass(frozen=True, slots=True)
class PaperOrder:
    """An order at the paper broker; `fee` is what was charged so far, CNY."""

    order_id: str
    remark: str
    day: date
    code: BondCode
    side: Side
    volume: int
    price: Decimal
    at: datetime
    state: OrderState = OrderState.INTENDED
    filled_volume: int = 0
    filled_amount: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    message: str = ""

    @property
    def live(self) -> bool:
        return self.state in LIVE_STATES

    @property
    def remaining(self) -> int:
        return self.volume - self.filled_volume


class PaperStore:
    """Every `set_…` and `add_…` belongs inside `commit`."""

    def __init__(self, path: Path, capital: Decimal, *, durable: bool) -> None:
        self._db = open_database(path, PAPER, durable=durable)
        wait_at_most(self._db, _PATIENCE)
        try:
            self._load(capital)
        except BaseException:
            self._db.close()
            raise
        self._next_order = self._highest("orders", "order_id") + 1
        self._next_fill = self._highest("fills", "substr(trade_id, 2)") + 1

    def _load(self, capital: Decimal) -> None:
        """Raises `DatabaseUnusable` for a row that is damaged, of the past too."""
        if not any(rows(self._db, table) for table in ("account", "holdings", "orders")):
            self._db.table("account").insert({"id": 1, "cash": str(capital), "frozen": "0"})
        accounts = read_rows(self._db, "account", _account)
        if not accounts:
            raise damaged(self._db, say("table {table} is empty", table="account"))
        self.account = accounts[0]
        self.holdings = dict(read_rows(self._db, "holdings", _holding))
        read_rows(self._db, "orders", _order)
        read_rows(self._db, "fills", _fill)

    def close(self) -> None:
        try:
            with self.commit():
                for code, holding in self.holdings.items():
                    self._write_holding(code, holding)
        except sqlite3.DatabaseError as error:  # last prices only: every trade is on disk
            log.warning("the last prices of the paper account were not stored: %s", error)
        finally:
            self._db.close()

    @contextmanager
    def commit(self) -> Generator[None]:
        """All or nothing, on disk when it ends; after a failure memory is set back too."""
        account, holdings = self.account, dict(self.holdings)
        try:
            with writing(self._db):
                yield
        except BaseException:
            self.account, self.holdings = account, holdings
            raise

    def new_order(self, intent: Intent, at: datetime) -> PaperOrder:
        order_id, remark = str(self._next_order), intent.client_order_id
        self._next_order += 1
        return PaperOrder(order_id, remark, at.date(), intent.code, intent.side, intent.volume, intent.price, at)

    def new_fill(self, order: PaperOrder, volume: int, price: Decimal, fee: Decimal, at: datetime) -> Fill:
        trade_id = f"P{self._next_fill}"
        self._next_fill += 1
        return Fill(order.day, order.order_id, trade_id, order.remark, order.code, order.side, volume, price, fee, at)

    def set_account(self, account: PaperAccount) -> None:
        update(self._db, "account", 1, row_of(account))
        self.account = account

    def set_holding(self, code: BondCode, holding: PaperHolding) -> None:
        if holding.volume == 0:
            delete(self._db, "holdings", str(code))
            self.holdings.pop(code, None)
            return
        self._write_holding(code, holding)
        self.holdings[code] = holding

    def mark(self, code: BondCode, last: Decimal) -> None:
        """Set a holding's last price; it reaches the disk at the next trade or at the end."""
        self.holdings[code] = replace(self.holdings[code], last=last)

    def _highest(self, table: str, number: str) -> int:
        """The highest number given out so far, 0 for none."""
        return self._db.conn.execute(f"select max(cast({number} as integer)) from {table}").fetchone()[0] or 0

    def _write_holding(self, code: BondCode, holding: PaperHolding) -> None:
        self._db.table("holdings").upsert({"code": str(code)} | row_of(holding), pk="code")

    def set_order(self, order: PaperOrder) -> None:
        self._db.table("orders").upsert(row_of(order), pk="order_id")

    def add_fill(self, fill: Fill) -> None:
        row = row_of(fill)
        row["day"] = row.pop("trading_day")
        self._db.table("fills").insert(row)

    def remark_used(self, remark: str) -> bool:
        return bool(rows(self._db, "orders", "remark = ?", [remark]))

    def forget(self, before: date) -> None:
        """Delete earlier days' orders that are over, with their fills; the newest stays: numbers go on from it."""
        live = ",".join(f"'{state}'" for state in LIVE_STATES)
        over = f"day < ? and state not in ({live}) and cast(order_id as integer) < {self._next_order - 1:d}"
        gone = f"order_id in (select order_id from orders where {over})"
        newest = f"cast(substr(trade_id, 2) as integer) < {self._next_fill - 1:d}"
        delete_where(self._db, "fills", f"{gone} and {newest}", [before.isoformat()])
        delete_where(self._db, "orders", over, [before.isoformat()])

    def live_orders(self) -> list[PaperOrder]:
        states = [str(state) for state in LIVE_STATES]
        return read_rows(self._db, "orders", _order, f"state in ({','.join('?' * len(states))})", states)

    def orders(self, since: date) -> list[PaperOrder]:
        return read_rows(self._db, "orders", _order, "day >= ?", [since.isoformat()])

    def fills(self, since: date) -> list[Fill]:
        return read_rows(self._db, "fills", _fill, "day >= ?", [since.isoformat()])


def _account(row: StoredRow) -> PaperAccount:
    return PaperAccount(row.get("cash", as_money), row.get("frozen", as_money))


def _holding(row: StoredRow) -> tuple[BondCode, PaperHolding]:
    holding = PaperHolding(row.get("volume", as_count), row.get("cost", as_money), row.get("last", as_money))
    return row.get("code", BondCode), holding


def _order(row: StoredRow) -> PaperOrder:
    """A refused order keeps whatever was asked for, a volume of 0 too."""
    order = PaperOrder(
        row.get("order_id", as_text),
        row.get("remark", as_text),
        row.get("day", as_day),
        row.get("code", BondCode),
        row.get("side", Side),
        row.get("volume", as_whole),
        row.get("price", as_amount),
        row.get("at", as_moment),
        row.get("state", OrderState),
        row.get("filled_volume", as_whole),
        row.get("filled_amount", as_money),
        row.get("fee", as_amount),
        row.maybe("message", as_text) or "",
    )
    if order.live or order.filled_volume:
        row.get("volume", as_count)
        row.get("price", as_price)
        if not 0 <= order.filled_volume <= order.volume:
            raise DamagedValueError(
                say("volume is {volume}, and {filled} are filled", volume=order.volume, filled=order.filled_volume)
            )
    return order


def _fill(row: StoredRow) -> Fill:
    return Fill(
        row.get("day", as_day),
        row.get("order_id", as_text),
        row.get("trade_id", as_text),
        row.get("remark", as_text),
        row.get("code", BondCode),
        row.get("side", Side),
        row.get("volume", as_count),
        row.get("price", as_price),
        row.get("fee", as_amount),
        row.get("at", as_moment),
    )
