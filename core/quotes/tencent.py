"""Quotes of Tencent's public service: all watched bonds in one or two requests, every three seconds."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

import httpx

from core.i18n import say
from core.infra.clock import Clock
from core.infra.network import async_client, in_words, read_body
from core.model.bond import BondCode, CodeRefused
from core.model.errors import InvalidDataError
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote, TradingState
from core.model.time import SHANGHAI
from core.quotes.polling import PolledQuotes, QuoteSourceUnavailable
from core.rules.sessions import OPENING_CALL_FROM, trading_state
from core.rules.ticks_and_lots import LARGEST_FIGURE, LOT, TICK, volume_unit

SOURCE = "Tencent"

_NAME, _CODE, _LAST, _PREV_CLOSE, _VOLUME = 1, 2, 3, 4, 6
_BID, _BID_VOLUME, _ASK, _ASK_VOLUME = 9, 10, 19, 20
_TIME, _CHANGE, _DEAL, _STATUS, _LIMIT_UP, _LIMIT_DOWN = 30, 31, 35, 40, 47, 48
_LEAST_FIELDS = 50

_LINE = re.compile(r'v_(?:sh|sz)(\d{6})="([^"]*)"')
_CHANGE_TOLERANCE = Decimal("0.002")
_INDEX_TOLERANCE = Decimal("0.011")
"""An index has two decimals, its previous close may have more."""


class LineRefused(InvalidDataError, ValueError):
    """A line does not have the known format; the message says what is wrong."""


def address_of(code: BondCode) -> str:
    """How the service names a bond: sh113052."""
    return f"{code.exchange.lower()}{code[:6]}"


def read_lines(text: str, now: datetime) -> dict[BondCode, Maybe[Quote]]:
    """Every line of an answer; a code that the service does not know has none in it."""
    found: dict[BondCode, Maybe[Quote]] = {}
    for digits, line in _LINE.findall(text):
        try:
            code = BondCode(digits)
        except CodeRefused:
            continue
        found[code] = read_line(code, line, now)
    return found


def read_line(code: BondCode, line: str, now: datetime) -> Maybe[Quote]:
    """One bond's quote as of `now`; `Unknown` where it is none: a placeholder, a shifted field."""
    fields = line.split("~")
    try:
        return _placeholder(fields) or Known(_quote(code, fields, now))
    except Exception as error:  # one odd line must not take the others with it
        why = in_words(error)
        return Unknown(say("no price: Tencent's line for {code} cannot be read: {error}", code=code, error=why))


def _placeholder(fields: Sequence[str]) -> Unknown | None:
    """The line of a bond that no longer trades: its last price without a book, as of 09:00:00 each day."""
    if len(fields) < _LEAST_FIELDS:
        raise LineRefused(say("it has {fields} fields", fields=len(fields)))
    if fields[_STATUS] == "D":
        return Unknown(say("no price: {source} reports the bond as delisted", source=SOURCE))
    return None


def _quote(code: BondCode, fields: Sequence[str], now: datetime) -> Quote:
    if fields[_CODE] != code[:6]:
        raise LineRefused(say("it is for {other}", other=fields[_CODE][:10]))
    last, prev_close, at = _price(fields, _LAST), _price(fields, _PREV_CLOSE), _moment(fields[_TIME])
    if last is None:
        raise LineRefused(say("it has no last price"))
    if prev_close is not None and abs(last - prev_close - _figure(fields, _CHANGE)) > _CHANGE_TOLERANCE:
        raise LineRefused(say("its change is not that from its previous close: its fields have moved"))
    volume, unit = _volume(fields, last)
    bid, ask = _price(fields, _BID), _price(fields, _ASK)
    return Quote(
        code=code,
        name=fields[_NAME].strip(),
        last=last,
        at=at,
        source=SOURCE,
        state=_state(code, fields[_STATUS], at, now, traded=bool(volume or bid or ask)),
        prev_close=prev_close,
        bid=bid,
        ask=ask,
        bid_volume=_whole(fields, _BID_VOLUME) * unit if bid and unit else None,
        ask_volume=_whole(fields, _ASK_VOLUME) * unit if ask and unit else None,
        limit_up=_price(fields, _LIMIT_UP),
        limit_down=_price(fields, _LIMIT_DOWN),
        volume=volume,
    )


def _state(code: BondCode, status: str, at: datetime, now: datetime, *, traded: bool) -> TradingState:
    """Suspended where the service says so, or where nothing at all has happened since the opening call; else by the
    hour, since the service tells no phase."""
    if status == "S" or not (traded and at.time() > OPENING_CALL_FROM):
        return TradingState.HALTED
    if at.date() != now.astimezone(SHANGHAI).date():
        return TradingState.CLOSED
    return trading_state(code.exchange, now.astimezone(SHANGHAI).time())


def _volume(fields: Sequence[str], last: Decimal) -> tuple[int, int | None]:
    """The day's volume in 张, and how many 张 the service counts as one; None where amount and volume do not fit."""
    told = _whole(fields, _VOLUME)
    if not told:
        return 0, LOT
    deal = fields[_DEAL].split("/")
    amount = _decimal(deal[2]) if len(deal) == 3 else Decimal(0)
    unit = volume_unit(told, amount, last)
    if unit is None:
        raise LineRefused(say("amount {amount} and volume {told} match no unit", amount=amount, told=told))
    return told * unit, unit


