"""A rebalance from the first sell to the final check, against a broker with scripted faults."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.model.known import Known, Maybe, Unknown
from core.model.order import Intent, OrderState
from core.model.platform import Selection
from core.model.quote import TradingState
from core.model.settings import StrategySettings
from core.trading.executor import RebalanceRefused
from tests import worlds
from tests.trading import hostile
from tests.trading.conftest import MakeWorld
from tests.trading.hostile import Manner
from tests.trading.trading_world import BUY, SELL, A, B, C, D, TradingWorld, settings


class TestTheOrderOfThings:
    async def test_sells_go_first_and_together_then_buys_in_list_order(self, world: TradingWorld) -> None:
        world.own(C=50, D=50)
        assert await world.rebalance(B, A) == "done"
        assert [(i.side, i.code) for i in world.broker.placed] == [(SELL, C), (SELL, D), (BUY, B), (BUY, A)]
        assert world.owned == world.broker.held_now == {A: 100, B: 100}

    async def test_no_buy_is_sent_while_a_sell_is_open(self, make_world: MakeWorld) -> None:
        world = make_world(cash=0)
        world.own(A=100)
        world.broker.manners[A] = [hostile.works]
        world.clock.after(20, lambda: world.broker.trade("1000", 100))
        await world.rebalance(B)
        sold, bought = world.orders(A)[0].log[-1].at, world.orders(B)[0].created_at
        assert timedelta(seconds=20) <= bought - world.orders(A)[0].created_at
        assert sold <= bought

    async def test_buys_are_sized_from_the_cash_received(self, make_world: MakeWorld) -> None:
        """Half of the sell is filled: half of the cash for the planned buys arrives."""
        world = make_world(settings(balance=True, reprices=0), cash=0)
        world.own(A=200)
        world.broker.manners[A] = [hostile.fills_part(100)]
        plan = await world.plan(B, C)
        assert [leg.volume for leg in plan.buys] == [90, 90]
        await world.rotation.execute(plan)
        assert world.sent(BUY) == [(B, 40), (C, 40)]
        assert world.broker.money > 0

    async def test_nothing_is_bought_after_an_unfilled_sell(self, make_world: MakeWorld) -> None:
        world = make_world(settings(balance=True, reprices=0), cash=0)
        world.own(A=200)
        world.broker.manners[A] = [hostile.works]
        await world.rebalance(B, C)
        assert world.sent(BUY) == []
        assert world.states(A) == [OrderState.CANCELLED]

    async def test_only_bonds_of_the_plan_are_bought(self, world: TradingWorld) -> None:
        """A bond that was skipped in the plan shown is not bought later, even if it could be."""
        world.own(A=100)
        world.show(worlds.quote(A), worlds.quote(B), worlds.quote(C, state=TradingState.HALTED))
        plan = await world.plan(B, C)
        world.broker.before_place = lambda _: world.show(*(worlds.quote(code) for code in (A, B, C, D)))
        await world.rotation.execute(plan)
        assert [code for code, _ in world.sent(BUY)] == [B]

    async def test_a_bond_that_lost_its_price_is_not_bought_and_the_others_are(self, world: TradingWorld) -> None:
        world.own(A=100)
        plan = await world.plan(B, C)
        world.broker.before_place = lambda _: world.show(worlds.quote(A), worlds.quote(C))
        await world.rotation.execute(plan)
        assert [code for code, _ in world.sent(BUY)] == [C]
        assert B in world.rotation.executor.stopped

    @pytest.mark.parametrize("query", ["asset", "positions"])
    async def test_nothing_is_bought_if_the_account_is_unknown_after_the_sells(
        self, world: TradingWorld, query: str
    ) -> None:
        world.own(A=100)
        plan = await world.plan(B)
        world.broker.before_place = lambda _: world.broker.silent.add(query)
        assert (await world.rotation.execute(plan)).startswith("no buys: the account's")
        assert world.sent(BUY) == []

    async def test_holdings_reduced_by_a_manual_sale_stop_the_buys(self, world: TradingWorld) -> None:
        world.own(A=100, B=100)
        plan = await world.plan(B, C)
        world.broker.before_place = lambda _: world.broker.held.update({B: 50})
        assert "the account differ" in await world.rotation.execute(plan)
        assert world.sent(BUY) == []


class TestTime:
    async def test_an_unfilled_order_is_cancelled_after_its_timeout_and_repriced(self, world: TradingWorld) -> None:
        world.own(A=100)
        world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
        world.clock.after(5, lambda: world.show(worlds.quote(A, "99.5")))
        assert await world.rebalance() == "done"
        first, second = world.orders(A)
        assert first.state is OrderState.CANCELLED
        assert second.created_at - first.created_at == timedelta(seconds=30)
        assert (second.intent.price, second.intent.volume, second.intent.attempt) == (Decimal("99.5"), 100, 2)
        assert world.owned == {}

    async def test_an_order_is_repriced_up_to_the_limit_and_then_reported(self, world: TradingWorld) -> None:
        world.own(A=100)
        world.broker.manners[A] = [hostile.works]
        assert await world.rebalance() == "done, 1 of 1 orders not filled in full"
        assert world.states(A) == [OrderState.CANCELLED] * 3
        assert world.owned == {A: 100}

    async def test_only_the_unfilled_rest_is_sent_again(self, world: TradingWorld) -> None:
        world.own(A=100)
        world.broker.manners[A] = [hostile.fills_part(30), hostile.fills_part(50), hostile.fills_at_once]
        await world.rebalance()
        assert world.sent(SELL) == [(A, 100), (A, 70), (A, 20)]
        assert world.owned == world.broker.held_now == {}

    async def test_an_odd_lot_is_sold_only_if_it_closes_the_position(self, world: TradingWorld) -> None:
        """Of 100 owned and 105 held, 45 are filled: 55 cannot be sold in one order, 50 can."""
        world.own(A=100)
        world.broker.held[A] = 105
        world.broker.manners[A] = [hostile.fills_part(45), hostile.fills_at_once]
        await world.rebalance()
        assert world.sent(SELL) == [(A, 100), (A, 50)]
        assert world.owned == {A: 5}

    async def test_the_rest_of_a_buy_is_bought_in_whole_lots(self, world: TradingWorld) -> None:
        world.broker.manners[A] = [hostile.fills_part(37), hostile.fills_at_once]
        await world.rebalance(A)
        assert world.sent(BUY) == [(A, 100), (A, 60)]

    async def test_repriced_buys_stay_within_the_cash(self, make_world: MakeWorld) -> None:
        world = make_world(settings(balance=True, reprices=1), cash=20_100)
        for code in (A, B):
            world.broker.manners[code] = [hostile.works, hostile.fills_at_once]
        world.clock.after(5, lambda: world.show(worlds.quote(A, "110"), worlds.quote(B, "110")))
        await world.rebalance(A, B)
        assert world.sent(BUY) == [(A, 100), (B, 100), (A, 100), (B, 80)]
        assert world.broker.money >= 0

    async def test_a_run_ends_with_the_session(self, world: TradingWorld) -> None:
        world.clock.move_to(world.clock.now().replace(hour=14, minute=56, second=10))
        world.own(A=100)
        world.show(*(worlds.quote(code, at=world.clock.now()) for code in (A, B)))
        world.broker.manners[A] = [hostile.works]
        await world.rebalance(B)
        (order,) = world.orders(A)
        assert order.state is OrderState.CANCELLED
        assert f"{order.log[-1].at:%H:%M:%S}" == "14:56:30"
        assert world.sent(BUY) == []

    async def test_an_order_is_not_repriced_without_a_price(self, world: TradingWorld) -> None:
        world.own(A=100)
        world.broker.manners[A] = [hostile.works]
        world.clock.after(5, lambda: world.show(worlds.quote(A, bid=None)))
        await world.rebalance()
        assert world.states(A) == [OrderState.CANCELLED]
        assert world.rotation.executor.stopped[A].startswith("no buyers")


class TestDoubt:
    """An unknown order blocks its own leg only."""

    @pytest.mark.parametrize("lists_every_order", [True, False])
    async def test_no_order_follows_an_unconfirmed_cancel(self, make_world: MakeWorld, lists_every_order: bool) -> None:
        world = make_world(lists_every_order=lists_every_order)
        world.own(A=100, B=100)
        world.broker.manners[A], world.broker.deaf = [hostile.works], {A}
        assert "1 orders unresolved" in await world.rebalance(C)
        assert world.states(A) == [OrderState.CANCELLING]
        assert world.states(B) == world.states(C) == [OrderState.FILLED]

    @pytest.mark.parametrize("manner", [hostile.never_arrives, hostile.raises_while_live, hostile.loses_the_answer])
    async def test_an_unknown_order_stays_unknown_and_alone_without_the_order_list(
        self, make_world: MakeWorld, manner: Manner
    ) -> None:
        world = make_world(lists_every_order=False)
        world.own(A=100, B=100)
        world.broker.manners[A] = [manner]
        world.broker.before_place = lambda _: world.broker.silent.add("orders")
        assert "1 orders unresolved" in await world.rebalance(C)
        assert world.states(A) == [OrderState.UNKNOWN]
        assert world.owned == {A: 100, C: 100}
        plan = await world.plan(D)
        assert [row.code for row in plan.blocked if row.side is SELL] == [A]

    @pytest.mark.parametrize(
        "manner", [hostile.loses_the_answer, hostile.raises_while_live, hostile.refuses_while_live]
    )
    async def test_an_unknown_order_found_open_is_completed(self, world: TradingWorld, manner: Manner) -> None:
        world.own(A=100)
        world.broker.manners[A] = [manner]
        await world.rebalance()
        assert world.states(A)[0] is OrderState.CANCELLED
        assert {row.state for row in world.broker.listed.values()} == {OrderState.CANCELLED}
        assert world.owned == world.broker.held_now == {A: 100}

    async def test_a_run_waits_for_an_unknown_order_that_appears_late(self, make_world: MakeWorld) -> None:
        """An order missing from the first order list may still appear."""
        world = make_world(lists_every_order=False)
        world.own(A=100)
        world.broker.manners[A] = [hostile.never_arrives]

        def appear() -> None:
            number = world.broker.take(world.broker.placed[0])
            world.broker.trade(number, 100)

        world.clock.after(8, appear)
        assert await world.rebalance(B) == "done"
        assert world.owned == {B: 100}
        assert world.orders(B)[0].created_at - world.orders(A)[0].created_at >= timedelta(seconds=8)

    async def test_an_order_that_never_arrived_is_not_sent_again(self, world: TradingWorld) -> None:
        world.own(A=100)
        world.broker.manners[A] = [hostile.never_arrives]
        await world.rebalance()
        assert world.states(A) == [OrderState.REFUSED]

    @pytest.mark.parametrize("manner", [hostile.refuses, hostile.rejects])
    async def test_a_refused_or_rejected_order_is_reported_and_not_resent(
        self, world: TradingWorld, manner: Manner
    ) -> None:
        world.own(A=100, B=100)
        world.broker.manners[A] = [manner]
        assert await world.rebalance() == "done, 1 of 2 orders not filled in full"
        assert len(world.orders(A)) == 1

    async def test_an_order_cancelled_by_the_user_is_not_resent(self, world: TradingWorld) -> None:
        world.own(A=100, B=100)
        world.broker.manners[A] = world.broker.manners[B] = [hostile.works]
        world.clock.after(5, lambda: world.broker.end("1000", OrderState.CANCELLED))
        world.clock.after(
            29, lambda: asyncio.ensure_future(world.order_manager.cancel(world.orders(B)[0].intent.client_order_id))
        )
        await world.rebalance()
        assert world.states(A) == world.states(B) == [OrderState.CANCELLED]

    async def test_a_fill_found_only_in_the_list_is_not_sold_again(self, world: TradingWorld) -> None:
        """The cancel's event reports no fill, although 40 were filled."""
        world.own(A=100)
        world.broker.manners[A] = [hostile.works_silently, hostile.fills_at_once]

        def cancelled(_: str) -> None:
            order = world.broker.listed["1000"]
            world.broker.trade("1000", 40, tell=False)
            world.broker.end("1000", OrderState.CANCELLED, tell=False)
            world.broker.tell(replace(order, state=OrderState.CANCELLED, filled_volume=0))

        world.broker.before_cancel = cancelled
        await world.rebalance()
        assert world.sent(SELL) == [(A, 100), (A, 60)]
        assert world.owned == world.broker.held_now == {}

    async def test_no_order_is_resent_without_the_broker_s_lists(self, world: TradingWorld) -> None:
        world.own(A=100)
        world.broker.manners[A] = [hostile.works]
        world.broker.before_place = lambda _: world.broker.silent.add("orders")
        await world.rebalance()
        assert world.states(A) == [OrderState.CANCELLED]

    async def test_no_run_starts_without_the_broker_s_lists(self, world: TradingWorld) -> None:
        world.own(A=100)
        world.broker.silent = {"orders"}
        with pytest.raises(RebalanceRefused, match="orders are not known"):
            await world.rebalance()
        assert world.broker.placed == []

    async def test_a_fault_stops_the_remaining_orders(self, world: TradingWorld) -> None:
        world.own(A=100)

        async def lists_it_twice(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
            outcome = await hostile.fills_at_once(broker, order)
            broker.tell(replace(broker.listed["1000"], order_id="2000"))
            return outcome

        world.broker.manners[A] = [lists_it_twice]
        await world.rebalance(B)
        assert world.sent(BUY) == []
        assert world.rotation.executor.stopped[B].startswith("trading is off: order 2000")


class TestOnce:
    async def test_a_second_run_at_the_same_time_is_refused(self, world: TradingWorld) -> None:
        world.own(A=100)
        world.broker.manners[A] = [hostile.works]
        plan = await world.plan(B)
        running = asyncio.create_task(world.rotation.execute(plan))
        await asyncio.sleep(0)
        with pytest.raises(RebalanceRefused, match="in progress"):
            await world.rotation.execute(replace(plan, plan_id="260515-other1"))
        assert {order.plan_id for order in world.broker.placed} <= {plan.plan_id}
        world.clock.after(1, lambda: world.broker.trade("1000", 100))
        await running
        assert world.owned == {B: 100}
        assert [order.code for order in world.broker.placed] == [A, B]

    async def test_a_plan_is_executed_once_even_after_a_restart(self, world: TradingWorld) -> None:
        plan = await world.plan(A)
        await world.rotation.execute(plan)
        with pytest.raises(RebalanceRefused, match="before"):
            await world.rotation.execute(plan)
        again = world.again()
        again.listed = world.listed
        await again.rotation.plan()
        with pytest.raises(RebalanceRefused, match="no longer at hand"):
            await again.rotation.execute(plan)
        assert len(world.broker.placed) == 1

    async def test_an_outdated_or_refused_plan_is_not_executed(self, world: TradingWorld) -> None:
        plan = await world.plan(A)
        await world.plan(B)
        with pytest.raises(RebalanceRefused, match="no longer at hand"):
            await world.rotation.execute(plan)
        world.listed = Unknown("no list today")
        refused = await world.rotation.plan()
        with pytest.raises(RebalanceRefused, match="no list today"):
            await world.rotation.execute(refused)
        assert world.broker.placed == []

    async def test_a_new_list_does_not_change_a_running_plan(self, world: TradingWorld) -> None:
        """A new plan is made during a rebalance; the platform gives no list this time."""
        world.own(C=100)
        plan = await world.plan(A)

        async def refresh() -> None:
            world.listed = Unknown("the platform is down")
            assert (await world.rotation.plan()).refused == "the platform is down"

        refreshing: list[asyncio.Task[None]] = []
        world.broker.before_place = lambda _: refreshing.append(asyncio.create_task(refresh()))
        world.broker.manners[C] = [hostile.fills_part(50)]
        assert (await world.rotation.execute(plan)).startswith("done")
        await asyncio.gather(*refreshing)
        assert world.sent(BUY) == [(A, 100)]

    async def test_a_plan_of_a_former_strategy_is_not_executed(self, world: TradingWorld) -> None:
        plan = await world.plan(A)
        world.rotation.settings = world.settings.model_copy(
            update={"strategy": StrategySettings(strategy_id=2, history_id=9)}
        )
        with pytest.raises(RebalanceRefused, match="no longer followed"):
            await world.rotation.execute(plan)
        assert world.broker.placed == []

    async def test_choosing_another_strategy_while_the_list_is_fetched_ends_the_plan(self, world: TradingWorld) -> None:
        fetched = world.rotation._fetch  # pyright: ignore[reportPrivateUsage]

        async def choose_meanwhile() -> Maybe[Selection]:
            world.rotation.settings = world.settings.model_copy(update={"strategy": StrategySettings(strategy_id=2)})
            return await fetched()

        world.rotation._fetch = choose_meanwhile  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(RebalanceRefused, match="another strategy was chosen meanwhile"):
            await world.plan(A)

    async def test_the_reason_for_an_unsent_leg_is_stored(self, world: TradingWorld) -> None:
        plan = await world.plan(A, B)
        world.show(worlds.quote(A, ask=None), worlds.quote(B))
        await world.rotation.execute(plan)
        last = world.again().rotation.runs.last(lambda _: ())
        assert last is not None
        assert "no sellers" in last.legs[0].reason
        assert last.legs[0].status == "not sent"

    async def test_rebalancing_to_the_same_list_sends_nothing(self, world: TradingWorld) -> None:
        await world.rebalance(A, B)
        assert (await world.plan(A, B)).legs == ()

    async def test_order_ids_name_plan_leg_and_attempt_and_fit_the_remark(self, world: TradingWorld) -> None:
        world.own(A=100)
        world.broker.manners[A] = [hostile.works]
        plan = await world.plan()
        await world.rotation.execute(plan)
        ids = [order.client_order_id for order in world.broker.placed]
        assert ids == [f"{plan.plan_id}-S01-{attempt}" for attempt in (1, 2, 3)]
        assert max(map(len, ids)) <= 23

    async def test_an_aborted_run_is_reported(self, world: TradingWorld) -> None:
        world.own(A=100)
        world.broker.manners[A] = [hostile.works]

        class Stop(BaseException):
            pass

        def stop() -> None:
            raise Stop

        world.clock.after(5, stop)
        with pytest.raises(Stop):
            await world.rebalance()
        assert world.rotation.runs.unfinished() == ()
        last = world.rotation.runs.last(world.journal.of_plan)
        assert last is not None
        assert last.stage.startswith("interrupted")
        assert world.rotation.executor.plan is None
        assert Known(world.states(A)) == Known([OrderState.WORKING])
