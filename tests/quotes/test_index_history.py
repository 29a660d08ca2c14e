"""The benchmark of real accounts: the history and the running day, and what is said where one is missing."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.akshare.client import AkshareClient, Table, TableRefused, TableUnavailable
from core.infra.clock import SteppedClock
from core.model.known import Known
from core.model.time import SHANGHAI
from core.quotes.index_history import RETRY, SYMBOL, TABLE, BenchmarkUnavailable, BondIndex, IndexValues, read_history
from core.quotes.tencent import LineRefused, read_index
from tests.quotes.tencent_service import line, served

NOW = datetime(2026, 9, 18, 10, 30, 3, tzinfo=SHANGHAI)
TODAY, YESTERDAY = date(2026, 9, 18), date(2026, 9, 17)


def history(last: str = "401.5", *, days: int = 300, at: datetime = NOW, until: date = YESTERDAY) -> Table:
    told = [(until - timedelta(days=days - 1 - number), f"{300 + number / 10:.3f}") for number in range(days)]
    told[-1] = (until, last)
    rows = tuple({"date": day.isoformat(), "close": close} for day, close in told)
    return Table(TABLE, at, ("date", "close"), rows)


class Tables(AkshareClient):
    """Answers with these, one after the other; the last one stays."""

    def __init__(self, *answers: Table | Exception) -> None:
        self.answers: Sequence[Table | Exception] = answers
        self.asked = 0

    async def fetch(self, name: str) -> Table:
        assert name == TABLE
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None: ...


def index_line(last: str = "404.2", before: str = "401.5", **changes: str) -> str:
    told = {"f1": "中证转债", "f4": before, "f31": f"{float(last) - float(before):.2f}"} | changes
    return line("000832.SH", last, **told)


@contextmanager
def quoted() -> Iterator[str]:
    """The address of a service that has the index."""
    with served() as service:
        service.show(index_line())
        yield service.url


def index_of(tmp_path: Path, tables: Tables, address: str, clock: SteppedClock | None = None) -> BondIndex:
    def before(day: date) -> Known[date]:
        return Known(day - timedelta(days=1))

    return BondIndex(tmp_path / "index.json", tables, clock or SteppedClock(NOW), before, address, "none")


def values(index: BondIndex) -> IndexValues:
    return asyncio.run(index.values())


def test_the_history_and_the_running_day_are_one_line(tmp_path: Path) -> None:
    with quoted() as address:
        found = values(index_of(tmp_path, Tables(history()), address))
    assert (found.closes[YESTERDAY], found.closes[TODAY]) == (Decimal("401.5"), Decimal("404.2"))
    assert (len(found.closes), found.note, found.source) == (301, "", "akshare + Tencent")


def test_without_the_history_the_running_day_and_the_close_before_are_known(tmp_path: Path) -> None:
    with quoted() as address:
        found = values(index_of(tmp_path, Tables(TableUnavailable("no akshare here")), address))
    assert found.closes == {YESTERDAY: Decimal("401.5"), TODAY: Decimal("404.2")}
    assert "no akshare here" in found.note


def test_without_tencent_the_history_stands_alone(tmp_path: Path) -> None:
    found = values(index_of(tmp_path, Tables(history()), "http://127.0.0.1:1"))
    assert max(found.closes) == YESTERDAY
    assert "Tencent" in found.note


def test_without_either_nothing_is_known(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkUnavailable, match="no akshare here"):
        values(index_of(tmp_path, Tables(TableUnavailable("no akshare here")), "http://127.0.0.1:1"))


def test_sources_that_disagree_are_not_mixed(tmp_path: Path) -> None:
    with quoted() as address, pytest.raises(BenchmarkUnavailable, match="disagree on the index of 2026-09-17"):
        values(index_of(tmp_path, Tables(history("404.5")), address))


def test_the_history_is_fetched_once_a_day_and_kept_over_a_restart(tmp_path: Path) -> None:
    tables, clock = Tables(history()), SteppedClock(NOW)
    with quoted() as address:
        index = index_of(tmp_path, tables, address, clock)
        assert values(index).closes == values(index).closes
        assert len(values(index_of(tmp_path, tables, address, clock)).closes) == 301
        assert tables.asked == 1
        clock.move_to(NOW + timedelta(days=1))
        values(index)
    assert tables.asked == 2


def test_a_history_that_failed_is_asked_for_again_after_a_while(tmp_path: Path) -> None:
    tables, clock = Tables(TableUnavailable("away"), history()), SteppedClock(NOW)
    with quoted() as address:
        index = index_of(tmp_path, tables, address, clock)
        assert len(values(index).closes) == len(values(index).closes) == 2
        assert tables.asked == 1
        clock.move_to(NOW + timedelta(seconds=RETRY))
        assert len(values(index).closes) == 301


def test_a_damaged_file_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text('{"name": 3}', encoding="utf-8")
    with quoted() as address:
        assert len(values(index_of(tmp_path, Tables(history()), address)).closes) == 301


def test_a_row_of_the_running_day_is_not_its_close() -> None:
    assert max(read_history(history(until=TODAY))) == YESTERDAY


@pytest.mark.parametrize("close", ["", "-1", "abc", "nan"])
def test_one_odd_row_refuses_the_history(close: str) -> None:
    with pytest.raises(TableRefused):
        read_history(history(close))


def test_a_short_history_is_refused() -> None:
    with pytest.raises(TableRefused):
        read_history(history(days=20))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (index_line(f31="9.99"), "fields have moved"),
        (index_line(f3="0.000"), "no last price"),
        (line("113052.SH"), "no line of sh000832"),
        ('v_pv_none_match="1";', "no line of sh000832"),
        (index_line(f2="000831"), "no line of sh000832"),
        (index_line(f30="today"), "is not a time"),
    ],
)
def test_a_line_that_is_no_index_is_refused(text: str, why: str) -> None:
    with pytest.raises(LineRefused, match=why):
        read_index(text, SYMBOL)
