"""Lines drawn with characters: dots of Braille, two by four in a cell, or lines of box characters.

Braille (U+2800 to U+28FF) is one cell wide everywhere. A few console fonts lack it (Consolas in the old console of
Windows 10, which takes no glyph from another font): for them there are the box characters.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from tui.widgets.theme import Tone

Path = Sequence[tuple[float, float] | None]
"""Places from the left and from the top, both from 0 to 1; None is a gap."""

Cells = list[list[tuple[str, Tone]]]

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_DASHES = ((1,), (1, 1, 1, 1, 1, 0, 0, 0), (1, 0, 0), (1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0))
"""By the place of a line among the others: which dots of it are drawn, over and over."""
_BOX_DASHES = "─╌═┅"


class Canvas(Protocol):
    """Something to draw lines on; of two lines in a cell the one drawn first gives its tone."""

    def draw(self, path: Path, place: int, tone: Tone) -> None:
        """`place` is that of the line among the others, from 0."""
        ...

    @property
    def cells(self) -> Cells:
        """Row by row; a space where nothing was drawn."""
        ...


class BrailleCanvas:
    """Two by four dots in each cell."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns, self._rows = columns, rows
        self._bits = [[0] * columns for _ in range(rows)]
        self._tones = [[Tone.DIM] * columns for _ in range(rows)]

    def draw(self, path: Path, place: int, tone: Tone) -> None:
        dashes, drawn = _DASHES[place % len(_DASHES)], 0
        before: tuple[int, int] | None = None
        for dot in thinned(path, 2 * self._columns, 4 * self._rows):
            if dot is not None:
                for x, y in [dot] if before is None else _between(before, dot):
                    if dashes[drawn % len(dashes)] or before is None:
                        self._set(x, y, tone)
                    drawn += 1
            before = dot

    def _set(self, x: int, y: int, tone: Tone) -> None:
        column, row = x // 2, y // 4
        if not self._bits[row][column]:
            self._tones[row][column] = tone
        self._bits[row][column] |= _BITS[y % 4][x % 2]

    @property
    def cells(self) -> Cells:
        return [
            [(chr(0x2800 + bit) if bit else " ", tone) for bit, tone in zip(bits, tones, strict=True)]
            for bits, tones in zip(self._bits, self._tones, strict=True)
        ]


class BoxCanvas:
    """One step of a line in each cell."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns, self._rows = columns, rows
        self.cells: Cells = [[(" ", Tone.DIM)] * columns for _ in range(rows)]

    def draw(self, path: Path, place: int, tone: Tone) -> None:
        steps = _steps(thinned(path, self._columns, self._rows), self._columns)
        before: int | None = None
        for column, row in enumerate(steps):
            if row is not None:
                if place or before is None or row == before:
                    self._set(column, row, _BOX_DASHES[place % len(_BOX_DASHES)], tone)
                else:
                    self._step(column, before, row, tone)
            before = row

    def _step(self, column: int, before: int, row: int, tone: Tone) -> None:
        rising = row < before
        self._set(column, before, "┘" if rising else "┐", tone)
        self._set(column, row, "┌" if rising else "└", tone)
        for between in range(min(row, before) + 1, max(row, before)):
            self._set(column, between, "│", tone)

    def _set(self, column: int, row: int, char: str, tone: Tone) -> None:
        if self.cells[row][column][0] == " ":
            self.cells[row][column] = (char, tone)


_CANVASES: dict[str, type[BrailleCanvas] | type[BoxCanvas]] = {"braille": BrailleCanvas, "box": BoxCanvas}
_in_use = "braille"


def use_marks(name: str) -> None:
    """Draw charts with these from now on: "braille" or "box"."""
    global _in_use
    _in_use = name if name in _CANVASES else "braille"


def marks_in_use() -> str:
    return _in_use


def canvas(columns: int, rows: int) -> Canvas:
    """An empty one, of what is in use."""
    return _CANVASES[_in_use](columns, rows)


def sample(place: int, columns: int = 4) -> str:
    """What the line of this place looks like, for a legend."""
    drawn = canvas(columns, 1)
    drawn.draw([(0.0, 0.5), (1.0, 0.5)], place, Tone.TEXT)
    return "".join(char for char, _ in drawn.cells[0])


def thinned(path: Path, columns: int, rows: int) -> list[tuple[int, int] | None]:
    """The path in whole columns and rows: of each column the first, the highest, the lowest and the last, in order."""
    found: list[tuple[int, int] | None] = []
    group: list[tuple[int, int]] = []
    for point in (*path, None):
        dot = None if point is None else (round(point[0] * (columns - 1)), round(point[1] * (rows - 1)))
        if group and (dot is None or dot[0] != group[0][0]):
            found += _outline(group)
            group = []
        if dot is not None:
            group.append(dot)
        elif found and found[-1] is not None:
            found.append(None)
    return found[:-1]


def _outline(group: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """First, highest, lowest and last of one column, in their order."""
    if len(group) < 3:
        return group
    heights = [row for _, row in group]
    kept = sorted({0, heights.index(min(heights)), heights.index(max(heights)), len(group) - 1})
    return [group[index] for index in kept]


def _between(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """The dots of a straight line, without its first."""
    wide, high = end[0] - start[0], end[1] - start[1]
    steps = max(abs(wide), abs(high))
    return [
        (start[0] + round(wide * step / steps), start[1] + round(high * step / steps)) for step in range(1, steps + 1)
    ]


def _steps(dots: Sequence[tuple[int, int] | None], columns: int) -> list[int | None]:
    """The row of each column: what lies between two dots is held until the next; of several in one, the farthest."""
    rows: list[int | None] = [None] * columns
    before: tuple[int, int] | None = None
    for column, group in groupby(dots, key=lambda dot: None if dot is None else dot[0]):
        heights = [dot[1] for dot in group if dot is not None]
        if column is None:
            before = None
            continue
        for between in range(before[0] + 1 if before else column, column):
            rows[between] = before[1] if before else None
        from_here = before[1] if before else heights[0]
        rows[column] = max(heights, key=lambda row: abs(row - from_here))
        before = column, rows[column] or 0
    return rows
