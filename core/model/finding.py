"""What a check of the machine found."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from core.i18n import mark


class CheckResult(StrEnum):
    """The severity: NOTE is no trouble; with WARNING trading works in part; with FAILED it does not work."""

    OK = mark("ok")
    NOTE = mark("note")
    WARNING = mark("warning")
    FAILED = mark("FAILED")


CHECK_NAMES = (
    mark("python", context="check"),
    mark("settings", context="check"),
    mark("the rest", context="check"),
    mark("home", context="check"),
    mark("disk", context="check"),
    mark("storage", context="check"),
    mark("books", context="check"),
    mark("instance", context="check"),
    mark("autostart", context="check"),
    mark("keyring", context="check"),
    mark("calendar", context="check"),
    mark("qmt", context="check"),
    mark("login", context="check"),
    mark("list", context="check"),
    mark("terminal", context="check"),
    mark("account", context="check"),
    mark("quotes", context="check"),
    mark("tables", context="check"),
    mark("clock", context="check"),
    mark("mail", context="check"),
    mark("push", context="check"),
    mark("heartbeat", context="check"),
    mark("updates", context="check"),
    mark("screen", context="check"),
    mark("dns", context="check"),
    mark("tcp", context="check"),
    mark("tls", context="check"),
    mark("http", context="check"),
    mark("record", context="check"),
)
"""What the checks are called; `say(name, context="check")` shows one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its state, what that means, and what to do; empty where nothing is to be done."""

    name: str
    state: CheckResult
    text: str
    remedy: str = ""

    @classmethod
    def ok(cls, name: str, text: str) -> Self:
        return cls(name, CheckResult.OK, text)

    @classmethod
    def note(cls, name: str, text: str, remedy: str = "") -> Self:
        return cls(name, CheckResult.NOTE, text, remedy)

    @classmethod
    def warning(cls, name: str, text: str, remedy: str = "") -> Self:
        return cls(name, CheckResult.WARNING, text, remedy)

    @classmethod
    def failed(cls, name: str, text: str, remedy: str = "") -> Self:
        return cls(name, CheckResult.FAILED, text, remedy)
