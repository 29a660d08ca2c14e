"""What a trade costs."""

from decimal import ROUND_HALF_UP, Decimal

from core.model.bond import Exchange
from core.model.settings import Fees

_FEN = Decimal("0.01")


def fee(exchange: Exchange, amount: Decimal, fees: Fees) -> Decimal:
    """Commission for one order's traded `amount`, all in CNY: the exchange's rate, at least its minimum, in fen."""
    schedule = fees.sh if exchange is Exchange.SH else fees.sz
    return max(schedule.minimum, amount * schedule.rate).quantize(_FEN, ROUND_HALF_UP)
