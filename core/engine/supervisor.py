"""The supervisor: what ends in the engine that should not is begun again, and said."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from core.infra.clock import Clock

log = logging.getLogger(__name__)

_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Real seconds before a part is begun again; they double while it keeps ending at once."""

_STEADY = 300.0
"""Real seconds after which a part that was begun again counts as sound."""


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """A part that ended, why, and when it was begun again."""

    part: str
    why: str
    at: datetime
    real: float


class Supervisor:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._falls: list[TaskFailure] = []

    def keep(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work`, which should never end, again whenever it does."""
        self._tasks.append(asyncio.create_task(self._keep(part, work), name=part))

    def fell(self, part: str, why: str) -> None:
        """A part has failed and is begun again by whoever noticed."""
        log.error("%s has failed and is begun again: %s", part, why)
        self._falls = [*self._falls[-19:], TaskFailure(part, why, self._clock.now(), self._clock.real())]

    @property
    def latest(self) -> TaskFailure | None:
        """The last fall, as long as it is not long ago."""
        recent = [fall for fall in self._falls if self._clock.real() - fall.real < _STEADY]
        return recent[-1] if recent else None

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        pause = _PAUSE
        while True:
            begun = self._clock.real()
            why = "it ended"
            try:
                await work()
            except Exception as error:
                log.exception("%s failed", part)
                why = f"{type(error).__name__}: {error}"
            pause = _PAUSE if self._clock.real() - begun > _STEADY else min(2 * pause, _LONGEST_PAUSE)
            self.fell(part, why)
            await asyncio.sleep(pause)
