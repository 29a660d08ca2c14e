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
from tests.trading.conftest import MakeRoom
from tests.trading.test_stop_monitor import THROUGH, sold, state
from tests.trading.trading_world import BUY, SELL, TEN, A, B, Room, intent


def stops_on(**changes: object) -> Settings:
    return Settings(stops=StopSettings().model_copy(update=changes))


async def test_a_live_buy_of_its_bond_is_cancelled_before_it_sells(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    await room.order_manager.send([intent("p-B01-1", A, BUY, 50, "90")])
    seen: list[OrderState] = []
    room.broker.before_place = lambda _: seen.append(room.journal["p-B01-1"].state)
    await room.ticked(A, THROUGH)
    assert seen == [OrderState.CANCELLED]
    assert sold(room) == [(A, 100)]


async def test_what_a_cancelled_buy_had_bought_is_sold_too(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.fills_part(20), hostile.fills_at_once]
    await room.rotation.account.read()  # what was read before the buy says nothing of it
    await room.order_manager.send([intent("p-B01-1", A, BUY, 50, "100")])
    await room.ticked(A, THROUGH)
    assert sold(room) == [(A, 120)]
    assert room.broker.held_now == {}


async def test_a_buy_whose_cancel_is_not_proven_keeps_it_waiting(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A], room.broker.deaf = [hostile.works], {A}
    await room.order_manager.send([intent("p-B01-1", A, BUY, 50, "90")])
    await room.ticked(A, THROUGH)
    assert sold(room) == []
    assert "its cancel is not proven" in state(room)
    assert room.stops.rows()[A].armed


async def test_a_live_sale_that_the_bid_pays_is_left_alone(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.works]
    await room.order_manager.send([intent("p-S01-1", A, SELL, 100, "93")])
    await room.ticked(A, THROUGH)
    assert room.broker.cancels == []
    assert sold(room) == [(A, 100)]
    assert state(room) == "order p-S01-1 sells it already"


async def test_a_live_sale_above_the_bid_is_cancelled_and_replaced(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    await room.order_manager.send([intent("p-S01-1", A, SELL, 100, "101")])
    await room.ticked(A, THROUGH)
    assert room.journal["p-S01-1"].state is OrderState.CANCELLED
    assert [order.origin for order in room.broker.placed] == [Origin.REBALANCE, Origin.STOP_LOSS]
    assert room.broker.held_now == {}


async def test_a_rebalance_stands_back_from_a_bond_whose_stop_is_at_work(room: Room) -> None:
    """Also between two of its orders, when the bond has none."""
    room.own(A=100)
    refused: dict[str, str] = {}

    async def rebalance() -> None:
        refused.update(await room.order_manager.send([intent("p-S01-1", A, SELL, 100)]))

    async def rejects_and_is_overtaken(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
        outcome = await hostile.rejects(broker, order)
        await rebalance()
        return outcome

    room.broker.manners[A] = [rejects_and_is_overtaken]
    await room.ticked(A, THROUGH)
    assert refused == {"p-S01-1": "its stop-loss is being carried out"}
    assert [order.origin for order in room.broker.placed] == [Origin.STOP_LOSS]


async def test_a_rebalance_that_runs_loses_its_sale_to_the_stop_and_ends(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    plan = await room.plan(B)
    room.clock.after(2, lambda: room.tick(A, THROUGH))
    ending = await room.rotation.execute(plan)
    await room.quiet()
    assert "1 of 2 orders not filled" in ending
    assert [order.origin for order in room.broker.placed if order.code == A] == [Origin.REBALANCE, Origin.STOP_LOSS]
    assert A not in room.owned


async def test_a_bond_that_was_stopped_cools_over_a_restart_until_the_next_day(room: Room) -> None:
    room.own(A=100)
    await room.ticked(A, THROUGH)
    again = room.again()
    assert again.order_manager.stopped_today() == {A}
    plan = await again.plan(A)
    assert [row.reason for row in plan.blocked] == [
        "its stop fired today, or it was sold by hand; cannot be bought (rank 1)"
    ]
    again.clock.move_to(again.clock.now() + timedelta(days=1))
    assert again.order_manager.stopped_today() == frozenset()


async def test_a_buy_of_a_bond_that_was_stopped_is_refused_at_the_desk_too(room: Room) -> None:
    """Whoever planned it before the stop fired."""
    room.own(A=100)
    await room.ticked(A, THROUGH)
    assert await room.order_manager.send([intent("p-B01-1", A, BUY, 10)]) == {"p-B01-1": COOLING}
    assert room.sent(BUY) == []


@pytest.mark.parametrize("manner", [hostile.fills_part(40), hostile.works, hostile.rejects, hostile.refuses])
async def test_a_bond_cools_as_soon_as_its_stop_fires_whatever_becomes_of_the_order(
    room: Room, manner: hostile.Manner
) -> None:
    room.own(A=100)
    room.broker.manners[A], room.broker.deaf = [manner], {A}
    await room.ticked(A, THROUGH)
    assert A in room.order_manager.stopped_today()


async def test_a_touch_counts_although_the_price_is_back_before_the_order_goes_out(room: Room) -> None:
    room.own(A=100)
    room.tick(A, THROUGH)
    await room.ticked(A, "100")
    assert sold(room) == [(A, 100)]


async def test_a_price_that_nobody_has_told_for_longer_than_a_sweep_arms_nothing(room: Room) -> None:
    room.own(A=100)
    await room.ticked(A, "100")
    assert room.stops.rows()[A].armed
    room.clock.move_to(room.clock.now() + timedelta(seconds=UNSEEN + 1))
    row = room.stops.rows()[A]
    assert not row.armed
    assert "no price since" in row.state


async def test_a_sweep_asks_once_for_all_that_is_managed(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.own(A=100, B=100)
    calls: list[tuple[BondCode, ...]] = []
    snapshot = room.feed.snapshot

    async def counted(codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        calls.append(tuple(codes))
        return await snapshot(calls[-1])

    monkeypatch.setattr(room.feed, "snapshot", counted)
    room.show(worlds.quote(A, THROUGH, prev_close=Decimal(100)), worlds.quote(B))
    await room.stops.sweep()
    await room.quiet()
    assert calls == [(A, B)]
    assert sold(room) == [(A, 100)]


@pytest.mark.parametrize("why", ["off", "halted", "closed"])
async def test_a_sweep_asks_for_no_price_that_could_set_nothing_off(
    make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    room = make_room(stops_on(enabled=why != "off"))
    room.own(A=100)
    if why == "halted":
        room.controls.engage(Control.HALTED)
    if why == "closed":
        room.clock.move_to(TEN.replace(hour=12))

    async def asked(_: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        raise AssertionError("asked for all the same")

    monkeypatch.setattr(room.feed, "snapshot", asked)
    await room.stops.sweep()


async def test_a_sweep_passes_over_a_bond_without_a_price(room: Room) -> None:
    room.own(A=100, B=100)
    room.show(worlds.quote(B, THROUGH, prev_close=Decimal(100)))
    await room.stops.sweep()
    await room.quiet()
    assert sold(room) == [(B, 100)]
    assert room.stops.rows()[A].state == "no price yet"


async def test_a_price_of_yesterday_sells_nothing(room: Room) -> None:
    room.own(A=100)
    await room.ticked(A, THROUGH, at=TEN - timedelta(days=1))
    assert sold(room) == []
    assert "no price of today" in state(room)


async def test_an_older_price_after_a_newer_one_is_passed_over(room: Room) -> None:
    room.own(A=100)
    await room.ticked(A, "100")
    await room.ticked(A, THROUGH, at=TEN - timedelta(seconds=1))
    assert sold(room) == []
    await room.ticked(A, THROUGH)
    assert sold(room) == [(A, 100)]


async def test_switched_off_it_sells_nothing_and_says_so(make_room: MakeRoom) -> None:
    room = make_room(stops_on(enabled=False))
    room.own(A=100)
    await room.ticked(A, THROUGH)
    await room.stops.sweep()
    row = room.stops.rows()[A]
    assert sold(room) == []
    assert (row.armed, row.status, row.state) == (False, StopStatus.OFF, "off: stops.enabled = false")


async def test_ratios_that_are_not_known_arm_nothing_and_the_row_says_why(room: Room) -> None:
    room.own(A=100)
    room.ratios = Ratios(Unknown("not asked"), Unknown("not asked"))
    await room.ticked(A, THROUGH)
    row = room.stops.rows()[A]
    assert sold(room) == []
    assert (row.armed, row.state, row.loss, row.profit) == (False, "not asked", None, None)
    assert row.status is StopStatus.BLOCKED


async def test_a_strategy_without_stops_is_told_as_such(room: Room) -> None:
    room.own(A=100)
    room.ratios = Ratios(Known(None), Known(None))
    await room.ticked(A, THROUGH)
    assert (room.stops.rows()[A].armed, state(room)) == (False, "the strategy has no stops")
    assert room.stops.rows()[A].status is StopStatus.NOT_SET


async def test_ratios_that_change_count_from_the_next_price_on(room: Room) -> None:
    room.own(A=100)
    await room.ticked(A, "96")
    room.ratios = replace(room.ratios, loss=Known(Decimal("0.03")))
    assert room.stops.rows()[A].loss == Decimal(97)
    await room.ticked(A, "96")
    assert sold(room) == [(A, 100)]


async def test_an_adopted_holding_of_unknown_cost_is_not_sold_at_its_first_price(room: Room) -> None:
    room.broker.held[A] = 100  # the broker tells no cost
    await adopt(room.order_manager, A)
    await room.ticked(A, "100")
    row = room.stops.rows()[A]
    assert sold(room) == []
    assert not row.armed
    assert "what it cost is not known" in row.state


async def test_an_account_whose_positions_are_not_known_sells_nothing(room: Room) -> None:
    room.own(A=100)
    room.broker.silent = {"positions"}
    await room.ticked(A, THROUGH)
    assert sold(room) == []
    assert "positions are not known" in state(room)


async def test_a_holding_that_the_account_lacks_is_not_sold(room: Room) -> None:
    room.own(A=100)
    room.broker.held.clear()
    await room.ticked(A, THROUGH)
    assert sold(room) == []
    assert state(room) == "the account does not hold it"


async def test_a_reconciliation_leaves_a_stop_at_work_alone(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.works]
    task: list[asyncio.Task[tuple[str, ...]]] = []
    room.clock.after(1, lambda: task.append(asyncio.create_task(reconcile(room.order_manager))))
    room.clock.after(3, lambda: room.broker.trade("1000", 100))
    await room.ticked(A, THROUGH)
    assert await task[0] == ()
    assert room.broker.cancels == []
    assert room.owned == {}


async def test_at_the_end_it_begins_nothing_more_and_leaves_its_order_alone(room: Room) -> None:
    room.own(A=100)
    room.broker.manners[A] = [hostile.works]
    room.tick(A, THROUGH)
    await room.placed(1)
    await room.stops.close()
    assert room.broker.cancels == []
    assert room.order_manager.claims == {}
    assert room.states(A) == [OrderState.WORKING]


def _own_at(room: Room, cost: Decimal, number: int) -> None:
    room.ledger.book(
        Fill(TEN.date(), f"{number}", f"own-{number}", "", A, BUY, 100, cost, Decimal(0), TEN - timedelta(days=1)), ""
    )
    room.broker.held[A] = 100


@pytest.mark.parametrize("seed", range(3))
async def test_it_fires_where_the_level_that_is_shown_is_crossed_and_nowhere_else(room: Room, seed: int) -> None:
    chance = Random(seed)
    fired = 0
    for number in range(60):
        if not room.owned:
            _own_at(room, Decimal(chance.randint(90_000, 110_000)) / 1000, number)
        room.ratios = Ratios(
            Known(chance.choice([None, Decimal(chance.randint(1, 150)) / 1000])),
            Known(chance.choice([None, Decimal(chance.randint(1, 150)) / 1000])),
        )
        row = room.stops.rows()[A]
        level = chance.choice([one for one in (row.loss, row.profit) if one is not None] or [Decimal(100)])
        last = level + Decimal(chance.randint(-2, 2)) / 1000
        before = len(room.broker.placed)
        await room.ticked(A, f"{last}")
        wanted = (row.loss is not None and last <= row.loss) or (row.profit is not None and last >= row.profit)
        assert (len(room.broker.placed) > before) is wanted, (row, last)
        fired += wanted
        room.clock.move_to(room.clock.now() + timedelta(seconds=30))
    assert 10 < fired < 50


async def test_a_slower_answer_than_its_patience_is_waited_for_no_longer_than_the_settings_say(
    make_room: MakeRoom,
) -> None:
    room = make_room(Settings(orders=OrderSettings(timeout=4)))
    room.own(A=100)
    room.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    await room.ticked(A, THROUGH)
    assert (room.clock.now() - TEN).total_seconds() == pytest.approx(4, abs=0.1)
