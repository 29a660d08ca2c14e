"""A trading day of a complete engine on a simulated loop, with its laws checked throughout."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TypeVar

from core import __version__
from core.brokers.paper import PaperBroker
from core.calendar.calendar import Calendar
from core.engine.assembly import compose
from core.engine.runtime import EngineRuntime
from core.factorcat.client import FactorCatClient
from core.infra.database import open_database
from core.infra.home import Home
from core.model.bond import BondCode
from core.model.command import Command, Reply
from core.model.known import Known
from core.model.order import STOP_ORIGINS, Origin, Side
from core.model.settings import (
    BuySettings,
    GuardSettings,
    OrderSettings,
    ScheduleSettings,
    Settings,
    StopSettings,
    StrategySettings,
)
from core.model.snapshot import Snapshot
from core.model.time import SHANGHAI
from core.rules.pricing import why_not_tradable
from core.sandbox.bonds import SandboxBondInfo
from core.sandbox.dialects import Dialect
from core.sandbox.platform import EmbeddedPlatform
from core.sandbox.recorded import load_sandbox_data
from core.trading.state_store import TRADING, StateStore
from tests.day.faults import FaultyBroker, FaultyMarket, FaultyPlatform
from tests.day.loop import LoopClock, SimulatedLoop

T = TypeVar("T")
DAY = datetime(2026, 5, 18, tzinfo=SHANGHAI)
SPEED = 30.0
SETTINGS = Settings(
    mode="sandbox",
    strategy=StrategySettings(strategy_id=4, history_id=403),
    buy=BuySettings(amount_type="balance"),
    orders=OrderSettings(type="market", timeout=30, reprices=2),
    guards=GuardSettings(max_daily_buys=Decimal(10_000_000)),
    stops=StopSettings(take_profit=Decimal("0.04"), stop_loss=Decimal("0.03"), refill=True, refill_time="14:50"),
    schedule=ScheduleSettings(frequency="daily", time="14:50"),
)
PATIENCE = 300.0
"""Market seconds a sellable bond may be beyond its trigger price in a healthy engine without an order."""


def at(text: str) -> datetime:
    return datetime.combine(DAY, time.fromisoformat(text), SHANGHAI)


@dataclass(slots=True)
class Record:
    """What was observed, and every breach of a law."""

    breaches: list[str] = field(default_factory=list[str])
    missed: list[str] = field(default_factory=list[str])
    snapshots: int = 0
    orders: int = 0
    fills: int = 0
    stops: int = 0
    refills: int = 0
    restarts: int = 0


class DayWorld:
    """One data folder over a day; `again` restarts the engine over the same database."""

    def __init__(
        self,
        folder: Path,
        loop: SimulatedLoop,
        *,
        seed: int = 0,
        faults: float = 0.0,
        settings: Settings = SETTINGS,
        speed: float = SPEED,
        dialects: Collection[Dialect] = (),
    ) -> None:
        self.folder = folder
        self.random = Random(seed)
        self.settings = settings
        self.clock = LoopClock(at("09:15"), loop, speed)
        self.market = FaultyMarket(self.clock, load_sandbox_data(), seed)
        self.outages: list[object] = []
        self.record = Record()
        self._faults = faults
        self._dialects = dialects
        self._broker_faults = faults
        self._through: dict[BondCode, datetime] = {}
        self._halts: list[tuple[datetime, str]] = []
        self.latest: Snapshot | None = None
        self.sent: list[tuple[datetime, object]] = []

    async def open(self) -> None:
        self.db = open_database(self.folder / "app.db", TRADING, durable=False)
        paper = PaperBroker(
            self.folder / "paper.db",
            self.market,
            self.clock,
            self.settings.fees,
            Decimal(1_000_000),
            durable=False,
        )
        sent = self.broker.sent if hasattr(self, "broker") else []
        self.broker = FaultyBroker(paper, self.clock, self.random, self._broker_faults)
        self.broker.sent = sent
        outages = self.transport.outages if hasattr(self, "transport") else []
        self.transport = FaultyPlatform(EmbeddedPlatform(self.market, self.clock, self._dialects), self.clock)
        self.transport.outages = outages
        platform = FactorCatClient(
            self.settings.factorcat.base_url, version=__version__, clock=self.clock, transport=self.transport
        )
        state_store = StateStore(self.db)
        self.components = compose(
            self.settings,
            self.clock,
            self.market,
            platform,
            self.db,
            state_store,
            self.broker,
            SandboxBondInfo(self.market.data),
        )
        self.shift = EngineRuntime(self.components, Home(self.folder), self._seen)
        await self.shift.open()

    async def close(self) -> None:
        await self.shift.close()
        await self.components.close()

    async def crash(self) -> None:
        """End it like a kill: everything stops at once, and nothing more is written."""
        logging.disable(logging.CRITICAL)
        self.shift._job_scheduler.stop()  # pyright: ignore[reportPrivateUsage]
        logging.getLogger().removeHandler(self.shift._events)  # pyright: ignore[reportPrivateUsage]
        self.market._listeners.clear()  # pyright: ignore[reportPrivateUsage]
        self.broker.end()
        current = asyncio.current_task()
        left = [task for task in asyncio.all_tasks() if task is not current]
        self.components.database.close()
        self.broker.inner._stopped = True  # pyright: ignore[reportPrivateUsage]
        self.broker.inner._store._db.close()  # pyright: ignore[reportPrivateUsage]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self.market._beat = None  # pyright: ignore[reportPrivateUsage]
        logging.disable(logging.NOTSET)
        self.record.restarts += 1
        await self.open()

    async def ask(self, command: Command[T]) -> Reply[T]:
        return await self.shift.handlers.answer(command)

    async def until(self, text: str, each: Callable[[], Awaitable[None]] | None = None) -> None:
        """Continue to that time of day, checking the laws every 20 market seconds."""
        while self.clock.now() < at(text):
            left = (at(text) - self.clock.now()).total_seconds()
            await self.clock.sleep(min(20.0, left + 0.001))
            self.look()
            if each is not None:
                await each()

    def _seen(self, snapshot: Snapshot) -> None:
        self.latest = snapshot
        self.record.snapshots += 1
        if snapshot.missed is not None:
            text = f"{snapshot.missed.planned_at:%H:%M}: {snapshot.missed.why}"
            if text not in self.record.missed:
                self.record.missed.append(text)

    @property
    def owned(self) -> dict[BondCode, int]:
        return {code: owned.volume for code, owned in self.components.order_manager.ledger.holdings().items()}

    @property
    def held(self) -> dict[BondCode, int]:
        holdings = self.broker.inner._store.holdings  # pyright: ignore[reportPrivateUsage]
        return {code: holding.volume for code, holding in holdings.items()}

    def note_halt(self, state: str) -> None:
        """From now on the day is halted, paused or neither (an empty string)."""
        self._halts.append((self.clock.now(), state))

    def breach(self, text: str) -> None:
        told = f"{self.clock.now():%H:%M:%S} {text}"
        if text not in (seen.partition(" ")[2] for seen in self.record.breaches):
            self.record.breaches.append(told)

    def look(self) -> None:
        """The laws that hold at every moment."""
        books = self.broker.inner._store  # pyright: ignore[reportPrivateUsage]
        if books.account.cash < 0 or books.account.frozen < 0:
            self.breach(f"cash is below zero: {books.account}")
        live = Counter(order.code for order in self.broker.inner._working.values())  # pyright: ignore[reportPrivateUsage]
        for code, number in live.items():
            if number > 1:
                self.breach(f"{code} has {number} orders at the broker")
        for code, volume in self.owned.items():
            if volume > self.held.get(code, 0) and not self._in_flight(code):
                self.breach(f"{code}: the ledger owns {volume}, the account holds {self.held.get(code, 0)}")
        self._look_at_stops()

    def _in_flight(self, code: BondCode) -> bool:
        """Fills may not be booked yet: their events are lost or late, and the next check finds them."""
        return (
            any(order.intent.code == code for order in self.components.order_manager.journal.open())
            or self._broker_faults > 0
        )

    def _look_at_stops(self) -> None:
        """A stop that should fire and does not."""
        now, order_manager, stops = self.clock.now(), self.components.order_manager, self.components.stops
        healthy = (
            not order_manager.status.blocked
            and order_manager.risk.orders_allowed(now) is None
            and not self.components.rotation.controls.halted
            and not any(spell.holds(now) for spell in self.market.silences)
            and now < at("14:56")
        )
        for code, row in stops.rows().items():
            found = self.market.quote(code, now)
            through = (
                healthy
                and isinstance(found, Known)
                and row.loss is not None
                and row.profit is not None
                and not row.loss < found.value.last < row.profit
                and why_not_tradable(Side.SELL, found.value, now.date()) is None
                and not any(order.intent.code == code for order in order_manager.journal.open())
            )
            if not through:
                self._through.pop(code, None)
            elif (now - self._through.setdefault(code, now)).total_seconds() > PATIENCE:
                self.breach(f"{code} has stood through its stop since {self._through[code]:%H:%M:%S} ({row.state})")

    async def finish(self) -> Record:
        """The laws that hold at the end of the day when every order is settled."""
        self.broker.rate = self._broker_faults = 0.0
        await self.until("15:05")
        for _ in range(3):
            self.broker.break_link(0.5)  # only a later connection proves that an order never arrived
            await asyncio.sleep(25)
        books = self.broker.inner._store  # pyright: ignore[reportPrivateUsage]
        listed, fills = books.orders(DAY.date()), books.fills(DAY.date())
        ours = {
            order.intent.client_order_id: order for order in self.components.order_manager.journal.of_day(DAY.date())
        }
        for remark, number in Counter(order.remark for order in listed).items():
            if number > 1:
                self.breach(f"{remark} was ordered {number} times")
            if remark not in ours:
                self.breach(f"{remark} is at the broker and not in the journal")
        for order in ours.values():
            if not order.done:
                self.breach(f"{order.intent.client_order_id} is {order.state} at the end of the day")
        booked = Counter[str]()
        for fill in fills:
            booked[fill.remark] += fill.volume
        for remark, volume in booked.items():
            if remark in ours and ours[remark].filled_volume != volume:
                self.breach(f"{remark}: {volume} filled, {ours[remark].filled_volume} booked")
        if self.owned != self.held:
            self.breach(f"ledger and account differ: {sorted(self.owned.items() ^ self.held.items())}")
        self._check_order_of_things()
        self.record.orders, self.record.fills = len(listed), len(fills)
        self.record.stops = sum(order.intent.origin in STOP_ORIGINS for order in ours.values())
        self.record.refills = sum(order.intent.origin is Origin.REFILL for order in ours.values())
        return self.record

    def _check_order_of_things(self) -> None:
        """Hours, halts, pauses, and no bond bought after its stop."""
        stopped: dict[BondCode, datetime] = {}
        for moment, intent in self.broker.sent:
            reason = Calendar().orders_allowed(moment)
            if reason is not None:
                self.breach(f"{intent.client_order_id} was sent at {moment:%H:%M:%S}: {reason}")
            state = next((word for when, word in reversed(self._halts) if when <= moment), "")
            if state == "halted" and intent.origin is not Origin.FLATTEN:
                self.breach(f"{intent.client_order_id} was sent in a halt")
            if state == "paused" and intent.side is Side.BUY:
                self.breach(f"{intent.client_order_id} was bought in a pause")
            if intent.origin in STOP_ORIGINS:
                stopped.setdefault(intent.code, moment)
            elif intent.side is Side.BUY and intent.code in stopped:
                self.breach(f"{intent.code} was bought at {moment:%H:%M:%S}, stopped at {stopped[intent.code]:%H:%M}")
