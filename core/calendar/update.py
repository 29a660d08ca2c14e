"""Further sessions for the calendar: what the sources list, what of it is believed, and the home's file of it."""

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
from core.infra.home import write_atomically


class SourceVerdict(StrEnum):
    """What a source is worth."""

    AGREES = "agrees"
    WRONG = "wrong"
    CONTRADICTS = "contradicts"
    SILENT = "no answer"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A source, its standing and why.

    `through` is the last session that it makes known, or the last shipped one that it confirms; None where it does
    neither. `begun` are its sessions after the shipped ones, those of a year that it does not list to its end too;
    `whole` are those that count.
    """

    name: str
    standing: SourceVerdict
    text: str
    through: date | None = None
    begun: tuple[date, ...] = ()
    whole: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class CalendarFindings:
    """The verdicts, and what follows from them.

    `contradiction` is a sentence, None where nobody contradicts anybody. `sessions` go on from the shipped ones, empty
    where nothing is to be added; `source` names everybody who lists a whole year of them.
    """

    verdicts: tuple[Verdict, ...]
    contradiction: str | None
    sessions: tuple[date, ...]
    source: str


def weigh(
    shipped: Sequence[date], kept: SourceAnswer | None, answers: Iterable[SourceAnswer], own: SourceAnswer | None
) -> CalendarFindings:
    """Compare the answers with the shipped sessions and with one another.

    `kept` is the home's file: one more witness, whose sessions need not be added again. `own` is the user's list: it
    counts only where it goes on after everybody else has ended.
    """
    others = [_verdict(shipped, answer, YEARS_COMPARED) for answer in answers]
    last = [_verdict(shipped, own, None)] if own is not None else []
    verdicts = (*others, *last)
    witness = [_verdict(shipped, kept, None)] if kept is not None else []
    contradiction = _contradiction([*verdicts, *witness])
    if contradiction is not None:
        return CalendarFindings(verdicts, contradiction, (), "")
    # Of those that reach equally far the first one named is taken: the user's own stands last.
    best = max((*witness, *verdicts), key=_reach)
    added = () if best in witness else best.whole
    return CalendarFindings(verdicts, None, added, ", ".join(verdict.name for verdict in verdicts if verdict.whole))


def kept_answer(file: Path, shipped: Sequence[date]) -> SourceAnswer | None:
    """What the home's file adds; None where there is none, or none that can be used."""
    try:
        later = later_sessions(file, shipped)
    except (OSError, SessionListRefused):
        return None
    return SourceAnswer(str(file), listed=later) if later else None


def write_sessions(file: Path, sessions: Sequence[date], shipped: Sequence[date], source: str, now: datetime) -> None:
    """Write the home's file anew. Raises `OSError`."""
    notes = (
        f"sessions of the Shanghai and Shenzhen exchanges after {shipped[-1]}, which rotor ships itself",
        f"written by rotor calendar update at {now.isoformat(timespec='seconds')}",
    )
    write_atomically(file, session_file_text(sessions, notes, source))


def _verdict(shipped: Sequence[date], answer: SourceAnswer, years: int | None) -> Verdict:
    """`years`: shipped years that the list must cover; None where it need not."""
    if answer.silent is not None:
        return Verdict(answer.name, SourceVerdict.SILENT, f"no answer: {answer.silent}")
    try:
        if answer.refused is not None:
            raise answer.refused
        listed = answer.listed or ()
        begun = sessions_after(shipped, listed)
        if years is not None:
            check_compared(shipped, listed, years)
        whole = in_whole_years(shipped, begun)
    except SessionListContradicts as error:
        return Verdict(answer.name, SourceVerdict.CONTRADICTS, str(error))
    except SessionListRefused as error:
        return Verdict(answer.name, SourceVerdict.WRONG, f"is not used: it {error}")
    through = whole[-1] if whole else min(max(listed), shipped[-1])
    text = f"agrees, to {through}"
    if begun != whole:
        text += f"; {begun[-1].year} is in it to {begun[-1]} only, which does not count"
    return Verdict(answer.name, SourceVerdict.AGREES, text, through, begun, whole)


def _contradiction(witnesses: Sequence[Verdict]) -> str | None:
    for witness in witnesses:
        if witness.standing is SourceVerdict.CONTRADICTS:
            return f"{witness.name} {witness.text}"
    for one, other in combinations([witness for witness in witnesses if witness.begun], 2):
        # Both lists go on from the same last session: that one of them begins later is a difference too.
        day = first_difference((date.min, *one.begun), (date.min, *other.begun))
        if day is not None:
            has, has_not = (one, other) if day in one.begun else (other, one)
            return f"{has.name} lists {day}, and {has_not.name} does not"
    return None


def _reach(verdict: Verdict) -> date:
    return verdict.whole[-1] if verdict.whole else date.min
