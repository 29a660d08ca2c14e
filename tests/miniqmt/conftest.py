"""The run's one terminal process, put back to the same scenario before every test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from miniqmt_emulator.control import Control
from miniqmt_emulator.launch import TerminalProcess

from tests.miniqmt.helpers import ACCOUNT, SCENARIO, TraderHandle
from tests.miniqmt.terminal import shared_terminal


@pytest.fixture(scope="session")
def sdk() -> None:
    """The SDK's Python layer over the emulated native modules."""
    shared_terminal()


@pytest.fixture(autouse=True)
def china_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a trading PC has it: the SDK reads times without a zone as the machine's."""
    if not hasattr(time, "tzset"):
        yield
        return
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CST-8")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="session")
def terminal_process() -> TerminalProcess:
    return shared_terminal()


@pytest.fixture
def terminal(terminal_process: TerminalProcess) -> TerminalProcess:
    terminal_process.control.reset(SCENARIO)
    return terminal_process


@pytest.fixture
def control(terminal: TerminalProcess) -> Control:
    return terminal.control


@pytest.fixture
def new_trader(sdk: None, terminal: TerminalProcess) -> Iterator[Callable[..., TraderHandle]]:
    """Makes traders that are not connected yet: ``new_trader(session, account)``."""
    handles: list[TraderHandle] = []

    def make(session: int = 100, account: str = ACCOUNT, **options: Any) -> TraderHandle:
        handle = TraderHandle(terminal.userdata, session, account, **options)
        handles.append(handle)
        return handle

    yield make
    for handle in handles:
        handle.close()


@pytest.fixture
def trader(new_trader: Callable[..., TraderHandle]) -> TraderHandle:
    """A connected trader, subscribed to the account of the scenario."""
    handle = new_trader()
    assert handle.connect() == 0
    assert handle.subscribe() == 0
    assert handle.callback.wait("on_account_status")
    handle.callback.clear()
    return handle


@pytest.fixture
def own_terminal(tmp_path: Path) -> Iterator[TerminalProcess]:
    """A terminal of its own, for tests that kill it."""
    process = TerminalProcess(tmp_path / "userdata_mini", state=tmp_path / "state.json")
    process.start()
    process.control.reset(SCENARIO)
    yield process
    process.stop()
