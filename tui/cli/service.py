"""Commands about the engine's life: begin one that outlives its session, end it, have it begin by itself."""

import json
import sys
import time

import click

from tui.cli.context import DONE, FAILED, REFUSED, UNRESOLVED, Call, agreed, ask, leave

_UP_SECONDS = 60.0
_DOWN_SECONDS = 60.0


@click.command(epilog="Example: rotor start")
@click.pass_obj
def start(call: Call) -> None:
    """An engine that goes on when this session ends; rotor looks at it from anywhere.

    What it logs is in the home's logs. It ends with rotor stop, and with the machine.
    """
    from core.engine.detached import NotStarted, start_engine
    from core.engine.ipc.client import RemoteLink
    from tui.cli.offline import HomeUnusable, running_in

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
    link = RemoteLink(call.home)
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
def stop(call: Call, yes: bool) -> None:
    """End the engine of the home in order: nothing new is sent, working orders are cancelled (orders.at_exit)."""
    from core.model.command import EndEngine
    from tui.cli.offline import running_in, status_document

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
def autostart_show(call: Call, as_json: bool) -> None:
    """What is, or would be, written where; and whether it is."""
    from core.engine.errands import AutostartFailed, autostart_document

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
def autostart_on(call: Call, yes: bool) -> None:
    """Show the file, write it, and have the system take it up. It works from the next log-on."""
    from core.engine.errands import AutostartFailed, autostart_document, turn_autostart

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
def autostart_off(call: Call) -> None:
    """Have the system let it go, and remove the file. What runs goes on."""
    from core.engine.errands import AutostartFailed, turn_autostart

    try:
        turn_autostart(call.home, on=False)
    except (AutostartFailed, OSError) as error:
        leave(FAILED, str(error))
    click.echo("The engine is not started at log-on.")
