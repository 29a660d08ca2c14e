"""Each source of sessions: its list, and the message if it is unreachable."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from miniqmt_emulator.control import Control

from core.calendar.session_file import SessionListContradicts, weekdays
from core.calendar.sources import (
    CalendarSource,
    SourceAnswer,
    akshare_file,
    akshare_online,
    ask_all,
    own_file,
    sources,
    terminal,
)
from core.infra import xtquant_sdk
from tests.calendar.session_lists import IN_2027, SHIPPED, list_file
from tests.miniqmt.terminal import shared_terminal

SINCE = date(2024, 1, 1)
RECENT = [day for day in SHIPPED if day >= SINCE]
TODAY = date(2026, 11, 24)


def ask(listed: Callable[[], Sequence[date]], seconds: float = 20.0) -> SourceAnswer:
    (answer,) = ask_all([CalendarSource("it", seconds, listed)])
    return answer


class TestAkshare:
    def test_the_packaged_file_agrees_with_the_shipped_list_and_akshare_is_not_imported(self) -> None:
        before = "akshare" in sys.modules
        listed = akshare_file()
        assert ("akshare" in sys.modules) == before
        assert tuple(day for day in listed if SHIPPED[0] <= day <= SHIPPED[-1]) == SHIPPED

    def test_without_akshare_both_say_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", [])
        for name in [name for name in sys.modules if name.partition(".")[0] == "akshare"]:
            monkeypatch.delitem(sys.modules, name)
        assert ask(akshare_file).unavailable == "akshare is not installed"
        assert (ask(akshare_online).unavailable or "").startswith("akshare does not load: No module named")

    @pytest.mark.parametrize("text", ['["2027"]', '["20270230"]', "[null]"])
    def test_a_packaged_file_that_lists_no_days_is_wrong(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
    ) -> None:
        packaged(tmp_path, text)
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        monkeypatch.delitem(sys.modules, "akshare", raising=False)
        assert "lists something that is not a date" in str(ask(akshare_file).invalid)

    @pytest.mark.parametrize("text", ["", "{", "7"])
    def test_a_missing_packaged_file_is_no_answer(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
    ) -> None:
        packaged(tmp_path, text)
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        monkeypatch.delitem(sys.modules, "akshare", raising=False)
        assert "is not understood" in (ask(akshare_file).unavailable or "")

    def test_the_online_source(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stand_in(monkeypatch, lambda: {"trade_date": [date(1992, 5, 4), *RECENT]})
        assert ask(akshare_online).sessions == (date(1992, 5, 4), *RECENT)

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ({"date": []}, "is not understood (KeyError"),
            ({"trade_date": [None]}, "is not understood (ValueError"),
            (ConnectionError("HTTPSConnectionPool(host='an.example', port=443): Max retries exceeded"), "not reached"),
            (RuntimeError("x" * 500), "xxx..."),
        ],
    )
    def test_the_online_source_without_a_response(
        self, monkeypatch: pytest.MonkeyPatch, answer: Any, told: str
    ) -> None:
        def fetch() -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        stand_in(monkeypatch, fetch)
        unavailable = ask(akshare_online).unavailable or ""
        assert told in unavailable
        assert "an.example" not in unavailable
        assert len(unavailable) < 200


def packaged(folder: Path, text: str) -> None:
    (folder / "akshare" / "file_fold").mkdir(parents=True)
    (folder / "akshare" / "__init__.py").touch()
    (folder / "akshare" / "file_fold" / "calendar.json").write_text(text, encoding="utf-8")


def stand_in(monkeypatch: pytest.MonkeyPatch, fetch: Callable[[], Any]) -> None:
    akshare = ModuleType("akshare")
    vars(akshare)["tool_trade_date_hist_sina"] = fetch
    monkeypatch.setitem(sys.modules, "akshare", akshare)


def test_a_hanging_source_is_stopped_at_its_deadline() -> None:
    held = threading.Event()

    def hang() -> list[date]:
        held.wait()
        return []

    assert ask(hang, 0.05).unavailable == "it did not answer within 0 s"
    held.set()


def test_the_users_file(tmp_path: Path) -> None:
    assert ask(own_file(list_file(tmp_path, IN_2027)).fetch).sessions == IN_2027
    missing = tmp_path / "none.csv"
    with pytest.raises(FileNotFoundError) as error:  # Windows says it in the user's language
        missing.stat()
    assert str(error.value.strerror) in (ask(own_file(missing).fetch).unavailable or "")
    (tmp_path / "bad.csv").write_bytes(b"\x80")
    assert str(ask(own_file(tmp_path / "bad.csv").fetch).invalid) == "does not begin with a line 'session'"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a Windows process is the machine's")
class TestTerminal:
    """The SDK's own arithmetic, on trading days and holidays of an emulated terminal."""

    @pytest.fixture(autouse=True)
    def china_time(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "CST-8")
            time.tzset()
            yield
        time.tzset()

    @pytest.fixture
    def control(self) -> Control:
        control = shared_terminal().control
        control.reset(scenario(IN_2027))
        return control

    def test_past_days_are_listed_and_future_days_derived_from_holidays(self, control: Control) -> None:
        listed = terminal(SINCE, SHIPPED[-1], TODAY.year + 1)
        assert listed == [*RECENT, *IN_2027]

    def test_a_year_with_unknown_holidays_ends_the_list(self, control: Control) -> None:
        control.reset(scenario(()))
        assert terminal(SINCE, SHIPPED[-1], TODAY.year + 1) == RECENT

    def test_years_not_published_yet_are_not_requested(self, control: Control) -> None:
        assert terminal(SINCE, SHIPPED[-1], 2026) == RECENT

    def test_missing_data_is_reported_in_the_terminal_s_words(self, control: Control) -> None:
        control.reset({**scenario(()), "holidays": []})
        assert ask(lambda: terminal(SINCE, SHIPPED[-1], 2027)).unavailable == "节假日数据为空"

    def test_a_machine_outside_china_s_time_zone_is_reported(
        self, control: Control, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()
        assert "must be China's" in (ask(lambda: terminal(SINCE, SHIPPED[-1], 2027)).unavailable or "")

    def test_without_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing() -> ModuleType:
            raise xtquant_sdk.SdkMissing("MiniQMT and its SDK run on 64-bit Windows only")

        monkeypatch.setattr(xtquant_sdk, "quote_sdk", missing)
        _, source, _ = sources(SHIPPED, TODAY)
        assert ask(source.fetch).unavailable == "MiniQMT and its SDK run on 64-bit Windows only"

    def test_exchanges_that_differ_contradict_each_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sdk = ModuleType("sdk")
        lists = {"SH": ["20261230", "20261231"], "SZ": ["20261229", "20261231"]}
        vars(sdk)["get_trading_calendar"] = lambda market, start, end: lists[market]
        monkeypatch.setattr(xtquant_sdk, "quote_sdk", lambda: sdk)
        answer = ask(lambda: terminal(SINCE, SHIPPED[-1], 2026))
        assert isinstance(answer.invalid, SessionListContradicts)
        assert "2026-12-30" in str(answer.invalid)

    def test_a_failure_in_a_future_year_is_not_the_end_of_the_list(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def listed(market: str, start: str, end: str) -> list[str]:
            if start >= "2027":
                raise RuntimeError("timeout")
            return ["20261231"]

        sdk = ModuleType("sdk")
        vars(sdk)["get_trading_calendar"] = listed
        monkeypatch.setattr(xtquant_sdk, "quote_sdk", lambda: sdk)
        assert ask(lambda: terminal(SINCE, SHIPPED[-1], 2027)).unavailable == "timeout"


def scenario(coming_year: Sequence[date]) -> dict[str, Any]:
    """A terminal in November 2026; it knows next year's holidays where `coming_year` is not empty."""
    known = {*RECENT, *coming_year}
    closed = [day for day in weekdays(SINCE, date(2027 if coming_year else 2026, 12, 31)) if day not in known]
    return {
        "clock": f"{TODAY} 10:00:00",
        "trading_dates": [f"{day:%Y%m%d}" for day in RECENT if day <= TODAY],
        "holidays": [f"{day:%Y%m%d}" for day in closed],
    }
