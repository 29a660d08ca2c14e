"""News from the picture to those who are to be told: the newsroom, the outbox and the courier of one engine."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from core.engine.assembly import Parts
from core.infra.clock import Clock, RealClock
from core.infra.credentials import Vault
from core.infra.home import Home
from core.model.notification import NewsKind
from core.model.snapshot import Level, Snapshot
from core.notify.alerts import OF_TRADES, Newsroom
from core.notify.channels import receivers_of
from core.notify.delivery import Courier
from core.notify.outbox import Outbox
from core.rules.redemption import HeldDanger

log = logging.getLogger(__name__)

_LAST_WAIT = 5.0
"""Seconds that the last news are given when the engine ends; what is left is sent after the next start."""


class NewsWire:
    """Nothing of it is made where nobody is to be told; whatever fails in it keeps no order waiting."""

    def __init__(self, parts: Parts, home: Home, vault: Vault, *, by_itself: bool, wall: Clock | None = None) -> None:
        self._parts = parts
        self._home = home
        self._vault = vault
        self._kinds = frozenset(NewsKind) if by_itself else OF_TRADES
        self._wall = wall or RealClock()
        self._changed = asyncio.Event()
        self._outbox: Outbox | None = None
        self._room: Newsroom | None = None
        self._courier: Courier | None = None

    async def carry(self) -> None:
        """Find out who is to be told, which may wait for a keyring, and carry to them; anew after `again`."""
        while True:
            self._changed.clear()
            await self._begin()
            changed = asyncio.create_task(self._changed.wait())
            carrying = asyncio.create_task(self._courier.carry()) if self._courier is not None else None
            tasks: set[asyncio.Task[Any]] = {changed} if carrying is None else {changed, carrying}
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            if carrying is not None and carrying in done:
                carrying.result()

    def again(self) -> None:
        """A password or an address has come or gone: see anew who is to be told."""
        self._changed.set()

    def look(
        self, snapshot: Snapshot, dangers: Callable[[], Iterable[HeldDanger]], falls: str | None, back: str | None
    ) -> None:
        """Put what is new into the outbox."""
        if self._room is None or self._courier is None:
            return
        try:
            if self._room.look(snapshot, dangers(), falls, back):
                self._courier.wake()
        except sqlite3.Error as error:
            log.error("news could not be put into the outbox, nobody is told of it: %s", error)
        except Exception:
            log.exception("the picture could not be looked through for news")

    def health(self) -> tuple[Level, str] | None:
        try:
            return None if self._courier is None else self._courier.health()
        except sqlite3.Error as error:
            return Level.ERROR, str(error)

    async def close(self) -> None:
        """Send at once what can be sent."""
        if self._courier is not None:
            try:
                await self._courier.flush(_LAST_WAIT)
            except sqlite3.Error as error:
                log.error("the outbox cannot be used: %s", error)
        if self._outbox is not None:
            self._outbox.close()

    async def _begin(self) -> None:
        settings = self._parts.settings
        # Addresses in the keyring are for the trading that matters: practice asks no keyring and rings no phone.
        kept = settings.mode != "sandbox"
        find = partial(receivers_of, settings.notify, self._vault, kept=kept)
        receivers, troubles = await asyncio.to_thread(find)
        for trouble in troubles:
            log.warning("somebody who may be meant to be told is not: %s", trouble)
        if not receivers:
            self._courier = None
            return
        notify = settings.notify
        self._outbox = self._outbox or Outbox(self._home.outbox)
        self._courier = Courier(self._outbox, receivers, notify.per_hour, self._wall, complete=not troubles)
        self._room = self._room or Newsroom(self._outbox, notify.events, self._parts.clock, self._wall, self._kinds)
        log.info("news go to: %s", ", ".join(receiver.name for receiver in receivers))
