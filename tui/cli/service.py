"""Commands about the engine as a process: start, stop, autostart, serve."""

import asyncio
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

from core.engine.ipc.client import IpcClient
from core.i18n import mark, say, sentences
from core.infra.home import HomeUnusable, check_own
from core.infra.program import own_command
from core.infra.service import (
    Autostart,
    AutostartFailed,
    NotStarted,
    autostart_of,
    is_on,
    start_engine,
    turn_off,
    turn_on,
)
from core.model.command import EndEngine
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
    running_in,
)
from tui.cli.offline import status_document
from tui.cli.output import account_words, show
from tui.cli.spoken import Group, SpokenCommand

if TYPE_CHECKING:
    from tui.cli.web_view import ViewServer
    from tui.terminal import ShutdownSignals

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_SIGNAL_POLL_SECONDS = 0.2
_STATES = {
    True: mark("on", context="autostart"),
    False: mark("off", context="autostart"),
    None: mark("the file differs: autostart on writes it again, off removes it"),
}


@click.command(cls=SpokenCommand, epilog="Example: rotor start")
@click.pass_obj
def start(context: CliContext) -> None:
    """Start the engine in the background; it keeps running when this session ends.

    rotor opens the app on it from any session. It runs until rotor stop, or until the machine stops. Its log is in the
    data folder.
    """
    holder = running_in(context.home)
    if holder is not None:
        exit_with(
            REFUSED,
            say(
                "An engine already runs in {folder} ({holder}). Open it with rotor.",
                folder=context.home.path,
                holder=holder,
            ),
        )
    context.settings()
    try:
        context.home.prepare()
        output = context.home.logs / "start.log"
        check_own(output)
        output.unlink(missing_ok=True)
        process = start_engine(context.home, context.options(), output)
    except (HomeUnusable, NotStarted) as error:
        exit_with(FAILED, str(error))
    link = IpcClient(context.home)
    try:
        link.start()
        deadline = time.monotonic() + _START_SECONDS
        while not link.wait_for_snapshot(0.2):
            if process is not None and process.poll() is not None:
                lines = output.read_text("utf-8", errors="replace").strip().splitlines()
                exit_with(
                    FAILED,
                    say("The engine did not start. {why}", why=lines[-1] if lines else say("It printed nothing.")),
                )
            if time.monotonic() > deadline:
                logs = context.home.logs
                exit_with(
                    FAILED,
                    say(
                        "The engine did not start within {seconds:.0f} s: see the log in {folder}.",
                        seconds=_START_SECONDS,
                        folder=logs,
                    ),
                )
        context.unlock_credentials(link)
        latest = link.latest
    finally:
        link.close()
    click.echo(
        say(
            "Engine started ({account}), {holder}. Open it with rotor, stop it with rotor stop.",
            account=account_words(latest),
            holder=running_in(context.home),
        )
    )


@click.command(cls=SpokenCommand, epilog="Example: rotor stop")
@YES
@click.pass_obj
def stop(context: CliContext, yes: bool) -> None:
    """Stop the engine in the data folder: it sends nothing new and cancels open orders (orders.at_exit)."""
    holder = running_in(context.home)
    if holder is None:
        exit_with(REFUSED, say("No engine runs in {folder}.", folder=context.home.path))
    link = context.link()
    try:
        run = link.latest.rebalance if link.latest is not None else None
        question = say("Stop the engine? While it is stopped, nothing is watched and no stop fires.")
        if run and run.running:
            question = sentences([say("A rebalance is running: it ends here and its orders are cancelled."), question])
        confirm_or_exit(yes, question, say("The engine keeps running."))
        ask(link, EndEngine(), 30)
    finally:
        link.close()
    deadline = time.monotonic() + _STOP_SECONDS
    while running_in(context.home) is not None:
        if time.monotonic() > deadline:
            exit_with(
                FAILED,
                say(
                    "The engine has not stopped within {seconds:.0f} s ({holder}).",
                    seconds=_STOP_SECONDS,
                    holder=holder,
                ),
            )
        time.sleep(0.1)
    left = status_document(context.home, context.settings())["open_orders"]
    keys = ", ".join(order["client_order_id"] for order in left)
    open_orders = say("Orders still open, checked at the next start: {keys}.", keys=keys) if left else ""
    click.echo(f"{say('Engine stopped.')} {open_orders}".rstrip())
    sys.exit(UNRESOLVED if left else DONE)


@click.group(cls=Group)
def autostart() -> None:
    """Start the engine at log-on and after a crash, by Windows' Task Scheduler or systemd."""


