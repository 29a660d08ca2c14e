"""Commands that trade, or that change what the engine may trade."""

from collections.abc import Sequence

import click

from core.engine.ipc.link import EngineLink
from core.i18n import say
from core.infra.home import HomeUnusable
from core.model.command import (
    Adopt,
    AskAdoption,
    CancelWorking,
    Flatten,
    GiveConsent,
    Reconcile,
    Release,
    RunSelfTest,
    SettleOrder,
)
from core.model.consent import terms
from core.model.known import Unknown
from core.model.snapshot import Adoption, AdoptionBasis, Control
from core.model.typed_words import AGREE, CANCEL_ALL, FLATTEN
from tui.cli.context import (
    AS_JSON,
    DONE,
    FAILED,
    REFUSED,
    UNRESOLVED,
    YES,
    CliContext,
    ask,
    confirm_or_exit,
    confirm_word_or_exit,
    exit_with,
    needs_yes,
    pass_existing_folder,
)
from tui.cli.offline import change_control, status_document
from tui.cli.output import account_words, adoption_line, print_rebalance, show
from tui.cli.spoken import SpokenCommand

_FLATTEN_SECONDS = 900.0
_SELF_TEST_SECONDS = 120.0
"""Seconds that a self-test may take: two orders, each read back and cancelled."""


@click.command(cls=SpokenCommand, epilog="Example: rotor run")
@click.pass_obj
def run(context: CliContext) -> None:
    """Run the engine without a screen, until Ctrl+C or a signal.

    It keeps the schedule and watches the stops. Its log goes to stderr and to the data folder.
    """
    from tui.terminal import ShutdownSignals

    with ShutdownSignals() as signals:
        with context.own_engine() as engine:
            latest = engine.latest
            click.echo(
                say(
                    "rotor runs ({account}) in {folder}. Ctrl+C stops it.",
                    account=account_words(latest),
                    folder=context.home.path,
                ),
                err=True,
            )
            signal = signals.wait_while(lambda: engine.alive)
            failure = engine.failure
        if failure is not None:
            exit_with(FAILED, failure)
        left = _open_orders(context)
        text = say(
            "ended ({signal}): nothing more is sent. {open_orders}",
            signal=signal or say("by itself"),
            open_orders=left or say("No order is left open."),
        )
        click.echo(text, err=True)
    raise SystemExit(UNRESOLVED if left else DONE)


def _open_orders(context: CliContext) -> str:
    """A sentence on the orders that are still open, or on why that is not known; empty where there are none."""
    try:
        orders = status_document(context.home, context.settings())["open_orders"]
    except HomeUnusable as error:
        return str(error)
    keys = ", ".join(f"{order['client_order_id']} ({say(order['state'], context='order')})" for order in orders)
    return say("Orders still open, checked at the next start: {keys}.", keys=keys) if keys else ""


@click.command(cls=SpokenCommand, epilog="Example: rotor pause")
@pass_existing_folder
def pause(context: CliContext) -> None:
    """Pause buying until rotor resume; sells and stops continue."""
    _change_control(context, Control.PAUSED)


@click.command(cls=SpokenCommand, epilog="Example: rotor halt")
@pass_existing_folder
def halt(context: CliContext) -> None:
    """Block all new orders, stops included, until rotor resume.

    It applies at once, also to a running engine. Orders that are open at the broker stay open.
    """
    _change_control(context, Control.HALTED)


@click.command(cls=SpokenCommand, epilog="Example: rotor resume")
@pass_existing_folder
def resume(context: CliContext) -> None:
    """Resume after rotor pause or rotor halt."""
    _change_control(context, None)


def _change_control(context: CliContext, control: Control | None) -> None:
    try:
        before, in_force = change_control(context.home, context.settings(), control)
    except (HomeUnusable, OSError) as error:
        exit_with(FAILED, say("Nothing was changed: {why}", why=error))
    if in_force is not None:
        click.echo(say("{control} until rotor resume", control=say(in_force)))
    elif before:
        click.echo(say("Trading resumed: it was {before}.", before=say(before)))
    else:
        click.echo(say("Nothing was paused or halted."))


