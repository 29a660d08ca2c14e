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
from core.engine.assembly import Heard, Parts
from core.engine.commands import Answers
from core.engine.health import Vitals
from core.engine.login import SignIn
from core.engine.scheduler import Agenda, Exits, Timetable
from core.engine.snapshots import View
from core.engine.supervisor import Supervisor
from core.engine.trading_commands import Steering
from core.i18n import say
from core.infra.clock import Clock, RealClock
from core.infra.credentials import Vault
from core.infra.credentials_file import Safe
from core.infra.home import Home
from core.infra.logs import NUMBERS, text_of
from core.infra.updates import Lookout
from core.model.bond import BondCode
from core.model.quote import Quote
from core.model.snapshot import Event, Level, Snapshot
from core.notify.delivery import NewsWire
from core.trading.executor import INTERRUPTED
from core.trading.reconcile import end_working
from core.trading.state_store import RUNNING

log = logging.getLogger(__name__)

COALESCE = 0.2
"""Seconds within which several changes make one snapshot, or one reading of the account."""

_READING = 2
"""Beats between two readings of an account of which nothing was heard."""

_BACK = "the account is within reach again, and is reconciled before anything is sent"
_AWAKE = "the machine has slept: the account is reconciled before anything is sent"

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


class Shift:
    """From the first look at the account to the last line of the log."""

    def __init__(
        self, parts: Parts, home: Home, publish: Callable[[Snapshot], None], *, by_itself: bool = True
    ) -> None:
        self._parts = parts
        self._by_itself = by_itself
        self._publish = publish
        vault = Vault(Safe(home.safe))
        self._view = View(parts, vault)
        self._events = _EventLog(self._view.events, parts.clock)
        self._supervisor = Supervisor(parts.clock)
        self._vitals = Vitals(parts, home.path, self._supervisor, lambda: self._view.unanswered)
        self._wire = NewsWire(parts.settings, parts.clock, home, vault, by_itself=by_itself)
        self._vitals.news = self._wire.health
        self._lookout = Lookout(home.data / "update.json", parts.settings.updates.url, __version__, RealClock())
        self._view.release = lambda: self._lookout.release
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
        self._agenda = Agenda(
            parts.settings,
            parts.clock,
            parts.calendar,
            parts.memory,
            run=lambda origin: self._steering.run(origin),
            selection=parts.rotation.selection,
            active=lambda: bool(parts.rotation.settings.strategy.history_id),
        )
        self._steering = Steering(parts, self._view, self._agenda, self._at_hand)
        self._sign_in = SignIn(parts, self._vitals, home, vault, self._wire.again)
        self.answers = Answers(
            *(parts, self._view, self._vitals, self._steering, home, vault, self._sign_in),
            *(self._dirty.set, self._wire.again),
        )
        self.answers.shown = lambda: self._shown
        self._exits = Exits(
            parts.clock,
            parts.memory,
            held=self._view.dangers,
            owned=parts.desk.ledger.holdings,
            closed=lambda: parts.calendar.orders_allowed(parts.clock.now()),
            sell=self._steering.leave,
        )
        self._timetable = self._timed()
        parts.desk.changed = self._on_account
        parts.desk.broker.watch_link(self._on_account)
        parts.feed.subscribe(self._on_quotes)

    @property
    def doing(self) -> str:
        """The last thing that was done, as it was said."""
        events = self._view.events
        return f"{events[-1].at:%H:%M:%S} {events[-1].text}" if events else say("nothing yet")

    def _timed(self) -> Timetable:
        table = Timetable(self._parts.clock)
        table.each_minute("login", self._sign_in.keep)
        table.each_minute("tables of bonds", self._parts.bonds.refresh_if_due)
        table.each_minute("new versions", self._lookout.look_if_due)
        if not self._by_itself:
            return table
        table.whenever("rebalance", self._agenda.next_rebalance, self._agenda.rebalance_due)
        table.whenever("refill", self._agenda.next_refill, self._agenda.refill_due)
        table.each_minute("sweep of the stops", self._parts.stops.sweep)
        table.each_minute("offer", self._agenda.look_at_offer)
        table.each_minute("exits", self._exits.look)
        return table

    async def open(self) -> None:
        """Reconcile, begin to beat, and log in behind that: a slow platform keeps no account waiting."""
        logging.getLogger().addHandler(self._events)
        self._supervisor.keep("the picture", self._keep_publishing)
        await self._parts.feed.start()
        await self._parts.desk.broker.start()
        self._tables = asyncio.create_task(self._parts.bonds.refresh_if_due())
        self._note_an_unclean_end()
        await self._reconcile()
        await self._view.refresh()
        self._watch()
        self._show()  # at once: whoever waited for the engine may look at what it shows
        self._sign_in.begin()
        self._supervisor.keep("the sending of news", self._wire.carry)
        self._supervisor.keep("the beat", self._keep_beating)
        if self._by_itself:
            self._agenda.open()
        self._timetable.start()

    async def _at_hand(self) -> None:
        """Wait for what a plan needs and the start has only asked for: the login, the tables of bonds."""
        await self._sign_in.ended()
        if self._tables is not None and not self._tables.done():
            await asyncio.wait({self._tables}, timeout=_TABLES_WAIT)

    async def close(self) -> None:
        """Send nothing new; cancel what works at the broker, or leave it, as it is set: nobody watches it any more."""
        self._timetable.stop()
        await self._steering.close()
        await self._parts.stops.close()
        await self._end_orders()
        self._show()
        self._look_for_news()
        await self._supervisor.close()
        await self._wire.close()
        await self._sign_in.close()
        tasks = [task for task in (self._reading, self._tables) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._by_itself:
            self._parts.memory.keep(RUNNING, "")
        logging.getLogger().removeHandler(self._events)

    def _note_an_unclean_end(self) -> None:
        """Say that the run before this one did not end in order: what it left is reconciled now, brakes and all."""
        if not self._by_itself:
            return
        before, now = self._parts.memory.recall(RUNNING), RealClock().now()
        if before:
            self._back = say(
                "rotor is back: its run of {since:%m-%d %H:%M:%S} was ended without a word; the account is reconciled "
                "before anything is sent, and brakes stay as they were pulled",
                since=datetime.fromisoformat(before),
            )
            log.warning("%s", self._back)
        self._parts.memory.keep(RUNNING, now.isoformat())

    async def _end_orders(self) -> None:
        desk = self._parts.desk
        working = [order.intent.client_order_id for order in desk.journal.open() if order.live]
        if working and self._parts.settings.orders.at_exit == "leave":
            log.warning("left working at the broker, the next start settles them: %s", ", ".join(working))
            return
        try:
            async with asyncio.timeout(_LAST_WAIT):
                left = await end_working(desk)
            if left is not None:
                log.error("whether the working orders are cancelled is not known: %s", left)
            elif working:
                log.info("cancelled at the end: %s", ", ".join(working))
        except TimeoutError:
            log.error("the working orders were not cancelled within %.0f s: the next start settles them", _LAST_WAIT)

    async def _keep_beating(self) -> None:
        """Once a second of real time, whatever is done to the machine's clock."""
        while True:
            self._vitals.rest()
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
        if self._parts.skip_closed_hours():
            log.info("the sandbox goes on at %s", f"{self._parts.clock.now():%Y-%m-%d %H:%M}")
            self._timetable.moved()
        slept = self._vitals.beat()
        if slept:
            self._timetable.awake()
        await self._keep_even(slept > 0)
        self._watch()
        self._view.note_equity()
        await self._keep_hearing()
        if not self._timetable.running:
            self._supervisor.fell("the schedule", "it had stopped")
            self._timetable.start()
        if self._beats % 5 == 0:
            self._parts.keep_time()
        if self._beats % _READING == 0:
            self._account_changed.set()
        self._dirty.set()
        if self._beats == _SETTLED and self._by_itself:
            _leave_alone_what_stays()

    async def _keep_even(self, slept: bool) -> None:
        """Reconcile where there is a reason to; what has come up since keeps trading off until that is done."""
        desk = self._parts.desk
        back = desk.broker.link.up and desk.broker.link.number != desk.reconciled
        if back or slept:
            self._view.blockers = (_BACK if back else _AWAKE,)
            self._dirty.set()
        if back or slept or (self._beats % _RETRY == 0 and (self._view.blockers or desk.unattended())):
            await self._reconcile()
        if not self._view.blockers:
            self._view.blockers = self._trouble()

    async def _keep_hearing(self) -> None:
        """Begin the source of prices again where it stays silent: old subscriptions die without a word."""
        silence, now = self._vitals.silent(), self._parts.clock.real()
        if silence is None:
            self._deaf_since = None
        elif now - (self._deaf_since or (now - silence)) > _DEAF:
            self._deaf_since = now
            self._supervisor.fell("the source of prices", f"nothing heard for {silence:.0f} s")
            await self._parts.feed.stop()
            await self._parts.feed.start()

    def _trouble(self) -> tuple[str, ...]:
        """What has come up since the account was reconciled; it is reconciled anew before trading goes on."""
        unanswered = self._view.unanswered
        silent = () if unanswered is None else (f"the account does not answer: {unanswered}",)
        return (*self._parts.desk.faults, *silent)

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
            self._wire.look(self._shown, self._view.dangers, None if fall is None else fall.part, self._back)

    def _show(self) -> None:
        try:
            self._shown = self._view.snapshot(self._agenda, self._vitals)
            self._publish(self._shown)
        except Exception as error:
            log.exception("no snapshot could be made")
            self._supervisor.fell("the picture", str(error))

    async def _read_what_changed(self) -> None:
        """Read the account anew where something of it has changed; one that is slow to answer holds up no picture."""
        clock = self._parts.clock
        deadline = clock.real() + _SLOW
        while self._account_changed.is_set() and clock.real() < deadline:
            if self._reading is None or self._reading.done():
                self._account_changed.clear()
                self._reading = asyncio.create_task(self._read())
            await asyncio.wait({self._reading}, timeout=deadline - clock.real())

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

    def _watch(self) -> None:
        """Follow the prices of what is held, owned, planned and working."""
        desk, plan = self._parts.desk, self._view.plan
        codes = {*desk.ledger.holdings(), *self._view.held, *(order.intent.code for order in desk.journal.open())}
        followed = codes | set(plan.codes if plan else ())
        self._parts.feed.watch(followed)
        if not followed:
            self._parts.watched_at = None
        elif self._parts.watched_at is None:
            self._parts.watched_at = self._parts.clock.real()

    def _on_quotes(self, quotes: Mapping[BondCode, Quote]) -> None:
        if self._by_itself:
            self._parts.stops.on_quotes(quotes)  # first of all: nothing else is in a hurry
        newest = max(quote.at for quote in quotes.values())
        before = self._parts.heard
        self._parts.heard = Heard(max(newest, before.newest) if before else newest, self._parts.clock.real())
        self._view.take(quotes)
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
