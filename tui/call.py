"""One call of the command line: its options, its settings, its engine, and how it ends."""

import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from core.language import use_language

if TYPE_CHECKING:
    from core.engine.engine import Engine
    from core.engine.headless import Home
    from core.model.command import Command
    from core.model.settings import Settings

T = TypeVar("T")

DONE, FAILED, USAGE, REFUSED, UNRESOLVED = range(5)
"""Exit codes: done, failed, bad usage or settings, refused and nothing sent, something is unresolved."""

ONE_SHOT_SPEED = 60.0
"""Market seconds per second in the sandbox for a command that answers and ends."""


class Call:
    """The options before the command."""

    def __init__(self, home: Path | None, mode: str | None, speed: float | None) -> None:
        self._home = home
        self._mode = mode
        self.speed = speed

    @property
    def home(self) -> "Home":
        from core.engine.headless import home_at

        return home_at(self._home)

    @property
    def chosen_home(self) -> Path | None:
        return self._home

    @property
    def mode(self) -> str | None:
        return self._mode

    def settings(self) -> "Settings":
        """The settings, or exit code 2 with every problem."""
        from core.engine.headless import SettingsError, settings_of

        try:
            return settings_of(self.home, self._mode)
        except SettingsError as error:
            leave(USAGE, f"The settings of {self.home.path} cannot be used:\n{error}")

    def open_app(self, home: "Home | None" = None) -> NoReturn:
        from core.engine.engine import Engine
        from core.engine.headless import HomeInUse, HomeUnusable

        settings = self.settings()
        engine = Engine(home or self.home, settings, speed=self.speed or 1.0)
        if not has_terminal():
            leave(USAGE, "The app needs a terminal. Without one, use rotor status, rotor plan or rotor rebalance.")
        with self.quiet():
            # From here on sentences are for the screen.
            use_language(settings.language)
            try:
                engine.start()
            except HomeInUse as error:
                leave(REFUSED, str(error))
            except HomeUnusable as error:
                leave(FAILED, str(error))
            try:
                from tui.app import run
                from tui.ending import when_the_console_closes

                with when_the_console_closes(lambda: engine.stop(4)):  # Windows gives five seconds
                    code = run(engine)
            finally:
                engine.stop()
        sys.exit(code)

    @contextmanager
    def engine(self, *, by_itself: bool = False) -> "Generator[Engine]":
        """An engine for one command, ready, its log on stderr too; `by_itself`: with schedule and stops."""
        from core.engine.engine import Engine, EngineFailed
        from core.engine.headless import HomeInUse, HomeUnusable

        with self.quiet():
            engine = Engine(
                self.home,
                self.settings(),
                speed=self.speed or (1.0 if by_itself else ONE_SHOT_SPEED),
                stderr=True,
                by_itself=by_itself,
            )
            try:
                engine.start()
                engine.wait_ready()
            except HomeInUse as error:
                leave(REFUSED, str(error))
            except HomeUnusable as error:
                leave(FAILED, str(error))
            except EngineFailed as error:
                engine.stop()
                leave(REFUSED if error.refused else FAILED, str(error))
            try:
                if self.settings().mode != "sandbox" and engine.latest is not None and engine.latest.locked:
                    self._open_safe(engine)
                yield engine
            finally:
                engine.stop()

    def _open_safe(self, engine: "Engine") -> None:
        """Ask for the passphrase of the home's passwords, where somebody is there to be asked."""
        from core.model.command import Failed, ListStrategies, OpenSafe

        # Answers when the login of the start has ended: a variable, or the keyring, may have done without the file.
        if not isinstance(engine.send(ListStrategies(limit=1)).result(60), Failed):
            return
        passphrase = hidden("Passphrase of the encrypted file of passwords") if sys.stdin.isatty() else ""
        reply = engine.send(OpenSafe(passphrase)).result(60) if passphrase else Failed("It was not typed.")
        if isinstance(reply, Failed):
            click.echo(f"The encrypted file of passwords stays shut, nobody is logged in. {reply.text}", err=True)

    def quiet(self) -> AbstractContextManager[None]:
        """Where MiniQMT's libraries may be at work, what they write to the console goes to the log."""
        from core.engine.headless import SettingsError, settings_of

        try:
            mode = settings_of(self.home, self._mode).mode
        except SettingsError:
            return nullcontext()
        if mode == "sandbox":
            return nullcontext()
        from core.engine.chatter import kept_off_the_screen

        return kept_off_the_screen()


def ask(engine: "Engine", command: "Command[T]", seconds: float) -> T:
    """The command's value; a refusal ends with exit code 3, a failure with 1."""
    from core.model.command import Failed

    try:
        reply = engine.send(command).result(seconds)
    except TimeoutError:
        leave(FAILED, f"No answer within {seconds:.0f} s. Look at rotor status before you try again.")
    if isinstance(reply, Failed):
        leave(REFUSED if reply.refused else FAILED, reply.text)
    return reply.value


def agreed(question: str) -> bool:
    """The user's answer on the terminal; no answer is a no."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        return False


def typed(question: str) -> str:
    """What the user typed on the terminal; empty where nobody did."""
    try:
        return str(click.prompt(question, default="", show_default=False, err=True)).strip()
    except click.Abort:
        click.echo(err=True)
        return ""


def hidden(question: str, *, twice: bool = False) -> str:
    """What was typed unseen, or came through a pipe; empty where nobody typed."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    try:
        typed = click.prompt(
            question, hide_input=True, default="", show_default=False, err=True, confirmation_prompt=twice
        )
    except click.Abort:
        click.echo(err=True)
        return ""
    return str(typed)


def leave(code: int, text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)


def has_terminal() -> bool:
    """Whether the app can read keys and draw; without a terminal it would spin for ever on an empty input."""
    drawn_on = sys.stdout if sys.platform == "win32" else sys.stderr
    return sys.stdin.isatty() and drawn_on.isatty()
