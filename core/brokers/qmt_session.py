"""One connection to MiniQMT: an `XtQuantTrader`, the thread that owns it, and a deadline on everything it is asked.

A connection is used once. The owner's thread only hands requests over (all but the first two calls are the SDK's
asynchronous ones), so a slow answer holds up nothing that is asked after it, and orders leave in the order given.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from core.brokers import qmt_rows
from core.brokers.qmt_rows import AccountStatus, OrderAccepted, OrderError
from core.i18n import say
from core.infra import xtquant_sdk
from core.infra.worker_thread import CallTimedOut, WorkerThread
from core.model.known import Known, Maybe, Unknown
from core.model.order import BrokerOrder, Fill, Intent, Side

log = logging.getLogger(__name__)

T = TypeVar("T")
Native = Any

OPENING = 10.0
"""Seconds that a connect or a subscribe may take; the native connect gives up after 3."""

_FAREWELL = 5.0
"""Seconds that the SDK is given to stop: it is known to hang there."""

_LIMIT_PRICE = 11
_ORDER_TYPES = {Side.BUY: 23, Side.SELL: 24}
_STRATEGY_NAME = "rotor"


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The terminal has hung up."""


SdkEvent = BrokerOrder | Fill | OrderError | AccountStatus | Disconnected


class QmtSession:
    """`patience`: seconds that an answer may take. What is heard goes to `hear`, on the loop, until `close`."""

    def __init__(
        self,
        userdata: str,
        number: int,
        account: str,
        *,
        patience: float,
        now: Callable[[], datetime],
        hear: Callable[[SdkEvent], None],
    ) -> None:
        self.number = number
        self._userdata = userdata
        self._account_id = account
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._hear: Callable[[SdkEvent], None] | None = hear
        self._ears = _SdkCallback(now, self._hand_over)
        self._owner = WorkerThread(f"qmt-{number}")
        self._trader: Any = None
        self._account: Any = None
        self._pending: set[asyncio.Future[Any]] = set()
        self._waiting: dict[int, asyncio.Future[OrderAccepted]] = {}
        self._early: dict[int, OrderAccepted] = {}
        self._closed = False

    async def open(self) -> str | None:
        """Connect and subscribe; answers with the reason where that fails. Raises `CallTimedOut`."""
        await self._owner.call(self._build, OPENING)
        if await self._owner.call(self._trader.connect, OPENING) != 0:
            return say("MiniQMT is not running, or not logged in (极简模式), or qmt.userdata is not its folder")
        if await self._owner.call(lambda: self._trader.subscribe(self._account), OPENING + self._patience) != 0:
            return say(
                "MiniQMT does not offer account {account_id}: see that it is logged in there, and qmt.account",
                account_id=self._account_id,
            )
        return None

    async def ask(self, query: str, read: Callable[[Native], T]) -> Maybe[T]:
        """Answer of `query_…_async`, read on the SDK's thread; `Unknown` where it cannot be read.

        Raises `CallTimedOut` where the connection ends, `TimeoutError` where nothing comes: None is nothing, and so is
        an empty answer that took as long as the time-out, since the SDK gives the same one when time runs out.
        """
        answered: asyncio.Future[Maybe[T] | None] = self._future()

        def on_answer(native: Native) -> None:
            late = not native and time.monotonic() - asked >= 0.9 * self._patience
            try:
                value = None if late or native is None else Known(read(native))
            except Exception as error:  # raised here it would vanish
                value = Unknown(say("MiniQMT's answer cannot be read: {error}", error=error))
            self._post(_resolve, answered, value)

        asked = time.monotonic()
        await self._owner.call(lambda: self._call(query, on_answer), self._patience)
        async with asyncio.timeout(self._patience + 1):
            answer = await answered
        if answer is None:
            raise TimeoutError
        return answer

    async def order(self, intent: Intent) -> OrderAccepted:
        """Hand an order over, once, and wait for its number.

        Raises `NeverBegun`; with `CallTimedOut` and `TimeoutError` nobody knows what became of it.
        """
        seq: int = await self._owner.call(lambda: self._send(intent), self._patience)
        answer = self._early.pop(seq, None)
        if answer is not None:
            return answer
        waiting: asyncio.Future[OrderAccepted] = self._future()
        self._waiting[seq] = waiting
        try:
            async with asyncio.timeout(self._patience + 1):
                return await waiting
        finally:
            self._waiting.pop(seq, None)

    async def cancel(self, order_id: int) -> None:
        """Ask for a cancel. What it answers proves nothing, so nothing waits for it. Raises `CallTimedOut`."""
        await self._owner.call(lambda: self._trader.cancel_order_stock_async(self._account, order_id), self._patience)

    def close(self) -> threading.Thread | None:
        """Hear nothing more and let the SDK go, on a thread of its own that is answered with: its stop may hang."""
        self._hear, self._closed = None, True
        self._ears.cover()
        for pending in tuple(self._pending):
            if not pending.done():
                pending.set_exception(CallTimedOut(say("the connection was lost before MiniQMT answered")))
                pending.exception()  # whoever still waits is told; nobody has to
        self._owner.end()
        if self._trader is None:
            return None
        farewell = threading.Thread(target=_let_go, args=(self._trader, self.number), name="qmt-farewell", daemon=True)
        farewell.start()
        return farewell

    def _future(self) -> "asyncio.Future[Any]":
        """A future that fails when the connection ends."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    def _build(self) -> None:
        # Its own __del__ gives the main thread a loop back that was never taken from it here, and fails at that.
        kind = type("Trader", (xtquant_sdk.trading_sdk().XtQuantTrader,), {"__del__": _rest})
        trader = kind(self._userdata, self.number, self._ears)
        trader.set_timeout(int(self._patience * 1000))
        trader.start()
        self._account = xtquant_sdk.account_type()(self._account_id)
        self._trader = trader
        if self._closed:
            _let_go(trader, self.number)

    def _call(self, query: str, on_answer: Callable[[Native], None]) -> None:
        if query == "query_account_status":  # the one that asks for no account
            self._trader.query_account_status_async(on_answer)
        else:
            getattr(self._trader, f"{query}_async")(self._account, on_answer)

    def _send(self, intent: Intent) -> int:
        return self._trader.order_stock_async(
            self._account,
            str(intent.code),
            _ORDER_TYPES[intent.side],
            intent.volume,
            _LIMIT_PRICE,
            float(intent.price),
            _STRATEGY_NAME,
            intent.client_order_id,
        )

    def _hand_over(self, heard: SdkEvent | OrderAccepted) -> None:
        self._post(self._take, heard)

    def _take(self, heard: SdkEvent | OrderAccepted) -> None:
        if isinstance(heard, OrderAccepted):
            waiting = self._waiting.get(heard.seq)
            if waiting is None:
                self._early[heard.seq] = heard
            elif not waiting.done():
                waiting.set_result(heard)
        elif self._hear is not None:
            self._hear(heard)

    def _post(self, step: Callable[..., None], *values: Any) -> None:  # noqa: ANN401
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it everybody who would listen
            self._loop.call_soon_threadsafe(step, *values)


class _SdkCallback:
    """The SDK's callback object: each method copies what it is told and hands over; none calls, waits or raises."""

    def __init__(self, now: Callable[[], datetime], hand_over: Callable[[SdkEvent | OrderAccepted], None]) -> None:
        self._now = now
        self._hand_over: Callable[[SdkEvent | OrderAccepted], None] | None = hand_over

    def cover(self) -> None:
        """Nothing is heard from now on."""
        self._hand_over = None

    def on_disconnected(self) -> None:
        self._tell(Disconnected)

    def on_account_status(self, status: Native) -> None:
        self._tell(lambda: qmt_rows.read_status(status))

    def on_stock_order(self, order: Native) -> None:
        self._tell(lambda: qmt_rows.read_order(order, self._now().date()))

    def on_stock_trade(self, trade: Native) -> None:
        self._tell(lambda: qmt_rows.read_fill(trade, self._now()))

    def on_order_error(self, error: Native) -> None:
        self._tell(lambda: qmt_rows.read_error(error))

    def on_order_stock_async_response(self, response: Native) -> None:
        self._tell(lambda: qmt_rows.read_answer(response))

    def on_cancel_error(self, error: Native) -> None:
        self._tell(lambda: log.warning("a cancel was refused: %s", qmt_rows.read_reason(error)))

    # Pushed by no known terminal, or without news in them: the account is asked instead.
    def on_connected(self) -> None: ...

    def on_stock_asset(self, asset: Native) -> None: ...

    def on_stock_position(self, position: Native) -> None: ...

    def on_cancel_order_stock_async_response(self, response: Native) -> None: ...

    def _tell(self, copy: Callable[[], SdkEvent | OrderAccepted | None]) -> None:
        hand_over = self._hand_over
        if hand_over is None:
            return
        try:
            heard = copy()
            if heard is not None:
                hand_over(heard)
        except Exception:  # raised here it would vanish in a future that nobody reads
            log.exception("something that MiniQMT told could not be read; it is looked up")


def _rest(_: object) -> None: ...


def _resolve(future: "asyncio.Future[Any]", value: Any) -> None:  # noqa: ANN401
    if not future.done():
        future.set_result(value)


def _let_go(trader: Any, number: int) -> None:  # noqa: ANN401
    """Stop an old connection; what hangs in there is left to its threads."""

    def stop() -> None:
        try:
            trader.stop()
            trader.loop.close()
        except Exception as error:
            log.warning("the old connection %d did not stop cleanly: %s", number, error)

    thread = threading.Thread(target=stop, name=f"qmt-stop-{number}", daemon=True)
    thread.start()
    thread.join(_FAREWELL)
    if thread.is_alive():
        log.warning("the old connection %d does not stop: its threads stay until rotor ends", number)
