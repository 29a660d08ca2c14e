"""Reconciliation: what the journal and the ledger say against what the broker says, before anything is traded."""

from core.model.known import Unknown
from core.rules.planner import disagreements
from core.trading.desk import CANCEL_PROOF, Desk


async def reconcile(desk: Desk) -> tuple[str, ...]:
    """Take over what the broker can prove of our open orders; answer with what keeps trading off, row by row.

    The asset is asked first: an account that is out of reach may list no orders and no positions without an error.
    """
    asset = await desk.broker.asset()
    if isinstance(asset, Unknown):
        return (f"the account does not answer: {asset.reason}",)
    faults = tuple(desk.faults)
    desk.faults.clear()  # what is still wrong comes up again
    unanswered: str | None = "the look at them was broken off"
    try:
        unanswered = await desk.look_up() or await end_working(desk)
    finally:
        if unanswered is not None:
            desk.faults[:] = dict.fromkeys((*faults, *desk.faults))
    if unanswered is not None:
        return (f"the account's orders are not known: {unanswered}", *desk.faults)
    positions = await desk.broker.positions()
    if isinstance(positions, Unknown):
        return (f"the account's positions are not known: {positions.reason}",)
    unresolved = tuple(
        f"order {order.intent.client_order_id} ({order.intent.side} {order.intent.code}) is {order.state}: "
        "the broker's list does not settle it"
        for order in desk.journal.open()
    )
    return (*desk.faults, *unresolved, *disagreements(desk.ledger.holdings(), positions.value))


async def end_working(desk: Desk) -> str | None:
    """Cancel what still works and see it proven; answers with the reason when the broker did not answer."""
    working = [order.intent.client_order_id for order in desk.journal.open() if order.live]
    if not working:
        return None
    for client_order_id in working:
        await desk.cancel(client_order_id)
    await desk.until_done(working, CANCEL_PROOF)
    return await desk.look_up()
