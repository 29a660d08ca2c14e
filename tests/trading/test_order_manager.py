"""The desk: intend, send, settle; and what it makes of answers and events that cannot be trusted."""

import asyncio
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from core.model.order import Intent, OrderState
from core.trading.order_manager import POLL
from core.trading.reconcile import reconcile
from tests.trading import hostile
from tests.trading.conftest import MakeRoom
from tests.trading.hostile import Manner
from tests.trading.trading_world import BUY, SELL, TEN, TODAY, A, B, C, Room, intent

K = "p-B01-1"


class TestSending:
    async def test_every_intention_of_a_batch_is_on_disk_before_the_first_is_sent(self, room: Room) -> None:
        seen: list[list[tuple[str, str]]] = []

        def look(_: Intent) -> None:
            other = sqlite3.connect(room.path)
            seen.append(other.execute("select client_order_id, state from orders order by 1").fetchall())
            other.close()

        room.broker.before_place = look
        await room.order_manager.send([intent("k-1", A, BUY, 10), intent("k-2", B, BUY, 10)])
        assert seen[0] == [("k-1", "intended"), ("k-2", "intended")]
        assert len(seen) == 2

    async def test_an_order_is_sent_with_its_id_as_it_was_written(self, room: Room) -> None:
        await room.order_manager.send([intent(K, A, BUY, 10, "100.5")])
        assert room.broker.placed == [intent(K, A, BUY, 10, "100.5")]
        assert room.states(A) == [OrderState.FILLED]
        assert room.owned == {A: 10}

    async def test_two_orders_for_one_bond_in_a_batch_are_one(self, room: Room) -> None:
        stopped = await room.order_manager.send([intent("k-1", A, BUY, 10), intent("k-2", A, BUY, 10)])
        assert list(stopped) == ["k-2"]
        assert len(room.broker.placed) == 1

    @pytest.mark.parametrize(
        "manner", [hostile.works, hostile.loses_the_answer, hostile.raises_while_live, hostile.never_arrives]
    )
    async def test_a_bond_with_a_live_or_unknown_order_gets_no_second_also_after_a_restart(
        self, room: Room, manner: Manner
    ) -> None:
        room.own(A=100)
        room.broker.manners[A] = [manner]
        await room.order_manager.send([intent(K, A, SELL, 50)])
        assert "k-2" in await room.order_manager.send([intent("k-2", A, SELL, 50)])
        assert "k-3" in await room.again().order_manager.send([intent("k-3", A, BUY, 50)])
        assert len(room.broker.placed) == 1

    async def test_an_id_is_never_sent_twice(self, room: Room) -> None:
        await room.order_manager.send([intent(K, A, BUY, 10)])
        with pytest.raises(ValueError, match="already"):
            await room.order_manager.send([intent(K, A, BUY, 10)])
        assert len(room.broker.placed) == 1

    async def test_what_the_journal_cannot_write_is_not_sent(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(room.journal, "intend", full)
        with pytest.raises(sqlite3.OperationalError):
            await room.order_manager.send([intent(K, A, BUY, 10)])
        assert room.broker.placed == []

    async def test_a_slow_batch_does_not_go_on_after_hours(self, room: Room) -> None:
        room.clock.move_to(TEN.replace(hour=14, minute=56, second=20))
        room.broker.before_place = lambda _: room.clock.move_to(room.clock.now() + timedelta(seconds=8))
        await room.order_manager.send([intent(f"k-{n}", code, BUY, 10) for n, code in enumerate((A, B, C))])
        assert [order.client_order_id for order in room.broker.placed] == ["k-0", "k-1"]
        order = room.journal["k-2"]
        assert order.state is OrderState.REFUSED
        assert order.message.startswith("not sent: it is 14:56:36")

    @pytest.mark.parametrize(
        ("turns", "states"),
        [(1, (OrderState.REFUSED, OrderState.REFUSED)), (5, (OrderState.INTENDED, OrderState.FILLED))],
        ids=["before anything was handed over", "while one waits for its answer"],
    )
    async def test_a_batch_that_is_broken_off_leaves_nothing_in_doubt_but_the_order_under_way(
        self, room: Room, turns: int, states: tuple[OrderState, OrderState]
    ) -> None:
        async def hangs(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
            broker.take(order, tell=False)
            await asyncio.Event().wait()
            raise AssertionError

        room.broker.manners[A] = [hangs]
        sending = asyncio.create_task(room.order_manager.send([intent("k-1", A, BUY, 10), intent("k-2", B, BUY, 10)]))
        for _ in range(turns):
            await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (room.journal["k-1"].state, room.journal["k-2"].state) == states
        assert len(room.broker.placed) == (0 if turns == 1 else 2)

    async def test_nobody_waits_for_the_answer_to_the_order_before(self, room: Room) -> None:
        answered = asyncio.Event()

        async def slow(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
            order_id = broker.take(order)
            await answered.wait()
            return hostile.Confirmed(order_id)

        room.broker.manners = {A: [slow], B: [slow], C: [slow]}
        sending = asyncio.create_task(
            room.order_manager.send([intent(f"k-{code}", code, BUY, 10) for code in (A, B, C)])
        )
        for _ in range(5):
            await asyncio.sleep(0)
        assert room.sent(BUY) == [(A, 10), (B, 10), (C, 10)]
        answered.set()
        await sending

    async def test_a_fill_that_no_event_tells_is_found_within_seconds(self, room: Room) -> None:
        room.broker.manners[A] = [hostile.works_silently]
        await room.order_manager.send([intent("k-1", A, BUY, 10)])
        room.clock.after(1, lambda: room.broker.trade("1000", 10, tell=False))
        began = room.clock.elapsed()
        assert await room.order_manager.wait_until_done(["k-1"], 30)
        assert room.clock.elapsed() - began <= 2 * POLL

    @pytest.mark.parametrize("link", ["down", "new"])
    async def test_nothing_is_sent_over_a_link_that_is_down_or_not_reconciled(self, room: Room, link: str) -> None:
        room.broker.connection = replace(
            room.broker.connection, connected=link != "down", number=2 if link == "new" else 1
        )
        refused = await room.order_manager.send([intent("k-1", A, BUY, 10)])
        assert ("connection lost" if link == "down" else "reconnected") in refused["k-1"]
        assert room.broker.placed == []
        room.broker.connection = replace(room.broker.connection, connected=True)
        assert await reconcile(room.order_manager) == ()
        assert await room.order_manager.send([intent("k-2", A, BUY, 10)]) == {}

    async def test_a_link_that_changes_while_it_is_reconciled_leaves_trading_off(self, room: Room) -> None:
        positions = room.broker.positions

        async def lost_meanwhile() -> object:
            room.broker.connection = replace(room.broker.connection, number=2)
            return await positions()

        room.broker.positions = lost_meanwhile  # type: ignore[method-assign,assignment]
        assert await reconcile(room.order_manager) == ("reconnected, the account is not reconciled yet",)
        assert "not reconciled" in (await room.order_manager.send([intent("k-1", A, BUY, 10)]))["k-1"]

    async def test_the_caps_count_the_batch_and_what_works_already(self, room: Room) -> None:
        limit = room.settings.guards.max_daily_buys
        room.broker.manners[A] = [hostile.works]
        await room.order_manager.send([intent("k-1", A, BUY, 100)])
        assert room.order_manager.bought_today(TODAY) == 10_001
        room.broker.trade("1000", 60)
        assert room.order_manager.bought_today(TODAY) == 10_002
        assert room.order_manager.bought_today(TODAY) < limit


class TestAnswers:
    @pytest.mark.parametrize(
        ("manner", "state"),
        [
            (hostile.works_silently, OrderState.WORKING),
            (hostile.loses_the_answer, OrderState.UNKNOWN),
            (hostile.raises_while_live, OrderState.UNKNOWN),
            (hostile.never_arrives, OrderState.UNKNOWN),
            (hostile.refuses, OrderState.REFUSED),
            (hostile.refuses_while_live, OrderState.REFUSED),
            (hostile.rejects, OrderState.REJECTED),
            (hostile.fills_at_once, OrderState.FILLED),
            (hostile.fills_part(30), OrderState.PART_FILLED),
        ],
    )
    async def test_become_a_state_and_move_no_ledger_by_themselves(
        self, room: Room, manner: Manner, state: OrderState
    ) -> None:
        room.broker.manners[A] = [manner]
        await room.order_manager.send([intent(K, A, BUY, 100)])
        assert room.journal[K].state is state
        assert room.owned == ({A: room.broker.held[A]} if room.broker.held else {})

    @pytest.mark.parametrize(
        "manner", [hostile.loses_the_answer, hostile.raises_while_live, hostile.refuses_while_live]
    )
    async def test_that_were_wrong_are_put_right_by_the_order_s_events(self, room: Room, manner: Manner) -> None:
        room.broker.manners[A] = [manner]
        await room.order_manager.send([intent(K, A, BUY, 100)])
        room.broker.trade(room.broker.number(K), 40, tell=False)
        room.broker.tell(room.broker.traded[0])
        assert room.journal[K].state is OrderState.PART_FILLED
        assert A in room.journal.busy()
        room.broker.trade(room.broker.number(K), 60)
        assert room.journal[K].state is OrderState.FILLED
        assert room.owned == {A: 100}

    @pytest.mark.parametrize(
        "manner", [hostile.loses_the_answer, hostile.raises_while_live, hostile.refuses_while_live]
    )
    async def test_that_were_wrong_are_put_right_by_the_order_list(self, room: Room, manner: Manner) -> None:
        room.broker.manners[A] = [manner]
        await room.order_manager.send([intent(K, A, BUY, 100)])
        assert await room.order_manager.sync_with_broker() is None
        assert room.journal[K].state is OrderState.WORKING
        assert room.journal[K].order_id == room.broker.number(K)


class TestLookingUp:
    async def test_buries_what_a_complete_list_does_not_hold(self, room: Room) -> None:
        room.broker.manners[A] = [hostile.never_arrives]
        await room.order_manager.send([intent(K, A, BUY, 10)])
        await room.order_manager.sync_with_broker()
        assert room.journal[K].state is OrderState.REFUSED

    async def test_proves_nothing_where_the_list_may_lack_orders(self, make_room: MakeRoom) -> None:
        room = make_room(lists_every_order=False)
        room.broker.manners[A] = [hostile.never_arrives]
        await room.order_manager.send([intent(K, A, BUY, 10)])
        assert await room.order_manager.sync_with_broker() is None
        assert room.journal[K].state is OrderState.UNKNOWN
        assert A in room.journal.busy()

    @pytest.mark.parametrize("query", ["orders", "fills"])
    async def test_changes_nothing_when_the_broker_does_not_answer(self, room: Room, query: str) -> None:
        room.broker.manners[A] = [hostile.never_arrives]
        await room.order_manager.send([intent(K, A, BUY, 10)])
        room.broker.silent = {query}
        assert await room.order_manager.sync_with_broker() == "the terminal does not answer"
        assert room.journal[K].state is OrderState.UNKNOWN

    async def test_says_so_when_a_query_raises(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        async def broken(_: object) -> None:
            raise ConnectionResetError("gone")

        monkeypatch.setattr(room.broker, "orders", broken)
        assert "gone" in (await room.order_manager.sync_with_broker() or "")

    async def test_books_every_fill_that_was_never_told(self, room: Room) -> None:
        room.broker.manners[A] = [hostile.works_silently]
        await room.order_manager.send([intent(K, A, BUY, 100)])
        room.broker.trade("1000", 30, tell=False)
        room.broker.trade("1000", 70, tell=False)
        await room.order_manager.sync_with_broker()
        assert room.journal[K].state is OrderState.FILLED
        assert room.owned == {A: 100}

    async def test_leaves_alone_an_order_that_is_being_sent_right_now(self, room: Room) -> None:
        """The list is older than the order's arrival: it proves nothing about it."""
        answer = asyncio.Event()

        async def slow(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
            await answer.wait()
            return await hostile.works(broker, order)

        room.broker.manners = {A: [slow], B: [slow]}
        sending = asyncio.create_task(room.order_manager.send([intent("k-1", A, BUY, 10), intent("k-2", B, BUY, 10)]))
        await asyncio.sleep(0)
        await room.order_manager.sync_with_broker()
        assert [room.journal[key].state for key in ("k-1", "k-2")] == [OrderState.INTENDED] * 2
        answer.set()
        await sending
        assert [room.journal[key].state for key in ("k-1", "k-2")] == [OrderState.WORKING] * 2


class TestCancelling:
    async def test_is_over_only_when_the_state_says_so(self, room: Room) -> None:
        room.broker.manners[A], room.broker.deaf = [hostile.works], {A}
        await room.order_manager.send([intent(K, A, BUY, 100)])
        await room.order_manager.cancel(K)
        assert not await room.order_manager.wait_until_done([K], 10)
        assert room.journal[K].state is OrderState.CANCELLING
        room.broker.end("1000", OrderState.CANCELLED)
        assert await room.order_manager.wait_until_done([K], 10)

    async def test_survives_a_broker_that_raises(self, room: Room) -> None:
        def broken(_: str) -> None:
            raise ConnectionResetError("gone")

        room.broker.manners[A], room.broker.before_cancel = [hostile.works], broken
        await room.order_manager.send([intent(K, A, BUY, 100)])
        await room.order_manager.cancel(K)
        assert room.journal[K].state is OrderState.CANCELLING

    async def test_of_what_is_over_asks_for_nothing(self, room: Room) -> None:
        await room.order_manager.send([intent(K, A, BUY, 100)])
        await room.order_manager.cancel(K)
        assert room.broker.cancels == []
        assert room.journal[K].state is OrderState.FILLED