@click.command(cls=SpokenCommand, epilog="Example: rotor cancel --yes")
@YES
@pass_existing_folder
def cancel(context: CliContext, yes: bool) -> None:
    """Cancel every open order and wait for the broker's confirmations."""
    question = say("Type '{word}' to cancel every open order", word=say(CANCEL_ALL))
    confirm_word_or_exit(yes, question, CANCEL_ALL, say("Nothing was cancelled."))
    done = context.ask(CancelWorking(), 60)
    if not done.proven and not done.open:
        click.echo(say("No open orders."))
    else:
        text = say(
            "{proven} cancelled, {left} not confirmed: {keys}",
            proven=len(done.proven),
            left=len(done.open),
            keys=", ".join(done.open) or say("none"),
        )
        click.echo(text)
    raise SystemExit(UNRESOLVED if done.open else DONE)


@click.command(cls=SpokenCommand, epilog="Example: rotor flatten --yes")
@YES
@pass_existing_folder
def flatten(context: CliContext, yes: bool) -> None:
    """Halt trading, cancel open orders, then sell everything that the strategy owns.

    Your own holdings are not touched. Trading stays halted until rotor resume.
    """
    question = say(
        "Type '{word}' to sell everything that the strategy owns ({mode})",
        word=say(FLATTEN),
        mode=say(context.settings().mode),
    )
    confirm_word_or_exit(yes, question, FLATTEN, say("Nothing was sold."))
    sold = context.ask(Flatten(), _FLATTEN_SECONDS)
    print_rebalance(sold)
    raise SystemExit(UNRESOLVED if sold.unresolved else DONE if sold.complete else FAILED)


@click.command(cls=SpokenCommand, epilog="Example: rotor consent 8880001")
@click.argument("account")
@YES
@pass_existing_folder
def consent(context: CliContext, account: str, yes: bool) -> None:
    """Agree to live orders in ACCOUNT; needed once."""
    for line in terms(account):
        click.echo(line, err=True)
    confirm_word_or_exit(yes, say("Type '{word}' to agree", word=say(AGREE)), AGREE, say("Nothing was agreed to."))
    context.ask(GiveConsent(account), 30)
    click.echo(
        say("Agreed: rotor may send live orders to account {account} when its self-test has passed.", account=account)
    )


@click.command("self-test", cls=SpokenCommand, epilog="Example: rotor self-test --json")
@YES
@AS_JSON
@pass_existing_folder
def self_test(context: CliContext, yes: bool, as_json: bool) -> None:
    """Check the account's units with two orders that are cancelled at once.

    Orders 10 张 far below the market on each exchange, reads the orders back and cancels them. Live mode needs it once.
    """
    needs_yes(as_json, yes)
    account = context.settings().qmt.account
    question = say("Order and cancel 10 张 on each exchange in account {account}?", account=account)
    confirm_or_exit(yes, question, say("Nothing was sent."))
    test = context.ask(RunSelfTest(), _SELF_TEST_SECONDS)
    verdict = say("passed") if test.passed else say("FAILED: live orders stay refused")
    document = {"passed": test.passed, "at": test.at.isoformat(timespec="seconds"), "lines": list(test.lines)}
    show(document, as_json, lambda _: click.echo("\n".join((*test.lines, verdict))))
    if not test.passed:
        raise SystemExit(FAILED)


