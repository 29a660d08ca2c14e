"""Money that is paid into the account and out of it, seen by a running engine and by the next one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.running import Running, furnished, ledger, until
from tests.live.world import ACCOUNT, ProcessWorld, bonds

pytestmark = pytest.mark.slow

OWNED, NEW = bonds(2), bonds(2, 101)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with ProcessWorld(tmp_path, held=OWNED, cash=100_000) as world:
        world.furnish([*OWNED, *NEW])
        world.platform.listed = NEW
        furnished(world, OWNED)
        yield world


def report(world: ProcessWorld) -> Any:
    code, document = world.json("report")
    assert code == 0
    return document


def pays(world: ProcessWorld, amount: float) -> None:
    cash: float = world.control.account(ACCOUNT)["cash"]
    world.control.set_cash(ACCOUNT, cash + amount)


def amounts(world: ProcessWorld) -> list[float]:
    """To 10 CNY: a trade by hand in the same seconds leaves its fee in the amount."""
    return [round(flow["amount"], -1) for flow in report(world)["flows"]]


def test_payments_beside_a_rebalance_are_neither_gain_nor_loss(world: ProcessWorld) -> None:
    with Running(world) as run:
        done = world.rotor("rebalance", "--yes")
        assert done.returncode == 0, done.stderr
        until(lambda: set(ledger(world)) == set(NEW), lambda: run.said)
        world.control.manual_order(ACCOUNT, NEW[0], 23, 100, 101.0)  # by hand: no payment
        world.control.settle()
        pays(world, 50_000)
        until(lambda: amounts(world) == [50_000.0], lambda: run.said)
        pays(world, -30_000)
        until(lambda: amounts(world) == [50_000.0, -30_000.0], lambda: run.said)
        document = report(world)
        assert (document["opening"], round(document["paid_in"], -1)) == (120_000.0, 20_000.0)
        assert abs(document["return"]) < 0.01
        assert document["max_drawdown"] < 0.01
    pays(world, 40_000)
    world.next_day()
    with Running(world) as run:
        until(lambda: amounts(world)[2:] == [40_000.0], lambda: run.said)
        done = world.rotor("flows", "remove", "3")
        assert done.returncode == 0, done.stderr
        assert report(world)["return"] > 0.2, "it counts as gain now"
        done = world.rotor("flows", "deposit", "40000")
        assert done.returncode == 0, done.stderr
        assert "recorded:" in done.stdout
        done = world.rotor("flows", "deposit", "40000")
        assert (done.returncode, "recorded already" in done.stderr) == (3, True), done.stderr
        listed = world.rotor("flows").stdout
        assert "+40,000.00 CNY  entered" in listed
        assert "-30,000.00 CNY  seen in the account's cash" in listed
