"""Reads MiniQMT's native objects, field by field, into our own values.

They have no `__dict__`, hold floats, and a text that was cut inside a Chinese character raises when it is read. Where
that field identifies a row, the row is refused (`UnreadableRow`); any other is read as empty.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from core.model.account import Asset, Position
from core.model.bond import BondCode, CodeRefused
from core.model.errors import InvalidDataError
from core.model.order import BrokerOrder, Fill, OrderState, Side
from core.model.time import SHANGHAI
from core.rules.ticks_and_lots import TICK

Native = Any  # an object of the SDK's binary modules

_SIDES = {23: Side.BUY, 24: Side.SELL}
_STATES = {
    48: OrderState.WORKING,  # 未报
    49: OrderState.WORKING,  # 待报
    50: OrderState.WORKING,  # 已报
    51: OrderState.CANCELLING,  # 已报待撤: can still fill
    52: OrderState.CANCELLING,  # 部成待撤: can still fill
    53: OrderState.CANCELLED,  # 部撤
    54: OrderState.CANCELLED,  # 已撤
    55: OrderState.PART_FILLED,  # 部成
    56: OrderState.FILLED,  # 已成
    57: OrderState.REJECTED,  # 废单
}
"""Order states by number (xtconstant of 250807); any other, 255 among them, is unknown and proves nothing."""

_UNSET = 1e300
"""The SDK marks a number that was never set with the largest float."""

_MONEY = Decimal("0.001")
_FEE = Decimal("0.0001")

_ACCOUNT_STATES = {
    -1: "无效, no such account",
    0: "正常, ready",
    1: "连接中, connecting",
    2: "登陆中, logging in",
    3: "失败, its login failed",
    4: "初始化中, starting",
    5: "数据刷新校正中, refreshing its data",
    6: "收盘后, after the close",
    7: "穿透副链接断开, a connection of the broker is down",
    8: "系统停用, disabled by the system",
    9: "用户停用, disabled by the user",
}


class UnreadableRow(InvalidDataError):
    """A row without a field that identifies it; the message says which field."""


@dataclass(frozen=True, slots=True)
class OrderError:
    """A reject with its full text: the order's own message holds only 23 bytes of it."""

    seq: int
    order_id: int
    remark: str
    text: str


@dataclass(frozen=True, slots=True)
class OrderResponse:
    """The SDK's answer to request `seq`: above 0 the order's number, -1 refused, 0 outcome unknown."""

    seq: int
    order_id: int
    text: str


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """The state of an account; only state 0 can trade."""

    account: str
    number: int

    @property
    def ready(self) -> bool:
        return self.number == 0

    def __str__(self) -> str:
        return f"state {self.number} ({_ACCOUNT_STATES.get(self.number, 'not known to this version')})"


def read_asset(native: Native) -> Asset:
    return Asset(
        _decimal(native, "cash", _MONEY),
        _decimal(native, "frozen_cash", _MONEY),
        _decimal(native, "market_value", _MONEY),
    )


def read_position(native: Native) -> Position | None:
    """A position; None for other securities, and for one that is sold out."""
    code, volume = _code(native), _whole(native, "volume")
    if code is None or volume <= 0:
        return None
    cost = _quantized(_finite(native, "avg_price") or 0.0, _FEE)
    return Position(code, volume, _whole(native, "can_use_volume"), cost)


def read_order(native: Native, today: date) -> BrokerOrder | None:
    """An order; None for other securities and other kinds of orders. A missing time becomes `today`."""
    code, side = _code(native), _SIDES.get(_whole(native, "order_type"))
    if code is None or side is None:
        return None
    at = _time(native, "order_time")
    return BrokerOrder(
        order_id=str(_whole(native, "order_id")),
        remark=_remark(native),
        trading_day=at.date() if at else today,
        code=code,
        side=side,
        volume=_whole(native, "order_volume"),
        price=_decimal(native, "price", TICK),
        state=_STATES.get(_whole(native, "order_status"), OrderState.UNKNOWN),
        filled_volume=_whole(native, "traded_volume"),
        message=_text(native, "status_msg"),
    )


def read_fill(native: Native, now: datetime) -> Fill | None:
    """A fill; None for other securities and other kinds of orders. A missing time becomes `now`."""
    code, side = _code(native), _SIDES.get(_whole(native, "order_type"))
    if code is None or side is None:
        return None
    at = _time(native, "traded_time") or now
    trade_id = _text(native, "traded_id")
    if not trade_id:
        raise UnreadableRow(f"a trade of {code} has no number that can be read")
    return Fill(
        trading_day=at.date(),
        order_id=str(_whole(native, "order_id")),
        trade_id=trade_id,
        remark=_remark(native),
        code=code,
        side=side,
        volume=_whole(native, "traded_volume"),
        price=_decimal(native, "traded_price", TICK),
        fee=_quantized(max(_finite(native, "commission") or 0.0, 0.0), _FEE),
        at=at,
    )


def read_error(native: Native) -> OrderError:
    return OrderError(_whole(native, "seq"), _whole(native, "order_id"), _remark(native), read_reason(native))


def read_response(native: Native) -> OrderResponse:
    return OrderResponse(_whole(native, "seq"), _whole(native, "order_id"), _text(native, "error_msg"))


def read_reason(native: Native) -> str:
    return _text(native, "error_msg") or "no reason given"


def read_status(native: Native) -> AccountStatus:
    return AccountStatus(_text(native, "account_id"), _whole(native, "status"))


def _code(native: Native) -> BondCode | None:
    text = _text(native, "stock_code")
    if not text:
        raise UnreadableRow("a row's code cannot be read")
    try:
        return BondCode(text)
    except CodeRefused:  # a share, a fund, another kind of bond
        return None


def _remark(native: Native) -> str:
    """`order_remark` is the long copy, where the terminal fills it; the other holds 23 bytes, enough for ours."""
    return _text(native, "order_remark") or _text(native, "m_strOrderRemark")


def _text(native: Native, name: str) -> str:
    try:
        return str(getattr(native, name))
    except (UnicodeDecodeError, AttributeError):
        return ""


def _finite(native: Native, name: str) -> float | None:
    value: object = getattr(native, name, None)
    return value if isinstance(value, int | float) and math.isfinite(value) and abs(value) < _UNSET else None


def _number(native: Native, name: str) -> float:
    value = _finite(native, name)
    if value is None:
        raise UnreadableRow(f"{name} is {getattr(native, name, None)!r}, not a number")
    return value


def _whole(native: Native, name: str) -> int:
    return int(_number(native, name))


def _decimal(native: Native, name: str, step: Decimal) -> Decimal:
    return _quantized(_number(native, name), step)


def _quantized(value: float, step: Decimal) -> Decimal:
    return Decimal(repr(value)).quantize(step, ROUND_HALF_UP)


def _time(native: Native, name: str) -> datetime | None:
    """A time in Unix seconds as a Shanghai time; None where it is missing."""
    seconds = _finite(native, name)
    return datetime.fromtimestamp(seconds, SHANGHAI) if seconds and seconds > 0 else None
