"""Securities, their quotes and the trading calendar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from miniqmt_emulator.clock import Clock, midnight_ms, moment_of_ms, next_weekday
from miniqmt_emulator.constants import Phase, Side

Level = tuple[float, int]
"""Price and volume in bonds (张), not in 手."""

_DEPTH_LEVELS = 5
_DEFAULT_DEPTH = 500


@dataclass
class Instrument:
    """A security; the defaults are those of a convertible bond."""

    code: str
    name: str = ""
    prev_close: float = 100.0
    kind: str = "convertible_bond"
    tick: float = 0.001
    lot: int = 10
    limit_ratio: float = 0.20
    limit_up: float = 0.0
    """Fixed limits (a listing day); 0 means: from the previous close and the ratio."""
    limit_down: float = 0.0
    sell_next_day: bool = False
    """True for securities that may not be sold on the day they were bought."""
    instrument_status: int = 0
    stock_code: str = ""
    conversion_price: float = 0.0
    remaining_size: float = 6.0e8
    """Yuan of face value."""
    list_date: str = "20230829"
    maturity_date: str = "20290811"
    last_trade_date: str = ""
    """Last trading day of a bond that is being redeemed."""
    detail: dict[str, Any] = field(default_factory=dict)
    """Fields added to, or replacing, those of ``get_instrument_detail``; after ``tick:``, those of its ticks."""
    cb_info: dict[str, Any] = field(default_factory=dict)
    """Fields added to, or replacing, those of ``get_cb_info``."""
    bars: list[dict[str, Any]] = field(default_factory=list)
    """Daily bars: day, open, high, low, close, volume, amount."""

    @property
    def market(self) -> str:
        return self.code.rpartition(".")[2]

    @property
    def number(self) -> str:
        return self.code.rpartition(".")[0]

    @property
    def upper_limit(self) -> float:
        return self.limit_up or self._limit(1 + self.limit_ratio)

    @property
    def lower_limit(self) -> float:
        return self.limit_down or self._limit(1 - self.limit_ratio)

    def on_tick(self, price: float) -> bool:
        steps = price / self.tick
        return abs(steps - round(steps)) < 1e-6

    def _limit(self, factor: float) -> float:
        tick = Decimal(str(self.tick))
        exact = Decimal(str(self.prev_close)) * Decimal(str(round(factor, 6)))
        return float((exact / tick).quantize(Decimal(1), ROUND_HALF_UP) * tick)


@dataclass
class Quote:
    last: float
    open: float
    high: float
    low: float
    bids: list[Level] = field(default_factory=list)
    asks: list[Level] = field(default_factory=list)
    volume: int = 0
    amount: float = 0.0
    halt: int = 0
    """A phase of its own while suspended or halted; 0 means: as the market."""
    hidden: bool = False
    """No tick is in the terminal's cache."""
    time_ms: int = 0


