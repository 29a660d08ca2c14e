"""The order manager: intend, send, settle, with responses and events that cannot be trusted."""

import asyncio
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from core.brokers.broker import ConnectionStatus
from core.model.order import Intent, OrderState
from core.trading.order_manager import POLL
from core.trading.reconcile import reconcile
from tests.trading import hostile
from tests.trading.conftest import MakeWorld
from tests.trading.hostile import Manner
from tests.trading.trading_world import BUY, SELL, TEN, TODAY, A, B, C, TradingWorld, intent

K = "p-B01-1"


class TestSending:
    async def test_a_batch_is_on_disk_before_its_first_order_is_sent(self, world: TradingWorld) -> None:
        seen: list[list[tuple[str, str]]] = []

        def look(_: Intent) -> None:
            other = sqlite3.connect(world.path)
            seen.append(other.execute("select client_order_id, state from orders order by 1").fetchall())
            other.close()

        world.broker.before_place = look
        await world.order_manager.send([intent("k-1", A, BUY, 10), intent("k-2", B, BUY, 10)])
        assert seen[0] == [("k-1", "intended"), ("k-2", "intended")]
        assert len(seen) == 2

    async def test_an_order_is_sent_with_its_id_as_it_was_written(self, world: TradingWorld) -> None:
        await world.order_manager.send([intent(K, A, BUY, 10, "100.5")])
        assert world.broker.placed == [intent(K, A, BUY, 10, "100.5")]
        assert world.states(A) == [OrderState.FILLED]
        assert world.owned == {A: 10}

    async def test_a_batch_sends_one_order_per_bond(self, world: TradingWorld) -> None:
        stopped = await world.order_manager.send([intent("k-1", A, BUY, 10), intent("k-2", A, BUY, 10)])
        assert list(stopped) == ["k-2"]
        assert len(world.broker.placed) == 1

    @pytest.mark.parametrize(
        "manner", [hostile.works, hostile.loses_the_answer, hostile.raises_while_live, hostile.never_arrives]
    )
    async def test_a_bond_with_an_open_or_unknown_order_gets_no_second_even_after_a_restart(
        self, world: TradingWorld, manner: Manner
    ) -> None:
        world.own(A=100)
        world.broker.manners[A] = [manner]
        await world.order_manager.send([intent(K, A, SELL, 50)])
        assert "k-2" in await world.order_manager.send([intent("k-2", A, SELL, 50)])
        assert "k-3" in await world.again().order_manager.send([intent("k-3", A, BUY, 50)])
        assert len(world.broker.placed) == 1

    async def test_an_id_is_never_sent_twice(self, world: TradingWorld) -> None:
        await world.order_manager.send([intent(K, A, BUY, 10)])
        with pytest.raises(ValueError, match="already"):
            await world.order_manager.send([intent(K, A, BUY, 10)])
        assert len(world.broker.placed) == 1

    async def test_an_order_the_journal_cannot_write_is_not_sent(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(world.journal, "intend", full)
        with pytest.raises(sqlite3.OperationalError):
            await world.order_manager.send([intent(K, A, BUY, 10)])
        assert world.broker.placed == []

    async def test_a_slow_batch_stops_when_the_session_ends(self, world: TradingWorld) -> None:
        world.clock.move_to(TEN.replace(hour=14, minute=56, second=20))
        world.broker.before_place = lambda _: world.clock.move_to(world.clock.now() + timedelta(seconds=8))
        await world.order_manager.send([intent(f"k-{n}", code, BUY, 10) for n, code in enumerate((A, B, C))])
        assert [order.client_order_id for order in world.broker.placed] == ["k-0", "k-1"]
        order = world.journal["k-2"]
        assert order.state is OrderState.REFUSED
        assert order.message.startswith("not sent: it is 14:56:36")

    @pytest.mark.parametrize(
        ("turns", "states"),
        [(1, (OrderState.REFUSED, OrderState.REFUSED)), (5, (OrderState.INTENDED, OrderState.FILLED))],
        ids=["before anything was handed over", "while one waits for its answer"],
    )
    async def test_an_aborted_batch_leaves_only_the_order_being_sent_unknown(
        self, world: TradingWorld, turns: int, states: tuple[OrderState, OrderState]
    ) -> None:
        async def hangs(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
            broker.take(order, tell=False)
            await asyncio.Event().wait()
            raise AssertionError

        world.broker.manners[A] = [hangs]
        sending = asyncio.create_task(world.order_manager.send([intent("k-1", A, BUY, 10), intent("k-2", B, BUY, 10)]))
        for _ in range(turns):
            await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (world.journal["k-1"].state, world.journal["k-2"].state) == states
        assert len(world.broker.placed) == (0 if turns == 1 else 2)

    async def test_orders_do_not_wait_for_the_response_to_the_previous_one(self, world: TradingWorld) -> None:
        answered = asyncio.Event()

        async def slow(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
            order_id = broker.take(order)
            await answered.wait()
            return hostile.Confirmed(order_id)

        world.broker.manners = {A: [slow], B: [slow], C: [slow]}
        sending = asyncio.create_task(
            world.order_manager.send([intent(f"k-{code}", code, BUY, 10) for code in (A, B, C)])
        )
        for _ in range(5):
            await asyncio.sleep(0)
        assert world.sent(BUY) == [(A, 10), (B, 10), (C, 10)]
        answered.set()
        await sending

    async def test_a_fill_without_an_event_is_found_within_seconds(self, world: TradingWorld) -> None:
        world.broker.manners[A] = [hostile.works_silently]
        await world.order_manager.send([intent("k-1", A, BUY, 10)])
        world.clock.after(1, lambda: world.broker.trade("1000", 10, tell=False))
        began = world.clock.elapsed()
        assert await world.order_manager.wait_until_done(["k-1"], 30)
        assert world.clock.elapsed() - began <= 2 * POLL

    @pytest.mark.parametrize("link", ["down", "new"])
    async def test_nothing_is_sent_over_a_lost_or_unreconciled_connection(self, world: TradingWorld, link: str) -> None:
        status = ConnectionStatus.DISCONNECTED if link == "down" else ConnectionStatus.CONNECTED
        world.broker.connection = replace(world.broker.connection, status=status, number=2 if link == "new" else 1)
        refused = await world.order_manager.send([intent("k-1", A, BUY, 10)])
        assert ("connection lost" if link == "down" else "reconnected") in refused["k-1"]
        assert world.broker.placed == []
        world.broker.connection = replace(world.broker.connection, status=ConnectionStatus.CONNECTED)
        assert await reconcile(world.order_manager) == ()
        assert await world.order_manager.send([intent("k-2", A, BUY, 10)]) == {}

    async def test_a_reconnect_during_reconciliation_keeps_trading_off(self, world: TradingWorld) -> None:
        positions = world.broker.positions

        async def lost_meanwhile() -> object:
            world.broker.connection = replace(world.broker.connection, number=2)
            return await positions()

        world.broker.positions = lost_meanwhile  # type: ignore[method-assign,assignment]
        assert await reconcile(world.order_manager) == ("reconnected; positions are not reconciled yet",)
        assert "not reconciled" in (await world.order_manager.send([intent("k-1", A, BUY, 10)]))["k-1"]

    async def test_daily_limits_count_the_batch_and_open_orders(self, world: TradingWorld) -> None:
        limit = world.settings.guards.max_daily_buys
        world.broker.manners[A] = [hostile.works]
        await world.order_manager.send([intent("k-1", A, BUY, 100)])
        assert world.order_manager.bought_today(TODAY) == 10_001
        world.broker.trade("1000", 60)
        assert world.order_manager.bought_today(TODAY) == 10_002
        assert world.order_manager.bought_today(TODAY) < limit


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
    async def test_set_the_state_and_do_not_change_the_ledger(
        self, world: TradingWorld, manner: Manner, state: OrderState
    ) -> None:
        world.broker.manners[A] = [manner]
        await world.order_manager.send([intent(K, A, BUY, 100)])
        assert world.journal[K].state is state
        assert world.owned == ({A: world.broker.held[A]} if world.broker.held else {})

    @pytest.mark.parametrize(
        "manner", [hostile.loses_the_answer, hostile.raises_while_live, hostile.refuses_while_live]
    )
    async def test_that_were_wrong_are_corrected_by_order_events(self, world: TradingWorld, manner: Manner) -> None:
        world.broker.manners[A] = [manner]
        await world.order_manager.send([intent(K, A, BUY, 100)])
        world.broker.trade(world.broker.number(K), 40, tell=False)
        world.broker.tell(world.broker.traded[0])
        assert world.journal[K].state is OrderState.PART_FILLED
        assert A in world.journal.busy()
        world.broker.trade(world.broker.number(K), 60)
        assert world.journal[K].state is OrderState.FILLED
        assert world.owned == {A: 100}

    @pytest.mark.parametrize(
        "manner", [hostile.loses_the_answer, hostile.raises_while_live, hostile.refuses_while_live]
    )
    async def test_that_were_wrong_are_corrected_by_the_order_list(self, world: TradingWorld, manner: Manner) -> None:
        world.broker.manners[A] = [manner]
        await world.order_manager.send([intent(K, A, BUY, 100)])
        assert await world.order_manager.sync_with_broker() is None
        assert world.journal[K].state is OrderState.WORKING
        assert world.journal[K].order_id == world.broker.number(K)


class TestLookingUp:
    async def test_marks_an_order_missing_from_a_complete_list_as_refused(self, world: TradingWorld) -> None:
        world.broker.manners[A] = [hostile.never_arrives]
        await world.order_manager.send([intent(K, A, BUY, 10)])
        await world.order_manager.sync_with_broker()
        assert world.journal[K].state is OrderState.REFUSED

    async def test_proves_nothing_if_the_list_may_be_incomplete(self, make_world: MakeWorld) -> None:
        world = make_world(lists_every_order=False)
        world.broker.manners[A] = [hostile.never_arrives]
        await world.order_manager.send([intent(K, A, BUY, 10)])
        assert await world.order_manager.sync_with_broker() is None
        assert world.journal[K].state is OrderState.UNKNOWN
        assert A in world.journal.busy()

    @pytest.mark.parametrize("query", ["orders", "fills"])
    async def test_changes_nothing_when_the_broker_does_not_answer(self, world: TradingWorld, query: str) -> None:
        world.broker.manners[A] = [hostile.never_arrives]
        await world.order_manager.send([intent(K, A, BUY, 10)])
        world.broker.silent = {query}
        assert await world.order_manager.sync_with_broker() == "the terminal does not answer"
        assert world.journal[K].state is OrderState.UNKNOWN

    async def test_says_so_when_a_query_raises(self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        async def broken(_: object) -> None:
            raise ConnectionResetError("gone")

        monkeypatch.setattr(world.broker, "orders", broken)
        assert "gone" in (await world.order_manager.sync_with_broker() or "")

    async def test_books_every_missed_fill(self, world: TradingWorld) -> None:
        world.broker.manners[A] = [hostile.works_silently]
        await world.order_manager.send([intent(K, A, BUY, 100)])
        world.broker.trade("1000", 30, tell=False)
        world.broker.trade("1000", 70, tell=False)
        await world.order_manager.sync_with_broker()
        assert world.journal[K].state is OrderState.FILLED
        assert world.owned == {A: 100}

    async def test_leaves_an_order_that_is_being_sent_alone(self, world: TradingWorld) -> None:
        """A list older than the order's arrival proves nothing about the order."""
        answer = asyncio.Event()

        async def slow(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
            await answer.wait()
            return await hostile.works(broker, order)

        world.broker.manners = {A: [slow], B: [slow]}
        sending = asyncio.create_task(world.order_manager.send([intent("k-1", A, BUY, 10), intent("k-2", B, BUY, 10)]))
        await asyncio.sleep(0)
        await world.order_manager.sync_with_broker()
        assert [world.journal[key].state for key in ("k-1", "k-2")] == [OrderState.INTENDED] * 2
        answer.set()
        await sending
        assert [world.journal[key].state for key in ("k-1", "k-2")] == [OrderState.WORKING] * 2


class TestCancelling:
    async def test_is_done_only_when_the_order_state_confirms_it(self, world: TradingWorld) -> None:
        world.broker.manners[A], world.broker.deaf = [hostile.works], {A}
        await world.order_manager.send([intent(K, A, BUY, 100)])
        await world.order_manager.cancel(K)
        assert not await world.order_manager.wait_until_done([K], 10)
        assert world.journal[K].state is OrderState.CANCELLING
        world.broker.end("1000", OrderState.CANCELLED)
        assert await world.order_manager.wait_until_done([K], 10)

    async def test_survives_a_broker_that_raises(self, world: TradingWorld) -> None:
        def broken(_: str) -> None:
            raise ConnectionResetError("gone")

        world.broker.manners[A], world.broker.before_cancel = [hostile.works], broken
        await world.order_manager.send([intent(K, A, BUY, 100)])
        await world.order_manager.cancel(K)
        assert world.journal[K].state is OrderState.CANCELLING

    async def test_of_a_finished_order_sends_nothing(self, world: TradingWorld) -> None:
        await world.order_manager.send([intent(K, A, BUY, 100)])
        await world.order_manager.cancel(K)
        assert world.broker.cancels == []
        assert world.journal[K].state is OrderState.FILLED
