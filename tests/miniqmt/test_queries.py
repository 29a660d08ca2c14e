"""What queries return, and the shape of the native objects."""

from __future__ import annotations

from typing import Any

import pytest
from miniqmt_emulator.control import Control

from tests.miniqmt.helpers import ACCOUNT, BOND, BUY, HELD, HOUR, LIMIT, TraderHandle, in_thread


def test_asset(trader: TraderHandle) -> None:
    asset = trader.asset()
    assert (asset.cash, asset.frozen_cash) == (50_000.0, 0.0)
    assert asset.market_value == 12_150.0
    assert asset.total_asset == 62_150.0
    assert asset.m_dCash == asset.cash


def test_positions(trader: TraderHandle) -> None:
    (position,) = trader.positions()
    assert (position.stock_code, position.instrument_name) == (HELD, "牧原转债")
    assert (position.volume, position.can_use_volume, position.yesterday_volume) == (100, 100, 100)
    assert position.avg_price == 118.0
    assert trader.position(HELD).volume == 100
    assert trader.position(BOND) is None


def test_nothing_yet(trader: TraderHandle) -> None:
    assert trader.orders() == []
    assert trader.trades() == []
    assert trader.order(42) is None


def test_accounts(trader: TraderHandle) -> None:
    assert [(a.account_id, a.account_type, a.login_status) for a in trader.api.query_account_infos()] == [
        (ACCOUNT, 2, 0)
    ]
    assert [(a.account_id, a.status) for a in trader.api.query_account_status()] == [(ACCOUNT, 0)]


def test_async_query(trader: TraderHandle) -> None:
    answers = []
    trader.api.query_stock_asset_async(trader.account, answers.append)
    trader.api.query_stock_positions_async(trader.account, answers.append)
    trader.asset()
    assert answers[0].cash == 50_000.0
    assert [position.stock_code for position in answers[1]] == [HELD]


def test_native_objects_have_fixed_attributes(trader: TraderHandle) -> None:
    asset = trader.asset()
    with pytest.raises(TypeError):
        vars(asset)
    with pytest.raises(AttributeError):
        asset.cash = 1.0
    with pytest.raises(AttributeError):
        asset.balance  # noqa: B018


@pytest.mark.parametrize(
    "arguments",
    [
        (BUY, 10, LIMIT, 100.0, "s", None),
        (BUY, 10, LIMIT, "100", "s", "r"),
        (BUY, 10, float(LIMIT), 100.0, "s", "r"),
    ],
)
def test_wrong_argument_types(trader: TraderHandle, control: Control, arguments: Any) -> None:
    with pytest.raises(TypeError):
        trader.api.order_stock(trader.account, BOND, *arguments)
    assert control.requests() == []


def test_volume_is_cut_to_an_integer(trader: TraderHandle, control: Control) -> None:
    trader.api.order_stock(trader.account, BOND, BUY, 10.9, LIMIT, 100.0, "s", "r")
    assert control.requests()[0]["volume"] == 10


def test_empty_answer_while_connected(trader: TraderHandle, control: Control) -> None:
    control.next_call("query_asset", "empty")
    control.next_call("query_positions", "empty")
    assert trader.asset() is None
    assert trader.positions() == []
    assert trader.asset().cash == 50_000.0
    assert len(trader.positions()) == 1


def test_unanswered_query(trader: TraderHandle, control: Control) -> None:
    control.next_call("query_orders", "no_response")
    blocked, results = in_thread(trader.orders)
    blocked.join(0.2)
    assert not results
    control.next_call("query_orders", "no_response")
    with trader.timeout(50):
        assert trader.orders() == []  # timed out, and looks like "no orders"


def test_slow_query(trader: TraderHandle, control: Control) -> None:
    control.configure(latency={"query_asset": HOUR})
    slow, results = in_thread(trader.asset)
    assert trader.positions()  # others are not slowed down
    assert not results
    control.hurry()
    slow.join(60)
    assert results[0].cash == 50_000.0


def test_requests_are_counted_by_kind(trader: TraderHandle, control: Control) -> None:
    before = control.dump()["calls"]
    trader.asset()
    trader.asset()
    trader.positions()
    after = control.dump()["calls"]
    assert after["query_asset"] - before.get("query_asset", 0) == 2
    assert after["query_positions"] - before.get("query_positions", 0) == 1
