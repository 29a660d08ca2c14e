"""What the command line does without an engine: passwords, a test of who is told, the examination."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import SecretStr

from core.engine.doctor.examination import examine
from core.engine.ipc.client import RemoteLink
from core.i18n import say
from core.infra.config import write_setting
from core.infra.credentials import TOKEN, Kept, Vault
from core.infra.credentials_file import Safe, SafeShut
from core.infra.home import Home
from core.infra.logs import hide
from core.infra.service import AutostartFailed, autostart_of, is_on, turn_off, turn_on
from core.infra.settings_editor import problem_with, value_of
from core.model.finding import Finding, State
from core.model.known import Unknown
from core.model.settings import Settings
from core.model.settings_rows import SecretName
from core.notify.channels import PUSH_ACCOUNT, problem_with_addresses, receivers_of, try_all
from tui.cli.offline import has_door

__all__ = [
    "AutostartFailed",
    "Kept",
    "SafeShut",
    "Secrets",
    "doctor_document",
    "print_akshare_table",
    "set_setting",
    "try_notify",
]

_ENGINE_PATIENCE = 3.0
"""Seconds that a running engine is given to show its picture."""


class Secrets:
    """The passwords of a home for the command line. Calls block while the keyring asks its user."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._settings = settings
        self._vault = Vault(Safe(home.safe))

    @property
    def locked(self) -> bool:
        """Whether the home's encrypted file waits for its passphrase."""
        return self._vault.locked

    def account(self, name: SecretName) -> str:
        """For whom a secret is kept. Raises `ValueError` where the settings do not name them yet."""
        if name == "push":
            return PUSH_ACCOUNT
        key = "factorcat.username" if name == "factorcat" else "notify.email.sender"
        account = self._settings.factorcat.username if name == "factorcat" else self._settings.notify.email.sender
        if not account:
            raise ValueError(say("Set {key} first: the password is kept for it.", key=key))
        return account

    def keep(self, name: SecretName, secret: str) -> Kept:
        """Raises `ValueError` for addresses of push services that cannot be used."""
        hidden = SecretStr(secret)
        hide(hidden)
        if name == "push" and (wrong := problem_with_addresses(secret)):
            raise ValueError(wrong)
        return self._vault.keep(self.account(name), hidden, name)

    def open_safe(self, passphrase: str) -> None:
        """Open the encrypted file, or begin it, and put there what `keep` could not. Raises `SafeShut`."""
        self._vault.open(SecretStr(passphrase))

    def forget(self, name: SecretName) -> str | None:
        """None, or a sentence on why something of it may be left."""
        services = (name, TOKEN) if name == "factorcat" else (name,)
        troubles = [self._vault.forget(self.account(name), service) for service in services]
        return next((trouble for trouble in troubles if trouble is not None), None)

    def where(self, name: SecretName) -> str:
        """Where a secret is, in a word or a sentence; never what it is."""
        try:
            found = self._vault.find(self.account(name), name)
        except ValueError as error:
            return str(error)
        if isinstance(found, Unknown):
            return found.reason
        return found.value[1] or "none"


def try_notify(home: Home, settings: Settings, passphrase: str) -> list[tuple[str, str | None]]:
    """Send everybody who is to be told a test; their names, and why it did not go, None where it did.

    `passphrase` opens the home's encrypted file, where there is one. Raises `SafeShut`.
    """
    vault = Vault(Safe(home.safe))
    if vault.locked and passphrase:
        vault.open(SecretStr(passphrase))
    receivers, troubles = receivers_of(settings.notify, vault)
    return [*(("push", trouble) for trouble in troubles), *try_all(receivers, settings.mode)]


def set_setting(home: Home, key: str, text: str) -> str:
    """Write a setting into config.toml; an empty text, or why it was not written. Raises `OSError`, `SettingsError`."""
    problem = problem_with(home.path, key, text)
    if not problem:
        write_setting(home.path, {key: value_of(key, text)})
    return problem


def doctor_document(home: Home, mode: str | None, *more: Finding) -> dict[str, Any]:
    """The examination as `rotor doctor` tells it; `more` are findings of the caller. `worst` is the gravest state."""
    link = RemoteLink(home)
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
    return max((finding.state for finding in findings), key=list(State).index).name.lower()
