"""A bond of which the broker reports what cannot be true: nothing is booked or sent for it, the others go on."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from core.model.known import Implausible, Known
from core.model.order import Confirmed, Intent, OrderState, Outcome
from core.model.snapshot import StopStatus
from core.trading.reconcile import reconcile
from core.trading.settle import CannotSettle, adopt
from tests.trading.hostile import HostileBroker
from tests.trading.trading_world import BUY, SELL, A, B, C, TradingWorld, intent

WHY = "MiniQMT reports for 113001.SH: can_use_volume is -10, which cannot be true"


async def takes(broker: HostileBroker, order: Intent) -> Outcome:
    return Confirmed(broker.take(order))


@pytest.mark.parametrize("price", ["0.001", "1", "10", "1000", "10000", "100.01", "50"])
async def test_a_buy_filled_at_an_impossible_price_is_not_booked_until_the_right_one_comes(
    world: TradingWorld, price: str
) -> None:
    world.broker.manners[A] = [takes]
    order = intent("x-1", A, BUY, 10)
    assert await world.order_manager.send([order]) == {}
    fill = world.broker.trade(world.broker.number("x-1"), 10, price=price)
    assert world.owned == {}
    assert price in world.order_manager.frozen[A]
    assert not world.journal["x-1"].done
    assert not world.order_manager.status.blocked, "the other bonds go on"
    assert A in world.order_manager.unavailable_bonds()
    right = replace(fill, price=Decimal("99.9"))
    world.broker.traded[:] = [right]
    assert await world.order_manager.sync_with_broker() is None
    assert (world.owned, world.order_manager.frozen) == ({A: 10}, {})
    assert world.journal["x-1"].state is OrderState.FILLED


@pytest.mark.parametrize("fee", ["5000", "600", "20.01", "-5"])
async def test_a_fee_that_no_broker_takes_is_not_booked_until_the_right_one_comes(
    world: TradingWorld, fee: str
) -> None:
    world.broker.manners[A] = [takes]
    assert await world.order_manager.send([intent("x-1", A, BUY, 10)]) == {}
    fill = world.broker.trade(world.broker.number("x-1"), 10, fee=fee)
    assert (world.owned, world.order_manager.status.blocked) == ({}, False)
    assert fee in world.order_manager.frozen[A]
    world.broker.traded[:] = [replace(fill, fee=Decimal(20))]
    assert await world.order_manager.sync_with_broker() is None
    assert (world.owned, world.order_manager.frozen) == ({A: 10}, {})


@pytest.mark.parametrize("number", [None, "another"])
async def test_a_row_of_our_order_that_is_dated_another_day_is_not_booked_until_the_right_one_comes(
    world: TradingWorld, number: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    world.broker.manners[A] = [takes]
    assert await world.order_manager.send([intent("x-1", A, BUY, 10)]) == {}
    fill = world.broker.trade(world.broker.number("x-1"), 10, tell=False)
    odd = replace(fill, trading_day=date(2099, 1, 1), order_id=number or fill.order_id)
    listed = world.broker.listed[fill.order_id]
    world.broker.traded[:] = [odd]
    world.broker.listed[fill.order_id] = replace(listed, trading_day=date(2099, 1, 1))
    for _ in range(3):
        assert await world.order_manager.sync_with_broker() is None
    assert (world.owned, world.order_manager.status.blocked) == ({}, False)
    assert "2099-01-01, which cannot be true" in world.order_manager.frozen[A]
    assert not world.journal["x-1"].done
    assert len([line for line in caplog.messages if "2099-01-01" in line]) == (1 if number is None else 2)
    world.broker.traded[:] = [fill]
    world.broker.listed[fill.order_id] = listed
    assert await world.order_manager.sync_with_broker() is None
    assert (world.owned, world.order_manager.frozen) == ({A: 10}, {})
    assert world.journal["x-1"].state is OrderState.FILLED


@pytest.mark.parametrize("volume", [11, 100, 1000])
async def test_more_filled_than_ordered_is_not_booked_until_the_right_volume_comes(
    world: TradingWorld, volume: int
) -> None:
    world.own(B=100)
    world.broker.manners[A] = [takes]
    assert await world.order_manager.send([intent("x-1", A, BUY, 10)]) == {}
    fill = world.broker.trade(world.broker.number("x-1"), volume)
    assert (world.owned, world.order_manager.status.blocked) == ({B: 100}, False)
    assert f"{volume} 张" in world.order_manager.frozen[A]
    await world.ticked(B, "90")
    assert world.sent(SELL) == [(B, 100)], "the stops of the other bonds go on"
    world.broker.traded[:] = [replace(fill, volume=10)]
    assert await world.order_manager.sync_with_broker() is None
    assert (world.owned[A], world.order_manager.frozen) == (10, {})
    assert world.journal["x-1"].state is OrderState.FILLED


async def test_fills_that_come_to_more_than_was_ordered_freeze_their_bond(world: TradingWorld) -> None:
    world.broker.manners[A] = [takes]
    assert await world.order_manager.send([intent("x-1", A, BUY, 100)]) == {}
    for _ in range(2):
        world.broker.trade(world.broker.number("x-1"), 60)
    assert world.owned == {A: 60}
    assert "120 张" in world.order_manager.frozen[A]


@pytest.mark.parametrize("volume", [1, 100])
async def test_an_order_listed_with_another_volume_freezes_its_bond_until_the_right_one_comes(
    world: TradingWorld, volume: int
) -> None:
    world.broker.manners[A] = [takes]
    assert await world.order_manager.send([intent("x-1", A, BUY, 10)]) == {}
    number = world.broker.number("x-1")
    right = world.broker.listed[number]
    world.broker.listed[number] = replace(right, volume=volume, state=OrderState.CANCELLED)
    assert await reconcile(world.order_manager) == ()
    assert A in world.order_manager.frozen
    assert not world.journal["x-1"].done
    world.broker.listed[number] = replace(right, state=OrderState.CANCELLED)
    assert await reconcile(world.order_manager) == ()
    assert (world.journal["x-1"].state, world.order_manager.frozen) == (OrderState.CANCELLED, {})


@pytest.mark.parametrize("price", ["0.1", "10", "99.98", "1000"])
async def test_a_sale_filled_at_an_impossible_price_is_not_booked(world: TradingWorld, price: str) -> None:
    world.own(A=100)
    world.broker.manners[A] = [takes]
    assert await world.order_manager.send([intent("x-1", A, SELL, 100)]) == {}
    world.broker.trade(world.broker.number("x-1"), 100, price=price)
    assert world.owned == {A: 100}
    assert A in world.order_manager.frozen


@pytest.mark.parametrize(("side", "price"), [(BUY, "81"), (BUY, "100"), (SELL, "100"), (SELL, "119.999")])
async def test_a_fill_at_the_limit_or_better_is_booked(world: TradingWorld, side: object, price: str) -> None:
    world.own(B=10)
    world.broker.manners[A if side is BUY else B] = [takes]
    code = A if side is BUY else B
    assert await world.order_manager.send([intent("x-1", code, BUY if side is BUY else SELL, 10)]) == {}
    world.broker.trade(world.broker.number("x-1"), 10, price=price)
    assert world.owned == ({A: 10, B: 10} if side is BUY else {})
    assert world.order_manager.frozen == {}


async def test_no_order_of_a_frozen_bond_is_sent_whatever_for(world: TradingWorld) -> None:
    world.own(A=100, B=100)
    world.broker.doubtful[A] = WHY
    refused = await world.order_manager.send([intent("x-1", A, SELL, 100), intent("x-2", B, SELL, 100)])
    assert refused == {"x-1": WHY}
    assert world.sent(SELL) == [(B, 100)]


async def test_a_frozen_bond_s_stop_waits_and_says_so_and_the_others_fire(world: TradingWorld) -> None:
    world.own(A=100, B=100)
    world.broker.doubtful[A] = WHY
    await world.ticked(A, "90")
    await world.ticked(B, "90")
    assert world.sent(SELL) == [(B, 100)]
    row = world.stops.rows()[A]
    assert (row.armed, row.status, row.state) == (False, StopStatus.BLOCKED, WHY)
    world.broker.doubtful.clear()
    assert world.stops.rows()[A].armed
    await world.ticked(A, "90")
    assert world.sent(SELL) == [(B, 100), (A, 100)]


async def test_a_plan_leaves_a_frozen_bond_alone_with_the_reason(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.doubtful[A] = WHY
    world.broker.held[A] = 0  # its row cannot be read, so the account does not list it
    plan = await world.plan(B, C)
    assert [leg.code for leg in plan.legs] == [B, C]
    assert [(row.code, WHY in row.reason) for row in plan.blocked] == [(A, True)]


async def test_a_frozen_bond_keeps_no_other_from_being_reconciled(world: TradingWorld) -> None:
    world.own(A=100, B=100)
    world.broker.held[A] = 0
    assert len(await reconcile(world.order_manager)) == 1, "without a doubt the row differs"
    world.broker.doubtful[A] = WHY
    assert await reconcile(world.order_manager) == ()


async def test_an_order_whose_row_cannot_be_read_does_not_count_as_never_arrived(world: TradingWorld) -> None:
    async def lost(broker: HostileBroker, order: Intent) -> Outcome:
        raise ConnectionResetError

    world.broker.manners[A] = [lost]
    await world.order_manager.send([intent("x-1", A, BUY, 10)])
    world.broker.doubtful[A] = WHY
    await world.order_manager.sync_with_broker()
    assert world.journal["x-1"].state is OrderState.UNKNOWN
    world.broker.doubtful.clear()
    await world.order_manager.sync_with_broker()
    assert world.journal["x-1"].state is OrderState.REFUSED


async def test_a_frozen_bond_is_not_adopted(world: TradingWorld) -> None:
    world.broker.held[A] = 100
    world.broker.doubtful[A] = WHY
    with pytest.raises(CannotSettle, match="cannot be true"):
        await adopt(world.order_manager, A)
    assert world.owned == {}


async def test_money_that_cannot_be_true_refuses_plans_and_lets_stops_fire(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.own(A=100)
    bad = Implausible("cash is nan")

    async def asset() -> Implausible:
        return bad

    monkeypatch.setattr(world.broker, "asset", asset)
    assert await reconcile(world.order_manager) == ()
    assert (await world.rotation.plan()).refused == "the account's cash is unknown: cash is nan"
    assert isinstance((await world.rotation.account.read()).positions, Known)
    assert world.rotation.account.unanswered is None
    await world.ticked(A, "90")
    assert world.sent(SELL) == [(A, 100)]
