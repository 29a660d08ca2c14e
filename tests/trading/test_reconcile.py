"""Before anything is traded, journal and ledger must come out even with the account; else the row is named."""

import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest

from core.model.order import OrderState, Origin, Side
from core.trading.reconcile import reconcile
from core.trading.settle import settle
from tests.trading import hostile
from tests.trading.conftest import MakeRoom
from tests.trading.hostile import Manner
from tests.trading.trading_world import BUY, SELL, A, B, Room, intent

K = "p-B01-1"


async def test_an_account_that_agrees_has_no_rows(room: Room) -> None:
    room.own(A=100)
    room.broker.held[B] = 70
    assert await reconcile(room.order_manager) == ()


async def test_each_bond_of_which_the_account_holds_less_is_named(room: Room) -> None:
    room.own(A=100, B=100)
    room.broker.held = {A: 60}
    hint = "if you sold it by hand: rotor release"
    assert await reconcile(room.order_manager) == (
        f"{A}: the ledger owns 100 张, the account holds 60 ({hint} 113001)",
        f"{B}: the ledger owns 100 张, the account holds 0 ({hint} 113002)",
    )


@pytest.mark.parametrize("query", ["asset", "positions", "orders", "fills"])
async def test_an_account_that_does_not_answer_keeps_trading_off(room: Room, query: str) -> None:
    room.broker.silent = {query}
    (row,) = await reconcile(room.order_manager)
    assert row.endswith("the terminal does not answer")


async def test_the_asset_is_asked_first(room: Room) -> None:
    """It proves the link: a terminal that is out of reach lists nothing without an error."""
    room.broker.silent = {"asset"}
    await reconcile(room.order_manager)
    assert room.broker.queries == ["asset"]


async def test_working_orders_are_cancelled_and_their_fills_booked(room: Room) -> None:
    room.broker.manners[A] = [hostile.works]
    await room.order_manager.send([intent(K, A, BUY, 100)])
    again = room.again()
    room.broker.trade("1000", 40, tell=False)
    assert await reconcile(again.order_manager) == ()
    assert again.journal[K].state is OrderState.CANCELLED
    assert again.owned == {A: 40}


async def test_a_cancel_that_only_the_list_shows_is_seen(room: Room) -> None:
    room.broker.manners[A] = [hostile.works]
    await room.order_manager.send([intent(K, A, BUY, 100)])
    room.broker.before_cancel = lambda key: room.broker.end(key, OrderState.CANCELLED, tell=False) and None
    assert await reconcile(room.again().order_manager) == ()


async def test_a_cancel_that_is_not_proven_keeps_trading_off(room: Room) -> None:
    room.broker.manners[A], room.broker.deaf = [hostile.works], {A}
    await room.order_manager.send([intent(K, A, BUY, 100)])
    (row,) = await reconcile(room.again().order_manager)
    assert row.startswith(f"order {K} (buy {A}, 100 张 at 100) is cancelling")


@pytest.mark.parametrize("manner", [hostile.never_arrives, None])
async def test_an_order_that_is_not_listed_is_dead_only_where_all_are_listed(
    make_room: MakeRoom, manner: Manner | None
) -> None:
    """Unknown, or written down and never sent: the next start cannot tell these apart."""
    for complete in (True, False):
        room = make_room(lists_every_order=complete)
        if manner is None:
            room.journal.intend([intent(K, A, BUY, 10)], room.clock.now())
        else:
            room.broker.manners[A] = [manner]
            await room.order_manager.send([intent(K, A, BUY, 10)])
        before = room.journal[K].state
        again = room.again()
        rows = await reconcile(again.order_manager)
        assert again.journal[K].state is (OrderState.REFUSED if complete else before)
        assert bool(rows) is not complete
        assert all("the broker's list does not settle it" in row for row in rows)
        assert bool(await again.order_manager.send([intent("k-2", A, BUY, 10)])) is not complete


@pytest.mark.parametrize("lists_every_order", [True, False])
async def test_an_order_that_arrived_after_the_program_died_is_found_and_ended(
    make_room: MakeRoom, lists_every_order: bool
) -> None:
    room = make_room(lists_every_order=lists_every_order)
    order = intent(K, A, BUY, 100)
    room.journal.intend([order], room.clock.now())
    room.broker.trade(room.broker.take(order, tell=False), 40, tell=False)
    again = room.again()
    assert await reconcile(again.order_manager) == ()
    assert again.journal[K].state is OrderState.CANCELLED
    assert again.owned == {A: 40}


async def test_fills_of_today_s_finished_orders_are_booked_late(room: Room) -> None:
    """The order was over in the journal when the program ended; 40 had traded and nobody had said so."""
    room.broker.manners[A] = [hostile.works]
    await room.order_manager.send([intent(K, A, BUY, 100)])
    order = room.broker.listed["1000"]
    room.broker.trade("1000", 40, tell=False)
    room.broker.tell(replace(order, state=OrderState.CANCELLED, filled_volume=0))
    room.broker.end("1000", OrderState.CANCELLED, tell=False)
    again = room.again()
    assert again.owned == {}
    assert await reconcile(again.order_manager) == ()
    assert again.owned == {A: 40}


async def test_an_order_that_was_called_refused_and_is_live_is_ended(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.refuses_while_live]
    await room.order_manager.send([intent("p-S01-1", A, SELL, 100)])
    again = room.again()
    assert await reconcile(again.order_manager) == ()
    assert room.broker.listed["1000"].state is OrderState.CANCELLED


