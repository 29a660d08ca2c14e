"""Reading the log: windows of a day's file and a search through it, straight from the disk.

A line is known by the byte at which it begins, so that a file of a million lines needs no index and no memory: a window
is read from where it is wanted, forwards or backwards.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from core.infra.clock import SHANGHAI
from core.infra.home import Home
from core.infra.logs import NUMBERS, path_of
from core.model.command import LogLine, LogPage
from core.model.snapshot import Level

_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (INFO|GOOD|WARNING|ERROR) +(\S+)  (.*)")
# Where the level stands in a line, for a look before it is taken apart.
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
    out. Raises `OSError`.
    """
    lines: list[LogLine] = []
    size = 0
    try:
        with path_of(home, day).open("rb") as file:
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

    Raises `OSError`.
    """
    wanted = text.casefold()
    # Letters of ASCII differ from their other case in one byte; of others, only the taken-apart line can tell.
    quick = wanted.encode() if wanted.isascii() else b""
    try:
        with path_of(home, day).open("rb") as file:
            size = file.seek(0, 2)
            raw = _forwards(file, start) if forward else _backwards(file, size, start)
            held = ((at, line) for at, line in raw if quick in line.lower())
            return next((line for line in _lines(held, minimum) if wanted in line.text.casefold()), None)
    except FileNotFoundError:
        return None


def _lines(raw: Iterator[Raw], minimum: Level) -> Iterator[LogLine]:
    # Levels differ in their first letter: I, G, W, E.
    letters = {level.name[0].encode() for level in Level if NUMBERS[level] >= NUMBERS[minimum]}
    for at, line in raw:
        if line[_LEVEL] in letters and (parsed := _parsed(at, line)) is not None:
            yield parsed


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
    # What is read and not yet told: from `position` on, ending with the end of a line.
    kept = b""
    while position > 0:
        length = min(_BLOCK, position)
        position -= length
        file.seek(position)
        block = file.read(length)
        if not kept:
            # Behind the last line end stands a line that is not whole yet.
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


def _parsed(at: int, raw: bytes) -> LogLine | None:
    match = _LINE.fullmatch(raw.decode("utf-8", errors="replace").rstrip("\r"))
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
