"""A program in a process of its own, which can be killed while the terminal lives on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from miniqmt_emulator.control import Control
from miniqmt_emulator.launch import TerminalProcess

from tests.miniqmt.helpers import ACCOUNT, BOND, HELD, HOUR, program_environment

APP = Path(__file__).with_name("sample_app.py")
TIMEOUT = 60

pytestmark = [pytest.mark.usefixtures("sdk"), pytest.mark.slow]


@pytest.fixture
def app(terminal: TerminalProcess) -> Any:
    """Starts the sample program with a session id and arguments."""
    environment = program_environment(terminal)
    started = []

    def start(session: int, *arguments: Any) -> Any:
        process = subprocess.Popen(
            [sys.executable, str(APP), str(terminal.userdata), str(session), ACCOUNT, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def finish(process: Any) -> Any:
    """Exit status and printed document of a program that ends by itself."""
    out, _ = process.communicate(timeout=TIMEOUT)
    return process.returncode, json.loads(out) if out else None


def wait_order(control: Control, **facts: Any) -> Any:
    """Wait with patience: starting a program may take a while."""
    return control.wait_order(TIMEOUT, **facts)


def kill(process: Any) -> None:
    """End a program in the middle of whatever it does; it cannot clean up."""
    process.kill()
    process.communicate(timeout=TIMEOUT)
    if os.name == "posix":
        assert process.returncode == -signal.SIGKILL


def test_program_runs_unmodified(app: Any, control: Control) -> None:
    assert finish(app(1, "asset")) == (0, 50_000.0)
    status, order_id = finish(app(2, "order", "24", HELD, "100", "121.0", "blackbox"))
    assert status == 0
    assert order_id == wait_order(control, remark="blackbox", status=56)["order_id"]
    status, ticks = finish(app(3, "ticks", HELD, "999999.SZ"))
    assert status == 0
    assert list(ticks) == [HELD]


def test_killed_between_acceptance_and_answer(app: Any, control: Control) -> None:
    """The order is live, its id is known to nobody: only the remark finds it again."""
    control.next_order(response_delay=HOUR, fill="none")
    victim = app(1, "order", "23", BOND, "10", "118.0", "cb1-20250807-B113050-01")
    live = wait_order(control, remark="cb1-20250807-B113050-01", status=50)
    kill(victim)
    code, orders = finish(app(2, "orders"))
    assert code == 0
    assert orders == [{"id": live["order_id"], "remark": "cb1-20250807-B113050-01", "status": 50, "traded": 0}]
    assert len(control.requests()) == 1


def test_killed_before_the_terminal_looks_at_the_order(app: Any, control: Control) -> None:
    """The order is not there at the first query after the restart, and appears later."""
    control.next_order("hang_then_ok", delay=HOUR)
    victim = app(1, "order", "23", BOND, "10", "100.0", "late")
    control.wait_for(control.requests, TIMEOUT)
    kill(victim)
    assert finish(app(2, "orders")) == (0, [])
    control.hurry()
    wait_order(control, remark="late", status=50)
    _, orders = finish(app(3, "orders"))
    assert [order["remark"] for order in orders] == ["late"]


def test_killed_before_the_order_arrives(app: Any, control: Control) -> None:
    """The other side of the same coin: nothing exists, and nothing ever will."""
    control.next_order("no_response")
    victim = app(1, "order", "23", BOND, "10", "100.0", "lost")
    control.wait_for(control.requests, TIMEOUT)
    kill(victim)
    control.settle()
    assert finish(app(2, "orders")) == (0, [])


def test_order_fills_while_the_program_is_dead(app: Any, control: Control) -> None:
    control.next_order(response_delay=HOUR)
    victim = app(1, "order", "23", BOND, "10", "110.0", "fills later")
    wait_order(control, remark="fills later", status=50)
    kill(victim)
    control.set_quote(BOND, 110.0, asks=[(110.0, 100)])
    wait_order(control, remark="fills later", status=56)
    _, orders = finish(app(2, "orders"))
    assert [(order["remark"], order["status"], order["traded"]) for order in orders] == [("fills later", 56, 10)]
    bought = control.position(ACCOUNT, BOND)
    assert bought is not None
    assert bought["volume"] == 10


def test_restart_with_the_same_session_id(app: Any, control: Control) -> None:
    control.configure(session_reuse_gap=60.0)
    assert finish(app(1, "asset"))[0] == 0
    assert finish(app(1, "asset"))[0] == 3
    assert finish(app(2, "asset"))[0] == 0
    control.configure(session_reuse_gap=0.0)
    assert finish(app(1, "asset"))[0] == 0


def test_everything_the_terminal_received(app: Any, control: Control) -> None:
    control.set_clock("2025-08-07 10:00:00", frozen=True)
    finish(app(1, "order", "23", BOND, "10", "118.2505", "off-tick"))
    finish(app(2, "order", "24", HELD, "50", "121.0", "good"))
    control.settle()
    shown = (
        "session",
        "account",
        "code",
        "side",
        "volume",
        "price",
        "strategy",
        "remark",
        "day",
        "error",
    )
    assert [tuple(request[name] for name in shown) for request in control.requests()] == [
        (1, ACCOUNT, BOND, 23, 10, 118.2505, "sample", "off-tick", "20250807",
         "[COUNTER][委托价格不符合最小变动价位]"),
        (2, ACCOUNT, HELD, 24, 50, 121.0, "sample", "good", "20250807", ""),
    ]  # fmt: skip


def test_no_terminal(app: Any, control: Control) -> None:
    control.drop_link("trade")
    assert finish(app(1, "asset"))[0] == 3
