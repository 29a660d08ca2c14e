"""Scripted reactions: what a test can make the terminal do to the next order or cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from miniqmt_emulator.control import Control, ControlError

from tests.miniqmt.helpers import BOND, HOUR, OTHER, TraderHandle, in_thread, until


def test_refused_answer_but_live_order(trader: TraderHandle, control: Control) -> None:
    control.next_order("ack_refused_but_live")
    assert trader.buy(10, 119.0, "ghost") == -1
    control.wait_order(remark="ghost", status=56)
    assert [order.order_remark for order in trader.orders()] == ["ghost"]
    assert "on_order_error" not in trader.callback.names()


def test_live_order_without_an_answer(trader: TraderHandle, control: Control) -> None:
    control.next_order("no_ack")
    with trader.timeout(100):
        assert trader.buy(10, 119.0, "silent") == 0  # outcome unknown
    assert trader.wait_status(trader.orders()[0].order_id, 56).order_remark == "silent"


def test_request_that_never_arrives(trader: TraderHandle, control: Control) -> None:
    control.next_order("no_response")
    with trader.timeout(100):
        assert trader.buy(10, 119.0, "lost") == 0  # the same answer, but nothing exists
    assert trader.orders() == []
    (request,) = control.requests()
    assert (request["remark"], request["order_id"]) == ("lost", None)


def test_order_that_appears_after_the_timeout(trader: TraderHandle, control: Control) -> None:
    control.next_order("hang_then_ok", delay=HOUR)
    with trader.timeout(100):
        assert trader.buy(10, 100.0, "late") == 0
    assert trader.orders() == []  # not there yet
    control.hurry()
    control.wait_order(remark="late", status=50)
    assert [order.order_remark for order in trader.orders()] == ["late"]


def test_hang_without_a_timeout(trader: TraderHandle, control: Control) -> None:
    control.next_order("hang_then_ok", delay=HOUR)
    blocked, results = in_thread(lambda: trader.buy(10, 100.0, "slow"))
    control.wait_for(control.requests)
    assert trader.orders() == []
    assert not results
    control.hurry()
    blocked.join(60)
    assert results[0] > 0


def test_answer_after_the_order_went_live(trader: TraderHandle, control: Control) -> None:
    control.next_order(response_delay=HOUR)
    blocked, results = in_thread(lambda: trader.buy(10, 119.0, "first"))
    trader.callback.wait_status(56)
    assert not results
    control.hurry()
    blocked.join(60)
    assert results[0] == trader.orders()[0].order_id


def test_no_pushes(trader: TraderHandle, control: Control) -> None:
    control.next_order(pushes=False)
    order_id = trader.buy(10, 119.0, "quiet")
    trader.wait_status(order_id, 56)
    control.settle()
    assert trader.callback.names() == []


def test_late_pushes_show_the_past(trader: TraderHandle, control: Control) -> None:
    control.next_order(push_delay=HOUR)
    order_id = trader.buy(10, 119.0, "stale")
    trader.wait_status(order_id, 56)
    assert trader.callback.names() == []
    control.hurry()
    trader.callback.wait_status(56)
    assert trader.callback.statuses("stale") == [49, 50, 56]


def test_half_now_the_rest_later(trader: TraderHandle, control: Control) -> None:
    control.next_order(fill="half_then_rest", rest_delay=HOUR)
    order_id = trader.buy(50, 119.0, "two")
    assert trader.wait_status(order_id, 55).traded_volume == 20
    control.hurry()
    trader.wait_status(order_id, 56)
    assert [trade.traded_volume for trade in trader.trades()] == [20, 30]
    assert until(lambda: trader.callback.statuses("two") == [49, 50, 55, 56])


def test_never_filled(trader: TraderHandle, control: Control) -> None:
    control.next_order(fill="none")
    order_id = trader.buy(10, 119.0)
    trader.wait_status(order_id, 50)
    control.set_quote(BOND, 110.0)
    assert trader.order(order_id).traded_volume == 0
    trader.cancel(order_id)
    trader.wait_status(order_id, 54)


def test_filled_whatever_the_book_says(trader: TraderHandle, control: Control) -> None:
    control.next_order(fill="full")
    trader.wait_status(trader.buy(300, 100.0), 56)
    assert [trade.traded_price for trade in trader.trades()] == [100.0]


def test_script_waits_for_its_order(trader: TraderHandle, control: Control) -> None:
    control.next_order("junk", code=OTHER, error_msg="[COUNTER][测试]")
    control.next_order("reject_local", remark="exact")
    assert trader.buy(10, 119.0, "free") > 0
    assert trader.buy(10, 119.0, "exact") == -1
    order_id = trader.buy(10, 120.0, "junk", code=OTHER)
    assert trader.wait_status(order_id, 57).status_msg == "[COUNTER][测试]"


def test_script_for_several_orders(trader: TraderHandle, control: Control) -> None:
    control.next_order("reject_local", times=2)
    assert [trader.buy(10, 119.0) > 0 for _ in range(3)] == [False, False, True]
    control.next_order("reject_local", times=-1)
    assert [trader.buy(10, 119.0) > 0 for _ in range(3)] == [False, False, False]
    control.clear_script()
    assert trader.buy(10, 119.0) > 0


def test_cancel_without_an_answer(trader: TraderHandle, control: Control) -> None:
    """The SDK reports 0, "success", although nothing was cancelled."""
    order_id = trader.buy(10, 100.0)
    trader.wait_status(order_id, 50)
    control.next_cancel("no_response")
    with trader.timeout(100):
        assert trader.cancel(order_id) == 0
    assert trader.order(order_id).order_status == 50
    assert trader.cancel(order_id) == 0
    trader.wait_status(order_id, 54)


def test_cancel_done_without_an_answer(trader: TraderHandle, control: Control) -> None:
    order_id = trader.buy(10, 100.0)
    control.next_cancel("no_ack")
    with trader.timeout(100):
        assert trader.cancel(order_id) == 0
    trader.wait_status(order_id, 54)


def test_cancel_refused(trader: TraderHandle, control: Control) -> None:
    order_id = trader.buy(10, 100.0)
    trader.wait_status(order_id, 50)
    control.next_cancel("refuse")
    assert trader.cancel(order_id) == -1
    assert trader.callback.wait("on_cancel_error")
    assert trader.order(order_id).order_status == 50


def test_cancel_accepted_but_ignored(trader: TraderHandle, control: Control) -> None:
    order_id = trader.buy(10, 100.0)
    trader.wait_status(order_id, 50)
    control.next_cancel("ack_only")
    assert trader.cancel(order_id) == 0
    control.settle()
    assert trader.order(order_id).order_status == 50


def test_fill_overtakes_the_cancel(trader: TraderHandle, control: Control) -> None:
    order_id = trader.buy(10, 100.0, "race")
    trader.wait_status(order_id, 50)
    control.next_cancel("fill_first")
    assert trader.cancel(order_id) == 0
    assert trader.wait_status(order_id, 56).traded_volume == 10
    assert until(lambda: trader.callback.statuses("race") == [49, 50, 51, 56])


def test_quote_may_fill_an_order_that_is_being_cancelled(trader: TraderHandle, control: Control) -> None:
    control.configure(latency={"cancel_done": HOUR})
    order_id = trader.buy(40, 100.0, "race")
    trader.wait_status(order_id, 50)
    trader.cancel(order_id)
    control.set_quote(BOND, 100.0, asks=[(100.0, 10)])
    assert trader.order(order_id).order_status == 52
    control.hurry()
    assert trader.wait_status(order_id, 53).traded_volume == 10
    assert trader.callback.wait_status(53)
    assert trader.callback.statuses("race") == [49, 50, 51, 52, 53]


def test_late_answer_does_not_reach_a_successor(new_trader: Callable[..., TraderHandle], control: Control) -> None:
    """Sequence numbers begin at 1 again, so it would be taken for the answer to another order."""
    control.configure(session_reuse_gap=0.0)
    control.next_order(remark="old", response_delay=HOUR)
    control.next_order(remark="new", response_delay=2 * HOUR)
    sequences = []
    for remark in ("old", "new"):
        handle = new_trader(session=7)
        assert control.wait_for(lambda handle=handle: handle.connect() == 0)
        handle.subscribe()
        sequences.append(handle.buy_async(10, 100.0, remark))
        control.wait_order(remark=remark, status=50)
        if remark == "old":
            handle.close()
    assert sequences == [2, 2]
    control.hurry()
    assert handle.callback.wait("on_order_stock_async_response")
    (response,) = handle.callback.of("on_order_stock_async_response")
    assert response.order_id == control.orders(remark="new")[0]["order_id"]


@pytest.mark.parametrize(
    ("lever", "arguments"),
    [
        ("next_order", {"kind": "nonsense"}),
        ("next_order", {"fill": "nonsense"}),
        ("next_order", {"nonsense": 1}),
        ("next_cancel", {"kind": "nonsense"}),
        ("next_call", {"op": "nonsense", "mode": "empty"}),
        ("next_call", {"op": "connect", "mode": "nonsense"}),
        ("configure", {"nonsense": 1}),
        ("configure", {"session_reuse_gap": "three"}),
        ("configure", {"shortage_reject": "nonsense"}),
        ("set_quote", {"code": "nonsense"}),
        ("set_cash", {"account_id": "nonsense", "cash": 1}),
        ("drop_link", {"which": "nonsense"}),
        ("nonsense", {}),
        ("_account", {"account_id": "8880001"}),
    ],
)
def test_mistakes_in_a_test_are_reported(control: Control, lever: Any, arguments: Any) -> None:
    with pytest.raises(ControlError):
        control.call(lever, **arguments)
