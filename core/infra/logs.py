"""The log: one file a day, one line a record, in English whatever the language in use, and no secret in it."""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

from core.i18n import language, say
from core.infra.clock import Clock
from core.infra.home import Home, check_own
from core.model.log_page import LogLine, LogPage
from core.model.snapshot import Level
from core.model.time import SHANGHAI
from core.retold import may_hold, retold

NUMBERS: Mapping[Level, int] = {
    Level.INFO: logging.INFO,
    Level.GOOD: 25,
    Level.WARNING: logging.WARNING,
    Level.ERROR: logging.ERROR,
}
"""The number to log each level with: `logger.log(NUMBERS[event.level], event.text)`."""

ABOUT = "about"
"""Attribute of a record (`extra`): the client order id of the order whose state it tells."""

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
    """`text` with *** in place of every secret that `hide` was given."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def text_of(record: logging.LogRecord) -> str:
    """What the log shows of a record, its traceback included: in English, redacted, control characters escaped, on one
    line."""
    text = _english(record.msg)
    if record.args and isinstance(record.args, tuple):
        # A value may be a sentence that was made in the language in use.
        text %= tuple(_english(one) if isinstance(one, str | BaseException) else one for one in record.args)
    elif record.args:
        text %= record.args
    if record.exc_info:
        text += "\n" + _english(_FORMATTER.formatException(record.exc_info))
    return redacted(text).translate(_ESCAPES)


def _english(text: object) -> str:
    """Redacted first: a password may read like a word of the catalogue."""
    return retold(redacted(str(text)), "en")


def told(text: str) -> str:
    """The text of a line in the language in use; a traceback stays."""
    head, end, trace = text.partition("\\nTraceback (")
    lines = retold(_unescaped(head), language()).replace("\n", "\\n")
    return f"{lines}{end}{trace}"


class _Lines(logging.Formatter):
    """`2026-05-15 14:50:01.123 INFO  trading  text`, the time being the clock's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        """For a terminal, in the language in use."""
        return self.line(record, self._clock.now(), told(text_of(record)))

    def line(self, record: logging.LogRecord, now: datetime, text: str) -> str:
        level = _NAMES.get(record.levelno) or record.levelname
        local = now.astimezone(SHANGHAI)
        stamp = f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"
        return f"{stamp} {level:<5} {part_of(record.name)}  {text}"


def part_of(logger: str) -> str:
    """The part of the program that logs: `trading` for core.trading.order_manager, `tui` for tui.app.

    `core.infra` is many things: there it is the module, `database` for core.infra.database.
    """
    names = logger.removeprefix("core.infra.").removeprefix("core.")
    return names.partition(".")[0]


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
            file.write(self._lines.line(record, now, text_of(record)) + "\n")
            file.flush()
            self.problem = None
        except OSError as error:
            self.problem = say("The log cannot be written: {why}.", why=error.strerror or error)
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
            path = path_of(self._home, day)
            check_own(path)
            self._file = path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n")
            self._day = day
        return self._file

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                self.problem = say("The log cannot be written: {why}.", why=error.strerror or error)


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


_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (INFO|GOOD|WARNING|ERROR) +(\S+)  (.*)")
# Where a line has its level: read before the line is parsed.
_LEVEL = slice(24, 25)
_BLOCK = 256 * 1024

Raw = tuple[int, bytes]


def read_log(
    home: Home,
    day: date,
    limit: int = 500,
    minimum: Level = Level.INFO,
    *,
    before: int | None = None,
    after: int | None = None,
) -> LogPage:
    """At most `limit` lines of a day at `minimum` or above, oldest first: those that begin before the byte `before`,
    after the byte `after`, or the newest.

    Without a file for the day there are none. What does not look like a line, the half-written last one too, is left
    out. The texts are in the language in use. Raises `OSError`.
    """
    lines: list[LogLine] = []
    size = 0
    try:
        with _opened(home, day) as file:
            size = file.seek(0, 2)
            raw = _forwards(file, after) if after is not None else _backwards(file, size, before)
            lines = list(islice(_lines(raw, minimum), limit))
    except FileNotFoundError:
        pass
    if after is None:
        lines.reverse()
    return LogPage(day, tuple(lines), size, *_days_beside(home, day))


