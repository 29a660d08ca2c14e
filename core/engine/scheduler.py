"""Runs rebalances, refills and exits on time, and offers the run that was missed."""

import asyncio
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Protocol

from pydantic import TypeAdapter

from core.calendar.calendar import Calendar
from core.i18n import say
from core.infra.clock import Clock
from core.model.known import Maybe, Unknown
from core.model.order import Origin
from core.model.platform import Selection
from core.model.settings import ScheduleSettings, Settings
from core.model.snapshot import Job, MissedRun
from core.model.time import SHANGHAI
from core.rules.redemption import HeldDanger
from core.rules.schedule import next_run, runs_between
from core.trading.ledger import Ledger
from core.trading.state_store import StateStore

log = logging.getLogger(__name__)

MAX_DELAY = 30.0
"""Real seconds after its time from which a run is only offered: the user decides whether to run it."""

RETRY_SECONDS = 60.0
"""Seconds until a refused run is tried again, during its session."""

_CHECKED_UNTIL, _STARTED, _MISSED = "schedule_seen", "schedule_begun", "schedule_missed"
_LAST_RUN = "schedule_last_run"
_MISSED_RUNS = TypeAdapter(MissedRun)


_DEFAULTS = ScheduleSettings().model_dump(mode="json")
"""What a schedule that an older version stored does not name."""


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last rebalance that was carried out, for which record and on which day."""

    strategy_id: int
    history_id: int
    day: date

    @classmethod
    def of(cls, state_store: StateStore) -> "LastRun | None":
        kept = state_store.recall(_LAST_RUN)
        return TypeAdapter(cls).validate_json(kept) if kept else None

    def keep(self, state_store: StateStore) -> None:
        state_store.keep(_LAST_RUN, TypeAdapter(LastRun).dump_json(self).decode())


class ScheduledRuns(Protocol):
    """What the schedule starts, and the list that it would follow."""

    async def run(self, origin: Origin) -> str | None:
        """Plan and carry out; returns why that was refused, None where it was not."""
        ...

    async def selection(self) -> Maybe[Selection]: ...


class _NextRun:
    """The next run of one schedule: from a moment up to the run itself it is the same, and found once."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._for: tuple[ScheduleSettings, date | None, tzinfo | None] | None = None
        self._asked = self._found = datetime.min.replace(tzinfo=SHANGHAI)

    def after(self, moment: datetime, schedule: ScheduleSettings, last_run: date | None = None) -> datetime | None:
        """The first run after the moment, None where there is none or it is not known."""
        asked = (schedule, last_run, moment.tzinfo)
        if asked == self._for and self._asked <= moment < self._found:
            return self._found
        found = next_run(schedule, self._calendar, moment, last_run)
        if isinstance(found, Unknown) or found.value is None:
            return None
        self._for, self._asked, self._found = asked, moment, found.value
        return found.value


