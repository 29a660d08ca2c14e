"""What runs while an engine runs: beats, reconciliation, the platform's login, snapshots. All on one loop."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count

from apscheduler.schedulers.asyncio import AsyncIOScheduler  # pyright: ignore[reportMissingTypeStubs]

from core import credentials
from core.clock import SHANGHAI, Clock
from core.engine.answers import Answers
from core.engine.parts import SANDBOX_TIME, Heard, Parts
from core.engine.view import View
from core.factorcat import FactorCatError
from core.home import Home
from core.logs import NUMBERS, hide
from core.model.bond import BondCode
from core.model.known import Unknown
from core.model.quote import Quote
from core.model.snapshot import Event, Level, Snapshot
from core.trading.executor import INTERRUPTED

log = logging.getLogger(__name__)

COALESCE = 0.2
"""Seconds within which several changes make one snapshot."""

_LEVELS = {number: level for level, number in NUMBERS.items()}
_RETRY = 10
"""Beats between two tries to settle what keeps trading off, or what a rebalance has left open."""


class Shift:
    """From the first look at the account to the last line of the log."""

    def __init__(self, parts: Parts, home: Home, publish: Callable[[Snapshot], None]) -> None:
        self._parts = parts
        self._publish = publish
        self._view = View(parts)
        self._events = _EventLog(self._view.events, parts.clock)
        self._scheduler = AsyncIOScheduler(timezone=SHANGHAI)
        self._dirty = asyncio.Event()
        self._beats = 0
        self._publisher: asyncio.Task[None] | None = None
        self.answers = Answers(parts, self._view, home, self._dirty.set)
        parts.desk.changed = self._dirty.set
        parts.feed.subscribe(self._on_quotes)

    async def open(self) -> None:
        """Start the feed and the broker, reconcile, log in, and begin to beat."""
        logging.getLogger().addHandler(self._events)
        self._publisher = asyncio.create_task(self._keep_publishing())
        await self._parts.feed.start()
        await self._parts.desk.broker.start()
        await self._log_in()
        await self._reconcile()
        await self._view.refresh()
        self._watch()
        self._dirty.set()
        for job, seconds in ((self._beat, 1), (self._renew, 60)):
            self._scheduler.add_job(  # pyright: ignore[reportUnknownMemberType]
                job, "interval", seconds=seconds, coalesce=True, misfire_grace_time=None
            )
        self._scheduler.start()

    async def close(self) -> None:
        """Send nothing new; what works at the broker is taken up by the next start."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await self.answers.close()
        if self._publisher is not None:
            self._publisher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._publisher
        logging.getLogger().removeHandler(self._events)

    async def _beat(self) -> None:
        self._beats += 1
        if self._beats % _RETRY == 0 and (self._view.blockers or self._parts.desk.journal.open()):
            await self._reconcile()
        if self._parts.desk.faults and not self._view.blockers:
            self._view.blockers = tuple(self._parts.desk.faults)
        self._watch()
        self._view.note_equity()
        if self._parts.settings.mode == "sandbox" and self._beats % 5 == 0:
            self._parts.memory.keep(SANDBOX_TIME, self._parts.clock.now().isoformat())
        self._dirty.set()

    async def _keep_publishing(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._view.refresh()
                self._publish(self._view.snapshot())
            except Exception:
                log.exception("no snapshot could be made")
            await asyncio.sleep(COALESCE)

    async def _reconcile(self) -> None:
        before, found = self._view.blockers, await self._parts.rotation.reconcile()
        if found is None:
            return
        self._view.blockers = found
        for plan_id in self._parts.runs.unfinished():
            self._parts.runs.finish(plan_id, INTERRUPTED, None, self._parts.clock.now())
        if self._view.blockers == before:
            return
        for row in self._view.blockers:
            log.error("trading is off: %s", row)
        if not self._view.blockers:
            log.info("the account and the ledger agree: trading is on")

    async def _log_in(self) -> None:
        """The sandbox takes anybody; elsewhere the remembered password, if it may be used."""
        settings, platform = self._parts.settings, self._parts.platform
        name = settings.factorcat.username
        if settings.mode == "sandbox":
            await self._try(name or "sandbox", "sandbox")
        elif settings.factorcat.auto_login and name:
            found = await asyncio.to_thread(credentials.remembered_password, name)
            if isinstance(found, Unknown):
                log.warning("%s", found.reason)
            elif found.value is not None:
                hide(found.value)
                await self._try(name, found.value.get_secret_value())
        if platform.user is not None:
            await self._recognise()

    async def _try(self, username: str, password: str) -> None:
        try:
            await self._parts.platform.login(username, password)
            self._view.platform = (Level.GOOD, "ok")
        except FactorCatError as error:
            self._view.platform = (Level.ERROR, str(error))
            log.warning("%s", error)

    async def _recognise(self) -> None:
        try:
            await self.answers.recognise()
        except FactorCatError as error:
            log.warning("the followed strategy's name is not known: %s", error)

    async def _renew(self) -> None:
        try:
            await self._parts.platform.renew_if_due()
        except FactorCatError as error:
            self._view.platform = (Level.WARNING, str(error))
            log.warning("the login could not be renewed: %s", error)

    def _watch(self) -> None:
        """Follow the prices of what is held, owned, planned and working."""
        desk, plan = self._parts.desk, self._view.plan
        codes = {*desk.ledger.holdings(), *self._view.held, *(order.intent.code for order in desk.journal.open())}
        self._parts.feed.watch(codes | set(plan.codes if plan else ()))

    def _on_quotes(self, quotes: Mapping[BondCode, Quote]) -> None:
        newest = max(quote.at for quote in quotes.values())
        before = self._parts.heard
        self._parts.heard = Heard(max(newest, before.newest) if before else newest, time.monotonic())
        self._dirty.set()


class _EventLog(logging.Handler):
    """What the log says of trading is what the screen shows as events."""

    def __init__(self, events: deque[Event], clock: Clock) -> None:
        super().__init__(logging.INFO)
        self._events = events
        self._clock = clock
        self._numbers = count(1)

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("core.") and record.levelno < logging.WARNING:
            return
        level = _LEVELS.get(record.levelno, Level.ERROR)
        self._events.append(Event(next(self._numbers), self._clock.now(), level, record.getMessage()))