@click.command(cls=SpokenCommand, epilog="Example: rotor settle 261124-3fa9c1-B04-1 dead")
@click.argument("order")
@click.argument("outcome", type=click.Choice(["filled", "dead"]))
@YES
@pass_existing_folder
def settle(context: CliContext, order: str, outcome: str, yes: bool) -> None:
    """Tell rotor the outcome of an order that the broker's list does not settle.

    ORDER is `filled` (in full, at its limit) or `dead` (over, with the fills booked so far). Look at the account in
    MiniQMT first. If the broker's list shows the order, the list is used instead.
    """
    question = (
        say("Order {order} was filled in full at its limit?", order=order)
        if outcome == "filled"
        else say("Order {order} is over, with the fills booked so far?", order=order)
    )
    confirm_or_exit(yes, question, say("Nothing was settled."))
    with context.engine() as engine:
        state = ask(engine, SettleOrder(order, outcome == "filled"), 60)
        click.echo(f"{order}: {say(state, context='order')}")
        _reconcile_and_exit(engine)


@click.command(cls=SpokenCommand, epilog="Example: rotor adopt 113052 127045")
@click.argument("codes", nargs=-1, required=True)
@click.option(
    "--basis",
    type=click.Choice(["cost", "last"]),
    default="cost",
    help="What the stops are measured from: the cost in the account, or today's price.",
)
@click.option("--sell-now", is_flag=True, help="Agree that a bond whose stop level is crossed already is sold at once.")
@YES
@pass_existing_folder
def adopt(context: CliContext, codes: Sequence[str], basis: AdoptionBasis, sell_now: bool, yes: bool) -> None:
    """Take bonds that you hold into management: the strategy may sell them.

    Shows each bond's stop levels first. One whose level is crossed already is adopted only with your consent.
    """
    with context.engine() as engine:
        asked = [ask(engine, AskAdoption(code), 60) for code in codes]
        agreed = [_agreed(adoption, basis, sell_now, yes) for adoption in asked]
        question = say("Take {codes} into management? The strategy may sell them.", codes=", ".join(codes))
        confirm_or_exit(yes, question, say("Nothing was changed."))
        for code, now in zip(codes, agreed, strict=True):
            click.echo(f"{code}: {ask(engine, Adopt(code, basis, now), 60)} 张")
        _reconcile_and_exit(engine)


def _agreed(adoption: Adoption, basis: AdoptionBasis, sell_now: bool, yes: bool) -> bool:
    """Print the levels; whether the user agrees to a sale at once, where a level is crossed already."""
    chosen = adoption.on(basis)
    if isinstance(chosen, Unknown):
        exit_with(REFUSED, say("{code}: {why}. Nothing was changed.", code=adoption.code, why=chosen.reason))
    click.echo(f"{adoption.code}: {adoption_line(adoption.volume, chosen.value)}", err=True)
    through = chosen.value.through
    if not through or sell_now:
        return sell_now
    otherwise = say("{code}: {why}. Nothing was changed.", code=adoption.code, why=through)
    otherwise += " " + say("Take today's price as the basis (--basis last), or agree to the sale (--sell-now).")
    if yes:
        exit_with(REFUSED, otherwise)
    question = say("{code}: {why}. Adopt it all the same?", code=adoption.code, why=through)
    confirm_or_exit(yes, question, otherwise)
    return True


@click.command(cls=SpokenCommand, epilog="Example: rotor release 113052")
@click.argument("codes", nargs=-1, required=True)
@YES
@pass_existing_folder
def release(context: CliContext, codes: Sequence[str], yes: bool) -> None:
    """Release bonds from management: rotor does not sell them any more."""
    question = say("Release {codes} from management?", codes=", ".join(codes))
    confirm_or_exit(yes, question, say("Nothing was changed."))
    with context.engine() as engine:
        for code in codes:
            click.echo(f"{code}: {ask(engine, Release(code), 60)} 张")
        _reconcile_and_exit(engine)


def _reconcile_and_exit(engine: EngineLink) -> None:
    """Print what still keeps trading off; exit code 4 then."""
    blockers = ask(engine, Reconcile(), 60)
    for blocker in blockers:
        click.echo(say("trading is off: {why}", why=blocker), err=True)
    raise SystemExit(UNRESOLVED if blockers else DONE)
