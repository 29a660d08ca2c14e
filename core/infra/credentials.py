"""Passwords and tokens: from the environment, this session, the system's keyring, or an encrypted file.

A keyring that would store them in a plain file is not used.
"""

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import SecretStr

from core.i18n import mark, say, sentences
from core.infra.credentials_file import CredentialsFile, CredentialsFileLocked
from core.infra.home import Home
from core.infra.logs import hide
from core.infra.worker_thread import CallTimedOut, call_with_deadline
from core.model.errors import RefusedError, UnavailableError
from core.model.known import Known, Maybe, Unknown
from core.model.settings import FactorCatSettings, Settings
from core.model.settings_rows import SecretName, SecretRow, SecretSource

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

TOKEN = "token"
"""Service of Factor Cat's long-term token, stored and deleted with the password."""

PUSH_ACCOUNT = "addresses"
"""Account of the push services' addresses: they hold tokens, so they are stored as a secret."""

SECRET_NAMES: tuple[SecretName, ...] = get_args(SecretName)
"""The secrets that a user can set."""

_VARIABLES: Mapping[str, str] = {
    "factorcat": "ROTOR_FACTORCAT__PASSWORD",
    "email": "ROTOR_NOTIFY__EMAIL__PASSWORD",
}
_KEYRING_SERVICE = "rotor"
_NO_LOGON_SESSION = 1312
"""ERROR_NO_SUCH_LOGON_SESSION: a Windows network logon, such as ssh, has no credential store."""

_TOO_LONG = 1783
"""RPC_X_BAD_STUB_DATA: what Windows' credential store says of an entry of more than 2,560 bytes."""

_KEYRING_SECONDS = 30.0
"""Seconds that a keyring may take: it may ask the user to unlock it in a window that nobody sees."""

_CANNOT_READ = mark("The password cannot be read from the keyring")
_CANNOT_STORE = mark("The password cannot be stored in the keyring")
_CANNOT_REMOVE = mark("The password cannot be removed from the keyring")


class SecretRefused(RefusedError):
    """The settings do not name the account of the secret; the message says what to set."""


class KeyringFailed(UnavailableError):
    """The system's keyring did not do what was asked; the message is a reason without a full stop.

    `unusable`: it cannot store anything, so there is nothing in it either.
    """

    def __init__(self, reason: str, *, unusable: bool = False) -> None:
        super().__init__(reason)
        self.unusable = unusable


@dataclass(frozen=True, slots=True)
class SecretLocation:
    """Where a secret was stored. `trouble`: why it is in this session only; else empty."""

    where: SecretSource
    trouble: str = ""


def from_environment(service: str = "factorcat", environ: Mapping[str, str] | None = None) -> SecretStr | None:
    """The password in the service's environment variable; None without one."""
    value = (os.environ if environ is None else environ).get(_VARIABLES.get(service, ""))
    return SecretStr(value) if value else None


