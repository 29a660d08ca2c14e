"""Passwords: from the environment, else from the system's keyring; never from a file."""

import os
from collections.abc import Mapping

from pydantic import SecretStr

from core.model.known import Known, Maybe, Unknown

VARIABLE = "ROTOR_FACTORCAT__PASSWORD"
_SERVICE = "rotor"
_NO_LOGON_SESSION = 1312
"""ERROR_NO_SUCH_LOGON_SESSION: a Windows network logon, such as ssh, has no credential store."""


def remembered_password(username: str, environ: Mapping[str, str] | None = None) -> Maybe[SecretStr | None]:
    """The Factor Cat password of `username`.

    `Known(None)`: there is none. `Unknown`: the keyring failed, its reason in words. Blocks while the system's keyring
    asks the user to unlock it, so not for the engine's or the screen's own thread.
    """
    given = (os.environ if environ is None else environ).get(VARIABLE)
    if given:
        return Known(SecretStr(given))
    if not username:
        return Known(None)
    try:
        import keyring

        found = keyring.get_password(_SERVICE, _key(username))
    except Exception as error:  # a backend lets anything out: on Windows pywintypes.error, not KeyringError
        return Unknown(_sentence("The password cannot be read from the keyring", error))
    return Known(None if found is None else SecretStr(found))


def remember(username: str, password: SecretStr) -> str | None:
    """Keep the password in the keyring; None, or a sentence on why it could not be kept."""
    try:
        import keyring

        keyring.set_password(_SERVICE, _key(username), password.get_secret_value())
    except Exception as error:
        sentence = _sentence("The password cannot be kept in the keyring", error)
        return sentence.replace(password.get_secret_value(), "***") if password else sentence
    return None


def forget(username: str) -> str | None:
    """Take the password out of the keyring, if it is there; None, or a sentence on why it could not be done."""
    try:
        import keyring

        if keyring.get_password(_SERVICE, _key(username)) is not None:
            keyring.delete_password(_SERVICE, _key(username))
    except Exception as error:
        return _sentence("The password cannot be removed from the keyring", error)
    return None


def _key(username: str) -> str:
    return f"factorcat:{username}"


def _sentence(what: str, error: Exception) -> str:
    if getattr(error, "winerror", None) == _NO_LOGON_SESSION:
        return (
            f"{what}: Windows keeps no credentials in an ssh session. Log in once at the console or over RDP, "
            f"set {VARIABLE}, or type the password each time."
        )
    detail = " ".join(str(error).split()) or type(error).__name__
    return f"{what}: {detail.rstrip('.')}. Set {VARIABLE}, or type the password each time."
