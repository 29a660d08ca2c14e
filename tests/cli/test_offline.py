"""What commands read without an engine: they change no file, and report what they cannot read."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.infra.config import load_settings
from core.infra.database import open_database, open_for_reading
from core.infra.home import Home, HomeLock, HomeUnusable, database_files
from core.model.bond import BondCode
from core.model.order import Fill, Intent, OrderState, Side
from core.model.plan import Leg, Plan
from core.model.settings import ScheduleSettings, Settings, StrategySettings
from core.model.snapshot import LegProgress, Rebalance
from core.model.time import SHANGHAI
from core.trading.journal import Journal
from core.trading.ledger import Ledger
from core.trading.state_store import TRADING, StateStore
from tests.cli.command import rotor
from tui.cli.offline import EXPORTS, config_document, export_rows, status_document
from tui.cli.output import rebalance_document

NOW = datetime(2026, 5, 15, 14, 50, tzinfo=SHANGHAI)
DAY = NOW.date()
CODE = BondCode("113052")
SETTINGS = Settings()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def trade(home: Home) -> Any:
    """A database with one order that is filled, still open for writing."""
    database = open_database(home.database, TRADING)
    intent = Intent("r1-1", "r1", DAY, CODE, "兴业转债", Side.BUY, 10, Decimal("110.5"), "joined the list")
    journal = Journal(database)
    journal.intend([intent], NOW)
    journal.record("r1-1", OrderState.FILLED, "", NOW, "7")
    Ledger(database).book(Fill(DAY, "f1", "7", "r1-1", CODE, Side.BUY, 10, Decimal("110.5"), Decimal(1), NOW), "r1-1")
    return database


def files_of(home: Home) -> dict[str, tuple[bytes, int]]:
    """Every file of the data folder except the lock, with its content and its time."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(home.data.iterdir())
        if not path.name.startswith("engine.")
    }


class TestReading:
    def test_an_idle_data_folder_is_read_and_not_changed(self, home: Home) -> None:
        trade(home).close()
        before = files_of(home)
        assert list(before) == ["app.db"]
        status = status_document(home, SETTINGS)
        assert [row["volume"] for row in status["ledger"]] == [10]
        assert status["running"] is None
        assert [len(export_rows(home, SETTINGS, what)) for what in EXPORTS] == [1, 1, 1, 0, 0]
        assert files_of(home) == before

    def test_what_a_running_engine_has_committed_is_seen(self, home: Home) -> None:
        database = trade(home)
        try:
            assert home.database.with_name("app.db-wal").stat().st_size > 0
            before = {name: content for name, (content, _) in files_of(home).items() if not name.endswith("-shm")}
            assert [row["volume"] for row in status_document(home, SETTINGS)["ledger"]] == [10]
            after = {name: content for name, (content, _) in files_of(home).items() if not name.endswith("-shm")}
            assert after == before
        finally:
            database.close()

    def test_what_a_crash_left_in_the_log_is_seen_and_stays_there(self, home: Home, tmp_path: Path) -> None:
        database = trade(home)
        crashed = Home(tmp_path / "crashed")
        shutil.copytree(home.path, crashed.path)
        database.close()
        before = files_of(crashed)
        assert [row["volume"] for row in status_document(crashed, SETTINGS)["ledger"]] == [10]
        after = files_of(crashed)
        assert (after["app.db"], after["app.db-wal"]) == (before["app.db"], before["app.db-wal"])

    def test_the_connection_writes_nothing(self, home: Home) -> None:
        trade(home).close()
        database = open_for_reading(home.database, TRADING)
        try:
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                database.execute("DELETE FROM orders")
        finally:
            database.close()

    def test_the_files_are_those_of_the_settings_mode(self, home: Home) -> None:
        trade(home).close()
        paper = Settings(mode="paper")
        assert status_document(home, paper)["ledger"] == []
        with pytest.raises(FileNotFoundError, match="nothing was traded"):
            export_rows(home, paper, "orders")


