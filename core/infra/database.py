"""The database files: opened one way, with their pragmas and their schema."""

import importlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.infra.home import HomeUnusable
from core.infra.imports import import_without

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations


def open_database(path: Path, migrations: "Migrations", *, durable: bool = True, patience: float = 10.0) -> "Database":
    """Open (or create) a database and bring its schema up to date.

    Write-ahead log, and every commit reaches the disk before it returns. `durable=False` gives up the second for a
    scratch file that nobody's money depends on. `patience`: seconds to wait for another process that writes to it.
    """
    import sqlite3

    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=patience, check_same_thread=False)
    try:
        database = _sqlite_utils().Database(connection)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        database.execute("PRAGMA foreign_keys=ON")
        migrations.apply(database)
    except BaseException:
        connection.close()
        raise
    return database


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


def open_for_reading(path: Path) -> "Database":
    """Open a database only to read it: nothing is created, migrated or changed, nor left beside it.

    A table that it does not have reads as empty. Raises `FileNotFoundError` where there is no file, and `HomeUnusable`
    where it cannot be read or is no database.
    """
    import sqlite3

    try:
        path.stat()
        # Without a write-ahead log nobody has it open; SQLite would leave an empty one behind unless told so.
        alone = not path.with_name(f"{path.name}-wal").exists()
        how = "mode=ro&immutable=1" if alone else "mode=ro"
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=10, check_same_thread=False)
    except FileNotFoundError:
        raise
    except (OSError, sqlite3.Error) as error:
        raise unreadable(path, error) from error
    try:
        database = _sqlite_utils().Database(connection)
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise unreadable(path, error) from error
    return database


def unreadable(path: Path, error: Exception) -> HomeUnusable:
    """What to tell the user when reading the database at `path` failed with `error`."""
    import sqlite3

    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the extension
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        advice = "Another program has it to itself at this moment: ask again."
    elif isinstance(error, OSError) or code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        advice = "See that you may read the file and its folder."
    else:
        advice = "Move the file away to begin anew, or put a copy from before in its place."
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, LookupError | ArithmeticError):  # whose own message is not a sentence
        told = f"a row of it is not understood ({told})"
    return HomeUnusable(f"{path} cannot be read: {told}. Nothing was changed. {advice}")


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
    """Rows of a table as dictionaries, in order."""
    found = db.table(table).rows_where(where, list(values), order_by=order_by)  # pyright: ignore[reportUnknownMemberType]
    return list(found)


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
