"""Where a sandbox starts, and its trading hours."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from core.calendar.calendar import Calendar
from core.model.bond import Exchange
from core.model.quote import TradingState
from core.model.time import SHANGHAI
from core.rules.sessions import trading_state
from core.sandbox.prices import moment_of, next_start, seconds_traded

SESSIONS = Calendar().sessions


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("last", "start"),
    [
        (None, "2026-05-15 09:30"),
        ("2026-05-15 09:30", "2026-05-15 09:30"),
        ("2026-05-15 10:17:03.5", "2026-05-15 10:17:03.5"),
        ("2026-05-15 11:29:59", "2026-05-15 11:29:59"),
        ("2026-05-15 11:30", "2026-05-15 13:00"),
        ("2026-05-15 12:59:59", "2026-05-15 13:00"),
        ("2026-05-15 13:00", "2026-05-15 13:00"),
        ("2026-05-15 14:55:59", "2026-05-15 14:55:59"),
        ("2026-05-15 14:56", "2026-05-18 09:30"),
        ("2026-05-15 23:59", "2026-05-18 09:30"),
        ("2026-05-16 10:00", "2026-05-18 09:30"),
        ("2026-05-17 00:00", "2026-05-18 09:30"),
        ("2026-05-18 03:00", "2026-05-18 09:30"),
        ("2026-06-18 15:00", "2026-06-22 09:30"),
        ("2026-06-19 10:00", "2026-06-22 09:30"),
        ("2026-05-14 10:00", "2026-05-15 09:30"),
    ],
)
def test_next_start(last: str | None, start: str) -> None:
    assert next_start(SESSIONS, None if last is None else at(last)) == at(start)


def test_next_start_accepts_other_time_zones_and_returns_shanghai_time() -> None:
    start = next_start(SESSIONS, datetime(2026, 5, 15, 4, 0, tzinfo=UTC))
    assert start == at("2026-05-15 13:00")
    assert start.utcoffset() == timedelta(hours=8)


def test_next_start_raises_beyond_the_calendar_and_without_a_zone() -> None:
    with pytest.raises(ValueError, match="calendar ends on 2026-12-31"):
        next_start(SESSIONS, at("2026-12-31 15:00"))
    with pytest.raises(ValueError, match="zone"):
        next_start(SESSIONS, datetime(2026, 5, 15, 10, 0))  # noqa: DTZ001


def test_the_shipped_calendar() -> None:
    assert (SESSIONS[0], SESSIONS[-1]) == (date(2015, 1, 5), date(2026, 12, 31))
    assert date(2026, 5, 15) in SESSIONS
    assert date(2026, 5, 16) not in SESSIONS


@pytest.mark.parametrize(
    ("hour", "shanghai", "shenzhen"),
    [
        ("09:14:59", TradingState.PRE_OPEN, TradingState.PRE_OPEN),
        ("09:15", TradingState.AUCTION, TradingState.AUCTION),
        ("09:30", TradingState.CONTINUOUS, TradingState.CONTINUOUS),
        ("11:29:59", TradingState.CONTINUOUS, TradingState.CONTINUOUS),
        ("11:30", TradingState.BREAK, TradingState.BREAK),
        ("13:00", TradingState.CONTINUOUS, TradingState.CONTINUOUS),
        ("14:56:59", TradingState.CONTINUOUS, TradingState.CONTINUOUS),
        ("14:57", TradingState.CONTINUOUS, TradingState.CLOSING_CALL),
        ("15:00", TradingState.CLOSED, TradingState.CLOSED),
    ],
)
def test_only_shenzhen_has_a_closing_call(hour: str, shanghai: TradingState, shenzhen: TradingState) -> None:
    assert trading_state(Exchange.SH, time.fromisoformat(hour)) is shanghai
    assert trading_state(Exchange.SZ, time.fromisoformat(hour)) is shenzhen


@pytest.mark.parametrize(
    ("hour", "seconds"),
    [
        ("09:00", 0),
        ("09:30", 0),
        ("10:00:01", 1801),
        ("11:30", 7200),
        ("12:30", 7200),
        ("13:00", 7200),
        ("13:00:30", 7230),
        ("15:00", 14400),
        ("18:00", 14400),
    ],
)
def test_the_break_does_not_count_as_working_time(hour: str, seconds: float) -> None:
    assert seconds_traded(time.fromisoformat(hour)) == seconds


def test_moment_of_distinguishes_the_two_ends_of_the_break() -> None:
    day = date(2026, 5, 15)
    assert moment_of(day, 7200, afternoon=False) == at("2026-05-15 11:30")
    assert moment_of(day, 7200, afternoon=True) == at("2026-05-15 13:00")
    assert moment_of(day, 14400, afternoon=True) == at("2026-05-15 15:00")
