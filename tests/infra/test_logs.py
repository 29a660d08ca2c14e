"""The log file: its lines, its days, its secrets, and reading its end."""

import logging
import sys
import threading
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

import core.infra.logs as logs_module
from core.infra import logs as log_pages
from core.infra.clock import SteppedClock
from core.infra.home import Home
from core.infra.logs import NUMBERS, Logs, find_in_log, hide, read_log, text_of
from core.model.log_page import LogLine
from core.model.snapshot import Level
from core.model.time import SHANGHAI

NOON = datetime(2026, 5, 15, 14, 50, 1, 123456, tzinfo=SHANGHAI)
DAY = NOON.date()
log = logging.getLogger("core.trading.order_manager")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(NOON)


@pytest.fixture
def logs(home: Home, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Logs]:
    monkeypatch.setattr(logs_module, "_secrets", set[str]())
    logs = Logs(home, clock)
    yield logs
    logs.close()


def file_text(home: Home, day: date = DAY) -> str:
    return (home.logs / f"{day}.log").read_bytes().decode("utf-8")


class TestWriting:
    def test_the_format_of_a_line(self, home: Home, logs: Logs) -> None:
        log.info("重银 %s", "113052.SH")
        logging.getLogger("core.infra.database").warning("w")
        logging.getLogger("tui.app").error("e")
        log.log(NUMBERS[Level.GOOD], "g")
        assert file_text(home).splitlines() == [
            "2026-05-15 14:50:01.123 INFO  trading  重银 113052.SH",
            "2026-05-15 14:50:01.123 WARNING database  w",
            "2026-05-15 14:50:01.123 ERROR tui  e",
            "2026-05-15 14:50:01.123 GOOD  trading  g",
        ]

    def test_a_new_file_starts_at_midnight_of_the_clock(self, home: Home, clock: SteppedClock, logs: Logs) -> None:
        log.info("one")
        clock.move_to(datetime(2026, 5, 16, tzinfo=SHANGHAI))
        log.info("two")
        assert file_text(home).endswith("one\n")
        assert file_text(home, date(2026, 5, 16)) == "2026-05-16 00:00:00.000 INFO  trading  two\n"

    def test_every_record_is_one_line(self, home: Home, logs: Logs) -> None:
        log.info("a\r\nb\x1b[2J\u2028\x85\tc")
        try:
            raise ValueError("broken\nhere")
        except ValueError:
            log.exception("failed")
        lines = file_text(home).split("\n")
        assert lines[0].endswith("a\\r\\nb\\x1b[2J\\u2028\\x85\tc")
        assert "failed\\nTraceback" in lines[1]
        assert "ValueError: broken\\nhere" in lines[1]
        assert lines[2:] == [""]

    def test_libraries_log_warnings_only(self, home: Home, logs: Logs) -> None:
        logging.getLogger("httpx").info("HTTP Request")
        logging.getLogger("httpx").warning("slow")
        log.debug("detail")
        assert [line.text for line in read_log(home, DAY).lines] == ["slow"]

    def test_no_secret_is_written(self, home: Home, logs: Logs) -> None:
        hide(SecretStr('p"a/s 密'))
        hide(SecretStr(""))
        log.info("with %s", 'p"a/s 密')
        log.info("json %s", '{"password": "p\\"a/s \\u5bc6"}')
        log.info("url ?password=p%22a%2Fs%20%E5%AF%86&x=p%22a%2Fs+%E5%AF%86")
        try:
            raise ValueError('p"a/s 密')
        except ValueError:
            log.exception("failed")
        text = file_text(home)
        assert text.count("***") == 6
        assert "a/s" not in text
        assert "a%2Fs" not in text

    def test_a_record_s_text_equals_the_file_s(self, home: Home, logs: Logs) -> None:
        hide(SecretStr("geheim"))
        try:
            raise ValueError("geheim\x1b[2J")
        except ValueError:
            record = log.makeRecord(log.name, logging.ERROR, "f", 1, "a\r\n%s\u2028", ("geheim",), sys.exc_info())
        log.handle(record)
        shown = text_of(record)
        assert shown.startswith("a\\r\\n***\\u2028\\nTraceback")
        assert shown.endswith("ValueError: ***\\x1b[2J")
        assert file_text(home) == f"2026-05-15 14:50:01.123 ERROR trading  {shown}\n"

    def test_stderr_gets_the_same_lines(
        self, home: Home, clock: SteppedClock, capsys: pytest.CaptureFixture[str]
    ) -> None:
        logs = Logs(home, clock, stderr=True)
        log.info("x")
        logging.getLogger("httpx").info("y")
        logs.close()
        log.warning("after the end")
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("", file_text(home))

    def test_an_unwritable_log_raises_nothing_and_is_reported(
        self, home: Home, clock: SteppedClock, logs: Logs, capsys: pytest.CaptureFixture[str]
    ) -> None:
        clock.move_to(datetime(2026, 5, 17, tzinfo=SHANGHAI))
        (home.logs / "2026-05-17.log").mkdir()
        log.info("x")
        assert "cannot be written" in (logs.file.problem or "")
        clock.move_to(datetime(2026, 5, 18, tzinfo=SHANGHAI))
        log.info("y")
        assert logs.file.problem is None
        assert capsys.readouterr().err == ""

    def test_threads_do_not_mix_their_lines(self, home: Home, logs: Logs) -> None:
        def many(name: str) -> None:
            for _ in range(200):
                log.info(name * 50)

        threads = [threading.Thread(target=many, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(line.text for line in read_log(home, DAY, limit=1000).lines) == sorted(
            n * 50 for n in "abcd" * 200
        )

    def test_closing_restores_logging(self, home: Home, clock: SteppedClock) -> None:
        root = logging.getLogger()
        before = (root.level, list(root.handlers))
        Logs(home, clock, stderr=True).close()
        assert (root.level, root.handlers) == before


class TestReading:
    def test_written_lines_are_read_back(self, home: Home, logs: Logs) -> None:
        log.info("重银")
        at = NOON.replace(microsecond=123000)
        assert read_log(home, DAY).lines == (LogLine(at, Level.INFO, "trading", "重银"),)

    def test_the_newest_lines_are_listed_oldest_first(self, home: Home, logs: Logs) -> None:
        for number in range(30):
            log.log(logging.ERROR if number % 10 == 0 else logging.INFO, "%d", number)
        assert [line.text for line in read_log(home, DAY, limit=3).lines] == ["27", "28", "29"]
        assert [line.text for line in read_log(home, DAY, limit=2, minimum=Level.WARNING).lines] == ["10", "20"]
        assert [line.text for line in read_log(home, DAY, limit=9, minimum=Level.ERROR).lines] == ["0", "10", "20"]
        assert read_log(home, DAY, limit=0).lines == ()

    def test_a_day_without_a_file_is_empty(self, home: Home) -> None:
        assert read_log(home, DAY).lines == ()

    def test_invalid_lines_are_left_out(self, home: Home) -> None:
        good = "2026-05-15 14:50:01.123 INFO  trading  "
        (home.logs / f"{DAY}.log").write_bytes(
            b"\xff\xfe\x00\n"
            + f"{good}one\r\n\nhalf a li\n2026-13-45 14:50:01.123 INFO  trading  x\n".encode()
            + good.encode()
            + b"tw\xffo\n"
            + b"2026-05-15 14:50:01.123 INF"
        )
        assert [line.text for line in read_log(home, DAY).lines] == ["one", "tw\ufffdo"]

    def test_lines_across_block_borders_are_read(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        lines = [f"2026-05-15 14:50:01.123 INFO  trading  重银{number}" for number in range(40)]
        (home.logs / f"{DAY}.log").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
        for block in (1, 2, 3, 7, 64, 5000):
            monkeypatch.setattr(log_pages, "_BLOCK", block)
            assert [line.text for line in read_log(home, DAY).lines] == [f"重银{number}" for number in range(40)]

    def test_paging_forwards_and_backwards_gives_the_same_lines(self, home: Home) -> None:
        write_lines(home, 60)
        every = read_log(home, DAY, limit=1000).lines
        assert [line.text for line in every] == [f"line {number}" for number in range(60)]
        middle = every[30]
        before = read_log(home, DAY, 10, before=middle.begins).lines
        after = read_log(home, DAY, 10, after=middle.begins).lines
        assert (before, after) == (every[20:30], every[31:41])
        assert read_log(home, DAY, 5, after=-1).lines == every[:5]
        assert read_log(home, DAY, 5, before=0).lines == read_log(home, DAY, 5, after=every[-1].begins).lines == ()
        assert read_log(home, DAY, 2, Level.WARNING, after=middle.begins).lines == (every[40], every[50])

    def test_a_search_goes_both_ways_and_matches_the_shown_text(self, home: Home) -> None:
        write_lines(home, 60)
        every = read_log(home, DAY, limit=1000).lines
        assert find_in_log(home, DAY, "LINE 5", start=every[5].begins, forward=True) == every[50]
        assert find_in_log(home, DAY, "line 5", start=every[50].begins, forward=False) == every[5]
        assert find_in_log(home, DAY, "line 0", start=-1, forward=True) == every[0]
        assert find_in_log(home, DAY, "line", Level.WARNING, start=every[0].begins, forward=True) == every[10]
        assert find_in_log(home, DAY, "2026", start=-1, forward=True) is None

    def test_the_previous_and_next_log_days(self, home: Home) -> None:
        for day in ("2026-05-12", "2026-05-14", "2026-05-18"):
            (home.logs / f"{day}.log").write_text("", encoding="utf-8")
        (home.logs / "notes-of-ma.log").write_text("", encoding="utf-8")
        page = read_log(home, DAY)
        assert (page.earlier, page.later) == (date(2026, 5, 14), date(2026, 5, 18))


def write_lines(home: Home, count: int) -> None:
    """Every tenth line is a warning."""
    lines = (
        f"2026-05-15 14:50:01.123 {'INFO ' if number % 10 else 'WARNING'} trading  line {number}\n"
        for number in range(count)
    )
    (home.logs / f"{DAY}.log").write_text("".join(lines), encoding="utf-8", newline="\n")
