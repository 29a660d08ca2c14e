"""Logging in to Factor Cat."""

import re
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ClassVar, Protocol

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Paste
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, Static

from core.i18n import say
from core.model.command import Done, LoggedIn, Login, OpenSafe
from core.model.snapshot import Snapshot
from tui.screens.dialogs import ChoiceDialog, Dialog, TextDialog
from tui.screens.pane import PaneHost
from tui.widgets.text import TextBlock, key_hints
from tui.widgets.theme import Tone, styled

_FITS = 300
"""Characters of a problem that the login has room for on a small terminal; a longer one opens a window of its own."""


class PasswordInput(Input):
    """Shows asterisks: the bullets of the stock one are of ambiguous width."""

    @property
    def _value(self) -> Text:
        return Text("*" * len(self.value), no_wrap=True, overflow="ignore", end="")


class NameInput(Input):
    """Passes on what is pasted behind a tab or a line's end: password managers paste both in one piece."""

    class PasswordPasted(Message):
        def __init__(self, password: str) -> None:
            super().__init__()
            self.password = password

    def _on_paste(self, event: Paste) -> None:
        name, *rest = re.split(r"[\t\r\n]+", event.text, maxsplit=1)
        if rest:
            event.stop()
            event.prevent_default()
            self.insert_text_at_cursor(name)
            self.post_message(self.PasswordPasted(rest[0].strip("\t\r\n")))


class CheckBox(Static, can_focus=True):
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


class LoginScreen(Dialog[LoggedIn | None]):
    """Name and password; answers with whose login it is, None where the user left it.

    The password leaves the field the moment it is sent and is kept nowhere.
    """

    AUTO_FOCUS = ".first"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("enter", "submit", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, host: PaneHost, mode: str, username: str) -> None:
        """`username`: the name of the settings, which the user need not type again; empty without one."""
        super().__init__()
        self._host, self._mode, self._username = host, mode, username
        self._busy = False

    @property
    def in_use(self) -> bool:
        """Whether something is typed in it, which would act as keys elsewhere, or a login's answer is still to come,
        which may say more than that the login succeeded."""
        empty = {"username": self._username, "password": ""}
        return self._busy or any(field.value != empty[field.id or ""] for field in self.query(Input))

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="login") as box:
            box.border_title = say("rotor - {upper}", upper=say(self._mode).upper())
            yield Static(styled((say("Log in to Factor Cat (因子猫)"), Tone.STRONG)), markup=False)
            yield Static(say("Username"), classes="label")
            first, second = ("", "first") if self._username else ("first", "")
            yield NameInput(self._username, id="username", max_length=100, compact=True, classes=first)
            yield Static(say("Password"), classes="label")
            yield PasswordInput(id="password", password=True, max_length=200, compact=True, classes=second)
            yield CheckBox(say("Remember the password in this machine's keyring"))
            yield TextBlock(id="login-error")
            yield key_hints(
                ("tab", say("next")), ("enter", say("log in")), ("esc", say("later")), ("ctrl+q", say("quit"))
            )

    def action_leave(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted, "#username")
    def _name_done(self) -> None:
        self.query_one("#password", Input).focus()

    @on(NameInput.PasswordPasted)
    def _password_pasted(self, pasted: NameInput.PasswordPasted) -> None:
        field = self.query_one("#password", Input)
        field.value = pasted.password
        field.focus()

    @on(Input.Submitted, "#password")
    def action_submit(self) -> None:
        if self._busy:
            return
        name, password = self.query_one("#username", Input), self.query_one("#password", Input)
        if not name.value.strip() or not password.value:
            self._show_problem(say("Type your username and your password."), Tone.WARN)
            (password if name.value.strip() else name).focus()
            return
        command = Login(name.value.strip(), password.value, self.query_one(CheckBox).on)
        password.value = ""
        self._busy = True
        self._show_problem(say("Logging in"), Tone.DIM)
        # The description is given because the stock one spells out the arguments.
        self.run_worker(
            partial(self._log_in, command), name="login", description="login", exclusive=True, exit_on_error=False
        )

    async def _log_in(self, command: Login) -> None:
        try:
            reply = await self._host.ask(command)
        finally:
            self._busy = False
        if isinstance(reply, Done):
            self._host.show_message(say("Logged in as {user}.", user=reply.value.user))
            self.dismiss(reply.value)
            return
        self._show_problem(reply.text, Tone.BAD)
        self.query_one("#password", Input).focus()
        if len(reply.text) > _FITS:
            self._host.push_screen(TextDialog(say("Not logged in"), reply.text))

    def _show_problem(self, text: str, tone: Tone) -> None:
        self.query_one("#login-error", TextBlock).set_text(styled((text, tone)))


class LoginHost(PaneHost, Protocol):
    """What logging in needs of the app."""

    @property
    def screen(self) -> Screen[Any]: ...

    def push_screen(self, screen: Screen[Any], callback: Callable[[Any], None] | None = None) -> object: ...

    def run_worker(
        self, work: Callable[[], Coroutine[Any, Any, None]], name: str, *, description: str, exit_on_error: bool
    ) -> object: ...


