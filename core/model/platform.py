"""What the platform (因子猫, Factor Cat) offers: strategies, their backtest records, the day's list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from core.model.bond import BondCode
from core.model.figures import Units

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a longer list; `page` counts from 1."""

    items: tuple[T, ...]
    page: int
    limit: int
    total_count: int
    total_pages: int


@dataclass(frozen=True, slots=True)
class Strategy:
    id: int
    name: str
    description: str
    backtest_count: int | None
    created_at: str


@dataclass(frozen=True, slots=True)
class Record:
    """One backtest of a strategy. Returns, win rate and drawdown are ratios (0.12 is 12 %); None where not given.

    `units` tells what the platform wrote them in; `impossible` are figures that no backtest can have, as it wrote them,
    and `extra` further fields of the record, of no fixed shape.
    """

    id: int
    backtest_time: str
    strategy_return: float | None
    win_rate: float | None
    annualized_return: float | None
    max_drawdown: float | None
    sharpe_ratio: float | None
    units: Units | None = None
    impossible: Mapping[str, float] = field(default_factory=dict[str, float])
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class RecordDetail:
    """A record's parameters and whatever else the platform sends about it, of no fixed shape."""

    parameters: Mapping[str, Any]
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Selected:
    """One bond of the list; `price` is the platform's own, CNY per 张, None where not given."""

    code: BondCode
    name: str
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class Selection:
    """The day's list in rank order: whole, of one date, without duplicates."""

    strategy_id: int
    history_id: int
    trade_date: date
    bonds: tuple[Selected, ...]
    fetched_at: datetime

    @property
    def codes(self) -> tuple[BondCode, ...]:
        return tuple(bond.code for bond in self.bonds)
