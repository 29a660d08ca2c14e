"""Where values and moments lie on a chart's axes, and the round figures that stand beside them."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import ceil, floor, log10

from core.i18n import language
from tui.format import in_shanghai
from tui.widgets.chart_data import ChartUnit, Moment

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_SAME = 1e-12
"""Values whose distance is a smaller part of their size than this are the same."""

_COMPACT = {"en": ((1e9, "B"), (1e6, "M"), (1e3, "k")), "zh": ((1e8, "亿"), (1e4, "万"))}


def apart(low: float, high: float) -> bool:
    """Whether there is a distance between the two that can be drawn; less than `_SAME` is none in any unit."""
    return high - low > max(1.0, abs(low), abs(high)) * _SAME


def nice_step(span: float, most: int) -> float:
    """The smallest round step (1, 2, 2.5, 5 times a power of ten) of which at most `most` fit into the span."""
    rough = span / max(1, most)
    power = 10.0 ** floor(log10(rough))
    return next(step * power for step in (*_STEPS, 20.0) if step * power >= rough * (1 - _SAME))


def nice_ticks(low: float, high: float, most: int) -> tuple[tuple[float, ...], float]:
    """Round values from `low` to `high`, at most `most` and one, but two at least, and the step between them."""
    if not apart(low, high):
        return (low,), 1.0
    while True:
        step = nice_step(high - low, most)
        first, last = ceil(low / step - _SAME), floor(high / step + _SAME)
        if last > first:
            return tuple(number * step for number in range(first, last + 1)), step
        most += 1


def value_label(value: float, unit: ChartUnit, step: float) -> str:
    """The value with as many decimals as the step needs: `+2.5%`, `1.02M` (102万), `120.5`."""
    if unit is ChartUnit.PERCENT:
        text = f"{value * 100:+,.{_decimals(step * 100)}f}%"
        return f"{text[1:]}" if not any(char in "123456789" for char in text) else text
    if unit is ChartUnit.MONEY:
        return compact(value, step)
    return _without_minus_nought(f"{value:,.{_decimals(step)}f}")


def compact(value: float, step: float = 0.0) -> str:
    """CNY in thousands or millions, in Chinese in 万 or 亿, with the decimals that the step needs; a step of 0: two."""
    size, name = next(((size, name) for size, name in _COMPACT[language()] if abs(value) >= size), (1.0, ""))
    decimals = _decimals(step / size) if step else 0 if size == 1.0 else 2
    return _without_minus_nought(f"{value / size:,.{decimals}f}{name}")


def _without_minus_nought(text: str) -> str:
    return text[1:] if text.startswith("-") and not any(char in "123456789" for char in text) else text


def _decimals(step: float) -> int:
    """How many decimals tell multiples of this step apart."""
    for decimals in range(7):
        scaled = step * 10**decimals
        if scaled >= 0.5 and abs(scaled - round(scaled)) < 1e-6 * max(1.0, scaled):
            return decimals
    return 7


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The moments of a chart in their order, as the exchange's local time, and the place of each from 0 to 1.

    Days lie as far apart as in the calendar. Within a few days the nights and the midday break take no room.
    """

    moments: tuple[datetime, ...]
    places: tuple[float, ...]
    by_day: bool
    by_session: bool

    def place(self, moment: Moment) -> float:
        """Of one of the moments."""
        return self.places[bisect_left(self.moments, local(moment))]

    def label(self, index: int) -> str:
        """The moment in full, always of the same width."""
        return f"{self.moments[index]:%Y-%m-%d}" if self.by_day else f"{self.moments[index]:%m-%d %H:%M}"

    def ticks(self, columns: int) -> tuple[tuple[float, str], ...]:
        """Places and labels, as many as the width has room for."""
        if len(self.moments) < 2:
            return ()
        first, last = self.moments[0], self.moments[-1]
        for found in _day_ticks(first, last) if self.by_day else self._time_ticks():
            if sum(len(label) + 3 for _, label in found) <= columns:
                return tuple((self._measured(moment), label) for moment, label in found)
        return ()

    def _measured(self, moment: datetime) -> float:
        low, high = (self._number(self.moments[index]) for index in (0, -1))
        return min(1.0, max(0.0, (self._number(moment) - low) / (high - low))) if high > low else 0.0

    def _number(self, moment: datetime) -> float:
        return _session_seconds(moment, _days(self.moments)) if self.by_session else _seconds(moment)

    def _time_ticks(self) -> Iterator[list[tuple[datetime, str]]]:
        """Finer ones first."""
        first, last, days = self.moments[0], self.moments[-1], _days(self.moments)
        if not self.by_session:
            days = [(first + timedelta(days=number)).date() for number in range((last - first).days + 2)]
        for minutes in (5, 10, 15, 30, 60, 120):
            found: list[tuple[datetime, str]] = []
            for day in days:
                for moment in _times(day, minutes, whole_day=not self.by_session):
                    if first <= moment <= last:
                        label = f"{moment:%H:%M}" if len(days) == 1 or moment.date() == last.date() else ""
                        found.append((moment, label or f"{moment:%m-%d %H:%M}"))
            yield found
        opens = [datetime.combine(day, _OPEN) for day in days]
        yield [(moment, f"{moment:%m-%d}") for moment in opens if first <= moment <= last]


