"""What the tests share: a scenario, a recording callback and a handle around a trader."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from miniqmt_emulator.launch import TerminalProcess

from tests.waiting import PATIENCE

ACCOUNT = "8880001"
HELD = "127045.SZ"
"""The bond the account holds 100 of."""
BOND = "113050.SH"
OTHER = "123219.SZ"
BUY, SELL, LIMIT = 23, 24, 11
HOUR = 3600.0
"""A delay that ends when the test calls ``control.hurry()``."""

SCENARIO: dict[str, Any] = {
    "clock": "2025-08-07 09:31:00",
    "accounts": [
        {
            "account_id": ACCOUNT,
            "cash": 50_000.0,
            "positions": [{"code": HELD, "volume": 100, "cost_price": 118.0}],
        }
    ],
    "trading_dates": ["20250801", "20250804", "20250805", "20250806", "20250807", "20250808"],
    "holidays": ["20251001", "20251002", "20251003"],
    "settings": {"latency": {"default": 0.001}},
}


def program_environment(terminal: TerminalProcess) -> dict[str, str]:
    """Environment of a program that uses this terminal."""
    return terminal.environment()


def until(condition: Callable[[], Any], timeout: float = PATIENCE) -> Any:
    """Poll until the condition is true; the last value either way."""
    deadline = time.monotonic() + timeout
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.002)
    return value


def in_thread(function: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Run a call that may block for ever; its result arrives in the list."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()
    return thread, results


def run_elsewhere(function: Callable[[], Any]) -> Any:
    """Run a call on another thread and return its result."""
    thread, results = in_thread(function)
    thread.join(60)
    return results[0]


class Recorder:
    """An XtQuantTraderCallback that remembers every call: (name, object, thread name)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any, str]] = []
        self.hooks: dict[str, Callable[[Any], object]] = {}

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(name)

        def record(*args: Any) -> None:
            subject = args[0] if args else None
            self.events.append((name, subject, threading.current_thread().name))
            if name in self.hooks:
                self.hooks[name](subject)

        return record

    def names(self) -> list[str]:
        return [name for name, _, _ in self.events]

    def of(self, name: str) -> list[Any]:
        return [subject for kind, subject, _ in self.events if kind == name]

    def threads(self) -> set[str]:
        return {thread for _, _, thread in self.events}

    def wait(self, name: str, count: int = 1, timeout: float = PATIENCE) -> bool:
        return bool(until(lambda: len(self.of(name)) >= count, timeout))

    def wait_status(self, status: int, remark: str | None = None) -> Any:
        """The first pushed order with this status."""

        def found() -> list[Any]:
            return [
                order
                for order in self.of("on_stock_order")
                if order.order_status == status and remark in (None, order.order_remark)
            ]

        orders = until(found)
        assert orders, f"no order reached {status}; seen: {self.names()}"
        return orders[0]

    def statuses(self, remark: str) -> list[int]:
        return [o.order_status for o in self.of("on_stock_order") if o.order_remark == remark]

    def clear(self) -> None:
        self.events.clear()


class TraderHandle:
    """A real XtQuantTrader with a Recorder, and the account it trades."""

    def __init__(self, userdata: Path, session: int, account: str, *, relaxed: bool = False) -> None:
        from xtquant.xttrader import XtQuantTrader
        from xtquant.xttype import StockAccount

        self.session = session
        self.account = StockAccount(account)
        self.callback = Recorder()
        # Made on the main thread, the object would replace that thread's event loop.
        self.api = run_elsewhere(lambda: XtQuantTrader(str(userdata), session))
        self.api.oldloop = None
        self.api.set_relaxed_response_order_enabled(relaxed)
        self.api.register_callback(self.callback)
        self.api.start()

    def connect(self) -> int:
        return self.api.connect()

    def subscribe(self) -> int:
        return self.api.subscribe(self.account)

    def buy(self, volume: int, price: float, remark: str = "r", code: str = BOND) -> int:
        return self.api.order_stock(self.account, code, BUY, volume, LIMIT, price, "rot", remark)

    def sell(self, volume: int, price: float, remark: str = "r", code: str = HELD) -> int:
        return self.api.order_stock(self.account, code, SELL, volume, LIMIT, price, "rot", remark)

    def buy_async(self, volume: int, price: float, remark: str = "r", code: str = BOND) -> int:
        return self.api.order_stock_async(self.account, code, BUY, volume, LIMIT, price, "rot", remark)

    @contextmanager
    def timeout(self, milliseconds: int) -> Iterator[None]:
        """A short timeout for the calls inside; it cannot be switched off, only made long again."""
        self.api.set_timeout(milliseconds)
        yield
        self.api.set_timeout(60_000)

    def asset(self) -> Any:
        return self.api.query_stock_asset(self.account)

    def positions(self) -> list[Any]:
        return self.api.query_stock_positions(self.account)

    def position(self, code: str) -> Any:
        return self.api.query_stock_position(self.account, code)

    def orders(self, cancelable_only: bool = False) -> list[Any]:
        return self.api.query_stock_orders(self.account, cancelable_only)

    def order(self, order_id: int) -> Any:
        return self.api.query_stock_order(self.account, order_id)

    def trades(self) -> list[Any]:
        return self.api.query_stock_trades(self.account)

    def cancel(self, order_id: int) -> int:
        return self.api.cancel_order_stock(self.account, order_id)

    def wait_status(self, order_id: int, status: int) -> Any:
        """Query until the order has this status."""
        order = until(lambda: (found := self.order(order_id)) and found.order_status == status and found)
        assert order, f"order {order_id} is {self.order(order_id).order_status}, not {status}"
        return order

    def close(self) -> None:
        self.api.async_client.stop()
        self.api.executor.shutdown(wait=False)
        self.api.relaxed_resp_executor.shutdown(wait=False)
        self.api.loop.close()
