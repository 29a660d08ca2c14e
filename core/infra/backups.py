"""Daily copies of the databases in a folder: made, listed and put back as files."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import date, datetime
from pathlib import Path

from core.infra.database import BACKUPS

KEPT = 14
"""The newest backups, which are kept."""


def folder_of(databases: Sequence[Path]) -> Path:
    """Where the backups of these databases are, a folder for each day."""
    return databases[0].parent / BACKUPS


def backup_days(databases: Sequence[Path]) -> tuple[date, ...]:
    """The days of which there is a backup, oldest first."""
    found: list[date] = []
    for folder in folder_of(databases).glob("????-??-??"):
        with suppress(ValueError):
            found.append(date.fromisoformat(folder.name))
    return tuple(sorted(found))


def make_backup(databases: Sequence[Path], day: date) -> None:
    """Copy those that exist, unless this day has a backup; whole or not at all. Raises `OSError`, `sqlite3.Error`."""
    folder = folder_of(databases)
    target, part = folder / day.isoformat(), folder / ".part"
    if target.exists():
        return
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700, parents=True)
    try:
        for database in databases:
            if database.is_file():
                _copy(database, part / database.name)
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    for old in backup_days(databases)[:-KEPT]:
        shutil.rmtree(folder / old.isoformat())


def _copy(source: Path, target: Path) -> None:
    """By SQLite's own call: complete while another connection writes, which it does not hold up."""

    def stop_when_busy(status: int, remaining: int, total: int) -> None:
        if status not in {sqlite3.SQLITE_OK, sqlite3.SQLITE_DONE}:  # it would be tried for ever
            raise sqlite3.OperationalError("database is locked")

    uri = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new, progress=stop_when_busy)
        new.execute("PRAGMA journal_mode=DELETE")  # one file that stands alone
        if (found := new.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
    with target.open("rb+") as file:
        os.fsync(file.fileno())


def put_back(databases: Sequence[Path], day: date, at: datetime, prepare: Callable[[Path, Path], None]) -> Path:
    """Replace the databases by those of a backup; answers with the folder that has the replaced ones.

    `prepare(fresh, database)` checks and changes each copy before anything is replaced; an exception ends it there.
    Raises `OSError`.
    """
    backup = folder_of(databases) / day.isoformat()
    fresh_of = {database: database.with_name(f".restored-{database.name}") for database in databases}
    fresh_of = {database: fresh for database, fresh in fresh_of.items() if (backup / database.name).is_file()}
    try:
        for database, fresh in fresh_of.items():
            shutil.copyfile(backup / database.name, fresh)
            prepare(fresh, database)
        replaced = databases[0].parent / f"replaced-{at:%Y%m%d-%H%M%S}"
        replaced.mkdir(mode=0o700)
        for database, fresh in fresh_of.items():
            _set_aside(database, replaced)
            fresh.replace(database)
    finally:
        for fresh in fresh_of.values():
            for file in (fresh, *_beside(fresh)):
                file.unlink(missing_ok=True)
    return replaced


def _set_aside(database: Path, folder: Path) -> None:
    """Copy it, so that it is in place until the other one is; only what SQLite would add to that one is removed."""
    if database.is_dir():
        database.rename(folder / database.name)
        return
    if not database.exists():
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for file in (database, *_beside(database)):
        if file.exists():
            shutil.copy2(file, folder / file.name)
    for file in _beside(database):
        file.unlink(missing_ok=True)


def _beside(database: Path) -> tuple[Path, Path]:
    return database.with_name(f"{database.name}-wal"), database.with_name(f"{database.name}-shm")
