"""What a check of the machine found."""

from dataclasses import dataclass
from enum import StrEnum

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
