"""What the platform (因子猫, Factor Cat) offers: strategies, their backtest records, the day's list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

from core.i18n import mark, say
from core.model.bond import BondCode
from core.model.figures import Units
from core.model.known import Maybe, Unknown

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


NOT_ASKED = Unknown(mark("the record's parameters were not asked for"))


class TradeTiming(StrEnum):
    """When the rebalance of a backtest trades: all of it at the close, or sells then and buys at the next open."""

    CLOSE = "close"
    OPEN = "open"

    @property
    def words(self) -> str:
        return mark("at the close") if self is TradeTiming.CLOSE else mark("at the next open")


def every_sessions(count: int) -> str:
    """A distance between rebalances, in words."""
    return say("every trading day") if count == 1 else say("every {count} trading days", count=count)


@dataclass(frozen=True, slots=True)
class RecordRule:
    """How a record's backtest traded. `uses_timing`: it may be out of the market (择时), so its list may be empty.

    `stop_loss` and `take_profit` are ratios (0.05 is 5 %) of the price paid; Known(None) where it uses none.
    """

    holding_sessions: Maybe[int]
    top_n: Maybe[int]
    trade_timing: Maybe[TradeTiming]
    uses_timing: Maybe[bool]
    stop_loss: Maybe[Decimal | None] = NOT_ASKED
    take_profit: Maybe[Decimal | None] = NOT_ASKED


@dataclass(frozen=True, slots=True)
class Record:
    """One backtest of a strategy. Returns, win rate and drawdown are ratios (0.12 is 12 %); None where not given.

    `units` tells what the platform wrote them in; `impossible` are figures that no backtest can have, as it wrote them,
    and `extra` further fields of the record, of no fixed shape. `rule` is None where the list says nothing of it.
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
    rule: RecordRule | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """One bond of the list. `price` is the platform's own, CNY per 张.

    The name is empty and the price None where the row has none; `extra` is what it says besides.
    """

    code: BondCode
    name: str
    price: Decimal | None
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that names no ordinary convertible bond: never bought, and never a reason to sell. `code` is six digits."""

    code: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The day's list in rank order: whole, of one date, without duplicates.

    `trade_date` is None where no row has a date, `undated` counts the rows without one. `timing` tells of an empty
    list whether its record may leave the market.
    """

    strategy_id: int
    history_id: int
    trade_date: date | None
    bonds: tuple[Selected, ...]
    fetched_at: datetime
    skipped: tuple[SkippedRow, ...] = ()
    undated: int = 0
    timing: Maybe[bool] = NOT_ASKED

    @property
    def codes(self) -> tuple[BondCode, ...]:
        return tuple(bond.code for bond in self.bonds)

    @property
    def rows(self) -> int:
        return len(self.bonds) + len(self.skipped)

    @property
    def dated(self) -> str:
        """Its date in words."""
        return say("without a date") if self.trade_date is None else say("dated {day}", day=self.trade_date)

    def skips(self, code: BondCode) -> SkippedRow | None:
        """The skipped row that stands for this bond."""
        return next((row for row in self.skipped if row.code == code[:6]), None)
