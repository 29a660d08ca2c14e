"""Further sessions for the calendar: compare what the sources list, and write `calendar.csv` in the data folder."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import combinations
from pathlib import Path

from core.calendar.session_file import (
    SessionListContradicts,
    SessionListRefused,
    check_compared,
    first_difference,
    in_whole_years,
    later_sessions,
    session_file_text,
    sessions_after,
)
from core.calendar.sources import YEARS_COMPARED, SourceAnswer
from core.i18n import listed, say
from core.infra.home import write_atomically


class SourceVerdict(StrEnum):
    """The values are part of `rotor calendar update --json`."""

    AGREES = "agrees"
    INVALID = "wrong"
    CONTRADICTS = "contradicts"
    NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class CheckedSource:
    """A source's verdict with its reason.

    `through` is the last session that it adds, else the last shipped one that it confirms. `later` are all its sessions
    after the shipped ones, `whole` only those of complete years: these can be added.
    """

    name: str
    verdict: SourceVerdict
    text: str
    through: date | None = None
    later: tuple[date, ...] = ()
    whole: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class CalendarFindings:
    """The combined answer of the sources.

    `contradiction` is a sentence, None where there is none. `sessions` are to be added after the shipped ones; `source`
    names every source that lists a whole year of them.
    """

    checked: tuple[CheckedSource, ...]
    contradiction: str | None
    sessions: tuple[date, ...]
    source: str


def compare(
    shipped: Sequence[date], kept: SourceAnswer | None, answers: Iterable[SourceAnswer], own: SourceAnswer | None
) -> CalendarFindings:
    """Compare the answers with the shipped sessions and with one another.

    `kept` is the file in the data folder: compared like a source, and not added again. `own` is the user's list: used
    only where it reaches further than every source.
    """
    checked = [_check(shipped, answer, YEARS_COMPARED) for answer in answers]
    if own is not None:
        checked.append(_check(shipped, own))
    in_file = [_check(shipped, kept)] if kept is not None else []
    contradiction = _contradiction([*checked, *in_file])
    if contradiction is not None:
        return CalendarFindings(tuple(checked), contradiction, (), "")
    # `max` takes the first of those that reach equally far: the user's own list is the last.
    best = max((*in_file, *checked), key=lambda one: one.whole[-1] if one.whole else date.min)
    added = () if best in in_file else best.whole
    return CalendarFindings(tuple(checked), None, added, listed(one.name for one in checked if one.whole))


def kept_answer(file: Path, shipped: Sequence[date]) -> SourceAnswer | None:
    """What the file in the data folder adds; None where it adds nothing or cannot be used."""
    try:
        later = later_sessions(file, shipped)
    except (OSError, SessionListRefused):
        return None
    return SourceAnswer(str(file), later) if later else None


def write_sessions(file: Path, sessions: Sequence[date], shipped: Sequence[date], source: str, now: datetime) -> None:
    """What the file holds now, perhaps the user's own list, stays beside it as `.bak`. Raises `OSError`."""
    if file.exists():
        shutil.copyfile(file, file.with_name(f"{file.name}.bak"))
    notes = (
        f"sessions of the Shanghai and Shenzhen exchanges after {shipped[-1]}, which rotor ships itself",
        f"written by rotor calendar update at {now.isoformat(timespec='seconds')}",
    )
    write_atomically(file, session_file_text(sessions, notes, source))


def _check(shipped: Sequence[date], answer: SourceAnswer, years: int | None = None) -> CheckedSource:
    """`years`: shipped years that the list must cover."""
    if answer.unavailable is not None:
        return CheckedSource(answer.name, SourceVerdict.NO_ANSWER, say("no answer: {why}", why=answer.unavailable))
    try:
        if answer.invalid is not None:
            raise answer.invalid
        listed = answer.sessions or ()
        later = sessions_after(shipped, listed)
        if years is not None:
            check_compared(shipped, listed, years)
        whole = in_whole_years(shipped, later)
    except SessionListContradicts as error:
        return CheckedSource(answer.name, SourceVerdict.CONTRADICTS, str(error))
    except SessionListRefused as error:
        return CheckedSource(answer.name, SourceVerdict.INVALID, say("is not used: it {why}", why=error))
    through = whole[-1] if whole else min(max(listed), shipped[-1])
    text = say("agrees, to {through}", through=through)
    if later != whole:
        text += say("; {year} does not count: it ends on {last}", year=later[-1].year, last=later[-1])
    return CheckedSource(answer.name, SourceVerdict.AGREES, text, through, later, whole)


def _contradiction(checked: Sequence[CheckedSource]) -> str | None:
    for one in checked:
        if one.verdict is SourceVerdict.CONTRADICTS:
            return f"{one.name} {one.text}"
    for one, other in combinations([one for one in checked if one.later], 2):
        # Both follow the same last session, so a list that begins later than the other differs from it too.
        day = first_difference((date.min, *one.later), (date.min, *other.later))
        if day is not None:
            has, has_not = (one, other) if day in one.later else (other, one)
            return say("{one} lists {day}, and {other} does not", one=has.name, day=day, other=has_not.name)
    return None
