"""What runs while an engine runs: beats, schedule, stops, reconciliation, the login, snapshots. All on one loop."""

import asyncio
import gc
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import count

from core import __version__
from core.engine.assembly import Components, LastQuotes
from core.engine.commands import CommandHandlers
from core.engine.health import HealthMonitor
from core.engine.login import PlatformLogin
from core.engine.scheduler import ExitScheduler, JobScheduler, RunScheduler
from core.engine.snapshots import SnapshotBuilder
from core.engine.supervisor import Supervisor
from core.engine.trading_commands import TradingCommands
from core.i18n import say
from core.infra.clock import Clock, RealClock
from core.infra.credentials import Credentials
from core.infra.credentials_file import CredentialsFile
from core.infra.home import Home
from core.infra.logs import NUMBERS, text_of
from core.infra.updates import UpdateCheck
from core.model.bond import BondCode
from core.model.quote import Quote
from core.model.snapshot import Event, Level, Snapshot
from core.notify.delivery import Notifier
from core.trading.executor import INTERRUPTED
from core.trading.reconcile import end_working
from core.trading.state_store import RUNNING
from core.trading.status import BlockKind

log = logging.getLogger(__name__)

COALESCE = 0.2
"""Seconds within which several changes make one snapshot, or one reading of the account."""

_READING = 2
"""Beats between two readings of an account of which nothing was heard."""

_SLOW = 1.0
"""Seconds that a picture waits for the account."""

_LAST_WAIT = 5.0
"""Real seconds that working orders are given to be cancelled when the engine ends."""

_TABLES_WAIT = 30.0
"""Real seconds that the first plan waits for the tables of bonds; without them it says that they are missing."""

_DEAF = 60.0
"""Real seconds of silence in a session after which the source of prices is begun again."""

_SETTLED = 5
"""Beats after which what is in memory is what stays there."""

_LEVELS = {number: level for level, number in NUMBERS.items()}
_RETRY = 10
"""Beats between two tries to settle what keeps trading off, or what a rebalance has left open."""


