"""Rows, columns, and how columns share a width."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import EllipsisType, MappingProxyType
from typing import Any, NamedTuple, TypeVar

from rich.cells import cell_len

from core.i18n import say
from tui.format import one_line
from tui.widgets.theme import Tone

T = TypeVar("T")

Sortable = Decimal | datetime | int | float | str | None
"""What a cell is sorted by, None where it is not known."""

_GAPS = (3, 2, 1)
_LEAST_FLEX = 10
"""Cells of the flexible column where not even the columns of rank 0 fit."""


class Show(StrEnum):
    """When a column is shown: as the width allows, or as the user has chosen."""

    FITTING = "by width"
    ALWAYS = "always"
    NEVER = "never"


_chosen: dict[str, dict[str, Show]] = {}


def use_choices(entries: Iterable[str]) -> None:
    """Show columns like this from now on. An entry is `table.Column=always` or `=never`."""
    _chosen.clear()
    for entry in entries:
        column, _, show = entry.rpartition("=")
        table, _, label = column.partition(".")
        _chosen.setdefault(table, {})[label] = Show(show)


def choices() -> tuple[str, ...]:
    """What was chosen, as the settings keep it."""
    shows = ((f"{table}.{label}", show) for table, labels in _chosen.items() for label, show in labels.items())
    return tuple(f"{column}={show}" for column, show in shows if show is not Show.FITTING)


def choices_of(table: str) -> Mapping[str, Show]:
    """What was chosen for a table, by the English name of the column."""
    return _chosen.get(table, {})


def choose(table: str, label: str, show: Show) -> None:
    _chosen.setdefault(table, {})[str(label)] = show


class Cell(NamedTuple):
    """`found` is marked wherever the text has it, in either case.

    `value` is what the cell is sorted by, where that is not its text.
    """

    text: str
    tone: Tone = Tone.TEXT
    found: str = ""
    value: Sortable | EllipsisType = ...


Cells = tuple[Cell, ...]


class KeptCells:
    """Cells of rows, made anew only where what they are made of has changed."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[object, Cells]] = {}

    def cells(self, row: str, part: str, made_of: object, make: Callable[[], Cells]) -> Cells:
        """The cells of one part of a row. `make` depends on nothing but `made_of`, the language and the looks."""
        kept = self._kept.get((row, part))
        if kept is None or kept[0] != made_of:
            kept = self._kept[row, part] = (made_of, make())
        return kept[1]

    def clear(self) -> None:
        """Make all anew: the language or the looks have changed."""
        self._kept.clear()


