"""A terminal that prices less than the plan needs: it is asked, waited for, and a sale without buys asks first."""

from collections.abc import Iterator
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pytest

from core.model.time import SHANGHAI
from tests.live.running import before_a_rotation
from tests.live.world import MOMENT, ProcessWorld, bonds

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


@pytest.mark.parametrize(
    "figures",
    [
        {"tick:time": int(datetime.combine(MOMENT, time(9, 31), SHANGHAI).timestamp() * 1000)},
        {"tick:volume": 0, "tick:amount": 0.0, "tick:lastPrice": 0.0},
        {"InstrumentStatus": 2147483647},
    ],
    ids=["silent since 09:31", "never traded", "a status of no meaning"],
)
def test_a_rotation_whose_buys_have_no_price_to_trade_at_sells_nothing_unasked(
    world: ProcessWorld, figures: dict[str, Any]
) -> None:
    world.settings["GUARDS__MAX_QUOTE_AGE"] = "300"
    for bond in NEW:
        world.control.add_instrument(bond, name="bond", prev_close=100.0, detail=figures)
        world.quote([bond])
    done = world.rotor("rebalance", "--yes")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "guards.sell_without_buys" in done.stderr
    assert (world.control.requests(), set(world.held())) == ([], set(OWNED))


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
