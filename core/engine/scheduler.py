"""The schedule at work: what runs next, what is due, and what was missed and is offered."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler  # pyright: ignore[reportMissingTypeStubs]
from apscheduler.triggers.base import BaseTrigger  # pyright: ignore[reportMissingTypeStubs]

from core.calendar.calendar import Calendar
from core.i18n import say
from core.infra.clock import Clock
from core.model.known import Known, Maybe, Unknown
from core.model.order import Origin
from core.model.platform import Selection
from core.model.settings import ScheduleSettings, Settings
from core.model.snapshot import Job, MissedRun
from core.rules.redemption import HeldDanger
from core.rules.schedule import next_run, runs_between
from core.trading.ledger import Ledger
from core.trading.state_store import StateStore

log = logging.getLogger(__name__)

LATE = 30.0
"""Real seconds after which a run is not begun any more but offered."""

RETRY = 60.0
"""Seconds after which a run that was refused is tried again, while its session lasts."""

_SEEN, _BEGUN, _MISSED = "schedule_seen", "schedule_begun", "schedule_missed"


class ScheduledRuns(Protocol):
    """What the schedule starts, and the list that it would follow."""

    async def run(self, origin: Origin) -> str | None:
        """Plan and carry out; returns why that was refused, None where it was not."""
        ...

    async def selection(self) -> Maybe[Selection]: ...


class RunScheduler:
    """A run is begun once: it is written down before, and crossed out after. One that was begun and not crossed out,
    or whose time went by unseen, is offered with its age; only the newest is."""

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
        self._turn = asyncio.Lock()
        self._settled = clock.now()
        self.missed = kept_missed(state_store)

    def use_settings(self, settings: Settings) -> None:
        """Keep the schedule of these settings; one that has changed owes nothing of the time before."""
        changed = settings.schedule != self._schedule
        self._schedule, self._stops, self._strategy = settings.schedule, settings.stops, settings.strategy
        if changed:
            self._see(self._clock.now())

    def open(self) -> None:
        """Look back at what was due since the last run of this program."""
        kept = self._state_store.recall(_BEGUN)
        begun = datetime.fromisoformat(kept) if kept else None
        due = [planned for planned in self._due() if planned != begun]
        if begun is not None:
            self._offer(begun, say("rotor ended in the middle of it"))
        if due:
            self._offer(due[-1], say("rotor was not running"), len(due) - 1)
        self._see(self._clock.now())
        if begun is not None:
            self._state_store.keep(_BEGUN, "")  # last, so that a death in between loses no offer

    def jobs(self) -> tuple[Job, ...]:
        """What comes next, soonest first."""
        if not self._strategy.history_id:
            return ()
        now = self._clock.now()
        found = [("rebalance", self.next_rebalance(now)), ("refill", self.next_refill(now))]
        return tuple(sorted((Job(name, at) for name, at in found if at is not None), key=lambda job: job.at))

    def next_rebalance(self, after: datetime) -> datetime | None:
        found = next_run(self._schedule, self._calendar, after)
        return found.value if isinstance(found, Known) else None

    def next_refill(self, after: datetime) -> datetime | None:
        if not (self._stops.enabled and self._stops.refill):
            return None
        each_day = ScheduleSettings(frequency="daily", time=self._stops.refill_time)
        found = next_run(each_day, self._calendar, after)
        return found.value if isinstance(found, Known) else None

    async def rebalance_due(self) -> None:
        async with self._turn:
            await self._rebalance()
        await self.refresh_offer()

    async def refill_due(self) -> None:
        """Fill freed slots, after the rebalance of the same minute."""
        async with self._turn:
            await self._rebalance()
            now = self._clock.now()
            planned = datetime.combine(now, time.fromisoformat(self._stops.refill_time), now.tzinfo)
            if not self._strategy.history_id:
                return
            if self._lateness(planned) > LATE and not self._settled >= planned:
                log.warning("the refill of %s was missed: the slots stay empty", f"{planned:%H:%M}")
                return
            refusal = await self._runs.run(Origin.REFILL)
            if refusal is not None:
                log.warning("the refill of %s bought nothing: %s", f"{planned:%H:%M}", refusal)

    async def refresh_offer(self) -> None:
        """Say anew whether the list of what was missed is still good."""
        missed = self.missed
        if missed is not None:
            advice = await self._advice()
            if self.missed is missed:
                self._keep(MissedRun(missed.name, missed.planned_at, missed.why, advice))

    def settled(self) -> None:
        """A rebalance was carried out: whatever was missed before is made up for."""
        self._settled = self._clock.now()
        self._see(self._settled)
        self._keep(None)

    def drop(self) -> MissedRun | None:
        """The user does not want what was missed."""
        missed = self.missed
        self._keep(None)
        return missed

    async def _rebalance(self) -> None:
        due = self._due()
        if not due:
            return
        planned = due[-1]
        if not self._strategy.history_id:
            self._see(planned)
        elif self._lateness(planned) > LATE:
            self._offer(planned, say("its time went by while the machine slept or the clock was moved"), len(due) - 1)
            self._see(planned)
        else:
            self._state_store.keep(
                _BEGUN, planned.isoformat()
            )  # before it counts as seen: a death in between loses nothing
            self._see(planned)
            self._keep(None)
            await self._try(planned)
            self._state_store.keep(_BEGUN, "")

    async def _try(self, planned: datetime) -> None:
        """Carry it out; what refuses it may pass, so it is tried again while the session lasts."""
        while True:
            log.info("the scheduled rebalance of %s begins", f"{planned:%H:%M}")
            try:
                refusal = await self._runs.run(Origin.REBALANCE)
            except Exception as error:
                log.exception("the scheduled rebalance of %s failed", f"{planned:%H:%M}")
                self._offer(planned, say("it failed: {error}", error=error))
                return
            if refusal is None:
                self.settled()
                return
            log.error("the scheduled rebalance of %s was refused, nothing was sent: %s", f"{planned:%H:%M}", refusal)
            again = self._clock.now() + timedelta(seconds=RETRY)
            if self._calendar.orders_allowed(again) is not None:
                self._offer(planned, refusal)
                return
            await self._clock.sleep(RETRY)
            if self._settled >= planned:
                return

    def _due(self) -> tuple[datetime, ...]:
        """The runs whose time has come since the last look."""
        seen = self._seen()
        return () if seen is None else runs_between(self._schedule, self._calendar, seen, self._clock.now())

    def _seen(self) -> datetime | None:
        """Up to when runs were seen to; None where this schedule is new."""
        kept = json.loads(self._state_store.recall(_SEEN) or "{}")
        if kept.get("schedule") != self._schedule.model_dump(mode="json"):
            return None
        return datetime.fromisoformat(kept["until"])

    def _see(self, until: datetime) -> None:
        told = {"schedule": self._schedule.model_dump(mode="json"), "until": until.isoformat()}
        self._state_store.keep(_SEEN, json.dumps(told))

    def _lateness(self, planned: datetime) -> float:
        return (self._clock.now() - planned).total_seconds() / self._clock.speed

    def _offer(self, planned: datetime, why: str, more: int = 0) -> None:
        if not self._strategy.history_id:
            return
        before = say(", and {more} before it", more=more) if more else ""
        log.warning("the rebalance of %s%s was not made: %s", f"{planned:%Y-%m-%d %H:%M}", before, why)
        self._keep(MissedRun("rebalance", planned, why, say("whether the list is still good is being asked")))

    async def _advice(self) -> str:
        closed = self._calendar.orders_allowed(self._clock.now())
        if closed is not None:
            return say(
                "no order may be sent now: {closed}; a plan in the next session follows the list of then", closed=closed
            )
        found = await self._runs.selection()
        if isinstance(found, Unknown):
            return say("the list cannot be used now: {reason}", reason=found.reason)
        return say(
            "the list of {trade_date} is still good: {bonds} bonds",
            trade_date=found.value.trade_date,
            bonds=len(found.value.bonds),
        )

    def _keep(self, missed: MissedRun | None) -> None:
        if missed != self.missed:
            self.missed = missed
            told = {**asdict(missed), "planned_at": missed.planned_at.isoformat()} if missed else None
            self._state_store.keep(_MISSED, json.dumps(told, ensure_ascii=False) if told else "")


def kept_missed(state_store: StateStore) -> MissedRun | None:
    """The run that was missed and is still offered."""
    kept = state_store.recall(_MISSED)
    if not kept:
        return None
    told = json.loads(kept)
    return MissedRun(told["name"], datetime.fromisoformat(told["planned_at"]), told["why"], told["advice"])


_TOLD = "dangers_told"


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
        """Once a minute: remind, then sell what has to go, again and again until it is gone."""
        dangers = tuple(self._held.dangers())
        self._remind(dangers)
        closed, owned = self._calendar.orders_allowed(self._clock.now()), self._ledger.holdings()
        if closed is not None or not any(danger.sell and danger.code in owned for danger in dangers):
            return
        refusal = await self._sales.leave()
        if refusal is not None and refusal != self._refusal:
            log.error("what has to be sold before its trading ends was not: %s (tried again each minute)", refusal)
        self._refusal = refusal

    def _remind(self, dangers: Iterable[HeldDanger]) -> None:
        """Say each danger once a day; a restart says none again."""
        today = self._clock.now().date().isoformat()
        told: dict[str, str] = json.loads(self._state_store.recall(_TOLD) or "{}")
        now = {str(danger.code): today for danger in dangers}
        for danger in dangers:
            if told.get(danger.code) != today:
                log.warning("%s", danger.text)
        if now != told:
            self._state_store.keep(_TOLD, json.dumps(now))


Work = Callable[[], Awaitable[None]]
NextRun = Callable[[datetime], datetime | None]

# A job that is late is begun all the same, once for all the times it was due: what is too late is for the job to
# judge, which knows the market's clock and offers what it does not do. No job runs beside itself.
_POLICY: dict[str, Any] = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


class JobScheduler:
    """Jobs at times of the market. It may be stopped and started again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: list[tuple[str, BaseTrigger, Work]] = []
        self._scheduler: AsyncIOScheduler | None = None

    @property
    def running(self) -> bool:
        return self._scheduler is not None and bool(self._scheduler.running)

    def each_minute(self, name: str, work: Work) -> None:
        """Do `work` at second 0 of each minute."""
        self.whenever(name, lambda after: after.replace(second=0, microsecond=0) + timedelta(minutes=1), work)

    def whenever(self, name: str, next_run: NextRun, work: Work) -> None:
        """Do `work` at each moment that `next_run` names: the first one after the moment that it is given."""
        self._add(name, _ComputedTrigger(self._clock, next_run), work)

    def start(self) -> None:
        self.stop()
        logging.getLogger("apscheduler").setLevel(logging.WARNING)  # else each minute leaves its lines in the log
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=_POLICY)
        for name, trigger, work in self._jobs:
            self._put(name, trigger, work)
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._scheduler = None

    def awake(self) -> None:
        """The machine has slept: what is due is begun now, whatever its timers say."""
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.wakeup()

    def use_settings(self, settings: Settings) -> None:
        """Times of other settings: every next time is worked out anew."""
        self.moved()

    def moved(self) -> None:
        """The market's clock was moved: every next time is worked out anew."""
        if self._scheduler is not None and self._scheduler.running:
            for name, trigger, _ in self._jobs:
                self._scheduler.reschedule_job(name, trigger=trigger)  # pyright: ignore[reportUnknownMemberType]

    def _add(self, name: str, trigger: BaseTrigger, work: Work) -> None:
        self._jobs.append((name, trigger, work))
        if self.running:
            self._put(name, trigger, work)

    def _put(self, name: str, trigger: BaseTrigger, work: Work) -> None:
        if self._scheduler is not None:
            self._scheduler.add_job(work, trigger, id=name, name=name)  # pyright: ignore[reportUnknownMemberType]


class _ComputedTrigger(BaseTrigger):
    """A moment worked out by the market's own calendar, told in the machine's time."""

    def __init__(self, clock: Clock, next_run: NextRun) -> None:
        self._clock = clock
        self._next_run = next_run

    def get_next_fire_time(  # pyright: ignore[reportIncompatibleMethodOverride]  (the base declares no answer)
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """The first moment after now: those that a clock has jumped over are not counted one by one."""
        market = self._clock.now()
        after = market if previous_fire_time is not None else market - timedelta(microseconds=1)
        moment = self._next_run(after)
        if moment is None:
            return None
        told = now + (moment - market) / self._clock.speed
        # A timer may ring a hair early: the moment is then still to come, but not at once again.
        return told if previous_fire_time is None else max(told, now + timedelta(milliseconds=1))
