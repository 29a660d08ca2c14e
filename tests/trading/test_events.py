"""Order and fill events as they really arrive: early, late, twice, out of order, and of manual orders."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.model.order import OrderState
from tests.trading import hostile
from tests.trading.trading_world import BUY, SELL, TODAY, A, B, TradingWorld, intent

K = "p-B01-1"


@pytest.fixture
async def working(world: TradingWorld) -> TradingWorld:
    """A buy of 100 is open; no event was sent."""
    world.broker.manners[A] = [hostile.works_silently]
    await world.order_manager.send([intent(K, A, BUY, 100)])
    return world


class TestFills:
    async def test_before_the_response_count(self, world: TradingWorld) -> None:
        """`fills_at_once` sends every event before `place` returns; the response must not undo them."""
        await world.order_manager.send([intent(K, A, BUY, 100)])
        assert (world.journal[K].state, world.journal[K].filled_volume) == (OrderState.FILLED, 100)

    async def test_received_twice_count_once(self, working: TradingWorld) -> None:
        fill = working.broker.trade("1000", 40)
        working.broker.tell(fill)
        again = working.again()
        again.broker.tell(fill)
        assert again.owned == {A: 40}
        assert again.journal[K].filled_volume == 40

    async def test_received_out_of_order_all_count(self, working: TradingWorld) -> None:
        fills = [working.broker.trade("1000", volume, tell=False) for volume in (10, 20, 70)]
        for fill in reversed(fills):
            working.broker.tell(fill)
        assert working.owned == {A: 100}
        assert working.journal[K].state is OrderState.FILLED

    async def test_after_the_cancel_count_and_leave_it_cancelled(self, working: TradingWorld) -> None:
        fill = working.broker.trade("1000", 40, tell=False)
        working.broker.tell(replace(working.broker.listed["1000"], state=OrderState.CANCELLED, filled_volume=0))
        assert working.journal[K].state is OrderState.CANCELLED
        working.broker.tell(fill)
        assert working.owned == {A: 40}
        assert working.journal[K].state is OrderState.CANCELLED

    async def test_after_the_filled_state_count(self, working: TradingWorld) -> None:
        fill = working.broker.trade("1000", 100, tell=False)
        working.broker.tell(working.broker.listed["1000"])
        assert not working.journal[K].done, "it is not over until its fills are booked"
        assert working.owned == {}
        working.broker.tell(fill)
        assert working.journal[K].state is OrderState.FILLED
        assert working.owned == {A: 100}

    async def test_during_a_cancel_keep_the_cancelling_state(self, working: TradingWorld) -> None:
        working.broker.deaf = {A}
        await working.order_manager.cancel(K)
        working.broker.trade("1000", 40)
        assert working.journal[K].state is OrderState.CANCELLING
        working.broker.trade("1000", 60)
        assert working.journal[K].state is OrderState.FILLED


class TestOrderEvents:
    async def test_that_are_final_wait_for_all_their_fills(self, working: TradingWorld) -> None:
        fill = working.broker.trade("1000", 40, tell=False)
        working.broker.end("1000", OrderState.CANCELLED)
        assert working.journal[K].live
        working.broker.tell(fill)
        assert working.journal[K].state is OrderState.CANCELLED
        assert working.journal[K].filled_volume == 40

    async def test_filled_without_a_volume_do_not_finish_the_order(self, working: TradingWorld) -> None:
        working.broker.tell(replace(working.broker.listed["1000"], state=OrderState.FILLED, filled_volume=0))
        assert working.journal[K].live

    @pytest.mark.parametrize("state", [OrderState.WORKING, OrderState.PART_FILLED, OrderState.UNKNOWN])
    async def test_that_are_stale_are_ignored(self, working: TradingWorld, state: OrderState) -> None:
        stale = replace(working.broker.listed["1000"], state=state)
        working.broker.trade("1000", 40)
        working.broker.tell(stale)
        assert working.journal[K].state is OrderState.PART_FILLED
        await working.order_manager.cancel(K)
        assert working.journal[K].state is OrderState.CANCELLED
        working.broker.tell(stale)
        assert working.journal[K].state is OrderState.CANCELLED

    async def test_received_twice_change_the_state_once(self, working: TradingWorld) -> None:
        before = len(working.journal[K].log)
        for _ in range(3):
            working.broker.end("1000", OrderState.CANCELLED)
        assert len(working.journal[K].log) == before + 1


class TestOtherPeoplesOrders:
    """None of these may change the strategy's ledger."""

    async def test_of_manual_orders_do_not_count(self, world: TradingWorld) -> None:
        world.own(A=100)
        world.broker.deal_by_hand(A, SELL, 50, world.clock.now())
        world.broker.deal_by_hand(B, BUY, 50, world.clock.now())
        await world.order_manager.sync_with_broker()
        assert world.owned == {A: 100}
        assert world.order_manager.status.faults == ()

    @pytest.mark.parametrize(
        "foreign",
        [
            intent(K, B, BUY, 100),
            intent(K, A, SELL, 100),
            intent("p-B01-9", A, BUY, 100),
            intent(K.lower(), A, BUY, 100),
        ],
        ids=["another bond", "another side", "a remark of ours that never was", "another spelling"],
    )
    async def test_with_a_remark_like_ours_do_not_count(self, working: TradingWorld, foreign: hostile.Intent) -> None:
        number = working.broker.take(foreign)
        fill = working.broker.trade(number, 100)
        working.broker.tell(fill)
        assert working.owned == {}
        assert working.journal[K].state is OrderState.WORKING

    async def test_of_another_day_with_our_number_and_remark_do_not_count(self, working: TradingWorld) -> None:
        fill = working.broker.trade("1000", 100, tell=False)
        working.broker.tell(replace(fill, trading_day=TODAY - timedelta(days=1)))
        working.broker.tell(replace(working.broker.listed["1000"], trading_day=date(2026, 5, 14)))
        assert working.owned == {}
        assert working.journal[K].state is OrderState.WORKING


class TestFaults:
    """An impossible event is not booked: trading stops and names the order."""

    @pytest.fixture(params=["a second order", "sold without owning"])
    def fault(self, request: pytest.FixtureRequest, working: TradingWorld) -> Iterator[TradingWorld]:
        broker = working.broker
        if request.param == "a second order":
            broker.trade(broker.take(intent(K, A, BUY, 100)), 100)
        else:
            working.journal.intend([intent("p-S01-1", B, SELL, 10)], working.clock.now())
            broker.trade(broker.take(intent("p-S01-1", B, SELL, 10)), 10)
        yield working

    async def test_are_reported_and_do_not_change_the_ledger(self, fault: TradingWorld) -> None:
        assert fault.order_manager.status.faults
        assert all(text.startswith("order 100") for text in fault.order_manager.status.faults)
        assert fault.owned == {}

    async def test_block_all_orders(self, fault: TradingWorld) -> None:
        stopped = await fault.order_manager.send([intent("p-B02-1", hostile.BondCode("123001"), BUY, 10)])
        assert stopped["p-B02-1"].startswith("trading is off: order 100")
        assert len(fault.broker.placed) == 1

    async def test_received_twice_are_reported_once(self, fault: TradingWorld) -> None:
        before = list(fault.order_manager.status.faults)
        await fault.order_manager.sync_with_broker()
        await fault.order_manager.sync_with_broker()
        assert set(before) <= set(fault.order_manager.status.faults)
        assert len(fault.order_manager.status.faults) == len(set(fault.order_manager.status.faults))
