"""A chart laid out in cells: legend, panels over one axis of time, and where each moment stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from core.i18n import say
from tui import format as fmt
from tui.format import fit
from tui.widgets.chart_data import ChartData, ChartUnit, LevelLine, Moment, Plot, Series
from tui.widgets.chart_marks import Cells, canvas, sample
from tui.widgets.chart_scale import TimeAxis, apart, local, nice_ticks, time_axis, value_label
from tui.widgets.theme import STYLES, Tone, styled

SERIES_TONES = (Tone.TITLE, Tone.SECOND, Tone.STRONG, Tone.DIM)
"""By a line's place, where its data names no tone."""

_LEAST_COLUMNS, _LEAST_ROWS, _ROWS_WITH_AXIS = 12, 3, 8
_WITH_ENDS = 3
"""From so many lines on each carries its number at its right end and in the legend."""
_BELOW = 4
"""The second panel has one part of so many of the height."""
_STRETCH = 3.0
"""A level belongs to the scale where that makes the scale no more than so many times longer."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The drawing: the heading's rows, those of the legend at the last moment, those of the plot, those of the axis.

    `plot` is empty where a sentence stands in its place: it is in `axis_rows`. `columns_of` holds the column of each
    moment of the axis.
    """

    axis: TimeAxis
    heading: tuple[Text, ...]
    legend: tuple[Text, ...] = ()
    plot: tuple[Text, ...] = ()
    axis_rows: tuple[Text, ...] = ()
    columns_of: tuple[int, ...] = ()

    @property
    def rows(self) -> tuple[Text, ...]:
        return self.heading + self.legend + self.plot + self.axis_rows

    @property
    def top(self) -> int:
        """The first row of the plot."""
        return len(self.heading) + len(self.legend)


