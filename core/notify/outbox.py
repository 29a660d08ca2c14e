"""The outbox: notifications that wait for mail and push services, and what was announced.

It survives any end of the program: its content was handed to the operating system before the call returned. Where the
disk refuses, it is kept in memory until the disk is back: an alarm about the disk must not wait for it. Each receiver
has its own position in the one list, so one that fails delays no other.
"""

# pyright: reportUnknownMemberType=false

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core.i18n import language
from core.infra.backlog import disk_refuses
from core.infra.database import (
    DatabaseUnusable,
    open_database,
    open_for_reading,
    open_in_memory,
    rows,
    schema,
    update,
    writing,
)
from core.infra.home import HomeUnusable
from core.infra.stored import StoredRow, as_moment, as_text, as_whole, read_rows, row_of
from core.model.notification import Notification, NotificationKind
from core.model.snapshot import Level
from core.retold import retold

if TYPE_CHECKING:
    from sqlite_utils import Database

log = logging.getLogger(__name__)

OUTBOX = schema("outbox")
_REMEMBERED = timedelta(days=7)
"""How long an announcement is remembered."""

_PATIENCE = 0.2
"""Seconds to wait for another process that writes to the file: no price is compared meanwhile."""


@OUTBOX()
def news_receivers_and_what_was_told(db: "Database") -> None:
    db.table("news").create(
        {"id": int, "at": str, "kind": str, "level": str, "text": str, "heading": str}, pk="id", strict=True
    )
    db.table("receivers").create(
        {"name": str, "place": int, "tries": int, "next_at": str, "error": str, "since": str, "sent": str},
        pk="name",
        strict=True,
    )
    db.table("told").create({"key": str, "over": str, "kind": str, "at": str}, pk="key", strict=True)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notification that a receiver has not got yet; `heading` names mode and account."""

    number: int
    news: Notification
    heading: str


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """The state of a receiver: up to which number it has all notifications, how often in a row it failed, why and since
    when, when it is tried next, and when messages were sent to it in the last hour."""

    place: int
    tries: int = 0
    next_at: datetime | None = None
    error: str = ""
    since: datetime | None = None
    sent: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class SentNotification:
    """A notification that was announced; `ended_text` is sent when its cause has passed, empty for a single event."""

    ended_text: str
    kind: NotificationKind


class Outbox:
    """Belongs to one thread. Every call that changes something has reached the operating system when it returns, unless
    the disk refuses."""

    def __init__(self, path: Path) -> None:
        """Open the file; a damaged one is put aside, with a line in the log: it holds no money. Raises `OSError`."""
        self._path = path
        self._in_memory, self._may_return = False, True
        try:
            self._db = self._opened()
        except DatabaseUnusable as unusable:
            self._db = open_in_memory(OUTBOX)
            self._go_on_in_memory(unusable)
            self._may_return = self._read_file()
        self._announced = dict(read_rows(self._db, "told", _told))

    @property
    def announced(self) -> Mapping[str, SentNotification]:
        return self._announced

    def _opened(self) -> "Database":
        try:
            database = _checked(open_database(self._path, OUTBOX, durable=False, patience=_PATIENCE))
        except DatabaseUnusable as error:
            if not error.damaged:
                raise
            aside = self._path.with_suffix(".damaged")
            self._path.replace(aside)
            log.error(
                "the notification queue was damaged (%s): a new one is in use, the old one is %s", error, aside.name
            )
            database = open_database(self._path, OUTBOX, durable=False, patience=_PATIENCE)
        # Safe against every end of this program, and never a damaged file, without a fsync for each notification.
        database.execute("PRAGMA synchronous=NORMAL")
        return database

    def _change(self, write: Callable[[], None]) -> None:
        """All or nothing: in the file, or in memory while the disk refuses."""
        if self._in_memory:
            self._return_to_file()
        try:
            with writing(self._db):
                write()
        except sqlite3.DatabaseError as error:
            if self._in_memory or not disk_refuses(error):
                raise
            memory = open_in_memory(OUTBOX)
            _copy(self._db, memory)
            self._go_on_in_memory(error)
            self._db.close()
            self._db = memory
            with writing(self._db):
                write()

    def _go_on_in_memory(self, error: Exception) -> None:
        self._in_memory = True
        log.error("the outbox cannot be written (%s): notifications are sent, and kept in memory until it can", error)

    def _read_file(self) -> bool:
        """Take over what the file has; False where it cannot be read: it must not be overwritten then."""
        try:
            database = open_for_reading(self._path, OUTBOX)
        except FileNotFoundError:
            return True
        except HomeUnusable:
            return False
        try:
            _copy(database, self._db)
        except sqlite3.DatabaseError:
            return False
        finally:
            database.close()
        return True

    def _return_to_file(self) -> None:
        if not self._may_return:
            return
        try:
            database = self._opened()
        except (DatabaseUnusable, OSError):
            return
        try:
            _copy(self._db, database)
        except sqlite3.DatabaseError:
            database.close()
            return
        self._db, self._in_memory = database, False
        log.info("the outbox can be written again")

    def announce(
        self, key: str, news: Notification | None, heading: str, ended_text: str, kind: NotificationKind, now: datetime
    ) -> None:
        """Store the notifications and remember that `key` was announced, in one step; without any, only remember it."""
        row = {"key": key, "over": ended_text, "kind": str(kind), "at": now.isoformat()}

        def write() -> None:
            if news is not None:
                self._put(news, heading)
            self._db.table("told").insert(row, replace=True)

        self._change(write)
        self._announced[key] = SentNotification(ended_text, kind)

    def end(self, key: str, news: Notification | None, heading: str) -> None:
        """The announced condition has ended: forget it, with a notification of that."""

        def write() -> None:
            if news is not None:
                self._put(news, heading)
            self._db.execute("delete from told where key = ?", [key])

        self._change(write)
        self._announced.pop(key, None)

    def forget_old(self, now: datetime) -> None:
        """Forget what was announced long ago and cannot come again."""
        before = (now - _REMEMBERED).isoformat()
        self._change(lambda: _run(self._db, "delete from told where at < ? and over = ''", before))
        kept = {row["key"] for row in rows(self._db, "told")}
        self._announced = {key: told for key, told in self._announced.items() if key in kept}

    def drop_unsent(self, before: datetime) -> int:
        """Drop what was announced before this moment and is still not sent; the number of messages."""
        old = "at < ? and id < (select max(id) from news)"
        dropped = len(rows(self._db, "news", old, [before.isoformat()]))
        if dropped:
            self._change(lambda: _run(self._db, f"delete from news where {old}", before.isoformat()))
        return dropped

    def set_receivers(self, receivers: Iterable[str], *, complete: bool = True) -> None:
        """From now on these are the receivers: a new one gets what comes from now on, one that left gets nothing.

        A mail address in place of another one gets also what waited for that one.

        Not `complete`: there may be others, whose addresses cannot be read now; what waits for them stays.
        """
        names = set(receivers)
        known = {row["name"]: row["place"] for row in rows(self._db, "receivers")}
        left = known.keys() - names if complete else set[str]()
        newest = rows(self._db, "news", order_by="id desc limit 1")
        last = newest[0]["id"] if newest else 0
        replaced = min((known[name] for name in left if _is_mail(name)), default=last)

        def write() -> None:
            for name in names - known.keys():
                place = replaced if _is_mail(name) else last
                row = {"name": name, "place": place, "tries": 0, "next_at": "", "error": "", "since": "", "sent": "[]"}
                self._db.table("receivers").insert(row)
            for name in left:
                self._db.execute("delete from receivers where name = ?", [name])

        self._change(write)
        self._clear()

    def state(self, name: str) -> DeliveryState:
        (found,) = read_rows(self._db, "receivers", _state, "name = ?", [name])
        return found

    def waiting(self, name: str, least: Level) -> tuple[Waiting, ...]:
        """What this receiver has not got yet and wants, oldest first."""
        place = self.state(name).place
        found = read_rows(self._db, "news", _waiting, "id > ?", [place], order_by="id")
        return tuple(one for one in found if one.news.level.severity >= least.severity)

    def skip_to_newest(self, name: str) -> None:
        """Whatever there is now is below what this receiver wants: it need not be kept for it."""
        place = self.state(name).place
        newest = rows(self._db, "news", "id > ?", [place], order_by="id desc limit 1")
        if newest:
            self._set_state(name, {"place": newest[0]["id"]})
            self._clear()

    def mark_delivered(self, name: str, place: int, now: datetime) -> None:
        """The receiver has all news up to this number."""
        recent = (moment for moment in self.state(name).sent if now - moment < timedelta(hours=1))
        sent = json.dumps([moment.isoformat() for moment in (*recent, now)])
        self._set_state(name, {"place": place, "tries": 0, "next_at": "", "error": "", "since": "", "sent": sent})
        self._clear()

    def mark_failed(self, name: str, error: str, next_at: datetime, now: datetime) -> None:
        """The receiver could not be reached; it is tried again at `next_at`."""
        before = self.state(name)
        since = before.since if before.tries and before.since else now
        changes = {
            "tries": before.tries + 1,
            "next_at": next_at.isoformat(),
            "error": error,
            "since": since.isoformat(),
        }
        self._set_state(name, changes)

    def _set_state(self, name: str, changes: dict[str, str | int]) -> None:
        self._change(lambda: update(self._db, "receivers", name, changes))

    def close(self) -> None:
        if self._in_memory:
            self._return_to_file()
        with suppress(sqlite3.Error):
            self._db.close()

    def _put(self, news: Notification, heading: str) -> None:
        self._db.table("news").insert(row_of(news) | {"heading": heading})

    def _clear(self) -> None:
        """Drop what every receiver has. The newest stays: it keeps the numbers growing."""
        self._change(
            lambda: _run(
                self._db,
                "delete from news where id <= coalesce((select min(place) from receivers), (select max(id) from news)) "
                "and id < (select max(id) from news)",
            )
        )


def _copy(source: "Database", target: "Database") -> None:
    """All rows, in place of those that are there."""
    with writing(target):
        for table in ("news", "receivers", "told"):
            target.execute(f"delete from {table}")
            target.table(table).insert_all(rows(source, table))


def _run(database: "Database", statement: str, *values: str) -> None:
    database.execute(statement, values)


def failing_receivers(path: Path) -> tuple[tuple[str, str], ...]:
    """Receivers of an outbox file that could not be reached, and why. Changes nothing. Raises `HomeUnusable`."""
    try:
        database = open_for_reading(path, OUTBOX)
    except FileNotFoundError:
        return ()
    try:
        if not database.table("receivers").exists():
            return ()
        return tuple((row["name"], row["error"]) for row in rows(database, "receivers", "tries > 0"))
    finally:
        database.close()


def _checked(database: "Database") -> "Database":
    """The database with every row read. Raises `DatabaseUnusable` for one that is damaged, having closed it."""
    try:
        read_rows(database, "news", _waiting)
        read_rows(database, "receivers", _state)
        read_rows(database, "told", _told)
    except BaseException:
        database.close()
        raise
    return database


def _waiting(row: StoredRow) -> Waiting:
    """In the language in use: it may wait since before a switch."""
    text, heading = (retold(row.get(name, as_text), language()) for name in ("text", "heading"))
    news = Notification(row.get("kind", NotificationKind), row.get("level", Level), row.get("at", as_moment), text)
    return Waiting(row.get("id", as_whole), news, heading)


def _state(row: StoredRow) -> DeliveryState:
    return DeliveryState(
        row.get("place", as_whole),
        row.get("tries", as_whole),
        row.get("next_at", _moment),
        row.get("error", as_text),
        row.get("since", _moment),
        row.get("sent", lambda text: tuple(as_moment(moment) for moment in json.loads(text))),
    )


def _told(row: StoredRow) -> tuple[str, SentNotification]:
    return row.get("key", as_text), SentNotification(row.get("over", as_text), row.get("kind", NotificationKind))


def _moment(text: str) -> datetime | None:
    return as_moment(text) if text else None


def _is_mail(receiver: str) -> bool:
    return receiver.partition(" ")[0] == "mail"
