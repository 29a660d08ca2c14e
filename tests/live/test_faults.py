"""Known faults of the terminal: none may send an order twice or make the ledger wrong.

Each fault is set in the emulated terminal, then a rebalance meets it. Afterwards the user continues as users do: makes
a new plan and executes it. At the end the account equals the list.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from miniqmt_emulator.control import Control

from core.brokers.qmt import ABSENCE_PROOF
from core.model.known import Known, Unknown
from core.model.order import OrderState
from tests.live.terminal_world import ACCOUNT, NEW, OLD, TerminalWorld
from tests.sampled import sampled

HOUR = 3600.0
SOLD, BOUGHT = OLD[0], NEW[0]


def script(**behaviour: object) -> Callable[[Control], None]:
    """Applies to every order of one bond to sell and one to buy."""

    def tell(control: Control) -> None:
        for code in (SOLD, BOUGHT):
            control.next_order(code=str(code), **behaviour)  # type: ignore[arg-type]

    return tell


def noisy(control: Control) -> None:
    control.next_order(
        times=-1, dup_order_push=3, dup_trade_push=3, trade_before_order=True, order_push_before_response=True
    )


def late_fill(control: Control) -> None:
    script(fill="none")(control)
    for code in (SOLD, BOUGHT):
        control.next_cancel("fill_first", code=str(code))


def half_then_cancelled(control: Control) -> None:
    control.configure(pushed_part_cancel_status=55)
    script(fill="half")(control)


def deaf_to_cancels(control: Control) -> None:
    script(fill="none")(control)
    for code in (SOLD, BOUGHT):
        control.next_cancel("no_response", code=str(code))


def refused_and_unlisted(control: Control) -> None:
    """The list queried after a -1 is stale: the order is open, and only a later list shows it."""
    script(kind="ack_refused_but_live", pushes=False, fill="none")(control)
    control.next_call("query_orders", "empty")  # the check before anything is sent
    control.next_call("query_orders", "stale", delay=6.0)


STORIES: dict[str, Callable[[Control], None]] = {
    "the answer is lost": script(kind="no_ack"),
    "the answer is lost, and every push": script(kind="no_ack", pushes=False),
    "-1 while the order lives": script(kind="ack_refused_but_live"),
    "-1 while the order lives, and no push": script(kind="ack_refused_but_live", pushes=False),
    "-1 while the order lives, and the list is behind": refused_and_unlisted,
    "pushes come double and in the wrong order": noisy,
    "no push ever comes": script(pushes=False),
    "fills after the cancel": late_fill,
    "a part fill, then a cancel that is pushed as one": half_then_cancelled,
    "a cancel that is lost": deaf_to_cancels,
    "a late answer": script(response_delay=1.0),
    "rejected by the counter": script(kind="junk"),
    "refused by the terminal": script(kind="reject_local"),
    "refused, the error first": script(kind="reject_local", error_before_response=True),
}


@pytest.mark.parametrize("story", STORIES)
async def test_the_account_ends_equal_to_the_list(terminal_world: TerminalWorld, story: str) -> None:
    STORIES[story](terminal_world.control)
    await terminal_world.rebalance()
    terminal_world.check()
    terminal_world.control.clear_script()
    await terminal_world.finish()


async def test_repeated_pushes_of_the_whole_day_change_nothing(terminal_world: TerminalWorld) -> None:
    await terminal_world.rebalance()
    terminal_world.control.replay_pushes(ACCOUNT, times=24)
    await terminal_world.broker.asset()
    assert terminal_world.order_manager.status.faults == ()
    await terminal_world.finish()


async def test_a_lost_order_stays_unknown_and_blocks_its_bond_until_a_new_connection(
    terminal_world: TerminalWorld,
) -> None:
    terminal_world.control.next_order("no_response", code=str(SOLD))
    assert "1 orders unresolved" in await terminal_world.rebalance()
    (row,) = await terminal_world.reconciled()
    assert "is unknown" in row
    assert [order.state for order in terminal_world.orders(SOLD)] == [OrderState.UNKNOWN]
    assert len(terminal_world.control.requests(code=str(SOLD))) == 1
    await terminal_world.again()
    await terminal_world.finish()


async def test_an_account_back_on_the_same_connection_proves_nothing(
    terminal_world: TerminalWorld,
) -> None:
    """The request may still lie in the terminal, however long the account was out of reach meanwhile."""
    terminal_world.control.next_order("hang_then_ok", delay=HOUR, code=str(SOLD))
    await terminal_world.rebalance()
    terminal_world.control.set_account_status(ACCOUNT, 5)
    await terminal_world.link_is(up=False)
    terminal_world.control.set_account_status(ACCOUNT, 0)
    await terminal_world.link_is(up=True)
    await terminal_world.clock.sleep(2 * ABSENCE_PROOF)
    assert "is unknown" in (await terminal_world.reconciled())[0]
    terminal_world.control.hurry()
    await terminal_world.finish()
    assert len(terminal_world.control.requests(code=str(SOLD))) <= 2
    assert terminal_world.orders(SOLD)[0].order_id is not None


async def test_an_order_accepted_late_is_found_and_not_resent(
    terminal_world: TerminalWorld,
) -> None:
    terminal_world.control.next_order("hang_then_ok", delay=HOUR, code=str(BOUGHT))
    assert "1 orders unresolved" in await terminal_world.rebalance()
    assert "is unknown" in (await terminal_world.reconciled())[0]
    plan = await terminal_world.plan()
    assert [row.code for row in plan.blocked] == [BOUGHT]
    terminal_world.control.hurry()
    await terminal_world.finish()
    assert len(terminal_world.control.requests(code=str(BOUGHT))) == 1


async def test_a_connection_lost_between_order_and_response(terminal_world: TerminalWorld) -> None:
    terminal_world.control.next_order(response_delay=HOUR, code=str(SOLD), fill="none", pushes=False)
    plan = await terminal_world.plan()
    running = asyncio.create_task(terminal_world.rotation.execute(plan))
    await asyncio.to_thread(terminal_world.control.wait_order, code=str(SOLD), status=50)
    terminal_world.control.drop_link("trade")
    await running
    assert terminal_world.orders(SOLD)[0].unresolved
    assert isinstance(await terminal_world.broker.positions(), Unknown)
    terminal_world.control.restore_link("trade")
    await terminal_world.finish()


async def test_a_connection_lost_without_notice(terminal_world: TerminalWorld) -> None:
    """The SDK behaves as if connected and returns nothing; what is sent is lost."""
    plan = await terminal_world.plan()
    terminal_world.control.drop_link("trade", noticed_after=HOUR)
    with pytest.raises(Exception, match="not known"):
        await terminal_world.rotation.execute(plan)
    for _ in range(4):
        await terminal_world.broker.asset()
    assert not terminal_world.broker.connection.connected
    terminal_world.control.restore_link("trade")
    await terminal_world.finish()


async def test_nothing_is_sent_after_a_disconnect_before_reconciliation(terminal_world: TerminalWorld) -> None:
    plan = await terminal_world.plan()
    terminal_world.control.drop_link("trade")
    await terminal_world.link_is(up=False)
    terminal_world.control.restore_link("trade")
    await terminal_world.link_is(up=True)
    await terminal_world.rotation.execute(plan)
    assert terminal_world.control.requests() == []
    assert all("not reconciled" in reason for reason in terminal_world.rotation.executor.stopped.values())
    await terminal_world.finish()


@pytest.mark.parametrize("query", ["query_asset", "query_positions", "query_orders"])
async def test_an_empty_response_is_not_an_empty_account(terminal_world: TerminalWorld, query: str) -> None:
    """Disconnected, the SDK returns None for the asset and [] for the lists."""
    terminal_world.control.next_call(query, "empty", times=-1)
    if query == "query_orders":
        assert await terminal_world.broker.orders(terminal_world.clock.now().date()) == Known(())
        terminal_world.control.next_call("query_asset", "empty")
        assert isinstance(await terminal_world.broker.orders(terminal_world.clock.now().date()), Unknown)
    else:
        plan = await terminal_world.plan()
        assert plan.refused is not None
        assert plan.legs == ()
    terminal_world.control.clear_script()
    await terminal_world.finish()


@pytest.mark.parametrize("query", ["query_asset", "query_positions", "query_orders", "query_trades"])
async def test_a_timeout_is_not_an_empty_account(terminal_world: TerminalWorld, query: str) -> None:
    """The SDK's own timeout looks like an empty account."""
    terminal_world.control.next_call(query, "no_response")
    plan = await terminal_world.plan()
    if plan.refused is None:
        with pytest.raises(Exception, match="not known"):
            await terminal_world.rotation.execute(plan)
    assert terminal_world.control.requests() == []
    terminal_world.control.clear_script()
    await terminal_world.finish()


