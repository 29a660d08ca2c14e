"""What every command shares: the options before it, its settings, its engine, questions to the user, exit codes."""

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Concatenate, NoReturn, ParamSpec, TypeVar

import click

from core.engine.engine import Engine, EngineFailed
from core.engine.ipc.client import IpcClient
from core.engine.ipc.link import EngineLink
from core.i18n import language, mark, say, use_language
from core.infra.config import SettingsError, load_settings
from core.infra.credentials import Credentials
from core.infra.home import Home, HomeInUse, HomeLock, HomeUnusable, find_home
from core.infra.native_output import kept_off_the_screen
from core.model.command import Command, Failed, ListStrategies, OpenSafe
from core.model.settings import Settings
from core.model.typed_words import is_typed
from core.retold import retold
from core.sandbox.dialects import Dialect

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")

DONE, FAILED, USAGE, REFUSED, UNRESOLVED = range(5)
"""Exit codes: done, failed, bad usage or settings, refused and nothing sent, something is unresolved."""

ONE_SHOT_SPEED = 60.0
"""Market seconds per second in the sandbox, for a command that runs once and ends."""

NOT_KNOWN = mark("not known")
"""The process that runs in a data folder whose lock this user may not read."""

_ENDPOINT_SECONDS = 5.0
"""Seconds that an engine may take to start before it counts as one that accepts no viewers."""

_GOES_ON = mark(
    "The engine goes on in this window: stops and scheduled runs work as before. Run rotor in another window for a new "
    "screen. Ctrl+C here, or rotor stop, ends the engine."
)

PASSPHRASE = mark("Passphrase of the encrypted password file")

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else, in English.")
YES = click.option("--yes", is_flag=True, help="Do not ask.")


