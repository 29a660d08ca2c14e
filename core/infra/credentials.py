"""Passwords and tokens: from the environment, else from this session, the system's keyring, or an encrypted file.

Never from a plain file: a keyring that would keep them in one is refused like one that fails.
"""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr

from core.i18n import mark, say
from core.infra.credentials_file import CredentialsFile, CredentialsFileLocked
from core.model.errors import UnavailableError
from core.model.known import Known, Maybe, Unknown
from core.model.settings_rows import SecretSource

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

TOKEN = "token"
"""Factor Cat's long-term token, kept beside the password and forgotten with it."""

_VARIABLES: Mapping[str, str] = {
    "factorcat": "ROTOR_FACTORCAT__PASSWORD",
    "email": "ROTOR_NOTIFY__EMAIL__PASSWORD",
}
_SERVICE = "rotor"
_NO_LOGON_SESSION = 1312
"""ERROR_NO_SUCH_LOGON_SESSION: a Windows network logon, such as ssh, has no credential store."""

_PATIENCE = 30.0
"""Seconds that a keyring is given: it may be asking somebody to unlock it on a screen that nobody sees."""

_READ, _KEPT = mark("The password cannot be read from the keyring"), mark("The password cannot be kept in the keyring")
_REMOVED = mark("The password cannot be removed from the keyring")


class KeyringFailed(UnavailableError):
    """The system's keyring did not do what was asked; the message is a reason, without its full stop.

    `useless`: it can keep nothing at all, so it has nothing either.
    """

    def __init__(self, reason: str, *, useless: bool = False) -> None:
        super().__init__(reason)
        self.useless = useless


@dataclass(frozen=True, slots=True)
class SecretLocation:
    """Where a secret is kept; `trouble` is a sentence on why it is in this session only, else empty."""

    where: SecretSource
    trouble: str = ""


def from_environment(service: str = "factorcat", environ: Mapping[str, str] | None = None) -> SecretStr | None:
    """The password that an environment variable gives, None where it gives none."""
    given = (os.environ if environ is None else environ).get(_VARIABLES.get(service, ""))
    return SecretStr(given) if given else None