def find_in_log(
    home: Home, day: date, text: str, minimum: Level = Level.INFO, *, start: int, forward: bool
) -> LogLine | None:
    """The next line after (or before) the byte `start` whose text holds `text`, in either case, at `minimum` or above.

    The text is looked for as it is shown, in the language in use. Raises `OSError`.
    """
    wanted = text.casefold()
    # A code or a number is the same in the file and in every language: most lines need not be taken apart.
    quick = wanted.encode() if re.fullmatch(r"[!-~]*\d[!-~]*", wanted) else b""
    may_hold_it = may_hold(text, language())
    # A line of English alone is shown as it is, so that plain words need no taking apart either.
    plain = wanted.encode() if language() == "en" and re.fullmatch(r"[ -\[\]-~]+", wanted) else b""

    def may_be_in(line: bytes) -> bool:
        if plain and line.isascii():
            return plain in line.lower()
        return quick in line.lower() and may_hold_it(_unescaped(_decoded(line)))

    try:
        with _opened(home, day) as file:
            size = file.seek(0, 2)
            raw = _forwards(file, start) if forward else _backwards(file, size, start)
            held = ((at, line) for at, line in raw if may_be_in(line))
            return next((line for line in _lines(held, minimum) if wanted in line.text.casefold()), None)
    except FileNotFoundError:
        return None


def _opened(home: Home, day: date) -> BinaryIO:
    path = path_of(home, day)
    check_own(path)
    return path.open("rb")


def remove_logs(home: Home, written_before: datetime) -> None:
    """Remove the logs that were last written to before this moment; one that cannot be removed stays."""
    for path in home.logs.glob("????-??-??.log"):
        with suppress(OSError):
            if path.stat().st_mtime < written_before.timestamp():
                path.unlink()


def _lines(raw: Iterator[Raw], minimum: Level) -> Iterator[LogLine]:
    # Levels differ in their first letter: I, G, W, E.
    letters = {level.name[0].encode() for level in Level if NUMBERS[level] >= NUMBERS[minimum]}
    for at, line in raw:
        if line[_LEVEL] in letters and (parsed := _parsed(at, line)) is not None:
            yield replace(parsed, text=told(parsed.text))


def _forwards(file: BinaryIO, after: int) -> Iterator[Raw]:
    """Whole lines that begin after this byte, first to last. Before the first byte is -1."""
    position = max(after, 0)
    file.seek(position)
    if after >= 0:
        position += len(file.readline())
    while block := file.readlines(_BLOCK):
        for line in block:
            if line.endswith(b"\n"):
                yield position, line[:-1]
            position += len(line)


def _backwards(file: BinaryIO, size: int, before: int | None) -> Iterator[Raw]:
    """Whole lines that begin before this byte, last to first, read block by block."""
    position = size if before is None else min(before, size)
    # What is read and not yet returned: from `position` on, ending with the end of a line.
    kept = b""
    while position > 0:
        length = min(_BLOCK, position)
        position -= length
        file.seek(position)
        block = file.read(length)
        if not kept:
            # After the last line end there is a line that is not complete yet.
            block = block[: block.rfind(b"\n") + 1]
        kept = block + kept
        first, *lines = kept.split(b"\n")
        at = position + len(kept)
        for line in reversed(lines[:-1]):
            at -= len(line) + 1
            yield at, line
        kept = first + b"\n" if lines else b""
    if kept:
        yield 0, kept[:-1]


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")


def _unescaped(text: str) -> str:
    """With the ends of lines that the log's text had."""
    return text.replace("\\n", "\n")


def _parsed(at: int, raw: bytes) -> LogLine | None:
    match = _LINE.fullmatch(_decoded(raw).rstrip("\r"))
    if match is None:
        return None
    stamp, level, source, text = match.groups()
    try:
        moment = datetime.fromisoformat(stamp).replace(tzinfo=SHANGHAI)
    except ValueError:
        return None
    return LogLine(moment, Level[level], source, text, at)


def _days_beside(home: Home, day: date) -> tuple[date | None, date | None]:
    """The nearest days before and after that have a log."""
    days = sorted(found for path in home.logs.glob("????-??-??.log") if (found := _day_of(path)) is not None)
    earlier = [found for found in days if found < day]
    later = [found for found in days if found > day]
    return earlier[-1] if earlier else None, later[0] if later else None


def _day_of(path: Path) -> date | None:
    try:
        return date.fromisoformat(path.stem)
    except ValueError:
        return None
