"""Commands that need no engine: passwords, a test of who is told, the examination, shell completion."""

import json
import shutil
import sys
from typing import cast

import click

from core.model.settings_rows import SecretName
from tui.cli.completion import SHELLS, script
from tui.cli.context import DONE, FAILED, REFUSED, USAGE, Call, agreed, hidden, leave

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
def doctor(call: Call, as_json: bool) -> None:
    """Check everything that a trading day needs, one line each, with the remedy. Changes nothing."""
    from core.engine.errands import doctor_document
    from tui.screens.checkup import terminal_finding

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
def notify_test(call: Call, as_json: bool) -> None:
    """Send a test to everybody who is to be told, and say what became of each."""
    from core.engine.errands import SafeShut, Secrets, try_notify

    settings = call.settings()
    passphrase = hidden("Passphrase of the encrypted file of passwords") if Secrets(call.home, settings).locked else ""
    try:
        outcomes = try_notify(call.home, settings, passphrase)
    except SafeShut as error:
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
def secret_set(call: Call, name: str) -> None:
    """Type a password; it goes to the system's keyring, else to an encrypted file.

    It is read from the terminal, or from a pipe, and never from the command line.
    """
    from core.engine.errands import SafeShut, Secrets

    secrets = Secrets(call.home, call.settings())
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
    except (ValueError, SafeShut) as error:
        leave(REFUSED, str(error))


@secret.command("forget", epilog="Example: rotor secret forget email")
@click.argument("name", type=click.Choice(_NAMES))
@click.pass_obj
def secret_forget(call: Call, name: str) -> None:
    """Take a password out of wherever it is kept."""
    from core.engine.errands import Secrets

    try:
        trouble = Secrets(call.home, call.settings()).forget(cast("SecretName", name))
    except ValueError as error:
        leave(REFUSED, str(error))
    if trouble is not None:
        leave(FAILED, trouble)
    click.echo("It is forgotten: this machine keeps it nowhere any more.")


@secret.command("list", epilog="Example: rotor secret list")
@click.pass_obj
def secret_list(call: Call) -> None:
    """Where each password is: environment, keyring, safe (the encrypted file), or none."""
    from core.engine.errands import Secrets

    secrets = Secrets(call.home, call.settings())
    for name in _NAMES:
        click.echo(f"{name}: {secrets.where(cast('SecretName', name))}")


@click.command("akshare-table", hidden=True)
@click.argument("name")
def akshare_table(name: str) -> None:
    """What a one-folder build runs itself for: a table of akshare as JSON, in a process of its own."""
    from core.engine.errands import print_akshare_table

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
