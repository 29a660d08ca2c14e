"""Returns of an account that money is paid into and out of: time-weighted, for a payment is neither gain nor loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from core.model.bond import BondCode
from core.model.report import CashFlow

LEAST_SEEN = Decimal("0.005")
"""Share of the account's total from which unexplained cash is a payment: below it are coupons, interest and fees, which
are a part of the return."""


@dataclass(frozen=True, slots=True)
class Bond:
    """What is known of one bond: 张 in the account, 张 of them that no fill of rotor explains, CNY per 张.

    `outside` is below zero where rotor sold what it had not bought: a bond that the user put under its management.
    """

    held: int
    outside: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class MoneyReading:
    """The account at a moment, CNY: `cash` with what is frozen, `holdings` the market value, `traded` what all fills of
    rotor have brought in until then, fees paid (below zero where more was bought than sold)."""

    cash: Decimal
    holdings: Decimal
    traded: Decimal
    bonds: Mapping[BondCode, Bond] = field(default_factory=dict[BondCode, Bond])

    @property
    def total(self) -> Decimal:
        return self.cash + self.holdings

    @property
    def unseen(self) -> Decimal:
        """The value of what is no convertible bond: rotor sees its sum only."""
        return self.holdings - sum((bond.held * bond.price for bond in self.bonds.values()), Decimal(0))


def paid_between(before: MoneyReading, after: MoneyReading) -> Decimal:
    """What was paid into the account between two readings, below zero where it was paid out; 0 for neither.

    It is the cash that neither fills of rotor nor bonds bought or sold outside rotor explain. Other securities may
    explain it too: then their value moved the other way by about as much.
    """
    unexplained = after.cash - before.cash - (after.traded - before.traded) + _bought_outside(before, after)
    if abs(unexplained) < LEAST_SEEN * max(before.total, after.total):
        return Decimal(0)
    others = after.unseen - before.unseen
    return unexplained if abs(others) <= abs(others + unexplained) else Decimal(0)


def alike(before: MoneyReading, after: MoneyReading) -> bool:
    """Whether nothing moved between two readings that could be one half of a payment or of a trade."""
    least = LEAST_SEEN * max(before.total, after.total)
    cash = after.cash - before.cash - (after.traded - before.traded)
    return max(abs(cash), abs(_bought_outside(before, after)), abs(after.unseen - before.unseen)) < least


def _bought_outside(before: MoneyReading, after: MoneyReading) -> Decimal:
    """What the bonds are worth that came into the account without a fill of rotor, less those that went."""
    value, none = Decimal(0), Bond(0, 0, Decimal(0))
    for code in {*before.bonds, *after.bonds}:
        old, new = before.bonds.get(code, none), after.bonds.get(code, none)
        value += (new.outside - old.outside) * (new.price or old.price)
    return value


def growth(line: Sequence[tuple[datetime, Decimal]], flows: Sequence[CashFlow]) -> tuple[float, ...]:
    """At each point of the account's total, what 1 CNY of its first point has become.

    The returns between the points, without what was paid in or out, are multiplied. A payment counts from the first
    point at or after it; one until the first point is a part of that.
    """
    grown: list[float] = []
    for number, (at, total) in enumerate(line):
        if not number:
            grown.append(1.0)
            continue
        since, before = line[number - 1]
        earned = total - sum_between(flows, since, at)
        grown.append(grown[-1] * max(float(earned / before), 0.0) if before > 0 else grown[-1])
    return tuple(grown)


def sum_between(flows: Sequence[CashFlow], after: datetime, until: datetime) -> Decimal:
    """What was paid in after one moment and until another, less what was paid out."""
    return sum((flow.amount for flow in flows if after < flow.at <= until), Decimal(0))
