"""The command line. Exit codes: 0 done, 1 failed, 2 bad usage or settings, 3 refused and nothing sent, 4 unresolved."""

import io
import json
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core import __version__
from tui.cli import admin, calendar, service, trading
from tui.cli import service as serve_commands
from tui.cli import trading as steer
from tui.cli.context import DONE, FAILED, REFUSED, UNRESOLVED, USAGE, CliContext, agreed, ask, leave

if TYPE_CHECKING:
    from core.model.plan import Plan
    from core.model.snapshot import Rebalance

REBALANCE_PATIENCE = 1800.0
"""Seconds that a rebalance may take to its end."""

_DATE = click.DateTime(["%Y-%m-%d"])
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  rotor demo                  a trading day on recorded prices, nothing to set up
  rotor --home D:\\rotor       the app, with everything kept in that folder
  rotor plan --json           what a rebalance would do now, for a script
  rotor rehearse --top 10     119 recorded sessions through the real engine""",
)
@click.version_option(__version__, "-V", "--version", prog_name="rotor", message="%(prog)s %(version)s")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of settings, data and logs.")
@click.option("--mode", type=click.Choice(["sandbox", "paper", "live"]), help="Instead of the settings' mode.")
@click.option("--speed", type=click.FloatRange(min=0.1, max=3600), help="Sandbox only: market seconds per second.")
@click.option("--watch", is_flag=True, help="The app as a view that can do nothing, of an engine that runs.")
@click.pass_context
def main(context: click.Context, home: Path | None, mode: str | None, speed: float | None, watch: bool) -> None:
    """Keep an account of convertible bonds equal to your Factor Cat list.

    Without a command: the app, as a view of the engine that runs in the home, else with one of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a pipe on Windows is in the machine's code page otherwise
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    context.obj = CliContext(home, mode, speed)
    if context.invoked_subcommand is None:
        context.obj.open_app(watch=watch)


@main.command(
    epilog="""\b
Example: rotor demo --speed 120
Press 3 and r for a plan, e to carry it out and y to confirm."""
)
@click.option("--speed", type=click.FloatRange(min=0.1, max=3600), default=60.0, show_default=True)
@click.pass_obj
def demo(call: CliContext, speed: float) -> None:
    """The app on the sandbox: a recorded trading day at speed, in a scratch home."""
    from tui.cli.context import home_at
    from tui.cli.offline import prepare_demo

    home = home_at(call.chosen_home or Path(tempfile.mkdtemp(prefix="rotor-demo-")))
    if not home.config_file.exists():
        prepare_demo(home)
    click.echo(f"Everything of this demo is in {home.path}; to come back to it: rotor --home {home.path}", err=True)
    CliContext(home.path, "sandbox", call.speed or speed).open_app()


