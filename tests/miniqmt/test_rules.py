"""What the counter refuses: every such order ends as junk (57) with the counter's text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from miniqmt_emulator.control import Control

from tests.miniqmt.helpers import ACCOUNT, BOND, BUY, HELD, OTHER, SELL, TraderHandle, until

UP, DOWN = 141.9, 94.6
"""Limits of BOND: 20 % around 118.250."""


def reject_text(trader: TraderHandle, code: str, side: int, volume: int, price: float, price_type: int = 11) -> str:
    """Place an order and return the reject text, which is empty when it was accepted."""
    order_id = trader.api.order_stock(trader.account, code, side, volume, price_type, price, "rot", "rule")
    if order_id == -1:
        assert trader.callback.wait("on_order_error")
        return trader.callback.of("on_order_error")[-1].error_msg
    order = until(lambda: (found := trader.order(order_id)) and found.order_status != 49 and found)
    if order.order_status != 57:
        return ""
    assert trader.callback.wait("on_order_error")
    assert order.traded_volume == 0
    return trader.callback.of("on_order_error")[-1].error_msg


@pytest.mark.parametrize("price", [118.25, 118.251, UP, DOWN, 118.25000000000001])
def test_prices_accepted(trader: TraderHandle, price: float) -> None:
    assert reject_text(trader, BOND, BUY, 10, price) == ""


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (118.2505, "最小变动价位"),
        (118.25049, "最小变动价位"),
        (UP + 0.001, "涨跌幅"),
        (DOWN - 0.001, "涨跌幅"),
        (0.0, "价格不合法"),
        (-1.0, "价格不合法"),
    ],
)
def test_prices_refused(trader: TraderHandle, price: float, text: str) -> None:
    assert text in reject_text(trader, BOND, BUY, 10, price)


def test_limits_are_rounded_half_up_to_the_tick(control: Control) -> None:
    control.add_instrument("113999.SH", prev_close=100.003)
    control.add_account("2", 1e6)
    for price in (120.004, 120.005):
        control.manual_order("2", "113999.SH", BUY, 10, price)
    control.settle()
    assert [order["status"] == 57 for order in control.orders(code="113999.SH")] == [False, True]


def test_listing_day_limits(trader: TraderHandle, control: Control) -> None:
    control.add_instrument("113999.SH", prev_close=100.0, limit_up=157.3, limit_down=56.7)
    assert reject_text(trader, "113999.SH", BUY, 10, 157.3) == ""
    assert "涨跌幅" in reject_text(trader, "113999.SH", BUY, 10, 157.301)


@pytest.mark.parametrize("volume", [0, -10, 1, 5, 15, 101, 1_000_010])
def test_buy_volumes_refused(trader: TraderHandle, volume: int) -> None:
    assert reject_text(trader, BOND, BUY, volume, 118.0)


def test_odd_lot_is_sold_only_as_a_whole(trader: TraderHandle, control: Control) -> None:
    control.set_position(ACCOUNT, HELD, 25, 118.0)
    assert "零股" in reject_text(trader, HELD, SELL, 3, 130.0)
    assert "零股" in reject_text(trader, HELD, SELL, 13, 130.0)
    assert reject_text(trader, HELD, SELL, 20, 130.0) == ""
    assert reject_text(trader, HELD, SELL, 5, 130.0) == ""


def test_whole_position_with_an_odd_lot(trader: TraderHandle, control: Control) -> None:
    control.set_position(ACCOUNT, HELD, 25, 118.0)
    assert reject_text(trader, HELD, SELL, 25, 121.0) == ""
    assert until(lambda: trader.position(HELD).volume == 0)


def test_no_cash(trader: TraderHandle) -> None:
    assert "可用资金不足" in reject_text(trader, BOND, BUY, 430, 118.0)
    assert reject_text(trader, BOND, BUY, 420, 118.0) == ""


def test_cash_must_also_cover_the_commission(trader: TraderHandle, control: Control) -> None:
    control.set_cash(ACCOUNT, 1_180.0)
    assert "可用资金不足" in reject_text(trader, BOND, BUY, 10, 118.0)
    control.set_cash(ACCOUNT, 1_180.12)
    assert reject_text(trader, BOND, BUY, 10, 118.0) == ""


def test_cash_is_frozen_by_earlier_orders(trader: TraderHandle) -> None:
    assert reject_text(trader, BOND, BUY, 300, 118.0) == ""
    assert "可用资金不足" in reject_text(trader, BOND, BUY, 300, 118.0)


def test_no_bonds(trader: TraderHandle) -> None:
    assert "证券可用数量不足" in reject_text(trader, HELD, SELL, 110, 121.0)
    assert "证券可用数量不足" in reject_text(trader, BOND, SELL, 10, 118.0)


def test_bonds_are_frozen_by_earlier_orders(trader: TraderHandle) -> None:
    assert reject_text(trader, HELD, SELL, 60, 130.0) == ""
    assert "证券可用数量不足" in reject_text(trader, HELD, SELL, 60, 130.0)


def test_shortage_may_be_refused_by_the_terminal(trader: TraderHandle, control: Control) -> None:
    control.configure(shortage_reject="local")
    assert trader.buy(430, 118.0, "poor") == -1
    assert trader.callback.wait("on_order_error")
    assert trader.orders() == []


@pytest.mark.parametrize(("phase", "text"), [(1, "停牌"), (20, "停牌"), (17, "临时停牌")])
def test_suspended(trader: TraderHandle, control: Control, phase: int, text: str) -> None:
    control.suspend(BOND, phase)
    assert text in reject_text(trader, BOND, BUY, 10, 118.0)
    assert reject_text(trader, OTHER, BUY, 10, 120.0) == ""
    control.resume(BOND)
    assert reject_text(trader, BOND, BUY, 10, 118.0) == ""


def test_orders_may_rest_during_a_temporary_halt(trader: TraderHandle, control: Control) -> None:
    control.configure(halted_orders="rest")
    control.suspend(BOND, 17)
    order_id = trader.buy(10, 119.0)
    trader.wait_status(order_id, 50)
    control.resume(BOND)
    trader.wait_status(order_id, 56)


@pytest.mark.parametrize("phase", [11, 15])
def test_market_closed(trader: TraderHandle, control: Control, phase: int) -> None:
    control.set_phase(phase)
    assert "非交易时间" in reject_text(trader, BOND, BUY, 10, 118.0)


@pytest.mark.parametrize("phase", [12, 14, 18])
def test_orders_wait_for_continuous_trading(trader: TraderHandle, control: Control, phase: int) -> None:
    control.set_phase(phase)
    order_id = trader.buy(10, 119.0)
    trader.wait_status(order_id, 50)
    control.settle()
    assert trader.order(order_id).order_status == 50
    control.set_phase(13)
    trader.wait_status(order_id, 56)


def test_market_orders_are_refused(trader: TraderHandle) -> None:
    assert "市价" in reject_text(trader, BOND, BUY, 10, 0.0, price_type=44)


def test_latest_price(trader: TraderHandle, control: Control) -> None:
    control.set_quote(BOND, 118.0, asks=[(118.0, 100)])
    order_id = trader.api.order_stock(trader.account, BOND, BUY, 10, 5, 0.0, "rot", "latest")
    assert trader.wait_status(order_id, 56).price == 118.0


def test_unknown_code_and_account(trader: TraderHandle, new_trader: Callable[..., TraderHandle]) -> None:
    assert "合约不存在" in reject_text(trader, "999999.SZ", BUY, 10, 100.0)
    stranger = new_trader(session=101, account="nope")
    stranger.connect()
    assert "账号不存在" in reject_text(stranger, BOND, BUY, 10, 118.0)


def test_refused_orders_touch_neither_cash_nor_bonds(trader: TraderHandle, control: Control) -> None:
    for volume, price in ((15, 118.0), (10, 999.0), (99_990, 118.0)):
        trader.buy(volume, price)
    trader.sell(3, 121.0)
    control.settle()
    account = control.account(ACCOUNT)
    assert (account["cash"], account["frozen_cash"]) == (50_000.0, 0.0)
    held = control.position(ACCOUNT, HELD)
    assert held is not None
    assert held["usable"] == 100