@pytest.mark.parametrize("side", [BUY, SELL])
async def test_an_order_of_an_earlier_day_that_no_list_shows_any_more_stays_in_doubt(
    make_room: MakeRoom, side: Side
) -> None:
    """A buy, because the account holds more than the ledger owns; a sale, because that would prove nothing."""
    room = make_room(lists_every_order=False)
    room.own(A=100)
    room.broker.manners[A] = [hostile.works]
    await room.order_manager.send([intent(K, A, side, 100)])
    room.broker.trade("1000", 40, tell=False)
    room.clock.move_to(room.clock.now() + timedelta(days=3))
    room.broker.listed.clear()
    room.broker.traded.clear()
    row = (await reconcile(room.again().order_manager))[0]
    assert row.startswith(f"order {K} ({side} {A}, 100 张 at 100 of 2026-05-15) is working")
    held = 140 if side is BUY else 60
    assert f"The account holds {held} 张, the ledger owns 100" in row
    assert f"rotor settle {K} filled|dead" in row


async def test_a_buy_of_an_earlier_day_is_over_where_the_account_holds_what_the_ledger_owns(
    make_room: MakeRoom,
) -> None:
    room = make_room(lists_every_order=False)
    room.broker.manners[A] = [hostile.works]
    await room.order_manager.send([intent(K, A, BUY, 100)])
    room.clock.move_to(room.clock.now() + timedelta(days=3))
    room.broker.listed.clear()
    again = room.again()
    assert await reconcile(again.order_manager) == ()
    assert again.journal[K].state is OrderState.LAPSED


async def test_an_absence_that_will_soon_prove_something_is_waited_for(make_room: MakeRoom) -> None:
    room = make_room(lists_every_order=False)
    room.broker.manners[A] = [hostile.never_arrives]
    await room.order_manager.send([intent(K, A, BUY, 100)])
    proven = room.clock.now() + timedelta(seconds=8)
    again = room.again()
    left = lambda _: max(0.0, (proven - room.clock.now()).total_seconds())  # noqa: E731
    room.broker.absence_proven_in = left  # type: ignore[method-assign]
    assert await reconcile(again.order_manager) == ()
    assert again.journal[K].state is OrderState.REFUSED
    assert room.clock.now() == proven


async def test_a_fault_is_named_until_it_is_gone(room: Room) -> None:
    await room.order_manager.send([intent(K, A, BUY, 100)])
    right = room.broker.listed["1000"]
    room.broker.listed["1000"] = replace(right, volume=200)
    (row,) = await reconcile(room.order_manager)
    assert "200 张, 100 were ordered" in row
    room.broker.silent = {"orders"}
    assert row in await reconcile(room.order_manager)
    room.broker.silent, room.broker.listed["1000"] = set(), right
    assert await reconcile(room.order_manager) == ()


async def test_a_late_fill_of_a_finished_order_is_booked_on_the_next_day_too(room: Room) -> None:
    room.broker.manners[A] = [hostile.works]
    await room.order_manager.send([intent(K, A, BUY, 100)])
    order = room.broker.listed["1000"]
    room.broker.trade("1000", 40, tell=False)
    room.broker.tell(replace(order, state=OrderState.CANCELLED, filled_volume=0))
    room.broker.end("1000", OrderState.CANCELLED, tell=False)
    room.clock.move_to(room.clock.now() + timedelta(days=3))
    again = room.again()
    assert await reconcile(again.order_manager) == ()
    assert again.owned == {A: 40}


async def test_a_fault_survives_a_look_that_breaks_off(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.order_manager.status.add_fault("order 7: more was filled than ordered")

    async def full_disk() -> str | None:
        raise OSError("disk full")

    monkeypatch.setattr(room.order_manager, "sync_with_broker", full_disk)
    with pytest.raises(OSError, match="disk full"):
        await reconcile(room.order_manager)
    assert room.order_manager.status.faults == ("order 7: more was filled than ordered",)


async def test_what_does_not_come_out_even_keeps_the_desk_off_until_it_does(make_room: MakeRoom) -> None:
    room = make_room(lists_every_order=False)
    room.broker.manners[A] = [hostile.never_arrives]
    await room.order_manager.send([intent(K, A, BUY, 100)])
    assert len(await reconcile(room.order_manager)) == 1
    refused = await room.order_manager.send([intent("k-2", B, BUY, 10)])
    assert "trading is off: order" in refused["k-2"]
    await settle(room.order_manager, K, filled=False)
    assert await reconcile(room.order_manager) == ()
    assert await room.order_manager.send([intent("k-3", B, BUY, 10)]) == {}


@pytest.mark.parametrize("claimed", [True, False])
async def test_a_sale_of_a_stop_that_is_filled_meanwhile_is_no_difference(
    room: Room, monkeypatch: pytest.MonkeyPatch, claimed: bool
) -> None:
    """It trades after the lists were read and before the positions are; without its claim that keeps trading off."""
    room.own(A=100)
    positions = room.broker.positions

    async def after_a_trade() -> hostile.Maybe[tuple[hostile.Position, ...]]:
        room.broker.trade("1000", 40, tell=False)
        return await positions()

    room.broker.manners[A] = [hostile.works]
    room.broker.deaf = {A}
    await room.order_manager.send([intent(K, A, SELL, 100)])
    monkeypatch.setattr(room.broker, "positions", after_a_trade)
    with room.order_manager.claim(A, Origin.STOP_LOSS) if claimed else contextlib.nullcontext():
        rows = await reconcile(room.order_manager)
    assert (rows == ()) is claimed
