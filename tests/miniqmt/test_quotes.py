"""The quote service, through the SDK's ``xtdata``."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from miniqmt_emulator.control import Control
from miniqmt_emulator.launch import TerminalProcess
from miniqmt_emulator.protocol import USERDATA_VARIABLE

from tests.miniqmt.helpers import BOND, HOUR, OTHER, TraderHandle, in_thread, program_environment, until


@pytest.fixture
def xtdata(sdk: None, terminal: TerminalProcess) -> Any:
    from xtquant import xtconn, xtdata

    xtdata.disconnect()
    xtdata.enable_hello = False
    xtconn.status_callback = None
    yield xtdata
    xtdata.disconnect()
    xtconn.status_callback = None


def test_full_tick(xtdata: Any, control: Control) -> None:
    control.set_clock("2025-08-07 10:30:00", frozen=True)
    control.set_quote(OTHER, 122.5, bids=[(122.4, 30)], asks=[(122.6, 70)], volume_add=1000)
    ticks = xtdata.get_full_tick([OTHER, "999999.SZ"])
    assert list(ticks) == [OTHER]  # unknown codes are simply absent
    tick = ticks[OTHER]
    assert (tick["lastPrice"], tick["lastClose"], tick["openInt"]) == (122.5, 122.828, 13)
    assert (tick["bidPrice"], tick["bidVol"]) == ([122.4, 0, 0, 0, 0], [3, 0, 0, 0, 0])
    assert (tick["askPrice"][0], tick["askVol"][0]) == (122.6, 7)
    assert (tick["volume"], tick["pvolume"]) == (100, 1000)
    assert tick["timetag"] == "20250807 10:30:00"
    assert tick["time"] == 1754533800000


def test_whole_markets(xtdata: Any) -> None:
    assert len(xtdata.get_full_tick(["SH", "SZ"])) == 6
    assert all(code.endswith(".SH") for code in xtdata.get_full_tick(["SH"]))


def test_code_without_a_tick_is_absent(xtdata: Any, control: Control) -> None:
    control.hide_tick(BOND)
    assert xtdata.get_full_tick([BOND]) == {}
    control.set_quote(BOND, 118.0)
    assert list(xtdata.get_full_tick([BOND])) == [BOND]


def test_suspended_tick(xtdata: Any, control: Control) -> None:
    control.suspend(BOND)
    tick = xtdata.get_full_tick([BOND])[BOND]
    assert (tick["openInt"], tick["askPrice"][0], tick["bidPrice"][0]) == (1, 0, 0)
    assert tick["lastPrice"] == 118.25


def test_whole_subscription(xtdata: Any, control: Control) -> None:
    pushes = []
    number = xtdata.subscribe_whole_quote(
        ["SH", "SZ"], callback=lambda data: pushes.append((threading.current_thread().name, data))
    )
    assert number > 0
    assert until(lambda: pushes)
    assert len(pushes[0][1]) == 6  # the first push is a snapshot
    assert pushes[0][0] != threading.current_thread().name
    control.set_quote(OTHER, 123.456)
    assert until(lambda: len(pushes) == 2)
    assert list(pushes[1][1]) == [OTHER]  # then only what changed
    assert pushes[1][1][OTHER]["lastPrice"] == 123.456
    xtdata.unsubscribe_quote(number)
    control.set_quote(OTHER, 123.0)
    xtdata.get_full_tick([OTHER])
    assert len(pushes) == 2


def test_single_subscription(xtdata: Any, control: Control) -> None:
    pushes = []
    xtdata.subscribe_quote(BOND, period="tick", callback=pushes.append)
    assert until(lambda: pushes)
    assert isinstance(pushes[0][BOND], list)
    control.set_quote(OTHER, 123.0)
    control.set_quote(BOND, 119.0)
    assert until(lambda: len(pushes) == 2)
    assert pushes[1][BOND][0]["lastPrice"] == 119.0


def test_instrument_detail(xtdata: Any) -> None:
    detail = xtdata.get_instrument_detail(OTHER)
    assert (detail["UpStopPrice"], detail["DownStopPrice"]) == (147.394, 98.262)
    assert (detail["PriceTick"], detail["VolumeMultiple"]) == (0.001, 1)
    assert (detail["InstrumentName"], detail["ExchangeID"]) == ("宇瞳转债", "SZ")
    assert detail["ExpireDate"] == "99999999"
    assert detail["TradingDay"] == "20250807"
    assert detail["FloatVolume"] == 6_000_000
    assert xtdata.get_instrument_detail("999999.SZ") is None


def test_complete_instrument_detail(xtdata: Any, control: Control) -> None:
    control.add_instrument(
        "110001.SH",
        name="样例转债",
        conversion_price=5.5,
        stock_code="600001.SH",
        detail={"InstrumentStatus": 3},
    )
    detail = xtdata.get_instrument_detail("110001.SH", True)
    assert (detail["OptUndlCode"], detail["OptUndlMarket"]) == ("600001", "SH")
    assert detail["OptExercisePrice"] == 5.5
    assert detail["MinLimitOrderVolume"] == 10
    assert detail["InstrumentStatus"] == 3


def test_instrument_type(xtdata: Any) -> None:
    assert xtdata.get_instrument_type(BOND) == {"convertible_bond": True}
    assert xtdata.get_instrument_type("999999.SZ") == {}


def test_calendar(xtdata: Any) -> None:
    dates = xtdata.get_trading_dates("SH", count=3)
    assert [xtdata.timetag_to_datetime(item, "%Y%m%d") for item in dates] == [
        "20250805",
        "20250806",
        "20250807",
    ]
    assert xtdata.get_trading_calendar("SH", "20250807", "20250812") == [
        "20250807",
        "20250808",
        "20250811",
        "20250812",
    ]
    assert xtdata.get_holidays() == ["20251001", "20251002", "20251003"]


def test_a_day_without_trading(xtdata: Any, control: Control) -> None:
    """The clock may stand on a day that is not in the calendar."""
    control.reset({"clock": "2025-08-09 10:00:00", "trading_dates": ["20250807", "20250808"]})
    xtdata.reconnect()
    (last,) = xtdata.get_trading_dates("SH", count=1)
    assert xtdata.timetag_to_datetime(last, "%Y%m%d") == "20250808"


def test_trading_period(xtdata: Any) -> None:
    period = xtdata.get_trading_period(OTHER)
    assert period["market"] == "SZ"
    assert [session["status"] for session in period["tradings"]] == [2, 3, 3, 8]


def test_what_is_not_emulated_says_so(xtdata: Any) -> None:
    with pytest.raises(Exception, match="当前客户端未支持此功能"):
        xtdata.get_period_list()
    with pytest.raises(NotImplementedError):
        xtdata.get_market_data_ex([], [BOND], "1m")


def test_sectors(xtdata: Any) -> None:
    assert len(xtdata.get_stock_list_in_sector("沪深转债")) == 6
    assert len(xtdata.get_stock_list_in_sector("深证转债")) == 3
    assert xtdata.get_stock_list_in_sector("无此板块") == []
    xtdata.download_sector_data()
    assert "沪深转债" in xtdata.get_sector_list()


def test_bond_information_needs_a_download(xtdata: Any, control: Control) -> None:
    assert xtdata.get_cb_info(OTHER) == {}
    xtdata.download_cb_data()
    information = xtdata.get_cb_info(OTHER)
    assert (information["bondName"], information["stockCode"]) == ("宇瞳转债", "300790.SZ")
    assert information["bondConvPrice"] == 15.32
    assert xtdata.get_cb_info("999999.SZ") == {}


def test_daily_bars(xtdata: Any, control: Control) -> None:
    control.set_quote(BOND, 119.0)
    control.set_quote(BOND, 118.5, volume_add=500)
    control.advance_day()
    xtdata.download_history_data(BOND, "1d")
    frame = xtdata.get_market_data_ex(["close", "high", "volume"], [BOND], "1d", count=2)[BOND]
    assert list(frame.index) == ["20250806", "20250807"]
    assert list(frame["close"])[1] == 118.5
    assert list(frame["high"])[1] == 119.0
    assert list(frame["volume"])[1] == 500
    since = datetime(2025, 8, 5)  # noqa: DTZ001  (the SDK takes no other)
    frame = xtdata.get_market_data_ex(["close"], [BOND], "1d", start_time=since)[BOND]
    assert list(frame.index) == ["20250805", "20250806", "20250807"]


def test_service_lost(xtdata: Any, control: Control) -> None:
    statuses = []
    xtdata.watch_xtquant_status(lambda info: statuses.append(info["status"]))
    pushes = []
    xtdata.subscribe_quote(BOND, period="tick", callback=pushes.append)
    assert until(lambda: pushes)
    control.drop_link("quote")
    assert until(lambda: statuses == ["connected", "disconnected"])
    with pytest.raises(Exception, match="无法连接xtquant服务"):
        xtdata.get_full_tick([BOND])
    control.restore_link("quote")
    assert list(xtdata.get_full_tick([BOND])) == [BOND]  # it connects again by itself
    assert until(lambda: statuses == ["connected", "disconnected", "connected"])
    control.set_quote(BOND, 119.0)
    xtdata.get_full_tick([BOND])
    assert len(pushes) == 1  # but the old subscription is gone


def test_losing_the_trade_link_does_not_touch_quotes(xtdata: Any, trader: TraderHandle, control: Control) -> None:
    assert xtdata.get_full_tick([BOND])
    control.drop_link("trade")
    assert trader.callback.wait("on_disconnected")
    assert xtdata.get_full_tick([BOND])


def test_failing_and_empty_answers(xtdata: Any, control: Control) -> None:
    control.next_call("full_tick", "error", text="请求失败, 没有Python接口权限")
    with pytest.raises(Exception, match="没有Python接口权限"):
        xtdata.get_full_tick([BOND])
    control.next_call("full_tick", "empty")
    assert xtdata.get_full_tick([BOND]) == {}
    control.next_call("instrument_detail", "empty")
    assert xtdata.get_instrument_detail(BOND) is None
    control.next_call("sector_members", "empty")
    assert xtdata.get_stock_list_in_sector("沪深转债") == []
    assert xtdata.get_full_tick([BOND])


def test_slow_answer(xtdata: Any, control: Control) -> None:
    xtdata.get_full_tick([BOND])
    control.next_call("full_tick", "delay", delay=HOUR)
    slow, results = in_thread(lambda: xtdata.get_full_tick([BOND]))
    control.wait_for(lambda: not control.dump()["script"]["calls"])
    assert xtdata.get_full_tick([OTHER])  # an answer for another thread may overtake it
    assert not results
    control.hurry()
    slow.join(60)
    assert list(results[0]) == [BOND]


def test_port_has_to_be_right(xtdata: Any) -> None:
    with pytest.raises(Exception, match="无法连接xtquant服务"):
        xtdata.connect(port=58999)
    assert xtdata.connect(port=58610).is_connected()


def test_found_through_a_registration(sdk: None, terminal: TerminalProcess, tmp_path: Path) -> None:
    """Without the variable, ``~/.xtquant`` leads to the terminal, as it does to the real one."""
    folder = tmp_path / ".xtquant" / "any"
    folder.mkdir(parents=True)
    config = {"port": 58610, "emulator_userdata": str(terminal.userdata)}
    (folder / "xtdata.cfg").write_text(json.dumps(config))
    environment = program_environment(terminal)
    del environment[USERDATA_VARIABLE]
    environment |= {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    code = f"from xtquant import xtdata; xtdata.enable_hello = False; print(list(xtdata.get_full_tick(['{BOND}'])))"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert result.stdout == f"['{BOND}']\n", result.stderr
