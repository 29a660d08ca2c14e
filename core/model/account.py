"""What an account holds, and which part of it the strategy owns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.model.bond import BondCode

_COST = Decimal("0.0001")


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
    """A holding of the account: `volume` and `sellable` in 张, `cost` in CNY per 张 (0 where unknown).

    `parts` are its rows where several shareholder accounts (股东账户) hold the bond: one order sells from one of them.
    """

    code: BondCode
    volume: int
    sellable: int
    cost: Decimal = Decimal(0)
    parts: "tuple[Position, ...]" = ()


def summed(rows: Iterable[Position]) -> tuple[Position, ...]:
    """One position per bond, at the mean cost; unknown where one of its rows has none."""
    by_code: dict[BondCode, list[Position]] = {}
    for row in rows:
        by_code.setdefault(row.code, []).append(row)
    return tuple(_sum(parts) if len(parts) > 1 else parts[0] for parts in by_code.values())


def _sum(parts: Sequence[Position]) -> Position:
    volume = sum(part.volume for part in parts)
    paid = sum((part.cost * part.volume for part in parts), Decimal(0)) if all(part.cost for part in parts) else 0
    sellable = sum(part.sellable for part in parts)
    return Position(parts[0].code, volume, sellable, (paid / Decimal(volume)).quantize(_COST), tuple(parts))


@dataclass(frozen=True, slots=True)
class Owned:
    """What the strategy owns of one bond, moved by fills alone: `volume` in 张, `cost` in CNY per 张, fees included."""

    code: BondCode
    volume: int
    cost: Decimal


Holdings = Mapping[BondCode, Owned]
