"""A day's line: the minutes of a session, its gaps, and a line thinned to a few prices."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TypeVar

from core.model.time import SHANGHAI
from core.rules.sessions import AFTERNOON, MORNING, trading_seconds

Price = TypeVar("Price", int, Decimal)
"""In CNY, or whole ticks."""

SLOTS = 241
"""Minutes of a session: 120 before the break, 120 after it, and the one that begins with the close."""

GAP = 3
"""Minutes of trading: two points that are further apart are not joined."""

SPARK = 16
"""Entries that a thinned line has at most."""

_HALF = 120
_DAY_MINUTES = 24 * 60


def _slot_of(minute: int) -> int:
    """The slot of a minute of the day, -1 before the open; those of the break belong to its last one before."""
    opens, breaks = (moment.hour * 60 + moment.minute for moment in MORNING)
    resumes, closes = (moment.hour * 60 + moment.minute for moment in AFTERNOON)
    if minute < opens:
        return -1
    if minute < resumes:
        return min(minute, breaks - 1) - opens
    return _HALF + min(minute, closes) - resumes


SLOT_OF_MINUTE = tuple(_slot_of(minute) for minute in range(_DAY_MINUTES))
"""The slot of each minute of the day."""


def slot_at(moment: time) -> int:
    """The slot of a time of the day: 0 to 240, and -1 before the open."""
    return SLOT_OF_MINUTE[moment.hour * 60 + moment.minute]


def slot_begins(day: date, slot: int) -> datetime:
    """When the minute of this slot begins, Asia/Shanghai."""
    start = datetime.combine(day, MORNING[0] if slot < _HALF else AFTERNOON[0], SHANGHAI)
    return start + timedelta(minutes=slot if slot < _HALF else slot - _HALF)


def gaps(moments: Sequence[datetime], most: float = GAP) -> tuple[int, ...]:
    """The indexes of the moments that are more than `most` minutes of trading after the one before."""
    return tuple(
        number for number, (before, after) in enumerate(pairwise(moments), 1) if _minutes_between(before, after) > most
    )


def thinned(prices: Sequence[Price | None], most: int = SPARK) -> tuple[Price | None, ...]:
    """At most `most` of these, in their order; None is a minute without a price.

    The first, the last, the lowest and the highest price are among them, each at its place. A pause of more than `GAP`
    minutes becomes one None; where there are too many of them, the longest stay. Raises `ValueError` below 6.
    """
    if most < 6:
        raise ValueError(f"{most} entries cannot hold the ends, the extremes and a pause")
    known = [(place, price) for place, price in enumerate(prices) if price is not None]
    if not known:
        return ()
    pauses = _longest_pauses(known, (most - 4) // 2)
    room = most - len(pauses)
    kept = _spread(known, room) if len(known) > room else known
    line: list[Price | None] = []
    for number, (place, price) in enumerate(kept):
        before = kept[number - 1][0] if number else place
        if any(before <= begin < place for begin in pauses):
            line.append(None)
        line.append(price)
    return tuple(line)


def _longest_pauses(known: Sequence[tuple[int, Price]], most: int) -> list[int]:
    """After which places a pause begins."""
    found = [(after - before, before) for (before, _), (after, _) in pairwise(known) if after - before > GAP]
    return [place for _, place in sorted(found, reverse=True)[:most]]


def _spread(known: Sequence[tuple[int, Price]], most: int) -> list[tuple[int, Price]]:
    """The ends, the extremes, and between them others at even distances."""
    low = min(range(len(known)), key=lambda number: known[number][1])
    high = max(range(len(known)), key=lambda number: known[number][1])
    kept = {0, len(known) - 1, low, high}
    steps = most - len(kept)
    even = (round(step * (len(known) - 1) / (steps + 1)) for step in range(1, steps + 1))
    return [known[number] for number in sorted(kept | set(even))]


def _minutes_between(before: datetime, after: datetime) -> float:
    if before.date() != after.date():
        return 0.0
    return trading_seconds(before.astimezone(SHANGHAI).time(), after.astimezone(SHANGHAI).time()) / 60
