"""A list of sessions in a file: a line `session`, then one ISO date per line; lines that begin with # are notes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

from core.model.errors import InvalidDataError

FEWEST, MOST = 235, 250
"""Sessions of a year: since 2003 there were 238 to 246."""

LONGEST_CLOSURE = 12
"""Days between two sessions on which nothing trades: the longest since 2003 was this, in January 2004."""

YEAR_ENDS_FROM = (12, 25)
"""Month and day: a list whose last session of a year is earlier does not know how that year ends."""

_HOLIDAYS = frozenset({(1, 1), (5, 1), (10, 1), (10, 2), (10, 3)})


class SessionListRefused(InvalidDataError, ValueError):
    """A list of sessions that cannot be right; the message goes on a sentence that began with its name."""


class SessionListContradicts(SessionListRefused):
    """It says of a day that is known something else: one of the two is wrong, and nobody here can tell which."""


def always_closed(day: date) -> bool:
    """Whether `day` is a holiday by law whose date never moves: such a day never was a session, nor will be."""
    return (day.month, day.day) in _HOLIDAYS


def sessions_after(known: Sequence[date], listed: Sequence[date]) -> tuple[date, ...]:
    """Every session of `listed` after the `known` ones, in whole years or not.

    `known` is a list that is believed, at least one session, ascending. What is listed before its first day is passed
    over. Raises `SessionListRefused`, `SessionListContradicts`.
    """
    recent = [day for day in listed if day >= known[0]]
    if not recent:
        raise SessionListRefused(f"lists no session from {known[0]} on")
    _check_days(recent)
    differs = first_difference(known, recent)
    if differs is not None:
        raise SessionListContradicts(f"contradicts the shipped calendar: {_apart(differs, recent)}")
    return tuple(day for day in recent if day > known[-1])


def in_whole_years(known: Sequence[date], later: Sequence[date]) -> tuple[date, ...]:
    """The sessions of `later`, which go on from `known`, up to the end of the last year that they list to its end.

    What a list does not name after its last session is not known, so a year that it has begun is left out. Raises
    `SessionListRefused` where a year is like no other.
    """
    if not later:
        return ()
    last = later[-1]
    told = [day for day in later if ends_a_year(last) or day.year < last.year]
    for year in sorted({day.year for day in told}):
        count = sum(day.year == year for day in (*known, *told))
        if not FEWEST <= count <= MOST:
            raise SessionListRefused(f"has {count} sessions in {year}, where a year has {FEWEST} to {MOST}")
    for before, after in pairwise([known[-1], *told]):
        if (after - before).days - 1 > LONGEST_CLOSURE:
            raise SessionListRefused(
                f"has no session between {before} and {after}, where the exchanges are never closed for more than "
                f"{LONGEST_CLOSURE} days"
            )
    return tuple(told)


def check_compared(known: Sequence[date], listed: Sequence[date], years: int) -> None:
    """Raises `SessionListRefused` where `listed` does not cover the last `years` of the known ones up to where it ends.

    A list of a stranger is believed about days that nobody else knows because it is right about many that are known.
    """
    since = date(known[-1].year - years + 1, 1, 1)
    first = next((day for day in known if day >= since), known[0])
    if not listed or listed[0] > first or listed[-1] < first:
        told = "lists nothing" if not listed else f"lists {listed[0]} to {listed[-1]} only"
        raise SessionListRefused(
            f"{told}, which is too little to be compared with the shipped calendar from {first} on"
        )


def ends_a_year(session: date) -> bool:
    """Whether a year may have had its last session with this one."""
    return (session.month, session.day) >= YEAR_ENDS_FROM


def first_difference(one: Sequence[date], other: Sequence[date]) -> date | None:
    """The first day on which only one of two ascending lists has a session, within the span that both cover."""
    if not one or not other:
        return None
    start, end = max(one[0], other[0]), min(one[-1], other[-1])
    # Which days before its first session a list covers cannot be seen, so the later of both begins the comparison.
    apart = {day for day in one if start <= day <= end} ^ {day for day in other if start <= day <= end}
    return min(apart, default=None)


def weekdays(start: date, end: date) -> list[date]:
    """Mondays to Fridays from `start` to `end`, both included."""
    days = (start + timedelta(days=n) for n in range((end - start).days + 1))
    return [day for day in days if day.weekday() < 5]


def _check_days(listed: Sequence[date]) -> None:
    for before, after in pairwise(listed):
        if after <= before:
            raise SessionListRefused(f"is not in order: {after} comes after {before}")
    for day in listed:
        if day.weekday() >= 5:
            raise SessionListRefused(f"lists {day}, a {'Saturday' if day.weekday() == 5 else 'Sunday'}")
        if always_closed(day):
            raise SessionListRefused(f"lists {day}, a holiday on which the exchanges never trade")


def _apart(day: date, listed: Sequence[date]) -> str:
    in_it, there = ("a session", "closed") if day in listed else ("closed", "a session")
    return f"{day} is {in_it} in it and {there} there"


_HEADER = "session"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SOURCE = "source: "


@dataclass(frozen=True, slots=True)
class SessionFile:
    """What a file lists, as it stands there, and its notes without their #."""

    sessions: tuple[date, ...]
    notes: tuple[str, ...]

    @property
    def source(self) -> str | None:
        """Where its sessions are from, as the notes tell."""
        return next((note.removeprefix(_SOURCE) for note in self.notes if note.startswith(_SOURCE)), None)


def read_session_file(path: Path) -> SessionFile:
    """What the file lists, not yet compared with anything. Raises `SessionListRefused`, `OSError`."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise SessionListRefused("is no text in UTF-8") from None
    notes = tuple(line.lstrip("# ") for line in lines if line.startswith("#"))
    header, *days = [line for line in lines if line and not line.startswith("#")] or [""]
    if header != _HEADER:
        raise SessionListRefused(f"does not begin with a line {_HEADER!r}")
    return SessionFile(tuple(_day(text) for text in days), notes)


def later_sessions(path: Path, shipped: Sequence[date]) -> tuple[date, ...]:
    """The sessions that the file adds to the shipped ones, in whole years; it counts as a whole or not at all.

    Raises `SessionListRefused`, `OSError`.
    """
    later = sessions_after(shipped, read_session_file(path).sessions)
    whole = in_whole_years(shipped, later)
    if whole != later:
        raise SessionListRefused(f"ends on {later[-1]}, before the sessions of {later[-1].year} do")
    return whole


def session_file_text(sessions: Iterable[date], notes: Iterable[str], source: str) -> str:
    """The text of a file that lists `sessions`, as `read_session_file` reads it."""
    lines = [*(f"# {note}" for note in notes), f"# {_SOURCE}{source}", _HEADER, *(day.isoformat() for day in sessions)]
    return "".join(f"{line}\n" for line in lines)


def _day(text: str) -> date:
    # `date.fromisoformat` alone would take 20270104 and 2027-W01-1 too.
    try:
        if _ISO.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    shown = text if len(text) <= 20 else f"{text[:20]}..."
    raise SessionListRefused(f"has a line that is no date such as 2027-01-04: {shown!r}")
