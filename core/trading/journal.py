"""Every order, on disk before it is sent, with everything that happened to it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.i18n import say
from core.infra.backlog import backlog_of
from core.infra.database import delete_where, rows, update
from core.infra.stored import (
    DamagedValueError,
    StoredRow,
    as_amount,
    as_count,
    as_day,
    as_moment,
    as_price,
    as_text,
    as_whole,
    read_rows,
    row_of,
)
from core.model.bond import BondCode
from core.model.order import (
    LIVE_STATES,
    SOLD_FOR_TODAY,
    UNRESOLVED_STATES,
    Intent,
    Order,
    OrderState,
    Origin,
    Side,
    Transition,
)
from core.trading.ledger import entry_of

if TYPE_CHECKING:
    from sqlite_utils import Database

MAX_REMARK = 23
"""Bytes of a client order id that MiniQMT's order_remark keeps."""


class Journal:
    """Orders of one account: the newest state in memory, every intention committed before it is sent."""

    def __init__(self, db: "Database") -> None:
        self._db = db
        self.backlog = backlog_of(db)
        self._orders: dict[str, Order] = {}
        self._whole: set[tuple[str, str]] = set()
        self._answers: dict[tuple[str, str], tuple[Order, ...]] = {}
        """Answers of `of_day` and `of_plan` until an order changes: every snapshot asks for them."""
        for state in LIVE_STATES | UNRESOLVED_STATES:
            self._load("state", state)

    def intend(self, intents: Sequence[Intent], at: datetime) -> None:
        """Commit these intentions together.

        Raises `ValueError` for an id that is too long or already taken, and `BooksUnwritable`.
        """
        for intent in intents:
            if not intent.client_order_id.isascii() or len(intent.client_order_id) > MAX_REMARK:
                raise ValueError(say("{order!r} does not fit the order remark", order=intent.client_order_id))
            if self.get(intent.client_order_id) is not None:
                raise ValueError(say("order {order} is in the journal already", order=intent.client_order_id))

        def write() -> None:
            self._db.table("orders").insert_all(_row(intent, at) for intent in intents)
            self._db.table("transitions").insert_all(
                _step(intent.client_order_id, at, OrderState.INTENDED, intent.reason) for intent in intents
            )

        self.backlog.commit(write)
        for intent in intents:
            log = (Transition(at, OrderState.INTENDED, intent.reason),)
            self._put(Order(intent, OrderState.INTENDED, at, log=log))

    def record(
        self,
        client_order_id: str,
        state: OrderState,
        text: str,
        at: datetime,
        order_id: str | None = None,
        *,
        unsent: bool = False,
    ) -> Order:
        """Store a step in an order's life and return the order as it is now. `unsent`: it never left rotor."""
        order = self[client_order_id]
        bound = order_id or order.order_id

        def write() -> None:
            changes = {"state": state, "message": text, "order_id": bound, "unsent": int(unsent)}
            update(self._db, "orders", client_order_id, changes)
            self._db.table("transitions").insert(_step(client_order_id, at, state, text))

        self.backlog.store(write)
        log = (*order.log, Transition(at, state, text))
        return self._put(replace(order, state=state, message=text, order_id=bound, log=log, unsent=unsent))

    def filled(self, client_order_id: str, volume: int, amount: Decimal, fee: Decimal) -> Order:
        """Take over the totals of the fills that the ledger has booked for this order."""
        order = self[client_order_id]
        changed = replace(
            order,
            filled_volume=order.filled_volume + volume,
            filled_amount=order.filled_amount + amount,
            fee=order.fee + fee,
        )
        return self._put(changed)

    def get(self, client_order_id: str) -> Order | None:
        if client_order_id not in self._orders:
            self._load("client_order_id", client_order_id)
        return self._orders.get(client_order_id)

    def __getitem__(self, client_order_id: str) -> Order:
        order = self.get(client_order_id)
        if order is None:
            raise KeyError(client_order_id)
        return order

    def of_day(self, day: date) -> tuple[Order, ...]:
        """All orders of a trading day, oldest first."""
        self._load_once("trading_day", day.isoformat())
        return self._sorted(("trading_day", day.isoformat()), lambda order: order.intent.trading_day == day)

    def of_plan(self, plan_id: str) -> tuple[Order, ...]:
        """All orders of a plan, oldest first."""
        self._load_once("plan_id", plan_id)
        return self._sorted(("plan_id", plan_id), lambda order: order.intent.plan_id == plan_id)

    def all(self) -> tuple[Order, ...]:
        """Every order, oldest first. Reads the whole file."""
        return tuple(read_rows(self._db, "orders", self._order, order_by="created_at, rowid"))

    def check(self) -> None:
        """Read every row. Raises `DatabaseUnusable` for one that is damaged."""
        filled: Counter[str] = Counter()
        for entry in read_rows(self._db, "ledger", entry_of):
            filled[entry.client_order_id] += entry.volume

        def check_order(row: StoredRow) -> None:
            intent = _order_of(row, ()).intent
            _check_filled(filled[intent.client_order_id], intent)

        read_rows(self._db, "orders", check_order)
        read_rows(self._db, "transitions", _transition)

    def days_beside(self, day: date) -> tuple[date | None, date | None]:
        """The nearest trading days before and after this one that have orders."""
        return self._day("trading_day < ?", day, "desc"), self._day("trading_day > ?", day, "asc")

    def _day(self, where: str, day: date, order: str) -> date | None:
        found = rows(self._db, "orders", where, [day.isoformat()], f"trading_day {order} limit 1")
        return date.fromisoformat(found[0]["trading_day"]) if found else None

    def newest_day(self) -> date | None:
        """The trading day of the newest order, None where there is no order."""
        found = rows(self._db, "orders", order_by="trading_day desc limit 1")
        return date.fromisoformat(found[0]["trading_day"]) if found else None

    def open(self) -> tuple[Order, ...]:
        """Orders that are live or unresolved, whatever their day."""
        return tuple(order for order in self._orders.values() if not order.done)

    def busy(self) -> dict[BondCode, str]:
        """Why a bond takes no order now: it has one that is live or unresolved."""
        return {
            order.intent.code: say("order {key} is {state}", key=order.intent.client_order_id, state=say(order.state))
            for order in self.open()
        }

    def stopped(self, day: date) -> frozenset[BondCode]:
        """The bonds whose stop fired on this day, or that were sold by hand, whatever became of the order."""
        self._load_once("trading_day", day.isoformat())
        return frozenset(
            order.intent.code
            for order in self._orders.values()
            if order.intent.origin in SOLD_FOR_TODAY and order.intent.trading_day == day
        )

    def drop_steps(self, before: date) -> None:
        """Delete the steps of earlier days' orders from the file; the orders stay."""
        old = "client_order_id in (select client_order_id from orders where trading_day < ?)"
        newest = "select max(rowid) from transitions"
        delete_where(self._db, "transitions", f"{old} and rowid < ({newest})", [before.isoformat()])

    def release(self, day: date) -> None:
        """Keep in memory this day's orders and the open ones; others are read again when they are asked for."""
        self._orders = {
            key: order for key, order in self._orders.items() if not order.done or order.intent.trading_day >= day
        }
        self._whole.clear()
        self._answers.clear()

    def _put(self, order: Order) -> Order:
        """Every change of an order goes through here."""
        self._orders[order.intent.client_order_id] = order
        self._answers.clear()
        return order

    def _sorted(self, key: tuple[str, str], belongs: Callable[[Order], bool]) -> tuple[Order, ...]:
        """The orders in memory that belong there, oldest first: after a restart the open ones came first."""
        if key not in self._answers:
            found = filter(belongs, self._orders.values())
            self._answers[key] = tuple(
                sorted(found, key=lambda o: (o.created_at, o.intent.attempt, o.intent.client_order_id))
            )
        return self._answers[key]

    def _load_once(self, column: str, value: str) -> None:
        """Orders written since the first load are in memory by then."""
        if (column, value) not in self._whole:
            self._load(column, value)
            self._whole.add((column, value))

    def _load(self, column: str, value: str) -> None:
        def load(row: StoredRow) -> None:
            if row.get("client_order_id", as_text) not in self._orders:
                self._put(self._order(row))

        read_rows(self._db, "orders", load, f"{column} = ?", [value], "created_at, rowid")

    def _order(self, row: StoredRow) -> Order:
        key = row.get("client_order_id", as_text)
        fills = read_rows(self._db, "ledger", entry_of, "client_order_id = ?", [key])
        log = read_rows(self._db, "transitions", _transition, "client_order_id = ?", [key])
        order = replace(
            _order_of(row, tuple(log)),
            filled_volume=sum(fill.volume for fill in fills),
            filled_amount=sum((fill.price * fill.volume for fill in fills), Decimal(0)),
            fee=sum((fill.fee for fill in fills), Decimal(0)),
        )
        _check_filled(order.filled_volume, order.intent)
        return order