class Credentials:
    """The secrets of one home. Calls block while a keyring asks its user: not for the engine's or the screen's thread.

    `service` is what a secret is for, "factorcat", "email" or "push", or `TOKEN`; `account` is whose it is.
    """

    def __init__(
        self, credentials_file: CredentialsFile, environ: Mapping[str, str] | None = None, patience: float = _PATIENCE
    ) -> None:
        self._credentials_file = credentials_file
        self._environ = environ
        self._patience = patience
        self._session: dict[str, SecretStr] = {}

    @property
    def locked(self) -> bool:
        """Whether there is an encrypted file of passwords that waits for its passphrase. Does not block."""
        return self._credentials_file.locked

    @property
    def has_safe(self) -> bool:
        """Whether the home has an encrypted file of passwords, open or not. Does not block."""
        return self._credentials_file.locked or self._credentials_file.open

    def read(self, account: str, service: str = "factorcat") -> Maybe[SecretStr | None]:
        """The secret; `Known(None)`: there is none. `Unknown`: it cannot be known, the reason in words."""
        found = self.find(account, service)
        return found if isinstance(found, Unknown) else Known(found.value[0])

    def find(self, account: str, service: str = "factorcat") -> Maybe[tuple[SecretStr | None, SecretSource]]:
        """The secret as `read` has it, and where it is from."""
        given = from_environment(service, self._environ)
        if given is not None:
            return Known((given, "environment"))
        if not account:
            return Known((None, ""))
        held = self._session.get(_key(account, service))
        if held is not None:
            return Known((held, "session"))
        trouble: KeyringFailed | None = None
        try:
            kept = self._keyring_get(_key(account, service))
            if kept is not None:
                return Known((SecretStr(kept), "keyring"))
        except KeyringFailed as failed:
            trouble = None if failed.useless else failed
        try:
            saved = self._credentials_file.get(_key(account, service))
        except CredentialsFileLocked as shut:
            return Unknown(str(shut))
        if saved is not None:
            return Known((saved, "safe"))
        return Known((None, "")) if trouble is None else Unknown(_sentence(say(_READ), trouble, service))

    def keep(self, account: str, secret: SecretStr, service: str = "factorcat") -> SecretLocation:
        """In the keyring, else in the encrypted file where that is open, else until this program ends."""
        key = _key(account, service)
        try:
            self._keyring_set(key, secret)
        except KeyringFailed as failed:
            if self._credentials_file.open:
                try:
                    self._credentials_file.put(key, secret)
                except CredentialsFileLocked as shut:
                    self._session[key] = secret
                    return SecretLocation("session", str(shut))
                self._session.pop(key, None)
                return SecretLocation("safe")
            self._session[key] = secret
            sentence = _sentence(say(_KEPT), failed, service)
            return SecretLocation("session", sentence.replace(secret.get_secret_value(), "***"))
        self._session.pop(key, None)
        return SecretLocation("keyring")

    def forget(self, account: str, service: str = "factorcat") -> str | None:
        """Take the secret out of wherever it is; None, or a sentence on why one place may still have it."""
        key = _key(account, service)
        self._session.pop(key, None)
        trouble = None
        try:
            self._credentials_file.remove(key)
        except CredentialsFileLocked as shut:
            trouble = str(shut)
        try:
            if self._keyring_get(key) is not None:
                self._keyring_delete(key)
        except KeyringFailed as failed:
            if not failed.useless:
                trouble = trouble or _sentence(say(_REMOVED), failed, service)
        return trouble

    def open(self, passphrase: SecretStr) -> None:
        """Open or create the encrypted file and move the session's secrets into it. Raises `CredentialsFileLocked`."""
        self._credentials_file.unlock(passphrase)
        for key, secret in tuple(self._session.items()):
            self._credentials_file.put(key, secret)
            self._session.pop(key, None)

    def probe(self) -> str | None:
        """Keep, read back and remove a word of no meaning; None, or why the system's keyring cannot be used."""
        key, word = _key("probe", "doctor"), SecretStr("probe")
        try:
            self._keyring_set(key, word)
            self._keyring_delete(key)
        except KeyringFailed as failed:
            return str(failed)
        return None

    # -- the system's keyring, with a deadline

    def _keyring_get(self, key: str) -> str | None:
        return self._asked(lambda: _keyring().get_password(_SERVICE, key))

    def _keyring_set(self, key: str, secret: SecretStr) -> None:
        def put() -> bool:
            ring = _keyring()
            ring.set_password(_SERVICE, key, secret.get_secret_value())  # pyright: ignore[reportUnknownMemberType]
            return ring.get_password(_SERVICE, key) == secret.get_secret_value()

        if not self._asked(put):
            raise KeyringFailed(say("it took the password and does not have it"), useless=True)

    def _keyring_delete(self, key: str) -> None:
        self._asked(lambda: _keyring().delete_password(_SERVICE, key))

    def _asked(self, function: Callable[[], T]) -> T:
        """What `function` returns. Raises `KeyringFailed`, also where it does not return in time."""
        answer: list[T] = []
        failure: list[Exception] = []

        def ask() -> None:
            try:
                answer.append(function())
            except Exception as error:  # a backend lets anything out: on Windows pywintypes.error, not KeyringError
                failure.append(error)

        thread = threading.Thread(target=ask, name="keyring", daemon=True)
        thread.start()
        thread.join(self._patience)
        if failure:
            raise _failed(failure[0])
        if not answer:
            seconds = f"{self._patience:.0f}"
            raise KeyringFailed(say("it did not answer within {seconds} s: it may be waiting for you", seconds=seconds))
        return answer[0]


class _Unusable(UnavailableError):
    """A keyring that must not be used."""


def _keyring() -> "KeyringBackend":
    import keyring

    ring = keyring.get_keyring()
    chained = tuple(getattr(ring, "backends", ()))  # several behind one: the first of them is written to
    if type(chained[0] if chained else ring).__name__ == "PlaintextKeyring":
        raise _Unusable(say("the only one of this machine keeps passwords in a plain file"))
    return ring


def _failed(error: Exception) -> KeyringFailed:
    from keyring.errors import NoKeyringError

    if isinstance(error, NoKeyringError):
        return KeyringFailed(say("this machine has none that can be used here"), useless=True)
    if getattr(error, "winerror", None) == _NO_LOGON_SESSION:
        return KeyringFailed(say("Windows keeps no credentials in an ssh session"))
    detail = (" ".join(str(error).split()) or type(error).__name__).rstrip(".")
    return KeyringFailed(detail, useless=isinstance(error, _Unusable))


def _key(account: str, service: str) -> str:
    return f"{service}:{account}"


def _sentence(what: str, failed: KeyringFailed, service: str) -> str:
    variable = _VARIABLES.get(service)
    told = say("{what}: {reason}.", what=what, reason=failed)
    return f"{told} {say('The variable {variable} does without one.', variable=variable)}" if variable else told
