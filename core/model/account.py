"""What an account holds, and which part of it the strategy owns."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from core.model.bond import BondCode


@dataclass(frozen=True, slots=True)
class Asset:
    """An account's money in CNY: `cash` may be spent now, `frozen` is reserved for open buys."""

    cash: Decimal
    frozen: Decimal
    market_value: Decimal

    @property
    def total(self) -> Decimal:
        return self.cash + self.frozen + self.market_value


@dataclass(frozen=True, slots=True)
class Position:
    """A holding as the broker lists it: `volume` and `sellable` in 张, `cost` in CNY per 张 (0 where unknown)."""

    code: BondCode
    volume: int
    sellable: int
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Owned:
    """What the strategy owns of one bond, moved by fills alone: `volume` in 张, `cost` in CNY per 张, fees included."""

    code: BondCode
    volume: int
    cost: Decimal


Holdings = Mapping[BondCode, Owned]
