"""What a bond trader looks at beside the price: premium, double-low, rating, remaining size, underlying share, call.

Two values, because they change at different times: `BondTerms` when a table is fetched, `BondFigures` with each price.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, TypeVar

from core.model.bond import BondCode
from core.model.redemption import RedemptionState

T_co = TypeVar("T_co", covariant=True)

_DAYS_OF_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Dated(Generic[T_co]):
    """A value, the source that has it, and when that was asked."""

    value: T_co
    source: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class SharePrice:
    """The price of an underlying share (正股), CNY per share; `change` against its previous close, a ratio, None where
    not known."""

    price: Decimal
    change: Decimal | None
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BondTerms:
    """What the tables say of a bond; None or empty where none says it.

    `share_code` has six digits; `conversion_price` CNY per share; `remaining_size` CNY of face value; `counted` on how
    many days the redemption condition was met, and how many it takes.
    """

    code: BondCode
    share_code: str = ""
    share_name: str = ""
    conversion_price: Dated[Decimal] | None = None
    rating: Dated[str] | None = None
    remaining_size: Dated[Decimal] | None = None
    call: Dated[RedemptionState] | None = None
    counted: Dated[tuple[int, int]] | None = None
    last_trade: Dated[date] | None = None
    maturity: Dated[date] | None = None

    @property
    def days_to_call(self) -> int | None:
        """Days on which the condition must still be met; None where not known, or where the issuer has declined."""
        declined = self.call is not None and self.call.value is RedemptionState.DECLINED
        if self.counted is None or declined:
            return None
        met, needed = self.counted.value
        return max(needed - met, 0)

    def years_left(self, today: date) -> Decimal | None:
        """Years of 365 days to maturity, with two decimals; None where it is not known."""
        if self.maturity is None:
            return None
        return round(Decimal((self.maturity.value - today).days) / _DAYS_OF_A_YEAR, 2)


@dataclass(frozen=True, slots=True)
class BondFigures:
    """What moves with the prices; None where not known.

    `price` CNY per 张 (100 face), `conversion_value` CNY per 100 face, `premium` over it a ratio, `double_low` the
    price plus the premium in percent. `premium_at` is the older one of the two prices' times, or that of the table
    whose premium it is; `premium_source` tells who says it, empty for the two prices. `live`: by two prices of the same
    minutes.
    """

    code: BondCode
    price: Decimal | None = None
    share: SharePrice | None = None
    conversion_value: Decimal | None = None
    premium: Decimal | None = None
    premium_at: datetime | None = None
    premium_source: str = ""
    live: bool = False
    double_low: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BondMetrics:
    """All of it for one bond."""

    terms: BondTerms
    figures: BondFigures
