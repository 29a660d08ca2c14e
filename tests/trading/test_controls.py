"""Pause and halt are stored, take effect at once, and apply to every process on the data folder."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from core.infra.database import open_database
from core.model.snapshot import Control
from core.trading.risk import HALTED, PAUSED, TradingControls
from core.trading.state_store import TRADING, StateStore
from tests.trading.trading_world import BUY, SELL, A, B, TradingWorld, intent


@contextmanager
def beside(world: TradingWorld) -> Iterator[TradingControls]:
    """The trading controls as another process on this data folder sees them."""
    with closing(open_database(world.path, TRADING, durable=False)) as db:
        yield TradingControls(StateStore(db))


def test_no_control_is_engaged_at_first(world: TradingWorld) -> None:
    assert world.controls.engaged is None
    assert not world.controls.halted
    assert world.controls.why_no_buys() is None


@pytest.mark.parametrize(("control", "why"), [(Control.PAUSED, PAUSED), (Control.HALTED, HALTED)])
def test_a_control_survives_restarts_until_it_is_released(world: TradingWorld, control: Control, why: str) -> None:
    world.controls.engage(control)
    again = world.again()
    assert again.controls.engaged is control
    assert again.controls.why_no_buys() == why
    again.controls.release()
    assert again.again().controls.engaged is None


def test_a_pause_does_not_undo_a_halt(world: TradingWorld) -> None:
    world.controls.engage(Control.HALTED)
    world.controls.engage(Control.PAUSED)
    assert world.controls.halted


def test_a_halt_replaces_a_pause(world: TradingWorld) -> None:
    world.controls.engage(Control.PAUSED)
    world.controls.engage(Control.HALTED)
    assert world.controls.halted


async def test_a_control_engaged_by_another_process_blocks_the_next_order(world: TradingWorld) -> None:
    world.own(A=100)
    assert await world.order_manager.send([intent("p-S01-1", A, SELL, 10)]) == {}
    with beside(world) as other:
        other.engage(Control.HALTED)
        assert await world.order_manager.send([intent("p-S02-1", A, SELL, 10)]) == {"p-S02-1": HALTED}
        await world.ticked(A, "94")
        assert len(world.broker.placed) == 1
        other.release()
        assert await world.order_manager.send([intent("p-S03-1", A, SELL, 10)]) == {}


async def test_a_halt_during_a_run_stops_further_orders(world: TradingWorld) -> None:
    world.own(A=100)
    with beside(world) as other:
        world.broker.before_place = lambda _: other.engage(Control.HALTED)
        ending = await world.rebalance(B)
    assert world.sent(SELL) == [(A, 100)]
    assert world.sent(BUY) == []
    assert "1 of 2 orders not filled" in ending


async def test_a_plan_while_buying_is_paused_sells_and_blocks_buys(world: TradingWorld) -> None:
    world.own(A=100)
    world.controls.engage(Control.PAUSED)
    plan = await world.plan(B)
    assert [row.reason for row in plan.blocked] == [f"{PAUSED}; cannot be bought (rank 1)"]
    await world.rotation.execute(plan)
    assert (world.sent(SELL), world.sent(BUY)) == ([(A, 100)], [])
