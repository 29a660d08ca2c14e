"""Plans that were carried out, their progress, and the list each followed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.i18n import mark
from core.infra.backlog import backlog_of
from core.infra.database import delete_where, rows, update
from core.infra.stored import NewestRow, StoredRow, as_amount, as_count, as_day, as_moment, as_text, as_whole, read_rows
from core.model.bond import BondCode
from core.model.order import Order, Origin, Side
from core.model.plan import Leg, Plan
from core.model.platform import Selected, Selection
from core.model.snapshot import LegProgress, Rebalance

if TYPE_CHECKING:
    from sqlite_utils import Database


class Runs:
    """One row per plan that was started. A plan is started at most once."""

    def __init__(self, db: "Database") -> None:
        self._db = db
        self._backlog = backlog_of(db)
        self._ended: set[str] = set()
        self._newest = NewestRow(db, "runs", _run)
        self._told: tuple[_StoredRun, tuple[Order, ...], Rebalance] | None = None

    def begin(self, plan: Plan, selection: Selection | None, at: datetime) -> bool:
        """Commit that this plan is being carried out, and the list it follows; False when it was begun before.

        Raises `BooksUnwritable`.
        """
        if rows(self._db, "runs", "plan_id = ?", [plan.plan_id]):
            return False

        def write() -> None:
            self._db.table("runs").insert(
                {
                    "plan_id": plan.plan_id,
                    "trading_day": plan.trading_day.isoformat(),
                    "started_at": at.isoformat(),
                    "finished_at": None,
                    "stage": "begun",
                    "plan": json.dumps([_leg_to_json(leg) for leg in plan.legs]),
                    "cash_after": None,
                    "origin": str(plan.origin),
                    "listed": plan.list_words if plan.follows_a_list else None,
                }
            )
            if selection is not None and plan.origin is Origin.REBALANCE:
                self._db.table("lists").insert(_list_row(selection), replace=True)

        self._backlog.commit(write)
        return True

    def finish(
        self,
        plan_id: str,
        stage: str,
        cash_after: Decimal | None,
        at: datetime,
        stopped: Mapping[BondCode, str] | None = None,
    ) -> None:
        """Store a run's end; `stopped` tells why a leg was not sent, or not sent again."""
        ending = {
            "finished_at": at.isoformat(),
            "stage": stage,
            "cash_after": None if cash_after is None else str(cash_after),
            "stopped": json.dumps({str(code): reason for code, reason in (stopped or {}).items()}, ensure_ascii=False),
        }
        self._ended.add(plan_id)
        self._backlog.store(lambda: update(self._db, "runs", plan_id, ending))

    def unfinished(self) -> tuple[str, ...]:
        """Plans that were started and never finished: the program ended during them."""
        found = (row["plan_id"] for row in rows(self._db, "runs", "finished_at is null"))
        return tuple(plan_id for plan_id in found if plan_id not in self._ended)

    def drop(self, before: date) -> None:
        """Delete the runs of earlier days; the newest one stays."""
        newest = "select max(rowid) from runs"
        delete_where(self._db, "runs", f"trading_day < ? and rowid < ({newest})", [before.isoformat()])

    def last(self, orders_of: Callable[[str], tuple[Order, ...]]) -> Rebalance | None:
        """The newest run with its legs as the journal knows them; the same object while neither has changed."""
        run = self._newest.read()
        if run is None:
            return None
        orders, told = orders_of(run.plan_id), self._told
        if told is None or told[0] is not run or told[1] != orders:
            told = self._told = (run, orders, _as_rebalance(run, orders))
        return told[2]

    def last_list(self, strategy_id: int, history_id: int) -> Selection | None:
        """The list that the newest rebalance of this record followed."""
        wanted = "strategy_id = ? and history_id = ?"
        found = read_rows(self._db, "lists", _selection, wanted, [strategy_id, history_id])
        return found[0] if found else None

    def check(self) -> None:
        """Read every row. Raises `DatabaseUnusable` for one that is damaged."""
        read_rows(self._db, "runs", _run)
        read_rows(self._db, "lists", _selection)


