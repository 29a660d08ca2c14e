"""An order that a killed process has written and perhaps sent: a command waits until the broker's list settles it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.infra.database import open_database
from core.infra.home import Home, database_files
from core.model.bond import BondCode
from core.model.order import Intent, Side
from core.trading.journal import Journal
from core.trading.state_store import TRADING
from tests.live.running import before_a_rotation, live_settings
from tests.live.world import MOMENT, ProcessWorld, bonds

pytestmark = [pytest.mark.live, pytest.mark.slow]

OWNED, NEW = bonds(2), bonds(2, 101)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with before_a_rotation(tmp_path, OWNED, NEW) as world:
        yield world


def killed_before_the_send(world: ProcessWorld, *, ahead: timedelta) -> str:
    """Leave what a process leaves that was killed there, with a clock that was `ahead` of the present one."""
    moment, code = MOMENT + ahead, BondCode(OWNED[0])
    intent = Intent(
        "260515-abcdef-S01-1", "260515-abcdef", moment.date(), code, "", Side.SELL, 100, Decimal(100), "left the list"
    )
    path, _ = database_files(Home(world.home), live_settings(world))
    with closing(open_database(path, TRADING)) as database:
        Journal(database).intend([intent], moment)
    return intent.client_order_id


@pytest.mark.parametrize("ahead", [timedelta(minutes=-1), timedelta(hours=1)], ids=["before", "clock set back since"])
def test_a_rebalance_waits_for_the_proof_and_needs_no_settling_by_hand(world: ProcessWorld, ahead: timedelta) -> None:
    key = killed_before_the_send(world, ahead=ahead)
    done = world.rotor("rebalance", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "then the broker's list shows whether the orders without an answer arrived" in done.stderr
    assert key not in {request["remark"] for request in world.control.requests()}
    assert world.ledger() == world.held()
    assert set(world.held()) == set(NEW)
