"""`rotor calendar`: what the trading calendar knows, and its update."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tui.cli.context import DONE, FAILED, REFUSED, Call, leave

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
def show(call: Call, month: datetime | None, as_json: bool) -> None:
    """How far the calendar reaches, today's hours, the next sessions and the holidays ahead."""
    from core.engine.calendar import calendar_document

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
def update(call: Call, own: Path | None, as_json: bool) -> None:
    """Ask akshare and MiniQMT for further sessions, compare what they say, and keep it in the home.

    Where two of them contradict each other, or the sessions that are known, nothing is written.
    """
    from core.engine.calendar import update_calendar
    from tui.cli.offline import HomeUnusable

    home = call.home
    if not as_json:
        click.echo("Asking the calendar's sources; that takes a minute and a half at most.", err=True)
    try:
        document = update_calendar(home, own)
    except HomeUnusable as error:
        leave(FAILED, str(error))
    except OSError as error:
        leave(FAILED, f"{home.calendar_file} cannot be written: {error.strerror or error}. Nothing was changed.")
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
