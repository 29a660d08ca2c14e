"""A benchmark beside the account's equity, day by day."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from core.model.report import EquityPoint
from core.model.series import BenchmarkPoint
from core.rules.sessions import AFTERNOON


def beside(
    equity: Sequence[EquityPoint], closes: Mapping[date, Decimal], session: Callable[[date], tuple[date, date] | None]
) -> tuple[BenchmarkPoint, ...]:
    """One point for each of the equity's, the first is 1; all unknown where the first one is.

    `session` gives the last session up to a day and the one before that, None where the calendar does not know. Of
    several points of one day, the last one has the day's close; the others are not known, except the opening capital:
    it stands at the close before, since the account took part in that day.
    """
    levels = [_level(equity, place, closes, session) for place in range(len(equity))]
    base = levels[0] if levels else None
    return tuple(
        BenchmarkPoint(point.at, None if level is None or not base else float(level / base))
        for point, level in zip(equity, levels, strict=True)
    )


def _level(
    equity: Sequence[EquityPoint],
    place: int,
    closes: Mapping[date, Decimal],
    session: Callable[[date], tuple[date, date] | None],
) -> Decimal | None:
    at, day = equity[place].at, equity[place].at.date()
    known = session(day)
    if known is None:
        return None
    last, before = known
    more_of_it = place + 1 < len(equity) and equity[place + 1].at.date() == day
    if place == 0 and more_of_it and last == day and at.time() < AFTERNOON[1]:
        return closes.get(before)
    return None if place and more_of_it else closes.get(last)