@pytest.mark.parametrize("status", sampled([-1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 42], 3))
async def test_only_an_account_in_state_0_is_traded(terminal_world: TerminalWorld, status: int) -> None:
    plan = await terminal_world.plan()
    terminal_world.control.set_account_status(ACCOUNT, status)
    await terminal_world.link_is(up=False)
    assert f"state {status}" in terminal_world.broker.connection.detail
    refused = await terminal_world.plan()
    assert refused.refused is not None
    assert f"state {status}" in refused.refused
    with pytest.raises(Exception, match="state"):
        await terminal_world.rotation.execute(plan)
    terminal_world.control.set_account_status(ACCOUNT, 0)
    await terminal_world.finish()


async def test_an_account_that_leaves_state_0_during_a_rebalance(terminal_world: TerminalWorld) -> None:
    terminal_world.control.next_order(code=str(SOLD), fill="none")
    plan = await terminal_world.plan()
    running = asyncio.create_task(terminal_world.rotation.execute(plan))
    await asyncio.to_thread(terminal_world.control.wait_order, code=str(SOLD), status=50)
    terminal_world.control.set_account_status(ACCOUNT, 5)
    await running
    terminal_world.check()
    terminal_world.control.set_account_status(ACCOUNT, 0)
    await terminal_world.finish()


