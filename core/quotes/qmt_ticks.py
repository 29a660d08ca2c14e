"""Reads MiniQMT's ticks into quotes and its static data into bond facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, cast

from core.i18n import say
from core.infra.network import in_words
from core.model.bond import BondCode
from core.model.bond_info import BondFacts, RedemptionState
from core.model.known import Known, Maybe, Unknown
from core.model.quote import HIGHEST_PRICE, Quote, TradingState
from core.model.time import SHANGHAI
from core.rules.cross_check import prev_closes_differ
from core.rules.redemption_text import days_counted, stated
from core.rules.spellings import parse_day, parse_price
from core.rules.ticks_and_lots import TICK, volume_unit

Tick = Mapping[str, Any]

SOURCE = "QMT"

_STATES = {
    1: TradingState.HALTED,
    11: TradingState.PRE_OPEN,
    12: TradingState.AUCTION,
    13: TradingState.CONTINUOUS,
    14: TradingState.BREAK,
    15: TradingState.CLOSED,
    16: TradingState.HALTED,  # 波动性中断
    17: TradingState.HALTED,  # 临时停牌
    18: TradingState.CLOSING_CALL,
    19: TradingState.AUCTION,  # 盘中集合竞价
    20: TradingState.HALTED,  # 暂停交易至闭市
    22: TradingState.CLOSED,
    23: TradingState.CLOSED,
}
"""`openInt` of a tick, which for shares and bonds is their state (xtdata.md); others, 0 and 10 among them: unknown."""

_FIRST_MILLISECOND = 10**11
_MIDNIGHTS = (time(0), time(8))
"""Of Shanghai and of UTC, by Shanghai's clock: of the same day in both."""

_UNSET = Decimal("1e300")
_PLACEHOLDERS = frozenset({2**31 - 1, 2**32 - 1, 2**63 - 1})
"""The ends of the whole numbers, which native code leaves where it has no figure."""

_MOST_DAYS = 3650
"""More days than a bond's life hold no suspension: such a status means something else."""

_NO_PRICE_YET = (None, 0, -1)
"""What `lastPrice` is before the first trade; anything else that is no price is an error of the terminal's."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What holds for a bond all day; prices in CNY per 张, None where the terminal gives none."""

    name: str
    prev_close: Decimal | None
    limit_up: Decimal | None
    limit_down: Decimal | None
    halted: bool | None
    """None where the terminal gives a status that nobody documents."""


def read_detail(native: Tick) -> Detail:
    """From `get_instrument_detail`; its `IsTrading` is wrong (False while a bond trades)."""
    return Detail(
        name=_name(native.get("InstrumentName")),
        prev_close=_price(native.get("PreClose")),
        limit_up=_price(native.get("UpStopPrice")),
        limit_down=_price(native.get("DownStopPrice")),
        halted=_halted(native.get("InstrumentStatus")),
    )


def _halted(status: object) -> bool | None:
    """From the days for which a bond is suspended, 0 or below for a normal one; a terminal may leave it out."""
    if status is None:
        return False
    days = _number(status)
    return None if days is None or abs(days) > _MOST_DAYS else days >= 1


def read_tick(code: BondCode, tick: Tick, detail: Detail | None, now: datetime | None = None) -> Maybe[Quote]:
    """A quote on the tick of 0.001; `Unknown` for what cannot be a price of this bond, or is of a later day than `now`.

    Before the first trade of a day the last price is the previous close, with no volume: good to value a holding with,
    and nothing that an order is made from.
    """
    try:
        return _quote(code, tick, detail, now)
    except Exception as error:  # one odd tick must not take the others with it
        return Unknown(say("MiniQMT's price is impossible: {error}", error=in_words(error)))


def _quote(code: BondCode, tick: Tick, detail: Detail | None, now: datetime | None) -> Maybe[Quote]:
    at = _moment(tick)
    if at is None:
        return Unknown(say("MiniQMT's price has no time"))
    if now is not None and at.date() > now.date():  # it would outlast every price of today
        return Unknown(say("MiniQMT's price is of {at:%Y-%m-%d %H:%M:%S}, ahead of this computer's clock", at=at))
    told, fixed = _price(tick.get("lastClose")), detail.prev_close if detail else None
    doubt = _disagreement(told, fixed)
    prev_close = None if doubt else told or fixed
    traded = _price(tick.get("lastPrice"))
    if traded is None and tick.get("lastPrice") not in _NO_PRICE_YET:
        return Unknown(say("MiniQMT's price is impossible: {error}", error=f"lastPrice {tick.get('lastPrice')}"))
    last = traded or prev_close
    if last is None:
        return Unknown(say("MiniQMT has no price for the bond, not even yesterday's"))
    volume = _whole(tick.get("volume"))
    unit = _unit(volume, tick.get("amount"), last)
    state = _STATES.get(_whole(tick.get("openInt")), TradingState.UNKNOWN)
    if detail is not None and detail.halted is not False:
        state = TradingState.HALTED if detail.halted else TradingState.UNKNOWN
    return Known(
        Quote(
            code,
            detail.name if detail else "",
            last,
            at,
            SOURCE,
            state,
            prev_close=prev_close,
            bid=_price(_first(tick.get("bidPrice"))),
            ask=_price(_first(tick.get("askPrice"))),
            bid_volume=_volume(tick.get("bidVol"), unit),
            ask_volume=_volume(tick.get("askVol"), unit),
            limit_up=detail.limit_up if detail else None,
            limit_down=detail.limit_down if detail else None,
            volume=volume * (unit or 1) if traded else 0,
            doubt=doubt,
        )
    )


