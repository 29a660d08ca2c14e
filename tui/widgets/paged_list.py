"""A list that comes in pages: title, search line, table and page number."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from core.i18n import mark, say
from core.model.platform import Page
from tui import format as fmt
from tui.widgets.columns import Column, TableRow
from tui.widgets.table import LiveTable
from tui.widgets.text import ClickableText, TextBlock
from tui.widgets.theme import STYLES, Tone, styled

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
    """What a list counts, and its two marked sentences."""

    noun: str
    loading: str
    failed: str


STRATEGIES = ListTexts("strategy", mark("Loading strategies"), mark("The strategies were not loaded: {reason}"))
RECORDS = ListTexts("record", mark("Loading records"), mark("The records were not loaded: {reason}"))


class Pager(ClickableText[int]):
    """The page number, with links to the page before and the page after."""

    class PageRequested(Message):
        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def set_links(self, *, back: bool, forward: bool) -> None:
        """Add the links to the page before and the page after."""
        self._links.clear()
        text = styled((self.text, Tone.DIM))
        for step, there, shown in ((-1, back, "[<]"), (1, forward, "[>]")):
            text.append("  ")
            start = text.cell_len
            text.append(shown, STYLES[Tone.KEY if there else Tone.DIM])
            if there:
                self._links.append((start, text.cell_len, step))
        self.set_text(text)

    def clicked(self, link: int) -> None:
        self.post_message(self.PageRequested(link))


class PagedList(Vertical):
    """Loading, empty, failed and filled, each in words."""

    def __init__(self, name: str, texts: ListTexts, columns: Sequence[Column], search_hint: str) -> None:
        super().__init__(id=name)
        self._texts = texts
        self._title = TextBlock(classes="summary")
        self._pager = Pager(classes="where")
        self.detail = TextBlock(classes="detail")
        self.search = SearchLine(search_hint, id=f"{name}-search")
        self.table = LiveTable(columns, id=f"{name}-table")
        self.page, self.pages = 1, 1
        self.loaded = False
        self._loading_since: float | None = None

    def compose(self) -> ComposeResult:
        yield self._title
        yield self.search
        yield self.table
        yield self.detail
        yield self._pager

    def on_mount(self) -> None:
        self.detail.display = False

    def show_detail(self, name: str, about: str) -> None:
        """The row under the cursor in full: its column may be too narrow for it. Without a name: nothing."""
        self.detail.display = bool(name)
        self.detail.set_text(styled((name, Tone.STRONG), (f"  {fmt.one_line(about)}" if about else "", Tone.DIM)))

    def set_title(self, title: str, note: str = "") -> None:
        self._title.set_text(styled((title, Tone.TITLE), (f"  {note}" if note else "", Tone.DIM)))

    def show_loading(self) -> None:
        """A page was asked for; the old rows stay until it comes."""
        self._loading_since = time.monotonic()
        self.tick()

    def tick(self) -> None:
        """Show how long the reply has been awaited."""
        if self._loading_since is None:
            return
        seconds = int(time.monotonic() - self._loading_since)
        text = say(self._texts.loading) + (f": {seconds} s" if seconds >= 2 else "")
        self.table.set_notice(text)
        if self.table.rows:
            self._pager.set_text(styled((text, Tone.DIM)))

    def show_failure(self, reason: str) -> None:
        self._loading_since, self.loaded = None, False
        self.table.clear(say(self._texts.failed, reason=reason) + "\n\n" + say("Press r to try again."), Tone.BAD)
        self._pager.set_text("")

    def show_empty(self, text: str) -> None:
        """Nothing was asked for yet."""
        self._loading_since, self.loaded = None, False
        self.page = self.pages = 1
        self.table.clear(text)
        self._pager.set_text("")

    def page_loaded(self, page: Page[Any]) -> None:
        """A page came; `set_rows` shows its rows."""
        self._loading_since, self.loaded = None, True
        self.page, self.pages = page.page, max(1, page.total_pages)
        count = fmt.plural(page.total_count, self._texts.noun)
        where = say("page {page}/{pages}, {count}", page=self.page, pages=self.pages, count=count)
        self._pager.set_text(styled((where, Tone.DIM)))
        self._pager.set_links(back=self.page_after(-1) is not None, forward=self.page_after(1) is not None)

    def set_rows(self, rows: Sequence[TableRow], empty: str) -> None:
        self.table.set_notice(empty)
        self.table.set_rows(rows)

    def page_after(self, step: int) -> int | None:
        """Number of the page that many pages on, None where there is none."""
        wanted = self.page + step
        return wanted if self.loaded and 1 <= wanted <= self.pages else None
