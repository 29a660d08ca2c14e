"""The sandbox's market: real closing prices, and an invented path between them that is the same at every start.

Recorded are the closes of 2026-05-14 and 2026-05-15, the 15th's turnover and its suspensions. Invented, as a pure
function of the seed, are the way from one close to the next, the quotes around it and two incidents a day (one bond
stands at limit-up for some minutes, one at limit-down); and every price of the sessions after the 15th, which quotes
tell by their source.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from random import Random

from core.i18n import say
from core.infra.clock import Clock
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote, TradingState
from core.model.time import SHANGHAI
from core.quotes.feed import QuotePublisher
from core.rules.day_line import SLOTS, slot_at
from core.rules.sessions import CLOSING_CALL_FROM, trading_state
from core.sandbox.panel import PanelRow, Rows
from core.sandbox.prices import (
    CLOSE,
    OPEN,
    RECORDED_DAY,
    RESUMED,
    TICK_SECONDS,
    DayPath,
    Incident,
    day_path,
    limits,
    moment_of,
    seconds_traded,
)
from core.sandbox.recorded import LiveBond, SandboxData

RECORDED = "sandbox"
SYNTHETIC = "sandbox, synthetic"

_HALF_DAY = 7200.0
_WITH_BOOK = (TradingState.CONTINUOUS, TradingState.BREAK)
_SHORTEST_PAUSE = 0.2

_AT_ONCE = 10
"""Bonds of the index that are computed before others may run: a bond's first price of a day takes some 0.3 ms."""


