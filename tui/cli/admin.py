"""Commands that need no engine: passwords, a test of who is told, the examination, shell completion."""

import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

import click
from pydantic import SecretStr

from core.engine.doctor.examination import examine
from core.engine.ipc.client import IpcClient
from core.i18n import say
from core.infra.config import write_setting
from core.infra.credentials import TOKEN, Credentials, SecretLocation
from core.infra.credentials_file import CredentialsFile, CredentialsFileLocked
from core.infra.home import Home
from core.infra.logs import hide
from core.infra.service import AutostartFailed, autostart_of, is_on, turn_off, turn_on
from core.infra.settings_editor import problem_with, value_of
from core.model.finding import CheckResult, Finding
from core.model.known import Unknown
from core.model.settings import Settings
from core.model.settings_rows import SecretName
from core.notify.channels import PUSH_ACCOUNT, problem_with_addresses, receivers_of, try_all
from tui.cli.completion import SHELLS, script
from tui.cli.context import DONE, FAILED, REFUSED, USAGE, CliContext, agreed, has_door, hidden, leave

_NAMES = ("factorcat", "email", "push")
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
_WHAT = {
    "factorcat": "Password of Factor Cat",
    "email": "Password of the mail server",
    "push": "Apprise addresses of push services, with blanks between them",
}


@click.command(
    epilog="""\b
Examples:
  rotor doctor
  rotor --mode live doctor --json

Exit codes: 0 nothing has failed, 1 something has, 2 the settings cannot be used."""
)
@_AS_JSON
@click.pass_obj
def doctor(call: CliContext, as_json: bool) -> None:
    """Check everything that a trading day needs, one line each, with the remedy. Changes nothing."""
    from tui.cli.admin import doctor_document
    from tui.screens.settings_dialogs import terminal_finding

    size = shutil.get_terminal_size()
    encoding = sys.stdout.encoding or "none"
    colours = _colours()
    with call.quiet():
        screen = [terminal_finding(size.columns, size.lines, colours, encoding)] if sys.stdout.isatty() else []
        document = doctor_document(call.home, call.mode, *screen)
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        from tui.cli.output import plain_console, print_doctor

        print_doctor(document, plain_console())
    broken = any(row["name"] == "settings" and row["state"] == "failed" for row in document["findings"])
    sys.exit(USAGE if broken else FAILED if document["worst"] == "failed" else DONE)


def _colours() -> str:
    from rich.console import Console

    return str(Console().color_system or "none")


@click.group()
def notify() -> None:
    """Mail and push services: whether they work."""


@notify.command("test", epilog="Example: rotor notify test")
@_AS_JSON
@click.pass_obj
def notify_test(call: CliContext, as_json: bool) -> None:
    """Send a test to everybody who is to be told, and say what became of each."""
    from tui.cli.admin import CredentialsFileLocked, SecretCommands, try_notify

    settings = call.settings()
    passphrase = (
        hidden("Passphrase of the encrypted file of passwords") if SecretCommands(call.home, settings).locked else ""
    )
    try:
        outcomes = try_notify(call.home, settings, passphrase)
    except CredentialsFileLocked as error:
        leave(REFUSED, str(error))
    if as_json:
        rows = [{"name": name, "sent": why is None, "why": why} for name, why in outcomes]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not outcomes:
        leave(USAGE, "Nobody is to be told: set [notify.email] in config.toml, or rotor secret set push.")
    else:
        for name, why in outcomes:
            click.echo(f"{name}: sent" if why is None else f"{name}: NOT sent. {why}")
    sys.exit(FAILED if not outcomes or any(why is not None for _, why in outcomes) else DONE)


@click.group()
def secret() -> None:
    """Passwords: where they are kept, without ever showing one."""


@secret.command("set", epilog="Example: rotor secret set factorcat")
@click.argument("name", type=click.Choice(_NAMES))
@click.pass_obj
def secret_set(call: CliContext, name: str) -> None:
    """Type a password; it goes to the system's keyring, else to an encrypted file.

    It is read from the terminal, or from a pipe, and never from the command line.
    """
    from tui.cli.admin import CredentialsFileLocked, SecretCommands

    secrets = SecretCommands(call.home, call.settings())
    try:
        account = secrets.account(cast("SecretName", name))
        typed = hidden(f"{_WHAT[name]} ({account})" if name != "push" else _WHAT[name])
        if not typed:
            leave(REFUSED, "Nothing was typed: nothing is kept.")
        call.home.prepare()
        kept = secrets.keep(cast("SecretName", name), typed)
        if kept.trouble:
            click.echo(kept.trouble, err=True)
            if not secrets.locked and not agreed("Keep it in an encrypted file of this home, opened by a passphrase?"):
                leave(REFUSED, "Nothing is kept.")
            secrets.open_safe(hidden("Passphrase", twice=not secrets.locked))
            click.echo("It is in the encrypted file; rotor asks for the passphrase at each start.")
        else:
            click.echo("It is in the encrypted file." if kept.where == "safe" else "It is in the system's keyring.")
    except (ValueError, CredentialsFileLocked) as error:
        leave(REFUSED, str(error))


@secret.command("forget", epilog="Example: rotor secret forget email")
@click.argument("name", type=click.Choice(_NAMES))
@click.pass_obj
def secret_forget(call: CliContext, name: str) -> None:
    """Take a password out of wherever it is kept."""
    from tui.cli.admin import SecretCommands

    try:
        trouble = SecretCommands(call.home, call.settings()).forget(cast("SecretName", name))
    except ValueError as error:
        leave(REFUSED, str(error))
    if trouble is not None:
        leave(FAILED, trouble)
    click.echo("It is forgotten: this machine keeps it nowhere any more.")


