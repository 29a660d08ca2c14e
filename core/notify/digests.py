"""The texts of the check before the open and of the digest after the close."""

from collections.abc import Iterable
from decimal import Decimal

from core.i18n import listed, say
from core.model.known import Known
from core.model.order import STOP_ORIGINS, Order, OrderState, Side
from core.model.snapshot import Level, Snapshot

TURNED_DOWN = frozenset({OrderState.REJECTED, OrderState.REFUSED})


def opening_check(shown: Snapshot) -> str:
    """Whether everything is ready for the day, in a few lines."""
    ready = shown.ready and shown.platform_user is not None and not shown.needs and not shown.controls
    lines = [
        say("Ready for {day}.", day=shown.trading_day) if ready else say("NOT ready for {day}.", day=shown.trading_day)
    ]
    lines += [say("  trading is off: {why}", why=reason.text) for reason in shown.blockers]
    lines += [say("  control engaged: {control}", control=say(str(control))) for control in shown.controls]
    lines += [f"  {say(one.name)}: {one.text}" for one in shown.health if one.level in {Level.ERROR, Level.WARNING}]
    if shown.followed is not None:
        lines.append(
            say(
                "  follows {name}, record {record}", name=shown.followed.strategy_name, record=shown.followed.history_id
            )
        )
    else:
        lines.append(say("  follows no strategy: nothing is bought"))
    if shown.stops is not None and shown.stops.not_set:
        lines.append(say("  stops: not set"))
    elif shown.stops is not None:
        lines.append(say("  stops armed: {armed} of {managed}", armed=shown.stops.armed, managed=shown.stops.managed))
    lines += [f"  {say(job.name)}: {job.at:%m-%d %H:%M}" for job in shown.jobs]
    lines += [f"  {text}" for text in (*shown.dangers, *shown.notices)]
    return "\n".join(lines)


def closing_digest(shown: Snapshot) -> str:
    """The day in figures: money, orders, stops, open orders."""
    today = [order for order in shown.orders if order.intent.trading_day == shown.trading_day]
    lines = [say("The close of {day}.", day=shown.trading_day)]
    if isinstance(shown.asset, Known):
        change = "" if shown.day is None else f" ({shown.day.ratio:+.2%})"
        lines.append(say("  assets {total:,.2f} CNY{change}", total=shown.asset.value.total, change=change))
        if shown.day is not None and shown.day.paid:
            lines.append(say("  paid in or out {paid:+,.2f} CNY: no gain, no loss", paid=shown.day.paid))
        lines.append(say("  cash {cash:,.2f} CNY", cash=shown.asset.value.cash))
    for side, word in ((Side.BUY, say("bought")), (Side.SELL, say("sold"))):
        volume, amount = filled_of(order for order in today if order.intent.side is side)
        lines.append(say("  {word}: {volume} 张 for {amount:,.2f} CNY", word=word, volume=volume, amount=amount))
    fees = sum((order.fee for order in today), Decimal(0))
    refused = sum(order.state in TURNED_DOWN for order in today)
    lines.append(
        say(
            "  orders {count}, rejected {refused}, fees {fees:,.2f} CNY",
            count=len(today),
            refused=refused,
            fees=fees,
        )
    )
    stopped = sorted(
        {f"{order.intent.code} {order.intent.name}" for order in today if order.intent.origin in STOP_ORIGINS}
    )
    if stopped:
        lines.append(say("  stops fired: {stopped}", stopped=listed(stopped)))
    unresolved = [order.intent.client_order_id for order in shown.orders if order.unresolved]
    if unresolved:
        lines.append(say("  orders with an unknown outcome: {orders}", orders=listed(unresolved)))
    if isinstance(shown.positions, Known):
        lines.append(say("  holds {count} bonds", count=len(shown.positions.value)))
    lines += [say("  next: {name} {at:%m-%d %H:%M}", name=say(job.name), at=job.at) for job in shown.jobs[:1]]
    return "\n".join(lines)


def filled_of(orders: Iterable[Order]) -> tuple[int, Decimal]:
    """What was filled of these orders, 张 and CNY."""
    filled = [(order.filled_volume, order.filled_amount) for order in orders]
    return sum(volume for volume, _ in filled), sum((amount for _, amount in filled), Decimal(0))
