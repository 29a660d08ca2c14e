"""The running engine, all on one loop: checks, schedule, stops, reconciliation, login, snapshots."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable
from datetime import datetime

from core import __version__
from core.engine.assembly import Components
from core.engine.backups import DailyBackup, restored_sentence
from core.engine.bond_metrics import MetricsReader
from core.engine.commands import CommandHandlers
from core.engine.current_settings import CurrentSettings
from core.engine.event_log import EventLog
from core.engine.health import HealthMonitor
from core.engine.job_scheduler import JobScheduler
from core.engine.login import PlatformLogin
from core.engine.quotes_followed import QuotesFollowed
from core.engine.retention import Retention
from core.engine.scheduler import ExitScheduler, RunScheduler
from core.engine.settings_commands import SettingsCommands
from core.engine.snapshots import SnapshotBuilder
from core.engine.supervisor import Supervisor
from core.engine.trading_commands import TradingCommands
from core.i18n import language, mark, say
from core.infra.clock import RealClock
from core.infra.credentials import Credentials
from core.infra.home import Home
from core.infra.tasks import end_tasks
from core.infra.updates import UpdateCheck
from core.model.quote import SessionPhase
from core.model.snapshot import BlockKind, Snapshot
from core.notify.delivery import Notifier
from core.notify.heartbeat import Heartbeat
from core.quotes.day_line_file import DayLineFile
from core.retold import retold
from core.trading.executor import INTERRUPTED
from core.trading.reconcile import end_working
from core.trading.state_store import RUNNING

log = logging.getLogger(__name__)

COALESCE = 0.2
"""Seconds within which several changes are published as one snapshot."""

_READ_EVERY = 2
"""Checks between two readings of an account that reports no change."""

_READ_WAIT = 1.0
"""Seconds that a snapshot waits for the account."""

_LAST_WAIT = 5.0
"""Real seconds to cancel the open orders when the engine stops."""

_TABLES_WAIT = 30.0
"""Real seconds that the first plan waits for the tables of bonds."""

_STARTED = 5
"""Checks after which the start has created all its objects."""

_RETRY = 10
"""Checks between two reconciliations while trading is off or orders are open."""


class EngineRuntime:
    """Starts the components, checks them every second, publishes snapshots, and stops everything in order."""

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
        self._copying: asyncio.Task[None] | None = None
        self._checks = 0
        self.checked_at = time.monotonic()
        """Monotonic second of the last check; other threads see by it whether this loop hangs."""
        self._restarted: str | None = None
        self._was_silent = False
        self._user: str | None = None
        self._planning: asyncio.Task[None] | None = None
        credentials = Credentials.of(home)
        self._events = EventLog(self._state.events, components.clock)
        self._supervisor = Supervisor(components.clock)
        self._notifier = Notifier(components.settings, components.clock, home, credentials, by_itself=by_itself)
        self._health = HealthMonitor(components, home.path, self._supervisor, self._notifier.health)
        metrics = MetricsReader(components)
        self._quotes = QuotesFollowed(
            components, metrics, self._health, self._supervisor, self._changed.set, by_itself=by_itself
        )
        self._update_check = UpdateCheck(
            home.data / "update.json",
            components.settings.updates.url,
            __version__,
            RealClock(),
            components.settings.network.proxy,
        )
        self._trading = TradingCommands(components, self._prepared)
        self._scheduler = RunScheduler(
            components.settings,
            components.clock,
            components.calendar,
            components.state_store,
            self._trading,
        )
        self._heartbeat = Heartbeat(components.settings)
        self._snapshots = SnapshotBuilder(
            components, credentials, self._scheduler, self._health, self._update_check, self._heartbeat, metrics
        )
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
            components, [self._scheduler, self._job_scheduler, self._notifier, self._update_check, self._heartbeat]
        )
        self._login = PlatformLogin(components, self._current, self._health, home, credentials, self._notifier)
        file = home.data / f"day-lines-{components.settings.mode}.jsonl"
        self._day_lines = DayLineFile(file, self._state.day_lines)
        self._retention = Retention(components, home, self._notifier)
        self._backup = DailyBackup(components, home)
        self._add_jobs()
        self.handlers = CommandHandlers(
            components,
            self._current,
            self._trading,
            self._scheduler,
            self._login,
            SettingsCommands(components, self._current, home, credentials, self._notifier),
            home,
            credentials,
            metrics,
            self._changed.set,
        )
        components.order_manager.subscribe(self._on_account)
        components.order_manager.broker.watch_connection(self._on_account)
        components.feed.subscribe(self._quotes.on_quotes)

    @property
    def doing(self) -> str:
        """The newest event, in the user's language."""
        events = self._state.events
        return f"{events[-1].at:%H:%M:%S} {retold(events[-1].text, language())}" if events else say("nothing yet")

    def _add_jobs(self) -> None:
        jobs = self._job_scheduler
        jobs.add_each_minute(mark("login"), self._login.renew)
        jobs.add_each_minute(mark("tables of bonds"), self._components.bonds.refresh_if_due)
        jobs.add_each_minute(mark("new versions"), self._update_check.look_if_due)
        jobs.add_each_minute(mark("old records"), self._retention.prune_if_due)
        jobs.add_each_minute(mark("backup of the books"), self._backup.make_if_due)
        if not self._by_itself:
            return
        jobs.add(mark("list ahead of a run"), self._next_list, self._components.todays_list.fetch_ahead)
        jobs.add("rebalance", self._scheduler.next_rebalance, self._scheduler.rebalance_due)
        jobs.add("refill", self._scheduler.next_refill, self._scheduler.refill_due)
        jobs.add_each_minute(mark("sweep of the stops"), self._components.stops.sweep)
        jobs.add_each_minute(mark("offer"), self._scheduler.refresh_offer)
        jobs.add_each_minute(mark("exits"), self._exit_scheduler.check)

    def _next_list(self, after: datetime) -> datetime | None:
        runs = (self._scheduler.next_rebalance, self._scheduler.next_refill)
        return self._components.todays_list.next_fetch(after, *runs)

    async def open(self) -> None:
        """Reconcile, then log in in the background: trading does not wait for a slow platform."""
        logging.getLogger().addHandler(self._events)
        self._supervisor.keep(mark("the snapshots"), self._keep_publishing)
        await self._components.feed.start()
        await self._components.shares.start()
        await self._components.order_manager.broker.start()
        self._tables = asyncio.create_task(self._components.bonds.refresh_if_due())
        self._copying = asyncio.create_task(self._backup.make_if_due())
        self._note_unclean_end()
        await self._reconcile()
        await self._refresh()
        self._note_restore()
        self._note_equity()  # the capital before any trade
        self._quotes.follow()
        self._day_lines.load(self._components.clock.now())
        self._publish_snapshot()  # now: what waited for the start reads this snapshot
        self._login.start()
        self._supervisor.keep(mark("the notifications"), self._notifier.run)
        self._supervisor.keep(mark("the checks"), self._check_each_second)
        if self._by_itself:
            self._scheduler.check_missed_runs()
        self._job_scheduler.start()
        self._retention.remove_logs()  # an engine that runs in sessions only removes them too

    async def _prepared(self) -> None:
        """Wait until the login and the tables of bonds are there, which a plan needs."""
        await self._login.wait_ended()
        if self._tables is not None and not self._tables.done():
            await asyncio.wait({self._tables}, timeout=_TABLES_WAIT)

    async def close(self) -> None:
        """Send nothing new, and cancel or leave the open orders as `orders.at_exit` says: nothing monitors them now."""
        self._job_scheduler.stop()
        await self._trading.close()
        await self._components.stops.close()
        await self._end_orders()
        self._publish_snapshot()
        self._check_for_alerts()
        await self._day_lines.close(self._components.clock.now())
        await self._supervisor.close()
        await self._heartbeat.close()
        await self._notifier.close()
        await self._login.close()
        await end_tasks(self._reading, self._tables, self._copying, self._planning)
        if self._by_itself:
            self._components.state_store.keep(RUNNING, "")
        logging.getLogger().removeHandler(self._events)

    def _note_unclean_end(self) -> None:
        """Log that the previous run ended unexpectedly."""
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

    def _note_restore(self) -> None:
        """Say whether restored books fit the account, now that it was read."""
        if (sentence := restored_sentence(self._components)) is not None:
            self._restarted = sentence
            log.warning("%s", sentence)

    async def _end_orders(self) -> None:
        order_manager = self._components.order_manager
        working = [order.intent.client_order_id for order in order_manager.journal.open() if order.live]
        if working and self._components.settings.orders.at_exit == "leave":
            log.warning("open orders stay at the broker and are checked at the next start: %s", ", ".join(working))
            return
        try:
            async with asyncio.timeout(_LAST_WAIT):
                left = await end_working(order_manager)
            if left is not None:
                log.error("it is unknown whether the open orders are cancelled: %s", left)
            elif working:
                log.info("cancelled when stopping: %s", ", ".join(working))
        except TimeoutError:
            log.error(
                "the open orders were not cancelled within %.0f s: they are checked at the next start", _LAST_WAIT
            )

    async def _check_each_second(self) -> None:
        """Each second of real time, whatever the computer's clock does."""
        while True:
            self._health.rest()
            await asyncio.sleep(1)
            self.checked_at = time.monotonic()
            try:
                await self._check()
            except Exception as error:
                log.exception("a check failed")
                self._supervisor.note_failure(mark("the checks"), str(error))

    async def _check(self) -> None:
        self._checks += 1
        if self._components.state_store.backlog.flush() and self._by_itself:
            await self._components.stops.sweep()  # what crossed its level meanwhile is sold now
        self._check_for_alerts()
        if self._components.skip_closed_hours():
            log.info("the sandbox goes on at %s", f"{self._components.clock.now():%Y-%m-%d %H:%M}")
            self._job_scheduler.reschedule()
        slept = self._health.check()
        if slept:
            self._job_scheduler.start_due_jobs()
        self._plan_again_after_login()
        await self._current.apply()
        await self._keep_reconciled(slept=slept > 0)
        self._quotes.follow()
        await self._quotes.restart_if_silent()
        if self._job_scheduler.restart_if_ended():
            self._supervisor.note_failure(mark("the schedule"), mark("it had stopped"))
        self._note_equity()
        self._day_lines.keep_in_background(self._components.clock.now())
        if self._checks % 5 == 0:
            self._components.store_sandbox_time()
        if self._checks % _READ_EVERY == 0:
            self._account_changed.set()
        self._changed.set()
        if self._by_itself:
            self._heartbeat.beat(self._state.shown)
        if self._checks == _STARTED and self._by_itself:
            gc.freeze()  # a full collection of what the start has made takes 60 ms and more, in which a stop would wait

    def _plan_again_after_login(self) -> None:
        """A plan that was refused because nobody was logged in would else stay so beside a login that works."""
        before, self._user = self._user, self._components.platform.user
        if before is None and self._user is not None:
            self._planning = asyncio.create_task(self._trading.plan_again())

    async def _keep_reconciled(self, *, slept: bool) -> None:
        """Turn trading off after a sleep or if the account does not answer; reconcile now, or again later."""
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
        unsettled = status.blocked or order_manager.unclaimed_orders() or order_manager.frozen
        again = self._checks % _RETRY == 0 and unsettled
        if (due or again) and not await self._reconcile() and unanswered is None:
            status.account_answers()

    async def _keep_publishing(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._read_what_changed()
            self._publish_snapshot()
            await asyncio.sleep(COALESCE)

    def _check_for_alerts(self) -> None:
        shown, failure = self._state.shown, self._supervisor.latest_failure
        if shown is not None:
            part = None if failure is None else failure.part
            self._notifier.check_for_alerts(shown, self._snapshots.dangers, part, self._restarted)

    def _publish_snapshot(self) -> None:
        try:
            self._state.shown = self._snapshots.snapshot()
            self._publish(self._state.shown)
        except Exception as error:
            log.exception("the screen data could not be updated")
            self._supervisor.note_failure(mark("the snapshots"), str(error))

    async def _read_what_changed(self) -> None:
        """Read the account again if it has changed; a slow answer delays a snapshot by `_READ_WAIT` at most."""
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
        """Read the account and the quotes of its holdings; of the other bonds that are followed, the last ones stay."""
        await self._components.rotation.account.read()
        held = await self._components.feed.snapshot(self._components.rotation.account.latest.codes)
        others = {code: quote for code, quote in self._state.quotes.items() if code in self._quotes.codes}
        self._state.quotes = {**others, **held}

    def _note_equity(self) -> None:
        try:
            now = self._components.clock.now()
            trading = self._components.calendar.phase(now) in {SessionPhase.OPEN, SessionPhase.CLOSING_CALL}
            self._components.equity.note(
                self._components.rotation.account.latest,
                self._state.quotes,
                each_minute=trading and self._health.quote_silence() is None,
            )
        except Exception:  # a report must not keep anything from trading
            log.exception("the equity could not be recorded")

    def _on_account(self) -> None:
        self._account_changed.set()
        self._changed.set()

    async def _reconcile(self) -> bool:
        """Reconcile and log what changed; False while a run uses the account."""
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
                log.info("Positions reconciled, trading enabled")
        return True