@dataclass(frozen=True, slots=True)
class _Scale:
    """The ends of a panel's values, and its round values with their labels."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def from_top(self, value: float) -> float:
        return (self.high - value) / (self.high - self.low)

    def row(self, value: float, rows: int) -> int:
        # By the dots of a cell, so that a tick lies in the row in which its value is drawn.
        return round(self.from_top(value) * (4 * rows - 1)) // 4


def draw(data: ChartData, width: int, height: int) -> Drawing:
    """The drawing in so many cells; a sentence where there is nothing to draw or no room to draw it in."""
    axis = time_axis([at for panel in data.panels for series in panel.drawn for at, _ in series.points])
    heading = tuple(wrapped(data.heading, width)) if data.heading.plain else ()
    if sentence := _instead(data, axis):
        return _told(axis, heading, sentence, (width, height))
    names = tuple(legend(data, axis, None, width))
    if height - len(heading) - len(names) <= _LEAST_ROWS:
        names = names if not heading and height - len(names) > _LEAST_ROWS else ()
    rows = height - len(heading) - len(names)
    panels = [panel for panel in data.panels if any(series.values for series in panel.drawn)]
    panels = panels if rows > (_LEAST_ROWS + 1) * len(panels) else panels[:1]
    under = 2 if rows >= _ROWS_WITH_AXIS else 1
    heights = _heights(len(panels), rows - under)
    scales = [_scale(panel, high) for panel, high in zip(panels, heights, strict=True)]
    left = max(cell_len(label) for scale in scales for _, label in scale.ticks) + 2
    columns = width - left - _room_at_the_right(panels)
    if columns < _LEAST_COLUMNS:
        panels = [_unlabelled(panel) for panel in panels]
        columns = width - left - _room_at_the_right(panels)
    if columns < _LEAST_COLUMNS or heights[0] < _LEAST_ROWS - 1:
        return _told(axis, heading, say("Too small for a chart."), (width, height))
    plot = [
        row
        for panel, scale, high in zip(panels, scales, heights, strict=True)
        for row in _panel_rows(panel, scale, axis, (left, columns, high))
    ]
    axis_rows = _axis_rows(axis, left, columns, with_line=under == 2)
    places = tuple(left + round(place * (2 * columns - 1)) // 2 for place in axis.places)
    return Drawing(axis, heading, names, tuple(plot), tuple(axis_rows), places)


def _told(axis: TimeAxis, heading: tuple[Text, ...], sentence: str, size: tuple[int, int]) -> Drawing:
    """The heading and a sentence in place of the drawing."""
    told = wrapped(styled((sentence, Tone.DIM)), size[0])
    return Drawing(axis, heading[: size[1]], axis_rows=tuple(told[: max(0, size[1] - len(heading))]))


def legend(data: ChartData, axis: TimeAxis, index: int | None, width: int) -> list[Text]:
    """The moment, and each line's name and value at it; without an index the last moment and each line's last value.

    It has as many rows at every moment: each part has the room that its widest value takes.
    """
    if not axis.moments:
        return []
    at = len(axis.moments) - 1 if index is None else index
    parts = [styled((axis.label(at), Tone.STRONG if index is not None else Tone.DIM))]
    for panel in data.panels:
        numbered = len(panel.drawn) >= _WITH_ENDS
        for place, series in enumerate(panel.drawn):
            if series.values:
                value = _last(series) if index is None else value_at(series, axis.moments[at])
                parts.append(_legend_part(panel, series, place, value, numbered=numbered))
    return _flowed(parts, width)


def value_at(series: Series, moment: Moment) -> float | None:
    """The value of the last point until then, None before the first point and in a gap."""
    found: float | None = None
    for at, value in series.points:
        if local(at) > local(moment):
            break
        found = value
    last = local(series.points[-1][0]) if series.points else None
    known = found is not None and isfinite(found) and last is not None and local(moment) <= last
    return found if known else None


def value_text(value: float | None, unit: ChartUnit) -> str:
    """A value in full, as beside a cursor."""
    if value is None:
        return fmt.NOT_KNOWN
    if unit is ChartUnit.PERCENT:
        return fmt.ratio(value) if value else "0.00%"
    return fmt.price(value) if unit is ChartUnit.PRICE else fmt.money(value)


def wrapped(text: Text, width: int) -> list[Text]:
    """The text in rows of this width, broken at spaces."""
    rows: list[Text] = []
    for line in text.split("\n"):
        rest = line
        while rest.cell_len > width > 0:
            fits = next(count for count in range(len(rest), -1, -1) if cell_len(rest.plain[:count]) <= width)
            at = rest.plain.rfind(" ", 0, fits + 1)
            cut = at if at > 0 else max(1, fits)
            head, rest = rest.divide([cut])
            head.rstrip()
            rows.append(head)
            spaces = len(rest.plain) - len(rest.plain.lstrip(" "))
            rest = rest.divide([spaces])[1] if spaces else rest
        rows.append(rest)
    return rows


def _instead(data: ChartData, axis: TimeAxis) -> str:
    """The sentence in place of a picture: no point, one point, or a line that never moved."""
    series = [one for one in data.main.drawn if one.values]
    values = [value for one in series for value in one.values]
    if not values:
        return data.empty or say("There is nothing to draw yet.")
    unit, known = data.main.unit, [local(at) for one in series for at, value in one.points if value is not None]
    if max(len(one.values) for one in series) < 2 or min(known) == max(known):
        at = axis.label(axis.moments.index(max(known)))
        text = value_text(values[-1], unit)
        return say("Only one value yet: {value} at {at}. The chart appears with the second one.", value=text, at=at)
    low, high = _ends(data.main)
    if apart(low, high):
        return ""
    at = axis.label(axis.moments.index(min(known)))
    return say("Unchanged at {value} since {at}.", value=value_text(values[-1], unit), at=at)


def _ends(panel: Plot) -> tuple[float, float]:
    """The ends of the scale: the values, the baseline, and the levels that are not far away."""
    values = [value for series in panel.drawn for value in series.values]
    low, high = min(values), max(values)
    if panel.baseline is not None:
        low, high = min(low, panel.baseline.value), max(high, panel.baseline.value)
    room = (high - low) * _STRETCH if apart(low, high) else float("inf")
    for level in panel.levels:
        wider = min(low, level.value), max(high, level.value)
        if wider[1] - wider[0] <= room:
            low, high = wider
    return low, high


def _scale(panel: Plot, rows: int) -> _Scale:
    low, high = _ends(panel)
    if not apart(low, high):
        low, high = low - (abs(low) or 1.0) / 100, high + (abs(high) or 1.0) / 100
    ticks, step = nice_ticks(low, high, max(1, rows // 3))
    return _Scale(low, high, tuple((tick, value_label(tick, panel.unit, step)) for tick in ticks))


def _heights(panels: int, rows: int) -> list[int]:
    if panels < 2:
        return [rows]
    below = max(_LEAST_ROWS - 1, rows // _BELOW)
    return [rows - below, below]


def _unlabelled(panel: Plot) -> Plot:
    """Without the words at the right, which would leave no room for the lines."""
    baseline = None if panel.baseline is None else replace(panel.baseline, label="")
    return replace(panel, baseline=baseline, levels=tuple(replace(level, label="") for level in panel.levels))


def _room_at_the_right(panels: Sequence[Plot]) -> int:
    """Cells, with the space before the words."""
    return max((cell_len(label) for panel in panels for label in _right_labels(panel)), default=-1) + 1


def _right_labels(panel: Plot) -> list[str]:
    """What stands at the right of the plot."""
    labels = [level.label for level in _all_levels(panel)]
    # An edge mark may follow a level's label.
    labels = [f"{label} ^" for label in labels if label]
    return [*labels, *("1" for _ in panel.drawn if len(panel.drawn) >= _WITH_ENDS)]


def _all_levels(panel: Plot) -> tuple[LevelLine, ...]:
    return panel.levels if panel.baseline is None else (panel.baseline, *panel.levels)


def _panel_rows(panel: Plot, scale: _Scale, axis: TimeAxis, size: tuple[int, int, int]) -> list[Text]:
    """`size` is the first column of the plot, its columns and its rows."""
    left, columns, high = size
    cells = _plotted(panel, scale, axis, columns, high)
    ends: dict[int, tuple[str, Tone]] = {}
    for level in _all_levels(panel):
        _lay_level(cells, ends, level, scale, high)
    if len(panel.drawn) >= _WITH_ENDS:
        for place, series in enumerate(panel.drawn):
            if series.values:
                row = _free_row(ends, scale.row(_last(series) or 0.0, high), high)
                ends[row] = (f"{place + 1}", tone_of(series, place))
    labels = {scale.row(tick, high): label for tick, label in scale.ticks}
    rows: list[Text] = []
    for number, row in enumerate(cells):
        label = labels.get(number, "")
        text = styled((fit(label, left - 2, right=True) + (" ┤" if label else " │"), Tone.DIM))
        for tone, run in _runs(row):
            text.append(run, line_style(tone))
        if number in ends:
            text.append(f" {ends[number][0]}", STYLES[ends[number][1]])
        rows.append(text)
    return rows


def _runs(row: list[tuple[str, Tone]]) -> Iterator[tuple[Tone, str]]:
    """The cells of a row in runs of one tone; empty ones belong to the run before them: fewer runs are fewer bytes."""
    tone, run = Tone.DIM, ""
    for char, of in row:
        if char != " " and of != tone and run.strip(" "):
            yield tone, run
            run = ""
        tone, run = tone if char == " " else of, run + char
    yield tone, run


def _plotted(panel: Plot, scale: _Scale, axis: TimeAxis, columns: int, rows: int) -> Cells:
    drawn = canvas(columns, rows)
    for place, series in enumerate(panel.drawn):
        path = [
            None if value is None or not isfinite(value) else (axis.place(at), scale.from_top(value))
            for at, value in series.points
        ]
        drawn.draw(path, place, tone_of(series, place))
    return drawn.cells


def _lay_level(cells: Cells, ends: dict[int, tuple[str, Tone]], level: LevelLine, scale: _Scale, high: int) -> None:
    """A dashed line where the cells are empty, and its label at the right; at the edge where it lies outside."""
    beyond = "^" if level.value > scale.high else "v" if level.value < scale.low else ""
    row = 0 if beyond == "^" else high - 1 if beyond == "v" else scale.row(level.value, high)
    if not beyond:
        cells[row] = [cell if cell[0] != " " else ("┈", level.tone) for cell in cells[row]]
    if level.label:
        ends[_free_row(ends, row, high)] = (f"{level.label} {beyond}".rstrip(), level.tone)


def _free_row(taken: dict[int, tuple[str, Tone]], row: int, rows: int) -> int:
    """The row nearest to this one at whose end nothing stands."""
    return min((other for other in range(rows) if other not in taken), key=lambda other: abs(other - row), default=row)


def _axis_rows(axis: TimeAxis, left: int, columns: int, *, with_line: bool) -> list[Text]:
    marks, labels, end = ["─"] * columns, " " * columns, 0
    for place, label in axis.ticks(columns):
        column = round(place * (2 * columns - 1)) // 2
        marks[column] = "┬"
        start = min(max(0, column - cell_len(label) // 2), columns - cell_len(label))
        if start >= end:
            labels = labels[:start] + label + labels[start + cell_len(label) :]
            end = start + cell_len(label) + 1
        else:
            marks[column] = "─"
    line = styled((" " * (left - 1) + "└" + "".join(marks), Tone.DIM))
    under = styled((" " * left + labels.rstrip(), Tone.DIM))
    return [line, under] if with_line else [under]


def line_style(tone: Tone) -> Style:
    """The colour of a tone alone: bold or underlined a line is another line."""
    return Style.from_color(STYLES[tone].color)


def tone_of(series: Series, place: int) -> Tone:
    return series.tone or SERIES_TONES[place % len(SERIES_TONES)]


def _last(series: Series) -> float | None:
    return next((value for _, value in reversed(series.points) if value is not None and isfinite(value)), None)


def _legend_part(panel: Plot, series: Series, place: int, value: float | None, *, numbered: bool) -> Text:
    tone = tone_of(series, place)
    room = max(cell_len(value_text(one, panel.unit)) for one in (min(series.values), max(series.values)))
    number = f"{place + 1} " if numbered else ""
    name = f" {series.name}" if series.name else ""
    shown = fit(value_text(value, panel.unit), room, right=True)
    text = Text(number, STYLES[tone]).append(sample(place), line_style(tone))
    return text.append_text(styled((name, Tone.DIM), (f" {shown}", Tone.TEXT)))


def _flowed(parts: Sequence[Text], width: int) -> list[Text]:
    """The parts one beside the other, in as many rows as they need."""
    rows: list[Text] = []
    for part in parts:
        if rows and rows[-1].cell_len + 2 + part.cell_len <= width:
            rows[-1].append("  ").append_text(part)
        else:
            rows.append(part.copy())
    for row in rows:
        row.truncate(width)
    return rows