class Credentials:
    """The secrets of a data folder. Calls block while the keyring asks the user, so never on the engine's thread.

    `service` is what a secret is for, "factorcat", "email", "push" or `TOKEN`; `account` is whose it is.
    """

    def __init__(
        self,
        credentials_file: CredentialsFile,
        environ: Mapping[str, str] | None = None,
        patience: float = _KEYRING_SECONDS,
    ) -> None:
        """`patience`: seconds that the keyring may take."""
        self._file = credentials_file
        self._environ = environ
        self._patience = patience
        self._session: dict[str, SecretStr] = {}

    @classmethod
    def of(cls, home: Home) -> "Credentials":
        return cls(CredentialsFile(home.credentials_file))

    @property
    def locked(self) -> bool:
        """Whether there is an encrypted file that waits for its passphrase. Does not block."""
        return self._file.locked

    @property
    def has_safe(self) -> bool:
        """Whether there is an encrypted file, open or not. Does not block."""
        return self._file.locked or self._file.open

    def read(self, account: str, service: str = "factorcat") -> Maybe[SecretStr | None]:
        """The secret; `Known(None)` where there is none, `Unknown` with the reason where that cannot be known."""
        found = self.find(account, service)
        return found if isinstance(found, Unknown) else Known(found.value[0])

    def find(self, account: str, service: str = "factorcat") -> Maybe[tuple[SecretStr | None, SecretSource]]:
        """As `read`, with the place where the secret is."""
        if (given := from_environment(service, self._environ)) is not None:
            return Known((given, "environment"))
        if not account:
            return Known((None, ""))
        found = self._find(_key(account, service), service)
        former = _former_account(account, service)
        if former and found == Known((None, "")):
            return self._find(_key(former, service), service)
        return found

    def _find(self, key: str, service: str) -> Maybe[tuple[SecretStr | None, SecretSource]]:
        if (held := self._session.get(key)) is not None:
            return Known((held, "session"))
        # The file first: an entry stands in it only while the keyring did not take a newer one.
        shut = ""
        try:
            if (saved := self._file.get(key)) is not None:
                return Known((saved, "safe"))
        except CredentialsFileLocked as error:
            shut = str(error)
            if self._file.holds(key):
                return Unknown(shut)
        try:
            if (stored := self._keyring_get(key)) is not None:
                return Known((SecretStr(stored), "keyring"))
        except KeyringFailed as error:
            if not error.unusable:
                shut = shut or _sentence(say(_CANNOT_READ), error, service)
        return Unknown(shut) if shut else Known((None, ""))

    def claim(self, account: str) -> None:
        """Give this account the entries that an earlier version has kept for its user without an address: they belong
        to the address of that time, and no other one may get them."""
        for service in ("factorcat", TOKEN):
            former = _key(_former_account(account, service), service)
            left = self._find(former, service)
            if isinstance(left, Unknown) or (secret := left.value[0]) is None:
                continue
            newer = self._find(_key(account, service), service) != Known((None, ""))
            if newer or self.keep(account, secret, service).where != "session":
                self._forget(former, service)

    def keep(self, account: str, secret: SecretStr, service: str = "factorcat") -> SecretLocation:
        """Store it in the keyring, else in the encrypted file if that is open, else until this program ends.

        An older entry elsewhere is removed: there is one, the newest.
        """
        key = _key(account, service)
        try:
            self._keyring_set(key, secret)
            self._file.remove(key)
            location = SecretLocation("keyring")
        except CredentialsFileLocked as error:
            shadowed = self._file.holds(key)
            location = SecretLocation("session", str(error)) if shadowed else SecretLocation("keyring")
        except KeyringFailed as failure:
            trouble = _sentence(say(_CANNOT_STORE), failure, service).replace(secret.get_secret_value(), "***")
            location = self._keep_in_file(key, secret) if self._file.open else SecretLocation("session", trouble)
        if location.where == "session":
            self._session[key] = secret
        else:
            self._session.pop(key, None)
        return location

    def _keep_in_file(self, key: str, secret: SecretStr) -> SecretLocation:
        try:
            self._put_in_file(key, secret)
        except CredentialsFileLocked as error:
            return SecretLocation("session", str(error))
        return SecretLocation("safe")

    def _put_in_file(self, key: str, secret: SecretStr) -> None:
        self._file.put(key, secret)
        with contextlib.suppress(KeyringFailed):  # the file's entry comes first, whether or not this succeeds
            self._keyring_delete(key)

    def _keyring_delete(self, key: str) -> None:
        if self._keyring_get(key) is not None:
            self._call_keyring(lambda: _keyring().delete_password(_KEYRING_SERVICE, key))

    def forget(self, account: str, service: str = "factorcat") -> str | None:
        """Delete the secret everywhere; returns why a copy may remain, else None."""
        accounts = filter(None, (account, _former_account(account, service)))
        troubles = [self._forget(_key(each, service), service) for each in accounts]
        return next(filter(None, troubles), None)

    def _forget(self, key: str, service: str) -> str | None:
        self._session.pop(key, None)
        trouble = None
        try:
            self._file.remove(key)
        except CredentialsFileLocked as error:
            trouble = str(error)
        try:
            self._keyring_delete(key)
        except KeyringFailed as failure:
            if not failure.unusable:
                trouble = trouble or _sentence(say(_CANNOT_REMOVE), failure, service)
        return trouble

    def store_secret(self, name: SecretName, secret: str, settings: Settings) -> SecretLocation:
        """Store a secret for its account in the settings and keep it out of the log. Raises `SecretRefused`."""
        hide(hidden := SecretStr(secret))
        return self.keep(account_of(name, settings), hidden, name)

    def forget_secret(self, name: SecretName, settings: Settings) -> str | None:
        """As `forget`, Factor Cat's token with its password. Raises `SecretRefused`."""
        account = account_of(name, settings)
        troubles = [self.forget(account, service) for service in ((name, TOKEN) if name == "factorcat" else (name,))]
        return next(filter(None, troubles), None)

    def secret_rows(self, settings: Settings) -> tuple[SecretRow, ...]:
        """Where each secret of the user is."""
        return tuple(self._secret_row(name, settings) for name in SECRET_NAMES)

    def _secret_row(self, name: SecretName, settings: Settings) -> SecretRow:
        try:
            found = self.find(account_of(name, settings), name)
        except SecretRefused as refusal:
            found = Unknown(str(refusal))
        if isinstance(found, Unknown):
            return SecretRow(name, stored=False, source="", trouble=found.reason)
        return SecretRow(name, stored=found.value[0] is not None, source=found.value[1])

    def open(self, passphrase: SecretStr) -> None:
        """Open or create the encrypted file and move the session's secrets into it. Raises `CredentialsFileLocked`."""
        self._file.unlock(passphrase)
        for key, secret in tuple(self._session.items()):
            self._put_in_file(key, secret)
            self._session.pop(key, None)

    def probe(self) -> str | None:
        """Store and remove a test word; returns why the system's keyring cannot be used, else None."""
        key = _key("probe", "doctor")
        try:
            self._keyring_set(key, SecretStr("probe"))
            self._call_keyring(lambda: _keyring().delete_password(_KEYRING_SERVICE, key))
        except KeyringFailed as failure:
            return str(failure)
        return None

    def _keyring_get(self, key: str) -> str | None:
        return self._call_keyring(lambda: _keyring().get_password(_KEYRING_SERVICE, key))

    def _keyring_set(self, key: str, secret: SecretStr) -> None:
        def put() -> bool:
            ring, text = _keyring(), secret.get_secret_value()
            ring.set_password(_KEYRING_SERVICE, key, text)  # pyright: ignore[reportUnknownMemberType]
            return ring.get_password(_KEYRING_SERVICE, key) == text

        if not self._call_keyring(put):
            raise KeyringFailed(say("it accepted the password but did not store it"), unusable=True)

    def _call_keyring(self, function: Callable[[], T]) -> T:
        try:
            return call_with_deadline("keyring", function, self._patience)
        except CallTimedOut:
            seconds = f"{self._patience:.0f}"
            text = say("it did not answer within {seconds} s: it may be waiting for you", seconds=seconds)
            raise KeyringFailed(text) from None
        except KeyringFailed:
            raise
        except Exception as error:  # a backend lets anything out: on Windows pywintypes.error, not KeyringError
            raise _failed(error) from None


