"""Flatten and cancel: halt first, prove every cancel, sell what is ours, leave the halt in force."""

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
from tests.trading.conftest import MakeRoom
from tests.trading.trading_world import BUY, SELL, A, B, C, Room, intent, meant_for, settings


async def flatten(room: Room) -> Plan:
    plan = await room.rotation.flatten()
    await room.quiet()
    return plan


async def test_it_sells_all_that_the_strategy_owns_and_leaves_the_user_s_part(room: Room) -> None:
    room.own(A=100, B=50)
    room.broker.held[A] += 30
    room.broker.held[C] = 70
    plan = await flatten(room)
    assert room.sent(SELL) == [(A, 100), (B, 50)]
    assert room.owned == {}
    assert room.broker.held_now == {A: 30, C: 70}
    assert plan.origin is Origin.FLATTEN
    assert {order.origin for order in room.broker.placed} == {Origin.FLATTEN}


async def test_the_halt_is_in_force_before_the_first_order_and_after_the_last(room: Room) -> None:
    room.own(A=100)
    seen: list[bool] = []
    room.broker.before_place = lambda _: seen.append(room.controls.halted)
    await flatten(room)
    assert seen == [True]
    assert room.controls.halted
    assert room.again().controls.halted


async def test_it_sells_through_the_bid_whatever_the_settings_say_of_orders(room: Room) -> None:
    room.own(A=100)
    await flatten(room)
    assert room.broker.placed[0].price == Decimal("99.000")  # the bid of 99.999 less 1 %, up to the tick


async def test_working_orders_are_cancelled_and_proven_before_the_first_sale(room: Room) -> None:
    room.own(A=100)
    room.broker.manners = {A: [hostile.works, hostile.fills_at_once], B: [hostile.works]}
    await room.order_manager.send([intent("p-S01-1", A, SELL, 100, "110"), intent("p-B01-1", B, BUY, 50, "90")])
    states: list[list[OrderState]] = []
    room.broker.before_place = lambda _: states.append([order.state for order in room.journal.of_plan("plan")])
    await flatten(room)
    assert states == [[OrderState.CANCELLED, OrderState.CANCELLED]]
    assert room.broker.held_now == {}


async def test_what_a_cancelled_buy_had_bought_is_sold_too(room: Room) -> None:
    room.broker.manners[A] = [hostile.fills_part(30), hostile.fills_at_once]
    await room.order_manager.send([intent("p-B01-1", A, BUY, 50)])
    await flatten(room)
    assert room.sent(SELL) == [(A, 30)]
    assert room.broker.held_now == {}


async def test_a_cancel_that_is_not_proven_sells_nothing_at_all_and_halts(room: Room) -> None:
    room.own(A=100, B=50)
    room.broker.manners[A], room.broker.deaf = [hostile.works], {A}
    await room.order_manager.send([intent("p-S01-1", A, SELL, 100, "110")])
    with pytest.raises(RebalanceRefused, match="the cancel of p-S01-1 is not proven"):
        await flatten(room)
    assert room.sent(SELL) == [(A, 100)]
    assert room.controls.halted


@pytest.mark.parametrize("query", ["asset", "positions", "orders"])
async def test_an_account_that_does_not_answer_is_halted_and_nothing_is_sold(room: Room, query: str) -> None:
    room.own(A=100)
    room.broker.silent = {query}
    with pytest.raises(RebalanceRefused):
        await flatten(room)
    assert room.broker.placed == []
    assert room.controls.halted