async def test_an_sdk_call_that_never_returns_costs_only_its_thread(
    terminal_world: TerminalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orders waiting behind it are not sent later: they are not sent at all."""
    from xtquant.xttrader import XtQuantTrader

    held, send = threading.Event(), XtQuantTrader.order_stock_async
    calls: list[str] = []

    def hangs(self: Any, account: object, code: str, *rest: Any) -> int:
        calls.append(code)
        if len(calls) == 1:
            held.wait()
        return int(send(self, account, code, *rest))

    plan = await terminal_world.plan()
    with monkeypatch.context() as patch:
        patch.setattr(XtQuantTrader, "order_stock_async", hangs)
        await terminal_world.rotation.execute(plan)
        states = {order.intent.code: order.state for order in terminal_world.journal.of_plan(plan.plan_id)}
        assert states[BOUGHT if calls[0] == BOUGHT else OLD[0]] is OrderState.UNKNOWN
        assert list(states.values()).count(OrderState.REFUSED) == len(states) - 1
        held.set()
        await asyncio.sleep(0.1)
        assert len(calls) == 1
    await terminal_world.again()
    await terminal_world.reconciled()
    await terminal_world.finish()


async def test_the_terminal_is_killed_and_restarted_during_a_rebalance(mortal_room: TerminalWorld) -> None:
    terminal_world = mortal_room
    terminal_world.control.next_order(code=str(SOLD), fill="none")
    plan = await terminal_world.plan()
    running = asyncio.create_task(terminal_world.rotation.execute(plan))
    await asyncio.to_thread(terminal_world.control.wait_order, code=str(SOLD), status=50)
    terminal_world.terminal.kill()
    await running
    assert not terminal_world.broker.connection.connected
    assert isinstance(await terminal_world.broker.asset(), Unknown)
    terminal_world.terminal.start()
    terminal_world.control = terminal_world.terminal.control
    await terminal_world.finish()


@pytest.mark.slow
async def test_several_days_with_terminal_restarts(mortal_room: TerminalWorld) -> None:
    """Order numbers restart every morning: yesterday's must not be mistaken for today's."""
    terminal_world = mortal_room
    await terminal_world.rebalance()
    for codes in (OLD, NEW):
        terminal_world.terminal.kill()
        await terminal_world.link_is(up=False)
        terminal_world.terminal.start()
        terminal_world.control = terminal_world.terminal.control
        await terminal_world.next_day()
        assert await terminal_world.reconciled() == ()
        await terminal_world.rebalance(codes)
        await terminal_world.finish(codes)
    days = {order.intent.trading_day for order in terminal_world.journal.all()}
    numbers = [order.order_id for order in terminal_world.journal.all()]
    assert len(days) == 3
    assert len(set(numbers)) < len(numbers), "the terminal did use its numbers again"


async def test_manual_trades_belong_to_the_user(terminal_world: TerminalWorld) -> None:
    own = NEW[3]
    terminal_world.control.manual_order(ACCOUNT, str(own), 23, 50, 101.0)
    terminal_world.control.settle()
    assert await terminal_world.reconciled() == ()
    plan = await terminal_world.plan(NEW)
    assert [(row.code, row.ours) for row in plan.kept] == [(own, False)]
    await terminal_world.rotation.execute(plan)
    assert terminal_world.held[own] == 50
    assert own not in terminal_world.ledger.holdings()
    await terminal_world.rebalance(OLD)
    assert terminal_world.held[own] == 50


async def test_a_manual_sale_of_a_managed_bond_keeps_trading_off_and_is_named(terminal_world: TerminalWorld) -> None:
    terminal_world.control.manual_order(ACCOUNT, str(SOLD), 24, 60, 99.0)
    terminal_world.control.settle()
    (row,) = await terminal_world.reconciled()
    assert row.startswith(f"{SOLD}: the ledger owns 100 张, the account holds 40")
