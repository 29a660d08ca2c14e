"""What is known of a bond beside its price: redemption (强赎), last trading day, who may buy it, and the sources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, TypeVar

from core.model.bond import BondCode
from core.model.bond_metrics import BondMetrics
from core.model.known import Maybe
from core.model.quote import Quote
from core.model.redemption import RedemptionState

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class BondFacts:
    """What one source knows of a bond; None where it does not say.

    `as_of` is when the source was asked; `counted` is on how many days the redemption condition was met, and how
    many it takes; prices in CNY per 张, `premium` a ratio, `balance` the remaining size in CNY of face value.
    `restricted` says why not everybody may buy it; `unreadable` what of the source's answer cannot be read, and so is
    unknown. `share_code` is of six digits, `share_price` in CNY and `share_change` a ratio, as of the source.
    """

    code: BondCode
    source: str
    as_of: datetime
    name: str = ""
    call: RedemptionState | None = None
    counted: tuple[int, int] | None = None
    last_trade: date | None = None
    maturity: date | None = None
    listed: date | None = None
    converts_from: date | None = None
    redemption_price: Decimal | None = None
    restricted: str | None = None
    unreadable: str = ""
    conversion_price: Decimal | None = None
    premium: Decimal | None = None
    balance: Decimal | None = None
    share: str | None = None
    share_code: str | None = None
    share_price: Decimal | None = None
    share_change: Decimal | None = None
    rating: str | None = None


@dataclass(frozen=True, slots=True)
class Sourced(Generic[T_co]):
    """A value with its source."""

    value: T_co
    by: BondFacts


@dataclass(frozen=True, slots=True)
class BondInfo:
    """All that is known of a bond; each value is that of the first of `facts` that has one.

    `missing` says why the redemption table cannot be used for this bond; None where it can.
    """

    code: BondCode
    facts: tuple[BondFacts, ...] = ()
    missing: str | None = None

    @property
    def name(self) -> str:
        return next((facts.name for facts in self.facts if facts.name), "")

    @property
    def call(self) -> Sourced[RedemptionState] | None:
        return self._first(lambda facts: facts.call)

    @property
    def counted(self) -> Sourced[tuple[int, int]] | None:
        return self._first(lambda facts: facts.counted)

    @property
    def last_trade(self) -> Sourced[date] | None:
        return self._first(lambda facts: facts.last_trade)

    @property
    def maturity(self) -> Sourced[date] | None:
        return self._first(lambda facts: facts.maturity)

    @property
    def listed(self) -> Sourced[date] | None:
        return self._first(lambda facts: facts.listed)

    @property
    def converts_from(self) -> Sourced[date] | None:
        return self._first(lambda facts: facts.converts_from)

    @property
    def redemption_price(self) -> Sourced[Decimal] | None:
        return self._first(lambda facts: facts.redemption_price)

    @property
    def restricted(self) -> Sourced[str] | None:
        """An empty text means that a source says anybody may buy it."""
        return self._first(lambda facts: facts.restricted)

    @property
    def balance(self) -> Sourced[Decimal] | None:
        return self._first(lambda facts: facts.balance)

    def newest(self, value_of: Callable[[BondFacts], T | None]) -> Sourced[T] | None:
        """The value of the source that was asked last."""
        newest_first = sorted(self.facts, key=_asked_at, reverse=True) if len(self.facts) > 1 else self.facts
        found = ((value_of(facts), facts) for facts in newest_first)
        return next((Sourced(value, facts) for value, facts in found if value is not None), None)

    def _first(self, value_of: Callable[[BondFacts], T | None]) -> Sourced[T] | None:
        found = ((value_of(facts), facts) for facts in self.facts)
        return next((Sourced(value, facts) for value, facts in found if value is not None), None)


def _asked_at(facts: BondFacts) -> datetime:
    return facts.as_of


BondInfos = Mapping[BondCode, BondInfo]


@dataclass(frozen=True, slots=True)
class SourcePrice:
    """The bond's quote from one source."""

    source: str
    in_use: bool
    quote: Maybe[Quote]


@dataclass(frozen=True, slots=True)
class BondDetail:
    """`why_not` says why the bond would not be bought now, empty where it could be; `danger` is what threatens a
    holder; `metrics` what a trader looks at, by the price of the source in use."""

    code: BondCode
    name: str
    prices: tuple[SourcePrice, ...]
    bond_info: BondInfo
    why_not: str
    danger: str
    metrics: BondMetrics | None = None
