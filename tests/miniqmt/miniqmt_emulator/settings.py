"""What the emulator decides by itself, and a test may change."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from miniqmt_emulator.constants import OrderStatus

_CHOICES = {
    "shortage_reject": ("junk", "local"),
    "halted_orders": ("junk", "rest"),
    "status_msg_cut": ("char", "byte"),
    "expire_pushes": (True, False),
    "pushed_part_cancel_status": (OrderStatus.PART_CANCEL, OrderStatus.PART_SUCC),
}


@dataclass
class Settings:
    """See the table in the README; ``Control.configure`` changes any of them."""

    latency: dict[str, float] = field(default_factory=lambda: {"default": 0.002})
    """Seconds per call (connect, subscribe, order, cancel, query_asset, query_orders, ...) and per
    step of an order's life: report (49 to 50), match (50 to fill), cancel_done (51 to 54)."""

    session_reuse_gap: float = 3.0
    """A session id that was in use less than this many seconds ago is refused."""

    fee_rate: dict[str, float] = field(default_factory=lambda: {"SH": 0.0001, "SZ": 0.0001})
    min_fee: dict[str, float] = field(default_factory=lambda: {"SH": 0.0, "SZ": 0.0})
    """Commission per market; the minimum holds for an order, not for each of its trades."""

    max_order_volume: int = 1_000_000

    shortage_reject: str = "junk"
    """Orders without enough cash or volume: "junk" (status 57) or "local" (-1)."""

    halted_orders: str = "junk"
    """Orders during a temporary halt: "junk" or "rest"; a suspension always means junk."""

    bought_usable_today: bool = True
    """Whether ``can_use_volume`` rises at once after a buy."""

    keep_zero_positions: bool = True
    """Whether the row of a sold-out position stays until the end of the day."""

    long_remark: bool = True
    """Whether ``order_remark`` returns up to 127 bytes, or 23 as on an older terminal."""

    status_msg_cut: str = "char"
    """How a reject text is cut to 23 bytes: between characters or inside one ("byte")."""

    pushed_part_cancel_status: int = int(OrderStatus.PART_CANCEL)
    """Status shown in the *push* after cancelling a partly filled order (53 or 55)."""

    expire_pushes: bool = False
    """Whether orders that expire at the end of the day are pushed as cancelled."""

    push_asset: bool = False
    push_position: bool = False
    """Whether ``on_stock_asset`` and ``on_stock_position`` are pushed after a fill or cancel."""

    distort: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields that rows of a native class show in place of the true ones, e.g. {"XtTrade": {"m_dTradedPrice": 0.0}};
    "only" holds fields that a row must have to be concerned; an empty table ends it."""

    shareholder_accounts: dict[str, list[int]] = field(default_factory=dict)
    """By code, how a position is split over shareholder accounts, each a row of its own; an empty list ends it."""

    first_order_id: int = 1_090_519_041
    """Order ids start again from here every day."""

    hand: int = 10
    """Bonds (张) per 手 in the tick's volumes."""

    cb_info_needs_download: bool = True
    """Whether ``get_cb_info`` is empty until ``download_cb_data`` was called."""

    full_tick_needs_subscription: bool = False
    """Whether ``get_full_tick`` lists only codes that this client subscribed to, once the first push has gone out
    (latency step "first_push")."""

    def delay(self, step: str) -> float:
        return self.latency.get(step, self.latency["default"])

    def update(self, **changes: Any) -> None:
        """Change settings; dictionaries are merged, unknown names and wrong values raise."""
        known = {item.name for item in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"no setting {name!r}; there are {', '.join(sorted(known))}")
            current = getattr(self, name)
            if isinstance(current, dict):
                setattr(self, name, current | dict(value))
                continue
            if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if not isinstance(value, type(current)):
                raise ValueError(f"{name} must be {type(current).__name__}, not {value!r}")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise ValueError(f"{name} must be one of {_CHOICES[name]}, not {value!r}")
            setattr(self, name, value)
