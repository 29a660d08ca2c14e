"""The terminal process itself: starting, crashing, and starting again from its state file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from miniqmt_emulator.control import Control, ControlError
from miniqmt_emulator.launch import PACKAGE_ROOT, TerminalProcess
from miniqmt_emulator.protocol import PORT_FILE, read_port

from tests.miniqmt.helpers import ACCOUNT, BOND, HELD, HOUR, TraderHandle, until


def connected(process: Any, session: int) -> Any:
    handle = TraderHandle(process.userdata, session, ACCOUNT)
    assert handle.connect() == 0
    assert handle.subscribe() == 0
    return handle


def test_port_file_comes_and_goes(own_terminal: TerminalProcess) -> None:
    assert read_port(own_terminal.userdata)
    own_terminal.stop()
    assert read_port(own_terminal.userdata) is None


@pytest.mark.usefixtures("sdk")
def test_killed_terminal_remembers_everything_it_answered(own_terminal: TerminalProcess) -> None:
    trader = connected(own_terminal, 1)
    done = trader.sell(40, 121.0, "done")
    trader.wait_status(done, 56)
    resting = trader.buy(10, 100.0, "resting")
    own_terminal.kill()
    assert trader.callback.wait("on_disconnected")
    assert trader.asset() is None
    trader.close()

    own_terminal.start()
    later = connected(own_terminal, 1)  # a fresh terminal has no memory of session ids
    assert later.order(done).order_status == 56
    assert later.wait_status(resting, 50).order_remark == "resting"
    assert later.position(HELD).volume == 60
    assert [trade.order_id for trade in later.trades()] == [done]
    assert later.buy(10, 100.0, "next") == resting + 1
    assert [item["remark"] for item in own_terminal.control.requests()] == [
        "done",
        "resting",
        "next",
    ]
    later.close()


@pytest.mark.usefixtures("sdk")
def test_orders_on_their_way_go_on_after_a_crash(own_terminal: TerminalProcess) -> None:
    trader = connected(own_terminal, 1)
    control = own_terminal.control
    control.configure(latency={"report": HOUR})
    reporting = trader.buy(10, 100.0, "reporting")
    control.configure(latency={"report": 0.0, "cancel_done": HOUR})
    cancelling = trader.buy(10, 100.0, "cancelling")
    trader.wait_status(cancelling, 50)
    trader.cancel(cancelling)
    trader.wait_status(cancelling, 51)
    assert trader.order(reporting).order_status == 49
    control.configure(latency={"cancel_done": 0.0})
    own_terminal.kill()
    trader.close()

    own_terminal.start()
    own_terminal.control.wait_order(remark="reporting", status=50)
    own_terminal.control.wait_order(remark="cancelling", status=54)
    account = own_terminal.control.account(ACCOUNT)
    assert account["frozen_cash"] == pytest.approx(1_000.1)


def test_stale_port_file(own_terminal: TerminalProcess) -> None:
    own_terminal.kill()
    assert (own_terminal.userdata / PORT_FILE).exists()
    with pytest.raises((ControlError, OSError)):
        Control(own_terminal.userdata)


@pytest.mark.usefixtures("sdk")
def test_stale_port_file_means_no_connection(own_terminal: TerminalProcess) -> None:
    own_terminal.kill()
    trader = TraderHandle(own_terminal.userdata, 1, ACCOUNT)
    assert trader.connect() == -1
    trader.close()


def test_scenario_file(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_text(
        json.dumps(
            {
                "clock": "2025-08-07 14:50:00",
                "accounts": [{"account_id": "7", "cash": 1.0}],
                "instruments": [{"code": "110001.SH", "prev_close": 100.0, "conversion_price": 5.0}],
                "settings": {"shortage_reject": "local"},
            }
        )
    )
    before = scenario.read_text()
    state = tmp_path / "state.json"
    with TerminalProcess(tmp_path / "u", scenario=scenario, state=state) as process:
        document = process.control.dump()
        assert [item["code"] for item in document["instruments"]] == ["110001.SH"]
        assert document["settings"]["shortage_reject"] == "local"
        assert document["trading_day"] == "20250807"
        process.control.set_cash("7", 2.0)
    with TerminalProcess(tmp_path / "u", scenario=scenario, state=state) as process:
        assert process.control.account("7")["cash"] == 2.0
    assert scenario.read_text() == before


def test_terminal_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, os\n"
        "from miniqmt_emulator.launch import TerminalProcess\n"
        f"process = TerminalProcess({str(tmp_path / 'u')!r}).start()\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PACKAGE_ROOT, check=True, timeout=60)
    assert until(lambda: read_port(tmp_path / "u") is None)


def test_several_terminals(own_terminal: TerminalProcess, terminal: TerminalProcess) -> None:
    own_terminal.control.set_cash(ACCOUNT, 1.0)
    assert terminal.control.account(ACCOUNT)["cash"] == 50_000.0


def test_reset(trader: TraderHandle, control: Control) -> None:
    trader.buy(10, 119.0)
    control.next_order("junk", times=-1)
    control.drop_link("quote")
    control.reset({"accounts": [{"account_id": "9", "cash": 5.0}]})
    assert trader.callback.wait("on_disconnected")
    document = control.dump()
    assert [account["account_id"] for account in document["accounts"]] == ["9"]
    assert (document["requests"], document["sessions"]) == ([], [])
    assert document["quote_link_up"]
    control.manual_order("9", BOND, 23, 10, 118.0)
    control.settle()
    assert "可用资金不足" in control.orders()[0]["message"]


def test_wrong_role(terminal: TerminalProcess) -> None:
    from miniqmt_emulator.protocol import LineSocket

    port = read_port(terminal.userdata)
    assert port is not None
    link = LineSocket(port, 3.0)
    link.send({"role": "nonsense"})
    assert link.receive(3.0) == {"result": -1, "reason": "unknown role 'nonsense'"}
    assert link.receive(3.0) is None
    link.close()


def test_garbage_on_the_port_does_no_harm(
    terminal: TerminalProcess, control: Control, capfd: pytest.CaptureFixture[str]
) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", read_port(terminal.userdata))) as raw:
        raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
        raw.settimeout(3)
        assert raw.recv(100) == b""
    assert control.settle()
