"""`rotor calendar` as a script sees it, with a replaced akshare, and with the real one offline."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Never

import pytest

from core.calendar.calendar import Calendar
from core.infra import xtquant_sdk
from core.infra.home import Home
from core.model.time import SHANGHAI
from tests.calendar.session_lists import IN_2027, SHIPPED, list_file
from tests.cli.command import rotor, rotor_process
from tui.cli.calendar import calendar_document

ALL = (*SHIPPED, *IN_2027)
NOBODY = "http://127.0.0.1:9"
NOISY = """
import json, logging, pathlib, sys, warnings
print("a bar on stdout"); print("a bar on stderr", file=sys.stderr)
def tool_trade_date_hist_sina():
    warnings.warn("a warning"); logging.warning("a log line"); print("\\r100%", file=sys.stderr)
    text = pathlib.Path(__file__).with_name("online.json").read_text(encoding="utf-8")
    if text == "away": raise ConnectionError("no route to it")
    return {"trade_date": json.loads(text)}
"""

pytestmark = pytest.mark.filterwarnings("ignore:a warning:UserWarning")


class CalendarWorld:
    """A data folder and a replaced akshare: its file, and what it fetches (None: no network)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.home = Home(folder / "home")

    def akshare(self, file: Sequence[date], online: Sequence[date] | None) -> None:
        package = self._folder / "fakes" / "akshare"
        (package / "file_fold").mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(NOISY, encoding="utf-8")
        text = json.dumps([f"{day:%Y%m%d}" for day in file])
        (package / "file_fold" / "calendar.json").write_text(text, encoding="utf-8")
        fetched = "away" if online is None else json.dumps([str(day) for day in online])
        (package / "online.json").write_text(fetched, encoding="utf-8")

    def own(self, sessions: Sequence[date]) -> str:
        return str(list_file(self._folder, sessions, "own.csv"))

    def calendar(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return rotor("--home", str(self.home.path), "calendar", *arguments)

    def calendar_process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(self._folder / "fakes"), os.environ.get("PYTHONPATH", "")])
        return rotor_process("--home", str(self.home.path), "calendar", *arguments, PYTHONPATH=path)

    def update(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        done = self.calendar("update", "--json", *arguments)
        assert done.stderr == ""
        return done.returncode, json.loads(done.stdout)

    @property
    def kept(self) -> Calendar:
        return Calendar.with_file(self.home.calendar_file)


def no_sdk() -> Never:
    """The tests of other folders load the emulated SDK into this process: a plain machine has none."""
    raise xtquant_sdk.SdkMissing("MiniQMT is not installed")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CalendarWorld]:
    monkeypatch.syspath_prepend(str(tmp_path / "fakes"))
    monkeypatch.setattr(xtquant_sdk, "quote_sdk", no_sdk)
    yield CalendarWorld(tmp_path)
    sys.modules.pop("akshare", None)


@pytest.mark.slow
def test_further_sessions_are_written_once(world: CalendarWorld) -> None:
    world.akshare(ALL, ALL)
    done = world.calendar_process("update")
    assert done.returncode == 0, done.stderr
    file, terminal, online, written = done.stdout.splitlines()
    assert file.split(maxsplit=2)[2] == online.split(maxsplit=2)[2] == "agrees, to 2027-12-31"
    assert terminal.startswith("MiniQMT         no answer: ")
    assert written.startswith(f"Written: {world.home.calendar_file}, 243 sessions from 2027-01-04 to 2027-12-31.")
    assert done.stderr.splitlines() == ["Asking the calendar's sources: up to a minute and a half."]
    assert (world.kept.sessions, world.kept.trouble) == (ALL, None)
    code, again = world.update()
    assert (code, again["outcome"], again["written"]) == (0, "unchanged", None)
    shown = json.loads(world.calendar("show", "--json").stdout)
    assert shown["sources"][1] == {
        "name": f"{world.home.calendar_file} (akshare's file, akshare online)",
        "from": "2027-01-04",
        "through": "2027-12-31",
    }


