"""What a line chart shows: series over time, what they are measured in, and the levels to compare them with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from math import isfinite

from rich.text import Text

from tui.widgets.theme import Tone

Moment = date | datetime
Point = tuple[Moment, float | None]

MOST_SERIES = 4


class ChartUnit(StrEnum):
    """What the values of a panel are: ratios shown as per cent, CNY, CNY per 张, or plain figures."""

    PERCENT = "percent"
    MONEY = "money"
    PRICE = "price"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name in the language in use, and its points in the order of time; None is a gap in the line.

    Without a tone it takes the one of its place in the panel. By its place it also has its pattern: whole, dashed,
    dotted, dashed and dotted.
    """

    name: str
    points: tuple[Point, ...]
    tone: Tone | None = None

    @property
    def values(self) -> list[float]:
        return [value for _, value in self.points if value is not None and isfinite(value)]


@dataclass(frozen=True, slots=True)
class LevelLine:
    """A value that the lines are compared with, over the whole width; the label stands at its right end."""

    value: float
    label: str = ""
    tone: Tone = Tone.DIM


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over one scale: at most `MOST_SERIES` of them, further ones are not drawn.

    The baseline (opening capital, previous close, nought) is always within the scale. A level far outside of the values
    is shown at the edge, with a `^` or a `v`.
    """

    series: tuple[Series, ...]
    unit: ChartUnit
    baseline: LevelLine | None = None
    levels: tuple[LevelLine, ...] = ()

    @property
    def drawn(self) -> tuple[Series, ...]:
        return self.series[:MOST_SERIES]

    @property
    def has_points(self) -> bool:
        return any(series.points for series in self.series)


@dataclass(frozen=True, slots=True)
class ChartData:
    """A panel, and perhaps a second one below it over the same time, such as the drawdown.

    `heading` stands above the legend. `empty` is the sentence where there is no point at all.
    """

    main: Plot
    below: Plot | None = None
    heading: Text = field(default_factory=Text)
    empty: str = ""

    @property
    def panels(self) -> tuple[Plot, ...]:
        return (self.main,) if self.below is None else (self.main, self.below)


def line_of(name: str, moments: Sequence[Moment], values: Sequence[float | None], tone: Tone | None = None) -> Series:
    """A series of moments and as many values."""
    return Series(name, tuple(zip(moments, values, strict=True)), tone)


def drawdown_of(series: Series, name: str, tone: Tone | None = None) -> Series:
    """How far each value is below the highest until then: a ratio, nought or below it. The values are above nought."""
    highest, points = 0.0, list[Point]()
    for at, value in series.points:
        if value is not None and isfinite(value):
            highest = max(highest, value)
            value = value / highest - 1 if highest > 0 else None
        points.append((at, value))
    return Series(name, tuple(points), tone)
