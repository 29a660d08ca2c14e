"""The command line. Exit codes: 0 done, 1 failed, 2 bad usage or settings, 3 refused and nothing sent, 4 unresolved."""

import io
import json
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO, cast

import click

from core import __version__
from core.i18n import language, say, say_many
from core.infra.config import SettingsError, init_config, write_setting
from core.infra.home import HomeUnusable
from core.infra.settings_editor import problem_with, value_of
from core.model.command import ExecutePlan, MakePlan
from core.model.errors import RotorError
from core.model.settings import Settings
from core.retold import retell
from core.sandbox.dialects import Dialect
from tui.cli import admin, calendar, report, restore, service, trading
from tui.cli.bond_figures import bonds_of_plan
from tui.cli.context import (
    AS_JSON,
    DONE,
    FAILED,
    REFUSED,
    UNRESOLVED,
    USAGE,
    YES,
    CliContext,
    ask,
    confirm_or_exit,
    exit_with,
    home_at,
    needs_yes,
    pass_existing_folder,
    settings_of,
)
from tui.cli.offline import (
    CSV_ENCODING,
    EXPORTS,
    config_document,
    export_rows,
    prepare_demo,
    rehearse_panel,
    status_document,
    write_csv,
)
from tui.cli.output import (
    plan_document,
    print_json,
    print_plan,
    print_rebalance,
    print_rehearsal,
    print_status,
    rebalance_document,
    show,
)
from tui.cli.spoken import Group

_PLAN_SECONDS = 60.0
"""Seconds that a plan may take, besides the platform's three answers: the login, its token and the list."""

_ANSWERS = 3
_REBALANCE_SECONDS = 1800.0
_DATE = click.DateTime(["%Y-%m-%d"])


