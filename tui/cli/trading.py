"""Commands that leave the engine running, stop what it does, and sell everything."""

from typing import TYPE_CHECKING

import click

from tui.cli.context import DONE, FAILED, REFUSED, UNRESOLVED, Call, ask, leave, typed

if TYPE_CHECKING:
    from core.model.snapshot import Control

_PATIENCE = 900.0
"""Seconds that a flatten may take."""

_YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command(epilog="Example: rotor run")
@click.pass_obj
def run(call: Call) -> None:
    """The engine without a screen, until Ctrl+C or a signal.

    Keeps the schedule and watches the stops. Its log goes to stderr and to the home's logs.
    """
    from tui.terminal import Ending

    with Ending() as ending:
        with call.own_engine() as engine:
            shown = engine.latest
            account = f"{shown.mode}, account {shown.account}" if shown else "running"
            click.echo(f"rotor runs ({account}) in {call.home.path}. Ctrl+C ends it in order.", err=True)
            while (word := ending.wait(0.5)) is None and engine.alive:
                pass
            failure = engine.failure
        if failure is not None:
            leave(FAILED, failure)
        left = _left_behind(call)
        click.echo(f"ended ({word or 'by itself'}): nothing more is sent. {left or 'No order is left open.'}", err=True)
    raise SystemExit(UNRESOLVED if left else DONE)


def _left_behind(call: Call) -> str:
    from tui.cli.offline import HomeUnusable, status_document

    try:
        orders = status_document(call.home, call.settings())["open_orders"]
    except HomeUnusable as error:
        return str(error)
    keys = ", ".join(f"{order['client_order_id']} ({order['state']})" for order in orders)
    return f"Left open, the next start settles them: {keys}." if keys else ""


@click.command(epilog="Example: rotor pause")
@click.pass_obj
def pause(call: Call) -> None:
    """Buy nothing until rotor resume; sells and stops go on."""
    from core.model.snapshot import Control

    _change(call, Control.PAUSED)


@click.command(epilog="Example: rotor halt")
@click.pass_obj
def halt(call: Call) -> None:
    """Send nothing new until rotor resume, no stop either.

    Takes effect at once, also in an engine that runs in this home. Orders that work at the broker stay there.
    """
    from core.model.snapshot import Control

    _change(call, Control.HALTED)


@click.command(epilog="Example: rotor resume")
@click.pass_obj
def resume(call: Call) -> None:
    """End a pause and a halt."""
    _change(call, None)


def _change(call: Call, control: "Control | None") -> None:
    from tui.cli.offline import HomeUnusable, change_control

    try:
        pulled = change_control(call.home, call.settings(), control)
    except (HomeUnusable, OSError) as error:
        leave(FAILED, f"Nothing was changed: {error}")
    click.echo(f"{pulled}: rotor resume ends it" if pulled else "neither paused nor halted")


@click.command(epilog="Example: rotor cancel --yes")
@_YES
@click.pass_obj
def cancel(call: Call, yes: bool) -> None:
    """Cancel every working order and wait for the proofs."""
    from core.model.command import CancelWorking

    if not yes and typed("Type 'cancel' to cancel every working order") != "cancel":
        leave(REFUSED, "Nothing was cancelled.")
    with call.engine() as engine:  # which settles at its start what nobody saw through
        done = ask(engine, CancelWorking(), 60)
    click.echo(f"{len(done.proven)} cancelled, {len(done.open)} not proven: {', '.join(done.open) or 'none'}")
    raise SystemExit(UNRESOLVED if done.open else DONE)


@click.command(epilog="Example: rotor flatten --yes")
@_YES
@click.pass_obj
def flatten(call: Call, yes: bool) -> None:
    """Halt, cancel what works, then sell all that the strategy owns.

    Your own holdings are left alone. Trading stays halted until rotor resume.
    """
    from core.model.command import Flatten
    from tui.cli.output import plain_console, print_run

    question = f"Type 'flatten' to sell all that the strategy owns ({call.settings().mode})"
    if not yes and typed(question) != "flatten":
        leave(REFUSED, "Nothing was sold.")
    with call.engine() as engine:
        sold = ask(engine, Flatten(), _PATIENCE)
    print_run(sold, plain_console())
    raise SystemExit(UNRESOLVED if sold.unresolved else DONE if sold.complete else FAILED)
