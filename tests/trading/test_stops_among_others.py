"""Stops among other orders, sweeps, missing inputs, and what the rows say."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.order import Fill, Intent, OrderState, Origin
from core.model.quote import Quote
from core.model.settings import OrderSettings, Settings, StopSettings
from core.model.snapshot import Control, StopStatus
from core.rules.priority import COOLING
from core.rules.stops import Ratios
from core.trading.reconcile import reconcile
from core.trading.settle import adopt
from core.trading.stop_monitor import UNSEEN
from tests import worlds
from tests.trading import hostile
from tests.trading.conftest import MakeWorld
from tests.trading.test_stop_monitor import THROUGH, sold, state
from tests.trading.trading_world import BUY, SELL, TEN, A, B, TradingWorld, intent


def stops_on(**changes: object) -> Settings:
    return Settings(stops=StopSettings().model_copy(update=changes))


async def test_a_live_buy_of_its_bond_is_cancelled_before_it_sells(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    await world.order_manager.send([intent("p-B01-1", A, BUY, 50, "90")])
    seen: list[OrderState] = []
    world.broker.before_place = lambda _: seen.append(world.journal["p-B01-1"].state)
    await world.ticked(A, THROUGH)
    assert seen == [OrderState.CANCELLED]
    assert sold(world) == [(A, 100)]


async def test_what_a_cancelled_buy_had_bought_is_sold_too(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.fills_part(20), hostile.fills_at_once]
    await world.rotation.account.read()  # what was read before the buy says nothing of it
    await world.order_manager.send([intent("p-B01-1", A, BUY, 50, "100")])
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 120)]
    assert world.broker.held_now == {}


async def test_a_buy_whose_cancel_is_not_proven_keeps_it_waiting(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A], world.broker.deaf = [hostile.works], {A}
    await world.order_manager.send([intent("p-B01-1", A, BUY, 50, "90")])
    await world.ticked(A, THROUGH)
    assert sold(world) == []
    assert "its cancel is not proven" in state(world)
    assert world.stops.rows()[A].armed


async def test_a_live_sale_that_the_bid_pays_is_left_alone(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([intent("p-S01-1", A, SELL, 100, "93")])
    await world.ticked(A, THROUGH)
    assert world.broker.cancels == []
    assert sold(world) == [(A, 100)]
    assert state(world) == "order p-S01-1 sells it already"


async def test_a_live_sale_above_the_bid_is_cancelled_and_replaced(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    await world.order_manager.send([intent("p-S01-1", A, SELL, 100, "101")])
    await world.ticked(A, THROUGH)
    assert world.journal["p-S01-1"].state is OrderState.CANCELLED
    assert [order.origin for order in world.broker.placed] == [Origin.REBALANCE, Origin.STOP_LOSS]
    assert world.broker.held_now == {}


async def test_a_rebalance_stands_back_from_a_bond_whose_stop_is_at_work(world: TradingWorld) -> None:
    """Also between two of its orders, when the bond has none."""
    world.own(A=100)
    refused: dict[str, str] = {}

    async def rebalance() -> None:
        refused.update(await world.order_manager.send([intent("p-S01-1", A, SELL, 100)]))

    async def rejects_and_is_overtaken(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
        outcome = await hostile.rejects(broker, order)
        await rebalance()
        return outcome

    world.broker.manners[A] = [rejects_and_is_overtaken]
    await world.ticked(A, THROUGH)
    assert refused == {"p-S01-1": "its stop-loss is being carried out"}
    assert [order.origin for order in world.broker.placed] == [Origin.STOP_LOSS]


async def test_a_rebalance_that_runs_loses_its_sale_to_the_stop_and_ends(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    plan = await world.plan(B)
    world.clock.after(2, lambda: world.tick(A, THROUGH))
    ending = await world.rotation.execute(plan)
    await world.quiet()
    assert "1 of 2 orders not filled" in ending
    assert [order.origin for order in world.broker.placed if order.code == A] == [Origin.REBALANCE, Origin.STOP_LOSS]
    assert A not in world.owned


async def test_a_bond_that_was_stopped_cools_over_a_restart_until_the_next_day(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, THROUGH)
    again = world.again()
    assert again.order_manager.stopped_today() == {A}
    plan = await again.plan(A)
    assert [row.reason for row in plan.blocked] == [
        "its stop fired today, or it was sold by hand; cannot be bought (rank 1)"
    ]
    again.clock.move_to(again.clock.now() + timedelta(days=1))
    assert again.order_manager.stopped_today() == frozenset()


async def test_a_buy_of_a_bond_that_was_stopped_is_refused_at_the_desk_too(world: TradingWorld) -> None:
    """Whoever planned it before the stop fired."""
    world.own(A=100)
    await world.ticked(A, THROUGH)
    assert await world.order_manager.send([intent("p-B01-1", A, BUY, 10)]) == {"p-B01-1": COOLING}
    assert world.sent(BUY) == []


@pytest.mark.parametrize("manner", [hostile.fills_part(40), hostile.works, hostile.rejects, hostile.refuses])
async def test_a_bond_cools_as_soon_as_its_stop_fires_whatever_becomes_of_the_order(
    world: TradingWorld, manner: hostile.Manner
) -> None:
    world.own(A=100)
    world.broker.manners[A], world.broker.deaf = [manner], {A}
    await world.ticked(A, THROUGH)
    assert A in world.order_manager.stopped_today()


async def test_a_touch_counts_although_the_price_is_back_before_the_order_goes_out(world: TradingWorld) -> None:
    world.own(A=100)
    world.tick(A, THROUGH)
    await world.ticked(A, "100")
    assert sold(world) == [(A, 100)]


async def test_a_price_that_nobody_has_told_for_longer_than_a_sweep_arms_nothing(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, "100")
    assert world.stops.rows()[A].armed
    world.clock.move_to(world.clock.now() + timedelta(seconds=UNSEEN + 1))
    row = world.stops.rows()[A]
    assert not row.armed
    assert "no price since" in row.state


async def test_a_sweep_asks_once_for_all_that_is_managed(world: TradingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.own(A=100, B=100)
    calls: list[tuple[BondCode, ...]] = []
    snapshot = world.feed.snapshot

    async def counted(codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        calls.append(tuple(codes))
        return await snapshot(calls[-1])

    monkeypatch.setattr(world.feed, "snapshot", counted)
    world.show(worlds.quote(A, THROUGH, prev_close=Decimal(100)), worlds.quote(B))
    await world.stops.sweep()
    await world.quiet()
    assert calls == [(A, B)]
    assert sold(world) == [(A, 100)]


@pytest.mark.parametrize("why", ["off", "halted", "closed"])
async def test_a_sweep_asks_for_no_price_that_could_set_nothing_off(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    world = make_world(stops_on(enabled=why != "off"))
    world.own(A=100)
    if why == "halted":
        world.controls.engage(Control.HALTED)
    if why == "closed":
        world.clock.move_to(TEN.replace(hour=12))

    async def asked(_: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        raise AssertionError("asked for all the same")

    monkeypatch.setattr(world.feed, "snapshot", asked)
    await world.stops.sweep()


async def test_a_sweep_passes_over_a_bond_without_a_price(world: TradingWorld) -> None:
    world.own(A=100, B=100)
    world.show(worlds.quote(B, THROUGH, prev_close=Decimal(100)))
    await world.stops.sweep()
    await world.quiet()
    assert sold(world) == [(B, 100)]
    assert world.stops.rows()[A].state == "no price yet"


async def test_a_price_of_yesterday_sells_nothing(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, THROUGH, at=TEN - timedelta(days=1))
    assert sold(world) == []
    assert "no price of today" in state(world)


async def test_an_older_price_after_a_newer_one_is_passed_over(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, "100")
    await world.ticked(A, THROUGH, at=TEN - timedelta(seconds=1))
    assert sold(world) == []
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100)]


async def test_switched_off_it_sells_nothing_and_says_so(make_world: MakeWorld) -> None:
    world = make_world(stops_on(enabled=False))
    world.own(A=100)
    await world.ticked(A, THROUGH)
    await world.stops.sweep()
    row = world.stops.rows()[A]
    assert sold(world) == []
    assert (row.armed, row.status, row.state) == (False, StopStatus.OFF, "off: stops.enabled = false")


async def test_ratios_that_are_not_known_arm_nothing_and_the_row_says_why(world: TradingWorld) -> None:
    world.own(A=100)
    world.ratios = Ratios(Unknown("not asked"), Unknown("not asked"))
    await world.ticked(A, THROUGH)
    row = world.stops.rows()[A]
    assert sold(world) == []
    assert (row.armed, row.state, row.loss, row.profit) == (False, "not asked", None, None)
    assert row.status is StopStatus.BLOCKED


async def test_a_strategy_without_stops_is_told_as_such(world: TradingWorld) -> None:
    world.own(A=100)
    world.ratios = Ratios(Known(None), Known(None))
    await world.ticked(A, THROUGH)
    assert (world.stops.rows()[A].armed, state(world)) == (False, "the strategy has no stops")
    assert world.stops.rows()[A].status is StopStatus.NOT_SET


async def test_ratios_that_change_count_from_the_next_price_on(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, "96")
    world.ratios = replace(world.ratios, loss=Known(Decimal("0.03")))
    assert world.stops.rows()[A].loss == Decimal(97)
    await world.ticked(A, "96")
    assert sold(world) == [(A, 100)]


async def test_an_adopted_holding_of_unknown_cost_is_not_sold_at_its_first_price(world: TradingWorld) -> None:
    world.broker.held[A] = 100  # the broker tells no cost
    await adopt(world.order_manager, A)
    await world.ticked(A, "100")
    row = world.stops.rows()[A]
    assert sold(world) == []
    assert not row.armed
    assert "what it cost is not known" in row.state


async def test_an_account_whose_positions_are_not_known_sells_nothing(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.silent = {"positions"}
    await world.ticked(A, THROUGH)
    assert sold(world) == []
    assert "positions are not known" in state(world)


async def test_a_holding_that_the_account_lacks_is_not_sold(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.held.clear()
    await world.ticked(A, THROUGH)
    assert sold(world) == []
    assert state(world) == "the account does not hold it"


async def test_a_reconciliation_leaves_a_stop_at_work_alone(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    task: list[asyncio.Task[tuple[str, ...]]] = []
    world.clock.after(1, lambda: task.append(asyncio.create_task(reconcile(world.order_manager))))
    world.clock.after(3, lambda: world.broker.trade("1000", 100))
    await world.ticked(A, THROUGH)
    assert await task[0] == ()
    assert world.broker.cancels == []
    assert world.owned == {}


async def test_at_the_end_it_begins_nothing_more_and_leaves_its_order_alone(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    world.tick(A, THROUGH)
    await world.placed(1)
    await world.stops.close()
    assert world.broker.cancels == []
    assert world.order_manager.claims == {}
    assert world.states(A) == [OrderState.WORKING]


def _own_at(world: TradingWorld, cost: Decimal, number: int) -> None:
    world.ledger.book(
        Fill(TEN.date(), f"{number}", f"own-{number}", "", A, BUY, 100, cost, Decimal(0), TEN - timedelta(days=1)), ""
    )
    world.broker.held[A] = 100


@pytest.mark.parametrize("seed", range(3))
async def test_it_fires_where_the_level_that_is_shown_is_crossed_and_nowhere_else(
    world: TradingWorld, seed: int
) -> None:
    chance = Random(seed)
    fired = 0
    for number in range(60):
        if not world.owned:
            _own_at(world, Decimal(chance.randint(90_000, 110_000)) / 1000, number)
        world.ratios = Ratios(
            Known(chance.choice([None, Decimal(chance.randint(1, 150)) / 1000])),
            Known(chance.choice([None, Decimal(chance.randint(1, 150)) / 1000])),
        )
        row = world.stops.rows()[A]
        level = chance.choice([one for one in (row.loss, row.profit) if one is not None] or [Decimal(100)])
        last = level + Decimal(chance.randint(-2, 2)) / 1000
        before = len(world.broker.placed)
        await world.ticked(A, f"{last}")
        wanted = (row.loss is not None and last <= row.loss) or (row.profit is not None and last >= row.profit)
        assert (len(world.broker.placed) > before) is wanted, (row, last)
        fired += wanted
        world.clock.move_to(world.clock.now() + timedelta(seconds=30))
    assert 10 < fired < 50


async def test_a_slower_answer_than_its_patience_is_waited_for_no_longer_than_the_settings_say(
    make_world: MakeWorld,
) -> None:
    world = make_world(Settings(orders=OrderSettings(timeout=4)))
    world.own(A=100)
    world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    await world.ticked(A, THROUGH)
    assert (world.clock.now() - TEN).total_seconds() == pytest.approx(4, abs=0.1)
