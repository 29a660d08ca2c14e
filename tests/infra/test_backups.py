"""Backups of databases: complete while others write, the newest ones kept, put back with the replaced ones kept."""

import os
import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from core.infra.backups import KEPT, backup_days, folder_of, make_backup, put_back
from core.model.time import SHANGHAI

DAY = date(2026, 5, 15)
NOW = datetime(2026, 5, 15, 9, 0, tzinfo=SHANGHAI)


def opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.execute("create table if not exists fills (volume integer)")
    return connection


def volumes(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [volume for (volume,) in connection.execute("select volume from fills")]


@pytest.fixture
def books(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("app.db", "paper.db"):
        with closing(opened(tmp_path / name)) as connection:
            connection.execute("insert into fills values (10)")
    return tmp_path / "app.db", tmp_path / "paper.db"


def test_a_backup_has_what_is_committed_while_another_connection_writes(books: tuple[Path, Path]) -> None:
    with closing(opened(books[0])) as writer:
        writer.execute("insert into fills values (20)")
        writer.execute("begin immediate")
        writer.execute("insert into fills values (30)")
        make_backup(books, DAY)
        writer.execute("commit")
    backup = folder_of(books) / "2026-05-15"
    assert volumes(backup / "app.db") == [10, 20]
    assert volumes(backup / "paper.db") == [10]
    assert sorted(path.name for path in backup.iterdir()) == ["app.db", "paper.db"]
    assert volumes(books[0]) == [10, 20, 30]


def test_the_first_backup_of_a_day_stays_and_the_newest_days_are_kept(books: tuple[Path, Path]) -> None:
    days = [DAY + timedelta(days=number) for number in range(KEPT + 3)]
    for day in days:
        make_backup(books, day)
    with closing(opened(books[0])) as writer:
        writer.execute("insert into fills values (20)")
    make_backup(books, days[-1])
    assert backup_days(books) == tuple(days[-KEPT:])
    assert volumes(folder_of(books) / days[-1].isoformat() / "app.db") == [10]


def test_a_backup_that_fails_leaves_nothing_that_looks_like_one(books: tuple[Path, Path]) -> None:
    make_backup(books, DAY)
    books[1].write_bytes(b"no database " * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        make_backup(books, DAY + timedelta(days=1))
    assert backup_days(books) == (DAY,)
    assert [path.name for path in folder_of(books).iterdir()] == ["2026-05-15"]


@pytest.mark.skipif(os.name == "nt", reason="a file that is open cannot be removed there")
def test_a_backup_replaces_the_books_also_where_they_end_in_a_write_ahead_log(books: tuple[Path, Path]) -> None:
    make_backup(books, DAY)
    later = opened(books[0])  # not closed, as after a crash: its last writes are in the log beside
    later.execute("insert into fills values (20)")
    replaced = put_back(books, DAY, NOW, lambda fresh, database: None)
    assert volumes(books[0]) == [10]
    assert volumes(replaced / "app.db") == [10, 20]
    later.close()
    assert volumes(books[0]) == [10]


@pytest.mark.parametrize("damage", ["no database", "gone", "a folder"])
def test_a_backup_is_put_in_place_of_whatever_is_there(books: tuple[Path, Path], damage: str) -> None:
    make_backup(books, DAY)
    books[0].unlink()
    if damage == "no database":
        books[0].write_bytes(b"no database")
    if damage == "a folder":
        books[0].mkdir()
    replaced = put_back(books, DAY, NOW, lambda fresh, database: None)
    assert volumes(books[0]) == [10]
    assert (replaced / "app.db").exists() == (damage != "gone")


def test_nothing_is_replaced_where_one_copy_is_refused(books: tuple[Path, Path]) -> None:
    make_backup(books, DAY)
    with closing(opened(books[0])) as writer:
        writer.execute("insert into fills values (20)")
    before = sorted(path.name for path in books[0].parent.iterdir())

    def refuse(fresh: Path, database: Path) -> None:
        if database == books[1]:
            raise OSError("damaged")

    with pytest.raises(OSError, match="damaged"):
        put_back(books, DAY, NOW, refuse)
    assert volumes(books[0]) == [10, 20]
    assert sorted(path.name for path in books[0].parent.iterdir()) == before
