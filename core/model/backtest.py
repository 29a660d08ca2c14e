"""What the platform's detail of a backtest record shows: its figures, its equity curve, what it held."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.model.figures import Figures, Units
from core.model.known import Maybe


@dataclass(frozen=True, slots=True)
class YearReturn:
    """The returns of one calendar year, ratios, from the last point before it (else the first in it) to its last."""

    year: int
    first: date
    last: date
    strategy: float
    benchmark: float | None


@dataclass(frozen=True, slots=True)
class Performance:
    """An equity curve, thinned for drawing; everything else is of all its points.

    At each of `days`: `growth` is what 1 CNY of the first day has become, `falls` the drawdown as a ratio, 0 or above,
    and `benchmark` the growth of the benchmark, None where it has no value. `notes` say what could not be read.
    """

    days: tuple[date, ...]
    growth: tuple[float, ...]
    falls: tuple[float, ...]
    benchmark: Maybe[tuple[float | None, ...]]
    total: float
    benchmark_total: float | None
    annualized: float | None
    max_drawdown: float
    years: tuple[YearReturn, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a backtest held: how many bonds, over `days` days, and which on the last of them."""

    days: int
    fewest: int
    most: int
    average: float
    last_day: date
    last: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordDetail:
    """A record's detail. `figures` are ratios; `units`, `impossible` as of a `Record`; `others` are further fields."""

    figures: Figures
    units: Units
    impossible: Mapping[str, float]
    performance: Maybe[Performance]
    holdings: Maybe[Holdings]
    others: Mapping[str, Any]
