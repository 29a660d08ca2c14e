"""Lines of the log, as they are read."""

from dataclasses import dataclass
from datetime import date, datetime

from core.model.snapshot import Level


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log; `begins` is the byte of its file at which it begins, by which it is known."""

    at: datetime
    level: Level
    source: str
    text: str
    begins: int = 0


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines of a day's log file of `size` bytes, oldest first, and the nearest days before and after that have one."""

    day: date
    lines: tuple[LogLine, ...]
    size: int = 0
    earlier: date | None = None
    later: date | None = None
