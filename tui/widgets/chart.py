"""A line chart of box characters. They are one cell wide in every font; Braille dots and blocks are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

from rich.cells import cell_len
from rich.text import Text

from tui.format import fit
from tui.widgets.text import FittedText
from tui.widgets.theme import STYLES, Tone, styled

_LEAST_COLUMNS = 8
_LEAST_ROWS = 2


@dataclass(frozen=True, slots=True)
class Line:
    """Values from left to right, the words for its highest and lowest, and what it is drawn in.

    `low` and `high` are the ends of its scale; `share` is its part of the height. `beside` is a second line on the same
    scale, drawn in dashes; None is a gap in it.
    """

    values: tuple[float, ...]
    low: float
    high: float
    low_label: str
    high_label: str
    tone: Tone
    share: int = 1
    beside: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class ChartData:
    """Lines one below the other over one axis; `heading` stands above them, `first` and `last` at the axis' ends."""

    heading: Text
    lines: tuple[Line, ...]
    first: str
    last: str


class Chart(FittedText):
    """Drawn anew when its size or its data changes."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._data: ChartData | None = None

    def show(self, data: ChartData | None) -> None:
        if data != self._data:
            self._data = data
            self.refresh_text()

    def refresh_text(self) -> None:
        width, height = self.content_size
        self.set_text("" if self._data is None else render_chart(self._data, width, height))


def render_chart(data: ChartData, width: int, height: int) -> Text:
    """The data in this many cells; its heading alone where there is no room for more."""
    text = data.heading.copy()
    labels = [label for line in data.lines for label in (line.high_label, line.low_label)]
    left = max((cell_len(label) for label in labels), default=0)
    columns, rows = width - left - 2, height - _lines(text, width) - 1
    if not data.lines or columns < _LEAST_COLUMNS or rows < _LEAST_ROWS * len(data.lines):
        return text
    for line, high in zip(data.lines, _heights(data.lines, rows), strict=True):
        own = plot(line.values, columns, high, line.low, line.high)
        dashes = plot_dashes(line.beside, columns, high, line.low, line.high)
        for index, (drawn, under) in enumerate(zip(own, dashes, strict=True)):
            label = line.high_label if index == 0 else line.low_label if index == high - 1 else ""
            text.append_text(styled("\n", (fit(label, left, right=True), Tone.DIM)))
            text.append(" ┤" if label else " │", STYLES[Tone.DIM])
            text.append_text(_laid_over(drawn, line.tone, under))
    gap = max(1, columns - cell_len(data.first) - cell_len(data.last))
    axis = fit(data.first + " " * gap + data.last, columns)
    return text.append_text(styled((f"\n{' ' * (left + 2)}{axis}", Tone.DIM)))


def _lines(text: Text, width: int) -> int:
    """How many rows the text takes where it is wrapped."""
    return sum(max(1, ceil(line.cell_len / max(1, width))) for line in text.split())


def _laid_over(line: str, tone: Tone, dashes: str) -> Text:
    """One row of cells: the line in its tone, the dashes where it leaves room."""
    cells = [(char, tone) if char != " " else (dash, Tone.DIM) for char, dash in zip(line, dashes, strict=True)]
    row = Text()
    for of, run in groupby(cells, key=lambda cell: cell[1]):
        row.append("".join(char for char, _ in run), STYLES[of])
    row.rstrip()
    return row


def plot(values: Sequence[float], width: int, height: int, low: float, high: float) -> list[str]:
    """The line as rows of characters, the highest first; values are spread over the width, or thinned to it."""
    levels = [_level(value, height, low, high) for value in _columns(values, width)]
    rows = [[" "] * width for _ in range(height)]
    before = levels[0] if levels else 0
    for column, level in enumerate(levels):
        if level == before:
            rows[level][column] = "─"
        else:
            rising = level < before
            rows[before][column] = "┘" if rising else "┐"
            rows[level][column] = "┌" if rising else "└"
            for between in range(min(level, before) + 1, max(level, before)):
                rows[between][column] = "│"
        before = level
    return ["".join(row) for row in rows]


def plot_dashes(values: Sequence[float | None], width: int, height: int, low: float, high: float) -> list[str]:
    """As `plot`, in dashes; a value that is None leaves its columns empty."""
    rows = [[" "] * width for _ in range(height)]
    for column in range(width if values else 0):
        value = values[column * len(values) // width]
        if value is not None:
            rows[_level(value, height, low, high)][column] = "╌"
    return ["".join(row) for row in rows]


def _columns(values: Sequence[float], width: int) -> list[float]:
    """A value for each column: where it stands for several, the first of them, or the highest or lowest of all."""
    if not values:
        return []
    low, high = min(values), max(values)
    columns: list[float] = []
    for column in range(width):
        start, end = (number * len(values) // width for number in (column, column + 1))
        part = values[start : max(end, start + 1)]
        columns.append(next((value for value in part if value in (low, high)), part[0]))
    columns[-1] = values[-1]
    return columns


def _level(value: float, height: int, low: float, high: float) -> int:
    """The row from the top; a line that never moved lies in the middle."""
    return round((high - value) / (high - low) * (height - 1)) if high > low else (height - 1) // 2


def _heights(lines: Sequence[Line], rows: int) -> list[int]:
    """How many rows each line has, by its share; the first takes what is left over."""
    whole = sum(line.share for line in lines)
    heights = [max(_LEAST_ROWS, rows * line.share // whole) for line in lines]
    heights[0] += rows - sum(heights)
    return heights
