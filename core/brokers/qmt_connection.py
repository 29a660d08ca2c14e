"""The life of the connection to MiniQMT: one at a time, replaced when it is lost, for as long as the program runs."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core.brokers import qmt_rows
from core.brokers.broker import LinkState
from core.brokers.qmt_rows import AccountStatus, OrderError
from core.brokers.qmt_session import Disconnected, QmtSession, SdkEvent
from core.i18n import say
from core.infra.clock import Clock
from core.infra.worker_thread import CallTimedOut
from core.model.known import Unknown
from core.model.order import BrokerOrder, Fill
from core.model.settings import QmtSettings

log = logging.getLogger(__name__)

SPACING = 3.0
"""Seconds between two attempts at least: the terminal keeps a session id for that long (the vendor's FAQ)."""

_PATIENCE = (SPACING, SPACING, 5.0, 10.0, 20.0, 30.0)
"""Seconds to the next attempt, the last one for good."""

_QUIET = 600.0
"""The same on a day without a session, when terminals are off for good reasons."""

_FAREWELL = 2.0
"""Seconds that the end of the program waits for the SDK to stop."""

_SILENCES = 3
"""Unanswered questions in a row after which a connection that looks alive is given up."""


@dataclass(slots=True)
class SessionIds:
    """Takes turns through the range of the settings: each id leaves files in userdata_mini for ever.

    `last` is the one used before, in an earlier run too; `used` is told each id before it is used.
    """

    first: int
    count: int
    last: int | None
    used: Callable[[int], None] = lambda _: None

    def next(self) -> int:
        place = 0 if self.last is None else (self.last - self.first + 1) % self.count
        self.last = self.first + place
        self.used(self.last)
        return self.last


class QmtConnection:
    """`quiet`: whether there is no session today; `hear` gets what the account tells, orders and trades and rejects."""

    def __init__(
        self,
        qmt: QmtSettings,
        ids: SessionIds,
        clock: Clock,
        *,
        quiet: Callable[[], bool],
        hear: Callable[[BrokerOrder | Fill | OrderError], None],
        patience: float,
    ) -> None:
        self._qmt = qmt
        self._ids = ids
        self._clock = clock
        self._quiet = quiet
        self._hear = hear
        self._patience = patience
        self._session: QmtSession | None = None
        self._told: AccountStatus | None = None
        self._admitted = False
        self._ended = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._silences = 0
        self._tries = 0
        self._last_try: float | None = None
        self.connected_at = clock.now()
        """When the connection of now was begun; the account may have come within reach over it more than once."""
        self.state = LinkState(False, 0, say("not connected yet"), clock.now())
        self.changed: list[Callable[[], None]] = []

    @property
    def session(self) -> QmtSession | None:
        """The connection, while the account is within reach."""
        return self._session if self.state.up else None

    async def start(self) -> None:
        await self._try()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        session, self._session = self._session, None
        farewell = session.close() if session is not None else None
        self._become(up=False, text=say("rotor has ended"), number=self.state.number)
        if farewell is not None:  # native threads that are at work when a process ends may take it down
            await asyncio.to_thread(farewell.join, _FAREWELL)

    def lost(self, session: QmtSession, reason: str) -> None:
        """Give this connection up; the next one is made behind that."""
        if self._session is session:
            self._drop(reason)

    def answered(self) -> None:
        """Take note that the connection lives."""
        self._silences = 0

    def unanswered(self, session: QmtSession) -> None:
        """Take note of a question without an answer: several in a row mean that the connection is dead."""
        self._silences += 1
        if self._silences >= _SILENCES:
            self.lost(session, say("{silences} questions in a row were not answered", silences=self._silences))

    async def _keep(self) -> None:
        while True:
            if self._session is None:
                await self._clock.sleep(self._pause())
                await self._try()
            else:
                await self._ended.wait()

    def _pause(self) -> float:
        if self._last_try is None:
            return 0.0
        wait = _QUIET if self._quiet() and self._tries > 1 else _PATIENCE[min(self._tries, len(_PATIENCE) - 1)]
        return max(0.0, self._last_try + wait - self._clock.elapsed())

    async def _try(self) -> None:
        """One attempt, with a new object and the next id."""
        self._ended.clear()
        self._silences, self._admitted = 0, False
        self.connected_at = self._clock.now()
        session = QmtSession(
            self._qmt.userdata,
            self._ids.next(),
            self._qmt.account,
            patience=self._patience,
            now=self._clock.now,
            hear=self._heard,
        )
        self._session = session
        trouble = say("the attempt was broken off")
        try:
            trouble = await session.open() or await self._ready(session)
        except CallTimedOut as error:
            trouble = str(error)
        except TimeoutError:
            trouble = say("MiniQMT took the connection and did not answer")
        except Exception as error:
            log.exception("the SDK failed at the connection")
            trouble = say("the SDK of MiniQMT failed: {error}", error=error)
        finally:
            self._last_try = self._clock.elapsed()
            if trouble is not None and self._session is session:
                self._tries += 1
                self._drop(trouble)

    async def _ready(self, session: QmtSession) -> str | None:
        """Learn the account's status; answers with the reason where it is not told. It may become ready later."""
        while True:
            self._told = None
            answer = await session.ask("query_account_status", lambda rows: [qmt_rows.read_status(row) for row in rows])
            if isinstance(answer, Unknown):
                return answer.reason
            if self._told is None:  # else it has changed meanwhile, and which is newer nobody knows
                break
        mine = next((status for status in answer.value if status.account == self._qmt.account), None)
        if mine is None:
            return say("MiniQMT does not tell the status of account {account}", account=self._qmt.account)
        self._tries, self._admitted = 0, True
        self._take_status(mine)
        return None

    def _heard(self, heard: SdkEvent) -> None:
        if isinstance(heard, Disconnected):
            self._drop(say("MiniQMT has hung up: it was closed or restarted, or lost its network"))
        elif not isinstance(heard, AccountStatus):
            self._hear(heard)
        elif heard.account == self._qmt.account:
            self._told = heard
            if self._admitted:
                self._take_status(heard)

    def _take_status(self, status: AccountStatus) -> None:
        if status.ready:
            if not self.state.up:
                self._become(up=True, text="ok", number=self.state.number + 1)
                log.info("MiniQMT: account %s is within reach (session %d)", self._qmt.account, self._ids.last)
        else:
            self._out_of_reach(say("account {account} is in {status}", account=self._qmt.account, status=status))

    def _drop(self, reason: str) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
        self._ended.set()
        self._out_of_reach(reason)

    def _out_of_reach(self, reason: str) -> None:
        if self.state.up or self.state.text != reason:
            log.warning("MiniQMT: account %s is out of reach: %s", self._qmt.account, reason)
            self._become(up=False, text=reason, number=self.state.number)

    def _become(self, *, up: bool, text: str, number: int) -> None:
        since: datetime = self.state.since if up == self.state.up and self.state.number == number else self._clock.now()
        self.state = LinkState(up, number, text, since)
        for listener in self.changed:
            try:
                listener()
            except Exception:
                log.exception("news of the connection was not taken")
