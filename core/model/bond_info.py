"""What is known of a bond beside its price: its call (强赎), its last days, who may buy it, and who says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from core.i18n import mark
from core.model.bond import BondCode
from core.model.known import Maybe
from core.model.quote import Quote

T_co = TypeVar("T_co", covariant=True)


class RedemptionState(StrEnum):
    """How far the issuer's call (强赎, forced redemption) has come."""

    NONE = mark("not called")
    MET = mark("conditions met, undecided")
    DECLINED = mark("announced not to call")
    CALLED = mark("called")
    MATURING = mark("maturing")
    UNREADABLE = mark("unknown state")


@dataclass(frozen=True, slots=True)
class BondFacts:
    """What one source tells of a bond; None where it does not tell.

    `as_of` is when the source was asked; `counted` are the days on which the call's condition was met, of the days that
    it takes; prices in CNY per 张, `premium` a ratio, `balance` in CNY of face. `restricted` says why not everybody may
    buy it.
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
    conversion_price: Decimal | None = None
    premium: Decimal | None = None
    balance: Decimal | None = None
    share: str | None = None


@dataclass(frozen=True, slots=True)
class Sourced(Generic[T_co]):
    """A value with who told it."""

    value: T_co
    by: BondFacts


@dataclass(frozen=True, slots=True)
class BondInfo:
    """All that is known of a bond: the first of `facts` that tells something is believed.

    `missing` says why the table of redemptions cannot be relied on for it, None where it can.
    """

    code: BondCode
    facts: tuple[BondFacts, ...] = ()
    missing: str | None = None

    @property
    def name(self) -> str:
        return next((facts.name for facts in self.facts if facts.name), "")

    @property
    def call(self) -> Sourced[RedemptionState] | None:
        return next((Sourced(one.call, one) for one in self.facts if one.call is not None), None)

    @property
    def counted(self) -> Sourced[tuple[int, int]] | None:
        return next((Sourced(one.counted, one) for one in self.facts if one.counted is not None), None)

    @property
    def last_trade(self) -> Sourced[date] | None:
        return next((Sourced(one.last_trade, one) for one in self.facts if one.last_trade is not None), None)

    @property
    def maturity(self) -> Sourced[date] | None:
        return next((Sourced(one.maturity, one) for one in self.facts if one.maturity is not None), None)

    @property
    def listed(self) -> Sourced[date] | None:
        return next((Sourced(one.listed, one) for one in self.facts if one.listed is not None), None)

    @property
    def converts_from(self) -> Sourced[date] | None:
        return next((Sourced(one.converts_from, one) for one in self.facts if one.converts_from is not None), None)

    @property
    def redemption_price(self) -> Sourced[Decimal] | None:
        return next(
            (Sourced(one.redemption_price, one) for one in self.facts if one.redemption_price is not None), None
        )

    @property
    def restricted(self) -> Sourced[str] | None:
        """The empty text is a source's word that anybody may buy it."""
        return next((Sourced(one.restricted, one) for one in self.facts if one.restricted is not None), None)


BondInfos = Mapping[BondCode, BondInfo]


@dataclass(frozen=True, slots=True)
class SourcePrice:
    """What one source of prices says of the bond."""

    source: str
    in_use: bool
    quote: Maybe[Quote]


@dataclass(frozen=True, slots=True)
class BondDetail:
    """`why_not` says why the bond would not be bought now, empty where nothing forbids it; `danger`, what threatens who
    holds it."""

    code: BondCode
    name: str
    prices: tuple[SourcePrice, ...]
    bond_info: BondInfo
    why_not: str
    danger: str
