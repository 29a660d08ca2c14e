"""The trading controls and flatten: their questions, why one does nothing now, and their outcomes."""

from decimal import Decimal

from core.i18n import labelled, mark, say, say_many, sentences
from core.model.command import Cancelled, Failed, Reply
from core.model.known import Unknown
from core.model.order import Order, Origin, Side
from core.model.snapshot import Control, PositionRow, Rebalance, Snapshot
from core.model.typed_words import CANCEL_ALL, FLATTEN
from tui import format as fmt
from tui.format import missed_text, ours
from tui.screens.dialogs import Confirm, Fact, TypedConfirm, mode_and_account
from tui.widgets.theme import Tone, change_tone

Outcome = tuple[str, bool]
"""A sentence for the status bar, and whether it is a failure."""

STALE = mark("No recent data from the engine: nothing is done on old data. Wait for an update.")
_UNTIL_RESUMED = mark("you press R on Home; a restart does not lift it")


def why_not(action: str, snapshot: Snapshot | None, *, stale: bool) -> str:
    """Why an action does nothing now. Pause and halt work on a stale snapshot too: they only block orders."""
    if snapshot is None:
        return say("The engine has not answered yet.")
    if action == "pause":
        halted = say("Trading is halted: buying is blocked already.") if Control.HALTED in snapshot.controls else ""
        tripped = (
            say("The circuit breaker has tripped: buying is blocked already.")
            if Control.TRIPPED in snapshot.controls
            else ""
        )
        paused = say("Buying is paused already.") if Control.PAUSED in snapshot.controls else ""
        return halted or tripped or paused
    if action == "halt":
        return say("Trading is halted already.") if Control.HALTED in snapshot.controls else ""
    return (say(STALE) if stale else "") or _OBSTACLES[action](snapshot)


def _nothing_to_resume(snapshot: Snapshot) -> str:
    if flattening(snapshot):
        return say("A flatten is running: trading stays halted until it ends.")
    return "" if snapshot.controls else say("Nothing to resume: buying is not paused and trading is not halted.")


def _nothing_to_cancel(snapshot: Snapshot) -> str:
    if open_orders(snapshot):
        return ""
    doubtful = sum(order.unresolved for order in snapshot.orders)
    rest = (
        say(
            " {doubtful} with unknown outcome: being looked up, not cancelled; see Orders (5).",
            doubtful=fmt.plural(doubtful, "order"),
        )
        if doubtful
        else ""
    )
    return say("No open orders: nothing to cancel.{rest}", rest=rest)


def _nothing_to_sell(snapshot: Snapshot) -> str:
    if flattening(snapshot):
        return say("A flatten is running already.")
    if isinstance(snapshot.positions, Unknown):
        return say("The strategy's holdings are not known: {reason}", reason=snapshot.positions.reason)
    return "" if ours(snapshot) else say("The strategy holds nothing: nothing to sell.")


def _nothing_missed(snapshot: Snapshot) -> str:
    return "" if snapshot.missed is not None else say("No run was missed.")


def _nobody_to_log_out(snapshot: Snapshot) -> str:
    if snapshot.mode == "sandbox":
        return say("The sandbox has its own platform: there is nothing to log out of.")
    return "" if snapshot.platform_user is not None or snapshot.health else say("The engine is still starting.")


_OBSTACLES = {
    "logout": _nobody_to_log_out,
    "resume": _nothing_to_resume,
    "cancel": _nothing_to_cancel,
    "flatten": _nothing_to_sell,
    "missed": _nothing_missed,
    "drop": _nothing_missed,
}


def open_orders(snapshot: Snapshot) -> tuple[Order, ...]:
    return tuple(order for order in snapshot.orders if order.live)


def flattening(snapshot: Snapshot) -> bool:
    run = snapshot.rebalance
    return run is not None and run.running and run.origin is Origin.FLATTEN


# -- questions -----------------------------------------------------------------------------------------------------


def pause_question(snapshot: Snapshot) -> Confirm:
    rows = [
        *mode_and_account(snapshot),
        (say("Not sent"), say("any buy: rebalance, refill or manual"), Tone.WARN),
        (say("Goes on"), say("every sell, take-profit and stop-loss included"), Tone.TEXT),
        (say("At broker"), _open_orders_text(snapshot), Tone.TEXT),
        (say("Until"), say(_UNTIL_RESUMED), Tone.TEXT),
    ]
    return Confirm(say("Pause buying"), rows, say("Stop buying from now on?"), say("Yes, pause"))