class RunScheduler:
    """Starts each run at most once: its start is stored before, and cleared after it.

    A run that did not end, or whose time passed while rotor was not running, is offered; only the newest one is.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        calendar: Calendar,
        state_store: StateStore,
        runs: ScheduledRuns,
    ) -> None:
        self._strategy = settings.strategy
        self._schedule = settings.schedule
        self._stops = settings.stops
        self._clock = clock
        self._calendar = calendar
        self._state_store = state_store
        self._runs = runs
        self._lock = asyncio.Lock()
        self._rebalanced_at = clock.now()
        self._last_run = LastRun.of(state_store)
        self._next_rebalance, self._next_refill = _NextRun(calendar), _NextRun(calendar)
        self.missed = stored_missed_run(state_store)

    def use_settings(self, settings: Settings) -> None:
        """Use these settings from now on; a changed schedule has missed nothing before this moment."""
        changed = settings.schedule != self._schedule
        self._schedule, self._stops, self._strategy = settings.schedule, settings.stops, settings.strategy
        if changed:
            self._store_checked_until(self._clock.now())

    def check_missed_runs(self) -> None:
        """At the start: offer what was due while rotor was not running, or did not end."""
        kept = self._state_store.recall(_STARTED)
        started = datetime.fromisoformat(kept) if kept else None
        due = [planned for planned in self._due_runs() if planned != started]
        if started is not None:
            self._offer_missed(started, say("rotor ended during this run"))
        if due:
            self._offer_missed(due[-1], say("rotor was not running"), len(due) - 1)
        self._store_checked_until(self._clock.now())
        if started is not None:
            self._state_store.keep(_STARTED, "")  # last: a crash in between must lose no offer

    def jobs(self) -> tuple[Job, ...]:
        """The next runs, soonest first."""
        if not self._strategy.history_id:
            return ()
        now = self._clock.now()
        found = [("rebalance", self.next_rebalance(now)), ("refill", self.next_refill(now))]
        return tuple(sorted((Job(name, at) for name, at in found if at is not None), key=lambda job: job.at))

    def next_rebalance(self, after: datetime) -> datetime | None:
        return self._next_rebalance.after(after, self._schedule, self._counted_from())

    def next_refill(self, after: datetime) -> datetime | None:
        if not (self._stops.enabled and self._stops.refill):
            return None
        each_day = ScheduleSettings(frequency="daily", time=self._stops.refill_time)
        return self._next_refill.after(after, each_day)

    async def rebalance_due(self) -> None:
        async with self._lock:
            await self._run_due_rebalance()
        await self.refresh_offer()

    async def refill_due(self) -> None:
        """Fill freed slots, after the rebalance of the same minute."""
        async with self._lock:
            await self._run_due_rebalance()
            now = self._clock.now()
            planned = datetime.combine(now, time.fromisoformat(self._stops.refill_time), now.tzinfo)
            if not self._strategy.history_id:
                return
            if self._lateness(planned) > MAX_DELAY and not self._rebalanced_at >= planned:
                log.warning("the refill of %s was missed: the slots stay empty", f"{planned:%H:%M}")
                return
            refusal = await self._runs.run(Origin.REFILL)
            if refusal is not None:
                log.warning("the refill of %s bought nothing: %s", f"{planned:%H:%M}", refusal)

    async def refresh_offer(self) -> None:
        """Check again whether the list is still valid for the run that was missed."""
        missed = self.missed
        if missed is not None:
            advice = await self._advice()
            if self.missed is missed:
                self._store_missed(MissedRun(missed.name, missed.planned_at, missed.why, advice))

    def rebalanced(self) -> None:
        """A rebalance was carried out: nothing before it counts as missed any more, and sessions count from it."""
        self._rebalanced_at = self._clock.now()
        self._last_run = LastRun(self._strategy.strategy_id, self._strategy.history_id, self._rebalanced_at.date())
        self._last_run.keep(self._state_store)
        self._store_checked_until(self._rebalanced_at)
        self._store_missed(None)

    def drop_missed(self) -> MissedRun | None:
        """The user declines the run that was missed."""
        missed = self.missed
        self._store_missed(None)
        return missed

    async def _run_due_rebalance(self) -> None:
        due = self._due_runs()
        if not due:
            return
        planned = due[-1]
        if not self._strategy.history_id:
            self._store_checked_until(planned)
        elif self._lateness(planned) > MAX_DELAY:
            why = say("the computer was asleep, or its clock was changed, at that time")
            self._offer_missed(planned, why, len(due) - 1)
            self._store_checked_until(planned)
        else:
            # Before the time counts as checked: a crash in between must lose no run.
            self._state_store.keep(_STARTED, planned.isoformat())
            self._store_checked_until(planned)
            self._store_missed(None)
            await self._run_with_retries(planned)
            self._state_store.keep(_STARTED, "")

    async def _run_with_retries(self, planned: datetime) -> None:
        """Carry it out. A refusal may be temporary, so it is tried again until the session ends."""
        while True:
            log.info("starting the scheduled rebalance of %s", f"{planned:%H:%M}")
            try:
                refusal = await self._runs.run(Origin.REBALANCE)
            except Exception as error:
                log.exception("the scheduled rebalance of %s failed", f"{planned:%H:%M}")
                self._offer_missed(planned, say("it failed: {error}", error=error))
                return
            if refusal is None:
                self.rebalanced()
                return
            log.error("the scheduled rebalance of %s was refused, nothing was sent: %s", f"{planned:%H:%M}", refusal)
            again = self._clock.now() + timedelta(seconds=RETRY_SECONDS)
            if self._calendar.orders_allowed(again) is not None:
                self._offer_missed(planned, refusal)
                return
            await self._clock.sleep(RETRY_SECONDS)
            if self._rebalanced_at >= planned:
                return

    def _due_runs(self) -> tuple[datetime, ...]:
        """The runs whose time has come since the last check."""
        seen = self._checked_until()
        if seen is None:
            return ()
        return runs_between(self._schedule, self._calendar, seen, self._clock.now(), self._counted_from())

    def _counted_from(self) -> date | None:
        """The day of the record's last rebalance; None where there was none yet.

        A day that is yet to come was stored while the clock was wrong.
        """
        last, chosen = self._last_run, self._strategy
        if last is None or (last.strategy_id, last.history_id) != (chosen.strategy_id, chosen.history_id):
            return None
        return last.day if last.day <= self._clock.now().date() else None

    def _checked_until(self) -> datetime | None:
        """Until when this schedule was checked; None if it is new."""
        kept = json.loads(self._state_store.recall(_CHECKED_UNTIL) or "{}")
        if "schedule" not in kept or {**_DEFAULTS, **kept["schedule"]} != self._schedule.model_dump(mode="json"):
            return None
        return datetime.fromisoformat(kept["until"])

    def _store_checked_until(self, until: datetime) -> None:
        kept = {"schedule": self._schedule.model_dump(mode="json"), "until": until.isoformat()}
        self._state_store.keep(_CHECKED_UNTIL, json.dumps(kept))

    def _lateness(self, planned: datetime) -> float:
        return (self._clock.now() - planned).total_seconds() / self._clock.speed

    def _offer_missed(self, planned: datetime, why: str, more: int = 0) -> None:
        if not self._strategy.history_id:
            return
        before = say(", and {more} before it", more=more) if more else ""
        log.warning("the rebalance of %s%s did not run: %s", f"{planned:%Y-%m-%d %H:%M}", before, why)
        self._store_missed(MissedRun("rebalance", planned, why, say("checking whether the list is still valid")))

    async def _advice(self) -> str:
        closed = self._calendar.orders_allowed(self._clock.now())
        if closed is not None:
            return say(
                "no order can be sent now: {closed}; a plan in the next session uses the list of that time",
                closed=closed,
            )
        found = await self._runs.selection()
        if isinstance(found, Unknown):
            return say("the list cannot be used now: {reason}", reason=found.reason)
        day, bonds = found.value.trade_date, len(found.value.bonds)
        if day is None:
            return say("the list, which has no date, is still valid: {bonds} bonds", bonds=bonds)
        return say("the list of {trade_date} is still valid: {bonds} bonds", trade_date=day, bonds=bonds)

    def _store_missed(self, missed: MissedRun | None) -> None:
        if missed != self.missed:
            self.missed = missed
            self._state_store.keep(_MISSED, _MISSED_RUNS.dump_json(missed).decode() if missed else "")


def stored_missed_run(state_store: StateStore) -> MissedRun | None:
    """The missed run that is still offered."""
    kept = state_store.recall(_MISSED)
    return _MISSED_RUNS.validate_json(kept) if kept else None


_WARNED = "dangers_told"


class HeldDangers(Protocol):
    def dangers(self) -> Iterable[HeldDanger]:
        """What threatens the account's positions now."""
        ...


