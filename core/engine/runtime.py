"""What runs while an engine runs, all on one loop: checks, schedule, stops, reconciliation, login, snapshots."""

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
from core.engine.current_settings import CurrentSettings
from core.engine.health import HealthMonitor
from core.engine.login import PlatformLogin
from core.engine.scheduler import ExitScheduler, JobScheduler, RunScheduler
from core.engine.settings_commands import SettingsCommands
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
from core.model.known import Known
from core.model.quote import Quote
from core.model.snapshot import BlockKind, Event, Level, Snapshot
from core.notify.delivery import Notifier
from core.trading.executor import INTERRUPTED
from core.trading.reconcile import end_working
from core.trading.state_store import RUNNING

log = logging.getLogger(__name__)

COALESCE = 0.2
"""Seconds within which several changes make one snapshot, or one reading of the account."""

_READ_EVERY = 2
"""Checks between two readings of an account that reports no change."""

_READ_WAIT = 1.0
"""Seconds that a snapshot waits for the account."""

_LAST_WAIT = 5.0
"""Real seconds that the open orders get to be cancelled when the engine ends."""

_TABLES_WAIT = 30.0
"""Real seconds that the first plan waits for the tables of bonds."""

_FEED_SILENCE = 60.0
"""Real seconds without a quote in a session after which the feed is restarted."""

_STARTED = 5
"""Checks after which the objects of the start are all made."""

_LEVELS = {number: level for level, number in NUMBERS.items()}
_RETRY = 10
"""Checks between two reconciliations while trading is off or orders are open."""


