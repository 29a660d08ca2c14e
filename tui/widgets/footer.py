"""The keys of the screen that is looked at; one that does nothing now is dimmed and says why when pressed."""

from collections.abc import Callable

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.message import Message

from core.i18n import say
from tui.actions import Action
from tui.widgets.text import Words
from tui.widgets.theme import STYLES, Tone

Reason = Callable[[Action], str]


class KeyBar(Words):
    """`r Make a plan   e Execute   ? Help   q Quit`."""

    class Picked(Message):
        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def __init__(self) -> None:
        super().__init__(id="key-bar")
        self._actions: tuple[Action, ...] = ()
        self._why_not: Reason = lambda _: ""
        self._spans: list[tuple[int, int, Action]] = []

    def show(self, actions: tuple[Action, ...], why_not: Reason) -> None:
        """`why_not` answers with the reason why an action does nothing now, or nothing."""
        self._actions = tuple(action for action in actions if action.footer)
        self._why_not = why_not
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        for start, end, action in self._spans:
            if offset is not None and start <= offset.x < end:
                self.post_message(self.Picked(action))

    def _draw(self) -> None:
        width = self.size.width
        needed = sum(cell_len(f"{action.key_text} {say(action.label)}") for action in self._actions)
        gap = next((gap for gap in (3, 2) if needed + gap * (len(self._actions) - 1) <= width), 1)
        bar = Text(style=STYLES[Tone.DIM])
        self._spans.clear()
        for action in self._actions:
            start = bar.cell_len
            off = bool(self._why_not(action))
            bar.append(action.key_text, STYLES[Tone.DIM] if off else STYLES[Tone.KEY])
            bar.append(f" {say(action.label)}", STYLES[Tone.DIM] if off else STYLES[Tone.TEXT])
            self._spans.append((start, bar.cell_len, action))
            bar.append(" " * gap)
        self.put(bar)
