"""A loop that never waits: when nothing is ready, its time jumps to the next timer."""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, TypeVar
from unittest import mock

from apscheduler.schedulers import base

from core.engine import job_scheduler

T = TypeVar("T")


LONGEST = 600.0
"""Real seconds that a simulated day may take."""


_LEAST = 1e-6
"""Minimum seconds of a wait: one lost in rounding would never end."""


class _Hurried(selectors.DefaultSelector):  # type: ignore[valid-type,misc]
    """Polls, and advances the time instead of waiting."""

    loop: "SimulatedLoop"

    def select(self, timeout: float | None = None) -> Any:
        if time.monotonic() > self.loop.deadline:
            raise TimeoutError(f"the day does not end: it is at {self.loop.time():.3f} s")
        ready = super().select(0)
        if not ready and timeout != 0 and self.loop.threads:
            # A thread works for this loop: the time stands still until it is done.
            ready = super().select(None)
        if not ready and timeout != 0:
            if timeout is None:
                raise RuntimeError("the simulated day stands still: nothing is ready and nothing is due")
            self.loop.pass_time(timeout)
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        selector = _Hurried()
        super().__init__(selector)
        selector.loop = self
        self._time = 0.0
        self.threads = 0
        self.deadline = time.monotonic() + LONGEST

    def time(self) -> float:
        return self._time

    def run_in_executor(self, executor: Any, func: Any, *arguments: Any) -> Any:
        self.threads += 1
        future = super().run_in_executor(executor, func, *arguments)
        future.add_done_callback(lambda _: setattr(self, "threads", self.threads - 1))
        return future

    def pass_time(self, seconds: float) -> None:
        self._time += max(seconds, 0.0)


class LoopClock:
    """Shanghai's time on a simulated loop, `speed` market seconds to one of the loop's."""

    def __init__(self, start: datetime, loop: SimulatedLoop, speed: float = 1.0) -> None:
        self._start = start
        self._loop = loop
        self.speed = speed

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.elapsed())

    def real(self) -> float:
        return self._loop.time()

    def elapsed(self) -> float:
        return self._loop.time() * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        try:
            async with asyncio.timeout(max(_LEAST, seconds / self.speed)):
                await event.wait()
        except TimeoutError:
            return False
        return True


def simulate(work: Coroutine[Any, Any, T], loop: SimulatedLoop) -> T:
    """Run `work` on the loop to its end."""
    asyncio.set_event_loop(loop)

    class Simulated(datetime):
        """The time that APScheduler and its triggers take as the machine's."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=loop.time())).astimezone(tz)

    try:
        with mock.patch.object(base, "datetime", Simulated), mock.patch.object(job_scheduler, "datetime", Simulated):
            return loop.run_until_complete(work)
    finally:
        loop.deadline += LONGEST
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
