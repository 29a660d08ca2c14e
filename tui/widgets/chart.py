"""A line chart with axes, a legend, a cursor and perhaps a second panel below.

Own code, by measurement (Python 3.11, Textual 8.2, two lines of 250 points on 156x30 cells). A redraw is 10.4 kB;
textual-plot 0.10 writes 17.8 kB, adds 97 modules and 0.2 s to the start, needs numpy (a wheel of 17 MB). plotext 5.3
draws in 14 ms and adds 0.07 s, but has no second panel over one axis and no cursor; the wheels of its 6.1 hold machine
code. Neither labels CNY in 万 or leaves the midday break out. Drawing takes 9 to 16 ms of a
2.5 GHz core, once per change: `python -m tests.bench.chart`.
"""

from bisect import bisect_left, bisect_right
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip

from core.i18n import language
from tui.widgets.chart_data import ChartData, ChartUnit, Plot
from tui.widgets.chart_drawing import Drawing, draw, legend
from tui.widgets.chart_marks import marks_in_use
from tui.widgets.steady import LaidOutOnce
from tui.widgets.theme import STYLES, Tone

_EMPTY_CELLS = " \u2800"


class LineChart(LaidOutOnce, can_focus=True):
    """Drawn anew when its data or its size changes; a move of the cursor repaints two columns and the legend.

    With the focus, left and right move the cursor, home and end to the ends; the mouse sets it. Without a cursor the
    legend has the last values.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", show=False),
        Binding("right", "move(1)", show=False),
        Binding("home", "edge(0)", show=False),
        Binding("end", "edge(-1)", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._data: ChartData | None = None
        self._drawing: Drawing | None = None
        self._drawn_for: tuple[object, ...] = ()
        self._cursor: int | None = None
        self._legend: tuple[Text, ...] = ()
        self._strips: dict[int, Strip] = {}
        self._strips_for: tuple[Style, ...] = ()
        self.drawings = 0
        """How often the drawing was drawn."""

    @property
    def text(self) -> str:
        """The drawing without its colours and without the cursor's line."""
        drawing = self._made()
        return "" if drawing is None else "\n".join(row.plain.rstrip() for row in self._rows(drawing))

    @property
    def cursor(self) -> int | None:
        """Which moment the cursor is on, counted over all moments of the chart; None without one."""
        return self._cursor

    def show(self, data: ChartData | None) -> None:
        """Draw this, unless it is what is drawn."""
        if data != self._data:
            self._data = data
            self._drawn_for = ()
            self.refresh()

    def show_problem(self, text: str) -> None:
        """Why there is no line, unless one is drawn."""
        if self._data is None or not self._data.main.has_points:
            self.show(ChartData(Plot((), ChartUnit.MONEY), empty=text))

    def on_focus(self) -> None:
        if self._cursor is None:
            self.action_edge(-1)

    def on_blur(self) -> None:
        self._place_cursor(None)

    def on_leave(self) -> None:
        if not self.has_focus:
            self._place_cursor(None)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._cursor_to(event)

    def on_click(self, event: events.Click) -> None:
        self._cursor_to(event)

    def action_move(self, step: int) -> None:
        """To the next moment that stands in another column."""
        drawing = self._made()
        if drawing is None or not drawing.plot:
            return
        columns = drawing.columns_of
        at = len(columns) - 1 if self._cursor is None else self._cursor
        index = at + step
        while 0 < index < len(columns) - 1 and columns[index] == columns[at]:
            index += step
        self._place_cursor(min(max(0, index), len(columns) - 1))

    def action_edge(self, edge: int) -> None:
        """To the first moment (0) or the last (-1)."""
        drawing = self._made()
        if drawing is not None and drawing.plot:
            self._place_cursor(0 if edge == 0 else len(drawing.columns_of) - 1)

    # -- drawing ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        drawing, width = self._made(), self.content_size.width
        rows = () if drawing is None else self._rows(drawing)
        if y >= len(rows):
            return Strip.blank(width, self.rich_style)
        styles = tuple(STYLES.values())
        if styles != self._strips_for:
            self._strips, self._strips_for = {}, styles
        if y not in self._strips:
            self._strips[y] = Strip(rows[y].render(self.app.console)).adjust_cell_length(width)
        return self._with_cursor(self._strips[y], y).apply_style(self.rich_style)

    def _made(self) -> Drawing | None:
        """The drawing; drawn if the one that there is was of other data, for another size or in another language."""
        width, height = self.content_size
        wanted = (width, height, marks_in_use(), language())
        if wanted != self._drawn_for and width and height:
            self._drawn_for, self._strips = wanted, {}
            self._drawing = None if self._data is None else draw(self._data, width, height)
            self.drawings += self._drawing is not None
            if self._drawing is None or self._cursor is None or self._cursor >= len(self._drawing.columns_of):
                self._cursor = None
            self._make_legend()
        return self._drawing

    def _rows(self, drawing: Drawing) -> tuple[Text, ...]:
        return drawing.heading + self._legend + drawing.plot + drawing.axis_rows

    def _make_legend(self) -> None:
        drawing = self._drawing
        self._legend = () if drawing is None else drawing.legend
        if drawing is not None and self._data is not None and self._cursor is not None and drawing.legend:
            self._legend = tuple(legend(self._data, drawing.axis, self._cursor, self.content_size.width))

    def _with_cursor(self, strip: Strip, y: int) -> Strip:
        """The row with the cursor's cell in it: a line where nothing is drawn, else what is drawn, marked."""
        drawing, column = self._drawing, self._cursor_column
        if drawing is None or column is None or not drawing.top <= y < drawing.top + len(drawing.plot):
            return strip
        cell = strip.crop(column, column + 1)
        empty = not cell.text.strip(_EMPTY_CELLS)
        marked = Segment("│" if empty else cell.text, STYLES[Tone.KEY if empty else Tone.CURSOR])
        return Strip.join([strip.crop(0, column), Strip([marked], 1), strip.crop(column + 1)])

    # -- cursor ----------------------------------------------------------------------------------------------------

    @property
    def _cursor_column(self) -> int | None:
        drawing = self._drawing
        if drawing is None or self._cursor is None or self._cursor >= len(drawing.columns_of):
            return None
        return drawing.columns_of[self._cursor]

    def _cursor_to(self, event: events.MouseEvent) -> None:
        """To the moment nearest to the mouse."""
        offset, drawing = event.get_content_offset(self), self._made()
        if offset is None or drawing is None or not drawing.plot:
            return
        columns = drawing.columns_of
        at = bisect_left(columns, offset.x)
        near = [index for index in (at - 1, at) if 0 <= index < len(columns)]
        index = min(near, key=lambda index: abs(columns[index] - offset.x))
        # Of several moments in a column the last.
        self._place_cursor(bisect_right(columns, columns[index]) - 1)

    def _place_cursor(self, index: int | None) -> None:
        drawing = self._drawing
        if index == self._cursor or drawing is None:
            return
        before, self._cursor = self._cursor_column, index
        self._make_legend()
        for row in range(len(drawing.heading), drawing.top):
            self._strips.pop(row, None)
        legend_rows = Region(0, len(drawing.heading), self.content_size.width, len(drawing.legend))
        columns = [column for column in (before, self._cursor_column) if column is not None]
        self.refresh(legend_rows, *(Region(column, drawing.top, 1, len(drawing.plot)) for column in columns))
