"""The help: the keys of the screen that is open, and every key."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll

from core.i18n import mark, say
from tui import format as fmt
from tui.actions import ACTIONS, PANES, PaneInfo, actions_of
from tui.screens.dialogs import Dialog
from tui.widgets.paged_list import SearchLine
from tui.widgets.text import ClickableText, TextBlock, hanging
from tui.widgets.theme import STYLES, Tone, styled

_KEY_CELLS = 10


class KeyLine(NamedTuple):
    """A key, what it does, and its word in the key bar, which is searched too."""

    key: str
    does: str
    label: str = ""


class HelpTabs(ClickableText[bool]):
    """This screen or every screen; the one that is shown in brackets."""

    def show(self, *, every: bool) -> None:
        self._links.clear()
        text = Text()
        for link, title in ((False, say("This screen")), (True, say("Every key"))):
            start, current = text.cell_len, link == every
            text.append(f"[{title}]" if current else f" {title} ", STYLES[Tone.TITLE if current else Tone.DIM])
            self._links.append((start, text.cell_len, link))
            text.append("  ")
        self.set_text(text)

    def clicked(self, link: bool) -> None:
        for screen in self.app.screen_stack:
            if isinstance(screen, HelpDialog):
                screen.show_tab(every=link)


class HelpDialog(Dialog[None]):
    """Two tabs of keys. A search shows the lines of every screen that contain the text."""

    AUTO_FOCUS = "VerticalScroll"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        Binding("q,enter,question_mark,f1", "close", show=False),
        Binding("left,right", "other_tab", show=False),
        Binding("tab,shift+tab", "other_tab", show=False, priority=True),
        Binding("slash", "search", show=False),
    ]

    def __init__(self, pane_id: str) -> None:
        super().__init__()
        self._pane = next(pane for pane in PANES if pane.id == pane_id)
        self._every = False
        self._tabs, self._text = HelpTabs(), TextBlock()
        self._search = SearchLine(mark("key or what it does"))

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -tall", id="help-box") as box:
            box.border_title = say("Help")
            box.border_subtitle = say("left/right tab   / search   esc close")
            yield self._tabs
            yield self._search
            with VerticalScroll():
                yield self._text

    def on_mount(self) -> None:
        self._refresh()

    def show_tab(self, *, every: bool) -> None:
        self._search.close()
        self._every = every
        self._refresh()

    def action_other_tab(self) -> None:
        self.show_tab(every=not self._every)

    def action_search(self) -> None:
        self._search.open()

    def action_back(self) -> None:
        if self._search.close():
            self.query_one(VerticalScroll).focus()
        else:
            self.action_close()

    def action_close(self) -> None:
        self.dismiss(None)

    @on(SearchLine.Changed)
    def _refresh(self) -> None:
        self._tabs.show(every=self._every or bool(self._search.text))
        self._text.set_text(self._content())
        self.query_one(VerticalScroll).scroll_home(animate=False)

    @on(SearchLine.Entered)
    def _searched(self) -> None:
        self.query_one(VerticalScroll).focus()

    def _content(self) -> Text:
        if self._search.text:
            return _found(self._search.text)
        if self._every:
            return Text("\n").join(_section(title, lines) for title, lines in _everything())
        text = styled((f"{say(self._pane.about)}\n\n", Tone.TEXT))
        text.append_text(_section(say("On {title}", title=say(self._pane.title)), _keys_of(self._pane)))
        return text.append("\n").append_text(_section(say("Everywhere"), _everywhere()))


def _keys_of(pane: PaneInfo) -> list[KeyLine]:
    return [KeyLine(action.key_text, say(action.help), say(action.label)) for action in actions_of(pane.id)]


def _everywhere() -> list[KeyLine]:
    return [
        KeyLine("1-8", say("Go to a screen")),
        KeyLine(say("up/down"), say("Move; pgup, pgdn, home and end do too")),
        *(KeyLine(action.key_text, say(action.help), say(action.label)) for action in ACTIONS if action.pane == "app"),
        KeyLine("tab", say("To the next panel of the screen")),
        KeyLine(
            say("mouse"),
            say("Click to select, double-click to open; a column's head sorts, the border of the details moves"),
        ),
        KeyLine(say("shift+drag"), say("Select text with the mouse (in Windows Terminal)")),
    ]


def _everything() -> list[tuple[str, list[KeyLine]]]:
    screens = [(f"{pane.key} {say(pane.title)}", _keys_of(pane)) for pane in PANES]
    return [(say("Everywhere"), _everywhere()), *screens]


def _found(text: str) -> Text:
    """The lines with this text, each below its screen."""
    wanted = text.lower()
    sections = [(title, [line for line in lines if wanted in " ".join(line).lower()]) for title, lines in _everything()]
    shown = [_section(title, lines) for title, lines in sections if lines]
    return Text("\n").join(shown) if shown else styled((say("No key has this text. Press esc to show all."), Tone.DIM))


def _section(title: str, lines: Sequence[KeyLine]) -> Text:
    text = styled((f"{title}\n", Tone.TITLE))
    for key, meaning, _ in lines:
        text.append(fmt.fit(key, _KEY_CELLS, right=True) + "  ", STYLES[Tone.KEY] + hanging(_KEY_CELLS + 2))
        text.append(f"{meaning}\n", STYLES[Tone.TEXT])
    return text