def logout_question(snapshot: Snapshot) -> Confirm:
    user = snapshot.platform_user or snapshot.username
    rows = [
        *mode_and_account(snapshot),
        (say("User"), user or say("nobody is logged in"), Tone.TEXT),
        (say("Deleted"), say("the password and the token that are stored on this machine"), Tone.WARN),
        (say("Not done"), say("no list is fetched: scheduled runs are refused until you log in"), Tone.WARN),
        (say("Goes on"), say("stops and open orders; the user name stays in the settings"), Tone.TEXT),
    ]
    return Confirm(say("Log out"), rows, say("Log out of Factor Cat?"), say("Yes, log out"))


def halt_question(snapshot: Snapshot) -> Confirm:
    armed = snapshot.stops.armed if snapshot.stops is not None else None
    guarded = say("no stop fires") + (say(", the {armed} armed ones included", armed=armed) if armed else "")
    rows = [
        *mode_and_account(snapshot),
        (say("Not sent"), say("any new order, buy or sell"), Tone.WARN),
        (say("Unguarded"), guarded, Tone.BAD),
        (say("Goes on"), say("prices, account updates, manual cancels"), Tone.TEXT),
        (say("At broker"), _open_orders_text(snapshot), Tone.TEXT),
        (say("Until"), say(_UNTIL_RESUMED), Tone.TEXT),
    ]
    return Confirm(say("Halt"), rows, say("Block all new orders, stops included?"), say("Yes, halt"), danger=True)


def _what_ends(snapshot: Snapshot) -> str:
    if Control.HALTED in snapshot.controls:
        return say("the halt")
    return say("the circuit breaker") if Control.TRIPPED in snapshot.controls else say("the pause in buying")


def resume_question(snapshot: Snapshot) -> Confirm:
    halted = Control.HALTED in snapshot.controls
    rows = [
        *mode_and_account(snapshot),
        (say("Ends"), _what_ends(snapshot), Tone.STRONG),
        (say("Goes on"), say("scheduled runs and refills, buys included"), Tone.TEXT),
    ]
    if halted:
        rows.append((say("Stops"), say("a bond beyond its trigger price is sold at once"), Tone.WARN))
    return Confirm(say("Resume"), rows, say("Resume trading now?"), say("Yes, resume"), danger=snapshot.mode == "live")


def drop_question(snapshot: Snapshot) -> Confirm:
    missed = missed_text(snapshot.missed, snapshot) if snapshot.missed is not None else fmt.NOT_KNOWN
    rows: list[Fact] = [
        (say("Missed"), missed, Tone.WARN),
        (say("Dropped"), say("it sells and buys nothing"), Tone.TEXT),
        (say("Later"), say("a plan can still be made by hand: 3, then r"), Tone.TEXT),
    ]
    return Confirm(say("Drop the missed run"), rows, say("Drop this run?"), say("Yes, drop it"))


def cancel_question(snapshot: Snapshot) -> TypedConfirm:
    orders = open_orders(snapshot)
    rows = [
        *mode_and_account(snapshot),
        (say("Unfilled"), fmt.plural(len(orders), "order"), Tone.STRONG),
        (say("Buys"), _left(orders, Side.BUY), Tone.BUY),
        (say("Sells"), _left(orders, Side.SELL), Tone.SELL),
        (say("Filled"), say("what is filled stays filled"), Tone.TEXT),
        (say("Then"), say("a running rebalance goes on without them"), Tone.TEXT),
    ]
    doubtful = sum(order.unresolved for order in snapshot.orders)
    if doubtful:
        rows.append(
            (
                say("Unknown"),
                say("{doubtful}: looked up, not cancelled", doubtful=fmt.plural(doubtful, "order")),
                Tone.WARN,
            )
        )
    return _typed(say("Cancel all open orders"), rows, CANCEL_ALL, say("cancel them all"), say("nothing was cancelled"))


def flatten_question(snapshot: Snapshot) -> TypedConfirm:
    mine = ours(snapshot)
    bonds = say(
        "{mine} held by the strategy, {value} 张",
        mine=fmt.plural(len(mine), "bond"),
        value=sum(row.ours for row in mine),
    )
    profit = _sum([_profit(row) for row in mine])
    rows = [
        *mode_and_account(snapshot),
        (say("Sells"), bonds, Tone.STRONG),
        (say("Value"), _money([_value(row) for row in mine]), Tone.STRONG),
        (say("P/L"), _money([_profit(row) for row in mine], signed=True), change_tone(profit)),
        (
            say("Cancels"),
            say("{snapshot}, first", snapshot=fmt.plural(len(open_orders(snapshot)), "open order")),
            Tone.TEXT,
        ),
        (say("Left alone"), _unmanaged_bonds(snapshot), Tone.TEXT),
        (say("Then"), say("stays HALTED, stops included, until you press R"), Tone.WARN),
    ]
    return _typed(say("Flatten"), rows, FLATTEN, say("sell all the strategy holds"), say("nothing was sent"))


