"""Whether a bond can be traded now, and at which limit."""

from datetime import date
from decimal import Decimal

from core.language import say
from core.model.known import Known, Maybe, Unknown
from core.model.order import Side
from core.model.quote import Quote, TradingState
from core.model.settings import Orders
from core.rules.market import day_limits, to_tick


def why_not_tradable(side: Side, quote: Quote, today: date) -> str | None:
    """The reason why an order on this side would be wrong, None when there is none."""
    if quote.state is TradingState.HALTED:
        return say("suspended, last traded at {last} on {at:%Y-%m-%d}", last=quote.last, at=quote.at)
    if quote.at.date() != today:
        return say("no price of today: the newest is {last} of {at:%Y-%m-%d}", last=quote.last, at=quote.at)
    if quote.state is not TradingState.CONTINUOUS:
        return say("not in continuous trading: {state}", state=quote.state)
    if quote.volume <= 0:
        return say("no turnover today")
    if side is Side.BUY and quote.ask is None:
        return say("nobody sells (limit-up at {last}?)", last=quote.last)
    if side is Side.SELL and quote.bid is None:
        return say("nobody buys (limit-down at {last}?)", last=quote.last)
    return None


def order_price(side: Side, quote: Maybe[Quote], orders: Orders, today: date) -> Maybe[Decimal]:
    """The limit for an order now, CNY per 张, on the tick and inside the day's limits; else why there is none."""
    if isinstance(quote, Unknown):
        return quote
    market = quote.value
    reason = why_not_tradable(side, market, today)
    if reason is not None:
        return Unknown(reason)
    limits = day_limits(market)
    if limits is None:
        return Unknown(say("neither limits nor a previous close: the day's price limits are not known"))
    return Known(limits.clamp(to_tick(_wanted(side, market, orders), side)))


def _wanted(side: Side, quote: Quote, orders: Orders) -> Decimal:
    opposite = quote.ask if side is Side.BUY else quote.bid
    if orders.type == "limit" or opposite is None:
        return quote.last
    return opposite * (1 + orders.slippage if side is Side.BUY else 1 - orders.slippage)
