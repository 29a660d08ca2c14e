"""A bond's invented path through one trading day, between prices that are given.

Everything here is a pure function of a seed in words, so that a restart shows the same market. Prices are whole ticks
of 0.001 CNY, volumes 张.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from math import sqrt
from random import Random
from typing import NamedTuple

from core.i18n import say
from core.model.time import SHANGHAI
from core.rules.sessions import AFTERNOON, MORNING

MINUTES = 240
"""Minutes of a trading day."""

TICK_SECONDS = 3
"""A bond's price changes about this often, in market time."""

LOT = 10


@dataclass(frozen=True, slots=True)
class Incident:
    """The price stands at its limit (up, or down) from minute `start` of the day for `length` minutes."""

    up: bool
    start: int
    length: int


class PathPoint(NamedTuple):
    """A bond at one moment: last price, best quotes (None with its volume where a side is empty), day's volume."""

    last: int
    bid: int | None
    bid_volume: int | None
    ask: int | None
    ask_volume: int | None
    volume: int


@dataclass(frozen=True, slots=True)
class DayPath:
    """Last price and cumulative volume at each minute of a day, 0 to 240, inside the day's limits `low` and `high`."""

    seed: str
    low: int
    high: int
    prices: tuple[int, ...]
    volumes: tuple[int, ...]

    def tick(self, seconds: float) -> PathPoint:
        """The market after that many seconds of trading.

        The best quotes stand around the last price, 1 to 30 ticks apart; at a limit the side beyond it is empty.
        """
        random = Random(f"{self.seed}/{seconds:.3f}")
        last, volume = self._last(seconds, random), self._volume(seconds)
        if last == self.high:
            return PathPoint(last, last, _queue(random), None, None, volume)
        if last == self.low:
            return PathPoint(last, None, None, last, _queue(random), volume)
        spread = min(30, 1 + int(random.expovariate(1 / self._usual_spread)))
        bid = last - random.randint(0, spread)
        ask = min(bid + spread, self.high)
        return PathPoint(last, max(bid, self.low), _displayed(random), ask, _displayed(random), volume)

    @property
    def _usual_spread(self) -> int:
        return 8 if self.volumes[-1] < 500_000 else 3

    def _last(self, seconds: float, random: Random) -> int:
        """The minutes' own prices are met exactly; between them there is noise, save at a limit."""
        minute, rest = divmod(seconds, 60)
        before = self.prices[int(minute)]
        if rest == 0:
            return before
        after, share = self.prices[int(minute) + 1], rest / 60
        if before == after and before in (self.low, self.high):
            return before
        noise = random.gauss(0.0, before * 0.0002) * 2 * sqrt(share * (1 - share))
        return min(max(round(before + (after - before) * share + noise), self.low), self.high)

    def _volume(self, seconds: float) -> int:
        minute, rest = divmod(seconds, 60)
        before = self.volumes[int(minute)]
        if rest == 0:
            return before
        traded = before + (self.volumes[int(minute) + 1] - before) * rest / 60
        return int(traded) // LOT * LOT


def limits(previous: int) -> tuple[int, int]:
    """The day's lowest and highest price: 20 % around the previous close, rounded half up to the tick."""
    return (previous * 8 + 5) // 10, (previous * 12 + 5) // 10


def day_path(seed: str, previous: int, close: int, volume: int, incident: Incident | None = None) -> DayPath:
    """A noisy bridge from near the previous close to `close`, trading `volume` 张 in all."""
    random = Random(seed)
    low, high = limits(previous)
    opening = previous + 0.3 * (close - previous) + random.gauss(0.0, previous * 0.002)
    deviation = previous * (0.006 + 0.012 * random.random()) / sqrt(MINUTES)
    walk = [0.0, *accumulate(random.gauss(0.0, deviation) for _ in range(MINUTES))]
    prices = [
        min(max(round(opening + (close - opening) * minute / MINUTES + step - walk[-1] * minute / MINUTES), low), high)
        for minute, step in enumerate(walk)
    ]
    if incident is not None:
        prices = _with(incident, prices, high if incident.up else low)
    prices[-1] = close
    return DayPath(seed, low, high, tuple(prices), _volumes(random, volume))


