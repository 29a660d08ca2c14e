"""Logging in to Factor Cat: at the start, by command, and before a token expires; storing its password and token."""

import asyncio
import logging

from pydantic import SecretStr

from core.engine.assembly import Components
from core.engine.current_settings import CurrentSettings
from core.engine.health import HealthMonitor
from core.engine.trading_commands import CommandDeclined
from core.factorcat.client import FactorCatClient
from core.factorcat.errors import FactorCatError
from core.i18n import say, sentences
from core.infra.config import write_setting
from core.infra.credentials import TOKEN, Credentials, platform_account
from core.infra.home import Home
from core.infra.logs import hide
from core.infra.tasks import end_tasks
from core.model.command import LoggedIn, Login, Logout, OpenSafe
from core.model.known import Known, Unknown
from core.model.snapshot import Level
from core.notify.delivery import Notifier

log = logging.getLogger(__name__)

_PAGE = 100


class PlatformLogin:
    def __init__(
        self,
        components: Components,
        current: CurrentSettings,
        health: HealthMonitor,
        home: Home,
        credentials: Credentials,
        notifier: Notifier,
    ) -> None:
        self._components = components
        self._current = current
        self._health = health
        self._home = home
        self._credentials = credentials
        self._notifier = notifier
        self._account = platform_account(components.settings.factorcat)
        self._may_retry = True  # whether a failed login is tried again by itself: the platform did not answer
        self._task: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._by_hand = asyncio.Lock()

    def start(self) -> None:
        """Log in in the background, where that needs no input."""
        self._task = asyncio.create_task(self._by_itself())
        self._begun.set()

    async def wait_ended(self) -> None:
        """Wait for the end of the login at the start, which may not have begun, and of one that the user asks for."""
        await self._begun.wait()
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task})
        async with self._by_hand:
            pass

    async def close(self) -> None:
        await end_tasks(self._task)

    async def renew(self) -> None:
        """Renew the login well before its token expires; log in if the platform did not answer at the start."""
        platform = self._components.platform
        if platform.user is None:
            if self._task is not None and self._task.done() and self._may_retry:
                self.start()
            return
        try:
            if await platform.renew_if_due():
                await self._keep_token()
            if self._components.followed_record.wanted:
                await self._components.followed_record.ask()
        except FactorCatError as error:
            self._health.platform = (Level.WARNING, error.brief)
            log.warning("the login could not be renewed: %s", error)

    # -- what the user asks for

    async def log_in(self, command: Login) -> LoggedIn:
        secret = SecretStr(command.password)
        hide(secret)
        async with self._by_hand:
            user = await self._components.platform.login(command.username, command.password)
        self._health.platform = (Level.GOOD, "ok")
        self._may_retry = True
        changes = {"factorcat.username": command.username, "factorcat.remember": command.remember}
        await asyncio.to_thread(write_setting, self._home.path, changes)
        self._account = self._account_of(command.username)
        factorcat = self._current.wanted.factorcat.model_copy(
            update={"username": command.username, "remember": command.remember}
        )
        await self._current.change(self._current.wanted.model_copy(update={"factorcat": factorcat}))
        trouble = ""
        if command.remember:
            trouble = (await asyncio.to_thread(self._credentials.keep, self._account, secret)).trouble
            await self._keep_token()
        else:
            await self._forget()
        if trouble:
            log.warning("%s", trouble)
        log.info("logged in to Factor Cat as %s", user)
        await describe_followed(self._components)
        return LoggedIn(user, trouble)

    async def log_out(self, _: Logout) -> str:
        if self._components.settings.mode == "sandbox":
            raise CommandDeclined(say("The sandbox has its own platform: there is nothing to log out of."))
        self._may_retry = False
        await self.close()  # a login that is on its way would come after this
        async with self._by_hand:
            self._components.platform.logout()
            self._health.platform = (Level.WARNING, say("logged out"))
            said = await asyncio.to_thread(forget_login, self._credentials, self._account)
        log.info("%s", said)
        stays = say("Stops go on. Without a login there is no list: nothing is rebalanced until you log in again.")
        return sentences([said, stays])

    async def open_safe(self, command: OpenSafe) -> str:
        """Raises `SafeShut`."""
        passphrase = SecretStr(command.passphrase)
        hide(passphrase)
        await asyncio.to_thread(self._credentials.open, passphrase)
        await self._keep_token()
        log.info("the encrypted file of passwords was opened")
        self._notifier.reload_receivers()
        if self._components.platform.user is None and self._may_retry:
            self.start()
        return say("The encrypted file of passwords is open.")

    # -- by itself

    async def _by_itself(self) -> None:
        """Use the stored token, else the stored password, where the settings allow it; the sandbox takes any."""
        settings, platform = self._components.settings, self._components.platform
        name = settings.factorcat.username
        if settings.mode == "sandbox":
            await self._try(name or "sandbox", SecretStr("sandbox"))
        elif settings.factorcat.auto_login and name:
            await asyncio.to_thread(self._credentials.claim, self._account_of(name))
            found = await asyncio.to_thread(self._credentials.read, self._account_of(name))
            if isinstance(found, Unknown):
                log.warning("%s", found.reason)
            elif found.value is not None:
                hide(found.value)
                if not await self._resume(name, found.value):
                    await self._try(name, found.value)
        if platform.user is not None:
            await describe_followed(self._components)

    async def _try(self, username: str, password: SecretStr) -> None:
        self._account = self._account_of(username)
        try:
            await self._components.platform.login(username, password.get_secret_value())
            self._health.platform = (Level.GOOD, "ok")
            await self._keep_token()
        except FactorCatError as error:
            self._health.platform = (Level.ERROR, error.brief)
            self._may_retry = error.retryable  # an account that is tried again and again may be locked
            log.warning("%s", error)

    async def _resume(self, name: str, password: SecretStr) -> bool:
        """Whether the token of an earlier run is still valid: then no login is needed."""
        self._account = self._account_of(name)
        kept = await asyncio.to_thread(self._credentials.read, self._account, TOKEN)
        if isinstance(kept, Unknown) or kept.value is None:
            return False
        hide(kept.value)
        try:
            resumed = await self._components.platform.resume(name, kept.value, password)
        except FactorCatError as error:
            log.info("the token of an earlier run could not be tried: %s", error)
            return False
        if resumed:
            self._health.platform = (Level.GOOD, "ok")
            log.info("the login of an earlier run is still good")
        return resumed

    async def _keep_token(self) -> None:
        """Store the token where its password is stored too: the next start need not log in."""
        token, account = self._components.platform.token, self._account
        if (
            token is None
            or not self._components.settings.factorcat.remember
            or self._components.settings.mode == "sandbox"
        ):
            return
        hide(token)
        found = await asyncio.to_thread(self._credentials.find, account)
        if isinstance(found, Known) and found.value[1] in {"keyring", "safe"}:
            kept = await asyncio.to_thread(self._credentials.keep, account, token, TOKEN)
            if kept.trouble:  # the password is enough; some keyrings take no secret as long as a token
                log.info("the token is not kept: %s", kept.trouble)

    def _account_of(self, username: str) -> str:
        """At the address that this engine uses; another one in the settings waits for the next start."""
        return platform_account(self._components.settings.factorcat, username)

    async def _forget(self) -> None:
        for service in ("factorcat", TOKEN):
            trouble = await asyncio.to_thread(self._credentials.forget, self._account, service)
            if trouble is not None:
                log.warning("%s", trouble)


