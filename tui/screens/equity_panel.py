"""The small equity chart on Home: today's line, or the days where today has none yet."""

from typing import cast

from core.i18n import mark, say
from core.model.command import Done, ReadEquity
from core.model.report import EquityPoint
from core.model.series import EquityLine
from tui import format as fmt
from tui.screens.pane import PaneHost
from tui.widgets.chart import LineChart
from tui.widgets.chart_data import ChartData, ChartUnit, LevelLine, Moment, Plot, line_of
from tui.widgets.panel import PanelBox
from tui.widgets.theme import change_tone

_TICKS = 10
"""Seconds after which the line is asked for again. It has one point a minute; in the sandbox a minute may be short."""


class EquityPanel(PanelBox):
    """Asks for the line when Home opens, and every few seconds while it is open."""

    def __init__(self) -> None:
        self._chart = LineChart(id="home-equity-chart")
        super().__init__(mark("Equity"), self._chart, id="home-equity")
        self._ticks = 0

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks % _TICKS == 0:
            self.load()

    def load(self) -> None:
        self.run_worker(self._load, name="equity", group="equity", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        reply = await cast(PaneHost, self.app).ask(ReadEquity())
        if isinstance(reply, Done):
            self._chart.show(equity_chart(reply.value))
        else:
            self._chart.show_problem(say("The equity could not be read: {reason}", reason=reply.text))


def equity_chart(line: EquityLine) -> ChartData:
    """Today minute by minute against where the day began; without two points of today, day by day."""
    day = line.day
    if day is not None and len(day.points) > 1:
        moments: list[Moment] = [point.at for point in day.points]
        return _chart(day.points, moments, set(day.gaps), say("start of the day"))
    return _chart(
        line.points, [fmt.in_shanghai(point.at).date() for point in line.points], set(), say("opening capital")
    )


def _chart(points: tuple[EquityPoint, ...], moments: list[Moment], gaps: set[int], base: str) -> ChartData:
    values: list[float | None] = []
    places: list[Moment] = []
    for number, point in enumerate(points):
        if number in gaps:
            places.append(moments[number])
            values.append(None)
        places.append(moments[number])
        values.append(float(point.value))
    first = points[0].value if points else None
    change = None if first is None else points[-1].value - first
    series = line_of(say("Equity"), places, values, change_tone(change))
    baseline = None if first is None else LevelLine(float(first), base)
    return ChartData(
        Plot((series,), ChartUnit.MONEY, baseline), empty=say("The chart appears in the first minute of the session.")
    )
