"""Where a password goes that the system's keyring cannot keep, and the passphrase of the encrypted file."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.i18n import say
from core.model.command import Done, OpenSafe
from tui.screens.dialogs import Decide
from tui.screens.login import PasswordInput
from tui.screens.pane import Host
from tui.widgets.text import Words, hint
from tui.widgets.theme import Tone, words


class Passphrase(ModalScreen[bool]):
    """Opens the encrypted file, or begins it; answers with whether it is open.

    The passphrase leaves the field the moment it is sent and is kept nowhere.
    """

    AUTO_FOCUS = "#passphrase"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, host: Host, *, fresh: bool) -> None:
        """`fresh`: there is no file yet, so that the passphrase is typed twice."""
        super().__init__()
        self._host, self._fresh = host, fresh
        self._first = PasswordInput(password=True, max_length=200, compact=True, id="passphrase")
        self._again = PasswordInput(password=True, max_length=200, compact=True, id="again")
        self._problem = Words(id="safe-problem")
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = say("Encrypted file of passwords")
            if self._fresh:
                about = say(
                    "The passwords are kept in a file of this home, which only this passphrase opens. It is asked for "
                    "at each start, and nobody can recover it."
                )
            else:
                about = say("This home's passwords are in an encrypted file. Its passphrase opens it until rotor ends.")
            yield Static(about, markup=False)
            yield Static(say("Passphrase"), classes="label")
            yield self._first
            if self._fresh:
                yield Static(say("Once more"), classes="label")
                yield self._again
            yield self._problem
            keys = Words(classes="dialog-hint")
            keys.put(hint(("enter", say("begin it") if self._fresh else say("open it")), ("esc", say("leave it"))))
            yield keys

    def action_leave(self) -> None:
        self.dismiss(False)

    @on(Input.Submitted)
    def _entered(self, typed: Input.Submitted) -> None:
        if self._busy:
            return
        if self._fresh and typed.input is self._first:
            self._again.focus()
            return
        passphrase = self._first.value
        if not passphrase:
            self._say(say("Type the passphrase."), Tone.WARN)
            return
        if self._fresh and passphrase != self._again.value:
            self._again.value = ""
            self._say(say("The two are not the same: type them again."), Tone.BAD)
            return
        self._first.value = self._again.value = ""
        self._busy = True
        self._say(say("This takes a second."), Tone.DIM)
        work = self._open(OpenSafe(passphrase))
        self.run_worker(work, name="passphrase", description="passphrase", exclusive=True, exit_on_error=False)

    async def _open(self, command: OpenSafe) -> None:
        try:
            reply = await self._host.ask(command)
        finally:
            self._busy = False
        if isinstance(reply, Done):
            self._host.tell(reply.value)
            if self.is_current:
                self.dismiss(True)
            return
        self._say(reply.text, Tone.BAD)
        self._first.focus()

    def _say(self, text: str, tone: Tone) -> None:
        self._problem.put(words((text, tone)))


async def offer_safe(host: Host, trouble: str) -> None:
    """The keyring has failed: the password is kept for this session, and may go to an encrypted file."""
    locked = host.snapshot is not None and host.snapshot.locked
    answer = await host.push_screen_wait(
        Decide(
            say("The keyring does not keep it"),
            [(say("Why"), trouble, Tone.WARN)],
            say("Where is the password to be kept?"),
            [
                ("1", say("For this session only: it is asked for at the next start")),
                ("2", say("In an encrypted file of this home, which a passphrase opens")),
            ],
            calm=True,
        )
    )
    if answer == "2":
        await host.push_screen_wait(Passphrase(host, fresh=not locked))
