"""Cases of which the first ones prove a behaviour, and the others repeat it with further data."""

from collections.abc import Iterable
from typing import Any

import pytest


def sampled(cases: Iterable[Any], first: int) -> list[Any]:
    """The cases for `parametrize`: those after the `first` ones are slow."""
    return [case if number < first else _slow(case) for number, case in enumerate(cases)]


def _slow(case: Any) -> Any:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.slow)
