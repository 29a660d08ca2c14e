"""Send notifications from the outbox to every receiver, without ever delaying an order."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from core.i18n import reasons, say, say_many
from core.infra.clock import Clock, RealClock
from core.infra.credentials import Credentials
from core.infra.home import Home
from core.infra.tasks import end_tasks
from core.infra.worker_thread import CallTimedOut, WorkerThread
from core.model.notification import NotificationKind
from core.model.settings import Settings
from core.model.snapshot import Level, Snapshot
from core.notify.alerts import TRADE_KINDS, AlertFinder
from core.notify.channels import Message, NotSent, Receiver, receivers_of
from core.notify.outbox import Outbox, Waiting
from core.rules.redemption import HeldDanger

log = logging.getLogger(__name__)

GATHER = 5.0
"""Seconds to collect notifications, so that a rebalance makes one message and not twenty."""

DEADLINE = 60.0
"""Seconds that sending one message to a receiver may take."""

_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 1800.0
"""Seconds before a receiver that failed is tried again; they double while it fails."""

_MOST_LINES = 200
"""Notifications in one message; the rest comes in the next one."""


class Delivery:
    """One task for each receiver, so one that hangs delays no other."""

    def __init__(
        self, outbox: Outbox, receivers: Sequence[Receiver], per_hour: int, clock: Clock, *, complete: bool = True
    ) -> None:
        """`clock` is the machine's: a mail server does not follow the market's. `complete`: these are all receivers."""
        self._outbox = outbox
        self._receivers = list(receivers)
        self._per_hour = per_hour
        self._clock = clock
        self._woken = {receiver.name: asyncio.Event() for receiver in self._receivers}
        self._tried: dict[str, int] = {}
        self._untried = set(self._woken)
        outbox.set_receivers(self._woken, complete=complete)

    def wake(self) -> None:
        """There is something to send."""
        for event in self._woken.values():
            event.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for receiver in self._receivers:
                group.create_task(self._serve(receiver), name=f"delivery: {receiver.name}")
            if not self._receivers:
                await asyncio.Event().wait()

    async def flush(self, seconds: float) -> None:
        """Send at once what waits, to those that could be reached; the rest is sent after the next start."""
        due = [receiver for receiver in self._receivers if not self._outbox.state(receiver.name).tries]
        senders = [asyncio.create_task(self._send_all(receiver)) for receiver in due]
        if senders:
            _, late = await asyncio.wait(senders, timeout=seconds)
            for sender in late:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)

    async def _send_all(self, receiver: Receiver) -> None:
        waiting = self._outbox.waiting(receiver.name, receiver.least)
        if not waiting:
            return
        caller = WorkerThread(f"delivery: {receiver.name}")
        try:
            await self._send(receiver, caller, waiting)
        finally:
            caller.end()

    def health(self) -> tuple[Level, str] | None:
        """For the screen; None without receivers."""
        if not self._receivers:
            return None
        troubled: list[str] = []
        for receiver in self._receivers:
            state = self._outbox.state(receiver.name)
            if state.tries:
                since = state.since or self._clock.now()
                troubled.append(
                    say("{name} since {since:%H:%M}: {why}", name=receiver.name, since=since, why=state.error)
                )
        return (Level.WARNING, reasons(troubled)) if troubled else (Level.GOOD, say("ok"))

    async def _serve(self, receiver: Receiver) -> None:
        caller = WorkerThread(f"delivery: {receiver.name}")
        woken = self._woken[receiver.name]
        try:
            while True:
                woken.clear()
                waiting = self._outbox.waiting(receiver.name, receiver.least)
                if not waiting:
                    self._outbox.skip_to_newest(receiver.name)
                    await woken.wait()
                    continue
                pause = self._pause(receiver, waiting)
                if pause > 0:
                    await self._clock.sleep(pause)
                    waiting = self._outbox.waiting(receiver.name, receiver.least)
                if not await self._send(receiver, caller, self._batch(receiver, waiting)):
                    caller.end()
                    caller = WorkerThread(f"delivery: {receiver.name}")
        finally:
            caller.end()

    def _batch(self, receiver: Receiver, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
        """What goes into one message. One that failed is sent again as it was: its answer may only have been lost."""
        tried = self._tried.get(receiver.name, 0)
        again = [one for one in waiting if one.number <= tried]
        batch = (again or waiting)[:_MOST_LINES]
        self._tried[receiver.name] = batch[-1].number
        return batch

    def _pause(self, receiver: Receiver, waiting: Sequence[Waiting]) -> float:
        """How long to wait before the next message."""
        now, state = self._clock.now(), self._outbox.state(receiver.name)
        if receiver.name in self._untried:  # a new start, perhaps with another password: try at once
            self._untried.discard(receiver.name)
            return GATHER
        if state.next_at is not None:
            return (state.next_at - now).total_seconds()
        recent = [moment for moment in state.sent if now - moment < timedelta(hours=1)]
        # Errors have the same number of messages again.
        most = self._per_hour * (2 if any(one.news.level is Level.ERROR for one in waiting) else 1)
        if len(recent) >= most:
            return max(GATHER, (recent[-most] + timedelta(hours=1) - now).total_seconds())
        return GATHER

    async def _send(self, receiver: Receiver, caller: WorkerThread, waiting: Sequence[Waiting]) -> bool:
        """Whether the receiver has them now."""
        message = message_of(waiting, receiver.name)
        try:
            await caller.call(lambda: receiver.send(message), DEADLINE)
        except NotSent as error:
            self._failed(receiver, str(error))
            return True
        except CallTimedOut:
            self._failed(
                receiver, say("{name} did not answer within {seconds:.0f} s", name=receiver.name, seconds=DEADLINE)
            )
            return False
        self._outbox.mark_delivered(receiver.name, waiting[-1].number, self._clock.now())
        return True

    def _failed(self, receiver: Receiver, why: str) -> None:
        now, before = self._clock.now(), self._outbox.state(receiver.name)
        again = now + timedelta(seconds=pause_after(before.tries + 1))
        self._outbox.mark_failed(receiver.name, why, again, now)
        if why != before.error:  # each reason once, not at every try
            log.warning("notifications for %s are waiting, sending is retried: %s", receiver.name, why)


def pause_after(tries: int) -> float:
    """Seconds before the next try."""
    return min(_FIRST_PAUSE * 2 ** (min(tries, 12) - 1), _LONGEST_PAUSE)


def message_of(waiting: Sequence[Waiting], receiver: str) -> Message:
    """One message of several notifications, each with its time; mode and account come first."""
    gravest = max((one.news.level for one in waiting), key=lambda level: level.severity)
    first = next(one for one in waiting if one.news.level is gravest)
    head, more = first.news.text.partition("\n")[0], len(waiting) - 1
    rest = say_many(" (and {count} more)", " (and {count} more)", more) if more else ""
    lines: list[str] = []
    heading = ""
    for one in waiting:
        if one.heading != heading:
            heading = one.heading
            lines += [heading, ""]
        mark = "!" if one.news.level is Level.ERROR else " "
        lines.append(f"{mark} {_time(one.news.at, waiting[-1].news.at)}  {one.news.text}")
    number = (
        f"{receiver.replace(' ', '-')}.{waiting[0].number}-{waiting[-1].number}.{waiting[0].news.at:%Y%m%d%H%M%S%f}"
    )
    return Message(f"{first.heading}: {_short(head)}{rest}", "\n".join(lines), gravest, number)


def _time(at: datetime, newest: datetime) -> str:
    return f"{at:%H:%M:%S}" if at.date() == newest.date() else f"{at:%m-%d %H:%M:%S}"


def _short(text: str, most: int = 90) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


_LAST_WAIT = 5.0
"""Seconds for sending the last notifications when the engine ends; the rest is sent after the next start."""


class Notifier:
    """Alerts and their delivery; idle without receivers. No failure in it delays an order."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        home: Home,
        credentials: Credentials,
        *,
        by_itself: bool,
        wall: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._home = home
        self._credentials = credentials
        self._kinds = frozenset(NotificationKind) if by_itself else TRADE_KINDS
        self._wall = wall or RealClock()
        self._changed = asyncio.Event()
        self._outbox: Outbox | None = None
        self._finder: AlertFinder | None = None
        self._delivery: Delivery | None = None

    async def run(self) -> None:
        """Load the receivers, which may wait for a keyring, and send; again after `reload_receivers`."""
        while True:
            self._changed.clear()
            await self._load_receivers()
            changed = asyncio.create_task(self._changed.wait())
            carrying = asyncio.create_task(self._delivery.run()) if self._delivery is not None else None
            tasks: set[asyncio.Task[Any]] = {changed} if carrying is None else {changed, carrying}
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end_tasks(*tasks)
            if carrying is not None and carrying in done:
                carrying.result()

    def use_settings(self, settings: Settings) -> None:
        """Notify as these settings say, from now on."""
        changed = settings.notify != self._settings.notify
        self._settings = settings
        if changed:
            self._changed.set()

    def reload_receivers(self) -> None:
        """After a password or an address was changed."""
        self._changed.set()

    def check_for_alerts(
        self, snapshot: Snapshot, dangers: Callable[[], Iterable[HeldDanger]], failed_part: str | None, back: str | None
    ) -> None:
        """Put what is new into the outbox."""
        if self._finder is None or self._delivery is None:
            return
        try:
            if self._finder.check_for_alerts(snapshot, dangers(), failed_part, back):
                self._delivery.wake()
        except sqlite3.Error as error:
            log.error("a notification could not be stored and will not be sent: %s", error)
        except Exception:
            log.exception("the snapshot could not be checked for alerts")

    def drop_unsent(self, before: datetime) -> None:
        """Drop the messages from before this moment that no receiver has taken."""
        if self._outbox is None:
            return
        try:
            if dropped := self._outbox.drop_unsent(before):
                log.warning("messages that could not be sent and are dropped now: %d", dropped)
        except sqlite3.Error as error:
            log.warning("old messages could not be removed: %s", error)

    def health(self) -> tuple[Level, str] | None:
        try:
            return None if self._delivery is None else self._delivery.health()
        except sqlite3.Error as error:
            return Level.ERROR, str(error)

    async def close(self) -> None:
        """Send at once what can be sent."""
        if self._delivery is not None:
            try:
                await self._delivery.flush(_LAST_WAIT)
            except sqlite3.Error as error:
                log.error("the outbox cannot be used: %s", error)
        if self._outbox is not None:
            self._outbox.close()

    async def _load_receivers(self) -> None:
        settings = self._settings
        # Addresses in the keyring are for live trading: practice asks no keyring and notifies no phone.
        kept = settings.mode != "sandbox"
        find = partial(receivers_of, settings.notify, self._credentials, kept=kept)
        receivers, troubles = await asyncio.to_thread(find)
        for trouble in troubles:
            log.warning("a receiver may get no notifications: %s", trouble)
        if not receivers:
            self._delivery = None
            return
        notify = settings.notify
        self._outbox = self._outbox or Outbox(self._home.outbox)
        self._delivery = Delivery(self._outbox, receivers, notify.per_hour, self._wall, complete=not troubles)
        if self._finder is None:
            self._finder = AlertFinder(self._outbox, notify.events, self._clock, self._wall, self._kinds)
        self._finder.events = notify.events
        log.info("notifications go to: %s", ", ".join(receiver.name for receiver in receivers))
