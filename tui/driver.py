"""Reads the terminal. What is no key and no report is dropped alone: no byte ends the input or the app."""

import codecs
import logging
import os
import re
import select
import sys
import time
from collections.abc import Iterable, Iterator

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.message import Message

_log = logging.getLogger(__name__)

_TOKEN = re.compile(
    rb"""
      \x1b\[200~ (?P<paste> (?:(?!\x1b\[201~).)* ) \x1b\[201~
    | (?P<begun> \x1b (?: \[200~.* | \[M[^\x00-\x1f]{0,2} | \[[0-?]*[ -/]* | O | [PX^_\]][^\x07\x1b]*\x1b? )? \Z )
    | (?P<dropped> \x1b\[M[^\x00-\x1f]{3} | \x1b[PX^_\]][^\x07\x1b]*(?:\x07|\x1b\\) )
    | (?P<sequence> \x1b(?: \[[0-?]*[ -/]*[@-~] | O[A-Za-z] | [\x08\x7f] ) )
    | (?P<escape> \x1b )
    | (?P<typed> [^\x1b]+ )
    """,
    re.DOTALL | re.VERBOSE,
)
"""What a terminal sends: a paste, the begin of something longer, what rotor has no use for (an old terminal's report of
the mouse, of which each byte would be a key; an answer in words), a key or a report, the escape key, characters."""

_NO_UTF8 = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x80-\xff]")
"""Input that is no UTF-8 is mostly GBK, whose second byte may be that of a letter."""

_ESCAPE_SECONDS = 0.1
"""Seconds after which what could begin a sequence is the keys themselves, such as esc."""

_SEQUENCE_SECONDS = 1.0
"""Seconds after which the rest of a sequence or a paste does not come any more: nobody types one."""

_LARGEST = 2000
"""A terminal of more columns or lines is a garbled report: drawing it would take all memory."""

_POLL_SECONDS = 0.1


class InputReader:
    """Turns the terminal's bytes into messages.

    Textual's own parser reads what is complete. What is garbled or cut off it would type, character by character; a
    paste without its end would take in every later key.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._heard = time.monotonic()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._parser = XTermParser(constants.DEBUG)

    def feed(self, data: bytes) -> Iterator[Message]:
        if data:
            self._heard = time.monotonic()
            data, self._rest = self._rest + data, b""
            for token in _TOKEN.finditer(data):
                yield from self._read(str(token.lastgroup), token.group(str(token.lastgroup)))

    def tick(self) -> Iterator[Message]:
        """To be called now and then: only time tells the escape key from the start of another one."""
        rest, waited = self._rest, time.monotonic() - self._heard
        if waited < (_SEQUENCE_SECONDS if rest[1:2] == b"[" and len(rest) > 2 else _ESCAPE_SECONDS):
            return
        self._rest = b""
        self._decoder.reset()
        if rest.startswith(b"\x1b[200~"):
            yield from self._read("paste", rest.removeprefix(b"\x1b[200~"))
        elif rest and len(rest) <= 2:
            yield from self._read("escape", rest)
            yield from self._read("typed", rest[1:])

    def _read(self, kind: str, data: bytes) -> Iterator[Message]:
        if kind == "begun":
            self._rest = data
        elif kind == "paste":
            yield events.Paste(self._decoded(data).replace("\0", ""))
        elif kind == "sequence":
            yield from self._parsed(data.decode("ascii"))
        elif kind == "escape":
            yield events.Key("escape", "\x1b")
        elif kind == "typed":
            for character in self._decoded(data):
                yield from self._parsed(character)

    def _decoded(self, data: bytes) -> str:
        begun = self._decoder.getstate()[0]
        try:
            return self._decoder.decode(data)
        except UnicodeDecodeError:
            self._decoder.reset()
            return _NO_UTF8.sub(b"", begun + data).decode("ascii")

    def _parsed(self, text: str) -> Iterable[Message]:
        """What Textual reads in one key or sequence; nothing where it does not know it."""
        try:
            messages = list(self._parser.feed(text))
        except Exception as error:
            _log.warning("the terminal sent something unreadable; it was dropped: %s: %s", type(error).__name__, error)
            messages = []
        if not messages:
            self._begin_again()
        return [message for message in messages if not isinstance(message, events.Resize) or _plausible(message)]

    def _begin_again(self) -> None:
        """A parser that has failed, or waits for more of a sequence that is complete, reads nothing any more."""
        old, self._parser = self._parser, XTermParser(constants.DEBUG)
        self._parser.mouse_pixels = old.mouse_pixels
        self._parser.terminal_size, self._parser.terminal_pixel_size = old.terminal_size, old.terminal_pixel_size


def _plausible(resize: events.Resize) -> bool:
    return 0 < min(resize.size) <= max(resize.size) <= _LARGEST


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
