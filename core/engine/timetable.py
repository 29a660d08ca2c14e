"""APScheduler on the engine's loop. Times are the market's: Shanghai's whatever the machine's zone, or a sandbox's."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler  # pyright: ignore[reportMissingTypeStubs]
from apscheduler.triggers.base import BaseTrigger  # pyright: ignore[reportMissingTypeStubs]

from core.infra.clock import Clock

Work = Callable[[], Awaitable[None]]
NextRun = Callable[[datetime], datetime | None]

# A job that is late is begun all the same, once for all the times it was due: what is too late is for the job to
# judge, which knows the market's clock and offers what it does not do. No job runs beside itself.
_POLICY: dict[str, Any] = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


class Timetable:
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
        self._add(name, _Whenever(self._clock, next_run), work)

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


class _Whenever(BaseTrigger):
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
