"""What the user decides: orders that nobody settles, and what is managed."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.model.order import OrderState, Side
from core.trading.reconcile import reconcile
from core.trading.settle import CannotSettle, adopt, release, settle
from tests.trading import hostile
from tests.trading.conftest import MakeRoom
from tests.trading.trading_world import BUY, SELL, TODAY, A, B, Room, intent

K = "260515-a1b2c3-B01-1"


async def doubtful(make_room: MakeRoom, side: Side = BUY) -> Room:
    """A room with one order of 100 张 that nobody knows anything of."""
    room = make_room(lists_every_order=False)
    if side is SELL:
        room.own(A=100)
    room.broker.manners[A] = [hostile.never_arrives]
    await room.order_manager.send([intent(K, A, side, 100)])
    assert room.journal[K].state is OrderState.UNKNOWN
    return room


async def test_dead_frees_the_bond(make_room: MakeRoom) -> None:
    room = await doubtful(make_room)
    order = await settle(room.order_manager, K, filled=False)
    assert (order.state, room.owned) == (OrderState.REFUSED, {})
    assert await reconcile(room.order_manager) == ()


@pytest.mark.parametrize("side", [BUY, SELL])
async def test_filled_books_it_at_its_limit_with_a_fee_and_survives_a_restart(make_room: MakeRoom, side: Side) -> None:
    room = await doubtful(make_room, side)
    room.broker.held[A] = 100 if side is BUY else 0
    order = await settle(room.order_manager, K, filled=True)
    assert (order.state, order.filled_volume, order.fee) == (OrderState.FILLED, 100, Decimal("1.00"))
    assert room.owned == ({A: 100} if side is BUY else {})
    assert await reconcile(room.order_manager) == ()
    again = room.again()
    assert again.owned == room.owned
    assert again.journal[K].state is OrderState.FILLED


async def test_filled_must_fit_the_account(make_room: MakeRoom) -> None:
    room = await doubtful(make_room)
    room.broker.held[A] = 60
    with pytest.raises(CannotSettle, match="and the account holds 60"):
        await settle(room.order_manager, K, filled=True)
    assert room.journal[K].state is OrderState.UNKNOWN


async def test_a_fill_that_comes_after_the_user_s_word_is_not_booked_twice(make_room: MakeRoom) -> None:
    room = await doubtful(make_room)
    room.broker.held[A] = 100
    await settle(room.order_manager, K, filled=True)
    late = room.broker.take(intent(K, A, BUY, 100))
    room.broker.held[A] = 0
    room.broker.trade(late, 100)
    assert (room.owned, room.order_manager.status.faults) == ({A: 100}, ())
    again = room.again()
    assert await reconcile(again.order_manager) == ()
    assert again.owned == {A: 100}


async def test_two_orders_of_a_day_may_be_settled_as_filled(make_room: MakeRoom) -> None:
    room = await doubtful(make_room)
    room.broker.manners[B] = [hostile.never_arrives]
    await room.order_manager.send([intent("k-2", B, BUY, 50)])
    room.broker.held |= {A: 100, B: 50}
    await settle(room.order_manager, K, filled=True)
    await settle(room.order_manager, "k-2", filled=True)
    assert room.owned == {A: 100, B: 50}


async def test_a_fill_that_comes_after_dead_is_booked(make_room: MakeRoom) -> None:
    room = await doubtful(make_room)
    await settle(room.order_manager, K, filled=False)
    late = room.broker.take(intent(K, A, BUY, 100))
    room.broker.trade(late, 100)
    assert room.owned == room.broker.held_now == {A: 100}
    assert room.journal[K].state is OrderState.FILLED


async def test_the_broker_s_list_goes_before_the_user_s_word(make_room: MakeRoom) -> None:
    room = make_room(lists_every_order=False)
    room.broker.manners[A] = [hostile.loses_the_answer]
    await room.order_manager.send([intent(K, A, BUY, 100)])
    with pytest.raises(CannotSettle, match="cancel it instead"):
        await settle(room.order_manager, K, filled=False)
    room.broker.trade(room.broker.number(K), 100, tell=False)
    with pytest.raises(CannotSettle, match="is filled already"):
        await settle(room.order_manager, K, filled=False)
    assert room.owned == {A: 100}


async def test_a_working_order_of_a_past_day_may_be_settled(make_room: MakeRoom) -> None:
    room = make_room(lists_every_order=False)
    room.own(A=100)
    room.broker.manners[A] = [hostile.works]
    await room.order_manager.send([intent(K, A, SELL, 100)])
    room.broker.trade(room.broker.number(K), 30)
    room.clock.move_to(room.clock.now() + timedelta(days=3))
    room.broker.listed.clear()
    order = await settle(room.order_manager, K, filled=False)
    assert (order.state, order.filled_volume, room.owned) == (OrderState.CANCELLED, 30, {A: 70})


async def test_nothing_is_settled_while_the_account_is_silent(make_room: MakeRoom) -> None:
    room = await doubtful(make_room)
    room.broker.silent = {"orders"}
    with pytest.raises(CannotSettle, match="while the account does not answer"):
        await settle(room.order_manager, K, filled=False)


async def test_adopting_and_releasing_move_the_ledger_and_no_cap(room: Room) -> None:
    room.broker.held[A] = 150
    assert await adopt(room.order_manager, A) == 150
    assert room.owned == {A: 150}
    assert room.order_manager.bought_today(TODAY) == 0
    with pytest.raises(CannotSettle, match="nothing to adopt"):
        await adopt(room.order_manager, A)
    assert room.again().owned == {A: 150}


async def test_a_release_leaves_the_bonds_to_the_user(room: Room) -> None:
    room.own(A=100)
    assert await release(room.order_manager, A) == 100
    assert room.owned == {}
    plan = await room.plan(B)
    assert plan.sells == ()
    with pytest.raises(CannotSettle, match="owns nothing"):
        await release(room.order_manager, A)


@pytest.mark.parametrize("move", [adopt, release])
async def test_a_bond_with_an_open_order_is_left_where_it_is(room: Room, move: object) -> None:
    room.own(A=100)
    room.broker.held[A] = 150
    room.broker.manners[A] = [hostile.works]
    await room.order_manager.send([intent(K, A, SELL, 100)])
    with pytest.raises(CannotSettle, match="wait for its end"):
        await move(room.order_manager, A)  # type: ignore[operator]
