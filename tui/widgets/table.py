"""A table that may tick: each row is painted once and kept, so an update repaints the rows that changed and no other.

The stock table repaints every visible cell for one changed one, which costs a tenth of a core at one change a second.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.format import fit
from tui.widgets.columns import (
    Cell,
    Column,
    Layout,
    Slot,
    Sorting,
    TableRow,
    arrange,
    as_wide,
    choices_of,
    widen_last_cell,
)
from tui.widgets.steady import LaidOutOnce
from tui.widgets.theme import STYLES, Tone

_MARGIN = 1


class LiveTable(ScrollView, LaidOutOnce, can_focus=True):
    """Rows under a fixed header, with a cursor; without rows it says why in words.

    `lit`: the cursor looks as with the focus, where another widget takes the keys for this one.
    """

    lit = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "edge(0)", show=False),
        Binding("end", "edge(-1)", show=False),
    ]

    class RowHighlighted(Message):
        """The user moved the cursor."""

        def __init__(self, table: "LiveTable", key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> "LiveTable":
            return self.table

    class RowSelected(RowHighlighted):
        """The user clicked a row twice."""

    class SizeChanged(Message):
        """It has another size; what shares the lines with it may have to be laid out again."""

    class HeaderSelected(Message):
        """The user clicked the head of a column."""

        def __init__(self, table: "LiveTable", column: int) -> None:
            super().__init__()
            self.table = table
            self.column = column

        @property
        def control(self) -> "LiveTable":
            return self.table

    def __init__(self, columns: Sequence[Column], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.set_reactive(LiveTable.auto_links, False)  # no cell has any: not looked for in each line
        self._columns = tuple(columns)
        self._rows: tuple[TableRow, ...] = ()
        self._cursor = 0
        self._notice: tuple[str, Tone] = ("", Tone.DIM)
        self._strips: dict[int, Strip] = {}
        self._base = Style()  # of the widget, below the tones of the cells; set before each painting
        self._layout = Layout((), 1)
        self._sorting: Sorting | None = None

    @property
    def name_in_settings(self) -> str:
        """The table's name where the user's choice of columns is kept."""
        return (self.id or "").removesuffix("-table")

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every column, shown or not."""
        return self._columns

    @property
    def column_layout(self) -> Layout:
        """The columns that are shown now."""
        return self._layout

    @property
    def row_text(self) -> str:
        """The row under the cursor as text."""
        row = self.cursor_row
        return "" if row is None else "  ".join(content.text for content in row.cells if content.text)

    def mark_sorting(self, sorting: Sorting | None) -> None:
        """Show by which column the rows are sorted."""
        if sorting != self._sorting:
            self._sorting = sorting
            self.refresh(Region(0, 0, self._across, 1))

    def repaint(self) -> None:
        """Everything anew: the colours or the language have changed."""
        self._rearrange()

    @property
    def keys_in_sight(self) -> list[str]:
        """Of the rows that the widget shows, from the top down."""
        top = self.scroll_offset.y
        return [row.key for row in self._rows[top : top + max(0, self.size.height - 1)]]

    @property
    def rows(self) -> tuple[TableRow, ...]:
        return self._rows

    @property
    def cursor_key(self) -> str | None:
        """Key of the selected row, None without one."""
        row = self.cursor_row
        return None if row is None else row.key

    @property
    def cursor_index(self) -> int:
        """Place of the selected row, from 0 on."""
        return self._cursor

    @property
    def cursor_row(self) -> TableRow | None:
        if not self._rows or self._rows[self._cursor].heading:
            return None
        return self._rows[self._cursor]

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns; the rows that belonged to the old ones go."""
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self._rows, self._cursor = (), 0
            self._rearrange()

    def set_rows(self, rows: Sequence[TableRow]) -> None:
        """Show these rows; the cursor stays on the row it was on."""
        new = tuple(rows)
        if new == self._rows:
            return
        old, key = self._rows, self.cursor_key
        self._rows = new
        keys = [row.key for row in new]
        cursor = keys.index(key) if key in keys else min(self._cursor, max(0, len(new) - 1))
        moved, self._cursor = cursor != self._cursor, self._selectable(cursor, 1)
        if moved or len(new) != len(old):
            self._rearrange()
            return
        changed = [index for index, (before, after) in enumerate(zip(old, new, strict=True)) if before != after]
        same_widths = all(as_wide(old[index], new[index]) for index in changed)
        if not same_widths and self._arrange_for(new) != self._layout:
            self._rearrange()
            return
        top = self.scroll_offset.y
        in_sight = range(top, top + self.size.height - 1)
        for index in changed:
            self._strips.pop(index, None)
            if index in in_sight:
                self._refresh_changed(index, index - top + 1, old[index], new[index])

    def _refresh_changed(self, index: int, line: int, before: TableRow, after: TableRow) -> None:
        """Repaint from the first cell of the row that changed to the last one: prices tick, names do not."""
        left, first, last = _MARGIN, self._across, 0
        slots = self._layout.slots
        if before.heading or after.heading or cell_len(after.cells[slots[-1].index].text) > slots[-1].width:
            self.refresh_lines(index + 1)
            return
        for slot in slots:
            if before.cells[slot.index] != after.cells[slot.index]:
                first, last = min(first, left), left + slot.width
            left += slot.width + self._layout.gap
        if last:
            self.refresh(Region(first, line, last - first, 1))

    def set_notice(self, text: str, tone: Tone = Tone.DIM) -> None:
        """What stands here while there are no rows."""
        if (text, tone) != self._notice:
            self._notice = (text, tone)
            if not self._rows:
                self.refresh()

    def clear(self, text: str = "", tone: Tone = Tone.DIM) -> None:
        """No rows, and the reason."""
        self.set_rows(())
        self.set_notice(text, tone)

    def select(self, key: str) -> None:
        for index, row in enumerate(self._rows):
            if row.key == key:
                self._move_cursor(index)

    def go_to(self, key: str) -> bool:
        """Move the cursor to this row as the user would; whether there is one."""
        index = next((index for index, row in enumerate(self._rows) if row.key == key), None)
        if index is None:
            return False
        self._user_moved_to(index)
        return True

    def bring_up(self, key: str) -> None:
        """Move the cursor to this row as the user would, and the row to the top."""
        if self.go_to(key):
            self.scroll_to(y=self._with_headings(self._cursor), animate=False, immediate=True, force=True)

    def select_last(self) -> None:
        if self._rows:
            self._move_cursor(self._selectable(len(self._rows) - 1, -1))

    def action_move(self, step: int) -> None:
        self._user_moved_to(self._selectable(self._cursor + step, step))

    def action_page(self, direction: int) -> None:
        step = max(1, self.size.height - 2) * direction
        self._user_moved_to(self._selectable(self._cursor + step, direction))

    def action_edge(self, index: int) -> None:
        """To the first row (0) or the last one (-1)."""
        self._user_moved_to(self._selectable(index % max(1, len(self._rows)), 1 if index == 0 else -1))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            if self._rows:
                self._head_clicked(offset.x)
            return
        index = offset.y - 1 + self.scroll_offset.y
        if index < len(self._rows) and not self._rows[index].heading:
            if event.chain == 2 and index == self._cursor:
                self.post_message(self.RowSelected(self, self._rows[index].key))
            self._user_moved_to(index)

    def _head_clicked(self, x: int) -> None:
        left = _MARGIN
        for slot in self._layout.slots:
            if left <= x < left + slot.width:
                self.post_message(self.HeaderSelected(self, slot.index))
            left += slot.width + self._layout.gap

    def on_resize(self) -> None:
        self._rearrange()
        self.post_message(self.SizeChanged())

    def on_focus(self) -> None:
        self.refresh_lines(self._cursor + 1)

    def on_blur(self) -> None:
        self.refresh_lines(self._cursor + 1)

    def render_lines(self, crop: Region) -> list[Strip]:
        self._base = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self._across
        if not self._rows:
            return self._notice_line(y, width)
        if y == 0:
            return self._header_strip(width)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._rows):
            return Strip.blank(width, self._base)
        if index == self._cursor and not self._rows[index].heading:
            lit = self.has_focus or self.lit
            over = STYLES[Tone.CURSOR if lit else Tone.CURSOR_AWAY]
            return self._row_strip(self._rows[index], width, over, ">" if lit else " ")
        if index not in self._strips:
            self._strips[index] = self._row_strip(self._rows[index], width)
        return self._strips[index]

    @property
    def _across(self) -> int:
        """Cells of a line; the column kept free for the scrollbar is not among them."""
        return self.scrollable_content_region.width

    @property
    def _width(self) -> int:
        return max(0, self._across - _MARGIN)

    def _rearrange(self) -> None:
        self._layout = self._arrange_for(self._rows)
        self._strips.clear()
        self.virtual_size = Size(self._across, len(self._rows) + 1 if self._rows else 0)
        self._scroll_update(self.virtual_size)
        self._keep_in_view()
        # Once more when the new height is known.
        self.call_after_refresh(self._keep_in_view)
        self.refresh()

    def _arrange_for(self, rows: Sequence[TableRow]) -> Layout:
        return arrange(self._columns, rows, self._width, choices_of(self.name_in_settings))

    def _selectable(self, index: int, direction: int) -> int:
        """The nearest row to `index` that is not a heading, looked for in `direction` first."""
        last = len(self._rows) - 1
        index = max(0, min(index, last))
        onward = range(index, last + 1) if direction >= 0 else range(index, -1, -1)
        backward = range(index, -1, -1) if direction >= 0 else range(index, last + 1)
        for candidate in (*onward, *backward):
            if 0 <= candidate <= last and not self._rows[candidate].heading:
                return candidate
        return max(0, index)

    def _user_moved_to(self, index: int) -> None:
        if not self._rows:
            return
        self._move_cursor(index)
        if (key := self.cursor_key) is not None:
            self.post_message(self.RowHighlighted(self, key))

    def _move_cursor(self, index: int) -> None:
        if index != self._cursor:
            self.refresh_lines(self._cursor + 1)
            self._cursor = index
            self.refresh_lines(self._cursor + 1)
        self._keep_in_view()

    def _keep_in_view(self) -> None:
        visible = self.size.height - 1
        if visible <= 0 or not self._rows:
            return
        top = self.scroll_offset.y
        first = self._with_headings(self._cursor)
        if first < top:
            self.scroll_to(y=first, animate=False, immediate=True, force=True)
        elif self._cursor >= top + visible:
            self.scroll_to(y=self._cursor - visible + 1, animate=False, immediate=True, force=True)

    def _with_headings(self, index: int) -> int:
        """The first of the headings just above this row: they come into view with it."""
        while index > 0 and self._rows[index - 1].heading:
            index -= 1
        return index

    def _header_strip(self, width: int) -> Strip:
        sorting, slots = self._sorting, self._layout.slots
        marked = next((slot for slot in slots if sorting is not None and slot.index == sorting.column), None)
        cells = [Cell(slot.column.title, Tone.STRONG if slot is marked else Tone.DIM) for slot in slots]
        strip = self._join(slots, cells, width, STYLES[Tone.HEADER], " ")
        if sorting is None or marked is None:
            return strip
        at = self._place_of_mark(marked, width)
        mark = Strip([Segment(sorting.mark, self._base + STYLES[Tone.STRONG] + STYLES[Tone.HEADER])])
        return Strip.join([strip.crop(0, at), mark, strip.crop(at + 1)]).simplify()

    def _place_of_mark(self, marked: Slot, width: int) -> int:
        """The blank cell for the mark of the sorting: behind the title, which may be in the gap, so that no head moves
        and no column goes for it; before the title where the line ends with it."""
        slots, gap = self._layout.slots, self._layout.gap
        left = _MARGIN + sum(slot.width + gap for slot in slots[: slots.index(marked)])
        title = min(cell_len(marked.column.title), marked.width)
        begin = left + marked.width - title if marked.column.right else left
        return begin + title if begin + title < width else begin - 1

    def _row_strip(self, row: TableRow, width: int, over: Style | None = None, mark: str = " ") -> Strip:
        if row.heading:
            return self._strip([Segment(fit(row.cells[0].text, width), STYLES[row.cells[0].tone])], width, None)
        cells = [row.cells[slot.index] for slot in self._layout.slots]
        return self._join(*widen_last_cell(self._layout, cells), width, over, mark)

    def _join(self, slots: Sequence[Slot], cells: Sequence[Cell], width: int, over: Style | None, mark: str) -> Strip:
        segments = [Segment(mark, STYLES[Tone.TEXT])]
        gap = " " * self._layout.gap
        for position, (slot, content) in enumerate(zip(slots, cells, strict=True)):
            # The gap goes with the cell behind it: a style of its own would cost bytes for nothing that is seen.
            text = fit(content.text, slot.width, right=slot.column.right)
            segments += _marked(gap + text if position else text, content)
        return self._strip(segments, width, over)

    def _notice_line(self, y: int, width: int) -> Strip:
        text, tone = self._notice
        lines = Text(text).wrap(self.app.console, max(1, width - 4)) if text else []
        top = min(2, max(0, self.size.height - len(lines)))
        if not 0 <= y - top < len(lines):
            return Strip.blank(width, self._base)
        return self._strip([Segment("  " + lines[y - top].plain.rstrip(), STYLES[tone])], width, None)

    def _strip(self, segments: list[Segment], width: int, over: Style | None) -> Strip:
        """A line of exactly so many cells. What looks the same is written in one go."""
        line = Segment.adjust_line_length(segments, width, STYLES[Tone.TEXT])
        painted = Segment.apply_style(line, style=self._base, post_style=over)
        return Strip(Segment.simplify(painted), width)


def _marked(text: str, content: Cell) -> list[Segment]:
    """The text of a cell, with what was searched for in it set off."""
    style = STYLES[content.tone]
    if not content.found:
        return [Segment(text, style)]
    parts = re.split(f"({re.escape(content.found)})", text, flags=re.IGNORECASE)
    marked = style + STYLES[Tone.FOUND]
    return [Segment(part, marked if place % 2 else style) for place, part in enumerate(parts) if part]
