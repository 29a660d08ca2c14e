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
