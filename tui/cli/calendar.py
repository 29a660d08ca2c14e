"""`rotor calendar`: what the trading calendar knows, and its update."""

import io
import json
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from core.calendar.calendar import Calendar
from core.calendar.session_file import read_session_file, weekdays
from core.calendar.sources import ask_all, own_file, sources
from core.calendar.update import CalendarFindings, SourceVerdict, kept_answer, weigh, write_sessions
from core.infra.clock import SHANGHAI, RealClock
from core.infra.home import Home
from core.infra.native_output import kept_off_the_screen
from core.model.bond import Exchange
from core.model.known import Known
from core.rules.sessions import AFTERNOON, CLOSING_CALL_FROM, MORNING, OPENING_CALL_FROM, phase_at
from tui.cli.context import DONE, FAILED, REFUSED, CliContext, exit_with

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")

_EXIT_CODES = {
    "written": DONE,
    "unchanged": DONE,
    "contradiction": REFUSED,
    "no answer": FAILED,
    "file refused": FAILED,
}
_DAYS_IN_A_LINE = 6


@click.group()
def calendar() -> None:
    """The trading calendar: what it knows, and further sessions for it."""


@calendar.command(
    epilog="""\b
Examples:
  rotor calendar show
  rotor calendar show --month 2026-10"""
)
@click.option(
    "--month", type=click.DateTime(["%Y-%m"]), help="Closed weekdays of a month, instead of the next 60 days."
)
@_AS_JSON
@click.pass_obj
def show(call: CliContext, month: datetime | None, as_json: bool) -> None:
    """How far the calendar reaches, today's hours, the next sessions and the holidays ahead."""
    from tui.cli.calendar import calendar_document

    document = calendar_document(call.home, call.settings().mode, month.date() if month else None)
    if as_json:
        _print_json(document)
        return
    for line in _shown(document):
        click.echo(line)


@calendar.command(
    epilog="""\b
Examples:
  rotor calendar update
  rotor calendar update --file 2027.csv   a line "session", then one date a line, such as 2027-01-04"""
)
@click.option(
    "--file",
    "own",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Your own list, for what no source knows yet.",
)
@_AS_JSON
@click.pass_obj
def update(call: CliContext, own: Path | None, as_json: bool) -> None:
    """Ask akshare and MiniQMT for further sessions, compare what they say, and keep it in the home.

    Where two of them contradict each other, or the sessions that are known, nothing is written.
    """
    from core.infra.home import HomeUnusable
    from tui.cli.calendar import update_calendar

    home = call.home
    if not as_json:
        click.echo("Asking the calendar's sources; that takes a minute and a half at most.", err=True)
    try:
        document = update_calendar(home, own)
    except HomeUnusable as error:
        exit_with(FAILED, str(error))
    except OSError as error:
        exit_with(FAILED, f"{home.calendar_file} cannot be written: {error.strerror or error}. Nothing was changed.")
    if as_json:
        _print_json(document)
    else:
        width = max(len(source["name"]) for source in document["sources"])
        for source in document["sources"]:
            click.echo(f"{source['name']:<{width}}  {source['text']}")
        if document["trouble"]:
            click.echo(document["trouble"])
        click.echo(document["text"])
    sys.exit(_EXIT_CODES[document["outcome"]])


def _shown(document: dict[str, Any]) -> list[str]:
    end = document["verified_through"]
    lines = [f"{origin['from']} to {origin['through']}  {origin['name']}" for origin in document["sources"]]
    lines += [f"! {document[key]}" for key in ("trouble", "warning") if document[key]]
    lines.append(f"now {document['now'][:16].replace('T', ' ')} in Shanghai")
    for name, exchange in document["exchanges"].items():
        hours = ", ".join(f"{part['phase']} {part['from']}-{part['to']}" for part in exchange["hours"])
        lines.append(f"{name}  {exchange['phase']}; on a session: {hours}")
    sessions = [day if day <= end else f"{day} (not verified)" for day in document["next_sessions"]]
    lines.append(f"next sessions    {', '.join(sessions) or 'not known'}")
    closed = document["closed"]
    lines += _in_lines(f"closed weekdays  {closed['from']} to {closed['to']}: ", closed["weekdays"])
    if closed["to"] > end:
        lines.append(f"                 not known after {end}")
    return lines


def _in_lines(title: str, days: list[str]) -> list[str]:
    if not days:
        return [f"{title}none"]
    parts = [days[at : at + _DAYS_IN_A_LINE] for at in range(0, len(days), _DAYS_IN_A_LINE)]
    return [title + ", ".join(parts[0]), *[" " * len(title) + ", ".join(part) for part in parts[1:]]]


def _print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


COMING_DAYS = 60
"""Days ahead of which the closed weekdays are told."""

_NEXT_SESSIONS = 5


class UpdateOutcome(StrEnum):
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


def _outcome(findings: CalendarFindings, with_own: bool) -> UpdateOutcome:
    if findings.contradiction is not None:
        return UpdateOutcome.CONTRADICTION
    if findings.sessions:
        return UpdateOutcome.WRITTEN
    agreed = [verdict.standing is SourceVerdict.AGREES for verdict in findings.verdicts]
    if with_own and not agreed[-1]:
        return UpdateOutcome.FILE_REFUSED
    return UpdateOutcome.UNCHANGED if any(agreed) else UpdateOutcome.NO_ANSWER


def _told(outcome: UpdateOutcome, findings: CalendarFindings, home: Home, after: Calendar) -> str:
    match outcome:
        case UpdateOutcome.WRITTEN:
            return (
                f"Written: {home.calendar_file}, {len(findings.sessions)} sessions from {findings.sessions[0]} to "
                f"{findings.sessions[-1]}. A rotor that is running reads it when it starts again."
            )
        case UpdateOutcome.UNCHANGED:
            return (
                f"Nothing changed: no source that answered lists a whole year after {after.verified_through}. The "
                "sessions of a year are published in the November or December before it; run this again then."
            )
        case UpdateOutcome.CONTRADICTION:
            kept = f"; if it is {home.calendar_file} that is wrong, delete it" if home.calendar_file.exists() else ""
            return (
                f"Nothing was written: {findings.contradiction}. Compare with the exchanges' notice and run this "
                f"again later{kept}."
            )
        case UpdateOutcome.FILE_REFUSED:
            return "Nothing was written: your list cannot be used. Correct it and run this again."
        case UpdateOutcome.NO_ANSWER:
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
