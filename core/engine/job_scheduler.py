"""Starts jobs at market times."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler  # pyright: ignore[reportMissingTypeStubs]
from apscheduler.triggers.base import BaseTrigger  # pyright: ignore[reportMissingTypeStubs]

from core.infra.clock import Clock
from core.model.settings import Settings

Work = Callable[[], Awaitable[None]]
NextRun = Callable[[datetime], datetime | None]

# A late job still starts, once for all the times it was due: the job itself knows the market's clock and
# decides what is too late. No job runs twice at a time.
_POLICY: dict[str, Any] = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


class JobScheduler:
    """Starts jobs at market times. It can be stopped and started again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: list[tuple[str, BaseTrigger, Work]] = []
        self._scheduler: AsyncIOScheduler | None = None

    def add_each_minute(self, name: str, work: Work) -> None:
        """Start `work` at second 0 of each minute."""
        self.add(name, lambda after: after.replace(second=0, microsecond=0) + timedelta(minutes=1), work)

    def add(self, name: str, next_run: NextRun, work: Work) -> None:
        """Start `work` at each time that `next_run` returns: the first one after its argument."""
        trigger = _ComputedTrigger(self._clock, next_run)
        self._jobs.append((name, trigger, work))
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.add_job(work, trigger, id=name, name=name)  # pyright: ignore[reportUnknownMemberType]

    def start(self) -> None:
        self.stop()
        logging.getLogger("apscheduler").setLevel(logging.WARNING)  # else each minute leaves its lines in the log
        logging.getLogger("apscheduler.executors.default").addFilter(_is_no_cancellation)
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=_POLICY)
        for name, trigger, work in self._jobs:
            self._scheduler.add_job(work, trigger, id=name, name=name)  # pyright: ignore[reportUnknownMemberType]
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._scheduler = None

    def restart_if_ended(self) -> bool:
        """Start anew what ended by itself, not what was stopped; returns whether it had ended."""
        if self._scheduler is None or self._scheduler.running:
            return False
        self.start()
        return True

    def start_due_jobs(self) -> None:
        """After the computer slept: start now what is due; its timers may be late."""
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.wakeup()

    def use_settings(self, settings: Settings) -> None:
        """Compute every next time again, by these settings."""
        self.reschedule()

    def reschedule(self) -> None:
        """Compute every next time again: the settings or the market's clock have changed."""
        if self._scheduler is not None and self._scheduler.running:
            for name, trigger, _ in self._jobs:
                self._scheduler.reschedule_job(name, trigger=trigger)  # pyright: ignore[reportUnknownMemberType]


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    """A job that was due when the engine stopped did not fail, and its traceback would look as if it had."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, asyncio.CancelledError)


class _ComputedTrigger(BaseTrigger):
    """The next time by the market's clock, converted to the computer's time."""

    def __init__(self, clock: Clock, next_run: NextRun) -> None:
        self._clock = clock
        self._next_run = next_run

    def get_next_fire_time(  # pyright: ignore[reportIncompatibleMethodOverride]  (the base class declares no return type)
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """The first time after now; times that a changed clock has skipped are left out."""
        market = self._clock.now()
        after = market if previous_fire_time is not None else market - timedelta(microseconds=1)
        moment = self._next_run(after)
        if moment is None:
            return None
        # Read after the market's clock: a pause between the two makes the job late, never early. After an early
        # run the same time would be due once more.
        due = datetime.now(now.tzinfo) + (moment - market) / self._clock.speed
        return due if previous_fire_time is None else max(due, now + timedelta(milliseconds=1))
