"""A list that comes from the platform page by page: search line, table, and how much of it is loaded."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from core.i18n import mark, say
from tui import format as fmt
from tui.widgets.columns import Column, Sorting, TableRow, is_cut
from tui.widgets.panel import PanelBox
from tui.widgets.row_in_full import RowInFull, longest
from tui.widgets.table import LiveTable
from tui.widgets.theme import Tone, styled

_PAUSE = 0.3
_LONGEST = 40


class SearchLine(Horizontal):
    """Hidden until opened; enter goes back to the list and keeps the text, closing clears it.

    `placeholder` is marked, and said when the line is opened.
    """

    class Changed(Message):
        def __init__(self, line: "SearchLine", text: str) -> None:
            super().__init__()
            self.line = line
            self.text = text

        @property
        def control(self) -> "SearchLine":
            return self.line

    class Entered(Message):
        """Enter was pressed."""

        def __init__(self, line: "SearchLine") -> None:
            super().__init__()
            self.line = line

        @property
        def control(self) -> "SearchLine":
            return self.line

    def __init__(self, placeholder: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes="search-line")
        self._placeholder = placeholder
        self._input = Input(max_length=_LONGEST, compact=True, select_on_focus=False)
        self._timer: Timer | None = None
        self.text = ""
        self.display = False

    def compose(self) -> ComposeResult:
        yield Static("/", classes="search-mark")
        yield self._input

    def open(self) -> None:
        self._input.placeholder = say(self._placeholder)
        self.display = True
        self._input.focus()

    def close(self) -> bool:
        """Clear and hide; whether there was anything to close."""
        was_open = self.display
        self.display = False
        self._input.value = ""
        self._report()
        return was_open

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE, self._report)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._report()
        self.post_message(self.Entered(self))

    def _report(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        text = self._input.value.strip()
        if text != self.text:
            self.text = text
            self.post_message(self.Changed(self, text))


class ListTexts(NamedTuple):
    """What a list counts, and its marked sentences."""

    noun: str
    loading: str
    failed: str
    no_match: str


STRATEGIES = ListTexts(
    "strategy",
    mark("Loading strategies"),
    mark("The strategies were not loaded: {reason}"),
    mark("No strategy contains '{text}'. Press esc to show all."),
)
RECORDS = ListTexts(
    "record",
    mark("Loading records"),
    mark("The records were not loaded: {reason}"),
    mark("No record contains '{text}'. Press esc to show all."),
)


class Progress(NamedTuple):
    """How much of a list is loaded: the first `pages` of `of`, which hold `items` of `total`.

    `waited` is for how many seconds the next page has been awaited, None where it is not; `failure` is why it did not
    come.
    """

    pages: int
    of: int
    items: int
    total: int
    waited: int | None = None
    failure: str = ""

    @property
    def whole(self) -> bool:
        return self.pages > 0 and self.pages >= self.of


class PagedList(PanelBox):
    """Loading, empty, failed and filled, each in words. It sorts and filters the rows that are loaded."""

    def __init__(self, name: str, title: str, texts: ListTexts, columns: Sequence[Column], search_hint: str) -> None:
        """`title` and `search_hint` are marked."""
        self.search = SearchLine(search_hint, id=f"{name}-search")
        self.table = LiveTable(columns, id=f"{name}-table")
        self.detail = RowInFull()
        self.sorting: Sorting | None = None
        self._texts = texts
        self._rows: tuple[TableRow, ...] = ()
        self._progress = Progress(0, 0, 0, 0)
        self._about: Mapping[str, str] = {}
        self._longest = Text()
        self._longest_of: tuple[Any, ...] = ()
        self._shown = 0
        """Rows that the search lets through."""
        super().__init__(title, self.search, self.table, self.detail, id=name)

    def on_resize(self) -> None:
        self.set_hint(self._where())

    @property
    def needs_all(self) -> bool:
        """Whether rows are sorted or filtered, which asks for the pages that are not loaded yet."""
        return self.sorting is not None or bool(self.search.text)

    def tell_about(self, about: Mapping[str, str]) -> None:
        """What is said about the rows, by their keys; it stands below the list for the one under the cursor."""
        self._about = about
        self._show_detail()

    @on(LiveTable.SizeChanged)
    def _show_detail(self) -> None:
        rows, row, width = self.table.rows, self.table.cursor_row, self.table.size.width
        if (made_for := (rows, self._about, width)) != self._longest_of:
            self._longest_of, self._longest = made_for, longest(self._in_full(row) for row in rows)
        self.detail.show(Text() if row is None else self._in_full(row), self._longest, width)

    def _in_full(self, row: TableRow) -> Text:
        """Its name where the column cuts it, and what is said about it."""
        names = [content.text for content, column in zip(row.cells, self.table.columns, strict=True) if column.flex]
        name = " ".join(names) if is_cut(self.table.column_layout, row) else ""
        about = fmt.one_line(self._about.get(row.key, ""))
        return styled((name, Tone.STRONG), ("  " if name and about else "", Tone.DIM), (about, Tone.DIM))

    def show_nothing(self, text: str) -> None:
        """Nothing was asked for."""
        self._rows, self._progress = (), Progress(0, 0, 0, 0)
        self.table.clear(text)
        self.set_hint("")

    def show_rows(self, rows: Sequence[TableRow], progress: Progress, empty: str) -> None:
        """The rows that are loaded; `empty` says why there is none where all are loaded."""
        self._rows, self._progress = tuple(rows), progress
        shown = [row for row in self._rows if row.holds(self.search.text)] if self.search.text else self._rows
        if self.sorting is not None:
            shown = self.sorting.applied(shown)
        self.table.set_rows(shown)
        self.table.set_notice(*self._notice(empty))
        self._shown = len(shown)
        self.set_hint(self._where())

    def sort_by(self, sorting: Sorting | None) -> None:
        self.sorting = sorting
        self.table.mark_sorting(sorting)

    def _notice(self, empty: str) -> tuple[str, Tone]:
        """What stands in place of the rows."""
        progress = self._progress
        if progress.failure and not progress.pages:
            reason = say(self._texts.failed, reason=progress.failure)
            return reason + "\n\n" + say("Press r to try again."), Tone.BAD
        if not progress.pages or (self.search.text and not progress.whole and progress.waited is not None):
            seconds = progress.waited or 0
            return say(self._texts.loading) + (f": {seconds} s" if seconds >= 2 else ""), Tone.DIM
        if self._rows and self.search.text:
            return say(self._texts.no_match, text=self.search.text), Tone.DIM
        return empty, Tone.DIM

    def _where(self) -> str:
        """How many rows there are and how many of them are loaded and shown."""
        progress = self._progress
        if not progress.pages:
            return ""
        count = fmt.plural(progress.total, self._texts.noun)
        loaded = say("loaded {items} of {count}", items=progress.items, count=count)
        long = [count if progress.whole else loaded]
        short = [long[0] if progress.whole else f"{progress.items}/{progress.total}"]
        if self.search.text:
            matching = say("{shown} shown", shown=self._shown)
            long, short = [matching, *long], [matching, *short]
        if progress.failure:
            reason = say("page {page}: {reason}", page=progress.pages + 1, reason=fmt.one_line(progress.failure))
            long, short = [*long, reason], [*short, reason]
        elif progress.waited is not None and progress.waited >= 2:
            long.append(f"{progress.waited} s")
        return fmt.first_fitting([say(", ").join(long), say(", ").join(short)], self.size.width - 4)
