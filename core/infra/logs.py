"""The log: one file a day, one line a record, and no secret in it."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TextIO
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

from core.infra.clock import SHANGHAI, Clock
from core.infra.home import Home
from core.model.snapshot import Level

NUMBERS: Mapping[Level, int] = {
    Level.INFO: logging.INFO,
    Level.GOOD: 25,
    Level.WARNING: logging.WARNING,
    Level.ERROR: logging.ERROR,
}
"""The number to log each level with: `logger.log(NUMBERS[event.level], event.text)`."""

_NAMES = {number: level.name for level, number in NUMBERS.items()} | {logging.CRITICAL: Level.ERROR.name}
_OURS = frozenset({"core", "tui"})

# What would break a line or steer a terminal: control characters, C1 included, and the two Unicode line ends.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x09}
_ESCAPES = _CONTROL | {0x0A: "\\n", 0x0D: "\\r", 0x2028: "\\u2028", 0x2029: "\\u2029"}

_FORMATTER = logging.Formatter()
_secrets: set[str] = set()


def hide(secret: SecretStr) -> None:
    """From now on no line holds this secret, plain or as it looks in JSON or in a URL.

    The second line of defence only: what is secret is not logged in the first place.
    """
    plain = secret.get_secret_value()
    if plain:
        _secrets.update((plain, json.dumps(plain)[1:-1], repr(plain)[1:-1], quote(plain, safe=""), quote_plus(plain)))


def redacted(text: str) -> str:
    """`text` with *** for every secret that `hide` was told."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def text_of(record: logging.LogRecord) -> str:
    """What the log shows of a record, its traceback included: redacted, control characters escaped, on one line."""
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + _FORMATTER.formatException(record.exc_info)
    return redacted(text).translate(_ESCAPES)


class _Lines(logging.Formatter):
    """`2026-05-15 14:50:01.123 INFO  trading  text`, the time being the clock's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        return self.line(record, self._clock.now())

    def line(self, record: logging.LogRecord, now: datetime) -> str:
        level = _NAMES.get(record.levelno) or record.levelname
        local = now.astimezone(SHANGHAI)
        stamp = f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"
        return f"{stamp} {level:<5} {_source(record.name)}  {text_of(record)}"


def _source(logger: str) -> str:
    """The part of the program that speaks: `trading` for core.trading.order_manager, `tui` for tui.app."""
    first, _, rest = logger.partition(".")
    return (rest.partition(".")[0] if first == "core" else first) or first


def _worth_keeping(record: logging.LogRecord) -> bool:
    """Our own records, and of the libraries only what is wrong."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _OURS


class LogFile(logging.Handler):
    """Appends to `logs/YYYY-MM-DD.log`; the day is the clock's, in Shanghai.

    `problem` says why the last record could not be written, None if it was: a full disk stops no trading.
    """

    def __init__(self, home: Home, clock: Clock) -> None:
        super().__init__(logging.INFO)
        self.problem: str | None = None
        self._home = home
        self._clock = clock
        self._lines = _Lines(clock)
        self._day: date | None = None
        self._file: TextIO | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            now = self._clock.now().astimezone(SHANGHAI)
            file = self._file_of(now.date())
            file.write(self._lines.line(record, now) + "\n")
            file.flush()
            self.problem = None
        except OSError as error:
            self.problem = f"The log cannot be written: {error.strerror or error}."
            self._close_file()
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self.acquire()
        try:
            self._close_file()
        finally:
            self.release()
        super().close()

    def _file_of(self, day: date) -> TextIO:
        if self._file is None or self._day != day:
            self._close_file()
            self._file = path_of(self._home, day).open("a", encoding="utf-8", errors="backslashreplace", newline="\n")
            self._day = day
        return self._file

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                self.problem = f"The log cannot be written: {error.strerror or error}."


class Logs:
    """Logging while it is on: to the file, and to stderr if asked for."""

    def __init__(self, home: Home, clock: Clock, stderr: bool = False) -> None:
        """Start logging; `stderr` is for runs without a screen."""
        logging.addLevelName(NUMBERS[Level.GOOD], Level.GOOD.name)
        self.file = LogFile(home, clock)
        self._handlers: list[logging.Handler] = [self.file]
        if stderr:
            stream = logging.StreamHandler(sys.stderr)
            stream.setFormatter(_Lines(clock))
            self._handlers.append(stream)
        root = logging.getLogger()
        self._level_before = root.level
        root.setLevel(logging.INFO)
        for handler in self._handlers:
            handler.addFilter(_worth_keeping)
            root.addHandler(handler)

    def close(self) -> None:
        """Stop logging and close the file."""
        root = logging.getLogger()
        for handler in self._handlers:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(self._level_before)


def path_of(home: Home, day: date) -> Path:
    """The file of a day."""
    return home.logs / f"{day.isoformat()}.log"
