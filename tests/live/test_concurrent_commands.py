"""Several commands at once through one engine: one trades, the others name its run and send nothing."""

import re
from pathlib import Path

import pytest

from tests.live.running import Running, before_a_rotation
from tests.live.world import bonds

pytestmark = [pytest.mark.live, pytest.mark.slow]

OWNED, NEW = bonds(3), bonds(3, 101)
RUN = re.compile(r"run (\d{6}-[0-9a-f]{6}) (is running|has traded since)")


def test_of_three_rebalances_at_once_one_trades_and_the_others_name_its_run(tmp_path: Path) -> None:
    with before_a_rotation(tmp_path, OWNED, NEW) as world:
        world.settings["SCHEDULE__FREQUENCY"] = "off"
        world.control.configure(latency={"match": 5.0})  # the first is still trading when the last one has started
        with Running(world):
            commands = [world.start("rebalance", "--yes") for _ in range(3)]
            ends = [(program.communicate(timeout=60), program.returncode) for program in commands]
        assert sorted(code for _, code in ends) == [0, 3, 3], ends
        named = {match[1] for (_, said), code in ends if code == 3 and (match := RUN.search(said))}
        plans = {request["remark"][:13] for request in world.control.requests()}
        assert (named, len(plans)) == (plans, 1), ends
        assert world.ledger() == world.held()
        assert set(world.held()) == set(NEW)
