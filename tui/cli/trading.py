"""Commands that leave the engine running, stop what it does, and sell everything."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from core.model.consent import AGREED, terms
from tui.cli.context import DONE, FAILED, REFUSED, UNRESOLVED, CliContext, agreed, ask, leave, typed

if TYPE_CHECKING:
    from core.model.snapshot import Control


if TYPE_CHECKING:
    from core.engine.ipc.link import EngineLink
    from core.model.command import Adopt, Release

_PATIENCE = 900.0
"""Seconds that a flatten may take."""

_YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command(epilog="Example: rotor run")
@click.pass_obj
def run(call: CliContext) -> None:
    """The engine without a screen, until Ctrl+C or a signal.

    Keeps the schedule and watches the stops. Its log goes to stderr and to the home's logs.
    """
    from tui.terminal import ExitSignals

    with ExitSignals() as ending:
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


def _left_behind(call: CliContext) -> str:
    from tui.cli.offline import HomeUnusable, status_document

    try:
        orders = status_document(call.home, call.settings())["open_orders"]
    except HomeUnusable as error:
        return str(error)
    keys = ", ".join(f"{order['client_order_id']} ({order['state']})" for order in orders)
    return f"Left open, the next start settles them: {keys}." if keys else ""


@click.command(epilog="Example: rotor pause")
@click.pass_obj
def pause(call: CliContext) -> None:
    """Buy nothing until rotor resume; sells and stops go on."""
    from core.model.snapshot import Control

    _change(call, Control.PAUSED)


@click.command(epilog="Example: rotor halt")
@click.pass_obj
def halt(call: CliContext) -> None:
    """Send nothing new until rotor resume, no stop either.

    Takes effect at once, also in an engine that runs in this home. Orders that work at the broker stay there.
    """
    from core.model.snapshot import Control

    _change(call, Control.HALTED)


@click.command(epilog="Example: rotor resume")
@click.pass_obj
def resume(call: CliContext) -> None:
    """End a pause and a halt."""
    _change(call, None)


def _change(call: CliContext, control: "Control | None") -> None:
    from tui.cli.offline import HomeUnusable, change_control

    try:
        pulled = change_control(call.home, call.settings(), control)
    except (HomeUnusable, OSError) as error:
        leave(FAILED, f"Nothing was changed: {error}")
    click.echo(f"{pulled}: rotor resume ends it" if pulled else "neither paused nor halted")


@click.command(epilog="Example: rotor cancel --yes")
@_YES
@click.pass_obj
def cancel(call: CliContext, yes: bool) -> None:
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
def flatten(call: CliContext, yes: bool) -> None:
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


_SELF_TEST_PATIENCE = 120.0
"""Seconds that a self-test may take: two orders, each read back, cancelled and proven."""


@click.command(epilog="Example: rotor consent 8880001")
@click.argument("account")
@_YES
@click.pass_obj
def consent(call: CliContext, account: str, yes: bool) -> None:
    """Agree, in words and once, to live orders in ACCOUNT."""
    from core.model.command import GiveConsent

    for line in terms(account):
        click.echo(line, err=True)
    if not yes and typed(f"Type '{AGREED}' to go on") != AGREED:
        leave(REFUSED, "Nothing was agreed to.")
    with call.engine() as engine:
        ask(engine, GiveConsent(account), 30)
    click.echo(f"Agreed: live orders may be sent to account {account}, once its self-test has passed.")


@click.command("self-test", epilog="Example: rotor self-test --json")
@_YES
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_obj
def self_test(call: CliContext, yes: bool, as_json: bool) -> None:
    """Prove the account's units with two orders that are cancelled.

    Orders 10 张 far below the market on each exchange, reads them back and cancels them: live mode wants it once.
    """
    from core.model.command import RunSelfTest

    if as_json and not yes:
        raise click.UsageError("--json goes with --yes: nobody is there to be asked")
    account = call.settings().qmt.account
    if not yes and not agreed(f"Order and cancel 10 张 on each exchange in account {account}?"):
        leave(REFUSED, "Nothing was sent.")
    with call.engine() as engine:
        test = ask(engine, RunSelfTest(), _SELF_TEST_PATIENCE)
    if as_json:
        document = {"passed": test.passed, "at": test.at.isoformat(timespec="seconds"), "lines": list(test.lines)}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        for line in (*test.lines, "passed" if test.passed else "FAILED: live orders stay refused"):
            click.echo(line)
    if not test.passed:
        raise SystemExit(FAILED)


@click.command(epilog="Example: rotor settle 261124-3fa9c1-B04-1 dead")
@click.argument("order")
@click.argument("outcome", type=click.Choice(["filled", "dead"]))
@_YES
@click.pass_obj
def settle(call: CliContext, order: str, outcome: str, yes: bool) -> None:
    """Say what became of an order that nobody settles.

    ORDER was filled in full at its limit, or it is dead: over, with what is booked of it. Look at the account in
    MiniQMT first. What the broker's list says goes before what you say.
    """
    from core.model.command import SettleOrder

    meaning = "was filled in full at its limit" if outcome == "filled" else "is over, with what is booked of it"
    if not yes and not agreed(f"Order {order} {meaning}?"):
        leave(REFUSED, "Nothing was settled.")
    with call.engine() as engine:
        state = ask(engine, SettleOrder(order, outcome == "filled"), 60)
        click.echo(f"{order}: {state}")
        _end(engine)


@click.command(epilog="Example: rotor adopt 113052 127045")
@click.argument("codes", nargs=-1, required=True)
@_YES
@click.pass_obj
def adopt(call: CliContext, codes: Sequence[str], yes: bool) -> None:
    """Let the strategy manage, and sell, bonds that you hold."""
    from core.model.command import Adopt

    _move(call, [Adopt(code) for code in codes], f"Let the strategy manage, and sell, {', '.join(codes)}?", yes)


@click.command(epilog="Example: rotor release 113052")
@click.argument("codes", nargs=-1, required=True)
@_YES
@click.pass_obj
def release(call: CliContext, codes: Sequence[str], yes: bool) -> None:
    """Take bonds out of management: they are your own again."""
    from core.model.command import Release

    _move(call, [Release(code) for code in codes], f"Take {', '.join(codes)} out of management?", yes)


def _move(call: CliContext, commands: "Sequence[Adopt | Release]", question: str, yes: bool) -> None:
    if not yes and not agreed(question):
        leave(REFUSED, "Nothing was changed.")
    with call.engine() as engine:
        for command in commands:
            click.echo(f"{command.code}: {ask(engine, command, 60)} 张")
        _end(engine)


def _end(engine: "EngineLink") -> None:
    """Say what still keeps trading off, and end with 4 then."""
    from core.model.command import Reconcile

    blockers = ask(engine, Reconcile(), 60)
    for row in blockers:
        click.echo(f"trading is off: {row}", err=True)
    raise SystemExit(UNRESOLVED if blockers else DONE)
