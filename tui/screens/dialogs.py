"""Boxes over a screen: a question with consequences, and a text to read."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Key
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.i18n import say
from tui.widgets.text import Words, facts, hint
from tui.widgets.theme import Tone, words

Fact = tuple[str, str, Tone]


class Choice(Static):
    """An answer that can be clicked."""

    class Picked(Message):
        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

    def on_click(self) -> None:
        self.post_message(self.Picked(self))


class No(Choice, can_focus=True):
    """The answer that has the focus: the only one that enter reaches."""


class Confirm(ModalScreen[bool]):
    """A question that only `y` answers with yes; enter, esc and n are no."""

    AUTO_FOCUS = "No"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", show=False),
        Binding("n,escape,enter", "answer(False)", "No", show=False),
    ]

    def __init__(self, title: str, rows: Sequence[Fact], question: str, yes: str, *, danger: bool = False) -> None:
        super().__init__()
        self._title, self._rows, self._question, self._yes = title, list(rows), question, yes
        self._danger = danger
        self._answered = False

    def compose(self) -> ComposeResult:
        box = VerticalScroll(classes="dialog -danger" if self._danger else "dialog", can_focus=False)
        box.border_title = self._title
        with box:
            yield Static(facts(self._rows, 12), markup=False, classes="dialog-facts")
            yield Static(words((self._question, Tone.STRONG)), markup=False)
            with Horizontal(classes="dialog-keys"):
                yield No(say("[n] No, go back"), id="no", markup=False)
                yield Choice(f"[y] {self._yes}", id="yes", markup=False)

    def on_choice_picked(self, message: Choice.Picked) -> None:
        self.action_answer(message.choice.id == "yes")

    def action_answer(self, yes: bool) -> None:
        # A second key may be queued behind the first; it finds the question answered.
        if not self._answered:
            self._answered = True
            self.dismiss(yes)


class Decide(ModalScreen[str]):
    """A question with several answers, each behind its key; enter and esc are none of them and answer with ""."""

    AUTO_FOCUS = "No"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("n,escape,enter", "answer('')", show=False)]

    def __init__(
        self,
        title: str,
        rows: Sequence[Fact],
        question: str,
        answers: Sequence[tuple[str, str]],
        *,
        calm: bool = False,
    ) -> None:
        """`answers`: pairs of a key and what it says; the answer is the key. `calm`: no money hangs on it."""
        super().__init__()
        self._calm = calm
        self._title, self._rows, self._question, self._answers = title, list(rows), question, list(answers)
        self._answered = False

    def compose(self) -> ComposeResult:
        box = VerticalScroll(classes="dialog" if self._calm else "dialog -danger", can_focus=False)
        box.border_title = self._title
        with box:
            yield Static(facts(self._rows, 12), markup=False, classes="dialog-facts")
            yield Static(words((self._question, Tone.STRONG)), markup=False)
            with Vertical(classes="dialog-answers"):
                for key, says in self._answers:
                    yield Choice(f"[{key}] {says}", id=f"answer-{key}", markup=False)
                yield No(say("[n] Nothing, go back"), id="no", markup=False)

    def on_key(self, event: Key) -> None:
        if event.key in dict(self._answers):
            event.stop()
            self.action_answer(event.key)

    def on_choice_picked(self, message: Choice.Picked) -> None:
        self.action_answer((message.choice.id or "").removeprefix("answer-") if message.choice.id != "no" else "")

    def action_answer(self, key: str) -> None:
        if not self._answered:
            self._answered = True
            self.dismiss(key)


class Typed(ModalScreen[bool]):
    """A question that is answered with yes by typing a word out; whatever else is typed does nothing, esc is no."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "answer(False)", show=False)]

    def __init__(self, title: str, body: Sequence[Text], word: str, *, to: str, undone: str) -> None:
        """`to` names what the word does, `undone` says that another one did nothing."""
        super().__init__()
        self._title, self._body, self._word = title, list(body), word
        self._to, self._undone = to, undone
        self._problem = Words(id="typed-problem")
        self._answered = False

    def compose(self) -> ComposeResult:
        box = VerticalScroll(classes="dialog -danger", can_focus=False)
        box.border_title = self._title
        # In the border, where a small screen shows it too.
        box.border_subtitle = say("up/down scroll")
        with box:
            for part in self._body:
                yield Static(part, markup=False)
            yield Static(
                words((say("\nType '{word}' to {to}:", word=self._word, to=self._to), Tone.STRONG)), markup=False
            )
            yield Input(max_length=40, compact=True)
            yield self._problem
            keys = Words(classes="dialog-hint")
            keys.put(hint(("enter", self._to), ("esc", say("no, go back"))))
            yield keys

    def on_input_submitted(self, typed: Input.Submitted) -> None:
        if typed.value.strip() == self._word:
            self.action_answer(True)
        else:
            self._problem.put(
                words((say("That is not '{word}': {undone}.", word=self._word, undone=self._undone), Tone.BAD))
            )
            self._problem.call_after_refresh(self._problem.scroll_visible, animate=False)

    def action_answer(self, yes: bool) -> None:
        if not self._answered:
            self._answered = True
            self.dismiss(yes)


class Reading(ModalScreen[None]):
    """A text in full."""

    AUTO_FOCUS = "VerticalScroll"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,question_mark", "close", show=False)]

    def __init__(self, title: str, text: Text | str) -> None:
        super().__init__()
        self._title = title
        self._text = words(text) if isinstance(text, str) else text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -tall") as box:
            box.border_title = self._title
            # In the border, where a long text cannot push it out of sight.
            box.border_subtitle = say("esc close   up/down scroll")
            with VerticalScroll():
                yield Static(self._text, markup=False)
                yield from self.below()

    def below(self) -> ComposeResult:
        """What comes under the text."""
        yield from ()

    def action_close(self) -> None:
        self.dismiss(None)
