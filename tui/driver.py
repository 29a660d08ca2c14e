"""Reads the terminal. What is no key and no report is dropped alone: no byte ends the input or the app."""

import codecs
import logging
import os
import re
import select
import sys
from collections.abc import Callable, Iterable, Iterator

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.message import Message

_log = logging.getLogger(__name__)

_X10_REPORT = re.compile(rb"\x1b\[M.{3}", re.DOTALL)
_X10_BEGUN = re.compile(rb"\x1b\[M.{0,2}\Z", re.DOTALL)
"""How an old terminal reports the mouse: three bytes of any value, which would be read as keys."""

_LARGEST = 2000
"""A terminal of more columns or lines is a garbled report: drawing it would take all memory."""

_POLL_SECONDS = 0.1


class InputReader:
    """Turns the terminal's bytes into messages."""

    def __init__(self) -> None:
        self._rest = b""
        self._decode = codecs.getincrementaldecoder("utf-8")("ignore").decode
        self._parser = XTermParser(constants.DEBUG)

    def feed(self, data: bytes) -> Iterator[Message]:
        data = _X10_REPORT.sub(b"", self._rest + data)
        begun = _X10_BEGUN.search(data)
        self._rest = begun.group() if begun is not None else b""
        for character in self._decode(data.removesuffix(self._rest)):
            yield from self._parsed(lambda parser, character=character: parser.feed(character))

    def tick(self) -> Iterator[Message]:
        """To be called now and then: only time tells the escape key from the start of another one."""
        yield from self._parsed(lambda parser: parser.tick())

    def _parsed(self, read: Callable[[XTermParser], Iterable[Message]]) -> Iterator[Message]:
        try:
            for message in read(self._parser):
                if not isinstance(message, events.Resize) or 0 < min(message.size) <= max(message.size) <= _LARGEST:
                    yield message
        except Exception as error:
            _log.warning("the terminal sent something unreadable; it was dropped: %s: %s", type(error).__name__, error)
            self._begin_again()

    def _begin_again(self) -> None:
        """A parser that has failed once reads nothing any more."""
        old, self._parser = self._parser, XTermParser(constants.DEBUG)
        self._parser.mouse_pixels = old.mouse_pixels
        self._parser.terminal_size, self._parser.terminal_pixel_size = old.terminal_size, old.terminal_pixel_size


if sys.platform == "win32":
    from textual.drivers import win32
    from textual.drivers.windows_driver import WindowsDriver

    class ConsoleDriver(WindowsDriver):
        """Windows' console."""

        def start_application_mode(self) -> None:
            win32.EventMonitor = _LastingMonitor
            super().start_application_mode()

    DRIVER: type[Driver] = ConsoleDriver

    class _LastingMonitor(win32.EventMonitor):
        """Keeps reading after input that it cannot decode, such as half of a surrogate pair; Textual's own monitor
        stops there."""

        def run(self) -> None:
            while not self.exit_event.is_set():
                super().run()
                self.exit_event.wait(_POLL_SECONDS)

else:
    from textual.drivers.linux_driver import LinuxDriver

    class PosixDriver(LinuxDriver):
        """A POSIX terminal."""

        def run_input_thread(self) -> None:
            reader = InputReader()
            while not self.exit_event.is_set():
                for message in (*reader.feed(self._read()), *reader.tick()):
                    self.process_message(message)

        def _read(self) -> bytes:
            """What was typed, nothing after a while."""
            try:
                if not select.select([self.fileno], [], [], _POLL_SECONDS)[0]:
                    return b""
                data = os.read(self.fileno, 4096)
            except OSError:
                data = b""
            if not data:  # the terminal is gone: `on_terminal_lost` ends the app
                self.exit_event.wait(_POLL_SECONDS)
            return data

    DRIVER = PosixDriver


def driver_for(stock: type[Driver]) -> type[Driver]:
    """This module's driver instead of the platform's own; one that the environment names is kept."""
    return DRIVER if issubclass(DRIVER, stock) else stock