class EngineRuntime:
    """From the first look at the account to the last line of the log."""

    def __init__(
        self, components: Components, home: Home, publish: Callable[[Snapshot], None], *, by_itself: bool = True
    ) -> None:
        self._components = components
        self._by_itself = by_itself
        self._publish = publish
        credentials = Credentials(CredentialsFile(home.credentials_file))
        self._snapshots = SnapshotBuilder(components, credentials)
        self._events = _EventLog(self._snapshots.events, components.clock)
        self._supervisor = Supervisor(components.clock)
        self._health = HealthMonitor(components, home.path, self._supervisor)
        self._notifier = Notifier(components.settings, components.clock, home, credentials, by_itself=by_itself)
        self._health.news = self._notifier.health
        self._update_check = UpdateCheck(
            home.data / "update.json", components.settings.updates.url, __version__, RealClock()
        )
        self._snapshots.release = lambda: self._update_check.release
        self._dirty = asyncio.Event()
        self._account_changed = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._tables: asyncio.Task[None] | None = None
        self._beats = 0
        self.beaten_at = time.monotonic()
        """The monotonic second of the last beat: other threads see by it whether this loop stands still."""
        self._shown: Snapshot | None = None
        self._back: str | None = None
        self._deaf_since: float | None = None
        self._was_silent = False
        self._scheduler = RunScheduler(
            components.settings,
            components.clock,
            components.calendar,
            components.state_store,
            run=lambda origin: self._trading_commands.run(origin),
            selection=components.rotation.selection,
            active=lambda: bool(components.rotation.settings.strategy.history_id),
        )
        self._trading_commands = TradingCommands(components, self._snapshots, self._scheduler, self._at_hand)
        self._sign_in = PlatformLogin(components, self._health, home, credentials, self._notifier.again)
        self.handlers = CommandHandlers(
            *(components, self._snapshots, self._health, self._trading_commands, home, credentials, self._sign_in),
            *(self._dirty.set, self._notifier.again),
        )
        self.handlers.shown = lambda: self._shown
        self._exit_scheduler = ExitScheduler(
            components.clock,
            components.state_store,
            held=self._snapshots.dangers,
            owned=components.order_manager.ledger.holdings,
            closed=lambda: components.calendar.orders_allowed(components.clock.now()),
            sell=self._trading_commands.leave,
        )
        self._job_scheduler = self._timed()
        components.order_manager.subscribe(self._on_account)
        components.order_manager.broker.watch_connection(self._on_account)
        components.feed.subscribe(self._on_quotes)

    @property
    def doing(self) -> str:
        """The last thing that was done, as it was said."""
        events = self._snapshots.events
        return f"{events[-1].at:%H:%M:%S} {events[-1].text}" if events else say("nothing yet")

    def _timed(self) -> JobScheduler:
        table = JobScheduler(self._components.clock)
        table.each_minute("login", self._sign_in.keep)
        table.each_minute("tables of bonds", self._components.bonds.refresh_if_due)
        table.each_minute("new versions", self._update_check.look_if_due)
        if not self._by_itself:
            return table
        table.whenever("rebalance", self._scheduler.next_rebalance, self._scheduler.rebalance_due)
        table.whenever("refill", self._scheduler.next_refill, self._scheduler.refill_due)
        table.each_minute("sweep of the stops", self._components.stops.sweep)
        table.each_minute("offer", self._scheduler.look_at_offer)
        table.each_minute("exits", self._exit_scheduler.look)
        return table

    async def open(self) -> None:
        """Reconcile, begin to beat, and log in behind that: a slow platform keeps no account waiting."""
        logging.getLogger().addHandler(self._events)
        self._supervisor.keep("the picture", self._keep_publishing)
        await self._components.feed.start()
        await self._components.order_manager.broker.start()
        self._tables = asyncio.create_task(self._components.bonds.refresh_if_due())
        self._note_an_unclean_end()
        await self._reconcile()
        await self._snapshots.refresh()
        self._watch()
        self._show()  # at once: whoever waited for the engine may look at what it shows
        self._sign_in.begin()
        self._supervisor.keep("the sending of news", self._notifier.carry)
        self._supervisor.keep("the beat", self._keep_beating)
        if self._by_itself:
            self._scheduler.open()
        self._job_scheduler.start()

    async def _at_hand(self) -> None:
        """Wait for what a plan needs and the start has only asked for: the login, the tables of bonds."""
        await self._sign_in.ended()
        if self._tables is not None and not self._tables.done():
            await asyncio.wait({self._tables}, timeout=_TABLES_WAIT)

    async def close(self) -> None:
        """Send nothing new; cancel what works at the broker, or leave it, as it is set: nobody watches it any more."""
        self._job_scheduler.stop()
        await self._trading_commands.close()
        await self._components.stops.close()
        await self._end_orders()
        self._show()
        self._look_for_news()
        await self._supervisor.close()
        await self._notifier.close()
        await self._sign_in.close()
        tasks = [task for task in (self._reading, self._tables) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._by_itself:
            self._components.state_store.keep(RUNNING, "")
        logging.getLogger().removeHandler(self._events)

    def _note_an_unclean_end(self) -> None:
        """Say that the run before this one did not end in order: what it left is reconciled now, brakes and all."""
        if not self._by_itself:
            return
        before, now = self._components.state_store.recall(RUNNING), RealClock().now()
        if before:
            self._back = say(
                "rotor is back: its run of {since:%m-%d %H:%M:%S} was ended without a word; the account is reconciled "
                "before anything is sent, and brakes stay as they were pulled",
                since=datetime.fromisoformat(before),
            )
            log.warning("%s", self._back)
        self._components.state_store.keep(RUNNING, now.isoformat())

    async def _end_orders(self) -> None:
        order_manager = self._components.order_manager
        working = [order.intent.client_order_id for order in order_manager.journal.open() if order.live]
        if working and self._components.settings.orders.at_exit == "leave":
            log.warning("left working at the broker, the next start settles them: %s", ", ".join(working))
            return
        try:
            async with asyncio.timeout(_LAST_WAIT):
                left = await end_working(order_manager)
            if left is not None:
                log.error("whether the working orders are cancelled is not known: %s", left)
            elif working:
                log.info("cancelled at the end: %s", ", ".join(working))
        except TimeoutError:
            log.error("the working orders were not cancelled within %.0f s: the next start settles them", _LAST_WAIT)

    async def _keep_beating(self) -> None:
        """Once a second of real time, whatever is done to the machine's clock."""
        while True:
            self._health.rest()
            await asyncio.sleep(1)
            self.beaten_at = time.monotonic()
            try:
                await self._beat()
            except Exception as error:
                log.exception("a beat failed")
                self._supervisor.fell("the beat", str(error))

    async def _beat(self) -> None:
        self._beats += 1
        self._look_for_news()
        if self._components.skip_closed_hours():
            log.info("the sandbox goes on at %s", f"{self._components.clock.now():%Y-%m-%d %H:%M}")
            self._job_scheduler.moved()
        slept = self._health.beat()
        if slept:
            self._job_scheduler.awake()
        await self._keep_reconciled(slept=slept > 0)
        self._watch()
        self._snapshots.note_equity()
        await self._keep_hearing()
        if not self._job_scheduler.running:
            self._supervisor.fell("the schedule", "it had stopped")
            self._job_scheduler.start()
        if self._beats % 5 == 0:
            self._components.keep_time()
        if self._beats % _READING == 0:
            self._account_changed.set()
        self._dirty.set()
        if self._beats == _SETTLED and self._by_itself:
            _leave_alone_what_stays()

    async def _keep_reconciled(self, *, slept: bool) -> None:
        """Turn trading off where something has come up, and reconcile at once, or again after a while."""
        order_manager, unanswered = self._components.order_manager, self._components.rotation.account.unanswered
        status = order_manager.status
        if slept:
            status.woke_up()
            self._dirty.set()
        if unanswered is not None and not status.blocked:
            status.account_silent(unanswered)
        answers_again = self._was_silent and unanswered is None and status.has(BlockKind.ACCOUNT_SILENT)
        self._was_silent = unanswered is not None
        due = slept or answers_again or status.has(BlockKind.RECONNECTED)
        again = self._beats % _RETRY == 0 and (status.blocked or order_manager.unclaimed_orders())
        if (due or again) and not await self._reconcile() and unanswered is None:
            status.account_answers()

    async def _keep_hearing(self) -> None:
        """Begin the source of prices again where it stays silent: old subscriptions die without a word."""
        silence, now = self._health.silent(), self._components.clock.real()
        if silence is None:
            self._deaf_since = None
        elif now - (self._deaf_since or (now - silence)) > _DEAF:
            self._deaf_since = now
            self._supervisor.fell("the source of prices", f"nothing heard for {silence:.0f} s")
            await self._components.feed.stop()
            await self._components.feed.start()

    async def _keep_publishing(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await self._read_what_changed()
            self._show()
            await asyncio.sleep(COALESCE)

    def _look_for_news(self) -> None:
        if self._shown is not None:
            fall = self._supervisor.latest
            self._notifier.look(self._shown, self._snapshots.dangers, None if fall is None else fall.part, self._back)

    def _show(self) -> None:
        try:
            self._shown = self._snapshots.snapshot(self._scheduler, self._health)
            self._publish(self._shown)
        except Exception as error:
            log.exception("no snapshot could be made")
            self._supervisor.fell("the picture", str(error))

    async def _read_what_changed(self) -> None:
        """Read the account anew where something of it has changed; one that is slow to answer holds up no picture."""
        clock = self._components.clock
        deadline = clock.real() + _SLOW
        while self._account_changed.is_set() and clock.real() < deadline:
            if self._reading is None or self._reading.done():
                self._account_changed.clear()
                self._reading = asyncio.create_task(self._read())
            await asyncio.wait({self._reading}, timeout=deadline - clock.real())

    async def _read(self) -> None:
        try:
            await self._snapshots.refresh()
        except Exception:
            log.exception("the account could not be read")
        self._dirty.set()

    def _on_account(self) -> None:
        self._account_changed.set()
        self._dirty.set()

    async def _reconcile(self) -> bool:
        """Reconcile, and log what that has changed; False while a run has the account to itself."""
        status = self._components.order_manager.status
        before = status.reasons
        if await self._components.rotation.reconcile() is None:
            return False
        for plan_id in self._components.runs.unfinished():
            self._components.runs.finish(plan_id, INTERRUPTED, None, self._components.clock.now())
        reasons = status.reasons
        if reasons != before:
            for reason in reasons:
                log.error("trading is off: %s", reason.text)
            if not reasons:
                log.info("the account and the ledger agree: trading is on")
        return True

    def _watch(self) -> None:
        """Follow the prices of what is held, owned, planned and working."""
        order_manager, plan = self._components.order_manager, self._snapshots.plan
        codes = {
            *order_manager.ledger.holdings(),
            *self._snapshots.held,
            *(order.intent.code for order in order_manager.journal.open()),
        }
        followed = codes | set(plan.codes if plan else ())
        self._components.feed.watch(followed)
        if not followed:
            self._components.watched_at = None
        elif self._components.watched_at is None:
            self._components.watched_at = self._components.clock.real()

    def _on_quotes(self, quotes: Mapping[BondCode, Quote]) -> None:
        if self._health.overslept:  # these prices may be the first to wake up, before the next beat
            self._components.order_manager.status.woke_up()
        if self._by_itself:
            self._components.stops.on_quotes(quotes)  # first of all: nothing else is in a hurry
        newest = max(quote.at for quote in quotes.values())
        before = self._components.heard
        self._components.heard = LastQuotes(
            max(newest, before.newest) if before else newest, self._components.clock.real()
        )
        self._snapshots.take(quotes)
        self._dirty.set()


def _leave_alone_what_stays() -> None:
    """Have the garbage collector pass over what the start has made. It goes through all that ever was, every now and
    then: 60 ms and more in which nothing else runs, and in which a stop would wait. A last round before this would be
    one of those; what garbage the start has left may stay."""
    gc.freeze()


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
        text = text_of(_said(record)).partition("\\n")[
            0
        ]  # redacted and escaped as in the file; a traceback stays there
        self._events.append(Event(next(self._numbers), self._clock.now(), level, text))


def _said(record: logging.LogRecord) -> logging.LogRecord:
    """The same record in the user's language; the file has it in English."""
    told = logging.makeLogRecord(record.__dict__)
    told.msg = say(str(record.msg))
    if isinstance(record.args, tuple):
        told.args = tuple(say(word) if isinstance(word, str) else word for word in record.args)
    return told
