"""A thread for a library whose calls may block, or never return."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from core.model.errors import UnavailableError

T = TypeVar("T")


class CallTimedOut(UnavailableError):
    """A call did not return in time, or its caller was ended; it may still do what it does."""


class CallNotStarted(CallTimedOut):
    """The same, and the call certainly did not and will not begin."""


class WorkerThread:
    """Makes calls one after the other, each with a deadline. One that never returns keeps the thread, and nothing else.

    Belongs to the loop that makes it.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._pending: set[tuple[_Request, asyncio.Future[object]]] = set()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def call(self, function: Callable[[], T], seconds: float) -> T:
        """What `function` returns or raises, on the thread. Raises `CallTimedOut`, `CallNotStarted`."""
        done: asyncio.Future[T] = self._loop.create_future()
        request = _Request(lambda: self._settle(done, function))
        entry = (request, done)
        self._pending.add(entry)  # type: ignore[arg-type]
        self._requests.put(request)
        try:
            async with asyncio.timeout(seconds):
                return await done
        except TimeoutError:
            raise _missed(request, f"it did not answer within {seconds:.0f} s") from None
        finally:
            request.revoke()
            self._pending.discard(entry)  # type: ignore[arg-type]

    def end(self) -> None:
        """Begin no further call and wait for none."""
        for request, done in tuple(self._pending):
            trouble = _missed(request, "the connection was given up")
            if not done.done():
                done.set_exception(trouble)
                done.exception()  # read, so that asyncio does not report it as lost
        self._requests.put(None)

    def _run(self) -> None:
        while (request := self._requests.get()) is not None:
            request.run()

    def _settle(self, done: "asyncio.Future[T]", function: Callable[[], T]) -> None:
        try:
            step = _setter(done, function())
        except Exception as error:
            step = _failure(done, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it everybody who would listen
            self._loop.call_soon_threadsafe(step)


class _Request:
    """A call that waits for its turn: it either begins or is revoked, never both."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._begun = self._revoked = False

    def run(self) -> None:
        with self._lock:
            if self._revoked:
                return
            self._begun = True
        self._call()

    def revoke(self) -> bool:
        """Whether it will certainly never begin."""
        with self._lock:
            self._revoked = self._revoked or not self._begun
            return self._revoked


def _missed(request: _Request, why: str) -> CallTimedOut:
    return CallNotStarted(f"{why}, busy with another call") if request.revoke() else CallTimedOut(why)


def _setter(done: "asyncio.Future[T]", value: T) -> Callable[[], None]:
    return lambda: None if done.done() else done.set_result(value)


def _failure(done: "asyncio.Future[T]", error: Exception) -> Callable[[], None]:
    return lambda: None if done.done() else done.set_exception(error)
