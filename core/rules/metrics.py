"""What a line of equity values is worth in figures: return, drawdown, Sharpe ratio.

An equity line is `(date, value)` in ascending dates, values in any one currency. Ratios are plain: 0.12 is 12 %. A
figure that the line cannot give is None, never 0: too few points, no days between them, a first value not above zero.
"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev
from typing import SupportsFloat

Equity = Sequence[tuple[date, SupportsFloat]]

DAYS_PER_YEAR = 365


def total_return(equity: Equity) -> float | None:
    """Last value over the first, less 1."""
    if len(equity) < 2 or not float(equity[0][1]) > 0:
        return None
    return float(equity[-1][1]) / float(equity[0][1]) - 1


def annualized_return(equity: Equity) -> float | None:
    """The yearly rate which, compounded over the calendar days of the line, gives its total return; years of 365 days.

    -1 where all is lost; None also where the rate is beyond any figure (a large gain over very few days).
    """
    total = total_return(equity)
    if total is None or _days(equity) <= 0:
        return None
    try:
        return max(1 + total, 0.0) ** (DAYS_PER_YEAR / _days(equity)) - 1
    except OverflowError:
        return None


def max_drawdown(equity: Equity) -> float | None:
    """The deepest fall from a former high, as a ratio of that high, 0 or above; 0 where the line never fell."""
    return max(drawdowns(equity), default=None)


def drawdowns(equity: Equity) -> tuple[float, ...]:
    """At each point, how far it is below the highest one until then, as a ratio of that, 0 or above."""
    falls: list[float] = []
    high = float("-inf")
    for _, value in equity:
        high = max(high, float(value))
        falls.append(1 - float(value) / high if high > 0 else 0.0)
    return tuple(falls)


def sharpe(equity: Equity) -> float | None:
    """Mean of the periods' returns over their sample standard deviation, annualised; the risk-free rate is 0.

    Annualised by the square root of the periods that really fit into a year of this line, so weekly and daily points
    may be mixed. None for fewer than two periods, and where the returns do not vary at all.
    """
    if len(equity) < 3 or _days(equity) <= 0:
        return None
    values = [float(value) for _, value in equity]
    if not all(value > 0 for value in values[:-1]):
        return None
    returns = [after / before - 1 for before, after in pairwise(values)]
    deviation = stdev(returns)
    if deviation == 0:
        return None
    return fmean(returns) / deviation * sqrt(len(returns) * DAYS_PER_YEAR / _days(equity))


def _days(equity: Equity) -> int:
    return (equity[-1][0] - equity[0][0]).days