def _moment(text: str) -> datetime:
    try:
        if len(text) != 14:  # strptime reads a missing zero as another day
            raise ValueError
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
    except ValueError:
        raise LineRefused(say("{text} is not a time", text=repr(text[:20]))) from None


def _price(fields: Sequence[str], place: int) -> Decimal | None:
    """None for 0 and below, which stand for no price."""
    price = _figure(fields, place)
    return price.quantize(TICK, ROUND_HALF_UP) if price > 0 else None


def _whole(fields: Sequence[str], place: int) -> int:
    figure = _figure(fields, place)
    if figure < 0 or figure != int(figure):
        raise LineRefused(say("field {place} is {figure}, not a count", place=place, figure=figure))
    return int(figure)


def _figure(fields: Sequence[str], place: int) -> Decimal:
    return _decimal(fields[place]) if fields[place].strip() else Decimal(0)


def _decimal(text: str) -> Decimal:
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) > LARGEST_FIGURE:
        raise LineRefused(say("{text} is not a number", text=repr(text[:20])))
    return found


INTERVAL = 3.0
"""Seconds: as often as the exchanges publish a bond's price."""

TIMEOUT = 5.0
"""Seconds that an answer may take: some 0.15 s are usual for a hundred bonds."""

_MOST = 300
"""Bonds in one request; the service takes some 900."""

_LONGEST = 1024 * 1024
"""Bytes of an answer, unpacked: a bond's line has some 500."""

_MAX_AGE = 1.0
_NONE = "v_pv_none_match"


class TencentQuotes(PolledQuotes):
    """A `QuoteFeed` over the service at `address`."""

    def __init__(self, clock: Clock, *, open_now: Callable[[], bool], address: str, proxy: str = "none") -> None:
        super().__init__(SOURCE, self._lines, clock, interval=INTERVAL, max_age=_MAX_AGE, open_now=open_now)
        self._address = address
        self._proxy = proxy
        self._client: httpx.AsyncClient | None = None

    async def stop(self) -> None:
        await super().stop()
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _lines(self, codes: Sequence[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        found: dict[BondCode, Maybe[Quote]] = {}
        for start in range(0, len(codes), _MOST):
            text = await self._text(codes[start : start + _MOST])
            found |= read_lines(text, self._clock.now())
        return found

    async def _text(self, codes: Sequence[BondCode]) -> str:
        """The service's lines. Raises `QuoteSourceUnavailable`."""
        if self._client is None:
            self._client = async_client(self._address, self._proxy)
        return await _ask(self._client, [address_of(code) for code in codes])


async def _ask(client: httpx.AsyncClient, symbols: Sequence[str]) -> str:
    """The service's lines. Raises `QuoteSourceUnavailable`."""
    try:
        async with asyncio.timeout(TIMEOUT), client.stream("GET", "/", params={"q": ",".join(symbols)}) as answer:
            if not answer.is_success:
                raise QuoteSourceUnavailable(say("it answers with status {status}", status=answer.status_code))
            text = (await read_body(answer, _LONGEST)).decode("gbk", errors="replace")
    except TimeoutError:
        raise QuoteSourceUnavailable(say("it did not answer within {seconds:.0f} s", seconds=TIMEOUT)) from None
    if "v_s" not in text and _NONE not in text:
        raise QuoteSourceUnavailable(say("its answer holds no quotes: {text}", text=repr(text[:40])))
    return text


@dataclass(frozen=True, slots=True)
class IndexQuote:
    """An index: its newest value, when that was, and its previous close."""

    last: Decimal
    at: datetime
    prev_close: Decimal | None


async def fetch_index(address: str, proxy: str, symbol: str) -> IndexQuote:
    """The index of a symbol such as sh000832. Raises `QuoteSourceUnavailable`, `LineRefused`."""
    async with async_client(address, proxy) as client:
        text = await _ask(client, [symbol])
    return read_index(text, symbol)


def read_index(text: str, symbol: str) -> IndexQuote:
    """The index in an answer, with the checks of a bond's line. Raises `LineRefused`."""
    lines: list[tuple[str, str]] = _LINE.findall(text)
    fields = next((line.split("~") for digits, line in lines if digits == symbol[2:]), list[str]())
    if len(fields) < _LEAST_FIELDS or fields[_CODE] != symbol[2:]:
        raise LineRefused(say("it has no line of {symbol}", symbol=symbol))
    last, prev_close = _price(fields, _LAST), _price(fields, _PREV_CLOSE)
    if last is None:
        raise LineRefused(say("it has no last price"))
    if prev_close is not None and abs(last - prev_close - _figure(fields, _CHANGE)) > _INDEX_TOLERANCE:
        raise LineRefused(say("its change is not that from its previous close: its fields have moved"))
    return IndexQuote(last, _moment(fields[_TIME]), prev_close)