def _with(incident: Incident, prices: list[int], limit: int) -> list[int]:
    """The path drawn to its limit, and back, over some minutes on either side."""
    ramp = 4

    def drawn(minute: int, price: int) -> int:
        away = max(incident.start - minute, minute - incident.start - incident.length, 0)
        return round(limit + (price - limit) * min(away / ramp, 1.0))

    return [drawn(minute, price) for minute, price in enumerate(prices)]


def _volumes(random: Random, total: int) -> tuple[int, ...]:
    """Cumulative volumes, busier at both ends of the day; the opening call trades first."""
    shares = [
        random.expovariate(1.0) * (1 + 2 * abs(minute - MINUTES / 2) / (MINUTES / 2)) for minute in range(MINUTES)
    ]
    opening = 0.01 * sum(shares)
    done = list(accumulate([opening, *shares]))
    return tuple(max(LOT, int(total * part / done[-1]) // LOT * LOT) for part in done)


def _queue(random: Random) -> int:
    """Volume that waits at a limit."""
    return random.randint(1_000, 20_000) * LOT


def _displayed(random: Random) -> int:
    """Volume at the best quote: now and then so little that an ordinary order fills in part."""
    lots = random.randint(1, 5) if random.random() < 0.2 else random.randint(6, 200)
    return lots * LOT


RECORDED_DAY = date(2026, 5, 15)
"""The day of the live snapshot: the sandbox's first session."""

OPEN, BREAK = MORNING
RESUMED, CLOSE = AFTERNOON
LAST_START = time(14, 56)
"""From here on too little is left of a session to trade in."""

FIRST_START = datetime.combine(RECORDED_DAY, OPEN, SHANGHAI)


def next_start(sessions: Sequence[date], last: datetime | None) -> datetime:
    """The market time at which a sandbox begins, Asia/Shanghai; `last` is where an earlier run of it ended, if any.

    A run goes on where it ended, as long as that is inside a session with time left to trade; else at the next
    opening: the afternoon's or the next session's. `sessions` ascend. Raises `ValueError` where they end before that.
    """
    if last is None:
        return FIRST_START
    if last.tzinfo is None:
        raise ValueError("the time where an earlier run ended must carry its zone")
    last = max(last.astimezone(SHANGHAI), FIRST_START)
    hour = last.time()
    if last.date() not in sessions or hour >= LAST_START:
        return _opening_after(sessions, last.date())
    if hour < OPEN:
        return datetime.combine(last, OPEN, SHANGHAI)
    if BREAK <= hour < RESUMED:
        return datetime.combine(last, RESUMED, SHANGHAI)
    return last


def seconds_traded(moment: time) -> float:
    """Seconds of trading up to that time of a session, 0 to 14,400; the break counts nothing."""
    morning = min(_since(OPEN, moment), _since(OPEN, BREAK))
    return max(morning, 0.0) + min(max(_since(RESUMED, moment), 0.0), _since(RESUMED, CLOSE))


def moment_of(day: date, seconds: float, afternoon: bool) -> datetime:
    """The inverse of `seconds_traded`; `afternoon` tells 13:00 from 11:30."""
    morning = _since(OPEN, BREAK)
    if afternoon:
        return datetime.combine(day, RESUMED, SHANGHAI) + timedelta(seconds=seconds - morning)
    return datetime.combine(day, OPEN, SHANGHAI) + timedelta(seconds=seconds)


def _opening_after(sessions: Sequence[date], day: date) -> datetime:
    place = bisect_right(sessions, day)
    if place == len(sessions):
        raise ValueError(
            say(
                "the trading calendar ends on {value}: the sandbox cannot go on after {day}",
                value=sessions[-1],
                day=day,
            )
        )
    return datetime.combine(sessions[place], OPEN, SHANGHAI)


def _since(start: time, end: time) -> float:
    return (datetime.combine(RECORDED_DAY, end) - datetime.combine(RECORDED_DAY, start)).total_seconds()
