"""Passwords: from the environment, else from the system's keyring; never from a file."""

import os
from collections.abc import Mapping

from pydantic import SecretStr

from core.language import say
from core.model.known import Known, Maybe, Unknown

VARIABLE = "ROTOR_FACTORCAT__PASSWORD"
_VARIABLES = {"factorcat": VARIABLE, "email": "ROTOR_NOTIFY__EMAIL__PASSWORD"}
_SERVICE = "rotor"
_NO_LOGON_SESSION = 1312
"""ERROR_NO_SUCH_LOGON_SESSION: a Windows network logon, such as ssh, has no credential store."""


def from_environment(service: str = "factorcat", environ: Mapping[str, str] | None = None) -> SecretStr | None:
    """The password that an environment variable gives, None where it gives none."""
    given = (os.environ if environ is None else environ).get(_VARIABLES[service])
    return SecretStr(given) if given else None


def remembered_password(
    username: str, environ: Mapping[str, str] | None = None, service: str = "factorcat"
) -> Maybe[SecretStr | None]:
    """The password of `username` at a service: "factorcat", or "email" for the mail server.

    `Known(None)`: there is none. `Unknown`: the keyring failed, its reason in words. Blocks while the system's keyring
    asks the user to unlock it, so not for the engine's or the screen's own thread.
    """
    given = from_environment(service, environ)
    if given is not None:
        return Known(given)
    if not username:
        return Known(None)
    try:
        import keyring

        found = keyring.get_password(_SERVICE, _key(username, service))
    except Exception as error:  # a backend lets anything out: on Windows pywintypes.error, not KeyringError
        return Unknown(_sentence(say("The password cannot be read from the keyring"), error, service))
    return Known(None if found is None else SecretStr(found))


def remember(username: str, password: SecretStr, service: str = "factorcat") -> str | None:
    """Keep the password in the keyring; None, or a sentence on why it could not be kept."""
    try:
        import keyring

        keyring.set_password(_SERVICE, _key(username, service), password.get_secret_value())
    except Exception as error:
        sentence = _sentence(say("The password cannot be kept in the keyring"), error, service)
        return sentence.replace(password.get_secret_value(), "***") if password else sentence
    return None


def forget(username: str, service: str = "factorcat") -> str | None:
    """Take the password out of the keyring, if it is there; None, or a sentence on why it could not be done."""
    try:
        import keyring

        if keyring.get_password(_SERVICE, _key(username, service)) is not None:
            keyring.delete_password(_SERVICE, _key(username, service))
    except Exception as error:
        return _sentence(say("The password cannot be removed from the keyring"), error, service)
    return None


def _key(username: str, service: str) -> str:
    return f"{service}:{username}"


def _sentence(what: str, error: Exception, service: str) -> str:
    if getattr(error, "winerror", None) == _NO_LOGON_SESSION:
        return say(
            "{what}: Windows keeps no credentials in an ssh session. Log in once at the console "
            "or over RDP, set {VARIABLES}, or type the password each time.",
            what=what,
            VARIABLES=_VARIABLES[service],
        )
    detail = " ".join(str(error).split()) or type(error).__name__
    return say(
        "{what}: {value}. Set {VARIABLES}, or type the password each time.",
        what=what,
        value=detail.rstrip("."),
        VARIABLES=_VARIABLES[service],
    )
