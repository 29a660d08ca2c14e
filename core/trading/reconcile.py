"""Reconciliation: what the journal and the ledger say against what the broker says, before anything is traded."""

from collections.abc import Mapping
from datetime import date

from core.i18n import say
from core.model.bond import BondCode
from core.model.known import Unknown
from core.model.order import Order, OrderState, Side
from core.rules.planner import disagreements
from core.trading.order_manager import CANCEL_PROOF, Desk

_LONGEST_PROOF = 30.0
"""Seconds that are spent waiting until an order's absence proves something."""


async def reconcile(desk: Desk) -> tuple[str, ...]:
    """Take over what the broker can prove of our open orders; answer with what keeps trading off, row by row.

    The asset is asked first: an account that is out of reach may list no orders and no positions without an error. A
    link that changes meanwhile makes all of it worthless.
    """
    link = desk.broker.link
    rows = await _differences(desk)
    if desk.broker.link.number != link.number or not desk.broker.link.up:
        return (say("the account does not answer: {text}", text=desk.broker.link.text),)
    desk.reconciled = link.number
    desk.uneven = rows[0] if rows else None
    return rows


async def _differences(desk: Desk) -> tuple[str, ...]:
    asset = await desk.broker.asset()
    if isinstance(asset, Unknown):
        return (say("the account does not answer: {reason}", reason=asset.reason),)
    faults = tuple(desk.faults)
    desk.faults.clear()  # what is still wrong comes up again
    unanswered: str | None = "the look at them was broken off"
    try:
        unanswered = await desk.look_up() or await end_working(desk) or await _await_proof(desk)
    finally:
        if unanswered is not None:
            desk.faults[:] = dict.fromkeys((*faults, *desk.faults))
    if unanswered is not None:
        return (say("the account's orders are not known: {unanswered}", unanswered=unanswered), *desk.faults)
    positions = await desk.broker.positions()
    if isinstance(positions, Unknown):
        return (say("the account's positions are not known: {reason}", reason=positions.reason),)
    held = {position.code: position.volume for position in positions.value}
    _end_past_buys(desk, held)
    unresolved = tuple(_unresolved(desk, order, held) for order in desk.unattended())
    settled = {code: owned for code, owned in desk.ledger.holdings().items() if code not in desk.claims}
    return (*desk.faults, *unresolved, *disagreements(settled, positions.value))


async def end_working(desk: Desk) -> str | None:
    """Cancel what still works and nobody sees through, and see it proven.

    Answers with the reason when the broker did not answer.
    """
    today = desk.clock.now().date()
    working = [
        order.intent.client_order_id for order in desk.unattended() if order.live and order.intent.trading_day == today
    ]
    if not working:
        return None
    for client_order_id in working:
        await desk.cancel(client_order_id)
    await desk.until_done(working, CANCEL_PROOF)
    return await desk.look_up()


async def _await_proof(desk: Desk) -> str | None:
    """Wait until the broker's list proves what never arrived, where a short wait is all that it takes."""
    waits = [desk.broker.absence_proves(order) for order in desk.journal.open() if order.unresolved]
    longest = max((wait for wait in waits if wait is not None), default=0.0)
    if not 0 < longest <= _LONGEST_PROOF:
        return None
    await desk.clock.sleep(longest)
    return await desk.look_up()


def _end_past_buys(desk: Desk, held: Mapping[BondCode, int]) -> None:
    """A buy of a past day is over. Where the account holds no more of the bond than the ledger owns, all that was
    filled of it is booked; a sale gives no such proof, since the user's own bonds may have covered it."""
    today = desk.clock.now().date()
    for order in desk.journal.open():
        intent = order.intent
        if intent.side is Side.BUY and intent.trading_day < today and held.get(intent.code, 0) == _owned(desk, order):
            state = OrderState.LAPSED if order.live or order.filled_volume else OrderState.REFUSED
            text = say(
                "its day has ended, and the account holds no more than the ledger: {filled_volume} 张 filled",
                filled_volume=order.filled_volume,
            )
            desk.conclude(intent.client_order_id, state, text)


def _unresolved(desk: Desk, order: Order, held: Mapping[BondCode, int]) -> str:
    """What is known of an order that nobody settles, with what the user can do."""
    intent, owned, volume = order.intent, _owned(desk, order), held.get(order.intent.code, 0)
    if_filled = owned + order.remaining * (1 if intent.side is Side.BUY else -1)
    fits = {owned: say(", which fits dead"), if_filled: say(", which fits filled")}.get(volume, "")
    return say(
        "order {client_order_id} ({order}) is {state}: the broker's list does not settle it. "
        "The account holds {volume} 张, the ledger owns {owned}{fits}; settle it on the Orders "
        "screen or with: rotor settle {client_order_id} filled|dead",
        client_order_id=intent.client_order_id,
        order=_described(order, desk.clock.now().date()),
        state=order.state,
        volume=volume,
        owned=owned,
        fits=fits,
    )


def _described(order: Order, today: date) -> str:
    intent = order.intent
    day = "" if intent.trading_day == today else f" of {intent.trading_day}"
    filled = say(", {filled_volume} filled", filled_volume=order.filled_volume) if order.filled_volume else ""
    return say(
        "{side} {code}, {volume} 张 at {price}{filled}{day}",
        side=intent.side,
        code=intent.code,
        volume=intent.volume,
        price=intent.price,
        filled=filled,
        day=day,
    )


def _owned(desk: Desk, order: Order) -> int:
    owned = desk.ledger.holdings().get(order.intent.code)
    return owned.volume if owned else 0
