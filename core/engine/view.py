"""The picture that screens are shown, put together from the parts."""

import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from core.engine.parts import Parts
from core.logs import NUMBERS
from core.model.account import Asset, Position
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.order import Order
from core.model.plan import Plan
from core.model.quote import Quote
from core.model.snapshot import Event, Followed, Health, Level, PositionRow, Rebalance, Snapshot
from core.quotes.feed import Quotes
from core.trading.runs import progress

log = logging.getLogger(__name__)

SILENCE = 10.0
"""Real seconds after which a silent feed is an alarm in a session."""

_ALARM = f"no price has been heard for {SILENCE:.0f} s in a session: those on the screen may be old"

_NOT_READ: Unknown = Unknown("not read yet")


@dataclass(slots=True)
class Account:
    """The account and the prices of what it holds, as they were read last."""

    asset: Maybe[Asset] = _NOT_READ
    positions: Maybe[tuple[Position, ...]] = _NOT_READ
    quotes: Quotes | None = None


class View:
    """Makes snapshots. It reads the account in `refresh`; everything else is in memory already."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._account = Account()
        self._health: dict[str, Health] = {}
        self._number = 0
        self._silent = False
        self.events: deque[Event] = deque(maxlen=200)
        self.equity: deque[tuple[datetime, Decimal]] = deque(parts.memory.equity(240), maxlen=240)
        self.plan: Plan | None = None
        self.blockers: tuple[str, ...] = ("the account is not reconciled yet",)
        self.platform: tuple[Level, str] = (Level.WARNING, "not logged in")

    @property
    def unanswered(self) -> str | None:
        """Why the account did not answer when it was read last, None when it did."""
        return self._account.asset.reason if isinstance(self._account.asset, Unknown) else None

    @property
    def held(self) -> tuple[BondCode, ...]:
        """The bonds that the account holds, as it was read last."""
        positions = self._account.positions
        return tuple(position.code for position in positions.value) if isinstance(positions, Known) else ()

    async def refresh(self) -> None:
        """Read the account and the prices of its holdings. The asset is asked first: it proves the link."""
        broker = self._parts.desk.broker
        asset = await broker.asset()
        positions: Maybe[tuple[Position, ...]] = (
            await broker.positions() if isinstance(asset, Known) else Unknown(asset.reason)
        )
        self._account = Account(asset, positions, self._account.quotes)
        self._account.quotes = await self._parts.feed.snapshot(self.held)

    def take(self, quotes: Mapping[BondCode, Quote]) -> None:
        """Prices that were pushed: they stand until the account is read again."""
        self._account.quotes = {**(self._account.quotes or {}), **{code: Known(q) for code, q in quotes.items()}}

    def note_equity(self) -> None:
        """Keep one point of the equity line for each minute of the market."""
        asset, now = self._account.asset, self._parts.clock.now().replace(second=0, microsecond=0)
        if isinstance(asset, Known) and (not self.equity or self.equity[-1][0] < now):
            self.equity.append((now, asset.value.total))
            self._parts.memory.add_equity(now, asset.value.total)

    def snapshot(self) -> Snapshot:
        parts, now = self._parts, self._parts.clock.now()
        self._number += 1
        followed = parts.rotation.settings.strategy
        return Snapshot(
            number=self._number,
            at=now,
            mode=parts.settings.mode,
            account=parts.desk.broker.account,
            session=str(parts.calendar.phase(now)),
            trading_day=now.date(),
            ready=not self.blockers,
            blockers=self.blockers,
            platform_user=parts.platform.user,
            health=(self._broker_health(now), self._quote_health(now), self._platform_health(now)),
            followed=Followed(followed.strategy_id, followed.history_id, parts.strategy_name)
            if followed.history_id
            else None,
            asset=self._account.asset,
            positions=self._positions(),
            orders=self._orders(now.date()),
            plan=self.plan,
            rebalance=self.rebalance(),
            events=tuple(self.events),
            equity=tuple(self.equity),
            stops="not watched by this version",
            needs=parts.permits.missing() if parts.permits else (),
        )

    def rebalance(self) -> Rebalance | None:
        """The rebalance that runs, with its legs as they are now; else the last one."""
        parts, executor, journal = self._parts, self._parts.rotation.executor, self._parts.desk.journal
        plan = executor.plan
        if plan is None:
            return parts.runs.last(journal.of_plan)
        orders = journal.of_plan(plan.plan_id)
        started = orders[0].created_at if orders else parts.clock.now()
        unresolved = tuple(order.intent.client_order_id for order in orders if order.unresolved)
        return Rebalance(
            plan.plan_id, started, None, executor.stage, progress(plan.legs, orders, executor.stopped), unresolved
        )

    def _positions(self) -> Maybe[tuple[PositionRow, ...]]:
        positions = self._account.positions
        if isinstance(positions, Unknown):
            return positions
        ledger, quotes = self._parts.desk.ledger.holdings(), self._account.quotes or {}
        return Known(
            tuple(
                _row(position, ledger[position.code].volume if position.code in ledger else 0, quotes)
                for position in positions.value
            )
        )

    def _orders(self, today: date) -> tuple[Order, ...]:
        """Today's, and before them what earlier days have left open."""
        journal = self._parts.desk.journal
        left = (order for order in journal.open() if order.intent.trading_day < today)
        return (*left, *journal.of_day(today))

    def _broker_health(self, now: datetime) -> Health:
        link, asset = self._parts.desk.broker.link, self._account.asset
        name = "QMT" if self._parts.settings.mode == "live" else "broker"
        if link.up and isinstance(asset, Unknown):
            return self._since(name, Level.ERROR, asset.reason, now)
        return self._since(name, Level.GOOD if link.up else Level.ERROR, link.text, now)

    def _quote_health(self, now: datetime) -> Health:
        """How old the newest price is; an alarm where followed prices have stood still in a session."""
        heard, watched_at = self._parts.heard, self._parts.watched_at
        if watched_at is None:
            return self._since("quotes", Level.INFO, "no bond watched", now)
        last = max(heard.at, watched_at) if heard else watched_at
        silent = time.monotonic() - last > SILENCE and self._parts.calendar.orders_allowed(now) is None
        text = "none yet"
        if heard is not None:
            age = max((now - heard.newest).total_seconds(), 0.0)
            text = f"{age:.1f}s" if age < 60 else f"{age / 60:.0f}min" if age < 3600 else f"{age / 3600:.0f}h"
        if silent != self._silent:
            self._silent = silent
            log.log(NUMBERS[Level.ERROR if silent else Level.GOOD], _ALARM if silent else "prices are heard again")
        return self._since("quotes", Level.ERROR if silent else Level.GOOD, text, now)

    def _platform_health(self, now: datetime) -> Health:
        level, text = self.platform
        return self._since("FactorCat", level, text, now)

    def _since(self, name: str, level: Level, text: str, now: datetime) -> Health:
        before = self._health.get(name)
        since = before.since if before is not None and before.level is level else now
        self._health[name] = Health(name, level, text, since)
        return self._health[name]


def _row(position: Position, ours: int, quotes: Mapping[BondCode, Maybe[Quote]]) -> PositionRow:
    found = quotes.get(position.code)
    quote = found.value if isinstance(found, Known) else None
    return PositionRow(
        code=position.code,
        name=quote.name if quote else "",
        volume=position.volume,
        sellable=position.sellable,
        ours=min(ours, position.volume),
        cost=position.cost or None,
        last=quote.last if quote else None,
        prev_close=quote.prev_close if quote else None,
        quoted_at=quote.at if quote else None,
        state=str(quote.state) if quote else "no quote",
    )
