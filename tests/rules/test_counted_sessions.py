"""A schedule that counts sessions from the last run, over all that the shipped calendar knows."""

from bisect import bisect_right
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar.calendar import Calendar
from core.model.known import Known, Unknown
from core.model.settings import ScheduleSettings
from core.model.time import SHANGHAI
from core.rules.schedule import next_run, run_days, runs_between

CALENDAR = Calendar()
SESSIONS = CALENDAR.sessions
FIRST, LAST = SESSIONS[0], SESSIONS[-1]


def every(count: int, hour: str = "14:50") -> ScheduleSettings:
    return ScheduleSettings(frequency="sessions", every=count, time=hour)


def at(day: date, hour: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(hour), SHANGHAI)


last_runs = st.dates(FIRST, LAST)
counts = st.integers(1, 250)
sessions = st.sampled_from(SESSIONS)


@given(last_runs, counts)
def test_exactly_so_many_sessions_lie_from_each_run_to_the_next(last_run: date, count: int) -> None:
    """Also where the last run was no session: a rebalance by hand on a day that the calendar now calls closed."""
    runs = run_days(every(count), CALENDAR, FIRST, LAST, last_run)
    place = bisect_right(SESSIONS, last_run)
    assert runs == SESSIONS[place + count - 1 :: count]


@given(last_runs, counts, last_runs, last_runs)
def test_a_span_holds_the_runs_of_the_whole_that_lie_in_it(last_run: date, count: int, one: date, other: date) -> None:
    first, last = min(one, other), max(one, other)
    whole = run_days(every(count), CALENDAR, FIRST, LAST, last_run)
    assert run_days(every(count), CALENDAR, first, last, last_run) == tuple(d for d in whole if first <= d <= last)


@given(sessions, counts, st.sampled_from(["09:30", "11:29", "14:50"]), st.sampled_from(["00:00", "10:00", "14:50"]))
def test_the_next_run_is_the_first_after_the_moment(last_run: date, count: int, hour: str, now: str) -> None:
    moment = at(last_run, now)
    found = next_run(every(count, hour), CALENDAR, moment, last_run)
    place = SESSIONS.index(last_run) + count
    if place < len(SESSIONS):
        assert found == Known(at(SESSIONS[place], hour))
    else:
        assert isinstance(found, Unknown)
        assert f"to {LAST}" in found.reason


@given(sessions, counts, st.integers(0, 400), st.integers(0, 400))
def test_runs_between_two_moments_are_each_counted_once(last_run: date, count: int, one: int, other: int) -> None:
    after = at(last_run, "14:50")
    middle, until = after + timedelta(days=one, hours=3), after + timedelta(days=one + other, hours=6)
    schedule = every(count)
    parts = (
        *runs_between(schedule, CALENDAR, after, middle, last_run),
        *runs_between(schedule, CALENDAR, middle, until, last_run),
    )
    assert parts == runs_between(schedule, CALENDAR, after, until, last_run)


@given(sessions)
def test_every_session_is_daily(last_run: date) -> None:
    day = ScheduleSettings(frequency="daily")
    assert run_days(every(1), CALENDAR, last_run, LAST, last_run)[:20] == run_days(day, CALENDAR, last_run, LAST)[1:21]


@given(counts)
def test_without_a_last_run_each_session_is_due(count: int) -> None:
    assert run_days(every(count), CALENDAR, FIRST, LAST) == SESSIONS


@pytest.mark.parametrize("roll", ["next", "previous", "skip"])
def test_a_count_of_sessions_never_rolls(roll: str) -> None:
    schedule = ScheduleSettings.model_validate({"frequency": "sessions", "every": 5, "roll": roll})
    # The sessions after it are 30 September, then, after the holiday, 9, 10, 13 and 14 October.
    found = next_run(schedule, CALENDAR, at(date(2025, 9, 29), "14:50"), date(2025, 9, 29))
    assert found == Known(at(date(2025, 10, 14), "14:50"))


def test_a_last_run_outside_the_calendar_makes_the_next_one_unknown() -> None:
    for last_run in (FIRST - timedelta(days=400), LAST + timedelta(days=1)):
        assert isinstance(next_run(every(5), CALENDAR, at(LAST, "15:00"), last_run), Unknown)
