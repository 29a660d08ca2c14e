"""Keys, pastes and clicks go one at a time, so that a burst goes where it would have gone typed slowly."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator

from textual import events
from textual.app import App

Input = events.InputEvent | events.Paste

_MOST_PASSES = 5000
"""Passes of the event loop after which the next one is delivered although the app has not come to rest. The most that
a key was seen to take is 93. Passes, not seconds: on a busy machine each takes longer."""

_LONGEST = 2.0
"""Seconds that a key waits at most for replies one after another: a screen that keeps asking must not hold the keys."""

_REPLY_SECONDS = 0.5
"""Seconds that keys wait for an engine's reply, which may open or close a dialog; a slower one does not hold them."""

_POLL_SECONDS = 0.005


class InputQueue:
    """Delivers each input after the one before has had its whole effect.

    Textual sends a key at once to what has the focus, although the keys before it may still move the focus, open a
    dialog or close one: a password then lands in the field for the name, an answer in the screen below its question.
    """

    def __init__(self, deliver: Callable[[Input], Awaitable[None]]) -> None:
        self._deliver = deliver
        self._waiting: deque[Input] = deque()
        self._arrived = asyncio.Event()
        self._delivering = False
        self._asked: list[float] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether an input waits, or has not had its whole effect yet."""
        return bool(self._waiting) or self._delivering

    def start(self, failed: Callable[[Exception], None]) -> None:
        self._task = asyncio.create_task(self._run(failed), name="input")

    def close(self) -> None:
        """What waits is dropped."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def put(self, event: Input) -> None:
        moved = isinstance(event, events.MouseMove)
        if moved and self._waiting and isinstance(self._waiting[-1], events.MouseMove):
            self._waiting.pop()  # only where the pointer is now matters
        self._waiting.append(event)
        self._arrived.set()

    @contextlib.contextmanager
    def reply_pending(self) -> Generator[None]:
        """Inside, an engine's reply is awaited."""
        asked = time.monotonic()
        self._asked.append(asked)
        try:
            yield
        finally:
            self._asked.remove(asked)

    async def _run(self, failed: Callable[[Exception], None]) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._delivering = True
            try:
                while self._waiting:
                    await self._next()
            except Exception as error:
                failed(error)
                return
            finally:
                self._delivering = False

    async def _next(self) -> None:
        event = self._waiting.popleft()
        if isinstance(event, events.MouseMove):
            await self._deliver(event)
            return
        deadline = time.monotonic() + _LONGEST
        while self._reply_may_come() and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        await self._deliver(event)
        await _at_rest()

    def _reply_may_come(self) -> bool:
        return any(time.monotonic() - asked < _REPLY_SECONDS for asked in self._asked)


async def _at_rest() -> None:
    """Return when the event loop has nothing left to run: only timers and other threads can wake it."""
    loop = asyncio.get_running_loop()
    for _ in range(_MOST_PASSES):
        await asyncio.sleep(0)
        if not loop._ready:  # type: ignore[attr-defined]
            return


class QueuedInputApp(App[None]):
    """An app whose input comes from such a queue."""

    def __init__(self) -> None:
        super().__init__()
        self._crashed = False
        self._input = InputQueue(self._deliver)

    def start_input(self) -> None:
        self._input.start(self._handle_exception)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, Input) and not event.is_forwarded:
            self._input.put(event)
        elif not (self._leaving and isinstance(event, (Input, events.AppFocus, events.AppBlur))):
            await super().on_event(event)

    async def _deliver(self, event: Input) -> None:
        if not self._leaving:
            await super().on_event(event)

    @property
    def _leaving(self) -> bool:
        """Whether the app is ending: its screens may be gone already, and nothing acts on what is left of them."""
        return not self._running or self._exit or self._closing or self._crashed
