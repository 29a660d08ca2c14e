"""What the screens have in common."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget

from core.i18n import mark, say
from core.model.command import Command, Reply
from core.model.snapshot import Snapshot
from tui.widgets.columns import Column, Sorting, TableRow, arranged, sorted_next
from tui.widgets.paged_list import SearchLine
from tui.widgets.panel import PanelBox, Split, TextPanel, Titled
from tui.widgets.table import LiveTable
from tui.widgets.text import TextBlock
from tui.widgets.theme import Tone

T = TypeVar("T")


class PaneHost(Protocol):
    """What a pane needs of the app."""

    @property
    def snapshot(self) -> Snapshot | None: ...

    @property
    def stale(self) -> bool:
        """Whether the snapshot is too old to act on."""
        ...

    async def ask(self, command: Command[T]) -> Reply[T]: ...

    async def push_screen_wait(self, screen: Screen[T]) -> T: ...

    def push_screen(self, screen: Screen[Any]) -> object: ...

    def show_message(self, text: str, *, failed: bool = False) -> None:
        """A toast: the outcome of an action."""
        ...

    def open_login(self) -> None: ...

    def make_plan(self) -> None:
        """Go to the plan and make one now."""
        ...

    def refresh_keys(self) -> None:
        """Show the key bar again: other actions are possible now."""
        ...


class Pane(Vertical):
    """A screen that a digit opens.

    Panes live as long as the app, so a request goes on when the user opens another pane.
    Each action of the registry calls `action_<name>`, unless `why_not` gives a reason.
    """

    def __init__(self, name: str) -> None:
        super().__init__(id=name)

    @property
    def host(self) -> PaneHost:
        return cast(PaneHost, self.app)

    def show(self, snapshot: Snapshot) -> None:
        """Show a new snapshot; called while this pane is open, and when it is opened."""

    def activated(self) -> None:
        """The user came here."""

    def tick(self) -> None:
        """One second passed while this pane is open."""

    @property
    def lists_troubles(self) -> bool:
        """Whether it shows in full what keeps trading off and what wants attention, so that no alert repeats it."""
        return False

    def focus_target(self) -> Widget:
        """What has the focus when this pane is opened."""
        return self

    def refresh_all(self) -> None:
        """Redraw everything: the language or the colours have changed."""
        for panel in self.query(Titled):
            panel.refresh_title()
        for table in self.query(LiveTable):
            table.repaint()
        if self.host.snapshot is not None:
            self.show(self.host.snapshot)

    def copy_text(self) -> str:
        """What `y` copies: the row under the cursor as text."""
        return ""

    def why_not(self, action: str) -> str:
        """Why the action does nothing now; empty where it does something."""
        return ""

    def action_run(self, action: str) -> None:
        if reason := self.why_not(action):
            self.host.show_message(reason)
            return
        do: Callable[[], None] = getattr(self, f"action_{action}")
        do()

    @on(LiveTable.RowSelected)
    def _row_selected(self) -> None:
        self.action_run("open")

    def start(self, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> None:
        """Run a request; a newer one of the same group takes its place, perhaps before it began: `work` is not called
        then, where a coroutine that nobody awaits would be a fault."""
        self.run_worker(
            work, name=group, group=f"{self.id}.{group}", description=group, exclusive=True, exit_on_error=False
        )


BESIDE = 150
"""Cells from which on the details stand beside the table instead of below it."""


class ListPane(Pane):
    """A panel with a summary, a search line and a table; the details of the row under the cursor are in a second panel,
    beside it where the screen is wide enough, else below it.
    """

    HEADS_SORT = True
    """Whether a click on a column's head sorts by it."""

    def __init__(self, name: str, title: str, columns: Sequence[Column], filter_hint: str) -> None:
        """`title` and `filter_hint` are marked."""
        super().__init__(name)
        self.summary = TextBlock(classes="summary")
        self.search = SearchLine(filter_hint)
        self.nothing = TextBlock(classes="nothing")
        self.table = LiveTable(columns, id=f"{name}-table")
        self.panel = PanelBox(title, *self.in_panel())
        self.detail = TextPanel(mark("Details"), classes="detail")
        self.sorting: Sorting | None = None
        self._all: tuple[TableRow, ...] = ()
        self._empty = ""

    def in_panel(self) -> tuple[Widget, ...]:
        """What the panel holds, from top to bottom."""
        return self.summary, self.search, self.nothing, self.table

    def compose(self) -> ComposeResult:
        yield Split(self.panel, self.detail)

    @property
    def beside(self) -> bool:
        """Whether the details stand beside the table, with room for a line for each."""
        return self.app.size.width >= BESIDE

    def on_mount(self) -> None:
        self.table.clear(say("Waiting for the engine."))
        self.detail.display = self.nothing.display = False

    def on_resize(self) -> None:
        self._row_highlighted()

    def focus_target(self) -> Widget:
        return self.table

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Rows of another kind follow, in their own order."""
        if tuple(columns) != self.table.columns:
            self.sorting = None
            self.table.mark_sorting(None)
            self.table.set_columns(columns)

    def set_rows(self, rows: Sequence[TableRow], empty: str | Text) -> None:
        """Show the rows that the filter lets through; without any row `empty`, in the table if it is a sentence."""
        self._all, self._empty = tuple(rows), empty if isinstance(empty, str) else ""
        self._show_nothing(Text() if rows or isinstance(empty, str) else empty)
        self._refilter()

    def _show_nothing(self, text: Text) -> None:
        self.nothing.set_text(text)
        self.nothing.display = bool(text)

    def show_unknown(self, text: str) -> None:
        """Say why the rows are not known; that is not the same as having none."""
        self._all = ()
        self._show_nothing(Text())
        self.table.clear(text, Tone.WARN)
        self._row_highlighted()

    def update_detail(self) -> None:
        """Fill `detail` for the row under the cursor."""

    def action_search(self) -> None:
        self.search.open()

    def copy_text(self) -> str:
        return self.table.row_text

    def action_sort(self) -> None:
        """By the next column that is shown."""
        self._sort_by(sorted_next(self.sorting, self.table.column_layout))

    def action_reverse(self) -> None:
        if self.sorting is not None:
            self._sort_by(replace(self.sorting, descending=not self.sorting.descending))

    @on(LiveTable.HeaderSelected)
    def _head_clicked(self, message: LiveTable.HeaderSelected) -> None:
        if not self.HEADS_SORT:
            return
        if self.sorting is not None and self.sorting.column == message.column:
            self.action_reverse()
        else:
            column = next(slot.column for slot in self.table.column_layout.slots if slot.index == message.column)
            self._sort_by(Sorting(message.column, column.right))

    def _sort_by(self, sorting: Sorting | None) -> None:
        self.sorting = sorting
        self.table.mark_sorting(sorting)
        self._refilter()
        self.host.refresh_keys()

    def action_back(self) -> None:
        if self.search.close():
            self.table.focus()

    @on(SearchLine.Changed)
    def _refilter(self) -> None:
        text = self.search.text
        rows = arranged(self._all, text, self.sorting)
        nothing = self._empty
        if self._all and text:
            nothing = say("No row contains '{text}'. Press esc to show all.", text=text)
        self.table.set_notice(nothing)
        self.table.set_rows(rows)
        self._row_highlighted()

    @on(SearchLine.Entered)
    def _search_done(self) -> None:
        self.table.focus()

    @on(LiveTable.RowHighlighted)
    def _row_highlighted(self) -> None:
        if self.table.cursor_key is None:
            self.detail.set_text("")
        else:
            self.update_detail()
        self.detail.display = bool(self.detail.text)
        self.row_shown()
        self.host.refresh_keys()

    def row_shown(self) -> None:
        """The row under the cursor, or the number of rows, may be another one now."""