class TestNothingThere:
    @pytest.mark.parametrize("content", [None, "empty", "no tables"])
    def test_no_file_and_a_file_without_tables_are_as_if_nothing_was_traded(
        self, home: Home, content: str | None
    ) -> None:
        if content == "empty":
            home.database.touch()
        elif content == "no tables":
            run(home.database, "CREATE TABLE other (x)")
        before = files_of(home)
        status = status_document(home, SETTINGS)
        assert (status["last_rebalance"], status["open_orders"], status["ledger"]) == (None, [], [])
        for what in EXPORTS:
            with pytest.raises(FileNotFoundError, match="nothing was traded"):
                export_rows(home, SETTINGS, what)
        assert files_of(home) == before

    def test_tables_that_an_older_file_lacks_are_empty(self, home: Home) -> None:
        trade(home).close()
        forget = "DELETE FROM _sqlite_migrations WHERE name IN ('runs_and_lists', 'state_and_equity')"
        run(home.database, "DROP TABLE runs", "DROP TABLE equity", forget)
        assert status_document(home, SETTINGS)["last_rebalance"] is None
        assert export_rows(home, SETTINGS, "equity") == []
        assert len(export_rows(home, SETTINGS, "orders")) == 1

    def test_a_folder_without_data_is_not_changed(self, tmp_path: Path) -> None:
        assert status_document(Home(tmp_path / "none"), SETTINGS)["running"] is None
        assert list(tmp_path.iterdir()) == []