class Market:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.instruments: dict[str, Instrument] = {}
        self.quotes: dict[str, Quote] = {}
        self.phase: int = Phase.CONTINUOUS
        self.trading_day = clock.now().strftime("%Y%m%d")
        self.trading_dates: list[str] = []
        self.holidays: list[str] = []
        self.listeners: list[Callable[[str], None]] = []

    def add(self, instrument: Instrument) -> None:
        self.instruments[instrument.code] = instrument
        self.quotes.pop(instrument.code, None)
        self.set_quote(instrument.code, last=instrument.prev_close)

    # -- quotes -------------------------------------------------------------------------------

    def set_quote(
        self,
        code: str,
        last: float | None = None,
        *,
        bids: Sequence[Sequence[float]] | None = None,
        asks: Sequence[Sequence[float]] | None = None,
        spread: float | None = None,
        depth: int = _DEFAULT_DEPTH,
        volume_add: int = 0,
        hidden: bool = False,
    ) -> None:
        """A new quote.

        ``bids`` and ``asks`` are (price, bonds) pairs; left out, five levels are made up around
        ``last``, ``spread`` apart and ``depth`` bonds deep.
        """
        instrument = self.instruments[code]
        quote = self.quotes.get(code)
        if quote is None:
            opening = instrument.prev_close if last is None else last
            quote = self.quotes[code] = Quote(opening, opening, opening, opening)
        if last is not None:
            quote.last = last
        step = spread or instrument.tick
        quote.bids = _levels(bids) if bids is not None else self._ladder(instrument, quote, -step, depth)
        quote.asks = _levels(asks) if asks is not None else self._ladder(instrument, quote, step, depth)
        if quote.last:
            quote.open = quote.open or quote.last
            quote.high = max(quote.high, quote.last)
            quote.low = min(quote.low, quote.last) if quote.low else quote.last
        quote.volume += volume_add
        quote.amount += volume_add * quote.last
        quote.hidden = hidden
        quote.time_ms = int(self.clock.time() * 1000)
        self._changed(code)

    def halt(self, code: str, phase: int) -> None:
        """Suspend or halt one security; its order book becomes empty."""
        quote = self.quotes[code]
        quote.halt = phase
        quote.bids, quote.asks = [], []
        self._changed(code)

    def resume(self, code: str) -> None:
        self.quotes[code].halt = 0
        self.set_quote(code)

    def set_phase(self, phase: int) -> None:
        self.phase = phase
        for code in self.quotes:
            self._changed(code)

    def phase_of(self, code: str) -> int:
        return self.quotes[code].halt or self.phase

    def price(self, code: str) -> float:
        """Last price, or the previous close before the first trade; 0 if unknown."""
        quote = self.quotes.get(code)
        if quote is None:
            return 0.0
        return quote.last or self.instruments[code].prev_close

    def take(self, code: str, side: int, limit: float, volume: int) -> list[Level]:
        """Trade against the book, best price first; what is taken is gone until the next quote."""
        quote = self.quotes[code]
        book = quote.asks if side == Side.BUY else quote.bids
        fills: list[Level] = []
        while volume > 0 and book:
            price, available = book[0]
            if price > limit if side == Side.BUY else price < limit:
                break
            amount = min(volume, available)
            if amount:
                fills.append((price, amount))
            volume -= amount
            if amount == available:
                book.pop(0)
            else:
                book[0] = (price, available - amount)
        return fills

    def ticks(self, codes: Iterable[str], hand: int) -> dict[str, dict[str, Any]]:
        """Full ticks of all known securities among ``codes``; a bare market means all of it."""
        wanted: list[str] = []
        for code in codes:
            if "." in code:
                wanted.append(code)
            else:
                wanted += [known for known in self.instruments if known.endswith("." + code)]
        return {
            code: self.tick(code, hand)
            for code in dict.fromkeys(wanted)
            if code in self.quotes and not self.quotes[code].hidden
        }

    def tick(self, code: str, hand: int) -> dict[str, Any]:
        quote, instrument = self.quotes[code], self.instruments[code]
        phase = self.phase_of(code)
        return {
            "time": quote.time_ms,
            "timetag": moment_of_ms(quote.time_ms).strftime("%Y%m%d %H:%M:%S"),
            "lastPrice": quote.last,
            "open": quote.open,
            "high": quote.high,
            "low": quote.low,
            "lastClose": instrument.prev_close,
            "amount": round(quote.amount, 3),
            "volume": quote.volume // hand,
            "pvolume": quote.volume,
            "stockStatus": 3 if phase == Phase.CONTINUOUS else 0,
            "openInt": int(phase),
            "transactionNum": 0,
            "lastSettlementPrice": instrument.prev_close,
            "settlementPrice": 0.0,
            "pe": 0.0,
            "askPrice": _padded([price for price, _ in quote.asks], 0.0),
            "bidPrice": _padded([price for price, _ in quote.bids], 0.0),
            "askVol": _padded([volume // hand for _, volume in quote.asks], 0),
            "bidVol": _padded([volume // hand for _, volume in quote.bids], 0),
            "volRatio": 0.0,
            "speed1Min": 0.0,
            "speed5Min": 0.0,
        } | {name[5:]: value for name, value in instrument.detail.items() if name.startswith("tick:")}

    # -- calendar -----------------------------------------------------------------------------

    def next_trading_day(self) -> str:
        later = [day for day in self.trading_dates if day > self.trading_day]
        return min(later) if later else next_weekday(self.trading_day, set(self.holidays))

    def roll_to(self, day: str) -> None:
        """Start a new day: today's close becomes the previous close, books and volumes reset."""
        for code, instrument in self.instruments.items():
            quote = self.quotes[code]
            close = self.price(code)
            instrument.bars.append(
                {
                    "day": self.trading_day,
                    "open": quote.open or close,
                    "high": quote.high or close,
                    "low": quote.low or close,
                    "close": close,
                    "volume": quote.volume,
                    "amount": quote.amount,
                }
            )
            instrument.prev_close = close
            instrument.limit_up = instrument.limit_down = 0.0
        self.trading_day = day
        if day not in self.trading_dates:
            self.trading_dates = sorted([*self.trading_dates, day])
        self.phase = Phase.CONTINUOUS
        for code, instrument in self.instruments.items():
            halt = self.quotes[code].halt
            halted = halt in (Phase.SUSPENDED, Phase.HALTED_TO_CLOSE)
            self.quotes[code] = Quote(instrument.prev_close, 0.0, 0.0, 0.0)
            self.set_quote(code)
            if halted:
                self.halt(code, Phase.SUSPENDED)

    def days_ms(self, start: str, end: str, count: int) -> list[int]:
        """Trading days up to today; those to come are not shown, even when they are known."""
        known = [day for day in self.trading_dates if day <= self.trading_day]
        return [midnight_ms(day) for day in select_days(known, start, end, count)]

    def _changed(self, code: str) -> None:
        for listener in self.listeners:
            listener(code)

    @staticmethod
    def _ladder(instrument: Instrument, quote: Quote, step: float, depth: int) -> list[Level]:
        """Five levels on one side of the last price, not beyond the price limits."""
        if not quote.last or quote.halt:
            return []
        prices = [round(quote.last + step * number, 3) for number in range(1, _DEPTH_LEVELS + 1)]
        return [(price, depth) for price in prices if instrument.lower_limit <= price <= instrument.upper_limit]


def select_days(days: Iterable[str], start: str, end: str, count: int) -> list[str]:
    chosen = [day for day in days if (not start or day >= start[:8]) and (not end or day <= end[:8])]
    return chosen[-count:] if count > 0 else chosen


def sample_bonds() -> list[Instrument]:
    """Six bonds to start with."""
    return [
        Instrument("113050.SH", "南银转债", 118.250, stock_code="601009.SH", conversion_price=8.57),
        Instrument("110059.SH", "浦发转债", 110.310, stock_code="600000.SH", conversion_price=12.92),
        Instrument("118034.SH", "晶能转债", 102.880, stock_code="688223.SH", conversion_price=13.70),
        Instrument("123219.SZ", "宇瞳转债", 122.828, stock_code="300790.SZ", conversion_price=15.32),
        Instrument("127045.SZ", "牧原转债", 121.500, stock_code="002714.SZ", conversion_price=46.38),
        Instrument("128136.SZ", "立讯转债", 113.700, stock_code="002475.SZ", conversion_price=56.14),
    ]


def _levels(pairs: Sequence[Sequence[float]]) -> list[Level]:
    return [(float(price), int(volume)) for price, volume in pairs if price]


def _padded(values: list[Any], filler: Any) -> list[Any]:
    return (values + [filler] * _DEPTH_LEVELS)[:_DEPTH_LEVELS]
