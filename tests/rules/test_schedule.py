"""On which sessions a schedule runs, over all that the shipped calendar knows."""

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendar.calendar import Calendar
from core.model.known import Known, Unknown
from core.model.settings import ScheduleSettings
from core.model.time import SHANGHAI
from core.rules.schedule import next_run, run_days, runs_between

CALENDAR = Calendar()
SESSIONS = CALENDAR.sessions
OPEN = frozenset(SESSIONS)
FIRST, LAST = SESSIONS[0], SESSIONS[-1]
MONTHS = [date(year, month, 1) for year in range(2015, 2027) for month in range(1, 13)]


def at(day: str, hour: str = "00:00") -> datetime:
    return datetime.combine(date.fromisoformat(day), time.fromisoformat(hour), SHANGHAI)


def monthly(day: int, roll: Any = "next") -> ScheduleSettings:
    return ScheduleSettings(frequency="monthly", day=day, roll=roll)


def weekly(weekday: Any, roll: Any = "next") -> ScheduleSettings:
    return ScheduleSettings(frequency="weekly", weekday=weekday, roll=roll)


def days(schedule: ScheduleSettings, first: date = FIRST, last: date = LAST) -> tuple[date, ...]:
    return run_days(schedule, CALENDAR, first, last)


def on_or_after(day: date) -> date | None:
    return SESSIONS[place] if (place := bisect_left(SESSIONS, day)) < len(SESSIONS) else None


def on_or_before(day: date) -> date | None:
    return SESSIONS[place - 1] if (place := bisect_right(SESSIONS, day)) else None


def test_daily_is_every_session() -> None:
    assert days(ScheduleSettings()) == SESSIONS


def test_the_fifth_of_each_month_runs_once_on_it_or_the_next_session() -> None:
    assert days(monthly(5)) == tuple(on_or_after(month.replace(day=5)) for month in MONTHS)


@pytest.mark.parametrize("day", range(1, 29))
@pytest.mark.parametrize("roll", ["next", "previous", "skip"])
def test_each_named_date_lands_where_its_roll_says(day: int, roll: str) -> None:
    named = [month.replace(day=day) for month in MONTHS[1:]]  # before its first session the calendar knows nothing
    wanted = {
        "next": {on_or_after(one) for one in named},
        "previous": {on_or_before(one) for one in named},
        "skip": {one for one in named if one in OPEN},
    }[roll]
    assert set(days(monthly(day, roll), on_or_after(date(2015, 2, 1)) or LAST)) == {
        one for one in wanted if one and one >= date(2015, 2, 1)
    }


@pytest.mark.parametrize("day", [29, 30, 31])
@pytest.mark.parametrize("roll", ["next", "previous", "skip"])
def test_a_day_missing_in_a_month_is_its_last_session(day: int, roll: str) -> None:
    short = [month for month in MONTHS if monthrange(month.year, month.month)[1] < day]
    found = set(days(monthly(day, roll)))
    for month in short:
        last = on_or_before(month.replace(day=monthrange(month.year, month.month)[1]))
        assert last in found
        assert last is not None
        assert last.month == month.month


def test_the_thirty_first_with_roll_previous_is_each_month_s_last_session() -> None:
    found = days(monthly(31, "previous"))
    assert [(one.year, one.month) for one in found] == [(month.year, month.month) for month in MONTHS]


def test_a_month_that_starts_with_a_holiday_runs_after_it() -> None:
    """National Day of 2025: nothing from 1 to 8 October."""
    assert days(monthly(1), date(2025, 10, 1), date(2025, 10, 30)) == (date(2025, 10, 9),)
    assert days(monthly(1, "previous"), date(2025, 9, 1), date(2025, 10, 30)) == (
        date(2025, 9, 1),
        date(2025, 9, 30),
    )
    assert days(monthly(1, "skip"), date(2025, 9, 1), date(2025, 10, 31)) == (date(2025, 9, 1),)


def test_a_week_in_a_holiday_runs_after_it_or_before_it_or_not() -> None:
    span = date(2025, 9, 29), date(2025, 10, 17)
    assert days(weekly("mon"), *span) == (date(2025, 9, 29), date(2025, 10, 9), date(2025, 10, 13))
    assert days(weekly("mon", "previous"), *span) == (date(2025, 9, 29), date(2025, 9, 30), date(2025, 10, 13))
    assert days(weekly("mon", "skip"), *span) == (date(2025, 9, 29), date(2025, 10, 13))


def test_two_weeks_that_roll_onto_one_session_are_one_run() -> None:
    """Wednesday 1 and 8 October 2025 both land on the 9th."""
    assert days(weekly("wed"), date(2025, 9, 29), date(2025, 10, 14)) == (date(2025, 10, 9),)


