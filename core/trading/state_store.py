"""Small things that outlive a restart: the sandbox's time, the equity line."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.infra.database import rows

if TYPE_CHECKING:
    from sqlite_utils import Database


RUNNING = "engine_running"
"""Key: since when a run has been going on; empty after it has ended in order."""


class Memory:
    def __init__(self, db: "Database") -> None:
        self._db = db

    def recall(self, key: str) -> str | None:
        found = rows(self._db, "state", "key = ?", [key])
        return found[0]["value"] if found else None

    def keep(self, key: str, value: str) -> None:
        self._db.table("state").insert({"key": key, "value": value}, replace=True)

    def latest(self, key: str) -> datetime | None:
        """The moment kept under `key`, or that of the newest step in the journal where that is later."""
        steps = rows(self._db, "transitions", order_by="rowid desc limit 1")
        told = [moment for moment in (self.recall(key), *(step["at"] for step in steps)) if moment is not None]
        return max((datetime.fromisoformat(moment) for moment in told), default=None)

    def add_equity(self, at: datetime, total: Decimal) -> None:
        """One point of the equity line, CNY; a second one for the same moment replaces the first."""
        self._db.table("equity").insert({"at": at.isoformat(), "total": str(total)}, replace=True)

    def equity(self, limit: int) -> tuple[tuple[datetime, Decimal], ...]:
        """The newest `limit` points, oldest first."""
        found = rows(self._db, "equity", order_by=f"at desc limit {limit:d}")
        return tuple((datetime.fromisoformat(row["at"]), Decimal(row["total"])) for row in reversed(found))