_OPEN, _BREAK, _AGAIN, _CLOSE = time(9, 30), time(11, 30), time(13, 0), time(15, 0)
_HALF = 7200.0
_DAYS_OF_MINUTES = 5
"""Over more days than these the axis is one of days."""


def time_axis(moments: Sequence[Moment]) -> TimeAxis:
    """The axis of all moments of a chart, each of them once."""
    days_only = not any(isinstance(moment, datetime) for moment in moments)
    found = tuple(sorted({local(moment) for moment in moments}))
    by_day = days_only or (bool(found) and (found[-1] - found[0]).days > _DAYS_OF_MINUTES)
    within = sum(_OPEN <= moment.time() <= _BREAK or _AGAIN <= moment.time() <= _CLOSE for moment in found)
    by_session = not by_day and within * 2 > len(found)
    days = _days(found)
    numbers = [_session_seconds(moment, days) if by_session else _seconds(moment) for moment in found]
    span = numbers[-1] - numbers[0] if numbers else 0.0
    places = tuple((number - numbers[0]) / span if span else 0.0 for number in numbers)
    return TimeAxis(found, places, by_day, by_session)


def local(moment: Moment) -> datetime:
    """The exchange's local time; a day is its close."""
    if isinstance(moment, datetime):
        return in_shanghai(moment).replace(tzinfo=None)
    return datetime.combine(moment, _CLOSE)


def _seconds(moment: datetime) -> float:
    return moment.toordinal() * 86400.0 + moment.hour * 3600 + moment.minute * 60 + moment.second


def _days(moments: Sequence[datetime]) -> list[date]:
    return sorted({moment.date() for moment in moments})


def _session_seconds(moment: datetime, days: Sequence[date]) -> float:
    """Seconds of trading until then: what lies outside of the sessions lies at their edge."""
    begun = bisect_left(days, moment.date()) * 2 * _HALF
    morning = (moment - datetime.combine(moment.date(), _OPEN)).total_seconds()
    afternoon = (moment - datetime.combine(moment.date(), _AGAIN)).total_seconds()
    return begun + min(_HALF, max(0.0, morning)) + min(_HALF, max(0.0, afternoon))


def _times(day: date, minutes: int, *, whole_day: bool) -> Iterator[datetime]:
    """Round times of a day; within the sessions the end of the break stands for its begin."""
    for number in range(0, 24 * 60, minutes):
        moment = datetime.combine(day, time(number // 60, number % 60))
        if whole_day or _OPEN <= moment.time() < _BREAK or _AGAIN <= moment.time() <= _CLOSE:
            yield moment


def _day_ticks(first: datetime, last: datetime) -> Iterator[list[tuple[datetime, str]]]:
    """Days, Mondays, months, years; finer ones first."""
    span = (last - first).days
    for step in (1, 2, 7, 14):
        if span <= 400:
            start = first.date() if step < 7 else first.date() + timedelta(days=-first.weekday() % 7)
            days = (start + timedelta(days=number) for number in range(0, span + 2, step))
            yield _within(((day, f"{day:%m-%d}") for day in days), first, last)
    for months in (1, 2, 3, 6):
        starts = (date(first.year + number // 12, number % 12 + 1, 1) for number in range(0, span // 28 + 24, months))
        yield _within(((day, f"{day:%Y-%m}") for day in starts), first, last)
    for years in (1, 2, 5, 10, 20, 50):
        begun = first.year - first.year % years
        starts = (date(year, 1, 1) for year in range(begun, last.year + 1, years))
        yield _within(((day, f"{day:%Y}") for day in starts if day.year), first, last)


def _within(days: Iterator[tuple[date, str]], first: datetime, last: datetime) -> list[tuple[datetime, str]]:
    return [(datetime.combine(day, first.time()), label) for day, label in days if first.date() <= day <= last.date()]
