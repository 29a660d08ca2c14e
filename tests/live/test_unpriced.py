"""A terminal that prices less than the plan needs: it is asked, waited for, and a sale without buys asks first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.running import before_a_rotation
from tests.live.world import ProcessWorld, bonds

pytestmark = [pytest.mark.live, pytest.mark.slow]

OWNED, NEW = bonds(2), bonds(2, 101)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with before_a_rotation(tmp_path, OWNED, NEW) as world:
        yield world


def test_bonds_that_a_terminal_prices_only_when_subscribed_to_are_bought(world: ProcessWorld) -> None:
    world.control.configure(full_tick_needs_subscription=True, latency={"first_push": 0.5})
    code, document = world.json("rebalance", "--yes")
    assert code == 0, (document["refused"], document["question"], document["blocked"])
    assert {leg["side"] for leg in document["legs"]} == {"sell", "buy"}
    assert set(world.held()) == set(NEW)


def test_a_rotation_that_can_price_no_buy_sells_nothing_unasked(world: ProcessWorld) -> None:
    for bond in NEW:
        world.control.hide_tick(bond)
    done = world.rotor("rebalance", "--yes")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "guards.sell_without_buys" in done.stderr
    assert (world.control.requests(), set(world.held())) == ([], set(OWNED))
    world.settings["GUARDS__SELL_WITHOUT_BUYS"] = "allow"
    code, document = world.json("rebalance", "--yes")
    assert (code, {leg["side"] for leg in document["legs"]}) == (0, {"sell"})
    assert world.held() == {}