@click.group(
    cls=Group,
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
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Data folder: settings, data and logs.")
@click.option("--mode", type=click.Choice(["sandbox", "paper", "live"]), help="Instead of the mode in the settings.")
@click.option("--speed", type=click.FloatRange(min=0.1, max=3600), help="Sandbox only: market seconds per second.")
@click.option("--watch", is_flag=True, help="Watch the running engine; this view cannot trade.")
@click.pass_context
def main(context: click.Context, home: Path | None, mode: str | None, speed: float | None, watch: bool) -> None:
    """Keep an account of convertible bonds equal to your Factor Cat list.

    Without a command, open the app: on the engine that runs in the data folder, else on an engine of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a pipe on Windows would use the machine's code page
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    context.obj = CliContext(home, mode, speed)
    if context.invoked_subcommand is None:
        context.obj.open_app(watch=watch)


@main.command(
    epilog="""\b
Examples:
  rotor demo --speed 120

Press 3 and r for a plan, e to execute it and y to confirm."""
)
@click.option("--speed", type=click.FloatRange(min=0.1, max=3600), default=60.0, show_default=True)
@click.option(
    "--dialect",
    "dialects",
    type=click.Choice([each.value for each in Dialect]),
    multiple=True,
    help="Let the demo's platform answer in this form too; may be given several times.",
)
@click.pass_obj
def demo(context: CliContext, speed: float, dialects: tuple[str, ...]) -> None:
    """Open the app on the sandbox: a recorded trading day at speed.

    With --home FOLDER its data are kept there, else nowhere. Language and colours are those of your own settings.
    """
    scratch = tempfile.TemporaryDirectory(prefix="rotor-demo-", ignore_cleanup_errors=True)
    with scratch if context.chosen_home is None else nullcontext(context.chosen_home) as folder:
        home = home_at(Path(folder))
        if not home.config_file.exists():
            prepare_demo(home, _own_settings())
        if context.chosen_home is None:
            click.echo(say("The demo keeps nothing. To keep its data: rotor --home FOLDER demo"), err=True)
        CliContext(home.path, "sandbox", context.speed or speed, tuple(map(Dialect, dialects))).open_app()


def _own_settings() -> Settings | None:
    """The settings of the data folder that rotor would use without --home; None where they are invalid."""
    try:
        return settings_of(home_at(None))
    except SettingsError:
        return None


@main.command(
    epilog="""\b
Examples:
  rotor rehearse --top 10 --capital 1000000
  rotor rehearse --from 2025-01-01 --json > report.json
  rotor rehearse --panel my_panel.csv.gz --export out"""
)
@click.option(
    "--panel",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Default: the shipped panel.",
)
@click.option("--top", type=click.IntRange(1, 200), default=10, show_default=True, help="Number of bonds to hold.")
@click.option("--from", "start", type=_DATE, help="First date, such as 2025-01-01.")
@click.option("--to", "end", type=_DATE, help="Last date.")
@click.option("--capital", type=click.FloatRange(min=1000), default=1_000_000.0, show_default=True, help="In CNY.")
@click.option("--export", type=click.Path(path_type=Path, file_okay=False), help="Write CSV files into this folder.")
@AS_JSON
@click.pass_obj
def rehearse(
    context: CliContext,
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
    year to maturity; trade the difference at that date's close, sells first, cash split equally over the buys. Fees
    are those of the settings; limits on amounts and turnover do not apply.
    """
    try:
        with _progress(say("rehearsing")) as advance:
            document = rehearse_panel(
                context.settings(),
                panel_file=panel,
                top=top,
                capital=Decimal(str(capital)),
                start=start.date() if start else None,
                end=end.date() if end else None,
                advance=advance,
                export=export,
            )
    except (RotorError, ValueError, OSError) as error:
        exit_with(FAILED, str(error))
    show(document, as_json, print_rehearsal)
    sys.exit(FAILED if document["violations"] else DONE)


@main.command(epilog="Example: rotor plan --json")
@AS_JSON
@click.pass_obj
def plan(context: CliContext, as_json: bool) -> None:
    """Show what a rebalance would do now, with a reason per row. Sends nothing."""
    with context.engine() as engine:
        made = ask(engine, MakePlan(), _plan_seconds(context))
        document = plan_document(made) | ({"bonds": bonds_of_plan(engine, made)} if as_json else {})
    show(document, as_json, lambda _: print_plan(made))
    sys.exit(REFUSED if made.refused is not None else DONE)


@main.command(
    epilog="""\b
Examples:
  rotor rebalance              shows the plan and asks
  rotor rebalance --yes --json for a scheduled task"""
)
@YES
@AS_JSON
@click.pass_obj
def rebalance(context: CliContext, yes: bool, as_json: bool) -> None:
    """Rebalance once, now, and wait for the end."""
    needs_yes(as_json, yes)
    with context.engine() as engine:
        made = ask(engine, MakePlan(), _plan_seconds(context))
        if made.refused is not None or not as_json:
            show(plan_document(made), as_json, lambda _: print_plan(made))
        if made.refused is not None:
            sys.exit(REFUSED)
        if made.question is not None and yes:
            exit_with(REFUSED, say("Nothing was sent: {text}", text=made.question))
        question = say_many(
            "Send {count} order ({mode})?", "Send {count} orders ({mode})?", len(made.legs), mode=say(made.mode)
        )
        confirm_or_exit(yes, question, say("Nothing was sent."))
        result = ask(engine, ExecutePlan(made.plan_id), _REBALANCE_SECONDS)
    show(rebalance_document(made, result), as_json, lambda _: print_rebalance(result))
    if result.unresolved:
        sys.exit(UNRESOLVED)
    if made.blocked and not made.legs and not made.kept:
        sys.exit(REFUSED)
    sys.exit(DONE if result.complete else FAILED)


@main.command(epilog="Example: rotor status --json")
@AS_JSON
@pass_existing_folder
def status(context: CliContext, as_json: bool) -> None:
    """Show the running engine, the last rebalance, open orders and what the strategy owns."""
    try:
        document = status_document(context.home, context.settings())
    except HomeUnusable as error:
        exit_with(FAILED, str(error))
    show(document, as_json, print_status)
    unattended = document["open_orders"] and document["running"] is None
    sys.exit(UNRESOLVED if document["unresolved"] or unattended else DONE)


@main.command(epilog="Example: rotor export fills --out fills.csv")
@click.argument("what", type=click.Choice(EXPORTS))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; default: stdout.")
@click.option(
    "--encoding",
    type=click.Choice(("utf-8-sig", "utf-8", "gb18030")),
    help="Of the CSV; default: utf-8-sig for a file, which Excel opens right, and utf-8 for stdout.",
)
@AS_JSON
@click.pass_obj
def export(context: CliContext, what: str, out: Path | None, encoding: str | None, as_json: bool) -> None:
    """Export orders, fills, the ledger, the equity curve or the payments in and out as CSV (or JSON)."""
    if as_json and encoding is not None:
        raise click.UsageError(say("--encoding is for CSV: JSON is always UTF-8"))
    try:
        rows = export_rows(context.home, context.settings(), what)
    except (FileNotFoundError, HomeUnusable) as error:
        exit_with(FAILED, str(error))
    try:
        with _output(out, encoding or ("utf-8" if as_json or out is None else CSV_ENCODING)) as stream:
            print_json(rows, stream) if as_json else write_csv(retell(rows, language()), stream)
    except OSError as error:
        exit_with(
            FAILED,
            say("{file} cannot be written: {why}.", file=out or say("the output"), why=error.strerror or error),
        )
    click.echo(say_many("{count} row", "{count} rows", len(rows)), err=True)


@contextmanager
def _output(out: Path | None, encoding: str) -> "Generator[TextIO]":
    """The file, or stdout in this encoding."""
    if out is not None:
        with out.open("w", encoding=encoding, newline="") as stream:
            yield stream
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding=encoding)
    yield sys.stdout


