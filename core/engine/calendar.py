"""The trading calendar for the command line: what it knows, today's hours, and its update from the sources."""

import io
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

from core.calendar.calendar import Calendar
from core.calendar.session_file import read_session_file
from core.calendar.sources import ask_all, own_file, sources
from core.calendar.update import Findings, Standing, kept_answer, weigh, write_sessions
from core.infra.clock import SHANGHAI, RealClock
from core.infra.home import Home
from core.infra.native_output import kept_off_the_screen
from core.model.bond import Exchange
from core.model.known import Known
from core.rules.session_list import weekdays
from core.rules.sessions import AFTERNOON, CLOSING_CALL_FROM, MORNING, OPENING_CALL_FROM, phase_at

COMING_DAYS = 60
"""Days ahead of which the closed weekdays are told."""

_NEXT_SESSIONS = 5


class Outcome(StrEnum):
    """How an update ended."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    CONTRADICTION = "contradiction"
    NO_ANSWER = "no answer"
    FILE_REFUSED = "file refused"


def calendar_document(home: Home, mode: str, month: date | None, now: datetime | None = None) -> dict[str, Any]:
    """What the calendar knows, at `now` (the machine's time where it is None), as `rotor calendar show` tells it.

    `closed` are the weekdays without a session in the month of `month`, or in the coming 60 days; what lies beyond the
    calendar is not in it.
    """
    moment = (now or RealClock().now()).astimezone(SHANGHAI)
    today = moment.date()
    calendar = Calendar.with_file(home.calendar_file, guess_weekdays=mode == "paper")
    first, last = _month(month) if month is not None else (today, today + timedelta(days=COMING_DAYS))
    return {
        "from": calendar.verified_from.isoformat(),
        "verified_through": calendar.verified_through.isoformat(),
        "sources": _origins(home, calendar),
        "trouble": calendar.trouble,
        "warning": calendar.warning(today),
        "now": moment.isoformat(timespec="seconds"),
        "exchanges": {
            str(exchange): {"phase": str(calendar.phase(moment, exchange)), "hours": _hours(exchange)}
            for exchange in Exchange
        },
        "next_sessions": [day.isoformat() for day in _next_sessions(calendar, today)],
        "closed": {
            "from": first.isoformat(),
            "to": last.isoformat(),
            "weekdays": [day.isoformat() for day in _closed(calendar, first, last)],
        },
    }


def update_calendar(home: Home, own: Path | None) -> dict[str, Any]:
    """Ask every source, each within its deadline, and write the home's file where they make more sessions known.

    `own` is the user's list. Nothing of what a source's library prints comes on the screen. Raises `HomeUnusable` and
    `OSError` where the file cannot be written.
    """
    now = RealClock().now()
    shipped = Calendar().sessions
    with kept_off_the_screen(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        answers = ask_all(sources(shipped, now.date()))
        mine = ask_all([own_file(own)])[0] if own is not None else None
    findings = weigh(shipped, kept_answer(home.calendar_file, shipped), answers, mine)
    if findings.sessions:
        home.prepare()
        write_sessions(home.calendar_file, findings.sessions, shipped, findings.source, now)
    after = Calendar.with_file(home.calendar_file)
    outcome = _outcome(findings, own is not None)
    return {
        "sources": [
            {
                "name": verdict.name,
                "standing": str(verdict.standing),
                "through": verdict.through.isoformat() if verdict.through else None,
                "text": verdict.text,
            }
            for verdict in findings.verdicts
        ],
        "outcome": str(outcome),
        "text": _told(outcome, findings, home, after),
        "written": _origin(str(home.calendar_file), findings.sessions[0], findings.sessions[-1])
        if findings.sessions
        else None,
        "verified_through": after.verified_through.isoformat(),
        "trouble": after.trouble,
    }


def _outcome(findings: Findings, with_own: bool) -> Outcome:
    if findings.contradiction is not None:
        return Outcome.CONTRADICTION
    if findings.sessions:
        return Outcome.WRITTEN
    agreed = [verdict.standing is Standing.AGREES for verdict in findings.verdicts]
    if with_own and not agreed[-1]:
        return Outcome.FILE_REFUSED
    return Outcome.UNCHANGED if any(agreed) else Outcome.NO_ANSWER


def _told(outcome: Outcome, findings: Findings, home: Home, after: Calendar) -> str:
    match outcome:
        case Outcome.WRITTEN:
            return (
                f"Written: {home.calendar_file}, {len(findings.sessions)} sessions from {findings.sessions[0]} to "
                f"{findings.sessions[-1]}. A rotor that is running reads it when it starts again."
            )
        case Outcome.UNCHANGED:
            return (
                f"Nothing changed: no source that answered lists a whole year after {after.verified_through}. The "
                "sessions of a year are published in the November or December before it; run this again then."
            )
        case Outcome.CONTRADICTION:
            kept = f"; if it is {home.calendar_file} that is wrong, delete it" if home.calendar_file.exists() else ""
            return (
                f"Nothing was written: {findings.contradiction}. Compare with the exchanges' notice and run this "
                f"again later{kept}."
            )
        case Outcome.FILE_REFUSED:
            return "Nothing was written: your list cannot be used. Correct it and run this again."
        case Outcome.NO_ANSWER:
            return (
                "Nothing was written: no source gave a list that can be used. Run this again later, or give a list of "
                "your own with --file."
            )


def _origins(home: Home, calendar: Calendar) -> list[dict[str, str]]:
    """Which span is from where; the home's file only where it is used."""
    shipped = Calendar().verified_through
    origins = [_origin("shipped with rotor", calendar.verified_from, shipped)]
    if calendar.verified_through > shipped:
        first = next(day for before, day in pairwise(calendar.sessions) if before == shipped)
        source = read_session_file(home.calendar_file).source
        name = f"{home.calendar_file} ({source or 'a list of your own'})"
        origins.append(_origin(name, first, calendar.verified_through))
    return origins


def _origin(name: str, first: date, last: date) -> dict[str, str]:
    return {"name": name, "from": first.isoformat(), "through": last.isoformat()}


def _hours(exchange: Exchange) -> list[dict[str, str]]:
    """The phases of a session day from the opening call on, Asia/Shanghai."""
    marks = [OPENING_CALL_FROM, *MORNING, AFTERNOON[0], CLOSING_CALL_FROM, AFTERNOON[1]]
    steps = [(mark, phase_at(mark, exchange)) for mark in marks]
    changes = [steps[0], *[step for before, step in pairwise(steps) if step[1] is not before[1]]]
    return [
        {"phase": str(phase), "from": f"{start:%H:%M}", "to": f"{end:%H:%M}"}
        for (start, phase), (end, _) in pairwise(changes)
    ]


def _next_sessions(calendar: Calendar, today: date) -> Iterable[date]:
    """The next five, fewer where the calendar ends before."""
    day = today
    for _ in range(_NEXT_SESSIONS):
        following = calendar.next_session(day)
        if not isinstance(following, Known):
            return
        day = following.value
        yield day


def _closed(calendar: Calendar, first: date, last: date) -> list[date]:
    return [day for day in weekdays(first, last) if calendar.is_session(day) == Known(value=False)]


def _month(day: date) -> tuple[date, date]:
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