@secret.command("list", epilog="Example: rotor secret list")
@click.pass_obj
def secret_list(call: CliContext) -> None:
    """Where each password is: environment, keyring, safe (the encrypted file), or none."""
    from tui.cli.admin import SecretCommands

    secrets = SecretCommands(call.home, call.settings())
    for name in _NAMES:
        click.echo(f"{name}: {secrets.where(cast('SecretName', name))}")


@click.command("akshare-table", hidden=True)
@click.argument("name")
def akshare_table(name: str) -> None:
    """What a one-folder build runs itself for: a table of akshare as JSON, in a process of its own."""
    from tui.cli.admin import print_akshare_table

    sys.exit(print_akshare_table(name))


@click.command(
    epilog="""\b
Examples:
  rotor completion bash >> ~/.bashrc
  rotor completion powershell >> $PROFILE"""
)
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion(shell: str) -> None:
    """Print what makes a shell complete rotor's commands and options."""
    click.echo(script(shell))


__all__ = [
    "AutostartFailed",
    "CredentialsFileLocked",
    "SecretCommands",
    "SecretLocation",
    "doctor_document",
    "print_akshare_table",
    "set_setting",
    "try_notify",
]

_ENGINE_PATIENCE = 3.0
"""Seconds that a running engine is given to show its picture."""


class SecretCommands:
    """The passwords of a home for the command line. Calls block while the keyring asks its user."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._settings = settings
        self._credentials = Credentials(CredentialsFile(home.credentials_file))

    @property
    def locked(self) -> bool:
        """Whether the home's encrypted file waits for its passphrase."""
        return self._credentials.locked

    def account(self, name: SecretName) -> str:
        """For whom a secret is kept. Raises `ValueError` where the settings do not name them yet."""
        if name == "push":
            return PUSH_ACCOUNT
        key = "factorcat.username" if name == "factorcat" else "notify.email.sender"
        account = self._settings.factorcat.username if name == "factorcat" else self._settings.notify.email.sender
        if not account:
            raise ValueError(say("Set {key} first: the password is kept for it.", key=key))
        return account

    def keep(self, name: SecretName, secret: str) -> SecretLocation:
        """Raises `ValueError` for addresses of push services that cannot be used."""
        hidden = SecretStr(secret)
        hide(hidden)
        if name == "push" and (wrong := problem_with_addresses(secret)):
            raise ValueError(wrong)
        return self._credentials.keep(self.account(name), hidden, name)

    def open_safe(self, passphrase: str) -> None:
        """Open the encrypted file, or begin it, and put there what `keep` could not. Raises `CredentialsFileLocked`."""
        self._credentials.open(SecretStr(passphrase))

    def forget(self, name: SecretName) -> str | None:
        """None, or a sentence on why something of it may be left."""
        services = (name, TOKEN) if name == "factorcat" else (name,)
        troubles = [self._credentials.forget(self.account(name), service) for service in services]
        return next((trouble for trouble in troubles if trouble is not None), None)

    def where(self, name: SecretName) -> str:
        """Where a secret is, in a word or a sentence; never what it is."""
        try:
            found = self._credentials.find(self.account(name), name)
        except ValueError as error:
            return str(error)
        if isinstance(found, Unknown):
            return found.reason
        return found.value[1] or "none"


def try_notify(home: Home, settings: Settings, passphrase: str) -> list[tuple[str, str | None]]:
    """Send everybody who is to be told a test; their names, and why it did not go, None where it did.

    `passphrase` opens the home's encrypted file, where there is one. Raises `CredentialsFileLocked`.
    """
    credentials = Credentials(CredentialsFile(home.credentials_file))
    if credentials.locked and passphrase:
        credentials.open(SecretStr(passphrase))
    receivers, troubles = receivers_of(settings.notify, credentials)
    return [*(("push", trouble) for trouble in troubles), *try_all(receivers, settings.mode)]


def set_setting(home: Home, key: str, text: str) -> str:
    """Write a setting into config.toml; an empty text, or why it was not written. Raises `OSError`, `SettingsError`."""
    problem = problem_with(home.path, key, text)
    if not problem:
        write_setting(home.path, {key: value_of(key, text)})
    return problem


def doctor_document(home: Home, mode: str | None, *more: Finding) -> dict[str, Any]:
    """The examination as `rotor doctor` tells it; `more` are findings of the caller. `worst` is the gravest state."""
    link = IpcClient(home)
    try:
        running = link.latest if link.open(_ENGINE_PATIENCE if has_door(home) else 0.0) else None
        findings = (*asyncio.run(examine(home, mode, running=running)), *more)
    finally:
        link.close()
    return {
        "worst": worst_of(findings),
        "findings": [{**asdict(finding), "state": finding.state.name.lower()} for finding in findings],
    }


def autostart_document(home: Home) -> dict[str, str]:
    """What is, or would be, written for the engine's start at log-on. Raises `AutostartFailed`."""
    autostart = autostart_of(home)
    states = {True: "on", False: "off", None: "another file is there: on writes it anew, off removes it"}
    return {
        "name": autostart.name,
        "state": states[is_on(autostart)],
        "file": str(autostart.file),
        "text": autostart.text,
    }


def turn_autostart(home: Home, *, on: bool) -> None:
    """Raises `AutostartFailed`, `OSError`."""
    autostart = autostart_of(home)
    turn_on(autostart) if on else turn_off(autostart)


def print_akshare_table(name: str) -> int:
    """The child's part of `AkshareTables`, in this process; its exit code."""
    from core.akshare.child import main

    return main([name])


def worst_of(findings: Sequence[Finding]) -> str:
    """The gravest state of all, as a word."""
    return max((finding.state for finding in findings), key=list(CheckResult).index).name.lower()
