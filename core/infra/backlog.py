"""Writing to a database whose disk may refuse for a while: locked by another process, full, read-only."""

import logging
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, proxy

from core.i18n import say
from core.infra.database import writing
from core.model.errors import RefusedError

if TYPE_CHECKING:
    from sqlite_utils import Database

log = logging.getLogger(__name__)

_OF_THE_DISK = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)

_of_database: "WeakKeyDictionary[Database, Backlog]" = WeakKeyDictionary()


class BooksUnwritable(RefusedError):
    """The disk does not take a write that must come before an order. Nothing was written and nothing is sent."""


def disk_refuses(error: sqlite3.Error) -> bool:
    """Whether the disk is the reason for this error, and not the statement."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _OF_THE_DISK  # without the extension


class Backlog:
    """What the disk did not take, in order. While anything waits, nothing is tried but by `flush`."""

    def __init__(self, db: "Database") -> None:
        self._db: Database = proxy(db)  # the dictionary below must not keep it alive
        self._waiting: list[Callable[[], object]] = []
        self._why: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why the books cannot be written, for people; None where they can."""
        if self._why is None:
            return None
        return say(
            "the books cannot be written ({why}): no order is sent and no stop fires until they can. Fills are kept "
            "and booked then. See that the disk has room, and that no other program has the data folder's files open.",
            why=self._why,
        )

    def commit(self, write: Callable[[], object]) -> None:
        """Write now, all or nothing. Raises `BooksUnwritable`."""
        try:
            if self._why is None:
                with writing(self._db):
                    write()
        except sqlite3.DatabaseError as error:
            self.note(error)
        if (trouble := self.trouble) is not None:
            raise BooksUnwritable(trouble)

    def store(self, write: Callable[[], object]) -> None:
        """Write now, or, where the disk refuses, after what waits already."""
        try:
            if self._why is None:
                with writing(self._db):
                    write()
                return
        except sqlite3.DatabaseError as error:
            self.note(error)
        self._waiting.append(write)

    def note(self, error: sqlite3.DatabaseError) -> None:
        """The disk refused; raises `error` again where it was not the disk."""
        if not disk_refuses(error):
            raise error
        if self._why is None:
            log.error("the books cannot be written: %s; no order is sent, fills wait to be booked", error)
        self._why = str(error)

    def flush(self) -> bool:
        """Try, without waiting, to write everything that waits; whether the disk is back."""
        if self._why is None:
            return False
        patience: int = self._db.conn.execute("PRAGMA busy_timeout").fetchone()[0]
        self._db.conn.execute("PRAGMA busy_timeout=0")
        try:
            with writing(self._db):
                # Also where nothing waits something has to be written: only that proves the disk.
                version: int = self._db.conn.execute("PRAGMA user_version").fetchone()[0]
                self._db.conn.execute(f"PRAGMA user_version={(version + 1) % 2**30:d}")
                for write in self._waiting:
                    write()
        except sqlite3.DatabaseError as error:
            self.note(error)
            return False
        finally:
            self._db.conn.execute(f"PRAGMA busy_timeout={patience:d}")
        log.warning("the books can be written again: %d entries that waited are in them", len(self._waiting))
        self._waiting.clear()
        self._why = None
        return True

    def close(self) -> None:
        """At the end: write what waits, or say that the next start has to read it from the account."""
        self.flush()
        if self._waiting:
            log.error("%d entries were not written: the next start reads them from the account", len(self._waiting))


def backlog_of(db: "Database") -> Backlog:
    """The one backlog of this database."""
    return _of_database.setdefault(db, Backlog(db))
