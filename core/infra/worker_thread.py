"""Threads for calls that may block or never return. A call that hangs costs its thread and nothing else."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from core.i18n import say
from core.model.errors import UnavailableError

T = TypeVar("T")


class CallTimedOut(UnavailableError):
    """A call did not return in time, or its thread was given up; the call may still take effect."""


class CallNotStarted(CallTimedOut):
    """As `CallTimedOut`, and the call certainly did not start and never will."""


def call_with_deadline(name: str, function: Callable[[], T], seconds: float) -> T:
    """What `function` returns or raises, on a thread of its own; blocks. Raises `CallTimedOut`."""
    done: Future[T] = Future()
    threading.Thread(target=_run, args=(done, function), name=name, daemon=True).start()
    if not wait([done], seconds).done:
        raise CallTimedOut(say("it did not answer within {seconds:.0f} s", seconds=seconds))
    return done.result()


def _run(done: "Future[T]", function: Callable[[], T]) -> None:
    try:
        done.set_result(function())
    except Exception as error:
        done.set_exception(error)


class WorkerThread:
    """Makes calls one after the other, each with a deadline. Used from one event loop."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._pending: set[_Call] = set()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def call(self, function: Callable[[], T], seconds: float) -> T:
        """What `function` returns or raises, on the thread. Raises `CallTimedOut`, `CallNotStarted`."""
        call = _Call(function, self._loop.create_future())
        self._pending.add(call)
        self._calls.put(call)
        try:
            async with asyncio.timeout(seconds):
                return await call.answer
        except TimeoutError:
            raise call.missed(say("it did not answer within {seconds:.0f} s", seconds=seconds)) from None
        finally:
            call.start.cancel()
            self._pending.discard(call)

    def end(self) -> None:
        """Start no further call and wait for none."""
        for call in tuple(self._pending):
            if not call.answer.done():
                call.answer.set_exception(call.missed(say("the connection was closed")))
                call.answer.exception()  # marks it as read, where nobody waits any more
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            if not call.start.set_running_or_notify_cancel():
                continue
            try:
                step = partial(_settle, call.answer, call.function())
            except Exception as error:
                step = partial(_settle, call.answer, error=error)
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                self._loop.call_soon_threadsafe(step)


@dataclass(eq=False)
class _Call:
    """A call in the queue: `start` is either running or cancelled, never both."""

    function: Callable[[], Any]
    answer: "asyncio.Future[Any]"
    start: "Future[None]" = field(default_factory=Future[None])

    def missed(self, why: str) -> CallTimedOut:
        """Keep it from starting, and say whether it had started."""
        if self.start.cancel():
            return CallNotStarted(say("{why}, busy with another call", why=why))
        return CallTimedOut(why)


def _settle(answer: "asyncio.Future[Any]", value: object = None, error: Exception | None = None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(value)
    else:
        answer.set_exception(error)
