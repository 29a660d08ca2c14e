"""A line to search or filter with: what is typed is reported once the user pauses."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from core.i18n import say

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

    class Done(Message):
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
        self.post_message(self.Done(self))

    def _report(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        text = self._input.value.strip()
        if text != self.text:
            self.text = text
            self.post_message(self.Changed(self, text))
