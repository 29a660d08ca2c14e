"""A line of one row for a cell of a table.

The usual blocks (U+2581 to U+2588) are of ambiguous width; Braille is not. Where charts are drawn with box characters,
so is this one coarser, with three heights.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite

from tui.widgets.chart_marks import marks_in_use
from tui.widgets.chart_scale import apart
from tui.widgets.columns import Cell, cell
from tui.widgets.theme import Tone, change_tone

SPARK_CELLS = 8

_LEFT = (0x00, 0x40, 0x44, 0x46, 0x47)
_RIGHT = (0x00, 0x80, 0xA0, 0xB0, 0xB8)
"""A column of dots in Braille, by how many of its four are set from below."""
_COARSE = "_-'"

Values = Sequence[Decimal | float | None]


def sparkline(values: Values, cells: int = SPARK_CELLS) -> str:
    """The values as columns from the lowest to the highest, always as many cells; None is an empty column.

    Fewer values than there is room for begin at the left: the rest of the day is still empty. Without a value it is all
    spaces.
    """
    if marks_in_use() == "box":
        return "".join(" " if level is None else _COARSE[level] for level in _levels(values, cells, 3)).ljust(cells)
    levels = _levels(values, 2 * cells, 4)
    dots = [0 if level is None else level + 1 for level in levels] + [0] * (2 * cells - len(levels))
    pairs = zip(dots[::2], dots[1::2], strict=True)
    return "".join(chr(0x2800 + _LEFT[left] + _RIGHT[right]) if left or right else " " for left, right in pairs)


def spark_cell(values: Values) -> Cell:
    """The line as a cell of a table, sorted by its change from the first value to the last."""
    known = [float(value) for value in values if value is not None]
    change = known[-1] / known[0] - 1 if known and known[0] else None
    return cell(sparkline(values), spark_tone(values), change)


def spark_tone(values: Values) -> Tone:
    """Whether the last value is above the first or below it."""
    known = [value for value in values if value is not None]
    return change_tone(float(known[-1]) - float(known[0])) if known else Tone.DIM


def _levels(values: Values, columns: int, heights: int) -> list[int | None]:
    """The height of each column from 0; values that never move lie in the middle."""
    numbers = [None if value is None or not isfinite(value) else float(value) for value in _thinned(values, columns)]
    known = [number for number in numbers if number is not None]
    if not known:
        return []
    low, high = min(known), max(known)
    if not apart(low, high):
        return [None if number is None else (heights - 1) // 2 for number in numbers]
    return [None if number is None else round((number - low) / (high - low) * (heights - 1)) for number in numbers]


def _thinned(values: Values, columns: int) -> list[Decimal | float | None]:
    """At most so many: of each group its highest or lowest, whichever is farther from the group before."""
    if len(values) <= columns:
        return list(values)
    found: list[Decimal | float | None] = []
    for column in range(columns):
        start, end = (number * len(values) // columns for number in (column, column + 1))
        group = [value for value in values[start:end] if value is not None]
        before = next((float(value) for value in reversed(found) if value is not None), None)
        if column == columns - 1 or before is None or not group:
            found.append(group[-1] if group else None)
        else:
            found.append(max(group, key=lambda value, before=before: abs(float(value) - before)))
    return found