class EngineRuntime:
    """Starts the components, checks and publishes while they run, and ends them in order."""

    def __init__(
        self, components: Components, home: Home, publish: Callable[[Snapshot], None], *, by_itself: bool = True
    ) -> None:
        self._components = components
        self._state = components.state
        self._by_itself = by_itself
        self._publish = publish
        self._changed = asyncio.Event()
        self._account_changed = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._tables: asyncio.Task[None] | None = None
        self._checks = 0
        self.checked_at = time.monotonic()
        """The monotonic second of the last check: other threads see by it whether this loop stands still."""
        self._restarted: str | None = None
        self._feed_restarted_at: float | None = None
        self._was_silent = False
        credentials = Credentials(CredentialsFile(home.credentials_file))
        self._events = _EventLog(self._state.events, components.clock)
        self._supervisor = Supervisor(components.clock)
        self._notifier = Notifier(components.settings, components.clock, home, credentials, by_itself=by_itself)
        self._health = HealthMonitor(components, home.path, self._supervisor, self._notifier.health)
        self._update_check = UpdateCheck(
            home.data / "update.json", components.settings.updates.url, __version__, RealClock()
        )
        self._trading = TradingCommands(components, self._prepared)
        self._scheduler = RunScheduler(
            components.settings,
            components.clock,
            components.calendar,
            components.state_store,
            self._trading,
        )
        self._snapshots = SnapshotBuilder(components, credentials, self._scheduler, self._health, self._update_check)
        self._exit_scheduler = ExitScheduler(
            components.clock,
            components.calendar,
            components.state_store,
            components.order_manager.ledger,
            self._snapshots,
            self._trading,
        )
        self._job_scheduler = JobScheduler(components.clock)
        self._current = CurrentSettings(
            components, [self._scheduler, self._job_scheduler, self._notifier, self._update_check]
        )
        self._sign_in = PlatformLogin(components, self._current, self._health, home, credentials, self._notifier)
        self._add_jobs()
        self.handlers = CommandHandlers(
            components,
            self._current,
            self._trading,
            self._scheduler,
            self._sign_in,
            SettingsCommands(components, self._current, home, credentials, self._notifier),
            home,
            credentials,
            self._changed.set,
        )
        components.order_manager.subscribe(self._on_account)
        components.order_manager.broker.watch_connection(self._on_account)
        components.feed.subscribe(self._on_quotes)

    @property
    def doing(self) -> str:
        """The newest event, in the user's language."""
        events = self._state.events
        return f"{events[-1].at:%H:%M:%S} {events[-1].text}" if events else say("nothing yet")

    def _add_jobs(self) -> None:
        table = self._job_scheduler
        table.each_minute("login", self._sign_in.renew)
        table.each_minute("tables of bonds", self._components.bonds.refresh_if_due)
        table.each_minute("new versions", self._update_check.look_if_due)
        if not self._by_itself:
            return
        table.whenever("rebalance", self._scheduler.next_rebalance, self._scheduler.rebalance_due)
        table.whenever("refill", self._scheduler.next_refill, self._scheduler.refill_due)
        table.each_minute("sweep of the stops", self._components.stops.sweep)
        table.each_minute("offer", self._scheduler.refresh_offer)
        table.each_minute("exits", self._exit_scheduler.check)

    async def open(self) -> None:
        """Reconcile, then log in in the background: trading does not wait for a slow platform."""
        logging.getLogger().addHandler(self._events)
        self._supervisor.keep("the snapshots", self._keep_publishing)
        await self._components.feed.start()
        await self._components.order_manager.broker.start()
        self._tables = asyncio.create_task(self._components.bonds.refresh_if_due())
        self._note_unclean_end()
        await self._reconcile()
        await self._refresh()
        self._watch()
        self._show()  # now: a caller that waited for the start reads this snapshot
        self._sign_in.start()
        self._supervisor.keep("the sending of news", self._notifier.run)
        self._supervisor.keep("the beat", self._check_each_second)
        if self._by_itself:
            self._scheduler.open()
        self._job_scheduler.start()

    async def _prepared(self) -> None:
        """Wait for what a plan needs and the start may still be fetching: the login, the tables of bonds."""
        await self._sign_in.wait_ended()
        if self._tables is not None and not self._tables.done():
            await asyncio.wait({self._tables}, timeout=_TABLES_WAIT)

    async def close(self) -> None:
        """Send nothing new; cancel the open orders, or leave them, as the settings say: nothing watches them now."""
        self._job_scheduler.stop()
        await self._trading.close()
        await self._components.stops.close()
        await self._end_orders()
        self._show()
        self._check_for_alerts()
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

    def _note_unclean_end(self) -> None:
        """Report that the previous run did not end in order."""
        if not self._by_itself:
            return
        before, now = self._components.state_store.recall(RUNNING), RealClock().now()
        if before:
            self._restarted = say(
                "rotor is back: its run of {since:%m-%d %H:%M:%S} ended unexpectedly; the account is reconciled "
                "before anything is sent, and trading controls stay as they were",
                since=datetime.fromisoformat(before),
            )
            log.warning("%s", self._restarted)
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

    async def _check_each_second(self) -> None:
        """Once a second of real time, also when the machine's clock is changed."""
        while True:
            self._health.rest()
            await asyncio.sleep(1)
            self.checked_at = time.monotonic()
            try:
                await self._check()
            except Exception as error:
                log.exception("a beat failed")
                self._supervisor.note_failure("the beat", str(error))

    async def _check(self) -> None:
        self._checks += 1
        self._check_for_alerts()
        if self._components.skip_closed_hours():
            log.info("the sandbox goes on at %s", f"{self._components.clock.now():%Y-%m-%d %H:%M}")
            self._job_scheduler.moved()
        slept = self._health.check()
        if slept:
            self._job_scheduler.awake()
        await self._current.apply()
        await self._keep_reconciled(slept=slept > 0)
        self._watch()
        self._components.add_equity()
        await self._restart_silent_feed()
        if not self._job_scheduler.running:
            self._supervisor.note_failure("the schedule", "it had stopped")
            self._job_scheduler.start()
        if self._checks % 5 == 0:
            self._components.store_sandbox_time()
        if self._checks % _READ_EVERY == 0:
            self._account_changed.set()
        self._changed.set()
        if self._checks == _STARTED and self._by_itself:
            _freeze_garbage_collector()

    async def _keep_reconciled(self, *, slept: bool) -> None:
        """Turn trading off after a sleep or where the account is silent; reconcile at once, or again after a while."""
        order_manager, unanswered = self._components.order_manager, self._components.rotation.account.unanswered
        status = order_manager.status
        if slept:
            status.woke_up()
            self._changed.set()
        if unanswered is not None and not status.blocked:
            status.account_silent(unanswered)
        answers_again = self._was_silent and unanswered is None and status.has(BlockKind.ACCOUNT_SILENT)
        self._was_silent = unanswered is not None
        due = slept or answers_again or status.has(BlockKind.RECONNECTED)
        again = self._checks % _RETRY == 0 and (status.blocked or order_manager.unclaimed_orders())
        if (due or again) and not await self._reconcile() and unanswered is None:
            status.account_answers()

    async def _restart_silent_feed(self) -> None:
        """Restart the quote feed where it stays silent: subscriptions can end without an error."""
        silence, now = self._health.quote_silence(), self._components.clock.real()
        if silence is None:
            self._feed_restarted_at = None
        elif now - (self._feed_restarted_at or (now - silence)) > _FEED_SILENCE:
            self._feed_restarted_at = now
            self._supervisor.note_failure("the source of prices", f"nothing heard for {silence:.0f} s")
            await self._components.feed.stop()
            await self._components.feed.start()

    async def _keep_publishing(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._read_what_changed()
            self._show()
            await asyncio.sleep(COALESCE)

    def _check_for_alerts(self) -> None:
        shown, failure = self._state.shown, self._supervisor.latest_failure
        if shown is not None:
            part = None if failure is None else failure.part
            self._notifier.check_for_alerts(shown, self._snapshots.dangers, part, self._restarted)

    def _show(self) -> None:
        try:
            self._state.shown = self._snapshots.snapshot()
            self._publish(self._state.shown)
        except Exception as error:
            log.exception("no snapshot could be made")
            self._supervisor.note_failure("the snapshots", str(error))

    async def _read_what_changed(self) -> None:
        """Read the account again where it has changed; a slow answer does not delay a snapshot for long."""
        clock = self._components.clock
        deadline = clock.real() + _READ_WAIT
        while self._account_changed.is_set() and clock.real() < deadline:
            if self._reading is None or self._reading.done():
                self._account_changed.clear()
                self._reading = asyncio.create_task(self._read())
            await asyncio.wait({self._reading}, timeout=deadline - clock.real())

    async def _read(self) -> None:
        try:
            await self._refresh()
        except Exception:
            log.exception("the account could not be read")
        self._changed.set()

    async def _refresh(self) -> None:
        """Read the account and the quotes of its holdings."""
        await self._components.rotation.account.read()
        self._state.quotes = await self._components.feed.snapshot(self._held())

    def _held(self) -> tuple[BondCode, ...]:
        """The bonds that the account holds, as it was read last."""
        positions = self._components.rotation.account.latest.positions
        return tuple(position.code for position in positions.value) if isinstance(positions, Known) else ()

    def _on_account(self) -> None:
        self._account_changed.set()
        self._changed.set()

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
        """Follow the quotes of what is held, owned, planned and on order."""
        order_manager, plan = self._components.order_manager, self._components.rotation.pending_plan
        codes = {
            *order_manager.ledger.holdings(),
            *self._held(),
            *(order.intent.code for order in order_manager.journal.open()),
        }
        followed = codes | set(plan.codes if plan else ())
        self._components.feed.watch(followed)
        if not followed:
            self._state.watched_at = None
        elif self._state.watched_at is None:
            self._state.watched_at = self._components.clock.real()

    def _on_quotes(self, quotes: Mapping[BondCode, Quote]) -> None:
        if self._health.overslept:  # these quotes may come in before the next check
            self._components.order_manager.status.woke_up()
        if self._by_itself:
            self._components.stops.on_quotes(quotes)  # first: nothing else is urgent
        newest = max(quote.at for quote in quotes.values())
        before, real = self._state.last_quotes, self._components.clock.real()
        self._state.last_quotes = LastQuotes(max(newest, before.newest) if before else newest, real)
        self._state.quotes = {**self._state.quotes, **{code: Known(quote) for code, quote in quotes.items()}}
        self._changed.set()


def _freeze_garbage_collector() -> None:
    """Have the garbage collector skip what the start has made. A full collection takes 60 ms and more, in which a stop
    would wait; so none is run before this either."""
    gc.freeze()


class _EventLog(logging.Handler):
    """Shows log lines as events on the screen."""

    def __init__(self, events: deque[Event], clock: Clock) -> None:
        super().__init__(logging.INFO)
        self._events = events
        self._clock = clock
        self._numbers = count(1)

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("core.") and record.levelno < logging.WARNING:
            return
        level = _LEVELS.get(record.levelno, Level.ERROR)
        text = text_of(_translated(record)).partition("\\n")[
            0
        ]  # redacted and escaped as in the file; a traceback stays there
        self._events.append(Event(next(self._numbers), self._clock.now(), level, text))


def _translated(record: logging.LogRecord) -> logging.LogRecord:
    """The record in the user's language; the file has it in English."""
    translated = logging.makeLogRecord(record.__dict__)
    translated.msg = say(str(record.msg))
    if isinstance(record.args, tuple):
        translated.args = tuple(say(word) if isinstance(word, str) else word for word in record.args)
    return translated
