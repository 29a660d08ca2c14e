"""Commands that need no engine: doctor, notify, secret, completion."""

import asyncio
import shutil
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import click
from pydantic import SecretStr

from core.engine.ipc.client import IpcClient
from core.i18n import mark, say
from core.infra.credentials import SECRET_NAMES, account_of, platform_account
from core.infra.credentials_file import CredentialsFileLocked
from core.infra.home import Home
from core.model.command import Logout
from core.model.errors import RotorError
from core.model.finding import CheckResult, Finding
from core.model.settings_rows import SecretName
from tui.cli.context import (
    AS_JSON,
    DONE,
    FAILED,
    PASSPHRASE,
    REFUSED,
    USAGE,
    CliContext,
    accepts_viewers,
    confirm_or_exit,
    exit_with,
    pass_existing_folder,
    prompt_secret,
    running_in,
)
from tui.cli.output import print_doctor, print_json, show
from tui.cli.spoken import Group, SpokenCommand

if TYPE_CHECKING:
    from click.shell_completion import ShellComplete

_SECRETS: dict[SecretName, str] = {
    "factorcat": mark("Password of Factor Cat"),
    "email": mark("Password of the mail server"),
    "push": mark("Apprise addresses of push services, separated by blanks"),
}
_PLACES = {
    "keyring": mark("keyring"),
    "safe": mark("safe"),
    "environment": mark("environment"),
    "session": mark("session"),
}
_LOGOUT_SECONDS = 120.0
"""Seconds that a keyring may keep a logout waiting: it may ask the user, for the password and for the token."""

_ENGINE_SECONDS = 3.0
"""Seconds that a running engine has to send its first snapshot."""


@click.command(
    cls=SpokenCommand,
    epilog="""\b
Examples:
  rotor doctor
  rotor --mode live doctor --json

Exit codes: 0 nothing failed, 1 something failed, 2 the settings are invalid.""",
)
@AS_JSON
@click.pass_obj
def doctor(context: CliContext, as_json: bool) -> None:
    """Check everything that a trading day needs, with a remedy for each problem. Changes nothing."""
    with context.quiet():
        document = _doctor_document(context.home, context.mode, _check_terminal())
    show(document, as_json, print_doctor)
    broken = any(row["name"] == "settings" and row["state"] == "failed" for row in document["findings"])
    sys.exit(USAGE if broken else FAILED if document["worst"] == "failed" else DONE)


def _check_terminal() -> tuple[Finding, ...]:
    if not sys.stdout.isatty():
        return ()
    from rich.console import Console

    from tui.screens.settings_dialogs import terminal_finding

    size = shutil.get_terminal_size()
    colours = str(Console().color_system or "none")
    return (terminal_finding(size.columns, size.lines, colours, sys.stdout.encoding or "none"),)


def _doctor_document(home: Home, mode: str | None, more: tuple[Finding, ...]) -> dict[str, Any]:
    """The findings of all checks, and of those in `more`; `worst` is the gravest state."""
    from core.engine.doctor.examination import examine

    link = IpcClient(home)
    try:
        running = link.latest if link.open(_ENGINE_SECONDS if accepts_viewers(home) else 0.0) else None
        findings = (*asyncio.run(examine(home, mode, running=running)), *more)
    finally:
        link.close()
    return {
        "worst": max((finding.state for finding in findings), key=list(CheckResult).index).name.lower(),
        "findings": [{**asdict(finding), "state": finding.state.name.lower()} for finding in findings],
    }


@click.command(cls=SpokenCommand, epilog="Example: rotor logout")
@pass_existing_folder
def logout(context: CliContext) -> None:
    """Log out of Factor Cat and delete its password and token from this machine.

    A running engine logs out too; its stops go on. The user name stays in the settings.
    """
    if running_in(context.home) is not None:
        click.echo(context.ask(Logout(), _LOGOUT_SECONDS))
        return
    from core.engine.login import forget_login

    settings = context.settings()
    if not settings.factorcat.username:
        click.echo(say("Nobody is logged in: the settings name no user."))
        return
    click.echo(forget_login(context.credentials(), platform_account(settings.factorcat)))


@click.group(cls=Group)
def notify() -> None:
    """Mail and push notifications."""