@autostart.command("show", epilog="Example: rotor autostart show")
@AS_JSON
@click.pass_obj
def autostart_show(context: CliContext, as_json: bool) -> None:
    """Show the task or unit, its file, and whether it is on."""
    entry = _autostart(context)
    document = {"name": entry.name, "state": _STATES[is_on(entry)], "file": str(entry.file), "text": entry.text}

    def print_entry(row: dict[str, str]) -> None:
        state = say(row["state"], context="autostart")
        click.echo(say("{name}: {state}, {file}", name=row["name"], state=state, file=row["file"]))
        click.echo(f"\n{row['text']}")

    show(document, as_json, print_entry)


@autostart.command("on", epilog="Example: rotor autostart on")
@YES
@click.pass_obj
def autostart_on(context: CliContext, yes: bool) -> None:
    """Show the file, write it and register it. It takes effect at the next log-on."""
    entry = _autostart(context)
    click.echo(f"{entry.file}:\n\n{entry.text}", err=True)
    confirm_or_exit(yes, say("Write it, and start the engine at each log-on?"), say("Nothing was written."))
    _change_autostart(context, entry, on=True)
    click.echo(say("{name} is on from the next log-on. To start the engine now: rotor start.", name=entry.name))


@autostart.command("off", epilog="Example: rotor autostart off")
@click.pass_obj
def autostart_off(context: CliContext) -> None:
    """Unregister the task or unit and remove its file. A running engine keeps running."""
    _change_autostart(context, _autostart(context), on=False)
    click.echo(say("The engine no longer starts at log-on."))


def _autostart(context: CliContext) -> Autostart:

    try:
        return autostart_of(context.home)
    except AutostartFailed as error:
        exit_with(FAILED, str(error))


def _change_autostart(context: CliContext, entry: Autostart, *, on: bool) -> None:

    try:
        if on:
            context.home.prepare()
            turn_on(entry)
        else:
            turn_off(entry)
    except (AutostartFailed, HomeUnusable, OSError) as error:
        exit_with(FAILED, str(error))


@click.command(
    cls=SpokenCommand,
    epilog="""\b
Examples:
  rotor serve                 prints an address for a browser of this machine; it opens once
  rotor serve --port 9000""",
)
@click.option("--port", type=click.IntRange(1024, 65535), default=8022, show_default=True, help="Port of this machine.")
@click.option("--host", default="127.0.0.1", show_default=True, help="This machine only; others are refused.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON.")
@click.pass_obj
def serve(context: CliContext, port: int, host: str, as_json: bool) -> None:
    """Open the app in a browser of this machine.

    It shows the engine that runs in the data folder; without one, this command starts one that stops with it. Closing
    the browser stops nothing.
    """
    from tui.cli.web_view import LOOPBACK, ViewServer, is_free
    from tui.terminal import ShutdownSignals

    if host not in LOOPBACK:
        exit_with(
            USAGE,
            say("{host} is not this machine. The app is served to this machine only; use an ssh tunnel.", host=host),
        )
    if not is_free(port):
        exit_with(FAILED, say("Port {port} is taken by another program. Choose another with --port.", port=port))
    server = ViewServer(_view_command(context), port)

    document = {"address": server.address}

    def print_address() -> None:
        show(
            document,
            as_json,
            lambda _: click.echo(say("Open once, on this machine: {address}", address=server.address)),
        )
        sys.stdout.flush()

    running: AbstractContextManager[object] = nullcontext() if running_in(context.home) else context.own_engine()
    with running, ShutdownSignals() as signals:
        try:
            asyncio.run(_serve(server, print_address, signals))
        except OSError as error:
            exit_with(FAILED, say("Cannot serve on port {port}: {why}.", port=port, why=error.strerror or error))
    sys.exit(DONE)


async def _serve(server: "ViewServer", opened: Callable[[], None], signals: "ShutdownSignals") -> None:
    ended = asyncio.Event()
    serving = asyncio.create_task(server.run(opened, ended))
    while not serving.done() and signals.wait(0) is None:
        # Signal handlers run on this thread: polling lets them.
        await asyncio.wait({serving}, timeout=_SIGNAL_POLL_SECONDS)
    ended.set()
    await serving


def _view_command(context: CliContext) -> str:
    words = own_command("--home", str(context.home.path), "attach")
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


@click.command(cls=SpokenCommand, hidden=True)
@click.pass_obj
def attach(context: CliContext) -> None:
    """Open the app on the engine that runs in the data folder."""
    context.attach()
