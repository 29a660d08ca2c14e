"""Orders and cancels as a program sees them through the SDK."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from miniqmt_emulator.control import Control

from tests.miniqmt.helpers import ACCOUNT, BOND, HELD, LIMIT, OTHER, SELL, TraderHandle, in_thread, until

REMARK = "cb1-20250807-S127045-01"  # 23 bytes, the longest that survives everywhere
LONG = "0123456789" * 4


def test_sync_order_filled_at_once(trader: TraderHandle) -> None:
    order_id = trader.sell(100, 121.0, REMARK)
    assert order_id > 0
    trader.callback.wait_status(56)
    assert trader.callback.wait("on_stock_trade")
    assert trader.callback.statuses(REMARK) == [49, 50, 56]
    assert len(trader.callback.threads()) == 1
    assert "on_order_stock_async_response" not in trader.callback.names()


def test_sold_out_position_keeps_its_row(trader: TraderHandle, control: Control) -> None:
    trader.sell(100, 121.0, REMARK)
    control.wait_order(remark=REMARK, status=56)
    position = trader.position(HELD)
    assert (position.volume, position.can_use_volume) == (0, 0)


def test_sold_out_position_may_lose_its_row(trader: TraderHandle, control: Control) -> None:
    control.configure(keep_zero_positions=False)
    trader.sell(100, 121.0, REMARK)
    control.wait_order(remark=REMARK, status=56)
    assert trader.positions() == []


def test_order_as_queried(trader: TraderHandle, control: Control) -> None:
    order_id = trader.sell(100, 121.0, REMARK)
    control.wait_order(remark=REMARK, status=56)
    order = trader.order(order_id)
    assert order.order_remark == order.m_strOrderRemark == REMARK
    assert (order.order_type, order.order_volume, order.traded_volume) == (SELL, 100, 100)
    assert order.price_type == 50  # the counter's code, not the 11 that was sent
    assert order.order_sysid
    (trade,) = trader.trades()
    assert (trade.order_id, trade.order_remark) == (order_id, REMARK)
    assert (trade.traded_volume, trade.traded_price) == (100, 121.499)


def test_async_order(trader: TraderHandle) -> None:
    sequence = trader.buy_async(50, 120.0, "async", code=OTHER)
    assert trader.callback.wait("on_order_stock_async_response")
    response = trader.callback.of("on_order_stock_async_response")[0]
    assert response.seq == sequence
    assert response.order_id > 0
    assert response.order_remark == "async"
    assert trader.callback.wait_status(50).order_id == response.order_id


def test_remark_and_strategy_are_cut(trader: TraderHandle, control: Control) -> None:
    trader.api.order_stock_async(trader.account, OTHER, 23, 50, LIMIT, 120.0, "S" * 30, LONG)
    assert trader.callback.wait("on_order_stock_async_response")
    response = trader.callback.of("on_order_stock_async_response")[0]
    assert response.order_remark == LONG[:23]
    order = trader.order(response.order_id)
    assert (order.m_strOrderRemark, order.order_remark) == (LONG[:23], LONG)
    assert order.strategy_name == "S" * 23
    control.configure(long_remark=False)
    assert trader.order(response.order_id).order_remark == LONG[:23]


def test_remark_cut_inside_a_character(trader: TraderHandle, control: Control) -> None:
    """Nobody can read it, and the SDK's sync call dies of it: the order is live, the call hangs."""
    trader.api.set_timeout(200)
    blocked, results = in_thread(lambda: trader.buy(10, 100.0, "轮动轮动轮动轮动"))  # 24 bytes
    control.wait_for(lambda: control.orders(status=50))
    blocked.join(0.4)
    assert blocked.is_alive()
    assert not results
    (order,) = trader.orders()
    assert order.order_remark == "轮动轮动轮动轮动"
    with pytest.raises(UnicodeDecodeError):
        order.m_strOrderRemark  # noqa: B018


def test_resting_order_and_cancel(trader: TraderHandle, control: Control) -> None:
    control.configure(fee_rate={"SZ": 0.0})
    order_id = trader.buy(50, 120.0, "rest", code=OTHER)
    trader.callback.wait_status(50)
    assert trader.asset().frozen_cash == 6_000.0
    assert trader.asset().cash == 44_000.0
    assert [order.order_id for order in trader.orders(cancelable_only=True)] == [order_id]
    assert trader.cancel(order_id) == 0
    trader.callback.wait_status(54)
    assert trader.callback.statuses("rest") == [49, 50, 51, 54]
    assert trader.asset().frozen_cash == 0.0
    assert trader.asset().cash == 50_000.0
    assert trader.orders(cancelable_only=True) == []


def test_frozen_volume(trader: TraderHandle) -> None:
    trader.sell(60, 130.0, "high")
    position = trader.position(HELD)
    assert (position.volume, position.can_use_volume, position.frozen_volume) == (100, 40, 60)


def test_cancelling_a_dead_order(trader: TraderHandle) -> None:
    order_id = trader.buy(50, 120.0, "rest", code=OTHER)
    trader.cancel(order_id)
    trader.wait_status(order_id, 54)
    assert trader.cancel(order_id) == -1
    assert until(lambda: "on_cancel_error" in trader.callback.names())


def test_async_cancel_of_an_unknown_order(trader: TraderHandle) -> None:
    sequence = trader.api.cancel_order_stock_async(trader.account, 999)
    assert trader.callback.wait("on_cancel_error")
    names = trader.callback.names()
    assert names.index("on_cancel_order_stock_async_response") < names.index("on_cancel_error")
    response = trader.callback.of("on_cancel_order_stock_async_response")[0]
    assert (response.seq, response.cancel_result) == (sequence, -1)


