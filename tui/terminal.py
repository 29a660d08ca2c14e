"""How a program is told to end: Ctrl+C, a signal, a console that is closed, a terminal that is gone."""

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Generator
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")

_CTRL_CLOSE, _CTRL_LOGOFF, _CTRL_SHUTDOWN = 2, 5, 6
"""What Windows tells a console program that is about to be ended; it gives it some five seconds."""


class Ending:
    """Inside, the first word to end is kept; nothing is interrupted by it."""

    def __init__(self) -> None:
        self._came = threading.Event()
        self._done = threading.Event()
        self._word = ""
        self._before: dict[int, object] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Ending":
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._on_signal)
        self._stack.enter_context(when_the_console_closes(self._on_close))
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._stack.close()
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def wait(self, seconds: float) -> str | None:
        """The word to end, None where none has come within this time. Windows runs handlers only between two waits."""
        return self._word if self._came.wait(seconds) else None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._say(signal.Signals(number).name)

    def _on_close(self) -> None:
        self._say("the console was closed")
        self._done.wait(5)  # the process is killed when this returns

    def _say(self, word: str) -> None:
        self._word = self._word or word
        self._came.set()


@contextlib.contextmanager
def when_the_console_closes(act: Callable[[], object]) -> Generator[None]:
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


def signal_code(number: int) -> int:
    """The exit code that tells of a signal, as a shell would give it."""
    return 128 + number


LOST_TERMINAL = 129
"""The exit code where the terminal went away without a word: that of SIGHUP, which says the same."""


def when_the_terminal_goes(descriptor: int, act: Callable[[], object]) -> None:
    """Call `act` once, on a thread of its own, when the other end of this terminal is gone.

    Not every terminal that goes sends SIGHUP: a session without a controlling terminal hears nothing, reads nothing and
    fails to write. Where there is no poll (Windows), the console's own word is all there is.
    """
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(descriptor, 0)  # what is reported unasked: that it has hung up

    def watch() -> None:
        while True:
            if any(what & (select.POLLHUP | select.POLLERR) for _, what in poll.poll(60_000)):
                act()
                return

    threading.Thread(target=watch, name="terminal", daemon=True).start()


def say_no_more() -> None:
    """What the interpreter flushes at its end has nowhere to go: it would fail, and spoil the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
