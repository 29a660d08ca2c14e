"""Removes what is older than the settings want it: logs, steps of orders, plans, minutes of equity, unsent messages."""

import logging
import sqlite3
from datetime import date, timedelta

from core.engine.assembly import Components
from core.infra.clock import RealClock
from core.infra.home import Home
from core.infra.logs import remove_logs
from core.notify.delivery import Notifier

log = logging.getLogger(__name__)


class Retention:
    """Works once a day while no order may be sent. Orders and fills stay on disk, and leave the memory."""

    def __init__(self, components: Components, home: Home, notifier: Notifier) -> None:
        self._components = components
        self._home = home
        self._notifier = notifier
        self._done: date | None = None

    def remove_logs(self) -> None:
        """By the machine's time, in which files are dated."""
        kept = timedelta(days=self._components.settings.storage.log_days)
        remove_logs(self._home, RealClock().now() - kept)

    async def prune_if_due(self) -> None:
        components = self._components
        now = components.clock.now()
        if self._done == now.date() or components.calendar.orders_allowed(now) is None or components.rotation.executing:
            return
        self._done = now.date()
        self.remove_logs()
        self._notifier.drop_unsent(RealClock().now() - timedelta(days=components.settings.storage.message_days))
        journal = components.order_manager.journal
        before = now.date() - timedelta(days=components.settings.storage.history_days)
        try:
            components.runs.drop(before)
            journal.drop_steps(before)
            components.state_store.drop_minutes(before)
        except sqlite3.Error as error:
            log.warning("old records could not be removed: %s", error)
        journal.release(now.date())
