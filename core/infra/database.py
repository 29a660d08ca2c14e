"""The database files: opened one way, with their pragmas and their schema."""

import importlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.i18n import say
from core.infra.home import HomeUnusable
from core.infra.imports import import_without

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations


BACKUPS = "backups"
"""The folder of backups beside a database."""


class DatabaseUnusable(HomeUnusable):
    """The file cannot be opened, is damaged or from a newer version; the message says what to do."""

    def __init__(self, text: str, *, damaged: bool) -> None:
        super().__init__(text)
        self.damaged = damaged


def open_database(path: Path, migrations: "Migrations", *, durable: bool = True, patience: float = 10.0) -> "Database":
    """Open (or create) a database and bring its schema up to date.

    Write-ahead log, and every commit reaches the disk before it returns. `durable=False` gives up the second, for a
    file that holds no money. `patience`: seconds to wait for another process that writes to it.
    Raises `DatabaseUnusable`, having changed nothing, where it cannot be used, is damaged or from a newer version.
    """
    import sqlite3

    path.parent.mkdir(parents=True, exist_ok=True)
    _refuse_emptied(path)
    try:
        connection = sqlite3.connect(path, timeout=patience, check_same_thread=False)
    except sqlite3.Error as error:
        raise unreadable(path, error) from error
    try:
        database = _sqlite_utils().Database(connection)
        _verify(database, migrations)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        database.execute("PRAGMA foreign_keys=ON")
        migrations.apply(database)
        _verify_tables(database, migrations)
    except sqlite3.Error as error:
        connection.close()
        raise unreadable(path, error) from error
    except BaseException:
        connection.close()
        raise
    return database


def _refuse_emptied(path: Path) -> None:
    """SQLite takes an empty file for a new database; where there are backups, it was none. A pipe never answers."""
    if path.exists() and not path.is_file() and not path.is_dir():
        text = say("{path} is a pipe, not a file. Nothing was changed and nothing is sent. Remove it.", path=path)
        raise DatabaseUnusable(text, damaged=False)
    if path.is_file() and path.stat().st_size == 0 and (path.parent / BACKUPS).is_dir():
        raise DatabaseUnusable(
            say(
                "{path} is empty. Nothing was changed and nothing is sent. rotor restore lists the backups.", path=path
            ),
            damaged=True,
        )


def _verify(db: "Database", migrations: "Migrations") -> None:
    """Raises `DatabaseUnusable` where the file's pages are damaged, or a newer version has written it."""
    found = db.conn.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(db, found)
    known = {step.name for step in migrations.pending(_sqlite_utils().Database(memory=True))}
    if newer := [step.name for step in migrations.applied(db) if step.name not in known]:
        raise DatabaseUnusable(
            say(
                "{path} was written by a newer version of rotor ({step}). Nothing was changed. Install that version, "
                "or put back a backup from before: rotor restore lists them.",
                path=file_of(db),
                step=newer[0],
            ),
            damaged=False,
        )


def _verify_tables(db: "Database", migrations: "Migrations") -> None:
    """Raises `DatabaseUnusable` where a table or a column is gone: it would read as empty."""
    for table, expected in _schema(migrations).items():
        columns = db.table(table).columns_dict if db.table(table).exists() else {}
        if lacking := [column for column in expected if column not in columns]:
            raise damaged(db, say("table {table} has no column {column}", table=table, column=lacking[0]))


@cache
def _schema(migrations: "Migrations") -> Mapping[str, Sequence[str]]:
    """Every table with its columns, once all migrations are applied."""
    whole = open_in_memory(migrations)
    try:
        return {table: tuple(whole.table(table).columns_dict) for table in whole.table_names()}
    finally:
        whole.close()


def damaged(db: "Database", why: str) -> DatabaseUnusable:
    """What to tell the user when the database's content cannot be right."""
    return DatabaseUnusable(
        say(
            "{path} is damaged: {why}. Nothing was changed and nothing is sent. rotor restore lists the backups.",
            path=file_of(db),
            why=why,
        ),
        damaged=True,
    )


def file_of(db: "Database") -> str:
    """The path of the database's file."""
    return str(db.conn.execute("PRAGMA database_list").fetchone()[2])


@contextmanager
def writing(db: "Database") -> Generator[None]:
    """All or nothing, on disk when it ends. Waits first for another process that writes.

    A transaction that begins with reading would not wait, and fail at once.
    """
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.conn.execute("COMMIT")
    except BaseException:
        db.conn.rollback()
        raise


