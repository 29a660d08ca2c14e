"""Quotes of akshare's `bond_zh_hs_cov_spot` (Sina): the whole market in one table, once a minute. The last resort.

Its rows have a book, a volume and the time of day, and no date: they count as today's only while the table moves.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from core.akshare.cells import check_filled_ratio, parse_number
from core.akshare.client import AkshareClient, Table, TableRefused, TableUnavailable, check_shape
from core.i18n import say
from core.infra.clock import Clock
from core.infra.network import in_words
from core.model.bond import BondCode, CodeRefused
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote, TradingState
from core.model.time import SHANGHAI
from core.quotes.polling import PolledQuotes, QuoteSourceUnavailable
from core.rules.sessions import trading_state
from core.rules.ticks_and_lots import TICK, volume_unit

TABLE = "bond_zh_hs_cov_spot"
SOURCE = "akshare"

INTERVAL = 60.0
"""Seconds: Sina locks out a client that asks much more often (akshare says so of this call)."""

FLOOR = 150
"""Rows that the table has at least: some 300 bonds trade."""

COLUMNS = ("code", "name", "trade", "buy", "sell", "settlement", "volume", "amount", "ticktime")

_MAX_AGE = 45.0
_AHEAD = timedelta(seconds=90)
_MOST_AHEAD = 0.05
"""Share of the rows; of yesterday's table, nearly all are of the close."""

_STILL = timedelta(minutes=5)


class AkshareQuotes(PolledQuotes):
    """A `QuoteFeed` over the table; each question costs a process of its own."""

    def __init__(self, clock: Clock, tables: AkshareClient, *, open_now: Callable[[], bool]) -> None:
        super().__init__(SOURCE, self._rows, clock, interval=INTERVAL, max_age=_MAX_AGE, open_now=open_now)
        self._tables = tables

    async def stop(self) -> None:
        self._tables.close()
        await super().stop()

    async def _rows(self, codes: Sequence[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        try:
            table = await self._tables.fetch(TABLE)
            return read_spot(table, self._clock.now(), open_now=self._open_now())
        except (TableUnavailable, TableRefused) as error:
            raise QuoteSourceUnavailable(str(error)) from None


def read_spot(table: Table, now: datetime, *, open_now: bool) -> dict[BondCode, Maybe[Quote]]:
    """Every bond of the table. Raises `TableRefused` where it is not whole, or its prices are of another day."""
    check_shape(table, COLUMNS, FLOOR)
    check_filled_ratio(table, "trade", 0.9)
    check_filled_ratio(table, "ticktime", 0.9)
    _check_day(table, now.astimezone(SHANGHAI), open_now=open_now)
    found: dict[BondCode, Maybe[Quote]] = {}
    for row in table.rows:
        try:
            code = BondCode(row["code"] or "")
        except CodeRefused:
            continue
        found[code] = _read(code, row, now.astimezone(SHANGHAI))
    return found


def _check_day(table: Table, now: datetime, *, open_now: bool) -> None:
    """Yesterday's table says 15:00:00 until the morning; while it is open, the newest row is of just now. A few rows
    ahead of the clock are themselves odd, and prove nothing of the others."""
    times = sorted(moment for row in table.rows if (moment := _moment(row, now)) is not None)
    of_today = [moment for moment in times if moment - now <= _AHEAD]
    if not of_today or len(times) - len(of_today) > _MOST_AHEAD * len(times):
        newest = f"{times[-1]:%H:%M:%S}" if times else say("no time at all")
        raise TableRefused(say("its prices are of another day: the newest is of {newest}", newest=newest))
    if open_now and now - of_today[-1] > _STILL:
        raise TableRefused(say("its prices have not changed since {newest}", newest=f"{of_today[-1]:%H:%M:%S}"))


def _moment(row: Mapping[str, str | None], now: datetime) -> datetime | None:
    """The row's time of day as one of today, None where it cannot be read."""
    try:
        told = time.fromisoformat((row["ticktime"] or "").strip())
    except ValueError:
        return None
    return datetime.combine(now.date(), told.replace(tzinfo=None), SHANGHAI)


def _read(code: BondCode, row: Mapping[str, str | None], now: datetime) -> Maybe[Quote]:
    try:
        last, prev_close = _price(row, "trade"), _price(row, "settlement")
        volume = _volume(row, last)
        bid, ask = _price(row, "buy"), _price(row, "sell")
        if last is None:
            return Unknown(say("no price: {source} reports no trade yet", source=SOURCE))
        at = _moment(row, now)
        if at is None:
            raise TableRefused(say("{text} is not a time", text=repr((row["ticktime"] or "")[:20])))
        if at - now > _AHEAD:
            raise TableRefused(say("its time {at:%H:%M:%S} is ahead of this computer's clock", at=at))
        moves = bool(volume or bid or ask)
        return Known(
            Quote(
                code=code,
                name=(row["name"] or "").strip(),
                last=last,
                at=at,
                source=SOURCE,
                state=trading_state(code.exchange, now.time()) if moves else TradingState.HALTED,
                prev_close=prev_close,
                bid=bid,
                ask=ask,
                volume=volume,
            )
        )
    except Exception as error:  # one odd row must not take the others with it
        why = in_words(error)
        return Unknown(say("no price: akshare's row for {code} cannot be read: {error}", code=code, error=why))


def _volume(row: Mapping[str, str | None], last: Decimal | None) -> int:
    """In 张, whatever unit the row counts in: the amount tells. Raises `TableRefused` where it does not."""
    told, amount = (
        parse_number(row["volume"], "volume") or Decimal(0),
        parse_number(row["amount"], "amount") or Decimal(0),
    )
    if not told or last is None:
        return 0
    unit = volume_unit(int(told), amount, last)
    if unit is None:
        raise TableRefused(say("amount {amount} and volume {told} match no unit", amount=amount, told=told))
    return int(told) * unit


def _price(row: Mapping[str, str | None], column: str) -> Decimal | None:
    found = parse_number(row[column], column)
    return found.quantize(TICK, ROUND_HALF_UP) if found is not None and found > 0 else None
