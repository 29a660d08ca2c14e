"""Which lists of sessions are accepted, and why others are not."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar.session_file import (
    SessionListContradicts,
    SessionListRefused,
    always_closed,
    check_compared,
    first_difference,
    in_whole_years,
    sessions_after,
    weekdays,
)
from tests.calendar.session_lists import IN_2027, SHIPPED

ALL = (*SHIPPED, *IN_2027)
ALWAYS_OPEN = [day for day in weekdays(date(2027, 1, 1), date(2027, 12, 31)) if not always_closed(day)]
AFTER_SPRING_FESTIVAL = [date(2027, 2, 15), date(2027, 2, 16), date(2027, 2, 17)]


def without(*days: date) -> list[date]:
    return [day for day in ALL if day not in days]


def believed(listed: list[date]) -> tuple[date, ...]:
    return in_whole_years(SHIPPED, sessions_after(SHIPPED, listed))


def test_the_shipped_years_pass_the_checks() -> None:
    year = date(2016, 1, 1)
    known = [day for day in SHIPPED if day < year]
    later = sessions_after(known, SHIPPED)
    assert in_whole_years(known, later) == later == tuple(day for day in SHIPPED if day > year)


def test_only_sessions_after_the_known_ones_are_new() -> None:
    assert believed(list(ALL)) == IN_2027
    assert believed(list(SHIPPED)) == ()


def test_days_before_the_known_ones_are_ignored() -> None:
    strange = [date(1992, 5, 4), date(1992, 5, 4), date(1991, 10, 3)]
    assert believed([*strange, *ALL]) == IN_2027


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        ([], "lists no session"),
        ([date(2014, 12, 31)], "lists no session"),
        ([*ALL, ALL[-1]], "is not in order"),
        (list(reversed(ALL)), "is not in order"),
        (sorted([*ALL, date(2027, 3, 6)]), "2027-03-06, which is on a weekend"),
        (sorted([*ALL, date(2026, 3, 8)]), "2026-03-08, which is on a weekend"),
        (sorted([*ALL, date(2027, 1, 1)]), "2027-01-01, a holiday"),
        (sorted([*ALL, date(2027, 10, 1)]), "2027-10-01, a holiday"),
        (without(*IN_2027[10:100:10]), "has 234 sessions in 2027, where a year has 235 to 250"),
        ([*SHIPPED, *ALWAYS_OPEN], "has 259 sessions in 2027"),
        (without(*AFTER_SPRING_FESTIVAL), "has no session between 2027-02-04 and 2027-02-18"),
        ([*SHIPPED, date(2028, 12, 29)], "sessions in 2028"),
    ],
)
def test_impossible_lists_are_refused(listed: list[date], reason: str) -> None:
    with pytest.raises(SessionListRefused) as refused:
        believed(listed)
    assert reason in str(refused.value)
    assert not isinstance(refused.value, SessionListContradicts)


@pytest.mark.parametrize("last", [date(2027, 1, 4), date(2027, 6, 30), date(2027, 12, 24)])
def test_a_year_that_ends_too_early_is_ignored(last: date) -> None:
    assert believed([day for day in ALL if day <= last]) == ()


@pytest.mark.parametrize("last", [date(2027, 12, 27), date(2027, 12, 30)])
def test_a_year_that_reaches_its_last_days_counts_to_where_it_is_listed(last: date) -> None:
    assert believed([day for day in ALL if day <= last])[-1] == last


def test_a_started_year_after_a_complete_one_is_left_out() -> None:
    assert believed([*ALL, date(2028, 1, 4), date(2028, 1, 5)]) == IN_2027


@pytest.mark.parametrize("day", [date(2015, 1, 6), date(2024, 2, 8), date(2026, 10, 8), SHIPPED[-1]])
def test_a_missing_known_session_is_a_contradiction(day: date) -> None:
    with pytest.raises(SessionListContradicts, match=f"it does not list {day}"):
        believed(without(day))


def test_a_session_on_a_known_closed_day_is_a_contradiction() -> None:
    with pytest.raises(SessionListContradicts, match="it lists 2026-10-07"):
        believed(sorted([*ALL, date(2026, 10, 7)]))


@given(st.dates(date(2024, 1, 1), SHIPPED[-1]))
def test_no_known_day_can_be_changed(day: date) -> None:
    with pytest.raises(SessionListRefused):
        believed(without(day) if day in SHIPPED else sorted([*ALL, day]))


@given(st.sets(st.sampled_from(IN_2027[:-3]), min_size=1, max_size=5), st.integers(1, len(IN_2027)))
def test_two_lists_differ_on_the_first_day_only_one_of_them_has(missing: set[date], length: int) -> None:
    one, other = ALL[: len(SHIPPED) + length], without(*missing)
    both = [day for day in missing if day <= one[-1]]
    assert first_difference(one, other) == first_difference(other, one) == min(both, default=None)


def test_lists_without_a_common_day_do_not_differ() -> None:
    assert first_difference(SHIPPED, IN_2027) is None
    assert first_difference((), SHIPPED) is None


def test_too_few_days_to_compare() -> None:
    first = next(day for day in SHIPPED if day.year == 2024)
    since = [day for day in ALL if day >= first]
    check_compared(SHIPPED, since, 3)
    for listed in (since[1:], list(IN_2027), [], [day for day in SHIPPED if day < first]):
        with pytest.raises(
            SessionListRefused, match="too little to be compared with the shipped calendar from 2024-01-02"
        ):
            check_compared(SHIPPED, listed, 3)
