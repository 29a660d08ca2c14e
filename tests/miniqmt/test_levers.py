"""Levers on what a client prints, on how old an answer is, and the count of what arrived."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from miniqmt_emulator.control import Control, ControlError
from miniqmt_emulator.launch import TerminalProcess

from tests.miniqmt.helpers import ACCOUNT, BOND, HELD, HOUR, SCENARIO, TraderHandle, in_thread, program_environment

APP = Path(__file__).with_name("sample_app.py")
NOISE = "[log4cxx] 连接 established"


def remarks(orders: list[Any]) -> list[str]:
    return [order.order_remark for order in orders]


def test_chatter_goes_past_the_streams_of_python(
    trader: TraderHandle, control: Control, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held_back = io.StringIO()
    monkeypatch.setattr(sys, "stdout", held_back)
    monkeypatch.setattr(sys, "stderr", held_back)
    control.chatter(NOISE)
    trader.asset()  # its answer comes after the line on the same link
    written = capfd.readouterr()
    assert (written.out, written.err) == (f"{NOISE}\n", f"{NOISE}\n")
    assert held_back.getvalue() == ""


def test_every_connected_client_chatters(
    trader: TraderHandle,
    new_trader: Callable[..., TraderHandle],
    control: Control,
    capfd: pytest.CaptureFixture[str],
) -> None:
    other = new_trader(session=101)
    other.connect()
    new_trader(session=102)  # never connects, and so says nothing
    control.chatter("tick")
    trader.asset()
    other.asset()
    assert capfd.readouterr().out == "tick\ntick\n"
    control.drop_session(other.session)
    assert other.callback.wait("on_disconnected")
    control.chatter("tock")
    trader.asset()
    assert capfd.readouterr().out == "tock\n"


def test_chatter_spoils_the_output_of_a_program(sdk: None, terminal: TerminalProcess, control: Control) -> None:
    """The line is between the program's own, in its process and in no other."""
    control.next_order(response_delay=HOUR)
    order = ["order", "23", BOND, "10", "100.0", "noisy"]
    with subprocess.Popen(
        [sys.executable, str(APP), str(terminal.userdata), "1", ACCOUNT, *order],
        env=program_environment(terminal),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as program:
        order_id = control.wait_order(60, remark="noisy", status=50)["order_id"]
        control.chatter(NOISE)
        control.hurry()
        out, err = program.communicate(timeout=60)
    assert program.returncode == 0
    first, second = out.splitlines()
    assert (first, json.loads(second)) == (NOISE, order_id)
    assert err == f"{NOISE}\n"


def test_stale_list_of_orders(trader: TraderHandle, control: Control) -> None:
    control.set_clock("2025-08-07 10:00:00", frozen=True)
    trader.buy(10, 100.0, "old")
    control.set_clock("2025-08-07 10:00:05", frozen=True)
    young = trader.buy(10, 100.0, "young")
    trader.wait_status(young, 50)
    control.next_call("query_orders", "stale", delay=5, times=2)
    assert remarks(trader.orders()) == ["old"]
    assert trader.order(young) is None  # the same query, for one order
    assert remarks(trader.orders()) == ["old", "young"]


def test_stale_list_of_trades(trader: TraderHandle, control: Control) -> None:
    control.set_clock("2025-08-07 10:00:00", frozen=True)
    order_id = trader.sell(100, 121.0, "sold")
    trader.wait_status(order_id, 56)
    control.next_call("query_trades", "stale", delay=3)
    assert trader.trades() == []
    assert remarks(trader.trades()) == ["sold"]
    control.set_clock("2025-08-07 10:00:03", frozen=True)
    control.next_call("query_trades", "stale", delay=3)
    assert remarks(trader.trades()) == ["sold"]  # old enough by now


def test_age_of_an_order_has_fractions_of_a_second(trader: TraderHandle, control: Control) -> None:
    """Order times are whole seconds; judged by those, this order would seem older than it is."""
    control.set_clock("2025-08-07 10:00:00.900", frozen=True)
    trader.buy(10, 100.0, "just now")
    control.set_clock("2025-08-07 10:00:01.300", frozen=True)
    control.next_call("query_orders", "stale", delay=0.5)
    assert trader.orders() == []
    control.next_call("query_orders", "stale", delay=0.3)
    assert remarks(trader.orders()) == ["just now"]


def test_stale_answer_comes_at_once(trader: TraderHandle, control: Control) -> None:
    trader.buy(10, 100.0, "young")
    control.next_call("query_orders", "stale", delay=HOUR)
    asking, results = in_thread(trader.orders)  # without a timeout, which would look the same
    asking.join(60)
    assert results == [[]]


def test_orders_survive_a_crash_with_their_age(sdk: None, own_terminal: TerminalProcess) -> None:
    control = own_terminal.control
    control.set_clock("2025-08-07 10:00:00.250", frozen=True)
    control.manual_order(ACCOUNT, BOND, 23, 10, 100.0, "kept")
    accepted = control.wait_order(remark="kept", status=50)["accepted"]
    own_terminal.kill()
    own_terminal.start()
    assert own_terminal.control.orders(remark="kept")[0]["accepted"] == accepted
    assert accepted % 1 == pytest.approx(0.25)


@pytest.mark.parametrize(("op", "delay"), [("query_asset", 5), ("full_tick", 5), ("*", 5), ("query_orders", 0)])
def test_what_cannot_be_stale(control: Control, op: str, delay: float) -> None:
    with pytest.raises(ControlError, match="stale is for"):
        control.next_call(op, "stale", delay=delay)


def test_calls_are_counted_by_operation(
    trader: TraderHandle, new_trader: Callable[..., TraderHandle], control: Control
) -> None:
    assert control.dump()["calls"] == {"connect": 1, "subscribe": 1}
    control.reset(SCENARIO)
    assert control.dump()["calls"] == {}
    later = new_trader(session=101)
    later.connect()
    later.subscribe()
    for _ in range(3):
        later.asset()
    order_id = later.buy(10, 100.0)
    later.buy(15, 100.0)  # refused, but it arrived
    later.wait_status(order_id, 50)
    asked = control.dump()["calls"]["query_orders"]
    later.cancel(order_id)
    later.orders()
    later.trades()
    later.positions()
    assert control.dump()["calls"] == {
        "connect": 1,
        "subscribe": 1,
        "query_asset": 3,
        "order": 2,
        "cancel": 1,
        "query_orders": asked + 1,
        "query_trades": 1,
        "query_positions": 1,
    }


def test_calls_count_on_arrival(trader: TraderHandle, control: Control) -> None:
    """An unanswered or a slow request counts; one that is lost on the way does not."""
    control.next_call("query_asset", "no_response")
    with trader.timeout(50):
        trader.asset()
        assert control.dump()["calls"]["query_asset"] == 1
        control.next_call("query_asset", "delay", delay=HOUR)
        trader.asset()
        assert control.dump()["calls"]["query_asset"] == 2
        control.drop_link("trade", noticed_after=HOUR)
        trader.asset()
    assert control.dump()["calls"]["query_asset"] == 2


def test_quote_calls_are_counted(sdk: None, control: Control) -> None:
    from xtquant import xtdata

    xtdata.disconnect()
    xtdata.enable_hello = False
    xtdata.get_full_tick([BOND])
    before = control.dump()["calls"]
    xtdata.get_full_tick([BOND, HELD])
    xtdata.get_instrument_detail(BOND)
    number = xtdata.subscribe_whole_quote(["SH"], callback=lambda data: None)
    xtdata.unsubscribe_quote(number)
    after = control.dump()["calls"]
    xtdata.disconnect()
    assert before["full_tick"] == 1
    assert {op: after[op] - before.get(op, 0) for op in after if after[op] != before.get(op, 0)} == {
        "full_tick": 1,
        "instrument_detail": 1,
        "subscribe_whole": 1,
        "unsubscribe_quote": 1,
    }
