"""`rotor calendar`: what the trading calendar knows, and its update."""

import io
import sys
import textwrap
from collections.abc import Iterator
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
from core.calendar.update import CalendarFindings, SourceVerdict, compare, kept_answer, write_sessions
from core.i18n import say
from core.infra.clock import RealClock
from core.infra.home import Home, HomeUnusable, changing
from core.infra.native_output import kept_off_the_screen
from core.model.bond import Exchange
from core.model.known import Known
from core.model.time import SHANGHAI
from core.rules.sessions import AFTERNOON, CLOSING_CALL_FROM, MORNING, OPENING_CALL_FROM, phase_at
from tui.cli import output
from tui.cli.context import AS_JSON, DONE, FAILED, REFUSED, CliContext, exit_with
from tui.cli.spoken import Group

COMING_DAYS = 60
"""Days ahead whose closed weekdays are shown."""

_NEXT_SESSIONS = 5
_DATES_WIDTH = 72  # six dates


class UpdateOutcome(StrEnum):
    """How an update ended; the values are part of its JSON."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    CONTRADICTION = "contradiction"
    NO_ANSWER = "no answer"
    FILE_REFUSED = "file refused"


_EXIT_CODES = {
    UpdateOutcome.WRITTEN: DONE,
    UpdateOutcome.UNCHANGED: DONE,
    UpdateOutcome.CONTRADICTION: REFUSED,
    UpdateOutcome.NO_ANSWER: FAILED,
    UpdateOutcome.FILE_REFUSED: FAILED,
}


@click.group(cls=Group)
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
@AS_JSON
@click.pass_obj
def show(context: CliContext, month: datetime | None, as_json: bool) -> None:
    """How far the calendar reaches, today's hours, the next sessions and the holidays ahead."""
    document = calendar_document(context.home, context.settings().mode, month.date() if month else None)
    output.show(document, as_json, lambda _: click.echo("\n".join(_document_lines(document))))


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
@AS_JSON
@click.pass_obj
def update(context: CliContext, own: Path | None, as_json: bool) -> None:
    """Ask akshare and MiniQMT for further sessions, compare their lists, and write them to the data folder.

    Where two of them contradict each other, or the known sessions, nothing is written.
    """
    if not as_json:
        click.echo(say("Asking the calendar's sources: up to a minute and a half."), err=True)
    try:
        outcome, document = update_calendar(context.home, own)
    except HomeUnusable as error:
        exit_with(FAILED, str(error))
    except OSError as error:
        where, why = context.home.calendar_file, error.strerror or error
        exit_with(FAILED, say("{file} cannot be written: {why}. Nothing was changed.", file=where, why=why))
    output.show(document, as_json, _print_update)
    sys.exit(_EXIT_CODES[outcome])


def _print_update(document: dict[str, Any]) -> None:
    width = max(len(source["name"]) for source in document["sources"])
    for source in document["sources"]:
        click.echo(f"{source['name']:<{width}}  {source['text']}")
    if document["trouble"]:
        click.echo(document["trouble"])
    click.echo(document["text"])


def _document_lines(document: dict[str, Any]) -> Iterator[str]:
    end, closed = document["verified_through"], document["closed"]
    for origin in document["sources"]:
        yield say("{first} to {last}  {name}", first=origin["from"], last=origin["through"], name=origin["name"])
    for key in ("trouble", "warning"):
        if document[key]:
            yield f"! {document[key]}"
    yield say("now {now} in Shanghai", now=document["now"][:16].replace("T", " "))
    for name, exchange in document["exchanges"].items():
        hours = ", ".join(f"{say(part['phase'])} {part['from']}-{part['to']}" for part in exchange["hours"])
        yield say(
            "{exchange}  {phase}; on a session: {hours}", exchange=name, phase=say(exchange["phase"]), hours=hours
        )
    sessions = [day if day <= end else say("{day} (not verified)", day=day) for day in document["next_sessions"]]
    yield say("next sessions    {days}", days=", ".join(sessions) or say("not known"))
    title = say("closed weekdays  {first} to {last}: ", first=closed["from"], last=closed["to"])
    days, indent = ", ".join(closed["weekdays"]) or say("none"), " " * len(title)
    yield textwrap.fill(
        days, len(title) + _DATES_WIDTH, initial_indent=title, subsequent_indent=indent, break_on_hyphens=False
    )
    if closed["to"] > end:
        yield say("                 not known after {end}", end=end)


