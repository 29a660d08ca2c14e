"""Reads MiniQMT's native objects, field by field, into our own values.

They have no `__dict__`, hold floats, and a text that was cut inside a Chinese character raises when it is read. Where
that field identifies a row, the row is refused (`UnreadableRow`); any other is read as empty.
"""

import math
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from core.i18n import mark, say
from core.model.account import Asset, Position
from core.model.bond import BondCode, CodeRefused
from core.model.errors import InvalidDataError
from core.model.order import BrokerOrder, Fill, OrderState, Side
from core.model.time import SHANGHAI
from core.rules.sizing import impossible_fee
from core.rules.ticks_and_lots import TICK

Native = Any  # an object of the SDK's binary modules

STRATEGY_NAME = "rotor"
"""What every order of rotor carries as its strategy's name."""

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

_PLACEHOLDERS = frozenset({2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63)})
"""The ends of the whole numbers, which native code leaves where it has no figure."""

_MOST_MONEY, _MOST_PRICE, _MOST_VOLUME = 1e12, 1e5, 1_000_000_000
"""Above these no account's money (CNY), bond's price (CNY per 张) or volume (张) can be."""

_MONEY = Decimal("0.001")
_FEE = Decimal("0.0001")

ACCOUNT_TYPES = {
    "FUTURE": 1,
    "STOCK": 2,
    "CREDIT": 3,
    "FUTURE_OPTION": 5,
    "STOCK_OPTION": 6,
    "HUGANGTONG": 7,
    "INCOME_SWAP": 8,
    "NEW3BOARD": 10,
    "SHENGANGTONG": 11,
}
"""Types of accounts by the names that the SDK takes (xtconstant of 250807). A number may have several: margin and Stock
Connect accounts are often listed under the stock account's."""

_ACCOUNT_STATES = {
    -1: mark("无效, no such account"),
    0: mark("正常, ready"),
    1: mark("连接中, connecting"),
    2: mark("登陆中, logging in"),
    3: mark("失败, its login failed"),
    4: mark("初始化中, starting"),
    5: mark("数据刷新校正中, refreshing its data"),
    6: mark("收盘后, after the close"),
    7: mark("穿透副链接断开, a connection of the broker is down"),
    8: mark("系统停用, disabled by the system"),
    9: mark("用户停用, disabled by the user"),
}


class UnreadableRow(InvalidDataError):
    """A row without a field that identifies it, or with a figure that cannot be; the message says which field."""


class DoubtfulRow(UnreadableRow):
    """A row of a known bond with a figure that cannot be true: nothing is booked, planned or sold on it."""

    def __init__(self, code: BondCode, why: str) -> None:
        super().__init__(say("MiniQMT reports for {code}: {why}, which cannot be true", code=code, why=why))
        self.code = code


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
    """The state of the account of this number and type; only state 0 can trade."""

    account: str
    type: int
    number: int

    @property
    def ready(self) -> bool:
        return self.number == 0

    def __str__(self) -> str:
        name = say(_ACCOUNT_STATES.get(self.number, mark("not known to this version")))
        return say("state {number} ({name})", number=self.number, name=name)


def is_of_type(native: Native, account_type: int) -> bool:
    """Whether a row is of the account's type, and not of another account under the same number.

    Raises `UnreadableRow` where it names no type, and for an order of rotor's own under another type: left out, it
    would count as one that never arrived.
    """
    named = _whole(native, "account_type")
    if named != account_type and _text(native, "strategy_name") == STRATEGY_NAME:
        raise UnreadableRow(say("an order of rotor is listed for an account of type {type}", type=type_name(named)))
    return named == account_type


def type_name(account_type: int) -> str:
    """An account type's name, else its number."""
    return next((name for name, number in ACCOUNT_TYPES.items() if number == account_type), str(account_type))


def read_asset(native: Native) -> Asset:
    """Raises `UnreadableRow` for a figure that is none, or is below zero."""
    cash, frozen, value = (
        _quantized(_figure(native, name, 0, _MOST_MONEY), _MONEY) for name in ("cash", "frozen_cash", "market_value")
    )
    return Asset(cash, frozen, value)


def read_position(native: Native) -> Position | None:
    """A position; None for other securities, and for one that is sold out. Its cost may be below zero: brokers spread
    a realised profit over what is left."""
    code = _code(native)
    if code is None:
        return None
    with _figures_of(code):
        volume = _count(native, "volume", 0, _MOST_VOLUME)
        if volume == 0:
            return None
        cost = _finite(native, "avg_price") or 0.0
        cost = _quantized(cost if abs(cost) < _MOST_PRICE else 0.0, _FEE)
        return Position(code, volume, _count(native, "can_use_volume", 0, volume), cost)


