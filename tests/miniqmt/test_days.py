"""The end of the day, the next day, and the clock."""

from __future__ import annotations

from datetime import datetime

from miniqmt_emulator.clock import CHINA
from miniqmt_emulator.control import Control

from tests.miniqmt.helpers import ACCOUNT, BOND, HELD, HOUR, TraderHandle


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, CHINA).strftime("%Y-%m-%d %H:%M")


def test_clock_stamps_orders_and_trades(trader: TraderHandle, control: Control) -> None:
    control.set_clock("2025-08-07 14:50:00")
    order_id = trader.sell(100, 121.0)
    assert moment(trader.wait_status(order_id, 56).order_time) == "2025-08-07 14:50"
    assert moment(trader.trades()[0].traded_time) == "2025-08-07 14:50"


def test_frozen_clock(trader: TraderHandle, control: Control) -> None:
    control.set_clock("2025-08-07 14:50:00", frozen=True)
    assert control.dump()["clock"] == {"now": "2025-08-07T14:50:00+08:00", "frozen": True}
    assert control.dump()["clock"]["now"] == "2025-08-07T14:50:00+08:00"


def test_live_orders_expire(trader: TraderHandle, control: Control) -> None:
    resting = trader.buy(100, 100.0, "resting")
    trader.wait_status(resting, 50)
    control.next_order(fill="half")
    part = trader.sell(40, 121.0, "part")
    trader.wait_status(part, 55)
    trader.callback.clear()
    assert control.advance_day() == "20250808"
    assert trader.orders() == []
    assert trader.trades() == []
    assert {o["remark"]: o["status"] for o in control.dump()["past_orders"]} == {
        "resting": 54,
        "part": 53,
    }
    asset, position = trader.asset(), trader.position(HELD)
    assert asset.frozen_cash == 0.0
    assert asset.cash == control.account(ACCOUNT)["cash"] > 50_000.0
    assert (position.volume, position.can_use_volume, position.frozen_volume) == (80, 80, 0)
    assert trader.callback.names() == []  # silently, unless configured otherwise


def test_expiry_may_be_pushed(trader: TraderHandle, control: Control) -> None:
    control.configure(expire_pushes=True)
    trader.wait_status(trader.buy(100, 100.0, "resting"), 50)
    control.advance_day()
    assert trader.callback.wait_status(54).order_remark == "resting"


def test_order_ids_begin_again(trader: TraderHandle, control: Control) -> None:
    first = trader.buy(10, 119.0, "day one")
    control.settle()
    control.advance_day()
    assert trader.buy(10, 119.0, "day two") == first
    assert [order.order_remark for order in trader.orders()] == ["day two"]
    assert [(item["day"], item["remark"]) for item in control.requests()] == [
        ("20250807", "day one"),
        ("20250808", "day two"),
    ]


def test_positions_the_next_day(trader: TraderHandle, control: Control) -> None:
    trader.wait_status(trader.buy(10, 119.0), 56)
    trader.wait_status(trader.sell(100, 121.0), 56)
    assert len(trader.positions()) == 2
    control.advance_day()
    (position,) = trader.positions()  # the sold-out row is gone
    assert (position.stock_code, position.yesterday_volume) == (BOND, 10)


def test_close_becomes_previous_close(trader: TraderHandle, control: Control) -> None:
    control.set_quote(BOND, 120.0)
    control.advance_day()
    assert trader.buy(10, 144.0, "limit") > 0
    control.settle()
    assert control.orders(remark="limit")[0]["status"] == 56
    trader.buy(10, 144.001, "above")
    control.wait_order(remark="above", status=57)


def test_calendar(control: Control) -> None:
    assert control.advance_day() == "20250808"
    assert control.advance_day() == "20250811"  # after the known dates: the next weekday
    assert control.advance_day("20250930") == "20250930"
    assert control.advance_day() == "20251006"  # over the holidays and a weekend
    assert control.dump()["clock"]["now"].startswith("2025-10-06T09:30")


def test_suspension_goes_on_and_a_halt_does_not(trader: TraderHandle, control: Control) -> None:
    control.suspend(BOND, 1)
    control.suspend(HELD, 17)
    control.advance_day()
    assert trader.buy(10, 118.0, "suspended") > 0
    assert trader.sell(10, 121.0, "halted yesterday") > 0
    control.wait_order(remark="suspended", status=57)
    control.wait_order(remark="halted yesterday", status=56)


def test_request_under_way_at_midnight(trader: TraderHandle, control: Control) -> None:
    control.configure(latency={"report": HOUR})
    assert trader.buy(10, 119.0, "too late") > 0
    control.advance_day()
    control.hurry()
    control.settle()
    assert [order["status"] for order in control.dump()["past_orders"]] == [54]
    assert trader.asset().frozen_cash == 0.0
