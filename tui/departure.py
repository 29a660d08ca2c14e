"""How the app is made to leave by the front door: on a signal, and when its terminal is gone."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Any

from textual.app import App

from tui.terminal import LOST_TERMINAL, signal_code, when_the_terminal_goes


class Departure:
    """`leave` is called on the app's loop, with the exit code."""

    def __init__(self, app: "App[None]", leave: Callable[[int], None]) -> None:
        self._app = app
        self._leave = leave
        self._signals: list[signal.Signals] = []

    def begin(self) -> None:
        """From now on; the app runs."""
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # Who starts a program with a signal ignored (nohup) means it.
            if number is None or signal.getsignal(number) is signal.SIG_IGN:
                continue
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(number, self._leave, signal_code(number))
                self._signals.append(number)
        self._watch_the_terminal()

    def end(self) -> None:
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
            _write_no_more(driver)
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._leave, LOST_TERMINAL)

        when_the_terminal_goes(driver.fileno, gone)


def _write_no_more(driver: Any) -> None:  # noqa: ANN401  (what differs between platforms)
    """Nobody writes what is queued any more, and a full queue would hold up whoever draws."""
    driver.write = lambda data: None
    writer = getattr(driver, "_writer_thread", None)
    if writer is not None:
        writer.write = lambda text: None
        with writer._queue.mutex:
            writer._queue.queue.clear()
            writer._queue.not_full.notify_all()