@dataclass(frozen=True, slots=True)
class Column:
    """`rank` 0 is never dropped; where the width is short the highest rank goes first.

    `label` is marked, and said when it is shown. `least` is the narrowest the column gets; it grows with its content up
    to `most`. The `flex` column takes the rest.
    """

    label: str
    least: int = 4
    most: int = 16
    rank: int = 0
    right: bool = False
    flex: bool = False

    @property
    def title(self) -> str:
        return say(self.label)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of a table; a `heading` spans it and cannot be selected."""

    key: str
    cells: tuple[Cell, ...]
    heading: bool = False

    def value(self, column: int) -> Sortable:
        cell = self.cells[column]
        return cell.text or None if isinstance(cell.value, EllipsisType) else cell.value

    def holds(self, text: str) -> bool:
        """Whether the text stands anywhere in the row, in either case."""
        return text.lower() in " ".join(cell.text for cell in self.cells).lower()


class Slot(NamedTuple):
    """A column that is shown, and its width in cells."""

    index: int
    column: Column
    width: int


class Layout(NamedTuple):
    slots: tuple[Slot, ...]
    gap: int


@dataclass(frozen=True, slots=True)
class Sorting:
    """The column by which rows are sorted, and which way."""

    column: int
    descending: bool

    @property
    def mark(self) -> str:
        return "v" if self.descending else "^"

    def applied(self, rows: Sequence[TableRow]) -> list[TableRow]:
        """The rows in order; equals stay as they were, and what is not known comes last either way."""
        return sorted_known_first(rows, lambda row: row.value(self.column), descending=self.descending)


def arranged(rows: Sequence[TableRow], text: str = "", sorting: Sorting | None = None) -> list[TableRow]:
    """The rows with this text, sorted; those below a heading stay below it, and a heading without rows goes."""
    found: list[TableRow] = []
    for head, below in _sections(rows):
        kept = [row for row in below if row.holds(text)] if text else below
        if kept:
            found += [*head, *(kept if sorting is None else sorting.applied(kept))]
    return found


def _sections(rows: Sequence[TableRow]) -> list[tuple[list[TableRow], list[TableRow]]]:
    """Each heading with the rows below it; the first ones may have none."""
    sections: list[tuple[list[TableRow], list[TableRow]]] = [([], [])]
    for row in rows:
        if row.heading:
            sections.append(([row], []))
        else:
            sections[-1][1].append(row)
    return sections


def sorted_known_first(items: Iterable[T], value: Callable[[T], Any], *, descending: bool) -> list[T]:
    """Sorted by a value of one kind; items whose value is None come last either way."""
    known: list[T] = []
    unknown: list[T] = []
    for item in items:
        (unknown if value(item) is None else known).append(item)
    return sorted(known, key=value, reverse=descending) + unknown


def sorted_next(sorting: Sorting | None, layout: "Layout") -> Sorting | None:
    """The next column of those that are shown; numbers begin with the largest. After the last one: as they come."""
    shown = [slot for slot in layout.slots if slot.column.label]
    places = [slot.index for slot in shown]
    at = places.index(sorting.column) + 1 if sorting is not None and sorting.column in places else 0
    return Sorting(shown[at].index, shown[at].column.right) if at < len(shown) else None


def cell(text: str, tone: Tone = Tone.TEXT, value: Sortable | EllipsisType = ...) -> Cell:
    return Cell(one_line(text), tone, value=value)


def heading(key: str, text: str, tone: Tone = Tone.TITLE) -> TableRow:
    return TableRow(key, (cell(text, tone),), heading=True)


def arrange(
    columns: Sequence[Column],
    rows: Sequence[TableRow],
    width: int,
    chosen: Mapping[str, Show] = MappingProxyType({}),
) -> Layout:
    """Which columns are shown in `width` cells, how wide each, and the gap between them.

    `chosen` is what the user chose by the column's name.
    """
    wanted = [_wanted(index, column, rows) for index, column in enumerate(columns)]
    shows = [chosen.get(column.label, Show.FITTING) for column in columns]
    shown = [index for index, show in enumerate(shows) if show is not Show.NEVER] or list(range(len(columns)))
    ranks = [0 if show is Show.ALWAYS else column.rank for column, show in zip(columns, shows, strict=True)]
    flexible = any(columns[index].flex for index in shown)
    for gap in _GAPS[1:] if flexible else _GAPS:
        if _total(wanted, shown, gap) <= width:
            break
    else:
        gap = _GAPS[-1]
        _drop(columns, ranks, wanted, shown, width, gap)
    spare = max(0, width - _total(wanted, shown, gap))
    return Layout(
        tuple(Slot(index, columns[index], wanted[index] + (spare if columns[index].flex else 0)) for index in shown),
        gap,
    )


def _drop(
    columns: Sequence[Column], ranks: Sequence[int], wanted: list[int], shown: list[int], width: int, gap: int
) -> None:
    """Leave out the highest rank first. Then the flexible column gets short, and at last the rightmost ones go."""
    while _total(wanted, shown, gap) > width and any(ranks[index] for index in shown):
        shown.remove(max(shown, key=lambda index: (ranks[index], index)))
    for index in shown:
        over = _total(wanted, shown, gap) - width
        if over > 0 and columns[index].flex:
            wanted[index] = max(_LEAST_FLEX, wanted[index] - over)
    while _total(wanted, shown, gap) > width and len(shown) > 1:
        shown.remove(max((index for index in shown if not columns[index].flex), default=shown[-1]))


def widen_last_cell(layout: Layout, cells: Sequence[Cell]) -> tuple[Sequence[Slot], Sequence[Cell]]:
    """Slots and cells of one row: a last text that is too long takes the room of the empty cells before it."""
    slots = layout.slots
    if not slots or cell_len(cells[-1].text) <= slots[-1].width:
        return slots, cells
    first = len(slots) - 1
    while first > 0 and not cells[first - 1].text:
        first -= 1
    width = sum(slot.width for slot in slots[first:]) + layout.gap * (len(slots) - 1 - first)
    return (*slots[:first], slots[-1]._replace(width=width)), (*cells[:first], cells[-1])


def is_cut(layout: Layout, row: TableRow) -> bool:
    """Whether a text of the row is too long for the column that it is shown in."""
    slots, cells = widen_last_cell(layout, [row.cells[slot.index] for slot in layout.slots])
    return any(cell_len(cell.text) > slot.width for slot, cell in zip(slots, cells, strict=True))


def as_wide(before: TableRow, after: TableRow) -> bool:
    """Whether each cell of a row takes as much room as it did."""
    if before.heading != after.heading:
        return False
    changed = [(old.text, new.text) for old, new in zip(before.cells, after.cells, strict=True) if old is not new]
    return all(old == new or cell_len(old) == cell_len(new) for old, new in changed)


def _wanted(index: int, column: Column, rows: Sequence[TableRow]) -> int:
    floor = max(column.least, cell_len(column.title))
    if column.flex:
        return floor
    widest = max((cell_len(row.cells[index].text) for row in rows if not row.heading), default=0)
    return max(floor, min(widest, column.most))


def _total(wanted: Sequence[int], shown: Sequence[int], gap: int) -> int:
    return sum(wanted[index] for index in shown) + gap * max(0, len(shown) - 1)
