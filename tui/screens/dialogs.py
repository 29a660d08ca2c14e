"""Dialogs: questions with consequences, and texts to read."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Key
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.i18n import joined, say
from core.model.order import Origin
from core.model.snapshot import Rebalance, Snapshot
from core.model.typed_words import is_typed
from tui import format as fmt
from tui.format import armed_stops, due_today
from tui.widgets.steady import StyledAsMounted
from tui.widgets.text import TextBlock, facts, key_hints
from tui.widgets.theme import Tone, styled

T = TypeVar("T")
D = TypeVar("D", bound="Dialog[Any]")
Fact = tuple[str, str, Tone]


class Choice(Static):
    """An answer that can be clicked."""

    class Picked(Message):
        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

    def on_click(self) -> None:
        self.post_message(self.Picked(self))


class DefaultChoice(Choice, can_focus=True):
    """The answer that has the focus: the only one that enter reaches."""


class Dialog(StyledAsMounted, ModalScreen[T]):
    """A screen above the others. It closes itself, once, and nothing else: the stock one closes whatever is on top."""

    remake: "Callable[[Snapshot], Dialog[T]] | None" = None
    """Makes it anew from a newer snapshot."""

    def tick(self, snapshot: Snapshot) -> None:
        """One second passed: prices, levels and ages are those of the snapshot."""
        if self.remake is not None and self.is_mounted:
            self.take_over(self.remake(snapshot))

    def take_over(self, newer: "Dialog[Any]") -> None:
        """Show what a newer one shows; what the user has typed or scrolled stays."""

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_active else AwaitComplete.nothing()


def kept_current(make: "Callable[[Snapshot], D]", snapshot: Snapshot) -> "D":
    """The dialog of this snapshot, which goes on with the newer ones."""
    dialog = make(snapshot)
    dialog.remake = make
    return dialog


class Question(Dialog[T]):
    """A question in a frame, below what is to be known about it."""

    def __init__(self, title: str, rows: Sequence[Fact], question: str, *, danger: bool) -> None:
        super().__init__()
        self._title, self._danger = title, danger
        self._facts, self._asked = TextBlock(classes="dialog-facts"), TextBlock()
        self._facts.set_text(facts(rows))
        self._asked.set_text(styled((question, Tone.STRONG)))

    def take_over(self, newer: Dialog[Any]) -> None:
        if isinstance(newer, Question):
            self._facts.set_text(newer._facts.content_text)
            self._asked.set_text(newer._asked.content_text)

    def box(self) -> VerticalScroll:
        """The frame around the question."""
        box = VerticalScroll(classes="dialog -danger" if self._danger else "dialog", can_focus=False)
        box.border_title = self._title
        return box

    def action_answer(self, answer: T) -> None:
        self.dismiss(answer)


class Confirm(Question[bool]):
    """A question that only `y` answers with yes; enter, esc and n are no."""

    AUTO_FOCUS = "DefaultChoice"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", show=False),
        Binding("n,escape,enter", "answer(False)", "No", show=False),
    ]

    def __init__(self, title: str, rows: Sequence[Fact], question: str, yes: str, *, danger: bool = False) -> None:
        super().__init__(title, rows, question, danger=danger)
        self._yes = yes

    def compose(self) -> ComposeResult:
        with self.box():
            yield self._facts
            yield self._asked
            with Horizontal(classes="dialog-keys"):
                yield DefaultChoice(say("[n] No, go back"), id="no", markup=False)
                yield Choice(f"[y] {self._yes}", id="yes", markup=False)

    def on_choice_picked(self, message: Choice.Picked) -> None:
        self.action_answer(message.choice.id == "yes")


class ChoiceDialog(Question[str]):
    """A question with several answers, each behind its key; enter and esc are none of them and answer with ""."""

    AUTO_FOCUS = "DefaultChoice"
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
        """`answers`: pairs of a key and its text; the result is the key. `calm`: no money is involved."""
        super().__init__(title, rows, question, danger=not calm)
        self._answers = list(answers)

    def take_over(self, newer: Dialog[Any]) -> None:
        super().take_over(newer)
        if isinstance(newer, ChoiceDialog):
            for key, text in newer._answers:
                for shown in self.query(f"#answer-{key}").results(Choice):
                    shown.update(f"[{key}] {text}")

    def compose(self) -> ComposeResult:
        with self.box():
            yield self._facts
            yield self._asked
            with Vertical(classes="dialog-answers"):
                for key, text in self._answers:
                    yield Choice(f"[{key}] {text}", id=f"answer-{key}", markup=False)
                yield DefaultChoice(say("[n] Nothing, go back"), id="no", markup=False)

    def on_key(self, event: Key) -> None:
        if event.key in dict(self._answers):
            event.stop()
            self.action_answer(event.key)

    def on_choice_picked(self, message: Choice.Picked) -> None:
        self.action_answer((message.choice.id or "").removeprefix("answer-") if message.choice.id != "no" else "")


class TypedConfirm(Question[bool]):
    """A question that is answered with yes by typing a word out; whatever else is typed does nothing, esc is no."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "answer(False)", show=False)]

    def __init__(
        self, title: str, rows: Sequence[Fact], word: str, *, to: str, undone: str, body: Sequence[Text] = ()
    ) -> None:
        """`word` is one of `core.model.typed_words`; `to` names what it does, `undone` what another one did."""
        super().__init__(title, rows, say("\nType '{word}' to {to}:", word=say(word), to=to), danger=True)
        self._body, self._word, self._to, self._undone = list(body), word, to, undone
        self._problem = TextBlock(id="typed-problem")

    def compose(self) -> ComposeResult:
        box = self.box()
        # In the border, where a small screen shows it too.
        box.border_subtitle = say("up/down scroll")
        with box:
            if self._facts.text:
                yield self._facts
            for part in self._body:
                yield Static(part, markup=False)
            yield self._asked
            yield Input(max_length=40, compact=True)
            yield self._problem
            yield key_hints(("enter", self._to), ("esc", say("no, go back")))

    def on_input_submitted(self, typed: Input.Submitted) -> None:
        if is_typed(self._word, typed.value):
            self.action_answer(True)
        else:
            self._problem.set_text(
                styled((say("That is not '{word}': {undone}.", word=say(self._word), undone=self._undone), Tone.BAD))
            )
            self._problem.call_after_refresh(self._problem.scroll_visible, animate=False)


