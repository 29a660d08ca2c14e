"""Lists of sessions for tests: the shipped one, and a year as an exchange might have it."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from core.calendar.calendar import Calendar
from core.calendar.session_file import session_file_text, weekdays

SHIPPED = Calendar().sessions

_CLOSED = {
    *weekdays(date(2027, 1, 1), date(2027, 1, 1)),
    *weekdays(date(2027, 2, 5), date(2027, 2, 12)),
    *weekdays(date(2027, 4, 5), date(2027, 4, 5)),
    *weekdays(date(2027, 5, 1), date(2027, 5, 5)),
    *weekdays(date(2027, 6, 9), date(2027, 6, 9)),
    *weekdays(date(2027, 9, 15), date(2027, 9, 15)),
    *weekdays(date(2027, 10, 1), date(2027, 10, 7)),
}

IN_2027 = tuple(day for day in weekdays(date(2027, 1, 1), date(2027, 12, 31)) if day not in _CLOSED)
"""An invented year: no exchange has published these."""


def list_file(folder: Path, sessions: Iterable[date], name: str = "calendar.csv") -> Path:
    """A file as in the data folder, in any order of `sessions`."""
    file = folder / name
    file.write_text(session_file_text(sessions, ["written by a test"], "a test"), encoding="utf-8", newline="\n")
    return file