def _check_filled(volume: int, intent: Intent) -> None:
    if volume > intent.volume:
        raise DamagedValueError(say("volume is {volume}, and {filled} are filled", volume=intent.volume, filled=volume))


def _order_of(row: StoredRow, log: tuple[Transition, ...]) -> Order:
    return Order(
        intent_of(row),
        row.get("state", OrderState),
        row.get("created_at", as_moment),
        row.maybe("order_id", as_text),
        message=row.maybe("message", as_text) or "",
        log=log,
        unsent=bool(row.maybe("unsent", as_whole)),
    )


def _transition(row: StoredRow) -> Transition:
    return Transition(row.get("at", as_moment), row.get("state", OrderState), row.maybe("text", as_text) or "")


def _row(intent: Intent, at: datetime) -> dict[str, Any]:
    begun = {"state": str(OrderState.INTENDED), "created_at": at.isoformat(), "message": intent.reason}
    return row_of(intent) | begun


def _step(client_order_id: str, at: datetime, state: OrderState, text: str) -> dict[str, Any]:
    return {"client_order_id": client_order_id, "at": at.isoformat(), "state": str(state), "text": text}


def intent_of(row: StoredRow) -> Intent:
    """The intention in a row of `orders`; the file of an older version may lack newer columns."""
    return Intent(
        row.get("client_order_id", as_text),
        row.get("plan_id", as_text),
        row.get("trading_day", as_day),
        row.get("code", BondCode),
        row.maybe("name", as_text) or "",
        row.get("side", Side),
        row.get("volume", as_count),
        row.get("price", as_price),
        row.maybe("reason", as_text) or "",
        row.get("attempt", as_count),
        row.get("origin", Origin),
        row.maybe("list_price", as_amount),
        row.maybe("arrival", as_amount),
        row.maybe("level", as_amount),
    )
