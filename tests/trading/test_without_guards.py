"""Each guard is needed: the same steps keep the law with the guard and break it without."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from core.model.command import Cancelled
from core.model.order import Fill, Intent, Order, OrderState, Origin, Transition
from core.model.snapshot import Control
from core.trading.executor import Executor, RebalanceRefused
from core.trading.journal import Journal
from core.trading.order_manager import OrderManager
from core.trading.reconcile import reconcile
from core.trading.risk import TradingControls
from core.trading.rotation import Rotation
from tests.trading import hostile
from tests.trading.trading_world import BUY, SELL, TEN, A, B, TradingWorld, intent, meant_for

guard = pytest.mark.parametrize("guarded", [True, False], ids=["with it", "without it"])


@guard
async def test_without_the_fill_key_a_fill_counts_twice(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        numbers = count()
        monkeypatch.setattr(Fill, "key", property(lambda _: f"{next(numbers)}"))
    world.broker.manners[A] = [hostile.fills_part(40)]
    await world.order_manager.send([intent("p-B01-1", A, BUY, 100)])
    world.broker.tell(world.broker.traded[0])
    assert (world.owned == world.broker.held_now) is guarded


@guard
async def test_without_the_busy_check_a_bond_gets_a_second_order(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(Journal, "busy", lambda _: {})
    world.own(A=100)
    world.broker.manners[A] = [hostile.loses_the_answer]
    await world.order_manager.send([intent("p-S01-1", A, SELL, 100)])
    await world.order_manager.send([intent("q-S01-1", A, SELL, 100)])
    assert (len(world.broker.listed) == 1) is guarded


class Killed(BaseException):
    """The process ends here."""


@guard
async def test_without_the_journal_before_sending_a_crash_loses_an_order(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(Journal, "intend", _intend_in_memory)

    async def dies(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
        broker.take(order, tell=False)
        raise Killed

    world.own(A=100)
    world.broker.manners[A] = [dies, hostile.works_silently]
    plan = await world.plan()
    with pytest.raises(Killed):
        await world.rotation.execute(plan)
    world.broker.silent = {"orders"}
    monkeypatch.undo()
    again = world.again()
    await reconcile(again.order_manager)
    again.order_manager.status.account_answers()  # otherwise the missing lists would keep trading off
    await again.order_manager.send([intent("q-S01-1", A, SELL, 100)])
    assert (len(world.broker.listed) == 1) is guarded


def _intend_in_memory(journal: Journal, intents: Sequence[Intent], at: datetime) -> None:
    """Too weak: nothing is on disk when the order is sent."""
    for order in intents:
        log = (Transition(at, OrderState.INTENDED, ""),)
        journal._orders[order.client_order_id] = Order(order, OrderState.INTENDED, at, log=log)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(("executor", "gate"), [(True, True), (True, False), (False, True), (False, False)])
async def test_without_executor_and_risk_check_an_unknown_order_is_followed_by_another(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, executor: bool, gate: bool
) -> None:
    """Two guards; each is enough alone."""
    if not executor:
        monkeypatch.setattr(Executor, "_left_over", _everything_again)
    if not gate:
        monkeypatch.setattr(Journal, "busy", lambda _: {})
    world.own(A=100)
    world.broker.manners[A], world.broker.deaf = [hostile.works], {A}
    await world.rebalance()
    assert (len(world.broker.listed) == 1) is (executor or gate)


def _everything_again(_: Executor, tries: Sequence[object], *__: object) -> list[object]:
    """Too weak: unfilled legs are sent again whatever the state of their orders."""
    return list(tries)


@guard
async def test_without_the_check_before_each_order_a_slow_batch_sends_after_hours(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(OrderManager, "_why_not_sendable", lambda _: None)
    world.clock.move_to(TEN.replace(hour=14, minute=56, second=25))
    world.broker.before_place = lambda _: world.clock.move_to(world.clock.now() + timedelta(seconds=60))
    await world.order_manager.send([intent("p-B01-1", A, BUY, 10), intent("p-B02-1", B, BUY, 10)])
    assert (len(world.broker.placed) == 1) is guarded


@guard
async def test_without_the_note_of_what_is_being_sent_an_old_list_marks_it_dead(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(world.order_manager, "_sending", _Forgetful())
    answer = asyncio.Event()

    async def slow(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
        await answer.wait()
        return await hostile.works_silently(broker, order)

    world.broker.manners[A] = [slow]
    sending = asyncio.create_task(world.order_manager.send([intent("p-B01-1", A, BUY, 10)]))
    await asyncio.sleep(0)
    await world.order_manager.sync_with_broker()
    answer.set()
    await sending
    assert (A in world.journal.busy()) is guarded


class _Forgetful(set[str]):
    def update(self, *_: Iterable[str]) -> None: ...


@guard
async def test_without_the_final_check_of_the_lists_a_hidden_fill_is_bought_again(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    async def nothing(_: OrderManager) -> None: ...

    if not guarded:
        monkeypatch.setattr(OrderManager, "sync_with_broker", nothing)

    def cancelled(_: str) -> None:
        order = world.broker.listed["1000"]
        world.broker.trade("1000", 40, tell=False)
        world.broker.end("1000", OrderState.CANCELLED, tell=False)
        world.broker.tell(replace(order, state=OrderState.CANCELLED))

    world.broker.manners[A], world.broker.before_cancel = [hostile.works_silently, hostile.fills_at_once], cancelled
    await world.rebalance(A)
    assert (world.broker.held_now == {A: 100}) is guarded


@guard
async def test_the_record_of_runs_refuses_a_second_execution_of_a_plan(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Without it the same plan's orders are sent again, and only their ids stop them."""
    plan = await world.plan(A)
    await world.rotation.execute(plan)
    if not guarded:
        monkeypatch.setattr(world.rotation.runs, "begin", lambda *_: True)
    with pytest.raises(
        Exception, match="carried out before" if guarded else "is in the journal already|no row"
    ) as stop:
        world.ledger._owned.clear()  # pyright: ignore[reportPrivateUsage]
        world.broker.held.clear()
        await world.rotation.execute(plan)
    assert (type(stop.value).__name__ == "RebalanceRefused") is guarded
    assert len(world.broker.placed) == 1


