"""What a check of the machine found."""

from dataclasses import dataclass
from enum import StrEnum

from core.i18n import mark


class CheckResult(StrEnum):
    """How well it is: NOTE is no trouble; with WARNING trading works, and something of it does not; FAILED: it does not
    work."""

    OK = mark("ok")
    NOTE = mark("note")
    WARNING = mark("warning")
    FAILED = mark("FAILED")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its state, what that means, and what to do, which is empty where nothing is."""

    name: str
    state: CheckResult
    text: str
    remedy: str = ""
