"""How the program is asked to exit: Ctrl+C, a signal, a console that is closed, a terminal that is gone."""

import asyncio
import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any

from textual.app import App

from core.i18n import say
from core.model.snapshot import Level, Snapshot

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")

_CTRL_CLOSE, _CTRL_LOGOFF, _CTRL_SHUTDOWN = 2, 5, 6
"""The events with which Windows ends a console program; it has some five seconds left."""


class ShutdownSignals:
    """Inside, the first request to exit is kept; it interrupts nothing."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._done = threading.Event()
        self._reason = ""
        self._before: dict[int, object] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "ShutdownSignals":
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._on_signal)
        self._stack.enter_context(on_console_close(self._on_close))
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._stack.close()
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def wait(self, seconds: float) -> str | None:
        """The request to exit, None if none came in this time. Windows runs handlers only between two waits."""
        return self._reason if self._requested.wait(seconds) else None

    def wait_while(self, runs: Callable[[], bool]) -> str | None:
        """Wait for the request to exit; None once nothing runs any more."""
        while (reason := self.wait(0.5)) is None and runs():
            pass
        return reason

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._request(signal.Signals(number).name)

    def _on_close(self) -> None:
        self._request("the console was closed")
        self._done.wait(5)  # the process is killed when this returns

    def _request(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._requested.set()


@contextlib.contextmanager
def on_console_close(act: Callable[[], object]) -> Generator[None]:
    """On Windows, call `act` on a thread of its own when the console window is closed, or the user logs off.

    The process ends as soon as `act` has returned. Elsewhere a closed terminal is a signal, and this does nothing.
    """
    if sys.platform != "win32":
        yield
        return
    import ctypes

    @ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)
    def handler(event: int) -> int:
        if event not in (_CTRL_CLOSE, _CTRL_LOGOFF, _CTRL_SHUTDOWN):
            return 0
        act()
        return 1

    ctypes.windll.kernel32.SetConsoleCtrlHandler(handler, 1)
    try:
        yield
    finally:
        ctypes.windll.kernel32.SetConsoleCtrlHandler(handler, 0)


def exit_code_of(number: int) -> int:
    """The exit code for a signal, as a shell gives it."""
    return 128 + number


LOST_TERMINAL = 129
"""The exit code where the terminal closed without a signal: that of SIGHUP."""


def on_terminal_lost(descriptor: int, act: Callable[[], object]) -> None:
    """Call `act` once, on a thread of its own, when the other end of this terminal is gone.

    Not every terminal that closes sends SIGHUP: a session without a controlling terminal gets no signal, reads nothing
    and fails to write. Without poll (Windows), only the console's own event tells.
    """
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(descriptor, 0)  # reported in any case: that it has hung up

    def watch() -> None:
        while True:
            if any(what & (select.POLLHUP | select.POLLERR) for _, what in poll.poll(60_000)):
                act()
                return

    threading.Thread(target=watch, name="terminal", daemon=True).start()


def silence_output() -> None:
    """The interpreter flushes its streams at its end: without a terminal that fails and changes the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)


_RESTORE_TITLE = "\x1b[23;0t"
_SAVE_TITLE = "\x1b[22;0t"


class Bell:
    """Rings once per new alarm: a reason why trading is off, a failed connection, an error event.

    The window title shows an alarm while trading is off or a connection fails.
    """

    def __init__(self, app: "App[None]") -> None:
        self._app = app
        self._known: frozenset[object] = frozenset()
        self._title = ""
        self._first = True

    def check(self, snapshot: Snapshot) -> None:
        standing: set[object] = {reason.text for reason in snapshot.blockers}
        standing |= {health.name for health in snapshot.health if health.level is Level.ERROR}
        alarms = frozenset(standing | {event.number for event in snapshot.events if event.level is Level.ERROR})
        # Alarms older than the screen do not ring.
        if alarms - self._known and not self._first and snapshot.look.bell:
            self._app.bell()
        self._known, self._first = alarms, False
        self._set_title(f"rotor {say(snapshot.mode).upper()}" + (f" ! {say('alarm')}" if standing else ""))

    def restore_title(self) -> None:
        if self._title:
            self._write(_RESTORE_TITLE)

    def _set_title(self, title: str) -> None:
        if title != self._title:
            self._write(f"{'' if self._title else _SAVE_TITLE}\x1b]2;{title}\x07")
            self._title = title

    def _write(self, sequence: str) -> None:
        driver = self._app._driver  # pyright: ignore[reportPrivateUsage]
        if driver is not None and not self._app.is_headless:
            driver.write(sequence)


class ShutdownHandler:
    """`leave` is called on the app's loop, with the exit code."""

    def __init__(self, app: "App[None]", leave: Callable[[int], None]) -> None:
        self._app = app
        self._leave = leave
        self._signals: list[signal.Signals] = []

    def install(self) -> None:
        """From now on; the app runs."""
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # A program that was started with the signal ignored (nohup) keeps ignoring it.
            if number is None or signal.getsignal(number) is signal.SIG_IGN:
                continue
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(number, self._leave, exit_code_of(number))
                self._signals.append(number)
        self._watch_the_terminal()

    def remove(self) -> None:
        """Let go of the signals. Does nothing the second time."""
        for number in self._signals:
            with contextlib.suppress(RuntimeError, ValueError):
                asyncio.get_running_loop().remove_signal_handler(number)
        self._signals.clear()

    def _watch_the_terminal(self) -> None:
        driver: Any = self._app._driver  # pyright: ignore[reportPrivateUsage]
        if self._app.is_headless or not hasattr(driver, "fileno"):
            return
        loop = asyncio.get_running_loop()

        def gone() -> None:
            _discard_output(driver)
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._leave, LOST_TERMINAL)

        on_terminal_lost(driver.fileno, gone)


def _discard_output(driver: Any) -> None:  # noqa: ANN401  (what differs between platforms)
    """Nothing that is queued is written any more, and a full queue would block drawing."""
    driver.write = lambda data: None
    writer = getattr(driver, "_writer_thread", None)
    if writer is not None:
        writer.write = lambda text: None
        with writer._queue.mutex:
            writer._queue.queue.clear()
            writer._queue.not_full.notify_all()


def enlarge_thread_pool() -> None:
    """On Windows each sleeping timer holds a thread of the default pool, which is small on small machines."""
    if sys.platform == "win32":
        from concurrent.futures import ThreadPoolExecutor

        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(64, thread_name_prefix="screen"))
