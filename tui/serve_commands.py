"""`rotor serve`: the app in a browser of this machine, and the views behind it."""

import asyncio
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

from tui.cli.context import DONE, FAILED, USAGE, Call, leave
from tui.terminal import Ending

if TYPE_CHECKING:
    from tui.cli.web_view import ViewServer

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
def serve(call: Call, port: int, host: str, as_json: bool) -> None:
    """The app in a browser of this machine, as one more view of the one engine.

    Where rotor runs in this home already, the views are of that; else this starts the engine, which ends with it.
    Closing the browser ends nothing.
    """
    from tui.cli.offline import running_in
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
    with running, Ending() as ending:
        try:
            asyncio.run(_serve(server, opened, ending))
        except OSError as error:
            leave(FAILED, f"The page cannot be served on port {port}: {error.strerror or error}.")
    sys.exit(DONE)


async def _serve(server: "ViewServer", opened: Callable[[], None], ending: Ending) -> None:
    ended = asyncio.Event()
    serving = asyncio.create_task(server.run(opened, ended))
    while not serving.done() and ending.wait(0) is None:
        # A signal's handler runs on this thread: it is asked, not waited for.
        await asyncio.wait({serving}, timeout=_LOOK_SECONDS)
    ended.set()
    await serving


def _view_command(call: Call) -> str:
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "tui.cli"]
    parts = [*program, "--home", str(call.home.path), "attach"]
    return subprocess.list2cmdline(parts) if sys.platform == "win32" else shlex.join(parts)


@click.command(hidden=True)
@click.pass_obj
def attach(call: Call) -> None:
    """The app as a view of the engine that runs in this home."""
    call.attach()
