"""`rotor adopt` where a level is crossed already: it asks again, and today's price may be the basis."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.running import Running, furnished, ledger, until
from tests.live.world import ACCOUNT, ProcessWorld, bonds

pytestmark = pytest.mark.slow

DEAR, GOOD, CHEAP, BELOW = HELD = bonds(4)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with ProcessWorld(tmp_path, held=HELD) as world:
        world.furnish(HELD)
        world.platform.listed = HELD
        world.settings |= {"STOPS__STOP_LOSS": "0.05", "STOPS__TAKE_PROFIT": "0.10", "SCHEDULE__FREQUENCY": "off"}
        for code, cost in ((DEAR, 150.0), (CHEAP, 50.0), (BELOW, -12.5)):
            world.control.set_position(ACCOUNT, code, 100, cost)
        furnished(world, ())
        yield world


def test_a_crossed_level_needs_a_second_yes_and_nothing_is_sold_without_it(world: ProcessWorld) -> None:
    with Running(world) as run:
        for code, level in ((DEAR, "stop-loss 142.500"), (CHEAP, "take-profit 55.000")):
            done = world.rotor("adopt", GOOD, code, "--yes")
            assert done.returncode == 3, done.stderr
            assert f"is beyond the {level} already" in done.stderr
            assert "Nothing was changed" in done.stderr
        assert ledger(world) == {}, "not the good one either"
        done = world.rotor("adopt", GOOD, "--yes")
        assert (done.returncode, "stop-loss 95.000, take-profit 110.000" in done.stderr) == (0, True), done.stderr
        done = world.rotor("adopt", DEAR, "--basis", "last", "--yes")
        assert (done.returncode, "stop-loss 95.000" in done.stderr) == (0, True), done.stderr
        done = world.rotor("adopt", BELOW, "--yes")
        assert (done.returncode, "at or below zero there is no stop level" in done.stderr) == (0, True), done.stderr
        world.quote(HELD)
        assert ledger(world) == {GOOD: 100, DEAR: 100, BELOW: 100}
        assert world.control.requests() == []
        done = world.rotor("adopt", CHEAP, "--sell-now", "--yes")
        assert done.returncode == 0, done.stderr
        until(lambda: world.quote(HELD) or CHEAP not in ledger(world), lambda: run.said)
        assert {request["code"] for request in world.control.requests()} == {CHEAP}
