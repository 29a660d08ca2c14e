"""Before trading, journal and ledger must match the account; each difference is named."""

import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest

from core.model.order import OrderState, Origin, Side
from core.trading.reconcile import reconcile
from core.trading.settle import settle
from tests.trading import hostile
from tests.trading.conftest import MakeWorld
from tests.trading.hostile import Manner
from tests.trading.trading_world import BUY, SELL, A, B, TradingWorld, intent

K = "p-B01-1"


async def test_a_matching_account_has_no_differences(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.held[B] = 70
    assert await reconcile(world.order_manager) == ()


async def test_each_bond_with_too_few_in_the_account_is_named(world: TradingWorld) -> None:
    world.own(A=100, B=100)
    world.broker.held = {A: 60}
    hint = "if you sold it by hand: rotor release"
    assert await reconcile(world.order_manager) == (
        f"{A}: the ledger owns 100 张, the account holds 60 ({hint} 113001)",
        f"{B}: the ledger owns 100 张, the account holds 0 ({hint} 113002)",
    )


@pytest.mark.parametrize("query", ["asset", "positions", "orders", "fills"])
async def test_an_unknown_account_keeps_trading_off(world: TradingWorld, query: str) -> None:
    world.broker.silent = {query}
    (row,) = await reconcile(world.order_manager)
    assert row.endswith("the terminal does not answer")


async def test_the_asset_is_asked_first(world: TradingWorld) -> None:
    """The asset proves the connection: an unreachable terminal returns empty lists without an error."""
    world.broker.silent = {"asset"}
    await reconcile(world.order_manager)
    assert world.broker.queries == ["asset"]


async def test_open_orders_are_cancelled_and_their_fills_booked(world: TradingWorld) -> None:
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([intent(K, A, BUY, 100)])
    again = world.again()
    world.broker.trade("1000", 40, tell=False)
    assert await reconcile(again.order_manager) == ()
    assert again.journal[K].state is OrderState.CANCELLED
    assert again.owned == {A: 40}


async def test_a_cancel_shown_only_by_the_list_is_found(world: TradingWorld) -> None:
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([intent(K, A, BUY, 100)])
    world.broker.before_cancel = lambda key: world.broker.end(key, OrderState.CANCELLED, tell=False) and None
    assert await reconcile(world.again().order_manager) == ()


async def test_an_unconfirmed_cancel_keeps_trading_off(world: TradingWorld) -> None:
    world.broker.manners[A], world.broker.deaf = [hostile.works], {A}
    await world.order_manager.send([intent(K, A, BUY, 100)])
    (row,) = await reconcile(world.again().order_manager)
    assert row.startswith(f"order {K} (buy {A}, 100 张 at 100) is cancelling")


@pytest.mark.parametrize("manner", [hostile.never_arrives, None])
async def test_an_unlisted_order_is_dead_only_if_the_list_is_complete(
    make_world: MakeWorld, manner: Manner | None
) -> None:
    """The next start cannot distinguish an unknown order from one that was never sent."""
    for complete in (True, False):
        world = make_world(lists_every_order=complete)
        if manner is None:
            world.journal.intend([intent(K, A, BUY, 10)], world.clock.now())
        else:
            world.broker.manners[A] = [manner]
            await world.order_manager.send([intent(K, A, BUY, 10)])
        before = world.journal[K].state
        again = world.again()
        rows = await reconcile(again.order_manager)
        assert again.journal[K].state is (OrderState.REFUSED if complete else before)
        assert bool(rows) is not complete
        assert all("the broker's list does not settle it" in row for row in rows)
        assert bool(await again.order_manager.send([intent("k-2", A, BUY, 10)])) is not complete


@pytest.mark.parametrize("lists_every_order", [True, False])
async def test_an_order_that_arrived_after_a_crash_is_found_and_cancelled(
    make_world: MakeWorld, lists_every_order: bool
) -> None:
    world = make_world(lists_every_order=lists_every_order)
    order = intent(K, A, BUY, 100)
    world.journal.intend([order], world.clock.now())
    world.broker.trade(world.broker.take(order, tell=False), 40, tell=False)
    again = world.again()
    assert await reconcile(again.order_manager) == ()
    assert again.journal[K].state is OrderState.CANCELLED
    assert again.owned == {A: 40}


async def test_late_fills_of_today_s_finished_orders_are_booked(world: TradingWorld) -> None:
    """The journal had the order as finished; 40 were filled without an event."""
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([intent(K, A, BUY, 100)])
    order = world.broker.listed["1000"]
    world.broker.trade("1000", 40, tell=False)
    world.broker.tell(replace(order, state=OrderState.CANCELLED, filled_volume=0))
    world.broker.end("1000", OrderState.CANCELLED, tell=False)
    again = world.again()
    assert again.owned == {}
    assert await reconcile(again.order_manager) == ()
    assert again.owned == {A: 40}


async def test_an_open_order_recorded_as_refused_is_cancelled(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.refuses_while_live]
    await world.order_manager.send([intent("p-S01-1", A, SELL, 100)])
    again = world.again()
    assert await reconcile(again.order_manager) == ()
    assert world.broker.listed["1000"].state is OrderState.CANCELLED


@pytest.mark.parametrize("side", [BUY, SELL])
async def test_an_unlisted_order_of_an_earlier_day_stays_unknown(make_world: MakeWorld, side: Side) -> None:
    """A buy stays unknown if the account holds more than the ledger; a sale because nothing is proven."""
    world = make_world(lists_every_order=False)
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([intent(K, A, side, 100)])
    world.broker.trade("1000", 40, tell=False)
    world.clock.move_to(world.clock.now() + timedelta(days=3))
    world.broker.listed.clear()
    world.broker.traded.clear()
    row = (await reconcile(world.again().order_manager))[0]
    assert row.startswith(f"order {K} ({side} {A}, 100 张 at 100, of 2026-05-15) is working")
    held = 140 if side is BUY else 60
    assert f"The account holds {held} 张, the ledger owns 100" in row
    assert f"rotor settle {K} filled|dead" in row


async def test_an_earlier_day_s_unknown_buy_is_finished_if_account_and_ledger_agree(
    make_world: MakeWorld,
) -> None:
    world = make_world(lists_every_order=False)
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([intent(K, A, BUY, 100)])
    world.clock.move_to(world.clock.now() + timedelta(days=3))
    world.broker.listed.clear()
    again = world.again()
    assert await reconcile(again.order_manager) == ()
    assert again.journal[K].state is OrderState.LAPSED


async def test_reconciliation_waits_until_absence_from_the_list_proves_something(make_world: MakeWorld) -> None:
    world = make_world(lists_every_order=False)
    world.broker.manners[A] = [hostile.never_arrives]
    await world.order_manager.send([intent(K, A, BUY, 100)])
    proven = world.clock.now() + timedelta(seconds=8)
    again = world.again()
    left = lambda _: max(0.0, (proven - world.clock.now()).total_seconds())  # noqa: E731
    world.broker.absence_proven_in = left  # type: ignore[method-assign]
    assert await reconcile(again.order_manager) == ()
    assert again.journal[K].state is OrderState.REFUSED
    assert world.clock.now() == proven


async def test_a_fault_is_reported_until_it_is_resolved(world: TradingWorld) -> None:
    await world.order_manager.send([intent(K, A, BUY, 100)])
    right = world.broker.listed["1000"]
    world.broker.listed["1000"] = replace(right, order_id="2000")
    (row,) = await reconcile(world.order_manager)
    assert "which is order 1000 already" in row
    world.broker.silent = {"orders"}
    assert row in await reconcile(world.order_manager)
    world.broker.silent, world.broker.listed["1000"] = set(), right
    assert await reconcile(world.order_manager) == ()


async def test_a_late_fill_of_a_finished_order_is_booked_the_next_day(world: TradingWorld) -> None:
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([intent(K, A, BUY, 100)])
    order = world.broker.listed["1000"]
    world.broker.trade("1000", 40, tell=False)
    world.broker.tell(replace(order, state=OrderState.CANCELLED, filled_volume=0))
    world.broker.end("1000", OrderState.CANCELLED, tell=False)
    world.clock.move_to(world.clock.now() + timedelta(days=3))
    again = world.again()
    assert await reconcile(again.order_manager) == ()
    assert again.owned == {A: 40}


async def test_a_fault_survives_an_aborted_reconciliation(world: TradingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.order_manager.status.add_fault("order 7: more was filled than ordered")

    async def full_disk() -> str | None:
        raise OSError("disk full")

    monkeypatch.setattr(world.order_manager, "sync_with_broker", full_disk)
    with pytest.raises(OSError, match="disk full"):
        await reconcile(world.order_manager)
    assert world.order_manager.status.faults == ("order 7: more was filled than ordered",)


async def test_a_difference_keeps_trading_off_until_it_is_resolved(make_world: MakeWorld) -> None:
    world = make_world(lists_every_order=False)
    world.broker.manners[A] = [hostile.never_arrives]
    await world.order_manager.send([intent(K, A, BUY, 100)])
    assert len(await reconcile(world.order_manager)) == 1
    refused = await world.order_manager.send([intent("k-2", B, BUY, 10)])
    assert "trading is off: order" in refused["k-2"]
    await settle(world.order_manager, K, filled=False)
    assert await reconcile(world.order_manager) == ()
    assert await world.order_manager.send([intent("k-3", B, BUY, 10)]) == {}


@pytest.mark.parametrize("claimed", [True, False])
async def test_a_stop_sale_filled_during_reconciliation_is_no_difference(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, claimed: bool
) -> None:
    """It is filled after the lists were read and before the positions are; without its claim trading would stay off."""
    world.own(A=100)
    positions = world.broker.positions

    async def after_a_trade() -> hostile.Maybe[tuple[hostile.Position, ...]]:
        world.broker.trade("1000", 40, tell=False)
        return await positions()

    world.broker.manners[A] = [hostile.works]
    world.broker.deaf = {A}
    await world.order_manager.send([intent(K, A, SELL, 100)])
    monkeypatch.setattr(world.broker, "positions", after_a_trade)
    with world.order_manager.claim(A, Origin.STOP_LOSS) if claimed else contextlib.nullcontext():
        rows = await reconcile(world.order_manager)
    assert (rows == ()) is claimed
