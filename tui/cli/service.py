"""Commands about the engine's life: begin one that outlives its session, end it, have it begin by itself."""

import asyncio
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

from core.infra.program import own_command
from tui.cli.context import DONE, FAILED, REFUSED, UNRESOLVED, USAGE, CliContext, agreed, ask, leave
from tui.terminal import ExitSignals

if TYPE_CHECKING:
    from tui.cli.web_view import ViewServer

_UP_SECONDS = 60.0
_DOWN_SECONDS = 60.0


@click.command(epilog="Example: rotor start")
@click.pass_obj
def start(call: CliContext) -> None:
    """An engine that goes on when this session ends; rotor looks at it from anywhere.

    What it logs is in the home's logs. It ends with rotor stop, and with the machine.
    """
    from core.engine.ipc.client import IpcClient
    from core.infra.service import NotStarted, start_engine
    from tui.cli.context import running_in
    from tui.cli.offline import HomeUnusable

    holder = running_in(call.home)
    if holder is not None:
        leave(REFUSED, f"An engine runs in {call.home.path} already ({holder}). rotor looks at it.")
    call.settings()
    try:
        call.home.prepare()
        output = call.home.logs / "start.log"
        output.unlink(missing_ok=True)
        process = start_engine(call.home, call.options(), output)
    except (HomeUnusable, NotStarted) as error:
        leave(FAILED, str(error))
    link = IpcClient(call.home)
    try:
        link.begin()
        deadline = time.monotonic() + _UP_SECONDS
        while not link.wait(0.2):
            if process is not None and process.poll() is not None:
                said = output.read_text("utf-8", errors="replace").strip().splitlines()
                leave(FAILED, f"The engine did not come up. {said[-1] if said else 'It said nothing.'}")
            if time.monotonic() > deadline:
                leave(FAILED, f"The engine did not come up within {_UP_SECONDS:.0f} s: see {call.home.logs}.")
        call.open_safe_if_needed(link)
        shown = link.latest
        told = f"{shown.mode}, account {shown.account}" if shown is not None else "running"
    finally:
        link.close()
    click.echo(f"The engine runs ({told}), {running_in(call.home)}. rotor looks at it, rotor stop ends it.")


@click.command(epilog="Example: rotor stop")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def stop(call: CliContext, yes: bool) -> None:
    """End the engine of the home in order: nothing new is sent, working orders are cancelled (orders.at_exit)."""
    from core.model.command import EndEngine
    from tui.cli.context import running_in
    from tui.cli.offline import status_document

    holder = running_in(call.home)
    if holder is None:
        leave(REFUSED, f"No engine runs in {call.home.path}.")
    link = call.link()
    try:
        run = link.latest.rebalance if link.latest is not None else None
        works = "A rebalance is running: it is broken off and its orders are cancelled. " if run and run.running else ""
        if not yes and not agreed(f"{works}End the engine? Nothing is watched and no stop fires then."):
            leave(REFUSED, "It goes on.")
        ask(link, EndEngine(), 30)
    finally:
        link.close()
    deadline = time.monotonic() + _DOWN_SECONDS
    while running_in(call.home) is not None:
        if time.monotonic() > deadline:
            leave(FAILED, f"It was told to end and has not within {_DOWN_SECONDS:.0f} s ({holder}).")
        time.sleep(0.1)
    left = status_document(call.home, call.settings())["open_orders"]
    keys = ", ".join(order["client_order_id"] for order in left)
    click.echo("The engine has ended." + (f" Left open, the next start settles them: {keys}." if left else ""))
    sys.exit(UNRESOLVED if left else DONE)


@click.group()
def autostart() -> None:
    """The engine at log-on, and again after a crash: Windows' Task Scheduler, or systemd."""


