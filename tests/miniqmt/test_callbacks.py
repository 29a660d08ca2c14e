"""Threads: what may and may not be called inside a callback."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from miniqmt_emulator.control import Control
from miniqmt_emulator.launch import TerminalProcess

from tests.miniqmt.helpers import ACCOUNT, TraderHandle, in_thread, program_environment

PROBE = Path(__file__).with_name("deadlock_probe.py")


def test_what_hangs_inside_a_callback(sdk: None, terminal: TerminalProcess) -> None:
    """Runs in a process of its own, because hung executor threads cannot be ended."""
    result = subprocess.run(
        [sys.executable, str(PROBE), str(terminal.userdata), ACCOUNT],
        env=program_environment(terminal),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(result.stdout) == {
        "default, sync query": "hangs",
        "relaxed, sync query": "returns",
        "relaxed, sync order": "hangs",
        "default, async query": "returns",
        "default, async order": "returns",
    }


def test_exceptions_in_callbacks_vanish(trader: TraderHandle, capfd: pytest.CaptureFixture[str]) -> None:
    trader.callback.hooks["on_stock_order"] = lambda order: 1 / 0
    trader.buy(10, 100.0, "boom")
    trader.callback.wait_status(50)
    assert trader.asset() is not None
    assert "ZeroDivisionError" not in "".join(capfd.readouterr())


def test_busy_callback_holds_up_every_answer(trader: TraderHandle) -> None:
    release = threading.Event()
    trader.callback.hooks["on_stock_order"] = lambda order: release.wait(60)
    trader.buy(10, 100.0, "busy")
    assert trader.callback.wait("on_stock_order")
    waiting, results = in_thread(trader.asset)
    waiting.join(0.2)
    assert not results
    release.set()
    waiting.join(60)
    assert results[0].frozen_cash > 0


def test_relaxed_mode_answers_queries_all_the_same(new_trader: Callable[..., TraderHandle]) -> None:
    handle = new_trader(relaxed=True)
    handle.connect()
    handle.subscribe()
    release = threading.Event()
    handle.callback.hooks["on_stock_order"] = lambda order: release.wait(60)
    handle.buy(10, 100.0, "busy")
    assert handle.callback.wait("on_stock_order")
    assert handle.asset().frozen_cash > 0
    release.set()


def test_stop_inside_a_callback(trader: TraderHandle, control: Control) -> None:
    failures = []

    def stop(status: int) -> None:
        try:
            trader.api.stop()
        except RuntimeError as error:
            failures.append(str(error))

    trader.callback.hooks["on_account_status"] = stop
    control.set_account_status(ACCOUNT, 1)
    control.wait_for(lambda: failures)
    assert failures == ["cannot join current thread"]
