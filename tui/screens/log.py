"""Log: a day's file, a window of it at a time."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from core.i18n import mark, say, say_many
from core.model.command import Done, FindInLog, ReadLog
from core.model.log_page import LogLine, LogPage
from core.model.snapshot import Level
from tui import format as fmt
from tui.actions import bindings_of
from tui.screens.dialogs import TextDialog
from tui.screens.pane import Pane
from tui.widgets.columns import Cell, Column, TableRow, cell, is_cut
from tui.widgets.paged_list import SearchLine
from tui.widgets.panel import PanelBox
from tui.widgets.row_in_full import RowInFull
from tui.widgets.table import LiveTable
from tui.widgets.text import TextBlock
from tui.widgets.theme import LEVEL_TONES, Tone, styled

_LINES = 500
# At most so many lines are kept; as the cursor moves on, the far end is dropped.
_KEPT = 1500
_TICKS = 2
_FIRST = -1
_LEVELS = (Level.INFO, Level.WARNING, Level.ERROR)
_LEVEL_TEXTS = {
    Level.INFO: mark("everything"),
    Level.WARNING: mark("warnings and errors"),
    Level.ERROR: mark("errors only"),
}
_EMPTY = {
    Level.INFO: mark("Nothing was logged on this day."),
    Level.WARNING: mark("No warnings and no errors on this day."),
    Level.ERROR: mark("No errors on this day."),
}
_PARTS = {
    str(part): part
    for part in (
        *(mark("bonds", context="part"), mark("brokers", context="part"), mark("engine", context="part")),
        *(mark("factorcat", context="part"), mark("notify", context="part"), mark("quotes", context="part")),
        *(mark("trading", context="part"), mark("tui", context="part"), mark("logs", context="part")),
        *(mark("backlog", context="part"), mark("updates", context="part"), mark("native_output", context="part")),
        mark("xtquant_sdk", context="part"),
    )
}
"""The parts of the program that log. Another is a library, named as it is."""
_COLUMNS = (
    Column(mark("Time"), 8),
    Column(mark("Level"), 7),
    Column(mark("Source"), 6, most=14, rank=1),
    Column(mark("Text"), 50, flex=True),
)


class LogTable(LiveTable):
    """`home` and `end` mean the file's, not the window's."""

    def __init__(self, edge: Callable[[bool], None]) -> None:
        super().__init__(_COLUMNS, id="log-table")
        self._edge = edge

    def action_edge(self, index: int) -> None:
        self._edge(index == 0)


class LogPane(Pane):
    """Follows the log until the user moves in it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("log")

    def __init__(self) -> None:
        super().__init__("log")
        self._summary = TextBlock(classes="summary")
        self._search = SearchLine(mark("text"))
        self._table = LogTable(self._jump_to_edge)
        self._detail = RowInFull()
        self._longest: TableRow | None = None
        self._following = True
        self._minimum = Level.INFO
        self._page: LogPage | None = None
        self._past = False
        self._reading = False
        self._lines: dict[str, LogLine] = {}
        self._ticks = 0
        self._problem = ""

    def compose(self) -> ComposeResult:
        yield PanelBox(mark("Log"), self._summary, self._search, self._table, self._detail)

    def on_mount(self) -> None:
        self._update_summary()

    def focus_target(self) -> Widget:
        return self._table

    def copy_text(self) -> str:
        return self._table.row_text

    def activated(self) -> None:
        if self._page is None or self._following:
            self._read(ReadLog(_LINES, self._minimum))

    def tick(self) -> None:
        self._ticks += 1
        if self._following and self._ticks % _TICKS == 0:
            self._read(ReadLog(_LINES, self._minimum))

    def why_not(self, action: str) -> str:
        if action == "open" and self._table.cursor_key is None:
            return say("No line to read.")
        if action in ("next", "previous") and not self._search.text:
            return say("No search text: press / first.")
        if action == "earlier" and (self._page is None or self._page.earlier is None):
            return say("There is no earlier log.")
        return say("This is today's log.") if action in ("later", "today") and not self._past else ""

    def action_follow(self) -> None:
        if self._following:
            self._pause()
        else:
            self.action_today()

    def action_today(self) -> None:
        self._past, self._following = False, True
        self._read(ReadLog(_LINES, self._minimum), reset=True)

    def action_level(self) -> None:
        self._minimum = _LEVELS[(_LEVELS.index(self._minimum) + 1) % len(_LEVELS)]
        self._read(ReadLog(_LINES, self._minimum, self._day), reset=True)

    def action_earlier(self) -> None:
        if self._page is not None and self._page.earlier is not None:
            self._past, self._following = True, False
            self._read(ReadLog(_LINES, self._minimum, self._page.earlier), reset=True)

    def action_later(self) -> None:
        page, snapshot = self._page, self.host.snapshot
        today = snapshot.at.date() if snapshot is not None else None
        if page is None or page.later is None or page.later == today:
            self.action_today()
        else:
            self._read(ReadLog(_LINES, self._minimum, page.later), reset=True)

    def action_open(self) -> None:
        line = self._lines.get(self._table.cursor_key or "")
        if line is not None:
            head = f"{line.at:%Y-%m-%d %H:%M:%S}  {say(line.level).upper()}  {shown_part(line.source)}"
            # The log file holds the line ends of a message as \\n.
            text = line.text.replace("\\n", "\n")
            self.host.push_screen(TextDialog(say("Log line"), styled((head, Tone.STRONG), f"\n\n{text}")))

    def action_search(self) -> None:
        self._search.open()

    def action_back(self) -> None:
        if self._search.close():
            self._table.focus()
            self._update_rows()

    def action_next(self) -> None:
        self._search_next(forward=True)

    def action_previous(self) -> None:
        self._search_next(forward=False)

    @on(SearchLine.Changed)
    def _search_changed(self) -> None:
        self._update_rows()
        if self._search.text and not self._cursor_on_match():
            self._search_next(forward=False)
        self.host.refresh_keys()

    @on(SearchLine.Entered)
    def _search_done(self) -> None:
        self._table.focus()

    @on(LiveTable.RowHighlighted)
    def _moved(self) -> None:
        if self._following:
            self._pause()
        self._update_detail()
        keys = list(self._lines)
        if self._table.cursor_key == keys[0]:
            self._read(ReadLog(_LINES, self._minimum, self._day, before=self._lines[keys[0]].begins))
        elif self._table.cursor_key == keys[-1]:
            self._read(ReadLog(_LINES, self._minimum, self._day, after=self._lines[keys[-1]].begins))

    @property
    def _day(self) -> date | None:
        return self._page.day if self._page is not None and self._past else None

    def _pause(self) -> None:
        self._following = False
        self._update_summary()

    def _jump_to_edge(self, first: bool) -> None:
        self._following = False
        edge = ReadLog(_LINES, self._minimum, self._day, after=_FIRST if first else None)
        self._read(edge, reset=True)

    def _cursor_on_match(self) -> bool:
        line = self._lines.get(self._table.cursor_key or "")
        return line is not None and self._search.text.casefold() in line.text.casefold()

    def _search_next(self, *, forward: bool) -> None:
        line = self._lines.get(self._table.cursor_key or "")
        if line is not None:
            self.start(partial(self._find, line, self._search.text, forward=forward), "find")

    async def _find(self, line: LogLine, text: str, *, forward: bool) -> None:
        reply = await self.host.ask(FindInLog(text, line.begins, forward, self._minimum, self._day))
        if text != self._search.text:
            return
        if not isinstance(reply, Done):
            self.host.show_message(say("The log could not be searched: {reason}", reason=reply.text), failed=True)
        elif reply.value is None:
            where = say("below") if forward else say("above")
            self.host.show_message(say("'{text}' was not found {where}.", text=text, where=where))
        else:
            self._following = False
            await self._show_around(reply.value)

    async def _show_around(self, line: LogLine) -> None:
        if str(line.begins) not in self._lines:
            half = _LINES // 2
            before = await self.host.ask(ReadLog(half, self._minimum, self._day, before=line.begins))
            after = await self.host.ask(ReadLog(half, self._minimum, self._day, after=line.begins))
            if not isinstance(before, Done) or not isinstance(after, Done):
                return
            self._page = after.value
            self._set_lines([*before.value.lines, line, *after.value.lines])
        self._update_rows()
        self._table.select(str(line.begins))
        self._update_detail()
        self._update_summary()

    def _read(self, command: ReadLog, *, reset: bool = False) -> None:
        """Ask for lines; `reset` drops the lines shown and any earlier request."""
        if reset or not self._reading:
            self._reading = True
            if reset:
                self._lines = {}
                self._table.clear()
            self.start(partial(self._fetch, command, reset=reset), "read")
            self._update_summary()

    async def _fetch(self, command: ReadLog, *, reset: bool) -> None:
        reply = await self.host.ask(command)
        self._reading = False
        if isinstance(reply, Done):
            self._problem, self._page = "", reply.value
            self._merge_page(command, reply.value, reset=reset)
        else:
            self._problem = say("The log could not be read: {reason}", reason=reply.text)
        self._update_summary()

    def _merge_page(self, command: ReadLog, page: LogPage, *, reset: bool) -> None:
        shown = list(self._lines.values())
        if command.before is not None:
            shown = [*page.lines, *shown][:_KEPT]
        elif command.after is not None:
            shown = [*shown, *page.lines][-_KEPT:]
        else:
            shown = list(page.lines)
        self._set_lines(shown)
        self._update_rows()
        if self._following or (reset and command.after is None):
            self._table.select_last()
        elif reset:
            self._table.select(next(iter(self._lines), ""))
        self._update_detail()

    def _set_lines(self, lines: list[LogLine]) -> None:
        self._lines = {str(line.begins): line for line in lines}

    def _update_rows(self) -> None:
        rows = [_row(key, line, self._search.text) for key, line in self._lines.items()]
        self._longest = max(rows, key=lambda row: cell_len(row.cells[-1].text), default=None)
        self._table.set_rows(rows)
        self._update_detail()

    @on(LiveTable.SizeChanged)
    def _update_detail(self) -> None:
        self._detail.show(self._in_full(self._table.cursor_row), self._in_full(self._longest), self._table.size.width)

    def _in_full(self, row: TableRow | None) -> Text:
        """The row's text where the table cuts it."""
        cut = row is not None and is_cut(self._table.column_layout, row)
        return styled(row.cells[-1].text) if row is not None and cut else Text()

    def _update_summary(self) -> None:
        """The line above the table, and the table's text while it is empty."""
        title = say("Log of today")
        if self._past and self._page is not None:
            title = say("Log of {day}", day=self._page.day)
        state = (say("following"), Tone.GOOD) if self._following else (say("paused"), Tone.WARN)
        count = say_many("{count} line", "{count} lines", len(self._lines)) + self._position_text()
        self._summary.set_text(
            styled(
                (title, Tone.TITLE),
                (f"  {count}  {say(_LEVEL_TEXTS[self._minimum])}  ", Tone.DIM),
                state,
                (f"   {self._problem}", Tone.BAD) if self._problem and self._table.rows else "",
            )
        )
        if self._problem:
            self._table.set_notice(self._problem, Tone.WARN)
        elif self._page is None or self._reading:
            self._table.set_notice(say("Reading the log."))
        else:
            self._table.set_notice(say(_EMPTY[self._minimum]))
        self.host.refresh_keys()

    def _position_text(self) -> str:
        """Where in a file that is longer than what is shown."""
        if self._following or not self._lines or self._page is None or not self._page.size:
            return ""
        at = list(self._lines.values())[-1].begins / self._page.size
        return "" if at > 0.99 else say(", at {share} of the file", share=fmt.share(at))


def _row(key: str, line: LogLine, found: str) -> TableRow:
    tone = LEVEL_TONES[line.level]
    text = cell(line.text, Tone.TEXT if line.level is Level.INFO else tone)
    return TableRow(
        key,
        (
            cell(fmt.clock(line.at), Tone.DIM),
            cell(say(line.level), tone),
            cell(shown_part(line.source), Tone.DIM),
            Cell(text.text, text.tone, found),
        ),
    )


def shown_part(source: str) -> str:
    """The part of the program that logs, in the language in use."""
    return say(_PARTS.get(source, source))
