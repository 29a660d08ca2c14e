"""The charts of what the engine knows as lines: the account's equity, and a bond's prices of the day."""

from collections.abc import Collection, Sequence
from decimal import Decimal

from rich.text import Text

from core.i18n import say
from core.model.order import Side
from core.model.report import EquityPoint, Report
from core.model.series import Benchmark, DayLine, EquityDay
from tui import format as fmt
from tui.widgets.chart_data import ChartData, ChartUnit, LevelLine, Moment, Plot, Point, Series, line_of
from tui.widgets.theme import SIDE_TONES, Tone, change_tone, styled


def with_gaps(points: Sequence[Point], gaps: Collection[int]) -> tuple[Point, ...]:
    """The points, with a missing value before each one that must not be joined to the one before it."""
    found: list[Point] = []
    for number, point in enumerate(points):
        if number in gaps:
            found.append((point[0], None))
        found.append(point)
    return tuple(found)


def report_chart(
    report: Report, heading: Text, benchmark: Benchmark | None = None, today: EquityDay | None = None
) -> ChartData | None:
    """The equity over its drawdown, beside the benchmark where it is known; None without a point.

    In CNY; where money was paid in or out within the span in per cent, as only those can be compared. While there are
    no two days yet, it is `today`, minute by minute.
    """
    points, gaps, by_minute = report.equity, (), report.first == report.last
    if not of_days(report) and not by_minute and today is not None and len(today.points) > 1:
        points, gaps, by_minute = today.points, today.gaps, True
    if not points:
        return None
    moments: list[Moment] = [point.at if by_minute else _day(point) for point in points]
    paid = any(point.paid for point in points[1:])
    opening, begun = float(points[0].value), points[0].growth or 1.0
    # One unit of growth in what is drawn: the account's total of the first point, or nothing but the ratio.
    values = [point.growth / begun - 1 if paid else float(point.value) for point in points]
    tone = change_tone(values[-1] - (0.0 if paid else opening))
    series = [Series(say("Equity"), with_gaps(tuple(zip(moments, values, strict=True)), gaps), tone)]
    if benchmark is not None and points is report.equity:
        series.append(_benchmark_line(benchmark, points, moments, None if paid else opening))
    start = say("opening capital") if report.first is None else say("start")
    falls = line_of(say("Drawdown"), moments, [-point.drawdown or 0.0 for point in points], Tone.DIM)
    return ChartData(
        Plot(tuple(series), ChartUnit.PERCENT if paid else ChartUnit.MONEY, LevelLine(0.0 if paid else opening, start)),
        Plot((falls,), ChartUnit.PERCENT),
        heading,
    )


def of_days(report: Report) -> bool:
    """Whether the report's equity has points of several days, of which each is one."""
    return report.first != report.last and len({_day(point) for point in report.equity}) > 1


def _day(point: EquityPoint) -> Moment:
    return fmt.in_shanghai(point.at).date()


def _benchmark_line(
    benchmark: Benchmark, points: Sequence[EquityPoint], moments: Sequence[Moment], opening: float | None
) -> Series:
    """What the opening capital would have become in the benchmark, or its return where `opening` is None."""
    growth = {point.at: point.growth for point in benchmark.points}
    found = [growth.get(point.at) for point in points]
    values = [None if value is None else value - 1 if opening is None else value * opening for value in found]
    return line_of(benchmark.name, moments, values)


def day_chart(line: DayLine, *, named: bool = False, more: Sequence[LevelLine] = ()) -> ChartData:
    """A bond's prices of the session between the levels of its stop, and `more`, against its previous close; `named`
    where nothing around the chart says which bond it is."""
    points: tuple[Point, ...] = tuple((point.at, float(point.price)) for point in line.points)
    last, close = (line.points[-1].price if line.points else None), line.prev_close
    change = None if last is None or not close else last / close - 1
    levels = [
        LevelLine(float(price), f"{say(name)} {fmt.price(price)}", tone)
        for name, price, tone in (
            ("TP", line.profit, Tone.TEXT),
            ("SL", line.loss, Tone.TEXT),
            ("cost", line.cost, Tone.DIM),
        )
        if price is not None
    ]
    heading = styled(
        *(((f"{line.code} {line.name}  ", Tone.STRONG),) if named else ()),
        (say("Intraday"), Tone.TITLE),
        (f"  {line.day:%Y-%m-%d}", Tone.DIM),
        *(() if change is None else ((f"  {fmt.ratio(change)}", change_tone(change)),)),
    )
    series = Series(say("Price"), with_gaps(points, line.gaps), Tone.TEXT if change is None else change_tone(change))
    baseline = None if close is None else LevelLine(float(close), say("prev. close"))
    empty = say("No price of today yet: the line begins when rotor begins to follow the bond.")
    return ChartData(Plot((series,), ChartUnit.PRICE, baseline, (*levels, *more)), heading=heading, empty=empty)


def limit_line(price: Decimal, side: Side) -> LevelLine:
    """The limit of an order as a level of its bond's chart."""
    text = f"{say('limit', context='price of an order')} {fmt.price(price)}"
    return LevelLine(float(price), text, SIDE_TONES[side])