def forget_login(credentials: Credentials, account: str) -> str:
    """Delete the password and the token of this account; says what is deleted and what stays. Blocks."""
    troubles = [credentials.forget(account, service) for service in ("factorcat", TOKEN)]
    found = credentials.find(account)
    user = account.rpartition("@")[0]
    told = [say("Logged out of Factor Cat: no password and no token of {user} is stored here now.", user=user)]
    if trouble := next(filter(None, troubles), None):
        told = [say("Logged out of Factor Cat, but a copy may remain: {trouble}", trouble=trouble)]
    if isinstance(found, Known) and found.value[1] == "environment":
        told.append(say("ROTOR_FACTORCAT__PASSWORD still holds a password: the next start logs in with it."))
    told.append(say("The user name stays in the settings."))
    return sentences(told)


async def describe_followed(components: Components) -> None:
    """Ask for the followed record's parameters and its strategy's name."""
    chosen = components.settings.strategy
    if not chosen.history_id:
        return
    await components.followed_record.ask()
    try:
        components.state.strategy_name = await name_of(components.platform, chosen.strategy_id)
    except FactorCatError as error:
        log.warning("cannot read the name of the followed strategy: %s", error)


async def name_of(platform: FactorCatClient, strategy_id: int) -> str:
    """The strategy's name; empty where the platform does not give it. Raises `FactorCatError`."""
    page, before = 1, ()
    while True:
        found = await platform.strategies(page, _PAGE)
        for strategy in found.items:
            if strategy.id == strategy_id:
                return strategy.name
        # The number of pages may be wrong: a platform may send the same one again and again.
        if page >= found.total_pages or found.items in ((), before):
            return ""
        page, before = page + 1, found.items
