"""Commands that decide something: live consent and self-test, doubtful orders, bonds in and out of management."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from core.model.consent import AGREED, terms
from tui.cli.context import DONE, FAILED, REFUSED, UNRESOLVED, Call, agreed, ask, leave, typed

if TYPE_CHECKING:
    from core.engine.ipc.link import EngineLink
    from core.model.command import Adopt, Release

_SELF_TEST_PATIENCE = 120.0
"""Seconds that a self-test may take: two orders, each read back, cancelled and proven."""

_YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command(epilog="Example: rotor consent 8880001")
@click.argument("account")
@_YES
@click.pass_obj
def consent(call: Call, account: str, yes: bool) -> None:
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
def self_test(call: Call, yes: bool, as_json: bool) -> None:
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
def settle(call: Call, order: str, outcome: str, yes: bool) -> None:
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
def adopt(call: Call, codes: Sequence[str], yes: bool) -> None:
    """Let the strategy manage, and sell, bonds that you hold."""
    from core.model.command import Adopt

    _move(call, [Adopt(code) for code in codes], f"Let the strategy manage, and sell, {', '.join(codes)}?", yes)


@click.command(epilog="Example: rotor release 113052")
@click.argument("codes", nargs=-1, required=True)
@_YES
@click.pass_obj
def release(call: Call, codes: Sequence[str], yes: bool) -> None:
    """Take bonds out of management: they are your own again."""
    from core.model.command import Release

    _move(call, [Release(code) for code in codes], f"Take {', '.join(codes)} out of management?", yes)


def _move(call: Call, commands: "Sequence[Adopt | Release]", question: str, yes: bool) -> None:
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
