"""The exchanges' arithmetic: ticks, lots and the day's price limits (trading rules of 2022-08-01, revised 2025-03)."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from core.model.account import Position
from core.model.order import Side
from core.model.quote import Quote

TICK = Decimal("0.001")
"""Smallest price step of a convertible bond, CNY per 张, on both exchanges."""

LOT = 10
"""A lot (手) in 张: buys come in multiples of it."""

LARGEST_FIGURE = Decimal(10**15)
"""No price, volume or amount of a bond comes near: a larger figure of a source is none."""

DAY_LIMIT = Decimal("0.2")
"""How far a price may move from the previous close in a day, from the second trading day on."""


DAY_SPAN = (1 + DAY_LIMIT) / (1 - DAY_LIMIT)
"""How far apart, as a factor, two prices of one day can be."""


@dataclass(frozen=True, slots=True)
class DayLimits:
    """The lowest and the highest price of the day, CNY per 张."""

    low: Decimal
    high: Decimal

    def clamp(self, price: Decimal) -> Decimal:
        return min(max(price, self.low), self.high)

    def holds(self, price: Decimal) -> bool:
        return self.low <= price <= self.high


_SPREAD = Decimal("1.5")
"""How far the day's mean price may be from the last one, as a factor, for the unit of a volume to be told."""


def volume_unit(told: int, amount: Decimal, last: Decimal) -> int | None:
    """张 per unit of a source's volume, 1 or 10, as the day's `amount` (CNY) confirms; None where it does not.

    Sources document 手, and the same ones were seen to count 张.
    """
    if told <= 0 or amount <= 0:
        return None
    mean = amount / (told * last)
    return next((unit for unit in (1, LOT) if unit / _SPREAD <= mean <= unit * _SPREAD), None)


def to_tick(price: Decimal, side: Side) -> Decimal:
    """`price` on the tick: down for a buy, up for a sell, so that it never costs more than asked for."""
    return price.quantize(TICK, ROUND_FLOOR if side is Side.BUY else ROUND_CEILING)


def impossible_fill(side: Side, price: Decimal, limit: Decimal) -> bool:
    """Whether no limit order at `limit` can have been filled at `price`: it is worse than the limit, or outside any
    day's span around it."""
    better, worse = (price, limit) if side is Side.BUY else (limit, price)
    return not limit / DAY_SPAN <= price <= limit * DAY_SPAN or better > worse


def on_tick(price: Decimal) -> bool:
    return price == price.quantize(TICK)


def day_limits(quote: Quote) -> DayLimits | None:
    """The source's limits; where it gives none, 20 % around the previous close; None without that too."""
    if quote.limit_down is not None and quote.limit_up is not None:
        return DayLimits(to_tick(quote.limit_down, Side.SELL), to_tick(quote.limit_up, Side.BUY))
    if quote.prev_close is None:
        return None
    return DayLimits(
        (quote.prev_close * (1 - DAY_LIMIT)).quantize(TICK, ROUND_HALF_UP),
        (quote.prev_close * (1 + DAY_LIMIT)).quantize(TICK, ROUND_HALF_UP),
    )


def sellable_lots(owned: int, position: Position) -> int:
    """How many 张 of `owned` one order may sell now, never below zero: of several shareholder accounts, the most that
    one of them can."""
    return max(_lots(owned, part) for part in position.parts or (position,))


def _lots(owned: int, part: Position) -> int:
    """Whole lots, or everything when the order clears the holding: a remainder below a lot can only be sold in one
    order for all of it."""
    volume = max(min(owned, part.sellable), 0)
    return volume if volume == part.volume else volume - volume % LOT