def calendar_document(home: Home, mode: str, month: date | None, now: datetime | None = None) -> dict[str, Any]:
    """What `rotor calendar show --json` prints. `now`: None for the machine's time.

    `closed` are the weekdays without a session in `month`, or in the coming 60 days; days beyond the calendar are not
    listed.
    """
    moment = (now or RealClock().now()).astimezone(SHANGHAI)
    today = moment.date()
    known = Calendar.of(home, mode)
    first, last = today, today + timedelta(days=COMING_DAYS)
    if month is not None:
        first = month.replace(day=1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    closed = [day for day in weekdays(first, last) if known.is_session(day) == Known(value=False)]
    return {
        "from": str(known.verified_from),
        "verified_through": str(known.verified_through),
        "sources": _origins(home, known),
        "trouble": known.trouble,
        "warning": known.warning(today),
        "now": moment.isoformat(timespec="seconds"),
        "exchanges": {
            str(exchange): {"phase": str(known.phase(moment, exchange)), "hours": _hours(exchange)}
            for exchange in Exchange
        },
        "next_sessions": [str(day) for day in _next_sessions(known, today)],
        "closed": {"from": str(first), "to": str(last), "weekdays": [str(day) for day in closed]},
    }


def update_calendar(home: Home, own: Path | None) -> tuple[UpdateOutcome, dict[str, Any]]:
    """Ask every source, and write the calendar file where they add sessions; answers with the JSON document.

    `own` is the user's list. Raises `HomeUnusable` and `OSError` where the file cannot be written.
    """
    now, file, shipped = RealClock().now(), home.calendar_file, Calendar().sessions
    with kept_off_the_screen(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        answers = ask_all(sources(shipped, now.date()))
        mine = ask_all([own_file(own)])[0] if own is not None else None
    findings = compare(shipped, kept_answer(file, shipped), answers, mine)
    if findings.sessions:
        home.prepare()
        with changing(file):  # another update may have written it while the sources were asked
            findings = compare(shipped, kept_answer(file, shipped), answers, mine)
            if findings.sessions:
                write_sessions(file, findings.sessions, shipped, findings.source, now)
    added = findings.sessions
    after = Calendar.with_file(file, home.calendar_copy)
    outcome, text = _outcome(findings, own is not None, file, after)
    return outcome, {
        "sources": [
            {
                "name": one.name,
                "standing": str(one.verdict),
                "through": str(one.through) if one.through else None,
                "text": one.text,
            }
            for one in findings.checked
        ],
        "outcome": str(outcome),
        "text": text,
        "written": _origin(str(file), added[0], added[-1]) if added else None,
        "verified_through": str(after.verified_through),
        "trouble": after.trouble,
    }


def _outcome(findings: CalendarFindings, with_own: bool, file: Path, after: Calendar) -> tuple[UpdateOutcome, str]:
    added = findings.sessions
    agreed = [one.verdict is SourceVerdict.AGREES for one in findings.checked]
    if findings.contradiction is not None:
        text = say("Nothing was written: {why}. Compare with the exchanges' notice.", why=findings.contradiction)
        if file.exists():
            text += " " + say("If {file} is wrong, delete it.", file=file)
        return UpdateOutcome.CONTRADICTION, text
    if added:
        span = {"file": file, "count": len(added), "first": added[0], "last": added[-1]}
        text = say("Written: {file}, {count} sessions from {first} to {last}. It applies from the next start.", **span)
        return UpdateOutcome.WRITTEN, text
    if with_own and not agreed[-1]:
        text = say("Nothing was written: your list cannot be used. Correct it and run this again.")
        return UpdateOutcome.FILE_REFUSED, text
    if any(agreed):
        text = say(
            "Nothing changed: no source lists a whole year after {end}. The sessions of a year are published in the "
            "November or December before it; run this again then.",
            end=after.verified_through,
        )
        return UpdateOutcome.UNCHANGED, text
    text = say("Nothing was written: no source gave a usable list. Run this again later, or give your own with --file.")
    return UpdateOutcome.NO_ANSWER, text


def _origins(home: Home, known: Calendar) -> list[dict[str, str]]:
    """Where each span of the calendar is from; the file only where it is used."""
    shipped = Calendar().verified_through
    origins = [_origin(say("shipped with rotor"), known.verified_from, shipped)]
    later = [day for day in known.sessions if day > shipped]
    if later:
        file = home.calendar_copy if known.trouble else home.calendar_file
        source = read_session_file(file).source or say("a list of your own")
        origins.append(_origin(f"{file} ({source})", later[0], later[-1]))
    return origins


def _origin(name: str, first: date, last: date) -> dict[str, str]:
    return {"name": name, "from": str(first), "through": str(last)}


def _hours(exchange: Exchange) -> list[dict[str, str]]:
    """The phases of a session from the opening call on, Asia/Shanghai."""
    times = [OPENING_CALL_FROM, *MORNING, AFTERNOON[0], CLOSING_CALL_FROM, AFTERNOON[1]]
    phases = [(time, phase_at(time, exchange)) for time in times]
    changes = [phases[0], *[one for before, one in pairwise(phases) if one[1] is not before[1]]]
    return [
        {"phase": str(phase), "from": f"{start:%H:%M}", "to": f"{end:%H:%M}"}
        for (start, phase), (end, _) in pairwise(changes)
    ]


def _next_sessions(known: Calendar, day: date) -> Iterator[date]:
    """The next five, fewer where the calendar ends before."""
    for _ in range(_NEXT_SESSIONS):
        following = known.next_session(day)
        if not isinstance(following, Known):
            return
        day = following.value
        yield day
