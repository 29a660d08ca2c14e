"""The platform (因子猫, Factor Cat): log in, look at strategies and their records, fetch the day's list."""

from core.factorcat.client import FactorCat
from core.factorcat.errors import (
    BadAnswer,
    CutOff,
    FactorCatError,
    ListRefused,
    LoginNeeded,
    LoginRefused,
    ServerRefused,
    TimedOut,
    Unreachable,
    Untrusted,
)

__all__ = [
    "BadAnswer",
    "CutOff",
    "FactorCat",
    "FactorCatError",
    "ListRefused",
    "LoginNeeded",
    "LoginRefused",
    "ServerRefused",
    "TimedOut",
    "Unreachable",
    "Untrusted",
]
