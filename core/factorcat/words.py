"""The server's own sentence, made fit for a screen."""

import json
from collections.abc import Iterable, Mapping
from typing import cast

from pydantic import SecretStr

_KEYS = ("detail", "message", "error", "msg")
_PLACES = frozenset({"body", "query", "path", "header"})
_LONGEST = 300


def plain(text: str, longest: int = _LONGEST) -> str:
    """`text` on one line, without control characters (they could steer the terminal), at most `longest` characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def server_sentence(body: bytes, secrets: Iterable[SecretStr]) -> str:
    """What an error answer says, from `detail`, `message`, `error`, `msg` or plain text.

    `secrets` are struck out: some servers repeat what they were sent.
    """
    text = _said(body)
    for secret in secrets:
        if value := secret.get_secret_value():
            text = text.replace(value, "***")
    return plain(text) or "no reason was given"


def _said(body: bytes) -> str:
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
    place = _place(fields.get("loc"))
    return f"{place}: {said}" if place and said else said


def _place(loc: object) -> str:
    """Where a validation error (FastAPI's 422) is, as the field's name: `["body", "password"]` is `password`."""
    if not isinstance(loc, list):
        return ""
    parts = [str(part) for part in cast(list[object], loc)]
    return ".".join(parts[1:] if parts[:1] and parts[0] in _PLACES else parts)