class LoginController:
    """Opens the login or the passphrase dialog when the engine needs one, and closes it when it no longer does."""

    def __init__(self, host: LoginHost) -> None:
        self._host = host
        self._unlocking: PassphraseDialog | None = None

    def update(self, snapshot: Snapshot, *, first: bool) -> None:
        """Open the dialog at the first snapshot, if it is needed; close it once it is not."""
        needed = snapshot.mode != "sandbox" and snapshot.platform_user is None
        # An engine that failed to start reports no connections and cannot log in.
        if needed and first and snapshot.health:
            if snapshot.locked:
                self._unlocking = PassphraseDialog(self._host, fresh=False)
                self._host.push_screen(self._unlocking, self._unlocked)
            else:
                self.open_login()
        elif not needed and isinstance(self._host.screen, LoginScreen) and not self._host.screen.in_use:
            self._host.screen.dismiss(None)
        elif not needed and self._unlocking is not None and not self._unlocking.in_use:
            self._unlocking.dismiss(True)  # the password came from a variable or the keyring

    def open_login(self) -> None:
        snapshot = self._host.snapshot
        if snapshot is not None and not isinstance(self._host.screen, LoginScreen):
            self._host.push_screen(LoginScreen(self._host, snapshot.mode, snapshot.username), self._logged_in)

    def _logged_in(self, login: LoggedIn | None) -> None:
        if login is not None and login.trouble:
            work = partial(offer_credentials_file, self._host, login.trouble)
            self._host.run_worker(work, name="safe", description="safe", exit_on_error=False)

    def _unlocked(self, opened: bool | None) -> None:
        """With the passwords at hand the engine logs in by itself; without them the user does."""
        if not opened:
            self.open_login()


class PassphraseDialog(Dialog[bool]):
    """Opens the encrypted file, or creates it; answers with whether it is open.

    The passphrase leaves the field the moment it is sent and is kept nowhere.
    """

    AUTO_FOCUS = "#passphrase"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, host: PaneHost, *, fresh: bool) -> None:
        """`fresh`: there is no file yet, so that the passphrase is typed twice."""
        super().__init__()
        self._host, self._fresh = host, fresh
        self._first = PasswordInput(password=True, max_length=200, compact=True, id="passphrase")
        self._again = PasswordInput(password=True, max_length=200, compact=True, id="again")
        self._problem = TextBlock(id="safe-problem")
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = say("Encrypted file of passwords")
            if self._fresh:
                about = say(
                    "The passwords are stored in a file of the data folder that only this passphrase opens. rotor asks "
                    "for it at each start, and a lost passphrase cannot be recovered."
                )
            else:
                about = say(
                    "The passwords of this data folder are in an encrypted file. The passphrase opens it until "
                    "rotor exits."
                )
            yield Static(about, markup=False)
            yield Static(say("Passphrase"), classes="label")
            yield self._first
            if self._fresh:
                yield Static(say("Once more"), classes="label")
                yield self._again
            yield self._problem
            yield key_hints(("enter", say("create it") if self._fresh else say("open it")), ("esc", say("leave it")))

    @property
    def in_use(self) -> bool:
        """Whether something is typed in it, which would act as keys elsewhere."""
        return bool(self._busy or self._first.value or self._again.value)

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
            self._show_problem(say("Type the passphrase."), Tone.WARN)
            return
        if self._fresh and passphrase != self._again.value:
            self._again.value = ""
            self._show_problem(say("The two passphrases differ: type them again."), Tone.BAD)
            return
        self._first.value = self._again.value = ""
        self._busy = True
        self._show_problem(say("This takes a second."), Tone.DIM)
        work = partial(self._open, OpenSafe(passphrase))
        self.run_worker(work, name="passphrase", description="passphrase", exclusive=True, exit_on_error=False)

    async def _open(self, command: OpenSafe) -> None:
        try:
            reply = await self._host.ask(command)
        finally:
            self._busy = False
        if isinstance(reply, Done):
            self._host.show_message(reply.value)
            self.dismiss(True)
            return
        self._show_problem(reply.text, Tone.BAD)
        self._first.focus()

    def _show_problem(self, text: str, tone: Tone) -> None:
        self._problem.set_text(styled((text, tone)))


async def offer_credentials_file(host: PaneHost, trouble: str) -> None:
    """The keyring has failed: the password is kept for this session, and may go to an encrypted file."""
    locked = host.snapshot is not None and host.snapshot.locked
    answer = await host.push_screen_wait(
        ChoiceDialog(
            say("The keyring cannot store the password"),
            [(say("Why"), trouble, Tone.WARN)],
            say("Where should the password be stored?"),
            [
                ("1", say("For this session only: rotor asks again at the next start")),
                ("2", say("In an encrypted file of the data folder that a passphrase opens")),
            ],
            calm=True,
        )
    )
    if answer == "2":
        await host.push_screen_wait(PassphraseDialog(host, fresh=not locked))