def read_order(native: Native, today: date) -> BrokerOrder | None:
    """An order; None for other securities and other kinds of orders. A missing time becomes `today`."""
    code = _code(native)
    if code is None:
        return None
    with _figures_of(code):
        side = _SIDES.get(_whole(native, "order_type"))
        if side is None:
            return None
        at = _time(native, "order_time")
        volume = _count(native, "order_volume", 0, _MOST_VOLUME)
        return BrokerOrder(
            order_id=str(_whole(native, "order_id")),
            remark=_remark(native),
            trading_day=at.date() if at else today,
            code=code,
            side=side,
            volume=volume,
            price=_quantized(_figure(native, "price", -_MOST_PRICE, _MOST_PRICE), TICK),
            state=_STATES.get(_whole(native, "order_status"), OrderState.UNKNOWN),
            filled_volume=_count(native, "traded_volume", 0, volume),
            message=_text(native, "status_msg"),
        )


def read_fill(native: Native, now: datetime) -> Fill | None:
    """A fill; None for other securities and other kinds of orders. A missing time becomes `now`."""
    code = _code(native)
    if code is None:
        return None
    with _figures_of(code):
        side = _SIDES.get(_whole(native, "order_type"))
        if side is None:
            return None
        at = _time(native, "traded_time") or now
        trade_id = _text(native, "traded_id")
        if not trade_id:
            raise UnreadableRow(say("a trade of {code} has no number that can be read", code=code))
        volume = _count(native, "traded_volume", 1, _MOST_VOLUME)
        price = _quantized(_figure(native, "traded_price", float(TICK), _MOST_PRICE), TICK)
        fee = Decimal(repr(_finite(native, "commission") or 0.0))  # a counter may leave it out
        if impossible_fee(fee, price * volume):
            raise UnreadableRow(say("the commission of {amount} CNY is {fee} CNY", amount=price * volume, fee=fee))
        return Fill(
            trading_day=at.date(),
            order_id=str(_whole(native, "order_id")),
            trade_id=trade_id,
            remark=_remark(native),
            code=code,
            side=side,
            volume=volume,
            price=price,
            fee=fee.quantize(_FEE, ROUND_HALF_UP),
            at=at,
        )


def read_error(native: Native) -> OrderError:
    return OrderError(_whole(native, "seq"), _whole(native, "order_id"), _remark(native), read_reason(native))


def read_response(native: Native) -> OrderResponse:
    return OrderResponse(_whole(native, "seq"), _whole(native, "order_id"), _text(native, "error_msg"))


def read_reason(native: Native) -> str:
    return _text(native, "error_msg") or say("no reason given")


def read_status(native: Native) -> AccountStatus:
    return AccountStatus(_text(native, "account_id"), _whole(native, "account_type"), _whole(native, "status"))


def read_statuses(rows: Iterable[Native]) -> list[AccountStatus]:
    """Those of them that can be read: one account's odd row says nothing of the others."""
    read: list[AccountStatus] = []
    for row in rows:
        with suppress(UnreadableRow):
            read.append(read_status(row))
    return read


def _code(native: Native) -> BondCode | None:
    text = _text(native, "stock_code")
    if not text:
        raise UnreadableRow(say("a row's code cannot be read"))
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


@contextmanager
def _figures_of(code: BondCode) -> Generator[None]:
    """What cannot be read from here on is this bond's: `DoubtfulRow`."""
    try:
        yield
    except UnreadableRow as error:
        raise DoubtfulRow(code, str(error)) from None


def _finite(native: Native, name: str) -> float | None:
    value: object = getattr(native, name, None)
    if not isinstance(value, int | float) or not math.isfinite(value) or value in _PLACEHOLDERS:
        return None
    return value if abs(value) < _UNSET else None


def _impossible(name: str, value: float) -> UnreadableRow:
    return UnreadableRow(say("the figure {name} is {value!r}", name=name, value=value))


def _figure(native: Native, name: str, least: float, most: float) -> float:
    """A number from `least` to `most`."""
    value = _number(native, name)
    if not least <= value <= most:
        raise _impossible(name, value)
    return value


def _count(native: Native, name: str, least: int, most: int) -> int:
    """A whole number from `least` to `most`; a fraction is refused, never cut off."""
    value = _figure(native, name, least, most)
    if value != int(value):
        raise _impossible(name, value)
    return int(value)


def _number(native: Native, name: str) -> float:
    value = _finite(native, name)
    if value is None:
        raise UnreadableRow(
            say("the figure {name} is {value!r}, not a number", name=name, value=getattr(native, name, None))
        )
    return value


def _whole(native: Native, name: str) -> int:
    return int(_number(native, name))


def _quantized(value: float, step: Decimal) -> Decimal:
    return Decimal(repr(value)).quantize(step, ROUND_HALF_UP)


def _time(native: Native, name: str) -> datetime | None:
    """A time in Unix seconds as a Shanghai time; None where it is missing."""
    seconds = _finite(native, name)
    if not seconds or seconds < 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, SHANGHAI)
    except (ValueError, OverflowError, OSError):
        raise _impossible(name, seconds) from None
