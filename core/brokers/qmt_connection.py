"""Keeps one session with MiniQMT at a time and replaces it when it is lost, as long as the program runs."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core import i18n
from core.brokers import qmt_rows
from core.brokers.broker import ConnectionState, ConnectionStatus
from core.brokers.qmt_rows import AccountStatus, DoubtfulRow, OrderError
from core.brokers.qmt_session import STATUS_QUERY, ConnectFailure, Disconnected, QmtSession, SdkEvent
from core.i18n import say
from core.infra.clock import Clock
from core.infra.tasks import end_tasks
from core.infra.worker_thread import CallTimedOut
from core.model.known import Maybe, Unknown
from core.model.order import BrokerOrder, Fill
from core.model.settings import QmtSettings

log = logging.getLogger(__name__)

RETRY_GAP = 3.0
"""Seconds between two attempts at least: the terminal keeps a session id for that long (the vendor's FAQ)."""

_BACKOFF = (RETRY_GAP, RETRY_GAP, 5.0, 10.0, 20.0, 30.0)
"""Seconds to the next attempt; the last value repeats."""

_DAY_OFF_BACKOFF = 600.0
"""The same on a day without a session, when terminals are usually off."""

_STOP_TIMEOUT = 2.0
"""Seconds that rotor, when it ends, waits for the SDK to stop."""

_DOWN = ConnectionStatus.DISCONNECTED

_MAX_FAILURES = 3
"""Failed queries in a row after which a session that looks alive is dropped."""


@dataclass(slots=True)
class SessionIds:
    """Rotates through the ids of the settings: each id leaves files of some 75 MB in userdata_mini for ever.

    `last` is the id used before, in an earlier run too; `on_use` is called with each id before it is used.
    """

    first: int
    count: int
    last: int | None
    on_use: Callable[[int], None] = lambda _: None

    def next(self) -> int:
        offset = 0 if self.last is None else (self.last - self.first + 1) % self.count
        self.last = self.first + offset
        self.on_use(self.last)
        return self.last


class QmtConnection:
    """`is_day_off`: whether there is no session today; `on_event` gets the account's orders, fills and rejects."""

    def __init__(
        self,
        qmt: QmtSettings,
        ids: SessionIds,
        clock: Clock,
        *,
        is_day_off: Callable[[], bool],
        on_event: Callable[[BrokerOrder | Fill | OrderError | DoubtfulRow], None],
        timeout: float,
    ) -> None:
        self._qmt = qmt
        self._ids = ids
        self._clock = clock
        self._is_day_off = is_day_off
        self._on_account_event = on_event
        self._timeout = timeout
        self._session: QmtSession | None = None
        self._pushed_status: AccountStatus | None = None
        self._status_known = False
        self._lost = asyncio.Event()
        self._retrying: asyncio.Task[None] | None = None
        self._attempts = 0
        self._last_attempt: float | None = None
        self.failures = 0
        """Queries in a row without an answer."""
        self.sessions = 0
        """How many sessions were begun; the account's status may become ready over one of them more than once."""
        self.state = ConnectionState(ConnectionStatus.DISCONNECTED, 0, say("not connected yet"), clock.now())
        self.listeners: list[Callable[[], None]] = []

    @property
    def session(self) -> QmtSession | None:
        """The session, while the account can be reached over it."""
        return self._session if self.state.connected else None

    async def start(self) -> None:
        await self._connect()
        self._retrying = asyncio.create_task(self._reconnect_forever())

    async def stop(self) -> None:
        await end_tasks(self._retrying)
        session, self._session = self._session, None
        stopping = session.close() if session is not None else None
        self._set_state(ConnectionStatus.DISCONNECTED, say("rotor has ended"))
        if stopping is not None:  # native threads that still run when the process ends may crash it
            await asyncio.to_thread(stopping.join, _STOP_TIMEOUT)

    def drop(self, session: QmtSession, reason: str) -> None:
        """Give this session up; the next one is made in the background."""
        if self._session is session:
            self._drop_current(reason)

    def count_failure(self, session: QmtSession) -> None:
        """Count a query without an answer: several in a row mean that the session is dead."""
        self.failures += 1
        if self.failures >= _MAX_FAILURES:
            self.drop(session, say("MiniQMT did not answer {silences} queries in a row", silences=self.failures))

    async def _reconnect_forever(self) -> None:
        while True:
            if self._session is None:
                await self._clock.sleep(self._seconds_to_next_attempt())
                await self._connect()
            else:
                await self._lost.wait()

    def _seconds_to_next_attempt(self) -> float:
        if self._last_attempt is None:
            return 0.0
        day_off = self._attempts > 1 and self._is_day_off()
        wait = _DAY_OFF_BACKOFF if day_off else _BACKOFF[min(self._attempts, len(_BACKOFF) - 1)]
        return max(0.0, self._last_attempt + wait - self._clock.elapsed())

    async def _connect(self) -> None:
        """One attempt, with a new SDK object and the next id."""
        self._lost.clear()
        self.failures, self._status_known = 0, False
        self.sessions += 1
        session = QmtSession(
            self._qmt, self._ids.next(), timeout=self._timeout, now=self._clock.now, on_event=self._on_event
        )
        self._session = session
        failure: ConnectFailure | None = ConnectFailure(_DOWN, say("the attempt was interrupted"))
        try:
            failure = await self._open(session)
        except CallTimedOut as error:
            failure = ConnectFailure(_DOWN, str(error))
        except TimeoutError:
            failure = ConnectFailure(_DOWN, say("MiniQMT accepted the connection and did not answer"))
        except Exception as error:
            log.exception("the SDK failed at the connection")
            failure = ConnectFailure(_DOWN, say("the SDK of MiniQMT failed: {error}", error=error))
        finally:
            self._last_attempt = self._clock.elapsed()
            if failure is not None and self._session is session:
                self._attempts += 1
                self._drop_current(failure.text, failure.status)

    async def _open(self, session: QmtSession) -> ConnectFailure | None:
        failure = await session.open()
        if failure is None:
            return await self._read_status(session)
        if failure.status is ConnectionStatus.ACCOUNT_UNAVAILABLE:
            listed = await _statuses(session)
            return failure if isinstance(listed, Unknown) else self._of_another_type(listed.value) or failure
        return failure

    async def _read_status(self, session: QmtSession) -> ConnectFailure | None:
        """Query the account's status; returns why that failed. The account may become ready later."""
        while True:
            self._pushed_status = None
            listed = await _statuses(session)
            if isinstance(listed, Unknown):
                return ConnectFailure(_DOWN, listed.reason)
            if self._pushed_status is None:  # else it changed meanwhile, and which of the two is newer is unknown
                break
        mine = next(filter(self._is_own, listed.value), None)
        if mine is None:
            text = say("MiniQMT gives no status for account {account}", account=self._qmt.account)
            return self._of_another_type(listed.value) or ConnectFailure(ConnectionStatus.ACCOUNT_UNAVAILABLE, text)
        self._attempts, self._status_known = 0, True
        self._apply_status(mine)
        return None

    def _is_own(self, status: AccountStatus) -> bool:
        return (status.account, status.type) == (self._qmt.account, qmt_rows.ACCOUNT_TYPES[self._qmt.account_type])

    def _of_another_type(self, listed: Iterable[AccountStatus]) -> ConnectFailure | None:
        """What is wrong where the terminal lists the account's number under other types only."""
        types = [qmt_rows.type_name(one.type) for one in listed if one.account == self._qmt.account]
        if not types:
            return None
        text = say(
            "MiniQMT lists {account} as an account of type {types}, not {wanted}, the only type that rotor trades: set "
            "qmt.account to a stock account's number",
            account=self._qmt.account,
            types=i18n.listed(types),
            wanted=self._qmt.account_type,
        )
        return ConnectFailure(ConnectionStatus.ACCOUNT_UNAVAILABLE, text)

    def _on_event(self, event: SdkEvent) -> None:
        if isinstance(event, Disconnected):
            self._drop_current(say("MiniQMT closed the connection: it was closed or restarted, or lost its network"))
        elif not isinstance(event, AccountStatus):
            self._on_account_event(event)
        elif self._is_own(event):
            self._pushed_status = event
            if self._status_known:
                self._apply_status(event)

    def _apply_status(self, status: AccountStatus) -> None:
        if not status.ready:
            text = say("account {account} is not ready: {status}", account=self._qmt.account, status=status)
            self._disconnect(text, ConnectionStatus.ACCOUNT_UNAVAILABLE)
        elif not self.state.connected:
            self._set_state(ConnectionStatus.CONNECTED, "ok")
            log.info("MiniQMT: account %s is connected (session %d)", self._qmt.account, self._ids.last)

    def _drop_current(self, reason: str, status: ConnectionStatus = _DOWN) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
        self._lost.set()
        self._disconnect(reason, status)

    def _disconnect(self, reason: str, status: ConnectionStatus) -> None:
        if (self.state.status, self.state.detail) != (status, reason):
            log.warning("MiniQMT: account %s is not connected: %s", self._qmt.account, reason)
            self._set_state(status, reason)

    def _set_state(self, status: ConnectionStatus, detail: str) -> None:
        """Each change to connected is a new connection; `since` stays while the account is connected, or is not."""
        connected = status is ConnectionStatus.CONNECTED
        since = self.state.since if connected == self.state.connected else self._clock.now()
        self.state = ConnectionState(status, self.state.number + connected, detail, since)
        for listener in self.listeners:
            try:
                listener()
            except Exception:
                log.exception("a listener of the connection failed")


async def _statuses(session: QmtSession) -> Maybe[list[AccountStatus]]:
    """The state of every account at the terminal whose row can be read."""
    return await session.query(STATUS_QUERY, qmt_rows.read_statuses)
