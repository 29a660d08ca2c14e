"""Selling one bond by hand: all that is ours of it and nothing else, through the same gate as every order."""

import pytest

from core.model.order import OrderState, Origin
from core.model.snapshot import Control
from core.trading.executor import RebalanceRefused
from tests import worlds
from tests.trading import hostile
from tests.trading.trading_world import BUY, SELL, A, B, Room, intent, meant_for


async def test_it_sells_what_is_ours_of_the_bond_and_no_other(room: Room) -> None:
    room.own(A=100, B=50)
    room.broker.held[A] += 30
    plan = await room.rotation.sell(A)
    await room.quiet()
    assert plan.origin is Origin.SALE
    assert room.sent(SELL) == [(A, 100)]
    assert room.broker.placed[0].price < worlds.quote(A).bid  # type: ignore[operator]
    assert room.broker.held_now == {A: 30, B: 50}
    assert room.owned == {B: 50}


async def test_it_is_not_bought_again_the_same_day(room: Room) -> None:
    room.own(A=100)
    await room.rotation.sell(A)
    plan = await room.plan(A)
    assert plan.buys == ()
    assert "sold by hand" in plan.blocked[0].reason
    stopped = await room.order_manager.send([intent("p-B01-1", A, BUY, 10)])
    assert "sold by hand" in stopped["p-B01-1"]


async def test_what_is_not_ours_is_not_sold(room: Room) -> None:
    room.broker.held[A] = 100
    with pytest.raises(RebalanceRefused, match="the strategy owns nothing of it"):
        await room.rotation.sell(A)
    assert room.broker.placed == []


async def test_without_a_bid_it_says_why_and_sends_nothing(room: Room) -> None:
    room.own(A=100)
    room.show(worlds.quote(A, bid=None))
    with pytest.raises(RebalanceRefused, match=rf"{A} was not sold: "):
        await room.rotation.sell(A)
    assert room.broker.placed == []


@pytest.mark.parametrize("query", ["asset", "positions", "orders"])
async def test_an_account_that_does_not_answer_sells_nothing(room: Room, query: str) -> None:
    room.own(A=100)
    room.broker.silent = {query}
    with pytest.raises(RebalanceRefused):
        await room.rotation.sell(A)
    assert room.broker.placed == []


async def test_a_bond_with_a_live_order_takes_no_second_one(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.works]
    await room.order_manager.send([intent("p-S01-1", A, SELL, 100, "110")])
    with pytest.raises(RebalanceRefused, match="order p-S01-1 is working"):
        await room.rotation.sell(A)
    assert room.sent(SELL) == [(A, 100)]


async def test_a_halt_stops_it_at_the_gate(room: Room) -> None:
    """The engine declines before; this is the gate's own word, for a halt that was pulled in between."""
    room.own(A=100)
    room.controls.engage(Control.HALTED)
    await room.rotation.sell(A)
    assert room.broker.placed == []
    room.controls.release()
    await room.rotation.sell(A)
    assert room.sent(SELL) == [(A, 100)]


async def test_a_stop_goes_before_it(room: Room) -> None:
    room.own(A=100)
    with room.order_manager.claim(A, Origin.STOP_LOSS):
        sent = await room.order_manager.send([meant_for(Origin.SALE, intent("p-S01-1", A, SELL, 100))])
    assert sent == {"p-S01-1": "its stop-loss is being carried out"}


async def test_what_is_left_is_priced_again(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.fills_part(40), hostile.fills_at_once]
    await room.rotation.sell(A)
    assert room.owned == {}
    assert room.states(A) == [OrderState.CANCELLED, OrderState.FILLED]