class ExitSales(Protocol):
    async def leave(self) -> str | None:
        """Sell what has to go before its trading ends; returns why that was refused."""
        ...


class ExitScheduler:
    """Sells what the strategy owns and can soon no longer sell, and warns of every danger to what is held."""

    def __init__(
        self,
        clock: Clock,
        calendar: Calendar,
        state_store: StateStore,
        ledger: Ledger,
        held: HeldDangers,
        sales: ExitSales,
    ) -> None:
        self._clock = clock
        self._calendar = calendar
        self._state_store = state_store
        self._ledger = ledger
        self._held = held
        self._sales = sales
        self._refusal: str | None = None

    async def check(self) -> None:
        """Once a minute: warn, then sell what has to be sold, until nothing of it is left."""
        dangers = tuple(self._held.dangers())
        self._warn_once_a_day(dangers)
        closed, owned = self._calendar.orders_allowed(self._clock.now()), self._ledger.holdings()
        if closed is not None or not any(danger.sell and danger.code in owned for danger in dangers):
            return
        refusal = await self._sales.leave()
        if refusal is not None and refusal != self._refusal:
            log.error("bonds whose trading ends soon were not sold: %s (tried again each minute)", refusal)
        self._refusal = refusal

    def _warn_once_a_day(self, dangers: Iterable[HeldDanger]) -> None:
        """Log each danger once a day, also across restarts."""
        today = self._clock.now().date().isoformat()
        warned: dict[str, str] = json.loads(self._state_store.recall(_WARNED) or "{}")
        now = {str(danger.code): today for danger in dangers}
        for danger in dangers:
            if warned.get(danger.code) != today:
                log.warning("%s", danger.text)
        if now != warned:
            self._state_store.keep(_WARNED, json.dumps(now))
