"""What runs while an engine runs: beats, reconciliation, the platform's login, snapshots. All on one loop."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count

from apscheduler.schedulers.asyncio import AsyncIOScheduler  # pyright: ignore[reportMissingTypeStubs]

from core import credentials
from core.clock import SHANGHAI, Clock
from core.engine.answers import Answers
from core.engine.parts import Heard, Parts
from core.engine.view import View
from core.factorcat import FactorCatError
from core.home import Home
from core.logs import NUMBERS, hide, text_of
from core.model.bond import BondCode
from core.model.known import Unknown
from core.model.quote import Quote
from core.model.snapshot import Event, Level, Snapshot
from core.trading.executor import INTERRUPTED
from core.trading.reconcile import end_working

log = logging.getLogger(__name__)

COALESCE = 0.2
"""Seconds within which several changes make one snapshot, or one reading of the account."""

_READING = 2
"""Beats between two readings of an account of which nothing was heard."""

_BACK = "the account is within reach again, and is reconciled before anything is sent"

_SLOW = 1.0
"""Seconds that a picture waits for the account."""

_LAST_WAIT = 5.0
"""Real seconds that working orders are given to be cancelled when the engine ends."""

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
        self._account_changed = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._beats = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.answers = Answers(parts, self._view, home, self._dirty.set)
        parts.desk.changed = self._on_account
        parts.desk.broker.watch_link(self._on_account)
        parts.feed.subscribe(self._on_quotes)

    async def open(self) -> None:
        """Reconcile, begin to beat, and log in behind that: a slow platform keeps no account waiting."""
        logging.getLogger().addHandler(self._events)
        self._tasks.append(asyncio.create_task(self._keep_publishing()))
        await self._parts.feed.start()
        await self._parts.desk.broker.start()
        await self._reconcile()
        await self._view.refresh()
        self._watch()
        self._dirty.set()
        self.answers.login = asyncio.create_task(self._log_in())
        self._tasks += [self.answers.login, asyncio.create_task(self._keep_beating())]
        self._scheduler.add_job(self._renew, "interval", seconds=60)  # pyright: ignore[reportUnknownMemberType]
        self._scheduler.start()

    async def close(self) -> None:
        """Send nothing new, and cancel what works at the broker: nobody is there to watch it any more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await self.answers.close()
        try:
            async with asyncio.timeout(_LAST_WAIT):
                left = await end_working(self._parts.desk)
            if left is not None:
                log.error("whether the working orders are cancelled is not known: %s", left)
        except TimeoutError:
            log.error("the working orders were not cancelled within %.0f s: the next start settles them", _LAST_WAIT)
        tasks = [*self._tasks, *([self._reading] if self._reading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        logging.getLogger().removeHandler(self._events)

    async def _keep_beating(self) -> None:
        """Once a second of real time, whatever is done to the machine's clock."""
        while True:
            await asyncio.sleep(1)
            try:
                await self._beat()
            except Exception:
                log.exception("a beat failed")

    async def _beat(self) -> None:
        self._beats += 1
        if self._parts.skip_closed_hours():
            log.info("the sandbox goes on at %s", f"{self._parts.clock.now():%Y-%m-%d %H:%M}")
        desk = self._parts.desk
        back = desk.broker.link.up and desk.broker.link.number != desk.reconciled
        if back:
            self._view.blockers = (_BACK,)
            self._dirty.set()
        if back or (self._beats % _RETRY == 0 and (self._view.blockers or desk.journal.open())):
            await self._reconcile()
        if not self._view.blockers:
            self._view.blockers = self._trouble()
        self._watch()
        self._view.note_equity()
        if self._beats % 5 == 0:
            self._parts.keep_time()
        if self._beats % _READING == 0:
            self._account_changed.set()
        self._dirty.set()

    def _trouble(self) -> tuple[str, ...]:
        """What has come up since the account was reconciled; it is reconciled anew before trading goes on."""
        unanswered = self._view.unanswered
        silent = () if unanswered is None else (f"the account does not answer: {unanswered}",)
        return (*self._parts.desk.faults, *silent)

    async def _keep_publishing(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._read_what_changed()
                self._publish(self._view.snapshot())
            except Exception:
                log.exception("no snapshot could be made")
            await asyncio.sleep(COALESCE)

    async def _read_what_changed(self) -> None:
        """Read the account anew where something of it has changed; one that is slow to answer holds up no picture."""
        deadline = time.monotonic() + _SLOW
        while self._account_changed.is_set() and time.monotonic() < deadline:
            if self._reading is None or self._reading.done():
                self._account_changed.clear()
                self._reading = asyncio.create_task(self._read())
            await asyncio.wait({self._reading}, timeout=deadline - time.monotonic())

    async def _read(self) -> None:
        try:
            await self._view.refresh()
        except Exception:
            log.exception("the account could not be read")
        self._dirty.set()

    def _on_account(self) -> None:
        self._account_changed.set()
        self._dirty.set()

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
            await self.answers.recognise()

    async def _try(self, username: str, password: str) -> None:
        try:
            await self._parts.platform.login(username, password)
            self._view.platform = (Level.GOOD, "ok")
        except FactorCatError as error:
            self._view.platform = (Level.ERROR, str(error))
            log.warning("%s", error)

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
        followed = codes | set(plan.codes if plan else ())
        self._parts.feed.watch(followed)
        if not followed:
            self._parts.watched_at = None
        elif self._parts.watched_at is None:
            self._parts.watched_at = time.monotonic()

    def _on_quotes(self, quotes: Mapping[BondCode, Quote]) -> None:
        newest = max(quote.at for quote in quotes.values())
        before = self._parts.heard
        self._parts.heard = Heard(max(newest, before.newest) if before else newest, time.monotonic())
        self._view.take(quotes)
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
        text = text_of(record).partition("\\n")[0]  # redacted and escaped, as in the file; a traceback stays there
        self._events.append(Event(next(self._numbers), self._clock.now(), level, text))
