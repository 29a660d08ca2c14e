"""Slots and cash that stops freed today and no refill has used yet."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from core.model.account import Holdings
from core.model.order import STOP_ORIGINS, Order, Origin, Side


@dataclass(frozen=True, slots=True)
class Freed:
    """`slots`: bonds that stops sold whole; `money`: what those sales brought, CNY, less what refills have cost."""

    slots: int
    money: Decimal


NOTHING = Freed(0, Decimal(0))


def freed(orders: Iterable[Order], owned: Holdings) -> Freed:
    """From the day's orders and what is owned now. A bond of which something is left has freed no slot."""
    orders = tuple(orders)
    sold = [o for o in orders if o.intent.origin in STOP_ORIGINS and o.filled_volume and o.intent.code not in owned]
    bought = [o for o in orders if o.intent.origin is Origin.REFILL and o.intent.side is Side.BUY]
    taken = [o for o in bought if o.filled_volume or not o.done]
    money = sum((o.filled_amount - o.fee for o in sold), Decimal(0))
    spent = sum((o.filled_amount + o.fee + (0 if o.done else o.remaining * o.intent.price) for o in taken), Decimal(0))
    slots = len({o.intent.code for o in sold}) - len({o.intent.code for o in taken})
    return Freed(max(slots, 0), max(money - spent, Decimal(0)))
