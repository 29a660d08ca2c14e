"""The result of the sources' lists: which are accepted, which contradict, and what is stored."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import pytest

from core.calendar.calendar import Calendar
from core.calendar.session_file import SessionListRefused
from core.calendar.sources import SourceAnswer
from core.calendar.update import CalendarFindings, SourceVerdict, compare, kept_answer, write_sessions
from core.model.time import SHANGHAI
from tests.calendar.session_lists import IN_2027, SHIPPED, list_file

ALL = (*SHIPPED, *IN_2027)
THURSDAY = date(2027, 5, 6)
OTHERWISE = tuple(day for day in ALL if day != THURSDAY)


def lists(name: str, sessions: Sequence[date]) -> SourceAnswer:
    return SourceAnswer(name, sessions=tuple(sessions))


def found(
    *answers: SourceAnswer, own: SourceAnswer | None = None, kept: SourceAnswer | None = None
) -> CalendarFindings:
    return compare(SHIPPED, kept, answers, own)


def verdicts(findings: CalendarFindings) -> list[str]:
    return [str(one.verdict) for one in findings.checked]


def test_the_longer_of_two_agreeing_lists_is_taken() -> None:
    findings = found(lists("a", SHIPPED), lists("b", ALL), lists("c", ALL))
    assert (findings.sessions, findings.source, findings.contradiction) == (IN_2027, "b, c", None)
    assert [one.text for one in findings.checked] == [
        "agrees, to 2026-12-31",
        "agrees, to 2027-12-31",
        "agrees, to 2027-12-31",
    ]


def test_without_newer_sessions_nothing_is_added() -> None:
    findings = found(lists("a", SHIPPED), lists("b", [day for day in SHIPPED if day.year < 2026]))
    assert (findings.sessions, findings.contradiction) == ((), None)
    assert findings.checked[1].text == "agrees, to 2025-12-31"


def test_an_incomplete_year_is_reported_and_not_added() -> None:
    (verdict,) = (findings := found(lists("a", ALL[: len(SHIPPED) + 100]))).checked
    assert findings.sessions == ()
    assert verdict.text == f"agrees, to 2026-12-31; 2027 does not count: it ends on {IN_2027[99]}"


def test_sources_that_differ_on_a_new_day_block_the_update_and_name_it() -> None:
    findings = found(lists("a", ALL), lists("b", OTHERWISE), lists("c", SHIPPED))
    assert findings.contradiction == "a lists 2027-05-06, and b does not"
    assert findings.sessions == ()
    assert found(lists("b", OTHERWISE), lists("a", ALL)).contradiction == findings.contradiction


def test_days_of_an_incomplete_year_are_compared_too() -> None:
    begun = [day for day in OTHERWISE if day < date(2027, 7, 1)]
    assert found(lists("a", ALL), lists("b", begun)).contradiction == "a lists 2027-05-06, and b does not"


@pytest.mark.parametrize("later", [1, 3])
def test_a_list_that_starts_its_year_later_differs(later: int) -> None:
    findings = found(lists("a", ALL), own=lists("mine", IN_2027[later:]))
    assert findings.contradiction == "a lists 2027-01-04, and mine does not"


def test_a_source_that_contradicts_the_shipped_sessions_blocks_the_update() -> None:
    wrong = [day for day in SHIPPED if day != date(2026, 10, 8)]
    findings = found(lists("a", ALL), lists("b", wrong))
    assert findings.contradiction == ("b contradicts the shipped calendar: it does not list 2026-10-08")
    assert verdicts(findings) == [SourceVerdict.AGREES, SourceVerdict.CONTRADICTS]


def test_a_source_with_an_impossible_list_is_ignored() -> None:
    weekend = sorted([*ALL, date(2027, 3, 6)])
    findings = found(lists("a", weekend), SourceAnswer("b", invalid=SessionListRefused("is torn")), lists("c", ALL))
    assert verdicts(findings) == [SourceVerdict.INVALID, SourceVerdict.INVALID, SourceVerdict.AGREES]
    assert (findings.sessions, findings.source) == (IN_2027, "c")
    assert findings.checked[0].text == "is not used: it lists 2027-03-06, which is on a weekend"


def test_a_source_that_cannot_be_compared_is_not_used() -> None:
    findings = found(lists("a", IN_2027), lists("b", []))
    assert verdicts(findings) == [SourceVerdict.INVALID, SourceVerdict.INVALID]
    assert findings.sessions == ()


def test_without_responses_nothing_is_added() -> None:
    findings = found(SourceAnswer("a", unavailable="it is away"))
    assert (findings.sessions, findings.contradiction) == ((), None)
    assert findings.checked[0].text == "no answer: it is away"


class TestOwnFile:
    def test_the_user_s_file_is_used_if_no_source_reaches_further(self) -> None:
        findings = found(lists("a", SHIPPED), SourceAnswer("b", unavailable="away"), own=lists("mine", IN_2027))
        assert (findings.sessions, findings.source) == (IN_2027, "mine")

    def test_the_user_s_file_is_not_used_if_a_source_reaches_as_far(self) -> None:
        short = IN_2027[:-1]
        assert found(lists("a", ALL), own=lists("mine", short)).sessions == IN_2027
        assert found(lists("a", ALL[:-1]), own=lists("mine", IN_2027)).sessions == IN_2027

    def test_the_user_s_file_is_checked_like_every_source(self) -> None:
        findings = found(lists("a", SHIPPED), own=lists("mine", sorted([*IN_2027, date(2027, 3, 6)])))
        assert (findings.sessions, verdicts(findings)) == ((), [SourceVerdict.AGREES, SourceVerdict.INVALID])

    def test_the_user_s_file_must_not_contradict_a_source(self) -> None:
        assert found(lists("a", ALL), own=lists("mine", OTHERWISE[-243:])).contradiction is not None


class TestKept:
    def test_the_stored_file_is_read_by_the_calendar(self, tmp_path: Path) -> None:
        file = tmp_path / "calendar.csv"
        write_sessions(file, IN_2027, SHIPPED, "a, b", datetime(2026, 11, 24, 10, 0, tzinfo=SHANGHAI))
        assert Calendar.with_file(file).sessions == ALL
        assert file.read_text(encoding="utf-8").splitlines()[:5] == [
            "# sessions of the Shanghai and Shenzhen exchanges after 2026-12-31, which rotor ships itself",
            "# written by rotor calendar update at 2026-11-24T10:00:00+08:00",
            "# source: a, b",
            "session",
            "2027-01-04",
        ]
        assert kept_answer(file, SHIPPED) == SourceAnswer(str(file), sessions=IN_2027)

    def test_stored_sessions_are_neither_added_again_nor_removed(self) -> None:
        kept = lists("kept", IN_2027)
        assert found(lists("a", ALL), kept=kept).sessions == ()
        assert found(lists("a", SHIPPED), kept=kept).sessions == ()
        assert found(SourceAnswer("a", unavailable="away"), kept=kept).sessions == ()

    def test_a_source_that_contradicts_the_stored_file_is_reported(self) -> None:
        findings = found(lists("a", OTHERWISE), kept=lists("kept", IN_2027))
        assert findings.contradiction == "kept lists 2027-05-06, and a does not"

    def test_an_invalid_stored_file_is_not_used_for_comparison(self, tmp_path: Path) -> None:
        assert kept_answer(tmp_path / "none.csv", SHIPPED) is None
        assert kept_answer(list_file(tmp_path, IN_2027[:50]), SHIPPED) is None
        assert kept_answer(list_file(tmp_path, SHIPPED[-50:]), SHIPPED) is None
