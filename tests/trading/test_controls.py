"""The user's brakes: on disk, in force at once, for every process of the home."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from core.infra.database import open_database
from core.model.snapshot import Control
from core.trading.risk import HALTED, PAUSED, TradingControls
from core.trading.state_store import TRADING, StateStore
from tests.trading.trading_world import BUY, SELL, A, B, Room, intent


@contextmanager
def beside(room: Room) -> Iterator[TradingControls]:
    """The brakes as another process of this home has them."""
    with closing(open_database(room.path, TRADING, durable=False)) as db:
        yield TradingControls(StateStore(db))


def test_nothing_is_pulled_at_first(room: Room) -> None:
    assert room.controls.engaged is None
    assert not room.controls.halted
    assert room.controls.why_no_buys() is None


@pytest.mark.parametrize(("control", "why"), [(Control.PAUSED, PAUSED), (Control.HALTED, HALTED)])
def test_a_brake_outlives_a_restart_until_it_is_released(room: Room, control: Control, why: str) -> None:
    room.controls.engage(control)
    again = room.again()
    assert again.controls.engaged is control
    assert again.controls.why_no_buys() == why
    again.controls.release()
    assert again.again().controls.engaged is None


def test_a_pause_does_not_undo_a_halt(room: Room) -> None:
    room.controls.engage(Control.HALTED)
    room.controls.engage(Control.PAUSED)
    assert room.controls.halted


def test_a_halt_goes_beyond_a_pause(room: Room) -> None:
    room.controls.engage(Control.PAUSED)
    room.controls.engage(Control.HALTED)
    assert room.controls.halted


async def test_a_brake_that_another_process_pulls_holds_the_very_next_order(room: Room) -> None:
    room.own(A=100)
    assert await room.order_manager.send([intent("p-S01-1", A, SELL, 10)]) == {}
    with beside(room) as other:
        other.engage(Control.HALTED)
        assert await room.order_manager.send([intent("p-S02-1", A, SELL, 10)]) == {"p-S02-1": HALTED}
        await room.ticked(A, "94")
        assert len(room.broker.placed) == 1
        other.release()
        assert await room.order_manager.send([intent("p-S03-1", A, SELL, 10)]) == {}


async def test_a_run_that_is_halted_in_the_middle_sends_nothing_more(room: Room) -> None:
    room.own(A=100)
    with beside(room) as other:
        room.broker.before_place = lambda _: other.engage(Control.HALTED)
        ending = await room.rebalance(B)
    assert room.sent(SELL) == [(A, 100)]
    assert room.sent(BUY) == []
    assert "1 of 2 orders not filled" in ending


async def test_a_plan_in_a_pause_sells_and_blocks_its_buys(room: Room) -> None:
    room.own(A=100)
    room.controls.engage(Control.PAUSED)
    plan = await room.plan(B)
    assert [row.reason for row in plan.blocked] == [f"{PAUSED}; cannot be bought (rank 1)"]
    await room.rotation.execute(plan)
    assert (room.sent(SELL), room.sent(BUY)) == ([(A, 100)], [])