@dataclass(frozen=True, slots=True)
class _StoredRun:
    plan_id: str
    trading_day: date
    started_at: datetime
    finished_at: datetime | None
    stage: str
    legs: tuple[Leg, ...]
    stopped: Mapping[BondCode, str]
    cash_after: Decimal | None
    origin: Origin
    listed: str


def _run(row: StoredRow) -> _StoredRun:
    return _StoredRun(
        row.get("plan_id", as_text),
        row.get("trading_day", as_day),
        row.get("started_at", as_moment),
        row.maybe("finished_at", as_moment),
        row.get("stage", as_text),
        row.get("plan", lambda text: tuple(_leg_from_json(leg) for leg in json.loads(text))),
        row.maybe("stopped", lambda text: {BondCode(code): why for code, why in json.loads(text).items()}) or {},
        row.maybe("cash_after", as_amount),
        row.get("origin", Origin),
        row.maybe("listed", as_text) or "",
    )


def _as_rebalance(run: _StoredRun, orders: tuple[Order, ...]) -> Rebalance:
    return Rebalance(
        run.plan_id,
        run.started_at,
        run.finished_at,
        run.stage,
        progress(run.legs, orders, run.stopped),
        tuple(order.intent.client_order_id for order in orders if not order.done),
        run.cash_after,
        run.origin,
        run.listed,
    )


def _selection(row: StoredRow) -> Selection:
    return Selection(
        row.get("strategy_id", as_whole),
        row.get("history_id", as_whole),
        row.maybe("trade_date", as_day),
        row.get("bonds", lambda text: tuple(Selected(BondCode(code), name, None) for code, name in json.loads(text))),
        row.get("fetched_at", as_moment),
    )


def _list_row(selection: Selection) -> dict[str, Any]:
    return {
        "strategy_id": selection.strategy_id,
        "history_id": selection.history_id,
        "trade_date": selection.trade_date.isoformat() if selection.trade_date else None,
        "bonds": json.dumps([[str(bond.code), bond.name] for bond in selection.bonds], ensure_ascii=False),
        "fetched_at": selection.fetched_at.isoformat(),
    }


def progress(
    legs: tuple[Leg, ...], orders: tuple[Order, ...], stopped: Mapping[BondCode, str] | None = None
) -> tuple[LegProgress, ...]:
    """How far each leg is: the sum of its orders, oldest first, with the newest one's state.

    `stopped` tells why a leg was not sent, or not sent again.
    """
    return tuple(
        _leg_progress(leg, [order for order in orders if order.intent.code == leg.code], (stopped or {}).get(leg.code))
        for leg in legs
    )


def _leg_progress(leg: Leg, orders: list[Order], stopped: str | None) -> LegProgress:
    reason = f"{leg.reason}; {stopped}" if stopped else leg.reason
    status = mark("not sent") if stopped else "waiting"
    row = LegProgress(leg.side, leg.code, leg.name, leg.volume, leg.price, reason, status)
    if not orders:
        return row
    filled = sum(order.filled_volume for order in orders)
    amount = sum((order.filled_amount for order in orders), Decimal(0))
    newest, volume = orders[-1], orders[0].intent.volume
    status = str(newest.state)
    if newest.done and filled:
        status = "filled" if filled >= volume else "part filled"
    return replace(
        row,
        status=status,
        client_order_id=newest.intent.client_order_id,
        price=newest.intent.price,
        volume=volume,
        filled_volume=filled,
        average_price=amount / filled if filled else None,
        fee=sum((order.fee for order in orders), Decimal(0)),
    )


def _leg_to_json(leg: Leg) -> dict[str, Any]:
    row = {key: str(getattr(leg, key)) for key in ("side", "code", "name", "price", "amount", "fee", "reason")}
    return {**row, "volume": leg.volume}


def _leg_from_json(row: dict[str, Any]) -> Leg:
    leg = StoredRow(row)
    return Leg(
        leg.get("side", Side),
        leg.get("code", BondCode),
        leg.get("name", as_text),
        leg.get("volume", as_count),
        leg.get("price", as_amount),
        leg.get("amount", as_amount),
        leg.get("fee", as_amount),
        leg.get("reason", as_text),
    )
