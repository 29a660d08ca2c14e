"""One session with MiniQMT: an `XtQuantTrader`, the thread that owns it, and a deadline on everything it is asked.

A session is used once. All but the first two calls are the SDK's asynchronous ones, so a slow answer delays nothing
that is asked after it, and orders leave in the order given.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

from core.brokers import qmt_rows
from core.brokers.broker import ConnectionStatus
from core.brokers.qmt_rows import AccountStatus, DoubtfulRow, Native, OrderError, OrderResponse, UnreadableRow
from core.i18n import say
from core.infra import xtquant_sdk
from core.infra.worker_thread import CallTimedOut, WorkerThread, call_with_deadline
from core.model.known import Known, Maybe, Unknown
from core.model.order import BrokerOrder, Fill, Intent, Side
from core.model.settings import QmtSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
"""Seconds that a connect or a subscribe may take; the native connect gives up after 3."""

_STOP_TIMEOUT = 5.0
"""Seconds that the SDK is given to stop: it is known to hang there."""

STATUS_QUERY = "query_account_status"
"""The only query without an account: it lists all accounts."""

_LIMIT_PRICE = 11
_ORDER_TYPES = {Side.BUY: 23, Side.SELL: 24}


class ConnectFailure(NamedTuple):
    """Why a connection was not made: its status, and a sentence for the user."""

    status: ConnectionStatus
    text: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The terminal closed the connection."""


SdkEvent = BrokerOrder | Fill | OrderError | AccountStatus | DoubtfulRow | Disconnected


