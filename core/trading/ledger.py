"""The ledger: what the strategy owns. Only fills move it, each exactly once."""

from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.i18n import say
from core.infra.backlog import backlog_of
from core.infra.database import rows
from core.infra.stored import (
    DamagedValueError,
    StoredRow,
    as_amount,
    as_count,
    as_day,
    as_moment,
    as_money,
    as_text,
    read_rows,
    row_of,
)
from core.model.account import Holdings, Owned
from core.model.bond import BondCode
from core.model.order import Fill, Side
from core.model.quote import HIGHEST_PRICE
from core.rules.performance import EntryKind, LedgerEntry
from core.rules.sizing import impossible_fee
from core.rules.ticks_and_lots import TICK

if TYPE_CHECKING:
    from sqlite_utils import Database

SETTLED = "settled"
"""Suffix of the trade id of a fill that the user confirmed because the broker does not list it."""


class Ledger:
    """Holdings as the sum of committed entries; `cost` of what is left is the average of what was bought, 0 (unknown)
    where a part of it has none."""

    def __init__(self, db: "Database") -> None:
        self._db = db
        self._backlog = backlog_of(db)
        self._booked: set[str] = set()
        self._settled: set[str] = set()
        self._owned: dict[BondCode, Owned] = {}
        self.cash_from_fills = Decimal(0)
        """CNY that all fills have brought in, fees paid; below zero where more was bought than sold."""
        self.filled: Counter[BondCode] = Counter()
        """张 that all fills have brought in, less what they sold."""
        self._bought: defaultdict[date, Decimal] = defaultdict(Decimal)
        read_rows(db, "ledger", self._load)

    def book(self, fill: Fill, client_order_id: str) -> bool:
        """Commit a fill of one of our orders; False when it was booked before.

        Raises `ValueError` on an oversell, on a fill of nothing and on a price that is none.
        """
        return self._enter(EntryKind.FILL, fill.key, fill, client_order_id)

    def has(self, fill: Fill) -> bool:
        """Whether this fill was booked."""
        return fill.key in self._booked

    def settled(self, client_order_id: str) -> bool:
        """Whether the user has said that this order was filled."""
        return client_order_id in self._settled

    def move_by_hand(
        self, kind: EntryKind, code: BondCode, side: Side, volume: int, price: Decimal, at: datetime
    ) -> None:
        """Record what the user takes into management (a buy at `price`, CNY per 张) or releases (a sell)."""
        key = f"{at.isoformat()}/{kind}/{code}"
        self._enter(kind, key, Fill(at.date(), kind, str(code), "", code, side, volume, price, Decimal(0), at), "")

    def leave(self, code: BondCode, price: Decimal, day: date, at: datetime) -> None:
        """The bond left the market at `price` (CNY per 张): what was owned of it is gone."""
        owned = self._owned.get(code)
        if owned is not None:
            key = f"{day}/left/{code}"
            gone = Fill(day, "left", str(code), "", code, Side.SELL, owned.volume, price, Decimal(0), at)
            self._enter(EntryKind.LEFT, key, gone, "")

    def holdings(self) -> Holdings:
        """What is owned now; bonds of which nothing is left are absent."""
        return dict(self._owned)

    def volume(self, code: BondCode) -> int:
        """How many 张 of a bond are owned."""
        return self._owned[code].volume if code in self._owned else 0

    def bought_on(self, day: date) -> Decimal:
        """What the day's buys have cost, CNY, fees included."""
        return self._bought.get(day, Decimal(0))

    def entries(self) -> list[dict[str, Any]]:
        """All entries, oldest first, for export."""
        return rows(self._db, "ledger")

    def _enter(self, kind: EntryKind, key: str, fill: Fill, client_order_id: str) -> bool:
        if key in self._booked:
            return False
        if fill.volume <= 0:
            raise ValueError(say("{code}: a fill of {volume} 张", code=fill.code, volume=fill.volume))
        why = _why_impossible(kind, fill.volume, fill.price, fill.fee)
        if why is not None:
            raise ValueError(f"{fill.code}: {why}")
        if fill.side is Side.SELL and fill.volume > (owned := self.volume(fill.code)):
            raise ValueError(
                say(
                    "{code}: sold {volume} 张, the ledger owns {owned}", code=fill.code, volume=fill.volume, owned=owned
                )
            )
        row = {"key": key, "kind": str(kind), "client_order_id": client_order_id} | row_of(fill)
        del row["trade_id"], row["remark"]
        # A fill has happened, whatever the disk says; what the user decides can be decided again.
        keep = self._backlog.store if kind is EntryKind.FILL else self._backlog.commit
        keep(lambda: self._db.table("ledger").insert(row))
        self._remember(key, client_order_id)
        self._move(
            LedgerEntry(
                kind, fill.trading_day, client_order_id, fill.code, fill.side, fill.volume, fill.price, fill.fee
            )
        )
        return True

    def _load(self, row: StoredRow) -> None:
        entry = entry_of(row)
        code, volume = entry.code, entry.volume
        if entry.side is Side.SELL and volume > (owned := self.volume(code)):
            told = say("{volume} 张 of {code} are sold, {owned} were owned", volume=volume, code=code, owned=owned)
            raise DamagedValueError(told)
        self._remember(row.get("key", as_text), entry.client_order_id)
        self._move(entry)

    def _remember(self, key: str, client_order_id: str) -> None:
        self._booked.add(key)
        if key.endswith(f"/{SETTLED}"):
            self._settled.add(client_order_id)

    def _move(self, entry: LedgerEntry) -> None:
        code, side, volume, price, fee = entry.code, entry.side, entry.volume, entry.price, entry.fee
        if entry.kind is EntryKind.FILL:
            if side is Side.BUY:
                self._bought[entry.trading_day] += price * volume + fee
            bought = volume if side is Side.BUY else -volume
            self.filled[code] += bought
            self.cash_from_fills -= price * bought + fee
        owned = self._owned.get(code) or Owned(code, 0, Decimal(0))
        if side is Side.BUY:
            known = price > 0 and (owned.volume == 0 or owned.cost > 0)  # a part without a cost is no cost of nothing
            paid = owned.cost * owned.volume + price * volume + fee if known else Decimal(0)
            self._owned[code] = Owned(code, owned.volume + volume, paid / (owned.volume + volume))
        elif owned.volume == volume:
            self._owned.pop(code, None)
        else:
            self._owned[code] = Owned(code, owned.volume - volume, owned.cost)


