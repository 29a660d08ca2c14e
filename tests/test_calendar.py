"""Sessions by day, phases by time, and nothing guessed beyond the verified range."""

from datetime import UTC, date, datetime, timedelta

import pytest

from core.calendar import Calendar
from core.clock import SHANGHAI
from core.model.bond import Exchange
from core.model.known import Known, Unknown
from core.rules.sessions import LAST_ORDER, SessionPhase, working_seconds

FRIDAY = date(2026, 5, 15)
CALENDAR = Calendar()


def at(text: str, day: date = FRIDAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{text}").replace(tzinfo=SHANGHAI)


class TestDays:
    def test_the_shipped_range(self) -> None:
        assert (CALENDAR.verified_from, CALENDAR.verified_through) == (date(2015, 1, 5), date(2026, 12, 31))
        days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
        assert sum(CALENDAR.is_session(day) == Known(True) for day in days) == 242

    @pytest.mark.parametrize(
        ("day", "expected"),
        [
            (FRIDAY, True),
            (date(2026, 5, 16), False),
            (date(2026, 10, 1), False),
            (date(2024, 2, 9), False),  # New Year's Eve: an office day, the exchanges were closed
        ],
    )
    def test_sessions(self, day: date, expected: bool) -> None:
        assert CALENDAR.is_session(day) == Known(expected)

    @pytest.mark.parametrize("day", [date(2014, 12, 31), date(2027, 1, 4)])
    def test_beyond_the_range_is_unknown_and_says_so(self, day: date) -> None:
        match CALENDAR.is_session(day):
            case Unknown(reason):
                assert f"from 2015-01-05 to 2026-12-31, so whether {day} is a session is not known" in reason
                assert "install" in reason
            case known:
                pytest.fail(f"guessed {known}")

    def test_neighbours(self) -> None:
        monday = date(2026, 5, 18)
        assert CALENDAR.next_session(FRIDAY) == Known(monday)
        assert CALENDAR.next_session(date(2026, 5, 16)) == Known(monday)
        assert CALENDAR.previous_session(monday) == Known(FRIDAY)
        assert CALENDAR.previous_session(date(2026, 5, 17)) == Known(FRIDAY)

    def test_neighbours_at_the_edges(self) -> None:
        assert CALENDAR.previous_session(date(2027, 1, 1)) == Known(date(2026, 12, 31))
        assert CALENDAR.next_session(date(2015, 1, 4)) == Known(date(2015, 1, 5))
        assert isinstance(CALENDAR.next_session(date(2026, 12, 31)), Unknown)
        assert isinstance(CALENDAR.previous_session(date(2027, 1, 2)), Unknown)
        assert isinstance(CALENDAR.previous_session(date(2015, 1, 5)), Unknown)

    def test_a_calendar_of_ones_own(self) -> None:
        calendar = Calendar([FRIDAY])
        assert calendar.is_session(FRIDAY) == Known(True)
        assert isinstance(calendar.is_session(date(2026, 5, 14)), Unknown)
        with pytest.raises(ValueError, match="at least one"):
            Calendar([])


class TestPhases:
    @pytest.mark.parametrize(
        ("text", "phase"),
        [
            ("00:00:00", SessionPhase.PRE_OPEN),
            ("09:14:59", SessionPhase.PRE_OPEN),
            ("09:15:00", SessionPhase.OPENING_CALL),
            ("09:29:59", SessionPhase.OPENING_CALL),
            ("09:30:00", SessionPhase.OPEN),
            ("11:29:59", SessionPhase.OPEN),
            ("11:30:00", SessionPhase.BREAK),
            ("12:59:59", SessionPhase.BREAK),
            ("13:00:00", SessionPhase.OPEN),
            ("14:56:59", SessionPhase.OPEN),
            ("14:57:00", SessionPhase.CLOSING_CALL),
            ("14:59:59", SessionPhase.CLOSING_CALL),
            ("15:00:00", SessionPhase.CLOSED),
            ("23:59:59", SessionPhase.CLOSED),
        ],
    )
    def test_by_time(self, text: str, phase: SessionPhase) -> None:
        assert CALENDAR.phase(at(text)) is phase
        assert CALENDAR.phase(at(text), Exchange.SZ) is phase

    def test_shanghai_trades_on_to_the_close(self) -> None:
        assert CALENDAR.phase(at("14:58:00"), Exchange.SH) is SessionPhase.OPEN
        assert CALENDAR.phase(at("15:00:00"), Exchange.SH) is SessionPhase.CLOSED

    def test_closed_and_unknown_days_are_two_things(self) -> None:
        assert CALENDAR.phase(at("10:00:00", date(2026, 5, 16))) is SessionPhase.CLOSED_DAY
        assert CALENDAR.phase(at("10:00:00", date(2027, 5, 14))) is SessionPhase.UNKNOWN

    def test_every_zone_is_told_in_shanghai_time(self) -> None:
        moment = datetime(2026, 5, 15, 2, 0, tzinfo=UTC)
        assert CALENDAR.phase(moment) is SessionPhase.OPEN
        assert CALENDAR.orders_allowed(moment) is None
        assert CALENDAR.phase(datetime(2026, 5, 15, 18, 0, tzinfo=UTC)) is SessionPhase.CLOSED_DAY

    def test_a_moment_without_a_zone_is_refused(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            CALENDAR.phase(at("10:00:00").replace(tzinfo=None))


class TestOrders:
    @pytest.mark.parametrize("text", ["09:30:00", "11:29:59.999", "13:00:00", "14:56:29.999"])
    def test_allowed(self, text: str) -> None:
        assert CALENDAR.orders_allowed(at(text)) is None

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("09:29:59.999", "trading opens at 09:30"),
            ("11:30:00", "midday break"),
            ("12:59:59.999", "midday break"),
            ("14:56:30", "until 14:56:30 only"),
            ("20:00:00", "until 14:56:30 only"),
        ],
    )
    def test_refused_by_time(self, text: str, reason: str) -> None:
        assert reason in (CALENDAR.orders_allowed(at(text)) or "")

    def test_refused_by_day(self) -> None:
        closed, unknown = at("10:00:00", date(2026, 5, 16)), at("10:00:00", date(2027, 1, 4))
        assert CALENDAR.orders_allowed(closed) == "2026-05-16 is not a trading day"
        assert "the trading calendar reaches" in (CALENDAR.orders_allowed(unknown) or "")

    def test_an_order_works_to_the_break_or_the_last_order(self) -> None:
        assert working_seconds(at("11:29:30").time()) == 30
        assert working_seconds(at("14:56:00").time()) == 30
        assert working_seconds(at("12:00:00").time()) == 0
        assert working_seconds(LAST_ORDER) == 0