@guard
async def test_without_the_record_of_fired_stops_a_bond_is_bought_back(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    world.own(A=100)
    await world.ticked(A, "94")
    if not guarded:
        monkeypatch.setattr(Journal, "stopped", lambda *_: frozenset[str]())
    await world.order_manager.send([intent("p-B01-1", A, BUY, 10)])
    assert (world.owned == {}) is guarded


@guard
async def test_without_the_claim_of_a_stop_others_trade_its_bond_between_its_orders(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr("core.trading.risk.why_behind", lambda *_: None)

    async def rejects_and_is_overtaken(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
        broker.manners[A] = [hostile.works]
        outcome = await hostile.rejects(broker, order)
        await world.order_manager.send([intent("p-S01-1", A, SELL, 100)])
        return outcome

    world.own(A=100)
    world.broker.manners[A] = [rejects_and_is_overtaken]
    await world.ticked(A, "94")
    assert (len(world.broker.placed) == 1) is guarded


@guard
async def test_without_the_claim_of_a_stop_reconciliation_cancels_its_order(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(OrderManager, "unclaimed_orders", lambda order_manager: order_manager.journal.open())
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    with world.order_manager.claim(A, Origin.STOP_LOSS):
        await world.order_manager.send([meant_for(Origin.STOP_LOSS, intent("k", A, SELL, 100))])
        await reconcile(world.order_manager)
    assert (world.broker.cancels == []) is guarded


@guard
async def test_without_the_halt_stops_sell(world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    if not guarded:
        monkeypatch.setattr(TradingControls, "engaged", None)
    world.own(A=100)
    world.controls.engage(Control.HALTED)
    await world.ticked(A, "94")
    assert (world.broker.placed == []) is guarded


@guard
async def test_without_confirmed_cancels_a_flatten_sells_too_much(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    async def believes(rotation: Rotation) -> Cancelled:
        live = tuple(order.intent.client_order_id for order in rotation.order_manager.journal.open())
        return Cancelled(live, ())

    if not guarded:
        monkeypatch.setattr(Rotation, "cancel_working", believes)
    world.own(A=100, B=100)
    world.broker.manners[A], world.broker.deaf = [hostile.works], {A}
    await world.order_manager.send([intent("p-S01-1", A, SELL, 100, "110")])
    with contextlib.suppress(RebalanceRefused):
        await world.rotation.flatten()
    assert (len(world.broker.placed) == 1) is guarded