class TextDialog(Dialog[None]):
    """A text in full."""

    AUTO_FOCUS = "VerticalScroll"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,question_mark", "close", show=False)]

    def __init__(self, title: str, text: Text | str) -> None:
        super().__init__()
        self._title = title
        self._text = TextBlock()
        self._text.set_text(text)

    def take_over(self, newer: Dialog[Any]) -> None:
        if isinstance(newer, TextDialog):
            self._text.set_text(newer._text.content_text)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -tall") as box:
            box.border_title = self._title
            # In the border, where a long text cannot push it out of sight.
            box.border_subtitle = say("esc close   up/down scroll")
            with VerticalScroll():
                yield from self.above()
                yield self._text
                yield from self.below()

    def above(self) -> ComposeResult:
        """Widgets over the text."""
        yield from ()

    def below(self) -> ComposeResult:
        """Widgets under the text."""
        yield from ()

    def action_close(self) -> None:
        self.dismiss(None)


def mode_and_account(snapshot: Snapshot) -> list[Fact]:
    """The first lines of a question about money."""
    live = snapshot.mode == "live"
    return [
        (
            say("Mode"),
            say(snapshot.mode).upper() + (say(" (real money)") if live else ""),
            Tone.BAD if live else Tone.STRONG,
        ),
        (say("Account"), snapshot.account or say("no account"), Tone.STRONG),
    ]


def quit_question(snapshot: Snapshot | None, *, request_pending: bool) -> Confirm | None:
    """None if quitting loses nothing. `request_pending`: a command was sent that no snapshot shows yet."""
    run = snapshot.rebalance if snapshot is not None else None
    if run is not None and not run.running:
        run = None
    rows = _running_rows(run) if run is not None or request_pending else []
    unguarded = _missed_on_quit_rows(snapshot) if snapshot is not None else []
    if not rows and not unguarded:
        return None
    what = (
        say("A {origin} is running. ", origin=say(run.origin if run is not None else Origin.REBALANCE)) if rows else ""
    )
    lost = say("Scheduled runs start only while rotor is running. ")
    if snapshot and armed_stops(snapshot):
        lost = say("Stops work only while rotor is running. ")
    return Confirm(
        say("Quit"), rows + unguarded, say("{what}Quit anyway?", what=what or lost), say("Yes, quit"), danger=True
    )


def _running_rows(run: Rebalance | None) -> list[Fact]:
    stage = say("just started") if run is None else joined((say(run.stage), fmt.plural(len(run.legs), "order")))
    rest = say("part of the list is not bought")
    if run is not None and run.origin is Origin.FLATTEN:
        rest = say("part of the strategy's holdings is not sold")
    return [
        (_capital(say(run.origin if run is not None else Origin.REBALANCE)), stage, Tone.WARN),
        (say("Sent"), say("stays at the broker and may still fill"), Tone.TEXT),
        (say("Not sent"), say("is dropped: {rest}", rest=rest), Tone.TEXT),
        (say("Next start"), say("books the fills and cancels the rest"), Tone.TEXT),
    ]


def _missed_on_quit_rows(snapshot: Snapshot) -> list[Fact]:
    rows: list[Fact] = []
    armed = armed_stops(snapshot)
    if armed:
        rows.append((say("Stops"), say("{armed} armed: none fires while rotor is closed", armed=armed), Tone.WARN))
    due = [
        say("{name} of {at} would not run", name=say(job.name), at=fmt.moment(job.at, snapshot.at))
        for job in due_today(snapshot)
    ]
    return rows + [(say("Missed"), run, Tone.WARN) for run in due]


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
