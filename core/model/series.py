"""Lines over time, for charts. Prices in CNY per 张, money in CNY, ratios plain."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from core.model.bond import BondCode
from core.model.report import EquityPoint


@dataclass(frozen=True, slots=True)
class PricePoint:
    """The last price within the minute that begins at `at`."""

    at: datetime
    price: Decimal


@dataclass(frozen=True, slots=True)
class DayLine:
    """A bond's prices of one session, at most one point a minute, oldest first.

    There is no point for a minute in which no prices came: `gaps` are the indexes of the points that must not be joined
    to the one before. The line begins when rotor began to follow the bond that day, not always at the open. `loss` and
    `profit` are the levels of its stop, `cost` is what was paid for it on average; None where there is none.
    """

    code: BondCode
    name: str
    day: date
    points: tuple[PricePoint, ...] = ()
    gaps: tuple[int, ...] = ()
    prev_close: Decimal | None = None
    loss: Decimal | None = None
    profit: Decimal | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Spark:
    """A day line thinned to at most 16 entries, oldest first: its first, last, lowest and highest price are among them.

    None is a gap. It changes once in some minutes, so its last price is not the newest one.
    """

    code: BondCode
    prices: tuple[Decimal | None, ...]


@dataclass(frozen=True, slots=True)
class EquityDay:
    """The account's total within one day, at most one point a minute and one more at each payment.

    It begins with the last point before the day, or with the opening capital on the first one. `growth`, `paid` and
    `drawdown` count from that point. `gaps` are the indexes of the points that must not be joined to the one before:
    the account did not answer, or rotor did not run.
    """

    day: date
    points: tuple[EquityPoint, ...]
    gaps: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class EquityLine:
    """The account's total: `points` with one point a day from the opening capital on, `day` is today in detail."""

    points: tuple[EquityPoint, ...]
    day: EquityDay | None = None


@dataclass(frozen=True, slots=True)
class BenchmarkPoint:
    """The benchmark beside the equity's point of the same moment; `growth` is what 1 CNY of the first one has become.

    None is a day of which its value is not known.
    """

    at: datetime
    growth: float | None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What the market did meanwhile: one entry for each point of the report's equity, in the same order.

    `note` says what the figure is made of and what is missing of it.
    """

    name: str
    source: str
    points: tuple[BenchmarkPoint, ...]
    note: str = ""

    @property
    def change(self) -> float | None:
        """From the first point to the last one, a ratio; None where either is not known."""
        last = self.points[-1].growth if self.points else None
        return None if last is None else last - 1
