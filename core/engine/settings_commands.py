"""The Settings screen's commands: read, check, change and try settings and passwords."""

import asyncio
import logging
from pathlib import Path

from pydantic import ValidationError

from core.engine.assembly import Components, as_started
from core.engine.current_settings import CurrentSettings
from core.engine.live import what_lacks
from core.factorcat.client import FactorCatClient
from core.i18n import listed, mark, reasons, say, sentences
from core.infra.config import FILE, load_settings, with_values, within, write_setting
from core.infra.credentials import Credentials, platform_account
from core.infra.home import Home
from core.infra.settings_editor import NEED_RESTART, problem_with, setting_rows, value_of
from core.model.command import (
    ChangeSetting,
    CheckSetting,
    ForgetSecret,
    ReadSettings,
    StoreSecret,
    TryLogin,
    TryNotify,
    TryQmt,
)
from core.model.errors import RefusedError
from core.model.known import Unknown
from core.model.settings_rows import SecretSource, SecretStored, SettingsTable
from core.notify.channels import problem_with_addresses, send_test
from core.notify.delivery import Notifier

log = logging.getLogger(__name__)

_STORED_IN: dict[SecretSource, str] = {
    "keyring": mark("Stored in the system's keyring."),
    "safe": mark("Stored in the encrypted file."),
    "session": mark("Stored until this program ends."),
}


class SettingsRefused(RefusedError):
    """Nothing was changed; the message says why."""


class SettingsCommands:
    def __init__(
        self,
        components: Components,
        current: CurrentSettings,
        home: Home,
        credentials: Credentials,
        notifier: Notifier,
    ) -> None:
        self._components = components
        self._current = current
        self._home = home
        self._credentials = credentials
        self._notifier = notifier

    async def read(self, _: ReadSettings) -> SettingsTable:
        settings = await asyncio.to_thread(load_settings, self._home.path)
        following, in_use = as_started(settings), self._components.settings
        rows = await asyncio.to_thread(setting_rows, self._home.path, following, in_use)
        secrets = await asyncio.to_thread(self._credentials.secret_rows, settings)
        return SettingsTable(str(self._home.path / FILE), rows, secrets, self._credentials.locked)

    async def check(self, command: CheckSetting) -> str:
        return await asyncio.to_thread(problem_with, self._home.path, command.key, command.text)

    async def change(self, command: ChangeSetting) -> str:
        """Write it and put it into force; returns when it takes effect."""
        key = command.key
        problem = await asyncio.to_thread(problem_with, self._home.path, key, command.text)
        if problem:
            raise SettingsRefused(problem)
        try:
            await asyncio.to_thread(write_setting, self._home.path, {key: value_of(key, command.text)})
        except OSError as error:
            why = error.strerror or error
            said = say("{file} could not be written ({why}): nothing was changed.", file=FILE, why=why)
            raise SettingsRefused(sentences([said, say("Close it in other programs and try again.")])) from None
        log.info("the setting %s was changed on the screen", key)
        return await self._bring_into_force(key)

    async def _bring_into_force(self, key: str) -> str:
        restart = say("{key} is written; it takes effect after a restart.", key=key)
        if within(key, NEED_RESTART):
            return restart
        fresh = await asyncio.to_thread(load_settings, self._home.path)
        try:
            wanted = with_values(self._current.wanted, fresh, [key])
        except ValidationError as error:  # it fits another change in the file that waits for the restart
            log.info("the setting %s cannot be used before a restart: %s", key, error.errors()[0]["msg"])
            return restart
        await self._current.change(wanted)
        if not self._current.in_force(key):
            return say("{key} is written; it takes effect when the running rebalance has ended.", key=key)
        return say("{key} is written and in use.", key=key)

    async def store(self, command: StoreSecret) -> SecretStored:
        settings = await asyncio.to_thread(load_settings, self._home.path)
        if command.name == "push" and (problem := await asyncio.to_thread(problem_with_addresses, command.secret)):
            raise SettingsRefused(problem)
        stored = await asyncio.to_thread(self._credentials.store_secret, command.name, command.secret, settings)
        self._notifier.reload_receivers()
        return SecretStored(say(_STORED_IN[stored.where]), stored.trouble)

    async def forget(self, command: ForgetSecret) -> str:
        settings = await asyncio.to_thread(load_settings, self._home.path)
        try:
            trouble = await asyncio.to_thread(self._credentials.forget_secret, command.name, settings)
        finally:
            self._notifier.reload_receivers()
        if trouble is not None:
            raise SettingsRefused(trouble)
        return say("Deleted: no copy of it is stored on this machine.")

    async def test_qmt(self, _: TryQmt) -> str:
        settings = await asyncio.to_thread(load_settings, self._home.path)
        userdata = Path(settings.qmt.userdata)
        lacking = await asyncio.to_thread(what_lacks, settings.qmt)
        if lacking is not None:
            raise SettingsRefused(lacking)
        if not any((userdata / name).exists() for name in ("xtmodel", "up_queue_xtquant", "down_queue_xtquant", "log")):
            raise SettingsRefused(
                say(
                    "{folder} is there, and holds nothing of MiniQMT: start MiniQMT once, or name its userdata_mini.",
                    folder=userdata,
                )
            )
        return say("The SDK loads, and {folder} is a folder of MiniQMT.", folder=userdata)

    async def test_notify(self, _: TryNotify) -> str:
        settings = await asyncio.to_thread(load_settings, self._home.path)
        outcomes = await asyncio.to_thread(send_test, settings, self._credentials)
        if failed := [why for _, why in outcomes if why is not None]:
            raise SettingsRefused(reasons(failed))
        if not outcomes:
            text = say("No receiver is set: fill in [notify.email], or store the addresses of push services.")
            raise SettingsRefused(text)
        return say("A test went to: {names}.", names=listed(name for name, _ in outcomes))

    async def test_login(self, _: TryLogin) -> str:
        """Log in with a client of its own: the running session stays as it is. Raises `FactorCatError` too."""
        settings = await asyncio.to_thread(load_settings, self._home.path)
        if settings.mode == "sandbox":
            raise SettingsRefused(say("The sandbox's platform is built in: there is nothing to log in to."))
        username = settings.factorcat.username
        found = await asyncio.to_thread(self._credentials.read, platform_account(settings.factorcat))
        if isinstance(found, Unknown):
            raise SettingsRefused(found.reason)
        if not username or found.value is None:
            raise SettingsRefused(say("Set factorcat.username and store its password first."))
        client = FactorCatClient.of(settings, self._components.clock)
        try:
            user = await client.login(username, found.value.get_secret_value())
        finally:
            await client.aclose()
        return say("Factor Cat takes the password of {user}.", user=user)
