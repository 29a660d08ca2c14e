"""Values that may be missing, as a type: missing is never zero."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Known(Generic[T_co]):
    """A value that was obtained; it may be empty."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that could not be obtained; `reason` is a sentence for the user."""

    reason: str


@dataclass(frozen=True, slots=True)
class Implausible(Unknown):
    """A value that was obtained, so the other party answers, and that cannot be true."""


Maybe = Known[T_co] | Unknown
