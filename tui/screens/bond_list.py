"""A list of bonds with the day line of the one under the cursor below its rows, where they leave room for it."""

from collections.abc import Sequence
from functools import partial
from typing import cast

from textual import on
from textual.timer import Timer

from core.i18n import language, say
from core.model.bond import BondCode
from core.model.command import Done, ReadDayLine
from core.model.series import DayLine
from tui.screens.charted_list import ChartedListPane
from tui.screens.line_charts import day_chart
from tui.screens.pane import PaneHost
from tui.screens.requests import PAUSE
from tui.widgets.chart import LineChart
from tui.widgets.chart_data import LevelLine
from tui.widgets.columns import Column
from tui.widgets.panel import TextPanel

_TICKS = 10
"""Seconds after which the line is asked for again. It has one point a minute; in the sandbox a minute may be short."""


class DayLineChart(LineChart):
    """Asks for the line of a bond when the cursor rests on it, and every few seconds while it is shown."""

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.display = False
        self._code: BondCode | None = None
        self._levels: Sequence[LevelLine] = ()
        self._line: DayLine | None = None
        self._answered: BondCode | None = None
        self._drawn: tuple[object, ...] = ()
        self._timer: Timer | None = None
        self._ticks = 0

    @property
    def at_rest(self) -> bool:
        """Whether the line that is wanted has come or failed."""
        return not self.display or self._answered == self._code

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
            self.run_worker(
                partial(self._load, self._code), name="day line", group="line", exclusive=True, exit_on_error=False
            )

    async def _load(self, code: BondCode) -> None:
        reply = await cast(PaneHost, self.app).ask(ReadDayLine(code))
        if code != self._code:
            return
        self._answered = code
        if isinstance(reply, Done):
            self._line = reply.value
            self._draw()
        else:
            self.show_problem(say("The prices could not be read: {reason}", reason=reply.text))

    def _draw(self) -> None:
        """The line of this bond, nothing until it has come: another bond's would be taken for it."""
        line = self._line if self._line is not None and self._line.code == self._code else None
        if (drawn := (line, self._levels, language())) != self._drawn:
            self._drawn = drawn
            self.show(None if line is None else day_chart(line, named=True, more=self._levels))


class BondListPane(ChartedListPane):
    """Its rows are of bonds."""

    def __init__(self, name: str, title: str, columns: Sequence[Column], filter_hint: str) -> None:
        self.day_line = DayLineChart(id=f"{name}-day-line")
        super().__init__(name, title, columns, filter_hint, self.day_line)

    def chosen_bond(self) -> tuple[BondCode, Sequence[LevelLine]] | None:
        """The bond under the cursor, and prices of the row to be drawn as levels; None where there is none."""
        raise NotImplementedError

    def chart_lines(self, free: int) -> int:
        return 0 if self.chosen_bond() is None else free

    def activated(self) -> None:
        super().activated()
        self.call_after_refresh(self._opened)

    def tick(self) -> None:
        super().tick()
        self.day_line.tick()

    def fit_chart(self) -> None:
        super().fit_chart()
        chosen = self.chosen_bond()
        if chosen is not None and self.day_line.display:
            self.day_line.follow(*chosen)

    @on(TextPanel.Resized)
    def _lay_out_detail(self) -> None:
        """It has sections only where there is room for them."""
        self.update_detail()

    def _opened(self) -> None:
        self.fit_chart()
        self.day_line.load()
