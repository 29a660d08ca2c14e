"""Lists of sessions: the rules that make one credible, and their file: `session`, then one ISO date per line."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby, pairwise, takewhile
from pathlib import Path
from typing import NamedTuple

from core.i18n import say
from core.infra.user_files import AROUND, UserFileRefused, lines_of, read_user_text, used_lines
from core.model.errors import InvalidDataError
from core.rules.spellings import in_ascii, parse_day

MIN_SESSIONS, MAX_SESSIONS = 235, 250
"""Sessions of a year: since 2003 there were 238 to 246."""

LONGEST_CLOSURE = 12
"""Days between two sessions: the longest closure since 2003, in January 2004."""

YEAR_ENDS_FROM = (12, 25)
"""Month and day: a list whose last session of a year is earlier does not cover that year to its end."""

_FIXED_HOLIDAYS = frozenset({(1, 1), (5, 1), (10, 1), (10, 2), (10, 3)})
_HEADER = "session"
_SOURCE = "source: "


class SessionListRefused(InvalidDataError):
    """A list of sessions that cannot be right; the message is a predicate whose subject is the list."""


class SessionListContradicts(SessionListRefused):
    """The list differs from known sessions: one of the two is wrong, and it cannot be decided here which."""


class SessionFile(NamedTuple):
    """The sessions as the file lists them; `source` is where they are from, None in a list of the user's own."""

    sessions: tuple[date, ...]
    source: str | None


def always_closed(day: date) -> bool:
    """Whether `day` is a public holiday with a fixed date."""
    return (day.month, day.day) in _FIXED_HOLIDAYS


def weekdays(start: date, end: date) -> list[date]:
    """Mondays to Fridays from `start` to `end`, both included."""
    days = (start + timedelta(days=n) for n in range((end - start).days + 1))
    return [day for day in days if day.weekday() < 5]


def sessions_after(known: Sequence[date], listed: Sequence[date]) -> tuple[date, ...]:
    """The sessions of `listed` after the `known` ones (ascending, not empty); the last year may be incomplete.

    What is listed before the first known session is ignored. Raises `SessionListRefused`, `SessionListContradicts`.
    """
    recent = [day for day in listed if day >= known[0]]
    if not recent:
        raise SessionListRefused(say("lists no session from {day} on", day=known[0]))
    for before, after in pairwise(recent):
        if after <= before:
            raise SessionListRefused(say("is not in order: {after} comes after {before}", after=after, before=before))
    for day in recent:
        if day.weekday() >= 5:
            raise SessionListRefused(say("lists {day}, which is on a weekend", day=day))
        if always_closed(day):
            raise SessionListRefused(say("lists {day}, a holiday on which the exchanges never trade", day=day))
    day = first_difference(known, recent)
    if day is not None:
        if day in recent:
            raise SessionListContradicts(say("contradicts the shipped calendar: it lists {day}", day=day))
        raise SessionListContradicts(say("contradicts the shipped calendar: it does not list {day}", day=day))
    return tuple(day for day in recent if day > known[-1])


def in_whole_years(known: Sequence[date], later: Sequence[date]) -> tuple[date, ...]:
    """The sessions of `later`, which follow the `known` ones, without a last year that is incomplete.

    Raises `SessionListRefused` where a year has too few or too many sessions, or too long a closure.
    """
    if not later:
        return ()
    last = later[-1]
    ends_a_year = (last.month, last.day) >= YEAR_ENDS_FROM
    whole = [day for day in later if ends_a_year or day.year < last.year]
    for year in sorted({day.year for day in whole}):
        count = sum(day.year == year for day in (*known, *whole))
        if not MIN_SESSIONS <= count <= MAX_SESSIONS:
            text = say(
                "has {count} sessions in {year}, where a year has {least} to {most}",
                count=count,
                year=year,
                least=MIN_SESSIONS,
                most=MAX_SESSIONS,
            )
            raise SessionListRefused(text)
    for before, after in pairwise([known[-1], *whole]):
        if (after - before).days - 1 > LONGEST_CLOSURE:
            text = say(
                "has no session between {before} and {after}: the exchanges are never closed for more than {days} days",
                before=before,
                after=after,
                days=LONGEST_CLOSURE,
            )
            raise SessionListRefused(text)
    return tuple(whole)


def check_compared(known: Sequence[date], listed: Sequence[date], years: int) -> None:
    """Raises `SessionListRefused` where `listed` does not reach back over the last `years` of the known sessions.

    A source is believed about a new year only where it could be compared with known ones.
    """
    since = date(known[-1].year - years + 1, 1, 1)
    first = next((day for day in known if day >= since), known[0])
    if not listed or listed[0] > first or listed[-1] < first:
        text = say("lists too little to be compared with the shipped calendar from {first} on", first=first)
        raise SessionListRefused(text)


def first_difference(one: Sequence[date], other: Sequence[date]) -> date | None:
    """The first day on which only one of two ascending lists has a session, within the span that both cover."""
    if not one or not other:
        return None
    # Which closed days a list covers before its first session cannot be seen: the later first session is the start.
    start, end = max(one[0], other[0]), min(one[-1], other[-1])
    return min((day for day in {*one} ^ {*other} if start <= day <= end), default=None)


def read_session_file(path: Path) -> SessionFile:
    """The file's list, not compared with anything. Raises `SessionListRefused`, `OSError`."""
    try:
        text = read_user_text(path)
    except UserFileRefused as error:
        raise SessionListRefused(str(error)) from None
    lines = [(number, in_ascii(line).strip(AROUND)) for number, line in used_lines(text)]
    titles = list(takewhile(lambda line: line[1].lower() != _HEADER, lines))
    if len(titles) == len(lines) or any(_is_day(line) for _, line in titles):
        raise SessionListRefused(say("does not begin with a line {header!r}", header=_HEADER))
    notes = [line.strip("# ,;") for line in lines_of(text) if line.startswith("#")]
    source = next((note.removeprefix(_SOURCE) for note in notes if note.startswith(_SOURCE)), None)
    days = (_parse(number, line) for number, line in lines[len(titles) + 1 :])
    return SessionFile(tuple(day for day, _ in groupby(days)), source)


def later_sessions(path: Path, shipped: Sequence[date]) -> tuple[date, ...]:
    """The sessions that the file adds to the shipped ones; a file with an incomplete year is refused as a whole.

    Raises `SessionListRefused`, `OSError`.
    """
    later = sessions_after(shipped, read_session_file(path).sessions)
    whole = in_whole_years(shipped, later)
    if whole != later:
        last = later[-1]
        raise SessionListRefused(say("ends on {last}, before the sessions of {year} do", last=last, year=last.year))
    return whole


def session_file_text(sessions: Iterable[date], notes: Iterable[str], source: str) -> str:
    """A file's text, as `read_session_file` reads it."""
    lines = [*(f"# {note}" for note in notes), f"# {_SOURCE}{source}", _HEADER, *map(str, sessions)]
    return "".join(f"{line}\n" for line in lines)


def _is_day(text: str) -> bool:
    try:
        return bool(parse_day(text))
    except ValueError:
        return False


def _parse(number: int, text: str) -> date:
    try:
        return parse_day(text)
    except ValueError:
        shown = text if len(text) <= 20 else f"{text[:20]}..."
        told = say("has no date such as 2027-01-04 in line {line}: {shown!r}", line=number, shown=shown)
        raise SessionListRefused(told) from None