def _disagreement(told: Decimal | None, fixed: Decimal | None) -> str:
    """How the previous closes of the tick and of the static data differ; "" where they do not, or one is silent."""
    if told is None or fixed is None or not prev_closes_differ(told, fixed):
        return ""
    return say("MiniQMT gives two previous closes, {told} and {fixed}", told=told, fixed=fixed)


def _unit(volume: int, amount: object, last: Decimal) -> int | None:
    """张 per unit of the tick's volumes, None where the amount does not tell."""
    money = _number(amount)
    return None if money is None else volume_unit(volume, money, last)


def _volume(levels: object, unit: int | None) -> int | None:
    return None if unit is None else _whole(_first(levels)) * unit


def _moment(tick: Tick) -> datetime | None:
    """From `time` (milliseconds of Unix time), else from `timetag` (Shanghai's)."""
    milliseconds = _positive(_number(tick.get("time")))
    try:
        if milliseconds is not None:
            return datetime.fromtimestamp(float(milliseconds) / 1000, SHANGHAI)
        text = str(tick.get("timetag", ""))[:17]
        # Eight digits of a day: strptime reads a missing zero as another one.
        return datetime.strptime(text, "%Y%m%d %H:%M:%S").replace(tzinfo=SHANGHAI) if text[8:9] == " " else None
    except (ValueError, OverflowError, OSError):
        return None


def _price(value: object) -> Decimal | None:
    """A price on the tick, without a float's noise; None for 0, -1 and the like, which mean no price."""
    price = _positive(_number(value))
    return price.quantize(TICK, ROUND_HALF_UP) or None if price is not None and price <= HIGHEST_PRICE else None


def _whole(value: object) -> int:
    return int(_positive(_number(value)) or 0)


def _positive(number: Decimal | None) -> Decimal | None:
    return number if number is not None and number > 0 else None


def _number(value: object) -> Decimal | None:
    """A tick's number; None for text, whose meaning is unknown."""
    return _decimal(value) if isinstance(value, int | float) else None


def _decimal(value: object) -> Decimal | None:
    """A number or the text of one; None for anything else, and for what the SDK never set."""
    try:
        found = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return found if found.is_finite() and abs(found) < _UNSET and found not in _PLACEHOLDERS else None


def _first(levels: object) -> object:
    """The best level; a bare number stands for itself."""
    if isinstance(levels, list | tuple):
        found = cast("list[object]", levels)
        return found[0] if found else None
    return levels


def read_bond(code: BondCode, detail: Mapping[str, Any], info: Mapping[str, Any], as_of: datetime) -> BondFacts:
    """A price of redemption is a call, of an unknown day where its date cannot be read. A date without a price is no
    call, unless the status tells of one: a bond that matures has a date too."""
    price = _redemption_price(info.get("forceRedeemPrice"))
    status = str(info.get("redeemStatus"))
    called = price is not None or stated(status) is RedemptionState.CALLED
    return BondFacts(
        code,
        SOURCE,
        as_of,
        name=_name(info.get("bondName")) or _name(detail.get("InstrumentName")),
        call=RedemptionState.CALLED if called else None,
        counted=days_counted(status),
        last_trade=_day(info.get("forceRedeemTradeDate")),
        maturity=_day(info.get("bondMaturityDate")) or _day(detail.get("ExpireDate")),
        listed=_day(info.get("bondListDate")) or _day(detail.get("OpenDate")),
        redemption_price=price,
        conversion_price=_positive(_decimal(info.get("bondConvPrice"))),
        balance=_positive(_decimal(info.get("bondReMainSize"))),
        share_code=_share_code(info.get("stockCode")),
    )


def _share_code(value: object) -> str | None:
    """Six digits, from 600061 or 600061.SH."""
    digits = str(value).partition(".")[0]
    return digits if len(digits) == 6 and digits.isascii() and digits.isdigit() else None


def _name(value: object) -> str:
    return value if isinstance(value, str) else ""


def _redemption_price(value: object) -> Decimal | None:
    try:
        price = parse_price(value) if isinstance(value, str) else _positive(_decimal(value))
    except ValueError:
        return None
    return price if price is not None and price <= HIGHEST_PRICE else None


def _day(value: object) -> date | None:
    """From 20260929, a date or the milliseconds of a midnight; 0 and 99999999 stand for none."""
    milliseconds = _number(value)
    try:
        if milliseconds is not None and milliseconds >= _FIRST_MILLISECOND:
            moment = datetime.fromtimestamp(int(milliseconds) / 1000, SHANGHAI)
            return moment.date() if moment.time() in _MIDNIGHTS else None
        return parse_day(str(value))
    except (ValueError, OverflowError, OSError):
        return None
