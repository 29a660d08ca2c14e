"""Scripted reactions to the next orders, cancels and other calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

OrderKind = Literal[
    "normal",
    "reject_local",
    "junk",
    "no_response",
    "no_ack",
    "hang_then_ok",
    "ack_refused_but_live",
]
FillKind = Literal["auto", "none", "half", "half_then_rest", "full"]
CancelKind = Literal["normal", "no_response", "no_ack", "refuse", "ack_only", "fill_first"]
CallMode = Literal["refuse", "empty", "no_response", "error", "delay", "stale"]

EVERY_CALL = "*"
CALLS = (
    "connect",
    "subscribe",
    "unsubscribe",
    "query_asset",
    "query_orders",
    "query_trades",
    "query_positions",
    "query_account_infos",
    "query_account_status",
    "full_tick",
    "subscribe_whole",
    "subscribe_one",
    "unsubscribe_quote",
    "instrument_detail",
    "stock_type",
    "trading_dates",
    "holidays",
    "sectors",
    "sector_members",
    "download",
    "download_cb",
    "cb_info",
    "bars",
    EVERY_CALL,
)

_LISTS = ("query_orders", "query_trades")
"""Queries that the terminal answers from a cache."""

_HANG = 1.0


@dataclass
class OrderBehaviour:
    """How the terminal treats the next order that matches ``code``, ``side`` and ``remark``."""

    kind: OrderKind = "normal"
    code: str | None = None
    side: int | None = None
    remark: str | None = None
    times: int = 1
    """Number of orders it holds for; -1 until the script is cleared."""
    delay: float = 0.0
    """Seconds before the terminal looks at the request."""
    response_delay: float = 0.0
    """Seconds between the order going live and the answer."""
    push_delay: float = 0.0
    """Seconds by which every push about the order is late (its content is not)."""
    pushes: bool = True
    fill: FillKind = "auto"
    rest_delay: float = 0.05
    """For "half_then_rest": seconds between the two fills."""
    order_push_before_response: bool = False
    error_before_response: bool = False
    trade_before_order: bool = False
    dup_order_push: int = 0
    dup_trade_push: int = 0
    error_id: int = -61
    error_msg: str = "[COUNTER][260200][可用资金不足]"

    def __post_init__(self) -> None:
        _check("kind", self.kind, OrderKind)
        _check("fill", self.fill, FillKind)
        if self.kind == "hang_then_ok" and not self.delay:
            self.delay = _HANG


@dataclass
class CancelBehaviour:
    """How the terminal treats the next cancel that matches ``code`` and ``remark``."""

    kind: CancelKind = "normal"
    code: str | None = None
    remark: str | None = None
    times: int = 1
    delay: float = 0.0
    error_id: int = -1
    error_msg: str = "[COUNTER][当前时间不允许撤单]"

    def __post_init__(self) -> None:
        _check("kind", self.kind, CancelKind)


@dataclass
class CallBehaviour:
    """How the terminal treats the next call ``op``, one of ``CALLS``."""

    op: str
    mode: CallMode
    times: int = 1
    delay: float = 0.0
    """Seconds before the answer; in mode "stale" the seconds by which its content is old, without a wait."""
    text: str = "请求失败"
    """What ``xtdata`` raises in mode "error"."""

    def __post_init__(self) -> None:
        _check("mode", self.mode, CallMode)
        if self.op not in CALLS:
            raise ValueError(f"op must be one of {CALLS}, not {self.op!r}")
        if self.mode == "stale" and (self.op not in _LISTS or self.delay <= 0):
            raise ValueError(f"stale is for {_LISTS} with a delay above 0, not {self.op!r} with {self.delay}")

    @property
    def waits(self) -> float:
        """Seconds that the answer is late."""
        return 0.0 if self.mode == "stale" else self.delay

    @property
    def lags(self) -> float:
        """Seconds by which the content of the answer is old."""
        return self.delay if self.mode == "stale" else 0.0


B = TypeVar("B", OrderBehaviour, CancelBehaviour, CallBehaviour)


class Script:
    """Reactions waiting to be used, first come first served."""

    def __init__(self) -> None:
        self.orders: list[OrderBehaviour] = []
        self.cancels: list[CancelBehaviour] = []
        self.calls: list[CallBehaviour] = []

    def clear(self) -> None:
        self.orders.clear()
        self.cancels.clear()
        self.calls.clear()

    def take_order(self, code: str, side: int, remark: str) -> OrderBehaviour:
        def fits(item: OrderBehaviour) -> bool:
            return item.code in (None, code) and item.side in (None, side) and item.remark in (None, remark)

        return _take(self.orders, fits) or OrderBehaviour()

    def take_cancel(self, code: str, remark: str) -> CancelBehaviour:
        def fits(item: CancelBehaviour) -> bool:
            return item.code in (None, code) and item.remark in (None, remark)

        return _take(self.cancels, fits) or CancelBehaviour()

    def take_call(self, op: str) -> CallBehaviour | None:
        return _take(self.calls, lambda item: item.op in (op, EVERY_CALL))


def _take(queue: list[B], fits: Callable[[B], bool]) -> B | None:
    for item in queue:
        if fits(item):
            if item.times > 0:
                item.times -= 1
            if item.times == 0:
                queue.remove(item)
            return item
    return None


def _check(name: str, value: str, allowed: Any) -> None:
    if value not in get_args(allowed):
        raise ValueError(f"{name} must be one of {get_args(allowed)}, not {value!r}")
