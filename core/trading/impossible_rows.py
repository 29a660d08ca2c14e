"""Rows of the broker's that cannot be those of the order whose remark they carry."""

from core.i18n import say
from core.model.order import BrokerOrder, Fill, Intent, Order
from core.rules.sizing import impossible_fee
from core.rules.ticks_and_lots import impossible_fill


def why_impossible(fill: Fill, order: Order) -> str | None:
    """Why this fill cannot be the order's, as a sentence without its stop."""
    if fill.trading_day != order.intent.trading_day:
        return _of_another_day(fill, order.intent)
    if fill.volume > order.remaining:
        return say(
            "fills of {code} come to {total} 张, which cannot be true: {ordered} were ordered",
            code=fill.code,
            total=order.filled_volume + fill.volume,
            ordered=order.intent.volume,
        )
    if impossible_fill(fill.side, fill.price, order.intent.price):
        return say(
            "a fill of {code} at {price} cannot be true: its order's limit is {limit}",
            code=fill.code,
            price=fill.price,
            limit=order.intent.price,
        )
    if impossible_fee(fill.fee, fill.amount):
        return say(
            "a fee of {fee} CNY for a fill of {code} over {amount} CNY cannot be true",
            fee=fill.fee,
            code=fill.code,
            amount=fill.amount,
        )
    return None


def why_another_order(listed: BrokerOrder, intent: Intent) -> str | None:
    """Why this row cannot be the order's, as a sentence without its stop."""
    if listed.trading_day != intent.trading_day:
        return _of_another_day(listed, intent)
    if listed.volume == intent.volume:
        return None
    return say(
        "an order of {code} over {listed} 张 cannot be true: {ordered} were ordered",
        code=listed.code,
        listed=listed.volume,
        ordered=intent.volume,
    )


def _of_another_day(row: Fill | BrokerOrder, intent: Intent) -> str:
    return say(
        "order {number} of {code} is dated {day}, which cannot be true: it was sent on {sent}",
        number=row.order_id,
        code=row.code,
        day=row.trading_day,
        sent=intent.trading_day,
    )