async def test_a_rebalance_in_the_middle_ends_and_sends_nothing_more(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    plan = await room.plan(B)
    flattening: list[asyncio.Task[Plan]] = []
    room.clock.after(5, lambda: flattening.append(asyncio.create_task(room.rotation.flatten())))
    await room.rotation.execute(plan)
    await flattening[0]
    assert [(order.side, order.origin) for order in room.broker.placed] == [
        (Side.SELL, Origin.REBALANCE),
        (Side.SELL, Origin.FLATTEN),
    ]
    assert room.broker.held_now == {}


async def test_a_stop_at_work_does_not_keep_its_bond_from_being_sold(room: Room) -> None:
    """Its order is cancelled like any other, and its claim on the bond is none against a flatten."""
    room.own(A=100)
    room.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    room.tick(A, "94")
    await room.placed(1)
    await flatten(room)
    assert [order.origin for order in room.broker.placed] == [Origin.STOP_LOSS, Origin.FLATTEN]
    assert room.broker.held_now == {}


async def test_a_stop_that_hears_of_its_cancel_late_leaves_the_order_of_a_flatten_alone(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halted, the stop is over: it must not clear away what sells its bond, even where the bid has fallen below it."""
    room.own(A=100)
    room.broker.manners[A] = [hostile.fills_part(40), hostile.works]
    orders, answer, asked = room.broker.orders, asyncio.Event(), count()

    async def slow_at_first(since: date) -> hostile.Maybe[tuple[hostile.BrokerOrder, ...]]:
        if next(asked) == 0:  # what the stop asks
            await answer.wait()
        return await orders(since)

    def falls(_: hostile.Intent) -> None:
        if len(room.broker.placed) == 1:
            room.tick(A, "80", bid=Decimal(80))
            room.clock.after(1, answer.set)

    monkeypatch.setattr(room.broker, "orders", slow_at_first)
    room.broker.before_place = falls
    room.clock.after(8, lambda: room.broker.trade("1001", 60))
    flattening: list[asyncio.Task[Plan]] = []
    room.clock.after(1, lambda: flattening.append(asyncio.create_task(flatten(room))))
    await room.ticked(A, "94")
    await flattening[0]
    assert answer.is_set()
    assert len(room.broker.cancels) == 1
    assert room.broker.held_now == {}


async def test_what_cannot_be_sold_is_told_and_the_rest_is_sold(room: Room) -> None:
    room.own(A=100, B=50)
    room.show(worlds.quote(A, bid=None), worlds.quote(B))
    plan = await flatten(room)
    assert [row.code for row in plan.blocked] == [A]
    assert room.sent(SELL) == [(B, 50)]
    assert room.owned == {A: 100}


async def test_nothing_owned_is_nothing_to_sell(room: Room) -> None:
    room.broker.held[A] = 100
    plan = await flatten(room)
    assert (plan.legs, plan.refused) == ((), None)
    assert room.controls.halted


async def test_a_flatten_is_no_list_that_was_followed(room: Room) -> None:
    await room.rebalance(A)
    followed = room.rotation.runs.last_list(1, 1)
    await flatten(room)
    assert room.rotation.runs.last_list(1, 1) == followed


async def test_cancel_working_ends_every_live_order_and_sells_nothing(room: Room) -> None:
    room.own(A=100)
    room.broker.manners = {A: [hostile.works], B: [hostile.works_silently]}
    await room.order_manager.send([intent("p-S01-1", A, SELL, 100), intent("p-B01-1", B, BUY, 50)])
    assert await room.rotation.cancel_working() == Cancelled(("p-S01-1", "p-B01-1"), ())
    assert len(room.broker.placed) == 2
    assert not room.controls.halted


async def test_cancel_working_names_what_is_not_proven(room: Room) -> None:
    room.broker.manners = {A: [hostile.works], B: [hostile.works]}
    room.broker.deaf = {A}
    await room.order_manager.send([intent("p-B01-1", A, BUY, 50), intent("p-B02-1", B, BUY, 50)])
    assert await room.rotation.cancel_working() == Cancelled(("p-B02-1",), ("p-B01-1",))


async def test_cancel_working_takes_a_proof_that_comes_late_and_without_a_word(room: Room) -> None:
    room.broker.manners[A], room.broker.deaf = [hostile.works_silently], {A}
    await room.order_manager.send([intent("p-B01-1", A, BUY, 50)])
    room.clock.after(9.5, lambda: room.broker.end("1000", OrderState.CANCELLED, tell=False))
    assert await room.rotation.cancel_working() == Cancelled(("p-B01-1",), ())


async def test_cancel_working_with_nothing_at_work_asks_for_nothing(room: Room) -> None:
    assert await room.rotation.cancel_working() == Cancelled((), ())
    assert room.broker.cancels == []


async def refill(room: Room) -> str:
    return await room.rotation.execute(await room.rotation.plan(Origin.REFILL))


async def stopped(room: Room, *codes: str) -> None:
    for code in codes:
        await room.ticked(type(A)(code), "94")


async def test_a_refill_fills_the_freed_slots_once_and_never_a_stopped_one(room: Room) -> None:
    room.own(A=100, B=100)
    await stopped(room, A)
    room.listed = hostile.Known(worlds.selection(A, B, C, "123002"))
    await refill(room)
    assert [code for code, _ in room.sent(BUY)] == [C]
    plan = await room.rotation.plan(Origin.REFILL)
    assert plan.legs == ()


async def test_a_refill_of_the_balance_spends_what_the_stop_brought(make_room: MakeRoom) -> None:
    room = make_room(settings(balance=True), cash=50_000)
    room.own(A=100)
    await stopped(room, A)
    room.listed = hostile.Known(worlds.selection(A, C))
    await refill(room)
    assert room.sent(BUY) == [(C, 90)]  # the sale brought 93.060 × 100 less a fee; 100 each


async def test_a_bond_sold_in_part_frees_no_slot(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A], room.broker.deaf = [hostile.fills_part(40)], {A}
    await stopped(room, A)
    assert freed(room.journal.of_day(room.clock.now().date()), room.ledger.holdings()).slots == 0
    room.listed = hostile.Known(worlds.selection(C))
    assert (await room.rotation.plan(Origin.REFILL)).legs == ()


async def test_a_rebalance_buys_no_bond_whose_stop_fired_today(room: Room) -> None:
    room.own(A=100)
    await stopped(room, A)
    await room.rebalance(A, B)
    assert [code for code, _ in room.sent(BUY)] == [B]


async def test_a_bond_at_work_turns_no_trading_off_and_keeps_its_order(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.works]
    with room.order_manager.claim(A, Origin.STOP_LOSS):
        await room.order_manager.send([meant_for(Origin.STOP_LOSS, intent("k", A, SELL, 100))])
        room.broker.trade("1000", 40, tell=False)
        room.clock.move_to(room.clock.now() + timedelta(seconds=5))
        assert await reconcile(room.order_manager) == ()
        assert room.broker.cancels == []
    assert not room.order_manager.status.blocked


async def test_without_its_claim_a_working_order_is_ended_by_the_reconciliation(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.works]
    await room.order_manager.send([meant_for(Origin.STOP_LOSS, intent("k", A, SELL, 100))])
    assert await reconcile(room.order_manager) == ()
    assert room.states(A) == [OrderState.CANCELLED]


async def test_a_claim_ends_with_whoever_made_it(room: Room) -> None:
    with pytest.raises(ValueError, match="broken"), room.order_manager.claim(A, Origin.STOP_LOSS):
        assert room.order_manager.unavailable_bonds() == {A: "its stop-loss is being carried out"}
        raise ValueError("broken")
    assert room.order_manager.unavailable_bonds() == {}


async def test_a_halt_lets_nothing_but_a_flatten_through(room: Room) -> None:
    room.own(A=100)
    room.controls.engage(Control.HALTED)
    await room.ticked(A, "94")
    await room.rotation.execute(await room.plan(B))
    assert room.broker.placed == []
    await flatten(room)
    assert room.broker.held_now == {}