class TestUnreadable:
    @pytest.mark.parametrize(
        "damage",
        [
            lambda path: path.write_bytes(b"this is no database, and never was one" * 100),
            lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096)),
            lambda path: run(path, "UPDATE orders SET state = 'gone'", "UPDATE ledger SET price = 'x'"),
            lambda path: run(path, "ALTER TABLE orders DROP COLUMN message", "ALTER TABLE ledger DROP COLUMN fee"),
        ],
        ids=["no database", "pages", "values", "columns"],
    )
    def test_a_damaged_database_raises_with_a_remedy(self, home: Home, damage: Any) -> None:
        trade(home).close()
        damage(home.database)
        before = files_of(home)
        for ask in (lambda: status_document(home, SETTINGS), lambda: export_rows(home, SETTINGS, "orders")):
            with pytest.raises(HomeUnusable) as told:
                ask()
            text = str(told.value)
            assert text.startswith(f"{home.database} ")
            assert "Nothing was changed" in text
            assert "rotor restore lists the backups" in text
        assert files_of(home) == before

    def test_a_file_that_cannot_be_opened_names_its_permissions(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def closed(*_: Any, **__: Any) -> Any:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error

        trade(home).close()
        monkeypatch.setattr(sqlite3, "connect", closed)
        with pytest.raises(HomeUnusable, match="See that you may read and write the file and its folder"):
            status_document(home, SETTINGS)

    def test_a_file_without_read_permission_names_it(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        def denied(_: Path, **__: Any) -> Any:
            raise PermissionError(13, "Permission denied")

        database = home.database
        monkeypatch.setattr(Path, "stat", denied)
        with pytest.raises(HomeUnusable, match="Permission denied") as told:
            open_for_reading(database, TRADING)
        monkeypatch.undo()
        assert "you may read" in str(told.value)

    def test_a_locked_database_says_to_try_again(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        trade(home).close()
        run(home.database, "PRAGMA journal_mode=DELETE")
        connect = sqlite3.connect
        writer = connect(home.database, isolation_level=None)
        try:
            writer.execute("BEGIN EXCLUSIVE")
            home.database.with_name("app.db-wal").touch()  # as if an engine had it open
            monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "timeout": 0}))
            with pytest.raises(HomeUnusable, match=r"locked\. Nothing was changed\..*try again"):
                status_document(home, SETTINGS)
        finally:
            writer.close()

    @pytest.mark.skipif(os.name != "posix", reason="folders have no such rights there")
    def test_a_read_only_data_folder_shows_its_status(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        trade(home).close()

        def refused(_: HomeLock) -> Any:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(HomeLock, "holder", refused)
        home.data.chmod(0o500)
        try:
            status = status_document(home, SETTINGS)
        finally:
            home.data.chmod(0o700)
        assert status["running"] == "not known"
        assert [row["volume"] for row in status["ledger"]] == [10]


def run(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    try:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    finally:
        connection.close()


class TestDocuments:
    def test_no_secret_is_shown(self, tmp_path: Path) -> None:
        changes = {
            "notify.urls": ["tgram://geheim/1"],
            "updates.url": "https://host/v.json",
            "factorcat.username": "https://a:geheim@b",
        }
        document = config_document(load_settings(tmp_path, changes, {}))
        assert "geheim" not in json.dumps(document)
        assert document["notify"]["urls"] == "***"
        assert document["factorcat"]["username"] == "https://***@b"

    def test_all_other_settings_are_shown_unchanged(self) -> None:
        assert config_document(SETTINGS) == SETTINGS.model_dump(mode="json")

    def test_exported_orders_keep_the_order_of_their_columns(self, home: Home) -> None:
        trade(home).close()
        (order,) = export_rows(home, SETTINGS, "orders")
        assert ",".join(order) == (
            "client_order_id,order_id,trading_day,side,code,name,volume,price,"
            "state,filled_volume,average_price,fee,reason,message"
        )
        assert (order["price"], order["trading_day"], order["state"]) == (110.5, "2026-05-15", "filled")

    def test_a_leg_shows_what_was_ordered_and_not_what_was_planned(self) -> None:
        leg = Leg(Side.BUY, CODE, "兴业转债", 100, Decimal("110.5"), Decimal(11050), Decimal(1), "joined the list")
        plan = Plan("r1", "sandbox", date(2026, 5, 15), NOW, DAY, (CODE,), Decimal(20000), None, (leg,))
        row = LegProgress(Side.BUY, CODE, leg.name, 90, Decimal("111.25"), leg.reason, "part filled", "r1-1", 40)
        other = replace(leg, code=BondCode("123001"))
        plan = replace(plan, legs=(leg, other))
        untouched = LegProgress(Side.BUY, other.code, other.name, other.volume, other.price, other.reason, "not sent")
        document = rebalance_document(plan, Rebalance("r1", NOW, NOW, "done", (row, untouched)))
        ordered = [(shown["volume"], shown["price"], shown["amount"]) for shown in document["legs"]]
        assert ordered == [(90, 111.25, 10012.5), (100, 110.5, 11050.0)]
        assert document["legs"][0]["filled_volume"] == 40


class TestFolderThatDoesNotExist:
    @pytest.mark.parametrize(
        "command",
        [
            ["status"],
            ["halt"],
            ["pause"],
            ["resume"],
            ["cancel", "--yes"],
            ["flatten", "--yes"],
            ["adopt", "113052", "--yes"],
            ["release", "113052", "--yes"],
            ["consent", "8880001", "--yes"],
            ["self-test", "--yes"],
            ["export", "orders"],
        ],
        ids=" ".join,
    )
    def test_a_mistyped_folder_fails_and_is_not_created(self, tmp_path: Path, command: list[str]) -> None:
        mistyped = tmp_path / "mistyped"
        done = rotor("--home", str(mistyped), *command)
        assert (done.returncode, mistyped.exists()) == (1, False)
        assert str(mistyped) in done.stderr


class TestControls:
    def test_resume_says_what_it_ended_and_when_there_was_nothing_to_end(self, home: Home) -> None:
        at = ("--home", str(home.path))
        for command, now in (("halt", "halted"), ("pause", "buys paused")):
            assert rotor(*at, command).stdout == f"{now} until rotor resume\n"
            assert rotor(*at, "resume").stdout == f"Trading resumed: it was {now}.\n"
        assert rotor(*at, "resume").stdout == "Nothing was paused or halted.\n"


class TestCsv:
    def test_a_file_opens_in_excel_and_other_encodings_are_a_choice(self, home: Home, tmp_path: Path) -> None:
        trade(home).close()
        out = tmp_path / "orders.csv"
        wanted = {(): "utf-8-sig", ("--encoding", "utf-8"): "utf-8", ("--encoding", "gb18030"): "gb18030"}
        for option, encoding in wanted.items():
            assert rotor("--home", str(home.path), "export", "orders", "--out", str(out), *option).returncode == 0
            assert "兴业转债" in out.read_bytes().decode(encoding)
            assert out.read_bytes().startswith(b"\xef\xbb\xbf") is (encoding == "utf-8-sig")

    def test_json_carries_no_byte_order_mark(self, home: Home, tmp_path: Path) -> None:
        trade(home).close()
        out = tmp_path / "orders.json"
        assert rotor("--home", str(home.path), "export", "orders", "--json", "--out", str(out)).returncode == 0
        assert json.loads(out.read_text("utf-8"))[0]["name"] == "兴业转债"


def test_status_shows_the_record_s_rule_and_where_the_schedule_differs(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    chosen = SETTINGS.model_copy(update={"strategy": StrategySettings(strategy_id=1, history_id=11)})
    with closing(open_database(database_files(home, chosen)[0], TRADING)) as database:
        told = {"holding_period": 5, "tradeTiming": "close"}
        StateStore(database).keep("stop_parameters/1/11", json.dumps(told))
    record = status_document(home, chosen)["record"]
    assert (record["holding_sessions"], record["top_n"], record["trade_timing"]) == (5, None, "close")
    assert record["schedule"] == "every trading day at 14:50"
    assert record["differs"] == [
        "the record trades every 5 trading days, the schedule every trading day: results will differ from the backtest"
    ]
    fitting = chosen.model_copy(update={"schedule": ScheduleSettings(frequency="sessions", every=5)})
    assert status_document(home, fitting)["record"]["differs"] == []
    assert status_document(home, SETTINGS)["record"] is None