@autostart.command("show", epilog="Example: rotor autostart show")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_obj
def autostart_show(call: CliContext, as_json: bool) -> None:
    """What is, or would be, written where; and whether it is."""
    from tui.cli.admin import AutostartFailed, autostart_document

    try:
        document = autostart_document(call.home)
    except AutostartFailed as error:
        leave(FAILED, str(error))
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    click.echo(f"{document['name']}: {document['state']}, {document['file']}\n\n{document['text']}")


@autostart.command("on", epilog="Example: rotor autostart on")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def autostart_on(call: CliContext, yes: bool) -> None:
    """Show the file, write it, and have the system take it up. It works from the next log-on."""
    from tui.cli.admin import AutostartFailed, autostart_document, turn_autostart

    try:
        document = autostart_document(call.home)
        click.echo(f"{document['file']}:\n\n{document['text']}", err=True)
        if not yes and not agreed("Write it, and start the engine at each log-on?"):
            leave(REFUSED, "Nothing was written.")
        call.home.prepare()
        turn_autostart(call.home, on=True)
    except (AutostartFailed, OSError) as error:
        leave(FAILED, str(error))
    click.echo(f"{document['name']} is on, from the next log-on. rotor start begins one now.")


@autostart.command("off", epilog="Example: rotor autostart off")
@click.pass_obj
def autostart_off(call: CliContext) -> None:
    """Have the system let it go, and remove the file. What runs goes on."""
    from tui.cli.admin import AutostartFailed, turn_autostart

    try:
        turn_autostart(call.home, on=False)
    except (AutostartFailed, OSError) as error:
        leave(FAILED, str(error))
    click.echo("The engine is not started at log-on.")


_LOOK_SECONDS = 0.2


@click.command(
    epilog="""\b
Examples:
  rotor serve                 prints an address for a browser of this machine; it opens once
  rotor serve --port 9000"""
)
@click.option("--port", type=click.IntRange(1024, 65535), default=8022, show_default=True, help="Of this machine.")
@click.option("--host", default="127.0.0.1", show_default=True, help="This machine only; every other is refused.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON.")
@click.pass_obj
def serve(call: CliContext, port: int, host: str, as_json: bool) -> None:
    """The app in a browser of this machine, as one more view of the one engine.

    Where rotor runs in this home already, the views are of that; else this starts the engine, which ends with it.
    Closing the browser ends nothing.
    """
    from tui.cli.context import running_in
    from tui.cli.web_view import LOOPBACK, ViewServer, free

    if host not in LOOPBACK:
        leave(USAGE, f"{host} is not this machine. rotor is served to it only; from elsewhere, go through ssh.")
    if not free(port):
        leave(FAILED, f"Port {port} is taken by another program. Choose another with --port.")
    server = ViewServer(_view_command(call), port)

    def opened() -> None:
        told = f"Open once, on this machine: {server.address}"
        click.echo(json.dumps({"address": server.address}) if as_json else told)

    running: AbstractContextManager[object] = nullcontext() if running_in(call.home) else call.own_engine()
    with running, ExitSignals() as ending:
        try:
            asyncio.run(_serve(server, opened, ending))
        except OSError as error:
            leave(FAILED, f"The page cannot be served on port {port}: {error.strerror or error}.")
    sys.exit(DONE)


async def _serve(server: "ViewServer", opened: Callable[[], None], ending: ExitSignals) -> None:
    ended = asyncio.Event()
    serving = asyncio.create_task(server.run(opened, ended))
    while not serving.done() and ending.wait(0) is None:
        # A signal's handler runs on this thread: it is asked, not waited for.
        await asyncio.wait({serving}, timeout=_LOOK_SECONDS)
    ended.set()
    await serving


def _view_command(call: CliContext) -> str:
    parts = own_command("--home", str(call.home.path), "attach")
    return subprocess.list2cmdline(parts) if sys.platform == "win32" else shlex.join(parts)


@click.command(hidden=True)
@click.pass_obj
def attach(call: CliContext) -> None:
    """The app as a view of the engine that runs in this home."""
    call.attach()
