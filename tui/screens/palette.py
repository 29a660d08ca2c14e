"""The palette: everything that can be opened or done, found by a few letters."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from core.i18n import mark, say
from tui.pinyin import has_initials, initials
from tui.screens.dialogs import Dialog
from tui.widgets.columns import Column, TableRow, cell, heading
from tui.widgets.table import LiveTable
from tui.widgets.text import key_hints
from tui.widgets.theme import Tone

_COLUMNS = (Column(mark("Name"), 20, most=44), Column(mark("What it does"), 10, flex=True))
_AROUND = 9
"""Lines of the dialog around its list."""
_RECENT = 5
_MOST = 60
"""Rows that are shown of what was found; nobody reads further."""
_RECENTLY = mark("Recently used")
_WHOLE, _START, _INSIDE, _INITIALS, _SCATTERED = 5, 4, 3, 2, 1


@dataclass(frozen=True, slots=True)
class PaletteEntry:
    """Something to open or to do.

    `key` is the same at every start; `group` is marked; `words` are searched and not shown; `chinese` says that the
    first word, a Chinese name, is also found by its first letters in pinyin. `preview` shows it while the cursor is
    on it.
    """

    key: str
    group: str
    name: str
    about: str
    run: Callable[[], Awaitable[None] | None]
    words: tuple[str, ...] = ()
    chinese: bool = False
    preview: Callable[[], None] | None = None


def found(entries: Iterable[PaletteEntry], typed: str, recent: Sequence[str]) -> list[PaletteEntry]:
    """What fits all of the typed words, best group first; of equals, what was used last comes first."""
    words = typed.lower().split()
    scored = [(score, entry) for entry in entries if (score := min((_score(entry, word) for word in words), default=1))]
    best: dict[str, int] = {}
    for score, entry in scored:
        best[entry.group] = max(score, best.get(entry.group, 0))
    places = {group: place for place, group in enumerate(best)}

    def order(hit: tuple[int, PaletteEntry]) -> tuple[int, int, int, int]:
        score, entry = hit
        used = recent.index(entry.key) if entry.key in recent else len(recent)
        return -best[entry.group], places[entry.group], -score, used

    return [entry for _, entry in sorted(scored, key=order)][:_MOST]


def _score(entry: PaletteEntry, word: str) -> int:
    texts = [entry.name.lower(), *(text.lower() for text in entry.words)]
    parts = [part for text in texts for part in text.replace(":", " ").replace(".", " ").split()]
    if word in texts or word in parts:
        return _WHOLE
    if any(part.startswith(word) for part in (*texts, *parts)):
        return _START
    letters = initials(entry.words[0]) if entry.chinese else ()
    if has_initials(word, letters[: len(word)]):
        return _START
    if any(word in text for text in texts):
        return _INSIDE
    if has_initials(word, letters):
        return _INITIALS
    return _SCATTERED if len(word) > 1 and any(_scattered(word, text) for text in texts[:1]) else 0


def _scattered(word: str, text: str) -> bool:
    """Whether the letters come in this order, the first one at the start of a word."""
    starts = [place for place, letter in enumerate(text) if letter == word[0] and not text[place - 1 : place].isalnum()]
    return any(_in_order(word, text[start:]) for start in starts)


def _in_order(word: str, text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in word)


class Palette(Dialog[PaletteEntry]):
    """A line to type in above what fits it; answers with the entry that was chosen, or None."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+p", "close", show=False),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
    ]

    def __init__(
        self, entries: Sequence[PaletteEntry], recent: Sequence[str], stop_preview: Callable[[], None]
    ) -> None:
        super().__init__()
        self._entries, self._recent, self._stop_preview = list(entries), recent, stop_preview
        self._previewing = False
        self._input = Input(
            max_length=80, compact=True, placeholder=say("Bond, order, strategy, setting, theme, action")
        )
        self._list = LiveTable(_COLUMNS, id="palette-list")
        self._list.can_focus, self._list.lit = False, True

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -tall", id="palette-box") as box:
            box.border_title = say("Find")
            yield self._input
            yield self._list
            yield key_hints(
                ("enter", say("open", context="key")), (say("up/down"), say("choose")), ("esc", say("close"))
            )

    def on_mount(self) -> None:
        self._list.set_notice(say("Nothing has this name."))
        self.on_resize()
        self._refresh()

    def on_resize(self) -> None:
        self._list.styles.height = max(2, self.app.size.height - _AROUND)

    def add(self, entries: Sequence[PaletteEntry]) -> None:
        """More entries came from the engine; the cursor stays where it is."""
        known = {entry.key for entry in self._entries}
        self._entries += [entry for entry in entries if entry.key not in known]
        if self.is_mounted:
            self._refresh(stay=True)

    def action_close(self) -> None:
        self._stop_preview()
        self.dismiss(None)

    def action_move(self, step: int) -> None:
        self._list.action_move(step)
        self._preview()

    def action_page(self, direction: int) -> None:
        self._list.action_page(direction)
        self._preview()

    @on(Input.Changed)
    def _typed(self) -> None:
        self._refresh()

    @on(Input.Submitted)
    def _entered(self) -> None:
        self._refresh(stay=True)
        self._choose()

    @on(LiveTable.RowSelected)
    def _choose(self) -> None:
        entry = self._current()
        if entry is not None:
            if entry.preview is None:
                self._stop_preview()
            self.dismiss(entry)

    @on(LiveTable.RowHighlighted)
    def _preview(self) -> None:
        entry = self._current()
        if entry is not None and entry.preview is not None:
            self._previewing = True
            entry.preview()
        elif self._previewing:
            self._previewing = False
            self._stop_preview()

    def _current(self) -> PaletteEntry | None:
        key = (self._list.cursor_key or "").removeprefix(f"{_RECENTLY}/")
        return next((entry for entry in self._entries if entry.key == key), None)

    def _refresh(self, *, stay: bool = False) -> None:
        """Show what fits; with the cursor on the first row unless it is to stay."""
        typed = self._input.value
        rows: list[TableRow] = []
        if not typed.strip():
            by_key = {entry.key: entry for entry in self._entries}
            recent = [by_key[key] for key in self._recent if key in by_key][:_RECENT]
            if recent:
                rows.append(heading(_RECENTLY, say(_RECENTLY)))
            rows += [_row(entry, f"{_RECENTLY}/") for entry in recent]
            listed: Sequence[PaletteEntry] = self._entries
        else:
            listed = found(self._entries, typed, self._recent)
        for group, entries in groupby(listed, key=lambda entry: entry.group):
            rows.append(heading(f"group/{group}", say(group)))
            rows += [_row(entry) for entry in entries]
        self._list.set_rows(rows)
        if not stay:
            self._list.action_edge(0)
        self._preview()


def _row(entry: PaletteEntry, prefix: str = "") -> TableRow:
    return TableRow(f"{prefix}{entry.key}", (cell(entry.name), cell(entry.about, Tone.DIM)))
