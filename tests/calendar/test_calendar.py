"""Sessions by day, phases by time, the data folder's further sessions, and guesses beyond them for paper mode only."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar.calendar import Calendar, keep_copy, list_days
from core.calendar.session_file import always_closed, weekdays
from core.model.bond import Exchange
from core.model.known import Known, Unknown
from core.model.quote import SessionPhase
from core.model.time import SHANGHAI
from core.rules.sessions import LAST_ORDER, working_seconds
from tests.calendar.session_lists import IN_2027, SHIPPED, list_file

FRIDAY = date(2026, 5, 15)
CALENDAR = Calendar()
GUESSING = Calendar(guess_weekdays=True)
THE_END = date(2026, 12, 31)


def at(text: str, day: date = FRIDAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{text}").replace(tzinfo=SHANGHAI)


MONDAY, SATURDAY, THURSDAY, WEDNESDAY = (date(2026, 5, day) for day in (18, 16, 14, 13))


class TestDaysOfTheList:
    @pytest.mark.parametrize(
        ("now", "max_age", "days"),
        [
            (at("14:50"), 0, [FRIDAY]),
            (at("14:50"), 1, [FRIDAY, THURSDAY]),
            (at("14:50"), 2, [FRIDAY, THURSDAY, WEDNESDAY]),
            (at("09:30", MONDAY), 0, [MONDAY]),
            (at("09:30", MONDAY), 1, [MONDAY, FRIDAY]),
            (at("09:29", MONDAY), 0, [MONDAY, FRIDAY]),
            (at("09:29", MONDAY), 1, [MONDAY, FRIDAY]),
            (at("09:29", MONDAY), 2, [MONDAY, FRIDAY, THURSDAY]),
            (at("12:00", SATURDAY), 0, [FRIDAY]),
            (at("12:00", SATURDAY), 1, [FRIDAY, THURSDAY]),
            (at("14:50", date(2026, 10, 8)), 1, [date(2026, 10, 8), date(2026, 9, 30)]),
        ],
    )
    def test_they_count_in_sessions(self, now: datetime, max_age: int, days: list[date]) -> None:
        assert list_days(CALENDAR, now, max_age) == Known(tuple(days))

    def test_any_time_zone_is_converted(self) -> None:
        assert list_days(CALENDAR, at("00:30", MONDAY).astimezone(UTC), 0) == Known((MONDAY, FRIDAY))

    def test_they_are_unknown_where_the_calendar_is(self) -> None:
        assert isinstance(list_days(CALENDAR, at("14:50", date(2027, 1, 4)), 1), Unknown)
        assert isinstance(list_days(CALENDAR, at("14:50", date(2015, 1, 5)), 1), Unknown)
        assert list_days(CALENDAR, at("14:50", date(2015, 1, 5)), 0) == Known((date(2015, 1, 5),))


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
    def test_days_beyond_the_range_are_unknown(self, day: date) -> None:
        match CALENDAR.is_session(day):
            case Unknown(reason):
                assert f"from 2015-01-05 to 2026-12-31, so whether {day} is a session is not known" in reason
                assert reason.endswith(": run rotor calendar update") == (day.year == 2027)
            case known:
                pytest.fail(f"guessed {known}")

    def test_previous_and_next_session(self) -> None:
        monday = date(2026, 5, 18)
        assert CALENDAR.next_session(FRIDAY) == Known(monday)
        assert CALENDAR.next_session(date(2026, 5, 16)) == Known(monday)
        assert CALENDAR.previous_session(monday) == Known(FRIDAY)
        assert CALENDAR.previous_session(date(2026, 5, 17)) == Known(FRIDAY)

    def test_previous_and_next_session_at_the_range_s_edges(self) -> None:
        assert CALENDAR.previous_session(date(2027, 1, 1)) == Known(date(2026, 12, 31))
        assert CALENDAR.next_session(date(2015, 1, 4)) == Known(date(2015, 1, 5))
        assert isinstance(CALENDAR.next_session(date(2026, 12, 31)), Unknown)
        assert isinstance(CALENDAR.previous_session(date(2027, 1, 2)), Unknown)
        assert isinstance(CALENDAR.previous_session(date(2015, 1, 5)), Unknown)

    def test_a_calendar_with_its_own_sessions(self) -> None:
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
    def test_phases_by_time_of_day(self, text: str, phase: SessionPhase) -> None:
        assert CALENDAR.phase(at(text)) is phase
        assert CALENDAR.phase(at(text), Exchange.SZ) is phase

    def test_shanghai_trades_continuously_until_the_close(self) -> None:
        assert CALENDAR.phase(at("14:58:00"), Exchange.SH) is SessionPhase.OPEN
        assert CALENDAR.phase(at("15:00:00"), Exchange.SH) is SessionPhase.CLOSED

    def test_closed_days_and_unknown_days_differ(self) -> None:
        assert CALENDAR.phase(at("10:00:00", date(2026, 5, 16))) is SessionPhase.CLOSED_DAY
        assert CALENDAR.phase(at("10:00:00", date(2027, 5, 14))) is SessionPhase.UNKNOWN

    def test_any_time_zone_is_converted_to_shanghai_time(self) -> None:
        moment = datetime(2026, 5, 15, 2, 0, tzinfo=UTC)
        assert CALENDAR.phase(moment) is SessionPhase.OPEN
        assert CALENDAR.orders_allowed(moment) is None
        assert CALENDAR.phase(datetime(2026, 5, 15, 18, 0, tzinfo=UTC)) is SessionPhase.CLOSED_DAY

    def test_a_time_without_a_zone_is_refused(self) -> None:
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

    def test_an_order_stays_open_until_the_break_or_the_last_order_time(self) -> None:
        assert working_seconds(at("11:29:30").time()) == 30
        assert working_seconds(at("14:56:00").time()) == 30
        assert working_seconds(at("12:00:00").time()) == 0
        assert working_seconds(LAST_ORDER) == 0


class TestGuesses:
    """Paper mode goes on after the end of the calendar, on weekdays, and says so."""

    def test_weekdays_after_the_end_count_except_fixed_holidays(self) -> None:
        days = [date(2027, 1, 1) + timedelta(days=n) for n in range(5)]  # a Friday and the days after it
        taken = [False, False, False, True, True]
        assert [GUESSING.is_session(day) for day in days] == [Known(one) for one in taken]
        assert GUESSING.orders_allowed(at("10:00:00", date(2027, 1, 4))) is None
        assert GUESSING.phase(at("10:00:00", date(2027, 1, 1))) is SessionPhase.CLOSED_DAY

    def test_previous_and_next_session_across_the_end(self) -> None:
        first = date(2027, 1, 4)
        assert GUESSING.next_session(date(2026, 12, 30)) == Known(THE_END)
        assert GUESSING.next_session(THE_END) == Known(first)
        assert GUESSING.next_session(first) == Known(date(2027, 1, 5))
        assert GUESSING.previous_session(first) == Known(THE_END)
        assert GUESSING.previous_session(date(2027, 1, 1)) == Known(THE_END)
        assert GUESSING.previous_session(date(2027, 1, 5)) == Known(first)
        assert GUESSING.previous_session(date(2028, 1, 3)) == Known(date(2027, 12, 31))

    def test_nothing_is_guessed_before_the_start_and_guesses_are_not_verified(self) -> None:
        assert isinstance(GUESSING.is_session(date(2014, 12, 31)), Unknown)
        assert isinstance(GUESSING.previous_session(date(2015, 1, 5)), Unknown)
        assert (GUESSING.verified_through, GUESSING.sessions) == (THE_END, CALENDAR.sessions)

    @given(st.dates(date(2015, 1, 6), date(2029, 12, 31)))
    def test_previous_and_next_are_the_nearest_sessions(self, day: date) -> None:
        before, after = GUESSING.previous_session(day), GUESSING.next_session(day)
        assert isinstance(before, Known)
        assert isinstance(after, Known)
        between = [before.value + timedelta(days=n) for n in range((after.value - before.value).days + 1)]
        assert [one for one in between if GUESSING.is_session(one) == Known(True) and one != day] == [
            before.value,
            after.value,
        ]


class TestWarnings:
    @pytest.mark.parametrize(
        ("day", "when"),
        [
            (date(2026, 12, 1), "in 30 days: run rotor calendar update before then"),
            (date(2026, 12, 2), "in 29 days: run rotor calendar update before then"),
            (date(2026, 12, 30), "tomorrow: run rotor calendar update before then"),
            (THE_END, "today: run rotor calendar update now"),
        ],
    )
    def test_a_warning_starts_thirty_days_before_the_end(self, day: date, when: str) -> None:
        told = f"the trading calendar ends on 2026-12-31, {when}; after it live mode sends nothing"
        assert CALENDAR.warning(day) == GUESSING.warning(day) == told

    @pytest.mark.parametrize("day", [date(2014, 1, 1), FRIDAY, date(2026, 11, 30)])
    def test_no_warning_is_given_earlier(self, day: date) -> None:
        assert CALENDAR.warning(day) is None
        assert GUESSING.warning(day) is None

    def test_the_warning_after_the_end_says_what_follows(self) -> None:
        assert "nothing is sent" in (CALENDAR.warning(date(2027, 1, 1)) or "")
        assert "Monday to Friday are taken for sessions" in (GUESSING.warning(date(2027, 1, 1)) or "")


class TestHomeFile:
    def test_a_missing_file_is_no_problem(self, tmp_path: Path) -> None:
        for calendar in (Calendar.with_file(None), Calendar.with_file(tmp_path / "calendar.csv")):
            assert (calendar.verified_through, calendar.trouble) == (THE_END, None)

    @pytest.mark.parametrize("overlap", [0, 1, 500])
    def test_the_file_extends_the_shipped_sessions(self, tmp_path: Path, overlap: int) -> None:
        file = list_file(tmp_path, [*SHIPPED[len(SHIPPED) - overlap :], *IN_2027])
        calendar = Calendar.with_file(file)
        assert calendar.trouble is None
        assert calendar.sessions == (*SHIPPED, *IN_2027)
        assert calendar.verified_through == date(2027, 12, 31)
        assert calendar.is_session(date(2027, 2, 8)) == Known(False)
        assert calendar.next_session(THE_END) == Known(date(2027, 1, 4))
        assert calendar.warning(THE_END) is None
        assert isinstance(calendar.is_session(date(2028, 1, 3)), Unknown)

    def test_sessions_that_are_already_shipped_are_no_problem(self, tmp_path: Path) -> None:
        calendar = Calendar.with_file(list_file(tmp_path, SHIPPED[-300:]))
        assert (calendar.verified_through, calendar.trouble) == (THE_END, None)

    def test_a_file_saved_by_notepad_is_read(self, tmp_path: Path) -> None:
        file = list_file(tmp_path, IN_2027)
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
        assert Calendar.with_file(file).verified_through == date(2027, 12, 31)

    def test_a_title_and_a_session_that_is_listed_twice_cost_nothing(self, tmp_path: Path) -> None:
        file = list_file(tmp_path, IN_2027)
        day = f"{IN_2027[0]}\n"
        file.write_text(
            "2027年 交易日历\n,,\n" + file.read_text(encoding="utf-8").replace(day, day * 2), encoding="utf-16"
        )
        assert Calendar.with_file(file).sessions == (*SHIPPED, *IN_2027)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"2027-01-04\nsession\n2027-01-05\n", "does not begin with a line 'session'"),
            (b"\xff\xfe\x00garbage\x80", "does not begin with a line 'session'"),
            (b"", "does not begin with a line 'session'"),
            (b"date\n2027-01-04\n", "does not begin with a line 'session'"),
            (b"session\n46391\n", "no date such as 2027-01-04 in line 2: '46391'"),
            (b"# a note\nsession\n2027-02-30\n", "no date such as 2027-01-04 in line 3: '2027-02-30'"),
            (b"session\n2027-01-04,open\n", "no date such as 2027-01-04"),
            (b"session\n", "lists no session from 2015-01-05 on"),
            (b"session\n2014-12-31\n", "lists no session from 2015-01-05 on"),
        ],
    )
    def test_a_file_that_is_no_list_is_ignored_with_its_reason(
        self, tmp_path: Path, content: bytes, reason: str
    ) -> None:
        file = tmp_path / "calendar.csv"
        file.write_bytes(content)
        self.ignored(file, reason)

    def test_an_impossible_list_is_ignored_entirely(self, tmp_path: Path) -> None:
        in_2029 = [day for day in weekdays(date(2029, 1, 15), date(2029, 12, 31)) if not always_closed(day)]
        lists = {
            "contradicts the shipped calendar: it does not list 2026-10-08": [
                d for d in SHIPPED[-100:] if d != date(2026, 10, 8)
            ],
            "2027-01-09, which is on a weekend": sorted([*IN_2027, date(2027, 1, 9)]),
            "is not in order": [*IN_2027[1:], IN_2027[0]],
            "has 150 sessions in 2027": [*IN_2027[:149], IN_2027[-1]],
            "ends on 2027-06-30, before the sessions of 2027 do": [d for d in IN_2027 if d <= date(2027, 6, 30)],
            "has no session between 2026-12-31 and 2029": in_2029,
        }
        for reason, listed in lists.items():
            self.ignored(list_file(tmp_path, listed), reason)

    def test_a_folder_in_its_place_is_ignored(self, tmp_path: Path) -> None:
        self.ignored(tmp_path, "is a folder or a pipe, not a file")

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gbk"])
    @pytest.mark.parametrize(
        "style", ["{0:%Y/%m/%d}", "{0.year}/{0.month}/{0.day}", "{0:%Y%m%d}", "{0.year}年{0.month}月{0.day}日"]
    )
    def test_a_list_saved_by_excel_is_read(self, tmp_path: Path, encoding: str, style: str) -> None:
        file = tmp_path / "calendar.csv"
        lines = ["Session,,", "# 上交所", *(f"{style.format(day)},," for day in IN_2027), ",,", ""]
        file.write_bytes("\r\n".join(lines).encode(encoding))
        calendar = Calendar.with_file(file)
        assert (calendar.trouble, calendar.verified_through) == (None, IN_2027[-1])

    def test_the_last_good_list_stays_in_force_until_the_file_is_removed(self, tmp_path: Path) -> None:
        file, copy = list_file(tmp_path, IN_2027), tmp_path / "kept.csv"
        keep_copy(file, copy)
        file.write_text(file.read_text(encoding="utf-8") + "46391\n", encoding="utf-8")
        calendar = Calendar.with_file(file, copy)
        assert calendar.is_session(date(2027, 1, 4)) == Known(True)
        assert "'46391'. What it listed before, to 2027-12-31, stays in force: run rotor" in str(calendar.trouble)
        assert Calendar.with_file(file).sessions == SHIPPED, "without the copy nothing is known"
        file.unlink()
        keep_copy(file, copy)
        assert Calendar.with_file(file, copy).sessions == SHIPPED
        assert not copy.exists()

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
    def test_a_pipe_in_the_place_of_the_copy_is_not_waited_for(self, tmp_path: Path) -> None:
        file, copy = list_file(tmp_path, IN_2027), tmp_path / "kept.csv"
        os.mkfifo(copy)
        with pytest.raises(OSError, match="is a link, a folder or a pipe"):
            keep_copy(file, copy)
        assert Calendar.with_file(file, copy).sessions == (*SHIPPED, *IN_2027)

    def ignored(self, file: Path, reason: str) -> None:
        calendar = Calendar.with_file(file, guess_weekdays=True)
        assert calendar.sessions == SHIPPED
        assert calendar.trouble is not None
        assert reason in calendar.trouble
        assert calendar.trouble.startswith(str(file))
        assert calendar.trouble.endswith("run rotor calendar update to write it anew, or delete it.")
        assert calendar.is_session(date(2027, 1, 4)) == Known(True)
