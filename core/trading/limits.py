"""The limits on a day's orders: how many there may be, and how many may be turned down in a row.

Both are counted from the journal and from what is kept on disk, so that a restart forgets nothing.
"""

import json
import logging
from datetime import date

from core.i18n import mark, say
from core.model.order import UNLIMITED, Intent, Order, OrderState
from core.model.settings import Guards
from core.model.snapshot import Control, Limit
from core.trading.controls import Controls
from core.trading.journal import Journal
from core.trading.state_store import Memory

log = logging.getLogger(__name__)

NOT_SENT = "not sent: "
"""How the text of an order begins that was written down and held back: nobody has turned it down."""

_KEY = "turned_down"


class Limits:
    def __init__(self, journal: Journal, memory: Memory, controls: Controls, guards: Guards) -> None:
        self._journal = journal
        self._memory = memory
        self._controls = controls
        self._guards = guards

    def why_not(self, intent: Intent) -> str | None:
        """Why this order would be one too many, None where it is not; what is only sold is never one."""
        if intent.origin in UNLIMITED:
            return None
        before = 0
        for order in self._sent(intent.trading_day):
            if order.intent.client_order_id == intent.client_order_id:
                break
            before += 1
        if before < self._guards.max_daily_orders:
            return None
        return say("{before} orders were sent today (guards.max_daily_orders)", before=before)

    def turned_down(self, intent: Intent) -> None:
        """The broker or the exchange refused this order: pull the brake where that makes too many in a row."""
        refused = self._refused(intent.trading_day) | {intent.client_order_id}
        told = {"day": intent.trading_day.isoformat(), "orders": sorted(refused)}
        self._memory.keep(_KEY, json.dumps(told))
        count = self.rejects(intent.trading_day)
        if count >= self._guards.max_rejects and self._controls.pulled in (None, Control.PAUSED):
            self._controls.pull(Control.TRIPPED)
            log.error(
                "%d orders were turned down one after the other: only what sells for safety or by hand still goes out. "
                "Look at the reasons on the Orders screen, then resume.",
                count,
            )

    def rejects(self, day: date) -> int:
        """How many of the day's newest orders were turned down, one after the other.

        An order that is not over, or of which nobody knows whether it arrived, neither adds to the row nor ends it.
        """
        refused, count = self._refused(day), 0
        for order in reversed(self._sent(day)):
            if order.intent.client_order_id in refused and not order.filled_volume:
                count += 1
            elif order.filled_volume or order.state in (OrderState.CANCELLED, OrderState.LAPSED):
                break
        return count

    def rows(self, day: date) -> tuple[Limit, ...]:
        """How far each limit is used."""
        return (
            Limit(mark("orders"), len(self._sent(day)), self._guards.max_daily_orders),
            Limit(mark("rejects in a row"), self.rejects(day), self._guards.max_rejects),
        )

    def _refused(self, day: date) -> frozenset[str]:
        """The orders of this day that were turned down."""
        told = json.loads(self._memory.recall(_KEY) or "{}")
        return frozenset(told["orders"]) if told.get("day") == day.isoformat() else frozenset()

    def _sent(self, day: date) -> list[Order]:
        return [order for order in self._journal.of_day(day) if not _held_back(order)]


def _held_back(order: Order) -> bool:
    return order.state is OrderState.REFUSED and order.message.startswith(NOT_SENT)
