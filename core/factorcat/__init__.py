"""The platform (因子猫, Factor Cat): log in, read strategies and their records, fetch the day's list."""

from core.factorcat.client import FactorCatClient
from core.factorcat.errors import (
    BadAnswer,
    CutOff,
    FactorCatError,
    LoginNeeded,
    LoginRefused,
    NotAsked,
    SelectionRefused,
    ServerRefused,
    TimedOut,
    Unreachable,
    Untrusted,
)

__all__ = [
    "BadAnswer",
    "CutOff",
    "FactorCatClient",
    "FactorCatError",
    "LoginNeeded",
    "LoginRefused",
    "NotAsked",
    "SelectionRefused",
    "ServerRefused",
    "TimedOut",
    "Unreachable",
    "Untrusted",
]
