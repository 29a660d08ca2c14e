"""How much money each bond that joined the list gets, and how many 张 that buys."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from core.i18n import mark
from core.model.bond import Exchange
from core.model.settings import HIGHEST_FEE_MINIMUM, HIGHEST_FEE_RATE, Fees, Settings
from core.rules.ticks_and_lots import LOT

_FEN = Decimal("0.01")


def fee(exchange: Exchange, amount: Decimal, fees: Fees) -> Decimal:
    """Commission for one order's traded `amount`, all in CNY: the exchange's rate, at least its minimum, in fen."""
    schedule = fees.sh if exchange is Exchange.SH else fees.sz
    return max(schedule.minimum, amount * schedule.rate).quantize(_FEN, ROUND_HALF_UP)


def impossible_fee(charged: Decimal, amount: Decimal) -> bool:
    """Whether no broker can have charged this for a trade of `amount`, both in CNY."""
    return not charged.is_finite() or not 0 <= charged <= max(HIGHEST_FEE_MINIMUM, amount * HIGHEST_FEE_RATE)


@dataclass(frozen=True, slots=True)
class Share:
    """Money for one buy in CNY, its fee included; `cut` names what made it smaller than it should be."""

    money: Decimal
    cut: str = ""


def shares(count: int, spendable: Decimal, bought_today: Decimal, settings: Settings) -> tuple[Share, ...]:
    """The money for each of `count` bonds in list order.

    A share depends on nothing but the bond's rank: one that cannot be bought leaves its share in the account instead of
    enlarging the others', so a missing price never adds to an order. `bought_today` (CNY) counts against the day's cap.
    """
    if count == 0:
        return ()
    left = max(spendable, Decimal(0))
    allowance = max(settings.guards.max_daily_buys - bought_today, Decimal(0))
    wanted = settings.buy.amount if settings.buy.amount_type == "fixed" else left / count
    found: list[Share] = []
    for _ in range(count):
        bounds = {
            "": wanted,
            "guards.max_order_amount": settings.guards.max_order_amount,
            "guards.max_daily_buys": allowance,
            mark("the cash that is left"): left,
        }
        cut, money = min(bounds.items(), key=lambda bound: bound[1])
        left -= money
        allowance -= money
        found.append(Share(money, cut))
    return tuple(found)


def cost(volume: int, price: Decimal, exchange: Exchange, fees: Fees) -> Decimal:
    """What buying `volume` 张 at `price` takes from the account, CNY, fee included."""
    amount = price * volume
    return amount + fee(exchange, amount, fees)


def affordable(money: Decimal, price: Decimal, exchange: Exchange, fees: Fees) -> int:
    """The largest volume in 张, whole lots, that `money` (CNY) buys at `price` with its fee."""
    volume = int(money / (price * LOT)) * LOT
    while volume > 0 and cost(volume, price, exchange, fees) > money:
        volume -= LOT
    return max(volume, 0)
