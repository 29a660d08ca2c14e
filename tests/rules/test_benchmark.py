"""A benchmark beside the equity: which close stands beside which point."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from core.model.report import EquityPoint
from core.model.time import SHANGHAI
from core.rules.benchmark import beside

FRIDAY, MONDAY, TUESDAY = date(2026, 5, 15), date(2026, 5, 18), date(2026, 5, 19)
THURSDAY = date(2026, 5, 14)
CLOSES = {THURSDAY: Decimal(400), FRIDAY: Decimal(404), MONDAY: Decimal(396), TUESDAY: Decimal(410)}
SESSIONS = [THURSDAY - timedelta(days=1), *CLOSES]


def session(day: date) -> tuple[date, date] | None:
    until = [one for one in SESSIONS if one <= day]
    return (until[-1], until[-2]) if len(until) > 1 else None


def point(day: date, hour: str) -> EquityPoint:
    return EquityPoint(datetime.combine(day, time.fromisoformat(hour), SHANGHAI), Decimal(1), Decimal(0), 1.0, 0.0)


def found(*points: EquityPoint, closes: dict[date, Decimal] = CLOSES) -> list[float | None]:
    return [one.growth for one in beside(points, closes, session)]


def test_the_opening_capital_stands_at_the_close_before() -> None:
    assert found(point(FRIDAY, "10:00"), point(FRIDAY, "15:00"), point(MONDAY, "15:00")) == pytest.approx(
        [1, 1.01, 0.99]
    )


def test_a_line_that_begins_with_a_close_is_measured_from_it() -> None:
    assert found(point(FRIDAY, "15:00"), point(MONDAY, "15:00")) == pytest.approx([1, 396 / 404])


def test_capital_of_the_evening_took_no_part_in_that_day() -> None:
    assert found(point(FRIDAY, "20:00"), point(FRIDAY, "21:00"), point(MONDAY, "15:00")) == pytest.approx(
        [1, 1, 396 / 404]
    )


def test_a_weekend_has_the_close_before_it() -> None:
    assert found(point(FRIDAY, "15:00"), point(date(2026, 5, 17), "12:00"))[1] == 1


def test_of_a_single_day_only_its_end_is_known() -> None:
    line = (point(THURSDAY, "15:00"), point(FRIDAY, "10:00"), point(FRIDAY, "10:01"), point(FRIDAY, "15:00"))
    assert found(*line) == [1, None, None, pytest.approx(1.01)]


def test_a_close_that_is_missing_is_not_made_up() -> None:
    line = (point(FRIDAY, "15:00"), point(MONDAY, "15:00"), point(TUESDAY, "15:00"))
    without = {day: close for day, close in CLOSES.items() if day != MONDAY}
    assert found(*line, closes=without) == [1, None, pytest.approx(410 / 404)]
    assert found(*line, closes={TUESDAY: Decimal(410)}) == [None, None, None]
    assert found() == []
