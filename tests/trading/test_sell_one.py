"""Selling one bond manually: the managed holding only, with the same pre-trade risk as every order."""

import pytest

from core.model.order import OrderState, Origin
from core.model.snapshot import Control
from core.trading.executor import RebalanceRefused
from tests import worlds
from tests.trading import hostile
from tests.trading.trading_world import BUY, SELL, A, B, TradingWorld, intent, meant_for


async def test_selling_one_bond_sells_only_rotor_s_holding_of_it(world: TradingWorld) -> None:
    world.own(A=100, B=50)
    world.broker.held[A] += 30
    plan = await world.rotation.sell(A)
    await world.quiet()
    assert plan.origin is Origin.SALE
    assert world.sent(SELL) == [(A, 100)]
    assert world.broker.placed[0].price < worlds.quote(A).bid  # type: ignore[operator]
    assert world.broker.held_now == {A: 30, B: 50}
    assert world.owned == {B: 50}


async def test_a_bond_sold_by_the_user_is_not_bought_again_the_same_day(world: TradingWorld) -> None:
    world.own(A=100)
    await world.rotation.sell(A)
    plan = await world.plan(A)
    assert plan.buys == ()
    assert "sold by hand" in plan.blocked[0].reason
    stopped = await world.order_manager.send([intent("p-B01-1", A, BUY, 10)])
    assert "sold by hand" in stopped["p-B01-1"]


async def test_a_bond_not_managed_by_rotor_is_not_sold(world: TradingWorld) -> None:
    world.broker.held[A] = 100
    with pytest.raises(RebalanceRefused, match="the strategy owns nothing of it"):
        await world.rotation.sell(A)
    assert world.broker.placed == []


async def test_without_a_bid_selling_one_bond_says_why_and_sends_nothing(world: TradingWorld) -> None:
    world.own(A=100)
    world.show(worlds.quote(A, bid=None))
    with pytest.raises(RebalanceRefused, match=rf"{A} was not sold: "):
        await world.rotation.sell(A)
    assert world.broker.placed == []


@pytest.mark.parametrize("query", ["asset", "positions", "orders"])
async def test_nothing_is_sold_while_the_account_is_unknown(world: TradingWorld, query: str) -> None:
    world.own(A=100)
    world.broker.silent = {query}
    with pytest.raises(RebalanceRefused):
        await world.rotation.sell(A)
    assert world.broker.placed == []


async def test_a_bond_with_a_live_order_takes_no_second_one(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([intent("p-S01-1", A, SELL, 100, "110")])
    with pytest.raises(RebalanceRefused, match="order p-S01-1 is working"):
        await world.rotation.sell(A)
    assert world.sent(SELL) == [(A, 100)]


async def test_a_halt_blocks_selling_one_bond(world: TradingWorld) -> None:
    """The engine refuses earlier; this is pre-trade risk itself, for a halt engaged in between."""
    world.own(A=100)
    world.controls.engage(Control.HALTED)
    await world.rotation.sell(A)
    assert world.broker.placed == []
    world.controls.release()
    await world.rotation.sell(A)
    assert world.sent(SELL) == [(A, 100)]


async def test_a_stop_goes_before_selling_one_bond(world: TradingWorld) -> None:
    world.own(A=100)
    with world.order_manager.claim(A, Origin.STOP_LOSS):
        sent = await world.order_manager.send([meant_for(Origin.SALE, intent("p-S01-1", A, SELL, 100))])
    assert sent == {"p-S01-1": "its stop-loss is running"}


async def test_the_unfilled_rest_is_repriced(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.fills_part(40), hostile.fills_at_once]
    await world.rotation.sell(A)
    assert world.owned == {}
    assert world.states(A) == [OrderState.CANCELLED, OrderState.FILLED]
