"""The schedule that fits a record, and what is said where the settings differ."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.known import Known, Unknown
from core.model.platform import RecordRule, TradeTiming
from core.model.settings import ScheduleSettings
from core.rules.record_schedule import differences, proposed, schedule_text

AWAY = Unknown("the platform is away")
CLOSE, OPEN = Known(TradeTiming.CLOSE), Known(TradeTiming.OPEN)


def rule(holding: Any = AWAY, timing: Any = AWAY) -> RecordRule:
    return RecordRule(holding, Known(10), timing, Known(False))


def test_a_holding_period_proposes_its_count_of_sessions_at_the_close() -> None:
    found = proposed(rule(Known(5), CLOSE), ScheduleSettings(time="10:30"))
    assert found == ScheduleSettings(frequency="sessions", every=5, time="14:50")


def test_trading_at_the_open_proposes_the_morning() -> None:
    found = proposed(rule(Known(3), OPEN), ScheduleSettings())
    assert found == ScheduleSettings(frequency="sessions", every=3, time="09:35")


def test_a_holding_period_of_one_session_is_daily() -> None:
    assert proposed(rule(Known(1), CLOSE), ScheduleSettings()) is None
    assert proposed(rule(Known(1)), ScheduleSettings(frequency="weekly")) == ScheduleSettings(frequency="daily")


def test_what_the_record_does_not_say_stays() -> None:
    assert proposed(rule(), ScheduleSettings(frequency="monthly", time="10:00")) is None
    found = proposed(rule(timing=OPEN), ScheduleSettings(frequency="monthly", day=7))
    assert found == ScheduleSettings(frequency="monthly", day=7, time="09:35")


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (ScheduleSettings(), ["the schedule every trading day"]),
        (ScheduleSettings(frequency="weekly"), ["the schedule weekly"]),
        (ScheduleSettings(frequency="sessions", every=4), ["every 5 trading days, the schedule every 4 trading days"]),
        (ScheduleSettings(frequency="sessions", time="09:35"), ["at the close, the schedule at 09:35"]),
        (ScheduleSettings(time="11:00"), ["every trading day", "at 11:00"]),
        (ScheduleSettings(frequency="sessions"), []),
        (ScheduleSettings(frequency="off", time="11:00"), []),
    ],
)
def test_each_difference_is_a_sentence(schedule: ScheduleSettings, words: list[str]) -> None:
    found = differences(rule(Known(5), CLOSE), schedule)
    assert len(found) == len(words)
    assert all(part in text for part, text in zip(words, found, strict=True))


def test_an_unknown_rule_differs_from_nothing() -> None:
    assert differences(rule(), ScheduleSettings(frequency="weekly")) == ()


schedules = st.builds(
    ScheduleSettings,
    frequency=st.sampled_from(["daily", "sessions", "weekly", "monthly"]),
    every=st.integers(1, 250),
    time=st.sampled_from(["09:30", "09:59", "10:01", "13:00", "14:29", "14:30", "14:55"]),
)
known_timings = st.sampled_from([CLOSE, OPEN, AWAY])


@given(st.integers(1, 250), known_timings, schedules)
def test_what_is_proposed_differs_no_more_and_is_proposed_only_where_something_differs(
    holding: int, timing: Any, schedule: ScheduleSettings
) -> None:
    record = rule(Known(holding), timing)
    found = proposed(record, schedule)
    assert (found is None) == (differences(record, schedule) == ())
    if found is not None:
        assert differences(record, found) == ()
        assert ScheduleSettings.model_validate(found.model_dump()) == found


def test_schedules_in_words() -> None:
    assert schedule_text(ScheduleSettings(frequency="sessions", time="09:35")) == "every 5 trading days at 09:35"
    assert schedule_text(ScheduleSettings()) == "every trading day at 14:50"
    assert "off" in schedule_text(ScheduleSettings(frequency="off"))