@notify.command("test", epilog="Example: rotor notify test")
@AS_JSON
@click.pass_obj
def notify_test(context: CliContext, as_json: bool) -> None:
    """Send a test message to every receiver and report each result."""
    from core.notify.channels import send_test

    settings, credentials = context.settings(), context.credentials()
    try:
        if credentials.locked and (passphrase := prompt_secret(say(PASSPHRASE))):
            credentials.open(SecretStr(passphrase))
    except CredentialsFileLocked as error:
        exit_with(REFUSED, str(error))
    outcomes = send_test(settings, credentials)
    if as_json:
        print_json([{"name": name, "sent": why is None, "why": why} for name, why in outcomes])
    elif not outcomes:
        exit_with(
            USAGE, say("No receiver is set: fill in [notify.email] in config.toml, or run rotor secret set push.")
        )
    else:
        for name, why in outcomes:
            click.echo(
                say("{name}: sent", name=name) if why is None else say("{name}: NOT sent. {why}", name=name, why=why)
            )
    sys.exit(FAILED if not outcomes or any(why is not None for _, why in outcomes) else DONE)


@click.group(cls=Group)
def secret() -> None:
    """Store and remove passwords. Never shows one."""


_NAME = click.argument("name", type=click.Choice(SECRET_NAMES))


@secret.command("set", epilog="Example: rotor secret set factorcat")
@_NAME
@click.pass_obj
def secret_set(context: CliContext, name: SecretName) -> None:
    """Enter a password; it is stored in the system's keyring, else in an encrypted file.

    It is read from the terminal or from a pipe, never from the command line.
    """
    from core.notify.channels import problem_with_addresses

    settings, credentials = context.settings(), context.credentials()
    try:
        account = account_of(name, settings)
        entered = prompt_secret(f"{say(_SECRETS[name])} ({account})" if name != "push" else say(_SECRETS[name]))
        if not entered:
            exit_with(REFUSED, say("Nothing was entered and nothing was stored."))
        if name == "push" and (problem := problem_with_addresses(entered)):
            exit_with(REFUSED, problem)
        context.home.prepare()
        stored = credentials.store_secret(name, entered, settings)
        if not stored.trouble:
            in_file = stored.where == "safe"
            click.echo(say("Stored in the encrypted file.") if in_file else say("Stored in the system's keyring."))
            return
        click.echo(stored.trouble, err=True)
        locked = credentials.locked
        question = say("Store it in an encrypted file in the data folder, protected by a passphrase?")
        confirm_or_exit(locked, question, say("Nothing was stored."))
        # Opening the file also stores what the keyring refused.
        credentials.open(SecretStr(prompt_secret(say("Passphrase"), twice=not locked)))
        click.echo(say("Stored in the encrypted file. rotor asks for the passphrase at each start."))
    except RotorError as error:
        exit_with(REFUSED, str(error))


@secret.command("forget", epilog="Example: rotor secret forget email")
@_NAME
@click.pass_obj
def secret_forget(context: CliContext, name: SecretName) -> None:
    """Delete a stored password."""
    try:
        trouble = context.credentials().forget_secret(name, context.settings())
    except RotorError as error:
        exit_with(REFUSED, str(error))
    if trouble is not None:
        exit_with(FAILED, trouble)
    click.echo(say("Deleted: no copy of it is stored on this machine."))


@secret.command("list", epilog="Example: rotor secret list")
@click.pass_obj
def secret_list(context: CliContext) -> None:
    """Show where each password is stored: environment, keyring, safe (the encrypted file) or none."""
    for row in context.credentials().secret_rows(context.settings()):
        click.echo(f"{row.name}: {row.trouble or say(_PLACES.get(row.source, row.source) or 'none')}")


@click.command("akshare-table", cls=SpokenCommand, hidden=True)
@click.argument("name")
def akshare_table(name: str) -> None:
    """Print a table of akshare as JSON; rotor runs this in a child process."""
    from core.akshare.child import main

    sys.exit(main([name]))


@click.command(
    cls=SpokenCommand,
    epilog="""\b
Examples:
  rotor completion bash >> ~/.bashrc
  rotor completion powershell >> $PROFILE""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes rotor's commands and options in a shell."""
    from click.shell_completion import get_completion_class

    kind = cast("type[ShellComplete]", get_completion_class(shell))
    completer = kind(context.find_root().command, {}, "rotor", "_ROTOR_COMPLETE")
    # Not `source()`: for bash it checks the version of this machine's bash, and the script may be for another machine.
    click.echo(completer.source_template % completer.source_vars())
