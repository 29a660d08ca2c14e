"""What a terminal is known to do to those who trade through it: no order twice, no wrong ledger, whatever it is.

Each story is told to the emulated terminal, then a rotation runs into it. Afterwards the user carries on as users do:
looks, makes a new plan, executes it. At the end the account equals the list.
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
from tests.live.terminal_world import ACCOUNT, NEW, OLD, LiveRoom

HOUR = 3600.0
SOLD, BOUGHT = OLD[0], NEW[0]


def script(**behaviour: object) -> Callable[[Control], None]:
    """Every order of a bond to be sold and of one to be bought meets this."""

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
    """The list that is asked after a -1 is behind: the order lives, and only a later list shows it."""
    script(kind="ack_refused_but_live", pushes=False, fill="none")(control)
    control.next_call("query_orders", "empty")  # the look before anything is sent
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
async def test_the_account_comes_to_equal_the_list(room: LiveRoom, story: str) -> None:
    STORIES[story](room.control)
    await room.rebalance()
    room.check()
    room.control.clear_script()
    await room.finish()


async def test_pushes_of_the_whole_day_that_come_again_change_nothing(room: LiveRoom) -> None:
    await room.rebalance()
    room.control.replay_pushes(ACCOUNT, times=24)
    await room.broker.asset()
    assert room.order_manager.status.faults == ()
    await room.finish()


async def test_an_order_that_was_lost_stays_unknown_and_freezes_its_bond_until_a_new_connection_proves_it(
    room: LiveRoom,
) -> None:
    room.control.next_order("no_response", code=str(SOLD))
    assert "1 orders unresolved" in await room.rebalance()
    (row,) = await room.reconciled()
    assert "is unknown" in row
    assert [order.state for order in room.orders(SOLD)] == [OrderState.UNKNOWN]
    assert len(room.control.requests(code=str(SOLD))) == 1
    await room.again()
    await room.finish()


async def test_an_account_that_comes_back_over_the_connection_that_sent_it_proves_nothing(room: LiveRoom) -> None:
    """The request may still lie in the terminal, however long the account was out of reach meanwhile."""
    room.control.next_order("hang_then_ok", delay=HOUR, code=str(SOLD))
    await room.rebalance()
    room.control.set_account_status(ACCOUNT, 5)
    await room.link_is(up=False)
    room.control.set_account_status(ACCOUNT, 0)
    await room.link_is(up=True)
    await room.clock.sleep(2 * ABSENCE_PROOF)
    assert "is unknown" in (await room.reconciled())[0]
    room.control.hurry()
    await room.finish()
    assert len(room.control.requests(code=str(SOLD))) <= 2
    assert room.orders(SOLD)[0].order_id is not None


async def test_an_order_that_the_terminal_takes_long_after_is_found_and_not_sent_again(room: LiveRoom) -> None:
    room.control.next_order("hang_then_ok", delay=HOUR, code=str(BOUGHT))
    assert "1 orders unresolved" in await room.rebalance()
    assert "is unknown" in (await room.reconciled())[0]
    plan = await room.plan()
    assert [row.code for row in plan.blocked] == [BOUGHT]
    room.control.hurry()
    await room.finish()
    assert len(room.control.requests(code=str(BOUGHT))) == 1


async def test_a_connection_that_breaks_between_order_and_answer(room: LiveRoom) -> None:
    room.control.next_order(response_delay=HOUR, code=str(SOLD), fill="none", pushes=False)
    plan = await room.plan()
    running = asyncio.create_task(room.rotation.execute(plan))
    await asyncio.to_thread(room.control.wait_order, code=str(SOLD), status=50)
    room.control.drop_link("trade")
    await running
    assert room.orders(SOLD)[0].unresolved
    assert isinstance(await room.broker.positions(), Unknown)
    room.control.restore_link("trade")
    await room.finish()


async def test_a_break_that_nobody_is_told_of(room: LiveRoom) -> None:
    """The SDK goes on as if connected and answers nothing; what is sent is lost."""
    plan = await room.plan()
    room.control.drop_link("trade", noticed_after=HOUR)
    with pytest.raises(Exception, match="not known"):
        await room.rotation.execute(plan)
    for _ in range(4):
        await room.broker.asset()
    assert not room.broker.connection.connected
    room.control.restore_link("trade")
    await room.finish()


async def test_nothing_is_sent_before_the_account_was_reconciled_after_a_break(room: LiveRoom) -> None:
    plan = await room.plan()
    room.control.drop_link("trade")
    await room.link_is(up=False)
    room.control.restore_link("trade")
    await room.link_is(up=True)
    await room.rotation.execute(plan)
    assert room.control.requests() == []
    assert all("not reconciled" in reason for reason in room.rotation.executor.stopped.values())
    await room.finish()


@pytest.mark.parametrize("query", ["query_asset", "query_positions", "query_orders"])
async def test_an_empty_answer_is_no_empty_account(room: LiveRoom, query: str) -> None:
    """Disconnected, the SDK answers None for the asset and [] for the lists."""
    room.control.next_call(query, "empty", times=-1)
    if query == "query_orders":
        assert await room.broker.orders(room.clock.now().date()) == Known(())
        room.control.next_call("query_asset", "empty")
        assert isinstance(await room.broker.orders(room.clock.now().date()), Unknown)
    else:
        plan = await room.plan()
        assert plan.refused is not None
        assert plan.legs == ()
    room.control.clear_script()
    await room.finish()


@pytest.mark.parametrize("query", ["query_asset", "query_positions", "query_orders", "query_trades"])
async def test_a_timeout_is_no_empty_account(room: LiveRoom, query: str) -> None:
    """The SDK's own time-out answers as an empty account does."""
    room.control.next_call(query, "no_response")
    plan = await room.plan()
    if plan.refused is None:
        with pytest.raises(Exception, match="not known"):
            await room.rotation.execute(plan)
    assert room.control.requests() == []
    room.control.clear_script()
    await room.finish()


