"""The SDK has no default timeout; ``set_timeout`` is the only guard, and it has its own traps."""

from __future__ import annotations

import time

from miniqmt_emulator.control import Control

from tests.miniqmt.helpers import HOUR, TraderHandle, in_thread


def test_unanswered_order_blocks_for_ever(trader: TraderHandle, control: Control) -> None:
    control.next_order("no_response")
    blocked, results = in_thread(lambda: trader.buy(10, 118.0))
    blocked.join(0.3)
    assert blocked.is_alive()
    assert not results


def test_timeout_returns_zero_not_minus_one(trader: TraderHandle, control: Control) -> None:
    trader.api.set_timeout(150)
    control.next_order("no_response")
    started = time.monotonic()
    assert trader.buy(10, 118.0) == 0
    assert time.monotonic() - started > 0.14


def test_timeout_of_an_async_order(trader: TraderHandle, control: Control) -> None:
    trader.api.set_timeout(50)
    control.next_order("no_response")
    sequence = trader.buy_async(10, 118.0, "lost")
    assert trader.callback.wait("on_order_stock_async_response")
    response = trader.callback.of("on_order_stock_async_response")[0]
    assert (response.seq, response.order_id, response.order_remark) == (sequence, 0, "")


def test_timeout_of_queries_looks_like_an_empty_account(trader: TraderHandle, control: Control) -> None:
    control.next_call("*", "no_response", times=4)
    with trader.timeout(50):
        assert trader.asset() is None
        assert trader.positions() == []
        assert trader.orders() == []
        assert trader.trades() == []
    assert trader.asset() is not None


def test_timeout_cannot_be_switched_off(trader: TraderHandle, control: Control) -> None:
    trader.api.set_timeout(50)
    trader.api.set_timeout(0)
    trader.api.set_timeout(-1)
    control.next_order("no_response")
    assert trader.buy(10, 118.0) == 0


def test_answer_after_the_timeout_is_dropped(trader: TraderHandle, control: Control) -> None:
    control.next_order(response_delay=HOUR)
    with trader.timeout(50):
        trader.buy_async(10, 100.0, "late")
    assert trader.callback.wait("on_order_stock_async_response")
    control.hurry()
    trader.asset()
    assert len(trader.callback.of("on_order_stock_async_response")) == 1


def test_waiting_calls_survive_a_lost_link_only_by_timeout(trader: TraderHandle, control: Control) -> None:
    trader.api.set_timeout(1500)
    control.next_order("no_response")
    blocked, results = in_thread(lambda: trader.buy(10, 118.0))
    control.wait_for(control.requests)
    control.drop_link("trade")
    assert trader.callback.wait("on_disconnected")
    assert not results
    blocked.join(60)
    assert results == [0]
