"""Matching against quotes, and what trades do to cash and positions."""

from __future__ import annotations

import random

import pytest
from miniqmt_emulator.control import Control

from tests.miniqmt.helpers import ACCOUNT, BOND, BUY, HELD, SELL, TraderHandle


def test_book_is_swept_best_price_first(trader: TraderHandle, control: Control) -> None:
    control.set_quote(BOND, 118.0, asks=[(118.0, 20), (118.1, 30), (118.5, 100)])
    order_id = trader.buy(60, 118.2, "sweep")
    order = trader.wait_status(order_id, 55)
    assert order.traded_volume == 50
    assert [(t.traded_price, t.traded_volume) for t in trader.trades()] == [
        (118.0, 20),
        (118.1, 30),
    ]
    assert order.traded_price == pytest.approx((118.0 * 20 + 118.1 * 30) / 50)


def test_partly_filled_order_goes_on_with_the_next_quote(trader: TraderHandle, control: Control) -> None:
    control.set_quote(BOND, 118.0, asks=[(118.0, 20)])
    order_id = trader.buy(50, 118.0, "rest")
    trader.wait_status(order_id, 55)
    control.set_quote(BOND, 118.0, asks=[(118.0, 20)])
    assert trader.order(order_id).traded_volume == 40
    control.set_quote(BOND, 117.9, asks=[(117.9, 500)])
    trader.wait_status(order_id, 56)
    trader.callback.wait_status(56)
    assert trader.callback.statuses("rest") == [49, 50, 55, 55, 56]


def test_price_is_the_book_s_and_the_rest_is_released(trader: TraderHandle, control: Control) -> None:
    control.configure(fee_rate={"SH": 0.0})
    control.set_quote(BOND, 118.0, asks=[(118.0, 500)])
    trader.wait_status(trader.buy(100, 120.0), 56)
    asset = trader.asset()
    assert (asset.cash, asset.frozen_cash) == (50_000.0 - 11_800.0, 0.0)


def test_price_out_of_reach_rests(trader: TraderHandle, control: Control) -> None:
    order_id = trader.buy(10, 118.25)
    trader.wait_status(order_id, 50)
    control.set_quote(BOND, 118.3)
    assert trader.order(order_id).order_status == 50
    control.set_quote(BOND, 118.249)
    trader.wait_status(order_id, 56)


def test_at_the_upper_limit_nobody_sells(trader: TraderHandle, control: Control) -> None:
    control.set_quote(BOND, 141.9)
    order_id = trader.buy(10, 141.9)
    trader.wait_status(order_id, 50)
    control.settle()
    assert trader.order(order_id).traded_volume == 0


def test_bought_bonds_may_be_sold_the_same_day(trader: TraderHandle) -> None:
    trader.wait_status(trader.buy(10, 119.0), 56)
    position = trader.position(BOND)
    assert (position.volume, position.can_use_volume, position.yesterday_volume) == (10, 10, 0)
    trader.wait_status(trader.sell(10, 118.0, code=BOND), 56)


def test_counter_may_hold_bought_bonds_back_until_tomorrow(trader: TraderHandle, control: Control) -> None:
    control.configure(bought_usable_today=False)
    trader.wait_status(trader.buy(10, 119.0), 56)
    assert trader.position(BOND).can_use_volume == 0
    control.advance_day()
    assert trader.position(BOND).can_use_volume == 10


def test_commission(trader: TraderHandle, control: Control) -> None:
    control.configure(fee_rate={"SH": 0.0002}, min_fee={"SH": 1.0})
    control.set_quote(BOND, 118.0, asks=[(118.0, 500)])
    trader.wait_status(trader.buy(10, 118.0), 56)
    assert [trade.commission for trade in trader.trades()] == [1.0]  # the minimum
    assert trader.asset().cash == 50_000.0 - 1_180.0 - 1.0
    trader.wait_status(trader.buy(100, 118.0), 56)
    assert trader.trades()[1].commission == 2.36


def test_minimum_commission_is_per_order(trader: TraderHandle, control: Control) -> None:
    control.configure(fee_rate={"SH": 0.0001}, min_fee={"SH": 1.0})
    control.set_quote(BOND, 118.0, asks=[(118.0, 10), (118.1, 10), (118.2, 10)])
    trader.wait_status(trader.buy(30, 118.2), 56)
    assert [trade.commission for trade in trader.trades()] == [1.0, 0.0, 0.0]


def test_cost_price(trader: TraderHandle, control: Control) -> None:
    control.set_quote(HELD, 120.0, asks=[(120.0, 500)], bids=[(119.9, 500)])
    trader.wait_status(trader.buy(100, 120.0, code=HELD), 56)
    assert trader.position(HELD).avg_price == 119.0
    trader.wait_status(trader.sell(50, 119.9), 56)
    assert trader.position(HELD).avg_price == 119.0


def test_last_price_zero_before_the_first_trade(trader: TraderHandle, control: Control) -> None:
    control.set_quote(HELD, 0.0, bids=[], asks=[])
    assert trader.position(HELD).market_value == 12_150.0  # valued at the previous close


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_or_made_up(control: Control, seed: int) -> None:
    """Random orders, cancels and quotes: cash, fees, frozen amounts and volumes always add up."""
    chance = random.Random(seed)
    control.configure(min_fee={"SH": 0.5}, latency={"default": 0.0})
    start_cash = 50_000.0
    for _ in range(50):
        control.set_quote(BOND, round(chance.uniform(116, 120), 3), depth=chance.choice([10, 30, 500]))
        if chance.random() < 0.2:
            for order in control.orders():
                if order["status"] in (50, 55):
                    control.manual_cancel(ACCOUNT, order["order_id"])
        side = chance.choice([BUY, BUY, SELL])
        price = round(chance.uniform(116, 120), 3)
        control.manual_order(ACCOUNT, BOND, side, 10 * chance.randint(1, 20), price)
        control.settle()
        account = control.account(ACCOUNT)
        live = [order for order in account["orders"] if order["status"] in (49, 50, 51, 52, 55)]
        bought = sum(o["amount"] for o in account["orders"] if o["side"] == BUY)
        sold = sum(o["amount"] for o in account["orders"] if o["side"] == SELL)
        fees = sum(o["fee"] for o in account["orders"])
        held = account["cash"] + account["frozen_cash"]
        assert held == pytest.approx(start_cash - bought + sold - fees, abs=1e-6)
        assert account["cash"] >= 0
        assert account["frozen_cash"] == pytest.approx(sum(o["frozen_cash"] for o in live), abs=1e-6)
        for position in account["positions"]:
            assert position["volume"] == position["usable"] + position["frozen"]
            assert position["usable"] >= 0
            waiting = sum(
                o["volume"] - o["traded"] for o in live if o["side"] == SELL and o["code"] == position["code"]
            )
            assert position["frozen"] == waiting
    assert any(order["status"] == 56 for order in control.orders())