@pytest.mark.parametrize("status", [-1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 42])
async def test_only_an_account_in_state_0_is_traded(room: LiveRoom, status: int) -> None:
    plan = await room.plan()
    room.control.set_account_status(ACCOUNT, status)
    await room.link_is(up=False)
    assert f"state {status}" in room.broker.connection.detail
    refused = await room.plan()
    assert refused.refused is not None
    assert f"state {status}" in refused.refused
    with pytest.raises(Exception, match="state"):
        await room.rotation.execute(plan)
    room.control.set_account_status(ACCOUNT, 0)
    await room.finish()


async def test_an_account_that_leaves_state_0_in_the_middle(room: LiveRoom) -> None:
    room.control.next_order(code=str(SOLD), fill="none")
    plan = await room.plan()
    running = asyncio.create_task(room.rotation.execute(plan))
    await asyncio.to_thread(room.control.wait_order, code=str(SOLD), status=50)
    room.control.set_account_status(ACCOUNT, 5)
    await running
    room.check()
    room.control.set_account_status(ACCOUNT, 0)
    await room.finish()


async def test_a_call_of_the_sdk_that_never_returns_costs_its_thread_and_nothing_else(
    room: LiveRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits behind it is not sent late: it is not sent at all."""
    from xtquant.xttrader import XtQuantTrader

    held, send = threading.Event(), XtQuantTrader.order_stock_async
    calls: list[str] = []

    def hangs(self: Any, account: object, code: str, *rest: Any) -> int:
        calls.append(code)
        if len(calls) == 1:
            held.wait()
        return int(send(self, account, code, *rest))

    plan = await room.plan()
    with monkeypatch.context() as patch:
        patch.setattr(XtQuantTrader, "order_stock_async", hangs)
        await room.rotation.execute(plan)
        states = {order.intent.code: order.state for order in room.journal.of_plan(plan.plan_id)}
        assert states[BOUGHT if calls[0] == BOUGHT else OLD[0]] is OrderState.UNKNOWN
        assert list(states.values()).count(OrderState.REFUSED) == len(states) - 1
        held.set()
        await asyncio.sleep(0.1)
        assert len(calls) == 1
    await room.again()
    await room.reconciled()
    await room.finish()


async def test_the_terminal_is_killed_and_started_again_in_the_middle(mortal_room: LiveRoom) -> None:
    room = mortal_room
    room.control.next_order(code=str(SOLD), fill="none")
    plan = await room.plan()
    running = asyncio.create_task(room.rotation.execute(plan))
    await asyncio.to_thread(room.control.wait_order, code=str(SOLD), status=50)
    room.terminal.kill()
    await running
    assert not room.broker.connection.connected
    assert isinstance(await room.broker.asset(), Unknown)
    room.terminal.start()
    room.control = room.terminal.control
    await room.finish()


async def test_days_and_the_terminal_s_restarts_between_them(mortal_room: LiveRoom) -> None:
    """Order numbers begin anew every morning: yesterday's must not be taken for today's."""
    room = mortal_room
    await room.rebalance()
    for codes in (OLD, NEW):
        room.terminal.kill()
        await room.link_is(up=False)
        room.terminal.start()
        room.control = room.terminal.control
        await room.next_day()
        assert await room.reconciled() == ()
        await room.rebalance(codes)
        await room.finish(codes)
    days = {order.intent.trading_day for order in room.journal.all()}
    numbers = [order.order_id for order in room.journal.all()]
    assert len(days) == 3
    assert len(set(numbers)) < len(numbers), "the terminal did use its numbers again"


async def test_what_the_user_trades_by_hand_is_the_user_s_own(room: LiveRoom) -> None:
    own = NEW[3]
    room.control.manual_order(ACCOUNT, str(own), 23, 50, 101.0)
    room.control.settle()
    assert await room.reconciled() == ()
    plan = await room.plan(NEW)
    assert [(row.code, row.ours) for row in plan.kept] == [(own, False)]
    await room.rotation.execute(plan)
    assert room.held[own] == 50
    assert own not in room.ledger.holdings()
    await room.rebalance(OLD)
    assert room.held[own] == 50


async def test_a_sale_by_hand_of_what_is_ours_keeps_trading_off_and_is_named(room: LiveRoom) -> None:
    room.control.manual_order(ACCOUNT, str(SOLD), 24, 60, 99.0)
    room.control.settle()
    (row,) = await room.reconciled()
    assert row.startswith(f"{SOLD}: the ledger owns 100 张, the account holds 40")