class SandboxMarket(QuotePublisher):
    """A `QuoteFeed` over the bonds of the live snapshot, from 2026-05-15 to the end of the shipped calendar.

    `quote` depends on nothing but the data, the seed, the code and the moment: the market has no state to lose.
    """

    name = "sandbox market"

    def __init__(self, clock: Clock, data: SandboxData, seed: int = 0) -> None:
        super().__init__()
        self.data = data
        self._clock = clock
        self._seed = seed
        self._bonds = data.bonds
        self._sessions = data.sessions[bisect_right(data.sessions, RECORDED_DAY) - 1 :]
        self._before = data.sessions[bisect_right(data.sessions, RECORDED_DAY) - 2]
        self._closes: dict[BondCode, list[int]] = {}
        self._last_quotes: dict[BondCode, tuple[tuple[int, TradingState, float, bool], Quote]] = {}
        self._path = lru_cache(maxsize=2 * len(self._bonds))(self._make_path)
        self._incidents = lru_cache(maxsize=4)(self._make_incidents)
        self._watched: tuple[BondCode, ...] = ()
        self._stopping = asyncio.Event()
        self._beat: asyncio.Task[None] | None = None

    @property
    def codes(self) -> tuple[BondCode, ...]:
        """Every bond of this market, suspended ones included."""
        return tuple(self._bonds)

    @property
    def names(self) -> Mapping[BondCode, str]:
        return {code: bond.name for code, bond in self._bonds.items()}

    def trading_day(self) -> date:
        """Today, where it is a session; else the last session before, at the earliest the recorded day."""
        return self._sessions[max(self._place(self._clock.now().astimezone(SHANGHAI).date()), 0)]

    def session_before(self) -> date:
        """The session before `trading_day`."""
        place = self._place(self.trading_day())
        return self._sessions[place - 1] if place else self._before

    def rows_for_ranking(self, day: date) -> Rows:
        """The figures from which a strategy makes its list of `day`, a session of this market.

        On the recorded day the snapshot's own; later the close of the session before, with the snapshot's conversion
        value and the time that has passed. Raises `ValueError` for any other day.
        """
        place = self._place(day)
        if place < 0 or self._sessions[place] != day:
            raise ValueError(
                say(
                    "{day} is not a session of the sandbox: it runs from {recorded_day} on",
                    day=day,
                    recorded_day=RECORDED_DAY,
                )
            )
        if place == 0:
            return {code: bond.figures for code, bond in self._bonds.items()}
        return {code: self._row(bond, place, day) for code, bond in self._bonds.items()}

    def trades_on(self, code: BondCode, day: date) -> bool:
        """Whether the bond is neither suspended on that session nor delisted before it."""
        return not self._suspended(self._bonds[code], self._place(day))

    async def equal_weight_index(self) -> dict[date, Decimal]:
        """By session, from the one before the recorded day until now: 1000 there, then moved each day by the mean
        change of the bonds that traded. Of the running session it is as of the bonds' last prices."""
        level, values = Decimal(1000), {self._before: Decimal(1000)}
        now = self._clock.now().astimezone(SHANGHAI)
        for place in range(self._place(now.date()) + 1):
            day = self._sessions[place]
            if day == now.date() and now.time() < OPEN:
                break
            running = day == now.date() and now.time() < CLOSE
            changes: list[Decimal] = []
            for number, bond in enumerate(self._bonds.values()):
                if not self._suspended(bond, place):
                    changes.append(self._change(bond, place, now.time() if running else None))
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            level = level * (1 + sum(changes, Decimal(0)) / len(changes)) if changes else level
            values[day] = level.quantize(Decimal("0.001"))
        return values

    def _change(self, bond: LiveBond, place: int, hour: time | None) -> Decimal:
        """Of a bond in a session, a ratio: until its close, or until `hour`."""
        before = self._close(bond, place - 1)
        last = self._close(bond, place) if hour is None else _ticks(self._trading(bond, place, hour).last)
        return Decimal(last) / before - 1

    def quote(self, code: BondCode, moment: datetime) -> Maybe[Quote]:
        """The quote of `code` at `moment`, as of its last trade."""
        bond = self._bonds.get(code)
        if bond is None:
            return Unknown(say("{code} is not traded in the sandbox", code=code))
        moment = moment.astimezone(SHANGHAI)
        place = self._place(moment.date())
        if place < 0:
            return Unknown(say("the sandbox's market begins on {recorded_day}", recorded_day=RECORDED_DAY))
        if moment.date() > self._sessions[-1]:
            return Unknown(say("the trading calendar ends on {value}", value=self._sessions[-1]))
        day = self._sessions[place]
        hour = moment.time() if day == moment.date() else CLOSE
        if self._suspended(bond, place):
            return Known(self._halted(bond, place))
        if hour < OPEN:
            return Unknown(say("no trade yet today"))
        return Known(self._trading(bond, place, hour))

    def minutes(self, code: BondCode, day: date) -> tuple[int, ...]:
        """The last price of each minute of that session that is over, in ticks of 0.001 CNY; none of a bond that does
        not trade."""
        bond, place = self._bonds.get(code), self._place(day)
        now = self._clock.now().astimezone(SHANGHAI)
        if (
            bond is None
            or place < 0
            or self._sessions[place] != day
            or day > now.date()
            or self._suspended(bond, place)
        ):
            return ()
        over = SLOTS if day < now.date() else max(slot_at(now.time()), 0)
        prices = self._path(code, place).prices
        return tuple(prices[min(slot + 1, len(prices) - 1)] for slot in range(over))

    async def start(self) -> None:
        if self._beat is None:
            self._stopping.clear()
            self._beat = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._beat is not None:
            self._stopping.set()
            await self._beat
            self._beat = None

    def watch(self, codes: Iterable[BondCode]) -> None:
        self._watched = tuple(sorted(set(codes)))
        self._published = {code: quote for code, quote in self._published.items() if code in self._watched}

    async def universe(self) -> Maybe[tuple[BondCode, ...]]:
        return Known(self.codes)

    async def snapshot(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        now = self._clock.now()
        return {code: self.quote(code, now) for code in codes}

    async def _run(self) -> None:
        """Tell listeners every second of market time; of a fast clock, at most five times a real second."""
        while not await self._clock.wait(self._stopping, max(1.0, _SHORTEST_PAUSE * self._clock.speed)):
            self._tell()

    def _tell(self) -> None:
        now = self._clock.now()
        self._publish({code: self.quote(code, now) for code in self._watched}, self._watched)

    def _place(self, day: date) -> int:
        """Index of the last session up to `day`, -1 before the first."""
        return bisect_right(self._sessions, day) - 1

    def _suspended(self, bond: LiveBond, place: int) -> bool:
        if bond.turnover == 0:
            return True
        return place > 0 and bond.last_day is not None and self._sessions[place] > bond.last_day

    def _halted(self, bond: LiveBond, place: int) -> Quote:
        """No trade, no book: its last price, as old as it is."""
        last = self._close(bond, place - 1)
        traded_on = self.data.traded_on(bond)
        if place > 0 and bond.turnover > 0 and bond.last_day is not None:
            traded_on = max(traded_on, bond.last_day)
        low, high = limits(last)
        return Quote(
            code=bond.code,
            name=bond.name,
            last=_price(last),
            at=datetime.combine(traded_on, CLOSE, SHANGHAI),
            source=self._source(place),
            state=TradingState.HALTED,
            prev_close=_price(last),
            limit_up=_price(high),
            limit_down=_price(low),
        )

    def _trading(self, bond: LiveBond, place: int, hour: time) -> Quote:
        """As of the last tick: from one to the next it is the same object."""
        state = trading_state(bond.code.exchange, hour)
        seconds = self._last_tick(bond.code, state, hour)
        moment, kept = (place, state, seconds, hour >= RESUMED), self._last_quotes.get(bond.code)
        if kept is None or kept[0] != moment:
            kept = self._last_quotes[bond.code] = (moment, self._quote_at(bond, place, state, seconds, hour >= RESUMED))
        return kept[1]

    def _quote_at(self, bond: LiveBond, place: int, state: TradingState, seconds: float, resumed: bool) -> Quote:
        path, book = self._path(bond.code, place), state in _WITH_BOOK
        tick = path.tick(seconds)
        return Quote(
            code=bond.code,
            name=bond.name,
            last=_price(tick.last),
            at=moment_of(self._sessions[place], seconds, resumed),
            source=self._source(place),
            state=state,
            prev_close=_price(self._close(bond, place - 1)),
            bid=_price(tick.bid) if book and tick.bid is not None else None,
            ask=_price(tick.ask) if book and tick.ask is not None else None,
            bid_volume=tick.bid_volume if book else None,
            ask_volume=tick.ask_volume if book else None,
            limit_up=_price(path.high),
            limit_down=_price(path.low),
            volume=tick.volume,
        )

    def _last_tick(self, code: BondCode, state: TradingState, hour: time) -> float:
        """Seconds of trading up to the bond's last tick; the ends of both halves are ticks for all bonds."""
        if state is TradingState.CLOSING_CALL:
            return seconds_traded(CLOSING_CALL_FROM)  # nothing trades until the call is matched at 15:00
        elapsed = seconds_traded(hour)
        if state is not TradingState.CONTINUOUS:
            return elapsed
        half = _HALF_DAY if hour >= RESUMED else 0.0
        phase = int(code[:6]) * 7 % 30 / 10
        return max(half, (elapsed - phase) // TICK_SECONDS * TICK_SECONDS + phase)

    def _source(self, place: int) -> str:
        return RECORDED if place == 0 else SYNTHETIC

    def _close(self, bond: LiveBond, place: int) -> int:
        """Close of that session in ticks; place -1 is the session before the recorded day, 0 the recorded day.

        Later closes are invented: each is the one before, moved by about 1 %.
        """
        if place < 0:
            row = self.data.panel.rows(self._before).get(bond.code)
            return _ticks(bond.figures.close if row is None else row.close)
        closes = self._closes.setdefault(bond.code, [_ticks(bond.figures.close)])
        while len(closes) <= place:
            session = len(closes)
            move = Random(f"{self._seed}/{bond.code}/{self._sessions[session]}/move").gauss(0.0, 0.012)
            still = self._suspended(bond, session)
            closes.append(closes[-1] if still else round(closes[-1] * (1 + min(max(move, -0.08), 0.08))))
        return closes[place]

    def _row(self, bond: LiveBond, place: int, day: date) -> PanelRow:
        close, value, years = self._close(bond, place - 1), bond.figures.conversion_value, bond.figures.years
        passed = (day - RECORDED_DAY).days / 365
        return PanelRow(
            close=_price(close),
            premium=None if value is None else round((close / 1000 / value - 1) * 100, 3),
            conversion_value=value,
            years=None if years is None else max(years - passed, 0.0),
            rating=bond.figures.rating,
        )

    def _make_path(self, code: BondCode, place: int) -> DayPath:
        bond, day = self._bonds[code], self._sessions[place]
        close = self._close(bond, place)
        volume = bond.turnover / (close / 1000)
        if place > 0:
            volume *= Random(f"{self._seed}/{code}/{day}/turnover").uniform(0.5, 1.5)
        previous = self._close(bond, place - 1)
        return day_path(f"{self._seed}/{code}/{day}", previous, close, round(volume), self._incidents(place).get(code))

    def _make_incidents(self, place: int) -> Mapping[BondCode, Incident]:
        """One bond at limit-up and one at limit-down, each for 5 to 15 minutes in the middle of a half-day."""
        random = Random(f"{self._seed}/{self._sessions[place]}/incidents")
        trading = [code for code, bond in self._bonds.items() if not self._suspended(bond, place)]
        return {
            code: Incident(up, random.choice((10, 130)) + random.randint(0, 75), random.randint(5, 15))
            for code, up in zip(random.sample(trading, 2), (True, False), strict=True)
        }


def _ticks(price: Decimal) -> int:
    return int(price.scaleb(3))


def _price(ticks: int) -> Decimal:
    return Decimal(ticks).scaleb(-3)
