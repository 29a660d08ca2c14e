"""What the platform (因子猫, Factor Cat) offers: strategies, their backtest records, the day's list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

from core.model.bond import BondCode
from core.model.figures import Units
from core.model.known import Maybe

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


class TradeTiming(StrEnum):
    """When the rebalance of a backtest trades: all of it at the close, or sells then and buys at the next open."""

    CLOSE = "close"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class RecordRule:
    """How a record's backtest traded. `uses_timing`: it may be out of the market (择时), so its list may be empty."""

    holding_sessions: Maybe[int]
    top_n: Maybe[int]
    trade_timing: Maybe[TradeTiming]
    uses_timing: Maybe[bool]


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