def test_cancel_by_counter_number(trader: TraderHandle) -> None:
    order_id = trader.buy(50, 120.0, "rest", code=OTHER)
    sysid = trader.wait_status(order_id, 50).order_sysid
    assert trader.api.cancel_order_stock_sysid(trader.account, "SZ", sysid) == 0
    trader.wait_status(order_id, 54)


def test_partial_fill_then_cancel(trader: TraderHandle, control: Control) -> None:
    control.next_order(fill="half")
    order_id = trader.buy(40, 119.0, "part")
    assert trader.wait_status(order_id, 55).traded_volume == 20
    assert trader.cancel(order_id) == 0
    order = trader.wait_status(order_id, 53)
    assert order.traded_volume == 20
    assert trader.callback.wait_status(53)
    assert trader.callback.statuses("part") == [49, 50, 55, 52, 53]


def test_part_cancel_may_be_pushed_as_still_part_filled(trader: TraderHandle, control: Control) -> None:
    control.configure(pushed_part_cancel_status=55)
    control.next_order(fill="half")
    order_id = trader.buy(40, 119.0, "part")
    trader.wait_status(order_id, 55)
    trader.cancel(order_id)
    trader.wait_status(order_id, 53)
    assert until(lambda: trader.callback.statuses("part") == [49, 50, 55, 52, 55])


def test_local_reject(trader: TraderHandle, control: Control) -> None:
    control.next_order("reject_local", error_msg="账号未登录")
    assert trader.buy(10, 118.0, "no") == -1
    assert trader.callback.wait("on_order_error")
    error = trader.callback.of("on_order_error")[0]
    assert (error.order_id, error.error_msg, error.order_remark) == (-1, "账号未登录", "no")
    assert trader.orders() == []


def test_junk_order(trader: TraderHandle) -> None:
    trader.buy_async(100_000, 118.0, "much")
    junk = trader.callback.wait_status(57)
    assert trader.callback.wait("on_order_error")
    names = trader.callback.names()
    assert names.index("on_order_stock_async_response") < names.index("on_order_error")
    assert junk.status_msg == "[COUNTER][260200][可"  # 23 bytes, cut between characters
    assert trader.callback.of("on_order_error")[0].error_msg == "[COUNTER][260200][可用资金不足]"


def test_status_text_cut_inside_a_character(trader: TraderHandle, control: Control) -> None:
    control.configure(status_msg_cut="byte")
    trader.buy_async(100_000, 118.0, "much")
    junk = trader.callback.wait_status(57)
    with pytest.raises(UnicodeDecodeError):
        junk.status_msg  # noqa: B018


def test_stale_order_error_is_delivered_again(trader: TraderHandle, control: Control) -> None:
    """A defect of the SDK's Python layer that programs have to live with."""
    control.next_order("reject_local", error_before_response=True, error_msg="first")
    trader.buy_async(10, 118.0, "rej-A")
    assert trader.callback.wait("on_order_error")
    control.next_order("reject_local", error_msg="second")
    trader.buy_async(10, 118.0, "rej-B")
    assert trader.callback.wait("on_order_error", 3)
    errors = [error.order_remark for error in trader.callback.of("on_order_error")]
    assert errors == ["rej-A", "rej-A", "rej-B"]


def test_push_before_response_and_repeated_trades(trader: TraderHandle, control: Control) -> None:
    control.next_order(
        code=BOND,
        order_push_before_response=True,
        trade_before_order=True,
        dup_trade_push=2,
        dup_order_push=1,
    )
    trader.buy_async(20, 118.3, "weird")
    trader.callback.wait_status(56)
    names = trader.callback.names()
    assert names.index("on_stock_order") < names.index("on_order_stock_async_response")
    assert trader.callback.statuses("weird") == [49, 50, 50, 56]
    trades = trader.callback.of("on_stock_trade")
    assert len(trades) == 3
    assert len({trade.traded_id for trade in trades}) == 1
    assert len(trader.trades()) == 1
    assert names.index("on_stock_trade") < len(names) - 1  # before the last order push


def test_replayed_pushes(trader: TraderHandle, control: Control) -> None:
    trader.sell(100, 121.0, "once")
    trader.callback.wait_status(56)
    control.settle()
    trader.callback.clear()
    control.replay_pushes(ACCOUNT, times=24)
    assert trader.callback.wait("on_stock_trade", 24)
    assert len(trader.trades()) == 1


def test_two_sessions_of_one_account_both_hear(trader: TraderHandle, new_trader: Callable[..., TraderHandle]) -> None:
    other = new_trader(session=101)
    other.connect()
    other.subscribe()
    trader.sell(100, 121.0, "shared")
    trader.callback.wait_status(56)
    other.callback.wait_status(56)


def test_order_placed_by_hand(trader: TraderHandle, control: Control) -> None:
    control.manual_order(ACCOUNT, HELD, SELL, 50, 130.0)
    order = trader.callback.wait_status(50)
    assert order.order_remark == ""
    control.manual_cancel(ACCOUNT, order.order_id)
    trader.callback.wait_status(54)
    assert [entry["session"] for entry in control.requests()] == [None]


def test_push_of_asset_and_position_only_on_request(trader: TraderHandle, control: Control) -> None:
    trader.sell(50, 121.0, "quiet")
    trader.callback.wait_status(56)
    control.settle()
    assert not {"on_stock_asset", "on_stock_position"} & set(trader.callback.names())
    control.configure(push_asset=True, push_position=True)
    trader.sell(50, 121.0, "loud")
    assert trader.callback.wait("on_stock_asset")
    assert trader.callback.wait("on_stock_position")