class QmtSession:
    """`timeout`: seconds that an answer may take. Events go to `on_event`, on the loop, until `close`."""

    def __init__(
        self,
        qmt: QmtSettings,
        number: int,
        *,
        timeout: float,
        now: Callable[[], datetime],
        on_event: Callable[[SdkEvent], None],
    ) -> None:
        self.number = number
        self._qmt = qmt
        self._account_type = qmt_rows.ACCOUNT_TYPES[qmt.account_type]
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        self._callback = _SdkCallback(self._account_type, now, self._hand_over)
        self._worker = WorkerThread(f"qmt-{number}")
        self._trader: Any = None
        self._account: Any = None
        self._pending: set[asyncio.Future[Any]] = set()
        self._placing: dict[int, asyncio.Future[OrderResponse]] = {}
        self._early: dict[int, OrderResponse] = {}
        self._closed = False

    async def open(self) -> ConnectFailure | None:
        """Connect and subscribe; returns why that failed. Raises `CallTimedOut`."""
        await self._worker.call(self._build, CONNECT_TIMEOUT)
        if await self._worker.call(self._trader.connect, CONNECT_TIMEOUT) != 0:
            text = say("MiniQMT is not running, or not logged in (极简模式), or qmt.userdata is not its folder")
            return ConnectFailure(ConnectionStatus.DISCONNECTED, text)
        if await self._worker.call(lambda: self._trader.subscribe(self._account), CONNECT_TIMEOUT + self._timeout) != 0:
            text = say(
                "MiniQMT does not offer account {account_id}: check that it is logged in there, and qmt.account",
                account_id=self._qmt.account,
            )
            return ConnectFailure(ConnectionStatus.ACCOUNT_UNAVAILABLE, text)
        return None

    async def query(self, query: str, read: Callable[[Native], T]) -> Maybe[T]:
        """Answer of `query_…_async`, read on the SDK's thread; `Unknown` where it cannot be read.

        Rows of another account type under the same number are left out.

        Raises `CallTimedOut` where the session ends, `TimeoutError` without an answer. None is no answer, and so is an
        empty one that took as long as the timeout: the SDK gives the same when time runs out.
        """
        answered: asyncio.Future[Maybe[T] | None] = self._future()

        def on_answer(native: Native) -> None:
            late = not native and time.monotonic() - asked_at >= 0.9 * self._timeout
            try:
                value = None if late or native is None else Known(read(self._own(query, native)))
            except Exception as error:  # the SDK would swallow it
                value = Unknown(say("MiniQMT's answer cannot be read: {error}", error=error))
            self._post(_resolve, answered, value)

        asked_at = time.monotonic()
        await self._worker.call(lambda: self._send_query(query, on_answer), self._timeout)
        async with asyncio.timeout(self._timeout + 1):
            answer = await answered
        if answer is None:
            raise TimeoutError
        return answer

    async def place(self, intent: Intent) -> OrderResponse:
        """Send an order, once, and wait for its number.

        Raises `CallNotStarted` where it was not sent; after `CallTimedOut` and `TimeoutError` its outcome is unknown.
        """
        seq: int = await self._worker.call(lambda: self._send_order(intent), self._timeout)
        answer = self._early.pop(seq, None)
        if answer is not None:
            return answer
        self._placing[seq] = waiting = self._future()
        try:
            async with asyncio.timeout(self._timeout + 1):
                return await waiting
        finally:
            self._placing.pop(seq, None)

    async def cancel(self, order_id: int) -> None:
        """Request a cancel. The SDK's answer proves nothing, so nothing waits for it. Raises `CallTimedOut`."""
        await self._worker.call(lambda: self._trader.cancel_order_stock_async(self._account, order_id), self._timeout)

    def close(self) -> threading.Thread | None:
        """Take no more events and stop the SDK, whose stop may hang: on a thread of its own, which is returned."""
        self._closed = True
        self._callback.mute()
        for pending in tuple(self._pending):
            if not pending.done():
                pending.set_exception(CallTimedOut(say("the connection was lost before MiniQMT answered")))
                pending.exception()  # marks it as read, where nobody waits any more
        self._worker.end()
        if self._trader is None:
            return None
        thread = threading.Thread(target=_stop_trader, args=(self._trader, self.number), name="qmt-close", daemon=True)
        thread.start()
        return thread

    def _own(self, query: str, native: Native) -> Native:
        """What the answer says of the account itself. Raises `UnreadableRow`."""
        if query == STATUS_QUERY:
            return native
        if isinstance(native, list):
            return [row for row in cast("list[Native]", native) if qmt_rows.is_of_type(row, self._account_type)]
        if not qmt_rows.is_of_type(native, self._account_type):
            raise UnreadableRow(
                say("it is of another account type, not {account_type}", account_type=self._qmt.account_type)
            )
        return native

    def _future(self) -> "asyncio.Future[Any]":
        """A future that fails when the session ends."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    def _build(self) -> None:
        # The SDK's own __del__ restores an event loop of the main thread that it never replaced here, and fails.
        kind = type("Trader", (xtquant_sdk.trading_sdk().XtQuantTrader,), {"__del__": _do_nothing})
        trader = kind(self._qmt.userdata, self.number, self._callback)
        trader.set_timeout(int(self._timeout * 1000))  # milliseconds; without it a call may block for ever
        trader.start()
        self._account = xtquant_sdk.account_class()(self._qmt.account, self._qmt.account_type)
        self._trader = trader
        if self._closed:
            _stop_trader(trader, self.number)

    def _send_query(self, query: str, on_answer: Callable[[Native], None]) -> None:
        if query == STATUS_QUERY:
            self._trader.query_account_status_async(on_answer)
        else:
            getattr(self._trader, f"{query}_async")(self._account, on_answer)

    def _send_order(self, intent: Intent) -> int:
        return self._trader.order_stock_async(
            self._account,
            str(intent.code),
            _ORDER_TYPES[intent.side],
            intent.volume,
            _LIMIT_PRICE,
            float(intent.price),
            qmt_rows.STRATEGY_NAME,
            intent.client_order_id,
        )

    def _hand_over(self, event: SdkEvent | OrderResponse) -> None:
        self._post(self._take, event)

    def _take(self, event: SdkEvent | OrderResponse) -> None:
        if isinstance(event, OrderResponse):
            waiting = self._placing.get(event.seq)
            if waiting is None:  # pushed before the request returned its number
                self._early[event.seq] = event
            else:
                _resolve(waiting, event)
        elif not self._closed:
            self._on_event(event)

    def _post(self, step: Callable[..., None], *values: Any) -> None:  # noqa: ANN401
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(step, *values)


class _SdkCallback:
    """The SDK's callback object, on its threads: each method copies its argument and hands the copy over; none calls
    the SDK, waits or raises."""

    def __init__(
        self,
        account_type: int,
        now: Callable[[], datetime],
        hand_over: Callable[[SdkEvent | OrderResponse], None],
    ) -> None:
        self._account_type = account_type
        self._now = now
        self._hand_over: Callable[[SdkEvent | OrderResponse], None] | None = hand_over

    def mute(self) -> None:
        """Ignore everything from now on."""
        self._hand_over = None

    def on_disconnected(self) -> None:
        self._copy(Disconnected)

    def on_account_status(self, status: Native) -> None:
        self._copy(lambda: qmt_rows.read_status(status))

    def on_stock_order(self, order: Native) -> None:
        self._copy_own(order, lambda: qmt_rows.read_order(order, self._now().date()))

    def on_stock_trade(self, trade: Native) -> None:
        self._copy_own(trade, lambda: qmt_rows.read_fill(trade, self._now()))

    def on_order_error(self, error: Native) -> None:
        self._copy(lambda: qmt_rows.read_error(error))

    def on_order_stock_async_response(self, response: Native) -> None:
        self._copy(lambda: qmt_rows.read_response(response))

    def on_cancel_error(self, error: Native) -> None:
        self._copy(lambda: log.warning("a cancel was refused: %s", qmt_rows.read_reason(error)))

    # Pushed by no known terminal, or without anything new in them: the account is queried instead.
    def on_connected(self) -> None: ...

    def on_stock_asset(self, asset: Native) -> None: ...

    def on_stock_position(self, position: Native) -> None: ...

    def on_cancel_order_stock_async_response(self, response: Native) -> None: ...

    def _copy_own(self, native: Native, read: Callable[[], SdkEvent | None]) -> None:
        """`_copy`, unless it is of another account type under the same number."""
        self._copy(lambda: read() if qmt_rows.is_of_type(native, self._account_type) else None)

    def _copy(self, read: Callable[[], SdkEvent | OrderResponse | None]) -> None:
        hand_over = self._hand_over
        if hand_over is None:
            return
        try:
            event = read()
            if event is not None:
                hand_over(event)
        except DoubtfulRow as doubt:
            hand_over(doubt)
        except UnreadableRow as error:
            log.error("an event from MiniQMT could not be read (%s); the account is queried instead", error)
        except Exception:  # the SDK would swallow it
            log.exception("an event from MiniQMT could not be read; the account is queried instead")


def _do_nothing(_: object) -> None: ...


def _resolve(future: "asyncio.Future[Any]", value: Any) -> None:  # noqa: ANN401
    if not future.done():
        future.set_result(value)


def _stop_trader(trader: Any, number: int) -> None:  # noqa: ANN401
    """Stop an old SDK object; where it hangs, its threads are left alone."""

    def stop() -> None:
        trader.stop()
        trader.loop.close()

    try:
        call_with_deadline(f"qmt-stop-{number}", stop, _STOP_TIMEOUT)
    except CallTimedOut:
        log.warning("the old connection %d does not stop: its threads stay until rotor ends", number)
    except Exception as error:
        log.warning("the old connection %d did not stop cleanly: %s", number, error)