@dataclass(frozen=True, slots=True)
class CliContext:
    """The options before the command."""

    chosen_home: Path | None
    mode: str | None
    speed: float | None
    dialects: tuple[Dialect, ...] = ()
    """Of the sandbox's platform; only in this process."""

    @property
    def home(self) -> Home:
        return home_at(self.chosen_home)

    def settings(self) -> Settings:
        """The settings; exit code 2 with every problem where they are invalid."""
        try:
            return settings_of(self.home, self.mode)
        except SettingsError as error:
            exit_with(USAGE, say("The settings in {folder} are invalid:\n{error}", folder=self.home.path, error=error))

    def credentials(self) -> Credentials:
        """The passwords of the data folder. Calls block while the keyring asks the user."""
        return Credentials.of(self.home)

    def options(self) -> tuple[str, ...]:
        """The mode and speed options, to pass on to another process."""
        mode = () if self.mode is None else ("--mode", self.mode)
        return mode if self.speed is None else (*mode, "--speed", str(self.speed))

    def open_app(self, *, watch: bool = False) -> NoReturn:
        """Open the app on the engine that runs in the data folder, else on an engine of its own."""
        settings = self.settings()
        if not has_terminal():
            exit_with(
                USAGE, say("The app needs a terminal. Without one, use rotor status, rotor plan or rotor rebalance.")
            )
        if running_in(self.home) is not None:
            self.attach(watch=watch)
        if watch:
            exit_with(
                REFUSED,
                say("No engine runs in {folder}: nothing to watch. Start one with rotor start.", folder=self.home.path),
            )
        engine = Engine(self.home, settings, speed=self.speed or 1.0, dialects=self.dialects)
        with self.quiet():
            use_language(settings.language)
            _start(engine)
            try:
                from tui.app import SCREEN_FAILED, run
                from tui.terminal import on_console_close

                with on_console_close(lambda: engine.stop(4)):  # Windows gives five seconds
                    code = run(engine)
                if code == SCREEN_FAILED and engine.alive:
                    self._go_on_without_screen(engine)
            finally:
                engine.stop()
        sys.exit(code)

    def _go_on_without_screen(self, engine: Engine) -> None:
        """Keep the engine running after its screen has failed, until a signal or a viewer ends it."""
        from tui.terminal import ShutdownSignals

        engine.viewer_may_end = True
        with ShutdownSignals() as signals:
            with suppress(OSError):  # the screen may have failed because its terminal is gone
                click.echo(say(_GOES_ON), err=True)
            signals.wait_while(lambda: engine.alive)

    def attach(self, *, watch: bool = False) -> NoReturn:
        """Open the app on the engine that runs in the data folder."""
        from tui.app import run

        link = self.link(watch=watch)
        if link.latest is not None:
            use_language(link.latest.language)
        try:
            code = run(link, viewer=True, watch=watch)
        finally:
            link.close()
        sys.exit(code)

    def link(self, *, watch: bool = False) -> IpcClient:
        """Connect to the engine that runs in the data folder; exit code 3 or 1 where that is not possible."""
        holder = running_in(self.home)
        deadline = time.monotonic() + _ENDPOINT_SECONDS
        while not accepts_viewers(self.home) and running_in(self.home) is not None and time.monotonic() < deadline:
            time.sleep(0.1)  # it may be starting
        if holder == NOT_KNOWN and not accepts_viewers(self.home):
            self._exit_if_unusable()
        if holder is not None and not accepts_viewers(self.home):
            exit_with(
                REFUSED,
                say(
                    "{folder} is in use by another rotor: {holder}. Try again when it has ended.",
                    folder=self.home.path,
                    holder=holder,
                ),
            )
        link = IpcClient(self.home, watch=watch)
        connected = link.open() and link.latest is not None
        mode, trouble = link.latest.mode if link.latest else None, link.trouble
        if connected and self.mode in (None, mode):
            return link
        link.close()
        if connected:
            exit_with(
                REFUSED,
                say(
                    "The engine in {folder} runs in {mode} mode: nothing was done.",
                    folder=self.home.path,
                    mode=say(mode or ""),
                ),
            )
        return self._exit_without_engine(trouble)

    def _exit_if_unusable(self) -> None:
        """A folder that may only be read is no sign of another rotor."""
        try:
            self.home.prepare()
        except HomeUnusable as error:
            exit_with(FAILED, str(error))

    def _exit_without_engine(self, trouble: str | None) -> NoReturn:
        why = trouble or say("it does not answer. If that does not change, end that process and start again.")
        if (holder := running_in(self.home)) is None:
            exit_with(FAILED, say("No engine runs in {folder}. Start one with rotor start.", folder=self.home.path))
        exit_with(
            FAILED,
            say(
                "Cannot reach the engine that runs in {folder} ({holder}): {why}",
                folder=self.home.path,
                holder=holder,
                why=why,
            ),
        )

    @contextmanager
    def engine(self) -> Generator[EngineLink]:
        """An engine for one command: the one that runs in the data folder, else its own, which logs to stderr."""
        if running_in(self.home) is None:
            with self._own_engine(by_itself=False) as engine:
                yield engine
            return
        link = self.link()
        try:
            yield link
        finally:
            link.close()

    def ask(self, command: Command[T], seconds: float) -> T:
        """As `ask`, of an engine for this one command."""
        with self.engine() as engine:
            return ask(engine, command, seconds)

    @contextmanager
    def own_engine(self) -> Generator[Engine]:
        """An engine in this process with schedule and stops; a viewer may end it."""
        with self._own_engine(by_itself=True) as engine:
            yield engine

    @contextmanager
    def _own_engine(self, *, by_itself: bool) -> Generator[Engine]:

        with self.quiet():
            engine = Engine(
                self.home,
                self.settings(),
                speed=self.speed or (1.0 if by_itself else ONE_SHOT_SPEED),
                stderr=True,
                by_itself=by_itself,
                viewer_may_end=True,
            )
            _start(engine)
            try:
                engine.wait_ready()
                self.unlock_credentials(engine)
                yield engine
            except EngineFailed as error:
                exit_with(REFUSED if error.refused else FAILED, str(error))
            finally:
                engine.stop()

    def unlock_credentials(self, engine: EngineLink) -> None:
        """Ask for the passphrase of the encrypted password file, where the engine needs it and there is a terminal."""
        latest = engine.latest
        if latest is None or latest.mode == "sandbox" or not latest.locked:
            return
        # Answered after the login at the start, which may have found the password in a variable or the keyring.
        seconds = 60.0 + 3 * self.settings().factorcat.timeout
        if not isinstance(engine.send(ListStrategies(limit=1)).result(seconds), Failed):
            return
        passphrase = prompt_secret(say(PASSPHRASE)) if sys.stdin.isatty() else ""
        reply = (
            engine.send(OpenSafe(passphrase)).result(60) if passphrase else Failed(say("No passphrase was entered."))
        )
        if isinstance(reply, Failed):
            text = say("Not logged in: the encrypted password file is still locked. {why}", why=reply.text)
            click.echo(text, err=True)

    def quiet(self) -> AbstractContextManager[None]:
        """Send what MiniQMT's libraries write to the console to the log, where they may be loaded."""
        try:
            mode = settings_of(self.home, self.mode).mode
        except SettingsError:
            return nullcontext()
        if mode == "sandbox":
            return nullcontext()

        return kept_off_the_screen()


