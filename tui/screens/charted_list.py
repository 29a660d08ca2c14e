"""A list with a chart below its rows, which takes the lines that they leave."""

from collections.abc import Sequence

from textual import on
from textual.widget import Widget

from tui.screens.pane import ListPane
from tui.widgets.chart import LineChart
from tui.widgets.columns import Column
from tui.widgets.table import LiveTable

LEAST_LINES = 10
"""Lines of a chart with its legend and its axis."""

_TALL = 30
"""Lines of a terminal from which on the rows leave any: below it they need them all."""

_NOTICE = 3
"""Lines of the sentence that stands in a table without rows."""


class ChartedListPane(ListPane):
    """The rows come first: they scroll only where the pane says that the chart is to be seen in any case."""

    def __init__(self, name: str, title: str, columns: Sequence[Column], filter_hint: str, chart: LineChart) -> None:
        self.chart = chart
        super().__init__(name, title, columns, filter_hint)

    def in_panel(self) -> tuple[Widget, ...]:
        return (*super().in_panel(), self.chart)

    def chart_lines(self, free: int) -> int:
        """The chart's height, where the rows leave so many lines; 0 where it is not shown."""
        raise NotImplementedError

    def fit_chart(self) -> None:
        lines = self.chart_lines(self._free_lines())
        self.chart.display = lines > 0
        if lines:
            self.chart.styles.height = lines

    def row_shown(self) -> None:
        self.fit_chart()

    @on(LiveTable.SizeChanged)
    def _table_resized(self) -> None:
        """What stands around the table has another height."""
        self.fit_chart()

    def _free_lines(self) -> int:
        """Lines below the head and the rows, one of them left blank; 0 where they are too few for a chart."""
        if self.app.size.height < _TALL:
            return 0
        shown = self.chart.size.height if self.chart.display else 0
        free = self.table.size.height + shown - max(len(self.table.rows), _NOTICE) - 2
        return free if free >= LEAST_LINES else 0
