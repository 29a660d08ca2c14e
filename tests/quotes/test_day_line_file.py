"""Day lines over a restart: kept minute by minute, and never in the way."""

import asyncio
import json
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from core.model.bond import BondCode
from core.model.time import SHANGHAI
from core.quotes.day_line_file import DayLineFile
from core.quotes.day_lines import DayLines
from tests.worlds import quote

A, B = BondCode("113001"), BondCode("127045")
DAY = date(2026, 5, 15)


def at(hour: str, day: date = DAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(hour), SHANGHAI)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "day-lines-paper.jsonl"


def traded(path: Path, first: str, minutes: int, *, ended: bool = True) -> DayLines:
    """A run that begins with what is kept, sees two bonds for some minutes and keeps each when it is over."""
    lines = DayLines(DAY)
    file, begin = DayLineFile(path, lines), at(first)
    file.load(begin)
    for minute in range(minutes):
        now = begin + timedelta(minutes=minute, seconds=5)
        lines.on_quotes({A: quote(A, f"{100 + minute}", at=now), B: quote(B, f"{90 + minute}", at=now)})
        asyncio.run(file.keep(now))
    if ended:
        asyncio.run(file.keep(begin + timedelta(minutes=minutes - 1, seconds=6), all_of_it=True))
    return lines


def again(path: Path, now: datetime, day: date = DAY) -> DayLines:
    lines = DayLines(day)
    DayLineFile(path, lines).load(now)
    return lines


def test_a_restart_of_the_same_day_has_the_same_lines(path: Path) -> None:
    before = traded(path, "10:00", 20)
    after = again(path, at("10:30"))
    assert (after.points(A), after.points(B)) == (before.points(A), before.points(B))
    assert len(after.points(A)) == 20


def test_a_crash_costs_the_running_minute_only(path: Path) -> None:
    before = traded(path, "10:00", 20, ended=False)
    assert again(path, at("10:30")).points(A) == before.points(A)[:-1]


def test_the_second_run_adds_to_the_first_and_the_time_between_is_a_gap(path: Path) -> None:
    traded(path, "10:00", 3)
    traded(path, "10:30", 3)
    hours = [f"{point.at:%H:%M}" for point in again(path, at("11:00")).points(A)]
    assert hours == ["10:00", "10:01", "10:02", "10:30", "10:31", "10:32"]


def test_another_day_begins_anew(path: Path) -> None:
    traded(path, "10:00", 3)
    tomorrow = DAY + timedelta(days=3)
    lines = again(path, at("10:00", tomorrow), tomorrow)
    assert lines.points(A) == ()
    file = DayLineFile(path, lines)
    lines.on_quotes({A: quote(A, at=at("10:00:05", tomorrow))})
    asyncio.run(file.keep(at("10:01", tomorrow)))
    assert json.loads(path.read_text("utf-8").splitlines()[0]) == {"day": tomorrow.isoformat()}
    assert len(path.read_text("utf-8").splitlines()) == 2


def test_minutes_that_are_still_to_come_are_not_shown(path: Path) -> None:
    """A sandbox that begins its day again."""
    traded(path, "10:00", 20)
    assert len(again(path, at("10:05")).points(A)) == 5


@pytest.mark.parametrize(
    "damage",
    ['{"slot": 30, "pri', '{"slot": 31, "prices": {"600000": 1}}', '{"slot": 31, "prices": {"113001.SH": -4}}', "3"],
)
def test_a_damaged_line_costs_its_minute_only(path: Path, damage: str) -> None:
    traded(path, "10:00", 3)
    path.write_text(path.read_text("utf-8") + damage, encoding="utf-8", newline="")
    traded(path, "10:10", 3)
    assert len(again(path, at("10:30")).points(A)) == 6


@pytest.mark.parametrize("text", ["", "\n", "nonsense", '{"day": 4}\n', "[]\n{}\n"])
def test_a_file_that_is_none_is_written_anew(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    traded(path, "10:00", 3)
    assert len(again(path, at("10:30")).points(A)) == 3


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    lines = traded(tmp_path / "missing" / "day-lines.jsonl", "10:00", 3)
    assert len(lines.points(A)) == 3