def open_in_memory(migrations: "Migrations") -> "Database":
    """A database of this process alone, with nothing in it."""
    database = _sqlite_utils().Database(memory=True)
    migrations.apply(database)
    return database


def wait_at_most(db: "Database", seconds: float) -> None:
    """From now on, how long a statement waits for another process that writes to the file."""
    db.conn.execute(f"PRAGMA busy_timeout={1000 * seconds:.0f}")


def open_for_reading(path: Path, migrations: "Migrations") -> "Database":
    """Open a database only to read it: nothing is created, migrated or changed, nor left beside it.

    A table that the file of an older version does not have reads as empty. Raises `FileNotFoundError` where there is no
    file, and `DatabaseUnusable` where it cannot be read, is no database, is damaged or from a newer version.
    """
    import sqlite3

    try:
        _refuse_emptied(path)
        path.stat()
        # Without a write-ahead log nobody has it open; SQLite would leave an empty one behind unless told so.
        alone = not path.with_name(f"{path.name}-wal").exists()
        how = "mode=ro&immutable=1" if alone else "mode=ro"
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=10, check_same_thread=False)
    except (FileNotFoundError, DatabaseUnusable):
        raise
    except (OSError, sqlite3.Error) as error:
        raise unreadable(path, error) from error
    try:
        database = _sqlite_utils().Database(connection)
        _verify(database, migrations)
        if not migrations.pending(database):
            _verify_tables(database, migrations)
    except sqlite3.Error as error:
        connection.close()
        raise unreadable(path, error) from error
    except BaseException:
        connection.close()
        raise
    return database


def unreadable(path: Path, error: Exception) -> DatabaseUnusable:
    """What to tell the user when using the database at `path` failed with `error`."""
    import sqlite3

    is_damaged = False
    of_the_place = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the extension
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        advice = say("Another program has it to itself at this moment: try again, or close that program.")
    elif code == sqlite3.SQLITE_FULL:
        advice = say("Make room on the disk.")
    elif not isinstance(error, OSError) and path.is_dir():
        advice = say("A folder stands in its place: move it away.")
    elif isinstance(error, OSError) or code in of_the_place:
        advice = say("See that you may read and write the file and its folder, and that the disk has room.")
    else:
        is_damaged = True
        advice = say("rotor restore lists the backups. Without one, move the file away to begin anew.")
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return DatabaseUnusable(
        say("{path} cannot be used: {why}. Nothing was changed. {advice}", path=path, why=why, advice=advice),
        damaged=is_damaged,
    )


def schema(name: str) -> "Migrations":
    """A named set of schema steps; each runs once per file, in the order of definition."""
    _sqlite_utils()
    return importlib.import_module("sqlite_utils.migrations").Migrations(name)


def _sqlite_utils() -> Any:  # noqa: ANN401  (the module itself)
    """sqlite_utils without pandas and numpy, which it imports where they are installed only to know their column types.

    They cost half a second and 60 MB, and nothing here stores their values.
    """
    return import_without("sqlite_utils", "pandas", "numpy")


def rows(
    db: "Database", table: str, where: str | None = None, values: Sequence[Any] = (), order_by: str = "rowid"
) -> list[dict[str, Any]]:
    """Rows of a table as dictionaries, in order; none of a table that the file does not have."""
    import sqlite3

    condition = f" where {where}" if where else ""
    try:
        found = db.conn.execute(f'select * from "{table}"{condition} order by {order_by}', list(values))
    except sqlite3.OperationalError as error:
        if str(error) == f"no such table: {table}":
            return []
        raise
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]


def update(db: "Database", table: str, key: str | int, changes: dict[str, Any]) -> None:
    """Change columns of the row with this primary key. Raises where there is no such row."""
    db.table(table).update(key, changes)  # pyright: ignore[reportUnknownMemberType]


def delete(db: "Database", table: str, key: str | int) -> None:
    """Delete the row with this primary key. Raises where there is no such row."""
    db.table(table).delete(key)  # pyright: ignore[reportUnknownMemberType]


def delete_where(db: "Database", table: str, where: str, values: Sequence[Any]) -> None:
    """Delete rows, in one step."""
    with writing(db):
        db.execute(f"delete from {table} where {where}", list(values))  # pyright: ignore[reportUnknownMemberType]
