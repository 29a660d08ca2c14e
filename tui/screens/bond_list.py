"""A list of bonds with the day line of the one under the cursor below its rows, where they leave room for it."""

from collections.abc import Sequence
from typing import cast

from textual.timer import Timer
from textual.widget import Widget

from core.i18n import language
from core.model.bond import BondCode
from core.model.command import Done, ReadDayLine
from core.model.series import DayLine
from tui.screens.line_charts import day_chart
from tui.screens.pane import ListPane, PaneHost
from tui.screens.requests import PAUSE
from tui.widgets.chart import LineChart
from tui.widgets.chart_data import LevelLine
from tui.widgets.columns import Column

_TALL = 30
"""Lines of a terminal from which on there is a chart: below it the rows need them all."""

_LEAST = 10
"""Lines of the chart with its legend and its axis."""

_TICKS = 60
"""Seconds after which the line is asked for again: it has one point a minute."""


class DayLineChart(LineChart):
    """Asks for the line of a bond when the cursor rests on it, and once a minute while it is shown."""

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.display = False
        self._code: BondCode | None = None
        self._levels: Sequence[LevelLine] = ()
        self._line: DayLine | None = None
        self._drawn: tuple[object, ...] = ()
        self._timer: Timer | None = None
        self._ticks = 0

    def follow(self, code: BondCode, levels: Sequence[LevelLine]) -> None:
        """Show this bond, with these levels beside those of its stops."""
        self._levels = tuple(levels)
        if code != self._code:
            self._code = code
            if self._timer is not None:
                self._timer.stop()
            self._timer = self.set_timer(PAUSE, self.load)
        self._draw()

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks % _TICKS == 0:
            self.load()

    def load(self) -> None:
        if self._code is not None and self.display:
            self.run_worker(self._load(self._code), name="day line", group="line", exclusive=True, exit_on_error=False)

    async def _load(self, code: BondCode) -> None:
        reply = await cast(PaneHost, self.app).ask(ReadDayLine(code))
        if isinstance(reply, Done) and code == self._code:
            self._line = reply.value
            self._draw()

    def _draw(self) -> None:
        """The line of this bond, nothing until it has come: another bond's would be taken for it."""
        line = self._line if self._line is not None and self._line.code == self._code else None
        if (drawn := (line, self._levels, language())) != self._drawn:
            self._drawn = drawn
            self.show(None if line is None else day_chart(line, named=True, more=self._levels))


class BondListPane(ListPane):
    """Its rows are of bonds; the chart goes before the rows have to scroll."""

    def __init__(self, name: str, title: str, columns: Sequence[Column], filter_hint: str) -> None:
        self.day_line = DayLineChart(id=f"{name}-day-line")
        super().__init__(name, title, columns, filter_hint)

    def in_panel(self) -> tuple[Widget, ...]:
        return (*super().in_panel(), self.day_line)

    def chosen_bond(self) -> tuple[BondCode, Sequence[LevelLine]] | None:
        """The bond under the cursor, and prices of the row to be drawn as levels; None where there is none."""
        raise NotImplementedError

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self._fit_chart)

    def activated(self) -> None:
        super().activated()
        self.call_after_refresh(self._opened)

    def tick(self) -> None:
        super().tick()
        self.day_line.tick()

    def row_shown(self) -> None:
        self._fit_chart()
        self.call_after_refresh(self._fit_chart)  # what stands above the rows may have another height by then

    def _fit_chart(self) -> None:
        chosen = self.chosen_bond()
        lines = 0 if chosen is None else self._free_lines()
        self.day_line.display = lines >= _LEAST
        if chosen is not None and self.day_line.display:
            self.day_line.styles.height = lines
            self.day_line.follow(*chosen)

    def _opened(self) -> None:
        self._fit_chart()
        self.day_line.load()

    def _free_lines(self) -> int:
        """Lines below the head and the rows, one of them left blank."""
        if self.app.size.height < _TALL:
            return 0
        shown = self.day_line.size.height if self.day_line.display else 0
        return self.table.size.height + shown - len(self.table.rows) - 2