def test_spring_festival_is_rolled_over() -> None:
    """15 to 23 February 2026: Monday the 16th and the 23rd."""
    assert days(weekly("mon"), date(2026, 2, 10), date(2026, 3, 1)) == (date(2026, 2, 24),)
    assert days(weekly("mon", "previous"), date(2026, 2, 10), date(2026, 3, 1)) == (date(2026, 2, 13),)


def test_a_date_rolls_into_a_span_from_outside_it() -> None:
    assert days(monthly(1), date(2025, 10, 9), date(2025, 10, 9)) == (date(2025, 10, 9),)
    assert days(monthly(1, "previous"), date(2025, 9, 30), date(2025, 9, 30)) == (date(2025, 9, 30),)


schedules = st.builds(
    ScheduleSettings,
    frequency=st.sampled_from(["daily", "weekly", "monthly"]),
    time=st.sampled_from(["09:30", "11:29", "14:50"]),
    weekday=st.sampled_from(["mon", "tue", "wed", "thu", "fri"]),
    day=st.integers(1, 31),
    roll=st.sampled_from(["next", "previous", "skip"]),
)
moments = st.datetimes(datetime(2015, 2, 10), datetime(2026, 9, 1)).map(lambda one: one.replace(tzinfo=SHANGHAI))  # noqa: DTZ001
spans = st.integers(0, 90).map(lambda n: timedelta(days=n, hours=3))


@settings(max_examples=100)
@given(schedules)
def test_no_session_runs_twice_and_no_closed_day_at_all(schedule: ScheduleSettings) -> None:
    found = days(schedule)
    assert max(Counter(found).values(), default=1) == 1
    assert set(found) <= OPEN
    assert list(found) == sorted(found)


@settings(max_examples=100)
@given(schedules, moments)
def test_the_next_run_is_the_first_of_the_run_days_after_the_moment(
    schedule: ScheduleSettings, after: datetime
) -> None:
    found = next_run(schedule, CALENDAR, after)
    assert isinstance(found, Known)
    moment = found.value
    assert moment is not None
    assert moment > after
    assert moment.date() in OPEN
    assert moment.tzinfo is SHANGHAI
    hour = time.fromisoformat(schedule.time)
    between = [datetime.combine(day, hour, SHANGHAI) for day in days(schedule, after.date(), moment.date())]
    assert [one for one in between if one > after] == [moment]


@settings(max_examples=100)
@given(schedules, moments, spans, spans)
def test_runs_between_two_times_are_each_counted_once(
    schedule: ScheduleSettings, after: datetime, one: timedelta, other: timedelta
) -> None:
    middle, until = after + one, after + one + other
    whole = runs_between(schedule, CALENDAR, after, until)
    assert (*runs_between(schedule, CALENDAR, after, middle), *runs_between(schedule, CALENDAR, middle, until)) == whole
    first = next_run(schedule, CALENDAR, after)
    assert isinstance(first, Known)
    assert whole[:1] == ((first.value,) if first.value is not None and first.value <= until else ())


def test_a_period_excludes_its_start_and_includes_its_end() -> None:
    run = at("2026-05-15", "14:50")
    tick = timedelta(microseconds=1)
    assert runs_between(ScheduleSettings(), CALENDAR, run, run + tick) == ()
    assert runs_between(ScheduleSettings(), CALENDAR, run - tick, run) == (run,)
    assert runs_between(ScheduleSettings(), CALENDAR, run, run) == ()
    assert runs_between(ScheduleSettings(), CALENDAR, run + tick, run - tick) == ()


def test_a_run_due_right_now_is_not_the_next_one() -> None:
    assert next_run(ScheduleSettings(), CALENDAR, at("2026-05-15", "14:50")) == Known(at("2026-05-18", "14:50"))


def test_a_schedule_that_is_off_never_runs() -> None:
    off = ScheduleSettings(frequency="off")
    assert next_run(off, CALENDAR, at("2026-05-15")) == Known(None)
    assert runs_between(off, CALENDAR, at("2015-01-05"), at("2026-12-31")) == ()


@pytest.mark.parametrize("schedule", [ScheduleSettings(), weekly("mon"), monthly(31), monthly(5)])
def test_beyond_the_calendar_s_end_the_next_run_is_not_known(schedule: ScheduleSettings) -> None:
    found = next_run(schedule, CALENDAR, at(f"{LAST}", "15:00"))
    assert isinstance(found, Unknown)
    assert f"to {LAST}" in found.reason


def test_the_calendar_s_last_session_still_runs() -> None:
    assert next_run(ScheduleSettings(), CALENDAR, at(f"{LAST}", "09:00")) == Known(at(f"{LAST}", "14:50"))


def test_a_date_whose_roll_leaves_the_calendar_runs_nowhere() -> None:
    short = Calendar([day for day in SESSIONS if day <= date(2025, 9, 30)])
    found = next_run(monthly(1), short, at("2025-09-10"))
    assert isinstance(found, Unknown)
    assert run_days(monthly(1), short, date(2025, 9, 10), date(2025, 10, 31)) == ()
