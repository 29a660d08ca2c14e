"""Flatten and cancel all: halt first, confirm every cancel, sell managed bonds, keep the halt."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import pytest

from core.model.command import Cancelled
from core.model.order import OrderState, Origin, Side
from core.model.plan import Plan
from core.model.snapshot import Control
from core.rules.refill import freed
from core.trading.executor import RebalanceRefused
from core.trading.reconcile import reconcile
from tests import worlds
from tests.trading import hostile
from tests.trading.conftest import MakeWorld
from tests.trading.trading_world import BUY, SELL, A, B, C, TradingWorld, intent, meant_for, settings


async def flatten(world: TradingWorld) -> Plan:
    plan = await world.rotation.flatten()
    await world.quiet()
    return plan


async def test_a_flatten_sells_the_strategy_s_holdings_and_not_the_user_s(world: TradingWorld) -> None:
    world.own(A=100, B=50)
    world.broker.held[A] += 30
    world.broker.held[C] = 70
    plan = await flatten(world)
    assert world.sent(SELL) == [(A, 100), (B, 50)]
    assert world.owned == {}
    assert world.broker.held_now == {A: 30, C: 70}
    assert plan.origin is Origin.FLATTEN
    assert {order.origin for order in world.broker.placed} == {Origin.FLATTEN}


async def test_a_flatten_halts_trading_before_its_first_order_and_after_its_last(world: TradingWorld) -> None:
    world.own(A=100)
    seen: list[bool] = []
    world.broker.before_place = lambda _: seen.append(world.controls.halted)
    await flatten(world)
    assert seen == [True]
    assert world.controls.halted
    assert world.again().controls.halted


async def test_a_flatten_sells_below_the_bid_whatever_the_order_settings(world: TradingWorld) -> None:
    world.own(A=100)
    await flatten(world)
    assert world.broker.placed[0].price == Decimal("99.000")  # the bid of 99.999 less 1 %, up to the tick


async def test_open_orders_are_confirmed_cancelled_before_the_first_sale(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners = {A: [hostile.works, hostile.fills_at_once], B: [hostile.works]}
    await world.order_manager.send([intent("p-S01-1", A, SELL, 100, "110"), intent("p-B01-1", B, BUY, 50, "90")])
    states: list[list[OrderState]] = []
    world.broker.before_place = lambda _: states.append([order.state for order in world.journal.of_plan("plan")])
    await flatten(world)
    assert states == [[OrderState.CANCELLED, OrderState.CANCELLED]]
    assert world.broker.held_now == {}


async def test_fills_of_a_cancelled_buy_are_sold_too(world: TradingWorld) -> None:
    world.broker.manners[A] = [hostile.fills_part(30), hostile.fills_at_once]
    await world.order_manager.send([intent("p-B01-1", A, BUY, 50)])
    await flatten(world)
    assert world.sent(SELL) == [(A, 30)]
    assert world.broker.held_now == {}


async def test_an_unconfirmed_cancel_sells_nothing_and_halts(world: TradingWorld) -> None:
    world.own(A=100, B=50)
    world.broker.manners[A], world.broker.deaf = [hostile.works], {A}
    await world.order_manager.send([intent("p-S01-1", A, SELL, 100, "110")])
    with pytest.raises(RebalanceRefused, match="the cancel of p-S01-1 is not proven"):
        await flatten(world)
    assert world.sent(SELL) == [(A, 100)]
    assert world.controls.halted


@pytest.mark.parametrize("query", ["asset", "positions", "orders"])
async def test_a_flatten_without_the_account_halts_and_sells_nothing(world: TradingWorld, query: str) -> None:
    world.own(A=100)
    world.broker.silent = {query}
    with pytest.raises(RebalanceRefused):
        await flatten(world)
    assert world.broker.placed == []
    assert world.controls.halted


async def test_a_flatten_ends_a_running_rebalance(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    plan = await world.plan(B)
    flattening: list[asyncio.Task[Plan]] = []
    world.clock.after(5, lambda: flattening.append(asyncio.create_task(world.rotation.flatten())))
    await world.rotation.execute(plan)
    await flattening[0]
    assert [(order.side, order.origin) for order in world.broker.placed] == [
        (Side.SELL, Origin.REBALANCE),
        (Side.SELL, Origin.FLATTEN),
    ]
    assert world.broker.held_now == {}


async def test_a_flatten_sells_a_bond_whose_stop_is_being_executed(world: TradingWorld) -> None:
    """Its order is cancelled like any other; its claim on the bond does not hold against a flatten."""
    world.own(A=100)
    world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    world.tick(A, "94")
    await world.placed(1)
    await flatten(world)
    assert [order.origin for order in world.broker.placed] == [Origin.STOP_LOSS, Origin.FLATTEN]
    assert world.broker.held_now == {}


async def test_a_stop_whose_cancel_is_confirmed_late_leaves_the_flatten_order_alone(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once halted, the stop must not cancel the flatten's order, even if the bid has fallen below it."""
    world.own(A=100)
    world.broker.manners[A] = [hostile.fills_part(40), hostile.works]
    orders, answer, asked = world.broker.orders, asyncio.Event(), count()

    async def slow_at_first(since: date) -> hostile.Maybe[tuple[hostile.BrokerOrder, ...]]:
        if next(asked) == 0:  # the stop's own query
            await answer.wait()
        return await orders(since)

    def falls(_: hostile.Intent) -> None:
        if len(world.broker.placed) == 1:
            world.tick(A, "80", bid=Decimal(80))
            world.clock.after(1, answer.set)

    monkeypatch.setattr(world.broker, "orders", slow_at_first)
    world.broker.before_place = falls
    world.clock.after(8, lambda: world.broker.trade("1001", 60))
    flattening: list[asyncio.Task[Plan]] = []
    world.clock.after(1, lambda: flattening.append(asyncio.create_task(flatten(world))))
    await world.ticked(A, "94")
    await flattening[0]
    assert answer.is_set()
    assert len(world.broker.cancels) == 1
    assert world.broker.held_now == {}


