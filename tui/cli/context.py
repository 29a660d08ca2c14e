"""One call of the command line: its options, its settings, its engine, and how it ends."""

import os
import sys
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from core.i18n import use_language
from core.infra.config import load_settings
from core.infra.home import Home, HomeLock, find_home
from core.model.settings import Settings

if TYPE_CHECKING:
    from core.engine.engine import Engine
    from core.engine.ipc.client import IpcClient
    from core.engine.ipc.link import EngineLink
    from core.model.command import Command
    from core.model.settings import Settings
    from tui.cli.offline import Home


T = TypeVar("T")

DONE, FAILED, USAGE, REFUSED, UNRESOLVED = range(5)
"""Exit codes: done, failed, bad usage or settings, refused and nothing sent, something is unresolved."""

_DOOR_SECONDS = 5.0
"""For how long an engine may be coming up before it counts as one that lets nobody in."""

ONE_SHOT_SPEED = 60.0
"""Market seconds per second in the sandbox for a command that answers and ends."""


class CliContext:
    """The options before the command."""

    def __init__(self, home: Path | None, mode: str | None, speed: float | None) -> None:
        self._home = home
        self._mode = mode
        self.speed = speed

    @property
    def home(self) -> "Home":
        from tui.cli.context import home_at

        return home_at(self._home)

    @property
    def chosen_home(self) -> Path | None:
        return self._home

    @property
    def mode(self) -> str | None:
        return self._mode

    def settings(self) -> "Settings":
        """The settings, or exit code 2 with every problem."""
        from tui.cli.context import settings_of
        from tui.cli.offline import SettingsError

        try:
            return settings_of(self.home, self._mode)
        except SettingsError as error:
            leave(USAGE, f"The settings of {self.home.path} cannot be used:\n{error}")

    def open_app(self, *, watch: bool = False) -> NoReturn:
        """The app: a view of the engine that runs in the home, else with an engine of its own."""
        from core.engine.engine import Engine
        from tui.cli.context import running_in
        from tui.cli.offline import HomeInUse, HomeUnusable

        settings = self.settings()
        if not has_terminal():
            leave(USAGE, "The app needs a terminal. Without one, use rotor status, rotor plan or rotor rebalance.")
        if running_in(self.home) is not None:
            self.attach(watch=watch)
        if watch:
            leave(REFUSED, f"No engine runs in {self.home.path}: there is nothing to watch. rotor start begins one.")
        engine = Engine(self.home, settings, speed=self.speed or 1.0)
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
                from tui.terminal import when_the_console_closes

                with when_the_console_closes(lambda: engine.stop(4)):  # Windows gives five seconds
                    code = run(engine)
            finally:
                engine.stop()
        sys.exit(code)

    def attach(self, *, watch: bool = False) -> NoReturn:
        """The app as a view of the engine that runs in the home."""
        from tui.app import run

        link = self.link(watch=watch)
        if link.latest is not None:
            use_language(link.latest.language)
        try:
            code = run(link, viewer=True, watch=watch)
        finally:
            link.close()
        sys.exit(code)

    def options(self) -> tuple[str, ...]:
        """The options before the command, for another process; the home is named there anyway."""
        mode = () if self._mode is None else ("--mode", self._mode)
        return mode if self.speed is None else (*mode, "--speed", str(self.speed))

    def link(self, *, watch: bool = False) -> "IpcClient":
        """A link to the engine that runs in the home; exit code 3 or 1 where there is none to talk to."""
        from core.engine.ipc.client import IpcClient
        from tui.cli.context import has_door, running_in

        first = running_in(self.home)
        deadline = time.monotonic() + _DOOR_SECONDS
        while not has_door(self.home) and running_in(self.home) is not None and time.monotonic() < deadline:
            time.sleep(0.1)  # it may just be coming up
        if first is not None and not has_door(self.home):
            leave(REFUSED, f"{self.home.path} is in use by another rotor: {first}. Try again when that has ended.")
        link = IpcClient(self.home, watch=watch)
        if link.open() and link.latest is not None:
            if self._mode is not None and self._mode != link.latest.mode:
                link.close()
                leave(REFUSED, f"The engine in {self.home.path} runs in {link.latest.mode} mode: nothing was done.")
            return link
        return self._no_engine(link)

    def _no_engine(self, link: "IpcClient") -> NoReturn:
        from tui.cli.context import running_in

        why = link.trouble or "it does not answer; if that stays so, end that process and start again"
        link.close()
        holder = running_in(self.home)
        if holder is None:
            leave(FAILED, f"No engine runs in {self.home.path}. rotor start begins one.")
        leave(FAILED, f"An engine runs in {self.home.path} ({holder}), and cannot be reached: {why}")

    @contextmanager
    def engine(self) -> "Generator[EngineLink]":
        """An engine for one command, ready: the one that runs in the home, else one of its own, its log on stderr."""
        from tui.cli.context import running_in

        if running_in(self.home) is not None:
            link = self.link()
            try:
                yield link
            finally:
                link.close()
            return
        with self._own_engine(by_itself=False) as engine:
            yield engine

    @contextmanager
    def own_engine(self) -> "Generator[Engine]":
        """An engine with schedule and stops, in this process, that a viewer may end."""
        use_language(self.settings().language)  # in which views of it are spoken to
        with self._own_engine(by_itself=True) as engine:
            yield engine

    @contextmanager
    def _own_engine(self, *, by_itself: bool) -> "Generator[Engine]":
        from core.engine.engine import Engine, EngineFailed
        from tui.cli.offline import HomeInUse, HomeUnusable

        with self.quiet():
            engine = Engine(
                self.home,
                self.settings(),
                speed=self.speed or (1.0 if by_itself else ONE_SHOT_SPEED),
                stderr=True,
                by_itself=by_itself,
                ends_at_a_word=True,
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
                self.open_safe_if_needed(engine)
                yield engine
            finally:
                engine.stop()

    def open_safe_if_needed(self, engine: "EngineLink") -> None:
        """Ask for the passphrase of the home's passwords, where it is needed and somebody is there to be asked."""
        from core.model.command import Failed, ListStrategies, OpenSafe

        shown = engine.latest
        if shown is None or shown.mode == "sandbox" or not shown.locked:
            return
        # Answers when the login of the start has ended: a variable, or the keyring, may have done without the file.
        if not isinstance(engine.send(ListStrategies(limit=1)).result(60), Failed):
            return
        passphrase = hidden("Passphrase of the encrypted file of passwords") if sys.stdin.isatty() else ""
        reply = engine.send(OpenSafe(passphrase)).result(60) if passphrase else Failed("It was not typed.")
        if isinstance(reply, Failed):
            click.echo(f"The encrypted file of passwords stays shut, nobody is logged in. {reply.text}", err=True)

    def quiet(self) -> AbstractContextManager[None]:
        """Where MiniQMT's libraries may be at work, what they write to the console goes to the log."""
        from tui.cli.context import settings_of
        from tui.cli.offline import SettingsError

        try:
            mode = settings_of(self.home, self._mode).mode
        except SettingsError:
            return nullcontext()
        if mode == "sandbox":
            return nullcontext()
        from core.infra.native_output import kept_off_the_screen

        return kept_off_the_screen()


def ask(engine: "EngineLink", command: "Command[T]", seconds: float) -> T:
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


def home_at(option: Path | None) -> Home:
    """The home that the option, ROTOR_HOME, the working folder or the user's data folder names."""
    return Home(find_home(option, os.environ, Path.cwd()))


def settings_of(home: Home, mode: str | None = None) -> Settings:
    """The settings of a home. Raises `SettingsError`, its text a line per problem."""
    return load_settings(home.path, {} if mode is None else {"mode": mode})


def running_in(home: Home) -> str | None:
    """Who runs in this home, in words; None where nobody does."""
    try:
        holder = HomeLock(home).holder()
    except OSError:  # a home that may only be read: its lock cannot be tried
        return NOT_KNOWN
    return None if holder is None else str(holder)


def has_door(home: Home) -> bool:
    """Whether the engine that runs in the home lets viewers in: one that carries out a command and ends does not."""
    return home.endpoint.exists()


NOT_KNOWN = "not known"
"""Who runs in a home, where its lock cannot be tried."""
