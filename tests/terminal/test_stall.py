"""A screen that nobody reads holds up no stop."""

import statistics
from pathlib import Path

import pytest

from tests.terminal import stalled

pytestmark = pytest.mark.slow

MOST = 100.0
"""Milliseconds that a stop may take to its order, the way to the terminal and back included."""


def test_a_stop_fires_while_the_screen_is_not_read(tmp_path: Path) -> None:
    reactions = stalled.react(tmp_path, seconds=8)
    # The middle one: the machine that tests run on may hold up any one of them, by its disk or its other work.
    assert statistics.median(reaction.milliseconds for reaction in reactions) < MOST, reactions