for _command in (
    *(trading.run, trading.pause, trading.halt, trading.resume, trading.cancel, trading.flatten),
    *(trading.consent, trading.self_test, trading.settle, trading.adopt, trading.release),
    *(report.report, report.flows, restore.restore),
    *(calendar.calendar, admin.doctor, admin.logout, admin.notify, admin.secret, admin.completion, admin.akshare_table),
    *(service.start, service.stop, service.autostart, service.serve, service.attach),
):
    main.add_command(_command)


@main.group()
def config() -> None:
    """Write, check and show the settings file."""


@config.command("init", epilog="Example: rotor --home D:\\rotor config init")
@click.pass_obj
def config_init(context: CliContext) -> None:
    """Write a config.toml with every key and its explanation."""
    try:
        click.echo(say("written: {file}", file=init_config(context.home.path)))
    except OSError as error:
        exit_with(REFUSED if isinstance(error, FileExistsError) else FAILED, str(error))


@config.command(
    "set",
    epilog="Example: rotor config set buy.amount 20000",
    context_settings={"ignore_unknown_options": True},  # a value may begin with a minus
)
@click.argument("key")
@click.argument("value")
@click.pass_obj
def config_set(context: CliContext, key: str, value: str) -> None:
    """Check one setting and write it into config.toml; the rest of the file is not changed.

    Write numbers, true, false and lists as in the file; text needs no quotes.
    """
    home = context.home
    try:
        problem = problem_with(home.path, key, value)
        if not problem:
            write_setting(home.path, {key: value_of(key, value)})
    except (OSError, SettingsError) as error:
        exit_with(FAILED, say("{key} was not changed: {why}", key=home.config_file, why=error))
    if problem:
        exit_with(USAGE, say("{key} was not changed: {why}", key=key, why=problem))
    click.echo(say("{key} is written; it applies from the next start.", key=key))


@config.command("check", epilog="Example: rotor config check")
@click.pass_obj
def config_check(context: CliContext) -> None:
    """Check every setting and list all problems."""
    context.settings()
    file = context.home.config_file
    click.echo(say("{file}: ok", file=file) if file.exists() else say("no config.toml: defaults, ok"))


@config.command("show", epilog="Example: rotor config show --json")
@AS_JSON
@click.pass_obj
def config_show(context: CliContext, as_json: bool) -> None:
    """Show the settings in force, from file, environment and options."""
    show(config_document(context.settings()), as_json, _print_settings)


def _print_settings(table: Mapping[str, Any], prefix: str = "") -> None:
    for key, value in table.items():
        if isinstance(value, Mapping):
            _print_settings(cast("Mapping[str, Any]", value), f"{prefix}{key}.")
        else:
            click.echo(f"{prefix}{key} = {json.dumps(value, ensure_ascii=False)}")


def _plan_seconds(context: CliContext) -> float:
    return _PLAN_SECONDS + _ANSWERS * context.settings().factorcat.timeout


@contextmanager
def _progress(title: str) -> Generator[Callable[[int, int], None]]:
    """A progress bar on stderr; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn(say("dates")), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
