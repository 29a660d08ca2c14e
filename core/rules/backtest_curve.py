"""The equity curve of a backtest beside its benchmark: growth, drawdown and the return of each calendar year."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from itertools import groupby

from core.i18n import say
from core.model.backtest import Performance, YearReturn
from core.model.known import Known, Maybe, Unknown
from core.rules.performance import annualized_return, drawdowns, total_return

Curve = Sequence[tuple[date, float]]
"""At least two points of ascending days, above zero."""

MOST_POINTS = 500
"""Points that are kept for drawing, besides the highest and lowest."""

_WIDEST = 1e9
"""The highest value over the lowest: beyond it no curve is an equity curve."""


def performance(equity: Curve, benchmark: Maybe[Curve], notes: Sequence[str] = ()) -> Maybe[Performance]:
    """`Unknown` for a curve that grows beyond any figure."""
    total, start = total_return(equity), equity[0][1]
    if total is None or _too_wide([value for _, value in equity]):
        return Unknown(say("its values differ too much to be drawn"))
    growth = [value / start for _, value in equity]
    falls, compared = drawdowns(equity), _beside(equity, growth, benchmark)
    measured = compared.value if isinstance(compared, Known) else [None] * len(equity)
    known = [value for value in measured if value is not None]
    kept = _thinned(growth, falls)
    return Known(
        Performance(
            tuple(equity[index][0] for index in kept),
            tuple(growth[index] for index in kept),
            tuple(falls[index] for index in kept),
            Known(tuple(measured[index] for index in kept)) if isinstance(compared, Known) else compared,
            total,
            known[-1] / known[0] - 1 if known else None,
            annualized_return(equity),
            max(falls),
            tuple(_years([day for day, _ in equity], growth, measured)),
            tuple(notes),
        )
    )


def _beside(equity: Curve, growth: Sequence[float], benchmark: Maybe[Curve]) -> Maybe[list[float | None]]:
    """The benchmark's growth on the days of the equity; on its first one both have grown alike.

    On a day without a value of its own it has the last one; before its first day and after its last it has none.
    """
    if isinstance(benchmark, Unknown):
        return benchmark
    days, values = [day for day, _ in benchmark.value], [value for _, value in benchmark.value]
    places = [bisect_right(days, day) - 1 if days[0] <= day <= days[-1] else -1 for day, _ in equity]
    common = [index for index, place in enumerate(places) if place >= 0]
    if len(common) < 2:
        return Unknown(say("it has no days in common with the equity curve"))
    if _too_wide(values):
        return Unknown(say("its values differ too much to be drawn"))
    base = values[places[common[0]]] / growth[common[0]]
    return Known([values[place] / base if place >= 0 else None for place in places])


def _too_wide(values: Sequence[float]) -> bool:
    return not max(values) < _WIDEST * min(values)


def _years(days: Sequence[date], growth: Sequence[float], benchmark: Sequence[float | None]) -> list[YearReturn]:
    years: list[YearReturn] = []
    before = 0
    for year, places in groupby(range(len(days)), key=lambda place: days[place].year):
        *_, last = places
        if last > before:  # a lone first day has no return
            own = growth[last] / growth[before] - 1
            base, end = benchmark[before], benchmark[last]
            other = None if base is None or end is None else end / base - 1
            years.append(YearReturn(year, days[before], days[last], own, other))
        before = last
    return years


def _thinned(growth: Sequence[float], falls: Sequence[float]) -> list[int]:
    """Evenly spread places, with the first, the last and the extremes among them."""
    count = len(growth)
    if count <= MOST_POINTS:
        return list(range(count))
    extremes = {growth.index(min(growth)), growth.index(max(growth)), falls.index(max(falls))}
    return sorted({place * (count - 1) // (MOST_POINTS - 1) for place in range(MOST_POINTS)} | extremes)