def test_without_newer_sessions_one_agreeing_source_is_enough(world: CalendarWorld) -> None:
    world.akshare(SHIPPED, None)
    code, document = world.update()
    assert (code, document["outcome"], document["verified_through"]) == (0, "unchanged", "2026-12-31")
    assert [source["standing"] for source in document["sources"]] == ["agrees", "no answer", "no answer"]
    assert not world.home.path.exists()


def test_no_response_at_all_is_a_failure(world: CalendarWorld) -> None:
    world.akshare([], None)
    code, document = world.update()
    assert (code, document["outcome"]) == (1, "no answer")
    assert "--file" in document["text"]


def test_a_contradiction_writes_nothing_and_names_the_day(world: CalendarWorld) -> None:
    world.akshare(ALL, [day for day in ALL if day != date(2027, 5, 6)])
    code, document = world.update()
    assert (code, document["outcome"], document["written"]) == (3, "contradiction", None)
    assert "akshare's file lists 2027-05-06, and akshare online does not" in document["text"]
    assert not world.home.calendar_file.exists()


def test_a_stored_year_its_sources_contradict_is_kept_with_advice_to_delete_it(world: CalendarWorld) -> None:
    world.home.path.mkdir()
    list_file(world.home.path, IN_2027)
    world.akshare(SHIPPED, [day for day in ALL if day != date(2027, 5, 6)])
    code, document = world.update()
    assert code == 3
    assert f"If {world.home.calendar_file} is wrong, delete it." in document["text"]
    assert world.kept.sessions == ALL


def test_an_invalid_stored_file_is_named_and_replaced(world: CalendarWorld) -> None:
    world.home.path.mkdir()
    world.home.calendar_file.write_bytes(b"\x80garbage")
    world.akshare(SHIPPED, None)
    assert "does not begin with a line 'session'" in world.calendar("update").stdout
    assert "does not begin with a line 'session'" in world.calendar("show").stdout
    world.akshare(ALL, None)
    code, document = world.update()
    assert (code, document["trouble"], document["outcome"]) == (0, None, "written")
    assert world.home.calendar_file.with_name("calendar.csv.bak").read_bytes() == b"\x80garbage"


def test_the_user_s_file_is_used_if_no_source_responds(world: CalendarWorld) -> None:
    world.akshare(SHIPPED, None)
    code, document = world.update("--file", world.own(IN_2027))
    assert (code, document["outcome"], document["verified_through"]) == (0, "written", "2027-12-31")
    assert document["written"] == {
        "name": str(world.home.calendar_file),
        "from": "2027-01-04",
        "through": "2027-12-31",
    }


@pytest.mark.parametrize(
    ("sessions", "code"),
    [
        (sorted([*IN_2027, date(2027, 3, 6)]), 1),
        ([*IN_2027[:100]], 0),
        ([day for day in SHIPPED[-60:] if day != date(2026, 12, 1)], 3),
    ],
)
def test_an_invalid_users_file_changes_nothing(world: CalendarWorld, sessions: list[date], code: int) -> None:
    world.akshare(SHIPPED, None)
    ended, document = world.update("--file", world.own(sessions))
    assert (ended, document["written"], document["verified_through"]) == (code, None, "2026-12-31")


def test_bad_usage(world: CalendarWorld) -> None:
    world.akshare(SHIPPED, None)
    for arguments in (["update", "--file", "none.csv"], ["show", "--month", "december"]):
        assert world.calendar(*arguments).returncode == 2