def _start(engine: Engine) -> None:
    try:
        engine.start()
    except HomeInUse as error:
        exit_with(REFUSED, str(error))
    except HomeUnusable as error:
        exit_with(FAILED, str(error))


def ask(engine: EngineLink, command: Command[T], seconds: float) -> T:
    """The command's result; a refusal ends with exit code 3, a failure with 1."""
    try:
        reply = engine.send(command).result(seconds)
    except TimeoutError:
        exit_with(
            FAILED, say("No answer within {seconds:.0f} s. Check rotor status before you try again.", seconds=seconds)
        )
    if isinstance(reply, Failed):
        exit_with(REFUSED if reply.refused else FAILED, retold(reply.text, language()))
    return reply.value


def confirmed(question: str) -> bool:
    """Whether the user says yes on the terminal; no answer is a no."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        return False


def confirm_or_exit(yes: bool, question: str, otherwise: str) -> None:
    """Ask unless `--yes` was given; exit code 3 with `otherwise` unless the user agrees."""
    if not yes and not confirmed(question):
        exit_with(REFUSED, otherwise)


def confirm_word_or_exit(yes: bool, question: str, word: str, otherwise: str) -> None:
    """As `confirm_or_exit`, and the user must type `word`, one of `core.model.typed_words`."""
    if not yes and not is_typed(word, _prompt(question)):
        exit_with(REFUSED, otherwise)


def prompt_secret(question: str, *, twice: bool = False) -> str:
    """A hidden entry on the terminal, or a line from a pipe; empty where nothing was entered."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return _prompt(question, hide_input=True, confirmation_prompt=twice)


def _prompt(question: str, *, hide_input: bool = False, confirmation_prompt: bool = False) -> str:
    try:
        entered = click.prompt(
            question,
            default="",
            show_default=False,
            err=True,
            hide_input=hide_input,
            confirmation_prompt=confirmation_prompt,
        )
    except click.Abort:
        click.echo(err=True)
        return ""
    return str(entered) if hide_input else str(entered).strip()


def needs_yes(as_json: bool, yes: bool) -> None:
    """Raises `click.UsageError` for `--json` without `--yes`: there is nobody to ask."""
    if as_json and not yes:
        raise click.UsageError(say("--json needs --yes, because a script cannot answer the question"))


def exit_with(code: int, text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)


def has_terminal() -> bool:
    """Whether the app can read keys and draw; without a terminal it would loop on an empty input."""
    drawn_on = sys.stdout if sys.platform == "win32" else sys.stderr
    return sys.stdin.isatty() and drawn_on.isatty()


def home_at(option: Path | None) -> Home:
    """The data folder: the option, else ROTOR_HOME, else the working folder, else the user's."""
    return Home(find_home(option, os.environ, Path.cwd()))


def pass_existing_folder(command: Callable[Concatenate["CliContext", P], R]) -> Callable[P, R]:
    """As `click.pass_obj`; exits with code 1 where the data folder does not exist.

    A mistyped folder must not read as an empty account, nor `rotor halt` in it as a halt.
    """

    @click.pass_obj
    @wraps(command)
    def checked(context: CliContext, *args: P.args, **kwargs: P.kwargs) -> R:
        if not context.home.path.is_dir():
            exit_with(
                FAILED, say("There is no data folder {folder}. Check --home and ROTOR_HOME.", folder=context.home.path)
            )
        return command(context, *args, **kwargs)

    return checked


def settings_of(home: Home, mode: str | None = None) -> Settings:
    """The settings of a data folder. Raises `SettingsError`, its text a line per problem."""
    return load_settings(home.path, {} if mode is None else {"mode": mode})


def running_in(home: Home) -> str | None:
    """The process that runs in this data folder, as text; None where none does."""
    try:
        holder = HomeLock(home).holder()
    except HomeUnusable as error:
        exit_with(FAILED, str(error))
    except OSError:  # the folder may only be read: its lock cannot be tried
        return NOT_KNOWN
    return None if holder is None else str(holder)


def accepts_viewers(home: Home) -> bool:
    """Whether the engine in the data folder accepts viewers: one that runs a single command does not."""
    return home.endpoint.exists()
