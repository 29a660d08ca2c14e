"""The books' daily backup, and putting one back."""

import asyncio
import json
import logging
import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from core.brokers.paper_store import PaperStore
from core.engine.assembly import Components
from core.i18n import listed, reasons, say
from core.infra.backups import make_backup, put_back
from core.infra.clock import RealClock
from core.infra.database import open_database
from core.infra.home import Home, database_files
from core.model.known import Known
from core.model.settings import Settings
from core.trading.books import check_books
from core.trading.state_store import RESTORED, RUNNING, TRADING, StateStore

log = logging.getLogger(__name__)


class DailyBackup:
    """Made by the machine's date, at the start or after midnight, in a thread: no order waits for it."""

    def __init__(self, components: Components, home: Home) -> None:
        self._components = components
        self._home = home
        self._tried: date | None = None

    async def make_if_due(self) -> None:
        """One try a day; a failure is logged, and stops nothing."""
        today = RealClock().now().date()
        if self._tried == today:
            return
        self._tried = today
        databases = database_files(self._home, self._components.settings)
        try:
            await asyncio.to_thread(make_backup, databases, today)
        except (OSError, sqlite3.Error) as error:
            log.warning("today's backup of the books was not made: %s", error)


def restore_books(home: Home, settings: Settings, day: date, at: datetime) -> Path:
    """Put back the books of a day; answers with the folder of the replaced ones. No engine may run meanwhile.

    Raises `HomeUnusable` for a backup that is damaged, having replaced nothing, and `OSError`.
    """
    books, _ = databases = database_files(home, settings)

    def prepare(fresh: Path, database: Path) -> None:
        if database != books:
            PaperStore(fresh, Decimal(0), durable=True).close()
            return
        with closing(open_database(fresh, TRADING)) as opened:
            check_books(opened)
            store = StateStore(opened)
            store.keep(RUNNING, "")
            store.keep(RESTORED, json.dumps({"day": day.isoformat(), "at": at.isoformat()}))

    return put_back(databases, day, at, prepare)


def restored_sentence(components: Components) -> str | None:
    """What to say after a restore, once the account was read: whether the old books fit it; None without a restore.

    It is said at each start until they do.
    """
    kept = components.state_store.recall(RESTORED)
    if not kept:
        return None
    day = json.loads(kept)["day"]
    if components.order_manager.status.blocked:
        why = reasons(components.order_manager.status.texts)
        return say("The books of {day} were restored. They do not match the account: {why}", day=day, why=why)
    components.state_store.keep(RESTORED, "")
    positions, owned = components.rotation.account.latest.positions, components.order_manager.ledger.holdings()
    held = positions.value if isinstance(positions, Known) else ()
    others = [str(row.code) for row in held if row.code not in owned or row.volume > owned[row.code].volume]
    if not others:
        return say("The books of {day} were restored. Positions reconciled, trading enabled.", day=day)
    return say(
        "The books of {day} were restored. Positions reconciled, trading enabled. Held in the account and not managed: "
        "{others}. Take back what rotor bought since with rotor adopt.",
        day=day,
        others=listed(others),
    )