def test_a_data_folder_that_cannot_be_written_is_named(world: CalendarWorld, tmp_path: Path) -> None:
    (tmp_path / "no-folder").touch()
    world.home = Home(tmp_path / "no-folder" / "home")
    world.akshare(ALL, None)
    done = world.calendar("update")
    assert done.returncode == 1
    assert "cannot be used as home" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_akshare_without_a_network_fails_with_sentences(tmp_path: Path) -> None:
    away = dict.fromkeys(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"], NOBODY)
    no_proxy = {"NO_PROXY": "", "no_proxy": ""}
    done = rotor_process("--home", str(tmp_path), "calendar", "update", **away, **no_proxy)
    assert done.returncode == 0, done.stderr
    file, terminal, online, told = done.stdout.splitlines()
    assert file == "akshare's file  agrees, to 2026-12-31"
    assert online == "akshare online  no answer: it was not reached (ProxyError)"
    assert "no answer: MiniQMT" in terminal
    assert told.startswith("Nothing changed")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_akshare_is_loaded_only_when_used() -> None:
    check = "import sys, tui.cli, core.engine.engine, core.engine.assembly, tui.cli.calendar; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, encoding="utf-8", check=True)
    assert not {"akshare", "pandas", "xtquant"} & set(done.stdout.split())


class TestShow:
    NOW = datetime(2026, 12, 2, 14, 58, tzinfo=SHANGHAI)

    def shown(self, home: Path, mode: str = "live", month: date | None = None, now: datetime = NOW) -> dict[str, Any]:
        return calendar_document(Home(home), mode, month, now)

    def test_phases_and_hours_of_both_exchanges(self, tmp_path: Path) -> None:
        exchanges = self.shown(tmp_path)["exchanges"]
        assert (exchanges["SH"]["phase"], exchanges["SZ"]["phase"]) == ("open", "closing call")
        hours = {name: [tuple(part.values()) for part in told["hours"]] for name, told in exchanges.items()}
        morning = [("opening call", "09:15", "09:30"), ("open", "09:30", "11:30"), ("break", "11:30", "13:00")]
        assert hours["SH"] == [*morning, ("open", "13:00", "15:00")]
        assert hours["SZ"] == [*morning, ("open", "13:00", "14:57"), ("closing call", "14:57", "15:00")]

    def test_the_calendar_s_end_is_announced(self, tmp_path: Path) -> None:
        assert "in 29 days" in self.shown(tmp_path)["warning"]
        assert self.shown(tmp_path, now=datetime(2026, 11, 30, 12, 0, tzinfo=SHANGHAI))["warning"] is None

    def test_the_next_sessions_end_with_the_calendar_but_in_paper_mode(self, tmp_path: Path) -> None:
        late = datetime(2026, 12, 29, 10, 0, tzinfo=SHANGHAI)
        known = ["2026-12-30", "2026-12-31"]
        assert self.shown(tmp_path, "live", now=late)["next_sessions"] == known
        guessed = self.shown(tmp_path, "paper", now=late)["next_sessions"]
        assert guessed == [*known, "2027-01-04", "2027-01-05", "2027-01-06"]

    @pytest.mark.parametrize(
        ("month", "first", "last", "closed"),
        [
            (date(2026, 10, 1), "2026-10-01", "2026-10-31", ["01", "02", "05", "06", "07"]),
            (date(2024, 2, 29), "2024-02-01", "2024-02-29", ["09", "12", "13", "14", "15", "16"]),
            (date(2026, 12, 1), "2026-12-01", "2026-12-31", []),
            (date(2027, 2, 1), "2027-02-01", "2027-02-28", []),
        ],
    )
    def test_closed_weekdays_of_a_month(
        self, tmp_path: Path, month: date, first: str, last: str, closed: list[str]
    ) -> None:
        told = self.shown(tmp_path, month=month)["closed"]
        assert (told["from"], told["to"]) == (first, last)
        assert [day[-2:] for day in told["weekdays"]] == closed

    def test_closed_weekdays_of_the_coming_days(self, tmp_path: Path) -> None:
        list_file(tmp_path, IN_2027)
        told = self.shown(tmp_path, now=datetime(2026, 12, 20, 12, 0, tzinfo=SHANGHAI))["closed"]
        assert told["weekdays"][:3] == ["2027-01-01", "2027-02-05", "2027-02-08"]

    def test_the_text_output(self, tmp_path: Path) -> None:
        done = rotor("--home", str(tmp_path), "calendar", "show", "--month", "2026-10")
        assert done.returncode == 0, done.stderr
        assert "2015-01-05 to 2026-12-31  shipped with rotor" in done.stdout
        assert "closing call 14:57-15:00" in done.stdout
        assert "2026-10-01, 2026-10-02, 2026-10-05, 2026-10-06, 2026-10-07" in done.stdout
