"""The exceptions of the platform (因子猫, Factor Cat).

* FactorCatError           base; str() is the whole sentence for the user: what happened, and what to do
  x LoginNeeded            nobody is logged in, or the platform no longer accepts the login
  x LoginRefused           the platform refused name and password
  x ServerRefused          an error status, with the server's own sentence
  x SelectionRefused       a list that was read and must not be traded
  x BadAnswer              an answer that cannot be read: not JSON, too long, a key missing
    + CutOff               an answer that ended too early
  x Unreachable            no connection, or one that broke off before an answer
    + Untrusted            the server's certificate is not valid; nothing was sent
    + NotAsked             the request could not be made: a proxy, an address, whatever else
  x TimedOut               no whole answer in time

None of them ever holds a password or a token, not even as its cause.
"""

import json
from collections.abc import Iterable, Mapping
from typing import cast

from pydantic import SecretStr

from core.i18n import say
from core.model.errors import UnavailableError

_LATER = frozenset({408, 429})
_RETRYABLE = frozenset({502, 503, 504})


class FactorCatError(UnavailableError):
    """No usable answer from the platform. `retryable`: the same request may succeed soon."""

    retryable: bool = False

    @property
    def brief(self) -> str:
        """What happened, for a place with little room."""
        return str(self)


class LoginNeeded(FactorCatError):
    """The user has to log in."""


class LoginRefused(FactorCatError):
    """The platform refused name and password."""


class ServerRefused(FactorCatError):
    """The platform answered `about` with an error status; `said` is its own sentence."""

    def __init__(self, about: str, status: int, said: str) -> None:
        remedy = (
            say("Try again in a few minutes.")
            if status >= 500 or status in _LATER
            else say("Change what is asked for, or log in as a user who may ask for it.")
        )
        super().__init__(
            say(
                "Factor Cat refused {about} (HTTP {status}): {value}. {remedy}",
                about=about,
                status=status,
                value=said.rstrip(".。"),
                remedy=remedy,
            )
        )
        self.status = status
        self.said = said
        self.retryable = status in _RETRYABLE


class Unreachable(FactorCatError):
    """No answer, because there was no working connection."""

    retryable = True


class Untrusted(Unreachable):
    """The server could not prove who it is. `why` is the reason that the library gives; empty for a pinned one."""

    retryable = False

    def __init__(self, brief: str, text: str, why: str = "") -> None:
        super().__init__(text)
        self._brief = brief
        self.why = why

    @property
    def brief(self) -> str:
        return self._brief


class NotAsked(Unreachable):
    """The request could not be made from here."""

    retryable = False


class TimedOut(FactorCatError):
    """No whole answer within the time allowed."""

    retryable = True


class BadAnswer(FactorCatError):
    """An answer about `about` that cannot be read; `fault` says what is wrong with it."""

    def __init__(self, about: str, fault: str) -> None:
        super().__init__(
            say(
                "Factor Cat's answer about {about} cannot be used: {fault}. Try again; if it stays "
                "so, check factorcat.base_url and look for a newer version of this program.",
                about=about,
                fault=fault,
            )
        )


class CutOff(BadAnswer):
    """An answer that ended too early."""

    retryable = True


class SelectionRefused(FactorCatError):
    """A day's list that must not be traded; `fault` says why."""

    def __init__(self, fault: str) -> None:
        super().__init__(
            say(
                "The list from Factor Cat is refused as a whole: {fault}. Nothing is sent; look at "
                "this record on the platform, then plan again.",
                fault=fault,
            )
        )


_KEYS = ("detail", "message", "error", "msg")
_REQUEST_PARTS = frozenset({"body", "query", "path", "header"})
_LONGEST = 300


def plain(text: str, longest: int = _LONGEST) -> str:
    """`text` on one line, without control characters (the terminal would obey them), at most `longest` characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def server_sentence(body: bytes, secrets: Iterable[SecretStr]) -> str:
    """What an error answer says, from `detail`, `message`, `error`, `msg` or plain text.

    `secrets` are struck out: some servers repeat what they were sent.
    """
    text = _error_text(body)
    for secret in secrets:
        if value := secret.get_secret_value():
            text = text.replace(value, "***")
    return plain(text) or "no reason given"


def _error_text(body: bytes) -> str:
    try:
        return _sentence(cast(object, json.loads(body)))
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
    return "" if text.startswith("<") else text  # a proxy's HTML page is no sentence


def _sentence(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, map(_sentence, cast(list[object], value))))
    if not isinstance(value, dict):
        return ""
    fields = cast(Mapping[str, object], value)
    said = next((text for key in _KEYS if (text := _sentence(fields.get(key)))), "")
    place = _field_name(fields.get("loc"))
    return f"{place}: {said}" if place and said else said


def _field_name(loc: object) -> str:
    """Where a validation error (FastAPI's 422) is, as the field's name: `["body", "password"]` is `password`."""
    if not isinstance(loc, list):
        return ""
    parts = [str(part) for part in cast(list[object], loc)]
    return ".".join(parts[1:] if parts[:1] and parts[0] in _REQUEST_PARTS else parts)
