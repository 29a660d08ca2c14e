"""Clocks, always passed in: the real one, one at another speed, and one that a test moves."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from core.model.time import SHANGHAI


class Clock(Protocol):
    """The time in Shanghai, and ways to wait for it. All durations are seconds of this clock, save those of `real`."""

    @property
    def speed(self) -> float:
        """Seconds of this clock in one of this machine."""
        ...

    def real(self) -> float:
        """Seconds of this machine since some moment; never runs backwards."""
        ...

    def now(self) -> datetime: ...

    def elapsed(self) -> float:
        """Seconds of this clock since some moment; never runs backwards, whatever is done to the machine's time."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for `event`, at most `seconds`; whether it came."""
        ...


class ScaledClock:
    """A clock that starts at `start` (default: now) and runs `speed` times as fast as `real`."""

    def __init__(
        self, start: datetime | None = None, speed: float = 1.0, real: Callable[[], float] = time.monotonic
    ) -> None:
        if speed <= 0:
            raise ValueError("a clock's speed must be above zero")
        self._start = start or datetime.now(SHANGHAI)
        self._real = real
        self._origin = real()
        self._speed = speed

    @property
    def speed(self) -> float:
        return self._speed

    def real(self) -> float:
        return self._real()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.elapsed())

    def elapsed(self) -> float:
        return (self._real() - self._origin) * self._speed

    def move_to(self, moment: datetime) -> None:
        """Go on from `moment`; what waits is not hurried, since durations do not change."""
        self._start = moment - timedelta(seconds=self.elapsed())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        try:
            async with asyncio.timeout(max(0.0, seconds) / self.speed):
                await event.wait()
        except TimeoutError:
            return False
        return True


class RealClock(ScaledClock):
    """The machine's clock, also after its time was changed."""

    def now(self) -> datetime:
        return datetime.now(SHANGHAI)


class SteppedClock:
    """A clock that stands still until it is moved; waiting moves it at once, after everything ready has run."""

    _TURNS = 20

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.speed = 1.0

    def real(self) -> float:
        return self.elapsed()

    def now(self) -> datetime:
        return self._now

    def elapsed(self) -> float:
        return self._now.timestamp()

    def move_to(self, moment: datetime) -> None:
        if moment < self._now:
            raise ValueError("a clock does not run backwards")
        self._now = moment

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self._now += timedelta(seconds=seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        for _ in range(self._TURNS):
            if event.is_set():
                return True
            await asyncio.sleep(0)
        if not event.is_set():
            self._now += timedelta(seconds=max(0.0, seconds))
        return event.is_set()