def account_of(name: SecretName, settings: Settings) -> str:
    """The account that a secret belongs to. Raises `SecretRefused` where the settings do not name one."""
    if name == "push":
        return PUSH_ACCOUNT
    key = "factorcat.username" if name == "factorcat" else "notify.email.sender"
    account = platform_account(settings.factorcat) if name == "factorcat" else settings.notify.email.sender
    if not account:
        raise SecretRefused(say("Set {key} first: the password is stored for that account.", key=key))
    return account


def platform_account(factorcat: FactorCatSettings, username: str = "") -> str:
    """The account of a user (default: that of the settings) at the platform's address: a password that was typed for
    one address is not sent to another. Empty without a user."""
    user, address = username or factorcat.username, urlsplit(factorcat.base_url)
    host, port = address.hostname or "", address.port or (80 if address.scheme == "http" else 443)
    return f"{user}@{f'[{host}]' if ':' in host else host}:{port}{address.path.rstrip('/')}" if user else ""


def _former_account(account: str, service: str) -> str:
    """As an earlier version called it, which kept one entry of a user for every address; empty for other services."""
    return account.rpartition("@")[0] if service in {"factorcat", TOKEN} else ""


def _keyring() -> "KeyringBackend":
    import keyring

    ring = keyring.get_keyring()
    chained = tuple(getattr(ring, "backends", ()))  # of several behind one, the first is written to
    if type(chained[0] if chained else ring).__name__ == "PlaintextKeyring":
        raise KeyringFailed(say("the only one of this machine stores passwords in a plain file"), unusable=True)
    return ring


def _failed(error: Exception) -> KeyringFailed:
    from keyring.errors import NoKeyringError

    if isinstance(error, NoKeyringError):
        return KeyringFailed(say("this machine has none that can be used"), unusable=True)
    if getattr(error, "winerror", None) == _NO_LOGON_SESSION:
        return KeyringFailed(say("Windows stores no credentials in an ssh session"))
    if getattr(error, "winerror", None) == _TOO_LONG:
        return KeyringFailed(say("Windows' credential store takes 1,280 characters at most, and this entry is longer"))
    return KeyringFailed((" ".join(str(error).split()) or type(error).__name__).rstrip("."))


def _key(account: str, service: str) -> str:
    return f"{service}:{account}"


def _sentence(what: str, failure: KeyringFailed, service: str) -> str:
    told = [say("{what}: {reason}.", what=what, reason=failure)]
    if (variable := _VARIABLES.get(service)) is not None:
        told.append(say("With the variable {variable} no keyring is needed.", variable=variable))
    return sentences(told)
