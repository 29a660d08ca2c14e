"""Log: the newest lines of today's file."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from core.model.command import Done, LogLine, ReadLog
from core.model.snapshot import Level
from tui import format as fmt
from tui.actions import bindings_of
from tui.screens.list_pane import ListPane
from tui.screens.modals import Reading
from tui.widgets.columns import Column, Row, cell
from tui.widgets.live_table import LiveTable
from tui.widgets.palette import LEVEL_TONES, Tone, words

_LINES = 500
_BEATS = 2
_LEVELS = (Level.INFO, Level.WARNING, Level.ERROR)
_LEVEL_WORDS = {
    Level.INFO: "everything",
    Level.WARNING: "warnings and errors",
    Level.ERROR: "errors only",
}
_EMPTY = {
    Level.INFO: "Nothing was logged today.",
    Level.WARNING: "No warnings and no errors today.",
    Level.ERROR: "No errors today.",
}
_COLUMNS = (
    Column("Time", 8),
    Column("Level", 7),
    Column("Source", 6, most=14, rank=1),
    Column("Text", 50, flex=True),
)


class LogPane(ListPane):
    """Follows the log until the user moves in it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("log")
    WAITING = "Reading the log."

    def __init__(self) -> None:
        super().__init__("log", _COLUMNS, "text")
        self._following = True
        self._minimum = Level.INFO
        self._reading = False
        self._beats = 0
        self._problem = ""
        self._lines: dict[str, LogLine] = {}

    def on_mount(self) -> None:
        self._say()

    def opened(self) -> None:
        self._read()

    def beat(self) -> None:
        self._beats += 1
        if self._following and self._beats % _BEATS == 0:
            self._read()

    def why_not(self, action: str) -> str:
        return "There is no line to read." if action == "open" and self.table.cursor_key is None else ""

    def do_follow(self) -> None:
        self._following = not self._following
        self._say()
        if self._following:
            self._to_the_end()
            self._read()

    def do_level(self) -> None:
        self._minimum = _LEVELS[(_LEVELS.index(self._minimum) + 1) % len(_LEVELS)]
        self._reading = False
        self._say()
        self._read()

    def do_open(self) -> None:
        line = self._lines.get(self.table.cursor_key or "")
        if line is not None:
            head = f"{fmt.clock(line.at)}  {line.level.upper()}  {line.source}"
            self.host.push_screen(Reading("Log line", words((head, Tone.STRONG), f"\n\n{line.text}")))

    def draw_detail(self) -> None:
        line = self._lines.get(self.table.cursor_key or "")
        self.detail.put(words((line.text if line is not None else "", Tone.TEXT)))

    def _read(self) -> None:
        if not self._reading:
            self._reading = True
            self.start(self._fetch(self._minimum), "read")

    async def _fetch(self, minimum: Level) -> None:
        reply = await self.host.ask(ReadLog(limit=_LINES, minimum=minimum))
        if minimum is not self._minimum:
            return
        self._reading = False
        if isinstance(reply, Done):
            self._problem = ""
            self._put(reply.value)
        else:
            self._problem = f"The log was not read: {reply.text}"
            if not self.table.rows:
                self.unknown(self._problem)
        self._say()

    def _put(self, lines: Sequence[LogLine]) -> None:
        keys = _keys(lines)
        self._lines = dict(zip(keys, lines, strict=True))
        self.set_rows([_row(key, line) for key, line in self._lines.items()], _EMPTY[self._minimum])
        if self._following:
            self._to_the_end()

    def _to_the_end(self) -> None:
        self.table.select_last()
        self.draw_detail()

    @on(LiveTable.Moved)
    def _user_moved(self) -> None:
        if self._following:
            self._following = False
            self._say()

    def _say(self) -> None:
        following = ("following", Tone.GOOD) if self._following else ("paused, f follows", Tone.WARN)
        count = fmt.plural(len(self._lines), "line")
        self.summary.put(
            words(
                ("Log of today", Tone.TITLE),
                (f"   {count}   {_LEVEL_WORDS[self._minimum]}   ", Tone.DIM),
                following,
                (f"   {self._problem}", Tone.BAD) if self._problem and self.table.rows else "",
            )
        )


def _keys(lines: Sequence[LogLine]) -> list[str]:
    """A key per line that stays the same while older lines leave."""
    seen: Counter[tuple[str, str]] = Counter()
    keys: list[str] = []
    for line in lines:
        identity = (line.at.isoformat(), line.text)
        seen[identity] += 1
        keys.append(f"{identity[0]} {line.source} {line.text} {seen[identity]}")
    return keys


def _row(key: str, line: LogLine) -> Row:
    tone = LEVEL_TONES[line.level]
    return Row(
        key,
        (
            cell(fmt.clock(line.at), Tone.DIM),
            cell(line.level, tone),
            cell(line.source, Tone.DIM),
            cell(line.text, Tone.TEXT if line.level is Level.INFO else tone),
        ),
    )
