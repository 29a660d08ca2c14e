"""Restarts the engine's tasks that end and should not, and says so."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from core.i18n import say
from core.infra.clock import Clock
from core.infra.tasks import end_tasks

log = logging.getLogger(__name__)

_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Real seconds before a task is restarted; they double while it keeps ending at once."""

_STEADY = 300.0
"""Real seconds after which a restarted task counts as sound."""


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """A task that ended, why, and when."""

    part: str
    why: str
    at: datetime
    real: float


class Supervisor:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._failures: list[TaskFailure] = []

    def keep(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work`, which should never end, again whenever it does."""
        self._tasks.append(asyncio.create_task(self._keep(part, work), name=part))

    def note_failure(self, part: str, why: str) -> None:
        """Something has failed and is restarted by the caller."""
        log.error("%s failed and was restarted: %s", part, why)
        self._failures = [*self._failures[-19:], TaskFailure(part, why, self._clock.now(), self._clock.real())]

    @property
    def latest_failure(self) -> TaskFailure | None:
        """The last failure, as long as it is recent."""
        recent = [failure for failure in self._failures if self._clock.real() - failure.real < _STEADY]
        return recent[-1] if recent else None

    async def close(self) -> None:
        await end_tasks(*self._tasks)

    async def _keep(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        pause = _PAUSE
        while True:
            begun = self._clock.real()
            why = say("it ended")
            try:
                await work()
            except Exception as error:
                log.exception("%s failed", part)
                why = f"{type(error).__name__}: {error}"
            pause = _PAUSE if self._clock.real() - begun > _STEADY else min(2 * pause, _LONGEST_PAUSE)
            self.note_failure(part, why)
            await asyncio.sleep(pause)
