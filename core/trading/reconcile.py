"""Reconciliation: compare journal and ledger with the broker before anything is traded."""

import logging
from collections.abc import Mapping
from datetime import date

from core.i18n import say
from core.model.bond import BondCode
from core.model.known import Unknown
from core.model.order import Order, OrderState, Side
from core.model.snapshot import BlockKind, BlockReason
from core.rules.plan_facts import disagreements
from core.trading.account import silence
from core.trading.order_manager import OrderManager

log = logging.getLogger(__name__)

_LONGEST_PROOF = 30.0
"""Longest wait, in seconds, for the absence of an order at the broker to prove that it never arrived."""


async def reconcile(order_manager: OrderManager) -> tuple[str, ...]:
    """Update our open orders from the broker, and set the trading status; returns what keeps trading off.

    The asset is asked first: an account that is out of reach may list no orders and no positions without an error.
    """
    status = order_manager.status
    begun = status.begin_reconciliation()
    status.end_reconciliation(begun, await _differences(order_manager))
    return status.texts


async def _differences(order_manager: OrderManager) -> tuple[BlockReason, ...]:
    silent = silence(await order_manager.broker.asset())
    if silent is not None:
        return _silent(say("the account does not answer: {reason}", reason=silent.reason))
    unanswered = (
        await order_manager.sync_with_broker() or await end_working(order_manager) or await _await_proof(order_manager)
    )
    if unanswered is not None:
        return _silent(say("the account's orders are not known: {unanswered}", unanswered=unanswered))
    positions = await order_manager.broker.positions()
    if isinstance(positions, Unknown):
        return _silent(say("the account's positions are unknown: {reason}", reason=positions.reason))
    held = {position.code: position.volume for position in positions.value}
    frozen = order_manager.frozen  # of these nothing is known; no order of theirs is sent, so the others may go on
    _end_past_buys(order_manager, held)
    unresolved = [
        _unresolved(order_manager, order, held)
        for order in order_manager.unclaimed_orders()
        if order.intent.code not in frozen
    ]
    settled = {
        code: owned
        for code, owned in order_manager.ledger.holdings().items()
        if code not in order_manager.claims and code not in frozen
    }
    rows = (*unresolved, *disagreements(settled, positions.value))
    return tuple(BlockReason(BlockKind.MISMATCH, row) for row in rows)


def _silent(text: str) -> tuple[BlockReason, ...]:
    return (BlockReason(BlockKind.ACCOUNT_SILENT, text),)


async def end_working(order_manager: OrderManager) -> str | None:
    """Cancel today's live orders that nobody has claimed, and wait for the proof.

    Returns why the broker did not answer, None when it did.
    """
    today = order_manager.clock.now().date()
    working = [
        order.intent.client_order_id
        for order in order_manager.unclaimed_orders()
        if order.live
        and order.intent.trading_day == today
        # Of a frozen bond the end may already be known, and its fills not: one request is enough.
        and not (order.state is OrderState.CANCELLING and order.intent.code in order_manager.frozen)
    ]
    if not working:
        return None
    await order_manager.cancel_and_wait(working)
    return await order_manager.sync_with_broker()


async def _await_proof(order_manager: OrderManager) -> str | None:
    """Wait until the broker's list proves which orders never arrived, where a short wait is enough."""
    waits = [
        order_manager.broker.absence_proven_in(order) for order in order_manager.journal.open() if order.unresolved
    ]
    longest = max((wait for wait in waits if wait is not None), default=0.0)
    if not 0 < longest <= _LONGEST_PROOF:
        return None
    log.warning("waiting %.0f s: then the broker's list shows whether the orders without an answer arrived", longest)
    await order_manager.clock.sleep(longest)
    return await order_manager.sync_with_broker()


def _end_past_buys(order_manager: OrderManager, held: Mapping[BondCode, int]) -> None:
    """A buy of a past day is over. Where the account holds no more of the bond than the ledger owns, all that was
    filled of it is booked; a sale gives no such proof, since the user's own bonds may have covered it."""
    today = order_manager.clock.now().date()
    for order in order_manager.journal.open():
        intent = order.intent
        if (
            intent.side is Side.BUY
            and intent.trading_day < today
            and intent.code not in order_manager.frozen
            and held.get(intent.code, 0) == order_manager.ledger.volume(intent.code)
        ):
            state = OrderState.LAPSED if order.live or order.filled_volume else OrderState.REFUSED
            text = say(
                "its day has ended, and the account holds no more than the ledger: {filled_volume} 张 filled",
                filled_volume=order.filled_volume,
            )
            order_manager.close_order(intent.client_order_id, state, text)


def _unresolved(order_manager: OrderManager, order: Order, held: Mapping[BondCode, int]) -> str:
    """What is known of an unresolved order, and what the user can do."""
    intent = order.intent
    owned, volume = order_manager.ledger.volume(intent.code), held.get(intent.code, 0)
    if_filled = owned + order.remaining * (1 if intent.side is Side.BUY else -1)
    fits = {owned: say(", which fits dead"), if_filled: say(", which fits filled")}.get(volume, "")
    return say(
        "order {client_order_id} ({order}) is {state}: the broker's list does not settle it. "
        "The account holds {volume} 张, the ledger owns {owned}{fits}; settle it on the Orders "
        "screen or with: rotor settle {client_order_id} filled|dead",
        client_order_id=intent.client_order_id,
        order=_described(order, order_manager.clock.now().date()),
        state=order.state,
        volume=volume,
        owned=owned,
        fits=fits,
    )


def _described(order: Order, today: date) -> str:
    intent = order.intent
    day = "" if intent.trading_day == today else say(", of {trading_day}", trading_day=intent.trading_day)
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
