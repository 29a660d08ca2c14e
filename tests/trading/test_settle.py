"""What the user decides: the outcome of unknown orders, and which bonds rotor manages."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.model.order import OrderState, Side
from core.trading.reconcile import reconcile
from core.trading.settle import CannotSettle, adopt, release, settle
from tests.trading import hostile
from tests.trading.conftest import MakeWorld
from tests.trading.trading_world import BUY, SELL, TODAY, A, B, TradingWorld, intent

K = "260515-a1b2c3-B01-1"


async def doubtful(make_world: MakeWorld, side: Side = BUY) -> TradingWorld:
    """A world with one unknown order of 100 张."""
    world = make_world(lists_every_order=False)
    if side is SELL:
        world.own(A=100)
    world.broker.manners[A] = [hostile.never_arrives]
    await world.order_manager.send([intent(K, A, side, 100)])
    assert world.journal[K].state is OrderState.UNKNOWN
    return world


async def test_settling_as_dead_frees_the_bond(make_world: MakeWorld) -> None:
    world = await doubtful(make_world)
    order = await settle(world.order_manager, K, filled=False)
    assert (order.state, world.owned) == (OrderState.REFUSED, {})
    assert await reconcile(world.order_manager) == ()


@pytest.mark.parametrize("side", [BUY, SELL])
async def test_settling_as_filled_books_limit_price_and_fee_and_survives_a_restart(
    make_world: MakeWorld, side: Side
) -> None:
    world = await doubtful(make_world, side)
    world.broker.held[A] = 100 if side is BUY else 0
    order = await settle(world.order_manager, K, filled=True)
    assert (order.state, order.filled_volume, order.fee) == (OrderState.FILLED, 100, Decimal("1.00"))
    assert world.owned == ({A: 100} if side is BUY else {})
    assert await reconcile(world.order_manager) == ()
    again = world.again()
    assert again.owned == world.owned
    assert again.journal[K].state is OrderState.FILLED


async def test_settling_as_filled_must_match_the_account(make_world: MakeWorld) -> None:
    world = await doubtful(make_world)
    world.broker.held[A] = 60
    with pytest.raises(CannotSettle, match="and the account holds 60"):
        await settle(world.order_manager, K, filled=True)
    assert world.journal[K].state is OrderState.UNKNOWN


async def test_a_fill_received_after_settling_as_filled_is_not_booked_twice(make_world: MakeWorld) -> None:
    world = await doubtful(make_world)
    world.broker.held[A] = 100
    await settle(world.order_manager, K, filled=True)
    late = world.broker.take(intent(K, A, BUY, 100))
    world.broker.held[A] = 0
    world.broker.trade(late, 100)
    assert (world.owned, world.order_manager.status.faults) == ({A: 100}, ())
    again = world.again()
    assert await reconcile(again.order_manager) == ()
    assert again.owned == {A: 100}


async def test_two_orders_of_a_day_may_be_settled_as_filled(make_world: MakeWorld) -> None:
    world = await doubtful(make_world)
    world.broker.manners[B] = [hostile.never_arrives]
    await world.order_manager.send([intent("k-2", B, BUY, 50)])
    world.broker.held |= {A: 100, B: 50}
    await settle(world.order_manager, K, filled=True)
    await settle(world.order_manager, "k-2", filled=True)
    assert world.owned == {A: 100, B: 50}


async def test_a_fill_received_after_settling_as_dead_is_booked(make_world: MakeWorld) -> None:
    world = await doubtful(make_world)
    await settle(world.order_manager, K, filled=False)
    late = world.broker.take(intent(K, A, BUY, 100))
    world.broker.trade(late, 100)
    assert world.owned == world.broker.held_now == {A: 100}
    assert world.journal[K].state is OrderState.FILLED


async def test_the_broker_s_list_overrides_the_user(make_world: MakeWorld) -> None:
    world = make_world(lists_every_order=False)
    world.broker.manners[A] = [hostile.loses_the_answer]
    await world.order_manager.send([intent(K, A, BUY, 100)])
    with pytest.raises(CannotSettle, match="cancel it instead"):
        await settle(world.order_manager, K, filled=False)
    world.broker.trade(world.broker.number(K), 100, tell=False)
    with pytest.raises(CannotSettle, match="is filled already"):
        await settle(world.order_manager, K, filled=False)
    assert world.owned == {A: 100}


async def test_an_open_order_of_a_past_day_can_be_settled(make_world: MakeWorld) -> None:
    world = make_world(lists_every_order=False)
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([intent(K, A, SELL, 100)])
    world.broker.trade(world.broker.number(K), 30)
    world.clock.move_to(world.clock.now() + timedelta(days=3))
    world.broker.listed.clear()
    order = await settle(world.order_manager, K, filled=False)
    assert (order.state, order.filled_volume, world.owned) == (OrderState.CANCELLED, 30, {A: 70})


async def test_nothing_is_settled_while_the_account_is_unknown(make_world: MakeWorld) -> None:
    world = await doubtful(make_world)
    world.broker.silent = {"orders"}
    with pytest.raises(CannotSettle, match="while the account does not answer"):
        await settle(world.order_manager, K, filled=False)


async def test_adopting_and_releasing_change_the_ledger_and_no_daily_limit(world: TradingWorld) -> None:
    world.broker.held[A] = 150
    assert await adopt(world.order_manager, A) == 150
    assert world.owned == {A: 150}
    assert world.order_manager.bought_today(TODAY) == 0
    with pytest.raises(CannotSettle, match="nothing to adopt"):
        await adopt(world.order_manager, A)
    assert world.again().owned == {A: 150}


async def test_a_release_leaves_the_bonds_to_the_user(world: TradingWorld) -> None:
    world.own(A=100)
    assert await release(world.order_manager, A) == 100
    assert world.owned == {}
    plan = await world.plan(B)
    assert plan.sells == ()
    with pytest.raises(CannotSettle, match="owns nothing"):
        await release(world.order_manager, A)


@pytest.mark.parametrize("move", [adopt, release])
async def test_a_bond_with_an_open_order_is_neither_adopted_nor_released(world: TradingWorld, move: object) -> None:
    world.own(A=100)
    world.broker.held[A] = 150
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([intent(K, A, SELL, 100)])
    with pytest.raises(CannotSettle, match="wait for its end"):
        await move(world.order_manager, A)  # type: ignore[operator]


async def test_what_is_adopted_without_a_cost_has_none_and_takes_none_from_the_rest(world: TradingWorld) -> None:
    """A cost of 0 averaged in would put the take-profit below the price."""
    world.own(A=100)
    world.broker.held[A] = 200
    assert await adopt(world.order_manager, A) == 100
    assert world.ledger.holdings()[A].cost == 0
    await world.ticked(A, "60")
    await world.ticked(A, "150")
    assert world.sent(SELL) == []
    assert world.again().ledger.holdings()[A].cost == 0


async def test_today_s_price_may_be_the_basis(world: TradingWorld) -> None:
    world.broker.held[A] = 100
    await adopt(world.order_manager, A, Decimal(130))
    assert world.ledger.holdings()[A].cost == 130