def _typed(title: str, rows: list[Fact], word: str, to: str, undone: str) -> TypedConfirm:
    return TypedConfirm(title, rows, word, to=to, undone=undone)


def _open_orders_text(snapshot: Snapshot) -> str:
    count = len(open_orders(snapshot))
    if not count:
        return say("no open orders")
    return say_many(
        "{count} order stays and may fill (x cancels)", "{count} orders stay and may fill (x cancels)", count
    )


def _left(orders: tuple[Order, ...], side: Side) -> str:
    of_side = [order for order in orders if order.intent.side is side]
    amount = sum((order.remaining * order.intent.price for order in of_side), Decimal(0))
    return (
        say("{of_side}, {amount} CNY not filled yet", of_side=len(of_side), amount=fmt.money(amount))
        if of_side
        else say("none")
    )


def _unmanaged_bonds(snapshot: Snapshot) -> str:
    if isinstance(snapshot.positions, Unknown):
        return fmt.NOT_KNOWN
    count = sum(row.volume > row.ours for row in snapshot.positions.value)
    return (
        say("your own bonds ({count})", count=fmt.plural(count, "holding"))
        if count
        else say("the account holds none of your own")
    )


def _value(row: PositionRow) -> Decimal | None:
    return None if row.last is None else row.last * row.ours


def _profit(row: PositionRow) -> Decimal | None:
    return None if row.last is None or not row.cost else (row.last - row.cost) * row.ours


def _sum(amounts: list[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


def _money(amounts: list[Decimal | None], *, signed: bool = False) -> str:
    known = sum(amount is not None for amount in amounts)
    total = _sum(amounts)
    part = "" if known == len(amounts) else say(" ({known} of {amounts} known)", known=known, amounts=len(amounts))
    return say("{total} CNY{part}", total=fmt.signed_money(total) if signed else fmt.money(total), part=part)


# -- outcomes ------------------------------------------------------------------------------------------------------


def cancel_outcome(reply: Reply[Cancelled]) -> Outcome:
    if isinstance(reply, Failed):
        return _failed(say("Not cancelled"), say("The orders were not cancelled"), reply)
    proven, left = len(reply.value.proven), len(reply.value.open)
    if left:
        total = fmt.plural(proven + left, "order")
        return say(
            "{proven} of {total} cancelled; {left} not confirmed and may still fill: see Orders (5).",
            proven=proven,
            total=total,
            left=left,
        ), True
    return (
        say("{proven} cancelled, all confirmed.", proven=fmt.plural(proven, "order"))
        if proven
        else say("No open orders.")
    ), False


def flatten_outcome(reply: Reply[Rebalance]) -> Outcome:
    if isinstance(reply, Failed):
        return _failed(say("Nothing was sent"), say("The flatten failed"), reply)
    run, halted = reply.value, say("Trading stays halted.")
    filled = [leg for leg in run.legs if leg.filled_volume >= leg.volume]
    got = sum((leg.filled_volume * (leg.average_price or Decimal(0)) for leg in run.legs), Decimal(0))
    text = say(
        "Flatten: {filled} of {legs} filled, {got} CNY before fees.",
        filled=len(filled),
        legs=fmt.plural(len(run.legs), "order"),
        got=fmt.money(got),
    )
    if run.unresolved:
        return say(
            "{text} {unresolved} unresolved: see Orders (5). {halted}",
            text=text,
            unresolved=fmt.plural(len(run.unresolved), "order"),
            halted=halted,
        ), True
    if not run.complete:
        left = sum(leg.volume - leg.filled_volume for leg in run.legs)
        return say("{text} {left} 张 are NOT sold: see Plan (3). {halted}", text=text, left=left, halted=halted), True
    return sentences([text, halted]), False


def simple_outcome(done: str, undone: str, reply: Reply[None]) -> Outcome:
    """The outcome of a command without a result."""
    return _failed(undone, undone, reply) if isinstance(reply, Failed) else (done, False)


def told_outcome(reply: Reply[str]) -> Outcome:
    """The outcome of a command that says itself what it did."""
    return (reply.text, True) if isinstance(reply, Failed) else (reply.value, False)


def _failed(refused: str, failed: str, reply: Failed) -> Outcome:
    return labelled(refused if reply.refused else failed, reply.text), True
