"""`rotor restore`: lists, asks, refuses while an engine runs, and puts back the books of a day."""

import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from core.engine.doctor.machine import check_books
from core.infra.backups import folder_of, make_backup
from core.infra.database import open_database
from core.infra.home import Home, HomeLock, database_files
from core.model.bond import BondCode
from core.model.finding import CheckResult
from core.model.order import Side
from core.model.settings import Settings
from core.model.time import SHANGHAI
from core.rules.performance import EntryKind
from core.trading.ledger import Ledger
from core.trading.state_store import RESTORED, RUNNING, TRADING, StateStore
from tests.cli.command import rotor
from tui.cli.offline import status_document

DAY = date(2026, 5, 15)
NOW = datetime(2026, 5, 15, 9, 0, tzinfo=SHANGHAI)
A, B = BondCode("113001"), BondCode("123001")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A data folder with a backup, and one holding more since."""
    home = Home(tmp_path / "home")
    home.prepare()
    databases = database_files(home, Settings())
    with closing(open_database(databases[0], TRADING)) as database:
        StateStore(database).keep(RUNNING, NOW.isoformat())
        Ledger(database).move_by_hand(EntryKind.ADOPTED, A, Side.BUY, 100, Decimal(100), NOW)
        make_backup(databases, DAY)
        Ledger(database).move_by_hand(EntryKind.ADOPTED, B, Side.BUY, 10, Decimal(100), NOW)
    return home


def owned(home: Home) -> list[str]:
    return [row["code"] for row in status_document(home, Settings())["ledger"]]


def test_without_a_date_the_backups_are_listed(home: Home) -> None:
    done = rotor("--home", str(home.path), "restore")
    assert (done.returncode, done.stdout) == (0, "2026-05-15\n")
    assert owned(home) == [A, B]


def test_the_books_of_the_day_are_put_back_and_the_replaced_ones_kept(home: Home) -> None:
    done = rotor("--home", str(home.path), "restore", "2026-05-15", "--yes")
    assert done.returncode == 0, done.stderr
    assert "reconciles with the account before anything is sent" in done.stdout
    assert owned(home) == [A]
    (replaced,) = home.data.glob("replaced-*")
    with closing(sqlite3.connect(replaced / "app.db")) as database:
        assert database.execute("select count(*) from ledger").fetchone() == (2,)
    with closing(open_database(home.database, TRADING)) as database:
        assert StateStore(database).recall(RUNNING) == ""
        assert "2026-05-15" in (StateStore(database).recall(RESTORED) or "")


def test_an_engine_that_runs_a_no_and_a_day_without_backup_change_nothing(home: Home) -> None:
    with HomeLock(home).acquire("sandbox", NOW):
        running = rotor("--home", str(home.path), "restore", "2026-05-15", "--yes")
    asked = rotor("--home", str(home.path), "restore", "2026-05-15")
    missing = rotor("--home", str(home.path), "restore", "2026-05-14", "--yes")
    assert (running.returncode, asked.returncode, missing.returncode) == (3, 3, 1)
    assert "in use by another rotor" in running.stderr
    assert owned(home) == [A, B]
    assert not list(home.data.glob("replaced-*"))


def test_a_damaged_backup_is_named_and_replaces_nothing(home: Home) -> None:
    backup = folder_of(database_files(home, Settings())) / "2026-05-15" / "app.db"
    with closing(sqlite3.connect(backup, isolation_level=None)) as database:
        database.execute("update ledger set volume = -1")
    done = rotor("--home", str(home.path), "restore", "2026-05-15", "--yes")
    assert done.returncode == 1
    assert "in table ledger" in done.stderr
    assert owned(home) == [A, B]


def test_books_that_were_emptied_are_refused_and_can_be_restored(home: Home) -> None:
    home.database.write_bytes(b"")
    refused = rotor("--home", str(home.path), "status")
    assert refused.returncode == 1
    assert "is empty" in refused.stderr
    assert rotor("--home", str(home.path), "restore", "2026-05-15", "--yes").returncode == 0
    assert owned(home) == [A]


def test_doctor_names_the_newest_backup_and_a_damaged_row(home: Home, tmp_path: Path) -> None:
    sound = check_books(home, Settings())
    assert (sound.state, sound.text) == (CheckResult.OK, "sound, newest backup 2026-05-15")
    with closing(sqlite3.connect(home.database, isolation_level=None)) as database:
        database.execute("update ledger set side = 'hold'")
    damaged = check_books(home, Settings())
    assert damaged.state is CheckResult.FAILED
    assert "in table ledger" in damaged.text
    assert check_books(Home(tmp_path / "none"), Settings()).text == "nothing was traded yet"
