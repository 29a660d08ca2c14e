"""Whether a bond can be traded now, and at which limit."""

from datetime import date, datetime
from decimal import Decimal

from core.i18n import say
from core.model.known import Known, Maybe, Unknown
from core.model.order import Side
from core.model.quote import Quote, TradingState
from core.model.settings import GuardSettings, OrderSettings, Settings
from core.rules.sessions import trading_seconds
from core.rules.ticks_and_lots import day_limits, to_tick


def suspended(quote: Quote) -> bool:
    """Whether the bond does not trade: by its state, or where that says nothing, by its silence on every side."""
    if quote.state is TradingState.UNKNOWN:
        return quote.volume == 0 and quote.bid is None and quote.ask is None
    return quote.state is TradingState.HALTED


def why_not_tradable(side: Side, quote: Quote, today: date) -> str | None:
    """The reason why an order on this side would be wrong, None when there is none."""
    if suspended(quote):
        return say(
            "suspended, last traded at {last} on {at:%Y-%m-%d} ({source})",
            last=quote.last,
            at=quote.at,
            source=quote.source,
        )
    if quote.at.date() != today:
        return say("no price of today: the newest is {last} of {at:%Y-%m-%d}", last=quote.last, at=quote.at)
    if quote.state is not TradingState.CONTINUOUS:
        return say("not in continuous trading: {state}", state=quote.state)
    if quote.volume <= 0:
        return say("no turnover today")
    if side is Side.BUY and quote.ask is None:
        return say("no sellers (limit-up at {last}?)", last=quote.last)
    if side is Side.SELL and quote.bid is None:
        return say("no buyers (limit-down at {last}?)", last=quote.last)
    return None


def order_price(side: Side, quote: Maybe[Quote], orders: OrderSettings, today: date) -> Maybe[Decimal]:
    """The limit for an order now, CNY per 张, on the tick and inside the day's limits; else why there is none."""
    if isinstance(quote, Unknown):
        return quote
    market = quote.value
    reason = why_not_tradable(side, market, today)
    if reason is not None:
        return Unknown(reason)
    limits = day_limits(market)
    if limits is None:
        return Unknown(say("the day's price limits are unknown: no limits and no previous close"))
    return Known(limits.clamp(to_tick(_wanted(side, market, orders), side)))


def plan_price(side: Side, quote: Maybe[Quote], settings: Settings, now: datetime) -> Maybe[Decimal]:
    """`order_price` for an order that can wait: not on an old price, not far from the best quote or across a gap.

    A stop does not ask this: what it sells through is the only market there is.
    """
    price = order_price(side, quote, settings.orders, now.date())
    if isinstance(price, Unknown) or isinstance(quote, Unknown):
        return price
    reason = _why_old(quote.value, now, settings.guards) or _why_far(side, price.value, quote.value, settings.guards)
    return Unknown(reason) if reason is not None else price


def lacks_price(quote: Maybe[Quote], now: datetime, guards: GuardSettings) -> bool:
    """Whether it is missing or old data, and not the market, that would keep a bond from being traded.

    A bond without a trade in the session counts: they are too rare to be told from a source without figures.
    """
    if isinstance(quote, Unknown) or quote.value.at.date() != now.date():
        return True
    market = quote.value
    if suspended(market):
        return False
    unclear = market.state is TradingState.UNKNOWN or market.volume <= 0 or day_limits(market) is None
    return unclear or _why_old(market, now, guards) is not None


def _why_old(quote: Quote, now: datetime, guards: GuardSettings) -> str | None:
    age = trading_seconds(quote.at.astimezone(now.tzinfo).time(), now.time())
    if age <= guards.max_quote_age:
        return None
    return say(
        "its price is silent: the newest is {last} of {at:%H:%M:%S}, {age:.0f} s of trading ago "
        "(guards.max_quote_age = {most}; {source})",
        last=quote.last,
        at=quote.at,
        age=age,
        most=guards.max_quote_age,
        source=quote.source,
    )


def _why_far(side: Side, price: Decimal, quote: Quote, guards: GuardSettings) -> str | None:
    """Whether the order goes far through the best opposite quote, or that quote stands far from the last price."""
    best = quote.ask if side is Side.BUY else quote.bid
    if best is None:
        return None
    sign = 1 if side is Side.BUY else -1
    steps = ((say("the order's price"), price, best), (say("the best quote"), best, quote.last))
    for what, one, other in steps:
        distance = sign * (one / other - 1)
        if distance > guards.max_price_distance and sign * (one - quote.last) > 0:
            return say(
                "{what} {one} is {distance:.1%} beyond {other} (guards.max_price_distance = {most}; {source})",
                what=what,
                one=one,
                distance=distance,
                other=other,
                most=guards.max_price_distance,
                source=quote.source,
            )
    return None


def _wanted(side: Side, quote: Quote, orders: OrderSettings) -> Decimal:
    opposite = quote.ask if side is Side.BUY else quote.bid
    if orders.type == "limit" or opposite is None:
        return quote.last
    return opposite * (1 + orders.slippage if side is Side.BUY else 1 - orders.slippage)