async def test_a_bond_that_cannot_be_sold_is_reported_and_the_rest_is_sold(world: TradingWorld) -> None:
    world.own(A=100, B=50)
    world.show(worlds.quote(A, bid=None), worlds.quote(B))
    plan = await flatten(world)
    assert [row.code for row in plan.blocked] == [A]
    assert world.sent(SELL) == [(B, 50)]
    assert world.owned == {A: 100}


async def test_a_flatten_without_holdings_sells_nothing(world: TradingWorld) -> None:
    world.broker.held[A] = 100
    plan = await flatten(world)
    assert (plan.legs, plan.refused) == ((), None)
    assert world.controls.halted


async def test_a_flatten_does_not_count_as_a_followed_list(world: TradingWorld) -> None:
    await world.rebalance(A)
    followed = world.rotation.runs.last_list(1, 1)
    await flatten(world)
    assert world.rotation.runs.last_list(1, 1) == followed


async def test_cancel_all_cancels_every_open_order_and_sells_nothing(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners = {A: [hostile.works], B: [hostile.works_silently]}
    await world.order_manager.send([intent("p-S01-1", A, SELL, 100), intent("p-B01-1", B, BUY, 50)])
    assert await world.rotation.cancel_working() == Cancelled(("p-S01-1", "p-B01-1"), ())
    assert len(world.broker.placed) == 2
    assert not world.controls.halted


async def test_cancel_all_names_unconfirmed_cancels(world: TradingWorld) -> None:
    world.broker.manners = {A: [hostile.works], B: [hostile.works]}
    world.broker.deaf = {A}
    await world.order_manager.send([intent("p-B01-1", A, BUY, 50), intent("p-B02-1", B, BUY, 50)])
    assert await world.rotation.cancel_working() == Cancelled(("p-B02-1",), ("p-B01-1",))


async def test_cancel_all_accepts_a_late_confirmation_from_the_order_list(world: TradingWorld) -> None:
    world.broker.manners[A], world.broker.deaf = [hostile.works_silently], {A}
    await world.order_manager.send([intent("p-B01-1", A, BUY, 50)])
    world.clock.after(9.5, lambda: world.broker.end("1000", OrderState.CANCELLED, tell=False))
    assert await world.rotation.cancel_working() == Cancelled(("p-B01-1",), ())


async def test_cancel_all_without_open_orders_sends_no_cancel(world: TradingWorld) -> None:
    assert await world.rotation.cancel_working() == Cancelled((), ())
    assert world.broker.cancels == []


async def refill(world: TradingWorld) -> str:
    return await world.rotation.execute(await world.rotation.plan(Origin.REFILL))


async def stopped(world: TradingWorld, *codes: str) -> None:
    for code in codes:
        await world.ticked(type(A)(code), "94")


async def test_a_refill_fills_freed_slots_once_and_never_with_a_stopped_bond(world: TradingWorld) -> None:
    world.own(A=100, B=100)
    await stopped(world, A)
    world.listed = hostile.Known(worlds.selection(A, B, C, "123002"))
    await refill(world)
    assert [code for code, _ in world.sent(BUY)] == [C]
    plan = await world.rotation.plan(Origin.REFILL)
    assert plan.legs == ()


async def test_a_balance_refill_spends_the_proceeds_of_the_stop(make_world: MakeWorld) -> None:
    world = make_world(settings(balance=True), cash=50_000)
    world.own(A=100)
    await stopped(world, A)
    world.listed = hostile.Known(worlds.selection(A, C))
    await refill(world)
    assert world.sent(BUY) == [(C, 90)]  # the sale brought 93.060 × 100 less a fee; 100 each


async def test_a_partly_sold_bond_frees_no_slot(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A], world.broker.deaf = [hostile.fills_part(40)], {A}
    await stopped(world, A)
    assert freed(world.journal.of_day(world.clock.now().date()), world.ledger.holdings()).slots == 0
    world.listed = hostile.Known(worlds.selection(C))
    assert (await world.rotation.plan(Origin.REFILL)).legs == ()


async def test_a_rebalance_buys_no_bond_whose_stop_fired_today(world: TradingWorld) -> None:
    world.own(A=100)
    await stopped(world, A)
    await world.rebalance(A, B)
    assert [code for code, _ in world.sent(BUY)] == [B]


async def test_a_claimed_bond_keeps_trading_enabled_and_keeps_its_order(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    with world.order_manager.claim(A, Origin.STOP_LOSS):
        await world.order_manager.send([meant_for(Origin.STOP_LOSS, intent("k", A, SELL, 100))])
        world.broker.trade("1000", 40, tell=False)
        world.clock.move_to(world.clock.now() + timedelta(seconds=5))
        assert await reconcile(world.order_manager) == ()
        assert world.broker.cancels == []
    assert not world.order_manager.status.blocked


async def test_reconciliation_cancels_an_open_order_without_a_claim(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([meant_for(Origin.STOP_LOSS, intent("k", A, SELL, 100))])
    assert await reconcile(world.order_manager) == ()
    assert world.states(A) == [OrderState.CANCELLED]


async def test_a_claim_ends_with_its_owner(world: TradingWorld) -> None:
    with pytest.raises(ValueError, match="broken"), world.order_manager.claim(A, Origin.STOP_LOSS):
        assert world.order_manager.unavailable_bonds() == {A: "its stop-loss is running"}
        raise ValueError("broken")
    assert world.order_manager.unavailable_bonds() == {}


async def test_a_halt_allows_only_a_flatten(world: TradingWorld) -> None:
    world.own(A=100)
    world.controls.engage(Control.HALTED)
    await world.ticked(A, "94")
    await world.rotation.execute(await world.plan(B))
    assert world.broker.placed == []
    await flatten(world)
    assert world.broker.held_now == {}
