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


async def test_an_open_buy_is_cancelled_before_the_stop_sells(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    await world.order_manager.send([intent("p-B01-1", A, BUY, 50, "90")])
    seen: list[OrderState] = []
    world.broker.before_place = lambda _: seen.append(world.journal["p-B01-1"].state)
    await world.ticked(A, THROUGH)
    assert seen == [OrderState.CANCELLED]
    assert sold(world) == [(A, 100)]


async def test_fills_of_a_cancelled_buy_are_sold_too(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.fills_part(20), hostile.fills_at_once]
    await world.rotation.account.read()  # the account was read before the buy
    await world.order_manager.send([intent("p-B01-1", A, BUY, 50, "100")])
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 120)]
    assert world.broker.held_now == {}


async def test_a_stop_waits_for_an_unconfirmed_cancel_of_a_buy(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A], world.broker.deaf = [hostile.works], {A}
    await world.order_manager.send([intent("p-B01-1", A, BUY, 50, "90")])
    await world.ticked(A, THROUGH)
    assert sold(world) == []
    assert "its cancel is not proven" in state(world)
    assert world.stops.rows()[A].armed


async def test_an_open_sale_at_or_below_the_bid_is_left_alone(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    await world.order_manager.send([intent("p-S01-1", A, SELL, 100, "93")])
    await world.ticked(A, THROUGH)
    assert world.broker.cancels == []
    assert sold(world) == [(A, 100)]
    assert state(world) == "order p-S01-1 sells it already"


async def test_an_open_sale_above_the_bid_is_cancelled_and_replaced(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    await world.order_manager.send([intent("p-S01-1", A, SELL, 100, "101")])
    await world.ticked(A, THROUGH)
    assert world.journal["p-S01-1"].state is OrderState.CANCELLED
    assert [order.origin for order in world.broker.placed] == [Origin.REBALANCE, Origin.STOP_LOSS]
    assert world.broker.held_now == {}


async def test_a_rebalance_leaves_a_bond_whose_stop_is_being_executed(world: TradingWorld) -> None:
    """Also between two orders of the stop, when none is open."""
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
    assert refused == {"p-S01-1": "its stop-loss is running"}
    assert [order.origin for order in world.broker.placed] == [Origin.STOP_LOSS]


async def test_a_stop_takes_over_the_sale_of_a_running_rebalance(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    plan = await world.plan(B)
    world.clock.after(2, lambda: world.tick(A, THROUGH))
    ending = await world.rotation.execute(plan)
    await world.quiet()
    assert "1 of 2 orders not filled" in ending
    assert [order.origin for order in world.broker.placed if order.code == A] == [Origin.REBALANCE, Origin.STOP_LOSS]
    assert A not in world.owned


async def test_a_stopped_bond_is_blocked_until_the_next_day_even_after_a_restart(world: TradingWorld) -> None:
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


async def test_the_order_manager_refuses_to_buy_a_stopped_bond(world: TradingWorld) -> None:
    """Also if it was planned before the stop fired."""
    world.own(A=100)
    await world.ticked(A, THROUGH)
    assert await world.order_manager.send([intent("p-B01-1", A, BUY, 10)]) == {"p-B01-1": COOLING}
    assert world.sent(BUY) == []


@pytest.mark.parametrize("manner", [hostile.fills_part(40), hostile.works, hostile.rejects, hostile.refuses])
async def test_a_bond_is_blocked_when_its_stop_fires_whatever_the_outcome_of_the_order(
    world: TradingWorld, manner: hostile.Manner
) -> None:
    world.own(A=100)
    world.broker.manners[A], world.broker.deaf = [manner], {A}
    await world.ticked(A, THROUGH)
    assert A in world.order_manager.stopped_today()


async def test_a_touched_trigger_counts_even_if_the_price_recovers_before_the_order(world: TradingWorld) -> None:
    world.own(A=100)
    world.tick(A, THROUGH)
    await world.ticked(A, "100")
    assert sold(world) == [(A, 100)]


async def test_a_price_older_than_one_sweep_triggers_nothing(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, "100")
    assert world.stops.rows()[A].armed
    world.clock.move_to(world.clock.now() + timedelta(seconds=UNSEEN + 1))
    row = world.stops.rows()[A]
    assert not row.armed
    assert "no price since" in row.state


async def test_a_sweep_requests_all_managed_bonds_at_once(world: TradingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
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
async def test_a_sweep_requests_no_price_that_cannot_trigger_a_stop(
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


async def test_a_sweep_skips_a_bond_without_a_price(world: TradingWorld) -> None:
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


async def test_an_older_price_received_after_a_newer_one_is_ignored(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, "100")
    await world.ticked(A, THROUGH, at=TEN - timedelta(seconds=1))
    assert sold(world) == []
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100)]


async def test_stops_switched_off_sell_nothing_and_say_so(make_world: MakeWorld) -> None:
    world = make_world(stops_on(enabled=False))
    world.own(A=100)
    await world.ticked(A, THROUGH)
    await world.stops.sweep()
    row = world.stops.rows()[A]
    assert sold(world) == []
    assert (row.armed, row.status, row.state) == (False, StopStatus.OFF, "off: stops.enabled = false")


async def test_unknown_ratios_arm_no_stop_and_the_row_says_why(world: TradingWorld) -> None:
    world.own(A=100)
    world.ratios = Ratios(Unknown("not asked"), Unknown("not asked"))
    await world.ticked(A, THROUGH)
    row = world.stops.rows()[A]
    assert sold(world) == []
    assert (row.armed, row.state, row.loss, row.profit) == (False, "not asked", None, None)
    assert row.status is StopStatus.BLOCKED


async def test_a_strategy_without_stops_is_shown_as_such(world: TradingWorld) -> None:
    world.own(A=100)
    world.ratios = Ratios(Known(None), Known(None))
    await world.ticked(A, THROUGH)
    assert (world.stops.rows()[A].armed, state(world)) == (False, "neither a stop-loss nor a take-profit is set")
    assert world.stops.rows()[A].status is StopStatus.NOT_SET
    summary = world.stops.summary(world.stops.rows(), {})
    assert (summary.armed, summary.managed, summary.not_set) == (0, 0, 1)


async def test_one_stop_that_is_not_set_leaves_the_other_armed(world: TradingWorld) -> None:
    world.own(A=100)
    world.ratios = Ratios(Known(None), Known(Decimal("0.05")))
    await world.ticked(A, "100")
    row = world.stops.rows()[A]
    assert (row.armed, row.profit, row.not_set) == (True, None, (Origin.TAKE_PROFIT,))


async def test_a_stop_that_is_unknown_is_an_alarm_where_one_that_is_not_set_is_none(world: TradingWorld) -> None:
    world.own(A=100)
    world.ratios = Ratios(Known(None), Unknown("not asked"))
    await world.ticked(A, THROUGH)
    summary = world.stops.summary(world.stops.rows(), {})
    assert (summary.armed, summary.managed, summary.note) == (0, 1, "not asked")


async def test_changed_ratios_apply_from_the_next_price(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, "96")
    world.ratios = replace(world.ratios, loss=Known(Decimal("0.03")))
    assert world.stops.rows()[A].loss == Decimal(97)
    await world.ticked(A, "96")
    assert sold(world) == [(A, 100)]


async def test_an_adopted_holding_with_unknown_cost_is_not_sold_on_its_first_price(world: TradingWorld) -> None:
    world.broker.held[A] = 100  # the broker reports no cost
    await adopt(world.order_manager, A)
    await world.ticked(A, "100")
    row = world.stops.rows()[A]
    assert sold(world) == []
    assert not row.armed
    assert "what it cost is not known" in row.state


async def test_no_stop_sells_while_positions_are_unknown(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.silent = {"positions"}
    await world.ticked(A, THROUGH)
    assert sold(world) == []
    assert "positions are unknown" in state(world)


async def test_a_holding_missing_from_the_account_is_not_sold(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.held.clear()
    await world.ticked(A, THROUGH)
    assert sold(world) == []
    assert state(world) == "the account does not hold it"


async def test_reconciliation_leaves_a_running_stop_alone(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    task: list[asyncio.Task[tuple[str, ...]]] = []
    world.clock.after(1, lambda: task.append(asyncio.create_task(reconcile(world.order_manager))))
    world.clock.after(3, lambda: world.broker.trade("1000", 100))
    await world.ticked(A, THROUGH)
    assert await task[0] == ()
    assert world.broker.cancels == []
    assert world.owned == {}


async def test_a_stopped_monitor_starts_nothing_new_and_leaves_its_order_alone(world: TradingWorld) -> None:
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
async def test_a_stop_fires_exactly_at_the_trigger_price_shown(world: TradingWorld, seed: int) -> None:
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


async def test_a_stop_waits_for_a_slow_response_no_longer_than_the_order_timeout(
    make_world: MakeWorld,
) -> None:
    world = make_world(Settings(orders=OrderSettings(timeout=4)))
    world.own(A=100)
    world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    await world.ticked(A, THROUGH)
    assert (world.clock.now() - TEN).total_seconds() == pytest.approx(4, abs=0.1)