def entry_of(row: StoredRow) -> LedgerEntry:
    """The entry in a row of `ledger`. A price of 0 is an unknown cost, or what has no price: a release."""
    entry = LedgerEntry(
        row.get("kind", EntryKind),
        row.get("trading_day", as_day),
        row.maybe("client_order_id", as_text) or "",
        row.get("code", BondCode),
        row.get("side", Side),
        row.get("volume", as_count),
        row.get("price", as_money),
        row.get("fee", as_amount),
    )
    why = _why_impossible(entry.kind, entry.volume, entry.price, entry.fee)
    at = row.maybe("at", as_moment)
    if why is None and at is not None and (entry.trading_day - at.date()).days > 1:
        why = say("its day {day} is after its time {at:%Y-%m-%d %H:%M}", day=entry.trading_day, at=at)
    if why is not None:
        raise DamagedValueError(why)
    return entry


def _why_impossible(kind: EntryKind, volume: int, price: Decimal, fee: Decimal) -> str | None:
    """Why no such entry can have been made; what is booked keeps to it, so what is read can."""
    least = TICK if kind is EntryKind.FILL else 0
    if not (price.is_finite() and least <= price <= HIGHEST_PRICE):
        return say("a price of {price} CNY cannot be true", price=price)
    return say("a fee of {fee} CNY cannot be true", fee=fee) if impossible_fee(fee, price * volume) else None