@main.command(
    epilog="""\b
Examples:
  rotor rehearse --top 10 --capital 1000000
  rotor rehearse --from 2025-01-01 --json > report.json
  rotor rehearse --panel my_panel.csv.gz --export out"""
)
@click.option("--panel", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Default: the shipped one.")
@click.option("--top", type=click.IntRange(1, 200), default=10, show_default=True, help="Bonds held.")
@click.option("--from", "start", type=_DATE, help="First date, such as 2025-01-01.")
@click.option("--to", "end", type=_DATE, help="Last date.")
@click.option("--capital", type=click.FloatRange(min=1000), default=1_000_000.0, show_default=True, help="CNY.")
@click.option("--export", type=click.Path(path_type=Path, file_okay=False), help="Folder for CSV files.")
@_AS_JSON
@click.pass_obj
def rehearse(
    call: CliContext,
    panel: Path | None,
    top: int,
    start: datetime | None,
    end: datetime | None,
    capital: float,
    export: Path | None,
    as_json: bool,
) -> None:
    """Replay recorded market days through the real engine and the paper broker.

    The rule: on each date hold the N bonds with the lowest price + premium (percent) among those with at least half a
    year to maturity; trade the difference at that date's close, sells first, cash shared equally over the buys.
    Fees are the settings'; caps on amounts and turnover are lifted.
    """
    from tui.cli.offline import rehearse_panel

    try:
        with _progress("rehearsing") as advance:
            document = rehearse_panel(
                call.settings(),
                panel_file=panel,
                top=top,
                capital=Decimal(str(capital)),
                start=start.date() if start else None,
                end=end.date() if end else None,
                advance=advance,
                export=export,
            )
    except (ValueError, OSError) as error:
        leave(FAILED, str(error))
    if as_json:
        _print_json(document)
    else:
        from tui.cli.output import plain_console, print_rehearsal

        print_rehearsal(document, plain_console())
    sys.exit(FAILED if document["violations"] else DONE)


@main.command(epilog="Example: rotor plan --json")
@_AS_JSON
@click.pass_obj
def plan(call: CliContext, as_json: bool) -> None:
    """What a rebalance would do now, with a reason per row. Sends nothing."""
    from core.model.command import MakePlan
    from tui.cli.output import plan_document

    with call.engine() as engine:
        made = ask(engine, MakePlan(), 60)
    _show_plan(made, plan_document(made) if as_json else None)
    sys.exit(REFUSED if made.refused is not None else DONE)


@main.command(
    epilog="""\b
Examples:
  rotor rebalance              shows the plan and asks
  rotor rebalance --yes --json for a scheduled task"""
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_AS_JSON
@click.pass_obj
def rebalance(call: CliContext, yes: bool, as_json: bool) -> None:
    """One rebalance now, to its end."""
    from core.model.command import ExecutePlan, MakePlan
    from tui.cli.output import plan_document, rebalance_document

    if as_json and not yes:
        raise click.UsageError("--json goes with --yes: nobody is there to be asked")
    with call.engine() as engine:
        made = ask(engine, MakePlan(), 60)
        if made.refused is not None:
            _show_plan(made, plan_document(made) if as_json else None)
            sys.exit(REFUSED)
        if not as_json:
            _show_plan(made, None)
        if not yes and not agreed(f"Send {len(made.legs)} orders ({made.mode})?"):
            leave(REFUSED, "Nothing was sent.")
        result = ask(engine, ExecutePlan(made.plan_id), REBALANCE_PATIENCE)
    document = rebalance_document(made, result)
    if as_json:
        _print_json(document)
    else:
        from tui.cli.output import plain_console, print_rebalance

        print_rebalance(document, plain_console())
    sys.exit(_outcome(made, result))


@main.command(epilog="Example: rotor status --json")
@_AS_JSON
@click.pass_obj
def status(call: CliContext, as_json: bool) -> None:
    """Who runs in the home, the last rebalance, open orders and what the strategy owns."""
    from tui.cli.offline import HomeUnusable, status_document

    try:
        document = status_document(call.home, call.settings())
    except HomeUnusable as error:
        leave(FAILED, str(error))
    if as_json:
        _print_json(document)
    else:
        from tui.cli.output import plain_console, print_status

        print_status(document, plain_console())
    left_alone = document["open_orders"] and document["running"] is None
    sys.exit(UNRESOLVED if document["unresolved"] or left_alone else DONE)


@main.command(epilog="Example: rotor export fills --out fills.csv")
@click.argument("what", type=click.Choice(["orders", "fills", "ledger", "equity"]))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; default: stdout.")
@_AS_JSON
@click.pass_obj
def export(call: CliContext, what: str, out: Path | None, as_json: bool) -> None:
    """Orders, fills, the ledger or the equity line as CSV (or JSON)."""
    from tui.cli.offline import HomeUnusable, export_rows, write_csv

    try:
        rows = export_rows(call.home, call.settings(), what)
    except (FileNotFoundError, HomeUnusable) as error:
        leave(FAILED, str(error))
    try:
        with out.open("w", encoding="utf-8", newline="") if out else nullcontext(sys.stdout) as stream:
            if as_json:
                stream.write(json.dumps(rows, ensure_ascii=False, default=str) + "\n")
            else:
                write_csv(rows, stream)
    except OSError as error:
        leave(FAILED, f"{out or 'The output'} cannot be written: {error.strerror or error}.")
    click.echo(f"{len(rows)} rows", err=True)


for command in (
    trading.run,
    trading.pause,
    trading.halt,
    trading.resume,
    trading.cancel,
    trading.flatten,
    steer.consent,
    steer.self_test,
    steer.settle,
    steer.adopt,
    steer.release,
    calendar.calendar,
    admin.doctor,
    admin.notify,
    admin.secret,
    admin.completion,
    service.start,
    service.stop,
    service.autostart,
    serve_commands.serve,
    serve_commands.attach,
    admin.akshare_table,
):
    main.add_command(command)


@main.group()
def config() -> None:
    """The settings file: write one, check it, show what is in force."""


@config.command("init", epilog="Example: rotor --home D:\\rotor config init")
@click.pass_obj
def config_init(call: CliContext) -> None:
    """Write a config.toml with every key and its explanation."""
    from tui.cli.offline import new_config

    try:
        click.echo(f"written: {new_config(call.home)}")
    except OSError as error:
        leave(REFUSED if isinstance(error, FileExistsError) else FAILED, str(error))


@config.command(
    "set",
    epilog="Example: rotor config set buy.amount 20000",
    context_settings={"ignore_unknown_options": True},  # a value may begin with a minus
)
@click.argument("key")
@click.argument("value")
@click.pass_obj
def config_set(call: CliContext, key: str, value: str) -> None:
    """Write one setting into config.toml, checked, and leave the rest of the file as it is.

    A text stands as it is; numbers, true and false, and lists are written as in the file.
    """
    from tui.cli.admin import set_setting
    from tui.cli.offline import SettingsError

    try:
        problem = set_setting(call.home, key, value)
    except (OSError, SettingsError) as error:
        leave(FAILED, f"{call.home.config_file} was not changed: {error}")
    if problem:
        leave(USAGE, f"{key} was not changed: {problem}")
    click.echo(f"{key} is written; it is used from the next start.")


@config.command("check", epilog="Example: rotor config check")
@click.pass_obj
def config_check(call: CliContext) -> None:
    """Check every setting and say what is wrong, all at once."""
    call.settings()
    click.echo(f"{call.home.config_file}: ok" if call.home.config_file.exists() else "no config.toml: defaults, ok")


@config.command("show", epilog="Example: rotor config show --json")
@_AS_JSON
@click.pass_obj
def config_show(call: CliContext, as_json: bool) -> None:
    """The settings in force, from file, environment and options."""
    from tui.cli.offline import config_document

    document = config_document(call.settings())
    if as_json:
        _print_json(document)
        return
    for key, value in _flat(document):
        click.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}")


def _outcome(made: "Plan", result: "Rebalance") -> int:
    """What a script must know: 4 something is unresolved, 3 nothing could be sent, 1 not all was traded, 0 done."""
    if result.unresolved:
        return UNRESOLVED
    if made.blocked and not made.legs and not made.kept:
        return REFUSED
    return DONE if result.complete else FAILED


def _show_plan(made: "Plan", document: dict[str, Any] | None) -> None:
    if document is not None:
        _print_json(document)
        return
    from tui.cli.output import plain_console, print_plan

    print_plan(made, plain_console())


@contextmanager
def _progress(title: str) -> Generator[Callable[[int, int], None]]:
    """A bar on stderr, gone when it is done; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn("dates"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _flat(document: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in document.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return rows


if __name__ == "__main__":
    main()
