"""Logging in to Factor Cat."""

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.i18n import say
from core.model.command import Done, LoggedIn, Login
from tui.screens.pane import Host
from tui.widgets.text import Words, hint
from tui.widgets.theme import Tone, words


class PasswordInput(Input):
    """Shows asterisks: the bullets of the stock one are of ambiguous width."""

    @property
    def _value(self) -> Text:
        return Text("*" * len(self.value), no_wrap=True, overflow="ignore", end="")


class Tick(Static, can_focus=True):
    """`[x] label`, switched with space or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "switch", show=False)]

    def __init__(self, label: str, *, on: bool = True) -> None:
        super().__init__("", markup=False)
        self._label = label
        self.on = on

    def on_mount(self) -> None:
        self._draw()

    def on_click(self) -> None:
        self.action_switch()

    def action_switch(self) -> None:
        self.on = not self.on
        self._draw()

    def _draw(self) -> None:
        self.update(f"[{'x' if self.on else ' '}] {self._label}")


class LoginScreen(ModalScreen[LoggedIn | None]):
    """Name and password; answers with whose login it is, None where it was left.

    The password leaves the field the moment it is sent and is kept nowhere.
    """

    AUTO_FOCUS = "#username"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("enter", "submit", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, host: Host, mode: str) -> None:
        super().__init__()
        self._host, self._mode = host, mode
        self._busy = False

    @property
    def busy(self) -> bool:
        """Whether the answer to a login is still to come: it may have more to say than that the login was taken."""
        return self._busy

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="login") as box:
            box.border_title = say("rotor - {upper}", upper=self._mode.upper())
            yield Static(words((say("Log in to Factor Cat (因子猫)"), Tone.STRONG)), markup=False)
            yield Static(say("Username"), classes="label")
            yield Input(id="username", max_length=100, compact=True)
            yield Static(say("Password"), classes="label")
            yield PasswordInput(id="password", password=True, max_length=200, compact=True)
            yield Tick(say("Remember the password in this machine's keyring"))
            yield Words(id="login-error")
            keys = Words(classes="dialog-hint")
            keys.put(
                hint(("tab", say("next")), ("enter", say("log in")), ("esc", say("later")), ("ctrl+q", say("quit")))
            )
            yield keys

    def action_leave(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted, "#username")
    def _name_done(self) -> None:
        self.query_one("#password", Input).focus()

    @on(Input.Submitted, "#password")
    def action_submit(self) -> None:
        if self._busy:
            return
        name, password = self.query_one("#username", Input), self.query_one("#password", Input)
        if not name.value.strip() or not password.value:
            self._say(say("Type your username and your password."), Tone.WARN)
            (password if name.value.strip() else name).focus()
            return
        command = Login(name.value.strip(), password.value, self.query_one(Tick).on)
        password.value = ""
        self._busy = True
        self._say(say("Logging in"), Tone.DIM)
        # The description is given because the stock one spells out the arguments.
        self.run_worker(self._log_in(command), name="login", description="login", exclusive=True, exit_on_error=False)

    async def _log_in(self, command: Login) -> None:
        try:
            reply = await self._host.ask(command)
        finally:
            self._busy = False
        if isinstance(reply, Done):
            self._host.tell(say("Logged in as {user}.", user=reply.value.user))
            if self.is_current:
                self.dismiss(reply.value)
            return
        self._say(reply.text, Tone.BAD)
        self.query_one("#password", Input).focus()

    def _say(self, text: str, tone: Tone) -> None:
        self.query_one("#login-error", Words).put(words((text, tone)))
