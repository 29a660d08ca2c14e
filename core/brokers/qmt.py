"""The account behind a MiniQMT terminal, through xtquant.

The SDK answers an order request with one of three values. A number: the account has the order. -1: refused, but only if
the account is still connected and does not list the order (the terminal can answer -1 with the order live). Anything
else (0, a timeout, a lost connection): the outcome is unknown, and the order is looked up by its remark until it is
found, until a later connection proves that it never arrived, or until the user settles it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import TypeVar

from core.brokers import qmt_rows
from core.brokers.broker import BrokerEvent, BrokerListener, ConnectionState
from core.brokers.qmt_connection import QmtConnection, SessionIds
from core.brokers.qmt_rows import DoubtfulRow, Native, OrderError, UnreadableRow
from core.i18n import say
from core.infra.clock import Clock
from core.infra.worker_thread import CallNotStarted, CallTimedOut
from core.model.account import Asset, Position, summed
from core.model.bond import BondCode
from core.model.known import Implausible, Known, Maybe, Unknown
from core.model.order import BrokerOrder, Confirmed, Fill, Intent, Order, Outcome, Refused, Unresolved
from core.model.settings import QmtSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

_POSITIONS, _TRADES = "query_stock_positions", "query_stock_trades"

ANSWER_TIMEOUT = 5.0
"""Seconds that the terminal may take to answer."""

ABSENCE_PROOF = 10.0
"""Seconds after connecting before an order list proves an absence: lists were seen to lag by 6 s."""


class QmtBroker:
    """Volumes in 张 on both exchanges; limit orders only; the terminal lists orders and fills of today only.

    `is_day_off`: whether today has no trading session. `timeout`: seconds per answer.
    """

    def __init__(
        self,
        qmt: QmtSettings,
        clock: Clock,
        ids: SessionIds,
        *,
        is_day_off: Callable[[], bool],
        timeout: float = ANSWER_TIMEOUT,
    ) -> None:
        self.account = qmt.account
        self._clock = clock
        self._connection = QmtConnection(
            qmt, ids, clock, is_day_off=is_day_off, on_event=self._on_event, timeout=timeout
        )
        self._listeners: list[BrokerListener] = []
        self._reject_texts: dict[tuple[int, int, str], str] = {}
        self._order_messages: dict[tuple[date, str], str] = {}
        self._connected_at = 0.0
        self._doubtful: dict[str, dict[BondCode, str]] = {}
        """By query, what its last answer says of bonds that cannot be true; under "" what events have said since."""
        self._sent_over: dict[str, int] = {}
        """The session over which each order of this process was sent, by client order id."""
        self._relisting: asyncio.Task[Maybe[tuple[BrokerOrder, ...]]] | None = None
        self._latency: float | None = None
        self.watch_connection(self._on_connection_change)

    @property
    def connection(self) -> ConnectionState:
        state = self._connection.state
        return replace(state, detail=f"{self._latency * 1000:.0f}ms") if state.connected and self._latency else state

    @property
    def frozen(self) -> Mapping[BondCode, str]:
        return {code: why for found in self._doubtful.values() for code, why in found.items()}

    def watch_connection(self, listener: Callable[[], None]) -> None:
        self._connection.listeners.append(listener)

    def subscribe(self, listener: BrokerListener) -> None:
        self._listeners.append(listener)

    async def start(self) -> None:
        await self._connection.start()

    async def stop(self) -> None:
        await self._connection.stop()

    def absence_proven_in(self, order: Order) -> float | None:
        """Only for an order of today that was sent over an earlier session; one of an earlier process was.

        Times do not count: the computer's clock may have been set back since.
        """
        on_its_way = self._sent_over.get(order.intent.client_order_id) == self._connection.sessions
        of_today = order.intent.trading_day == self._clock.now().date()
        if not self.connection.connected or on_its_way or not of_today:
            return None
        return max(0.0, self._connected_at + ABSENCE_PROOF - self._clock.elapsed())

    async def asset(self) -> Maybe[Asset]:
        answer = await self._query("query_stock_asset", _plausible_asset)
        return answer.value if isinstance(answer, Known) else answer

    async def positions(self) -> Maybe[tuple[Position, ...]]:
        listed = await self._query_list(_POSITIONS, qmt_rows.read_position)
        if isinstance(listed, Unknown):
            return listed
        # Of a bond with two rows, one of them doubtful, the other is no holding to go by.
        return Known(summed(row for row in listed.value if row.code not in self._doubtful[_POSITIONS]))

    async def orders(self, since: date) -> Maybe[tuple[BrokerOrder, ...]]:
        today = self._clock.now().date()
        listed = await self._query_list("query_stock_orders", lambda row: qmt_rows.read_order(row, today))
        return listed if isinstance(listed, Unknown) else Known(tuple(map(self._with_full_message, listed.value)))

    async def fills(self, since: date) -> Maybe[tuple[Fill, ...]]:
        now = self._clock.now()
        return await self._query_list(_TRADES, lambda row: qmt_rows.read_fill(row, now))

    async def place(self, intent: Intent) -> Outcome:
        session = self._connection.session
        if session is None:
            why = say("not sent: the account is not connected: {text}", text=self.connection.detail)
            return Refused(why, sent=False)
        self._sent_over[intent.client_order_id] = self._connection.sessions
        try:
            answer = await session.place(intent)
        except CallNotStarted as error:
            self._connection.drop(session, str(error))
            return Refused(say("not sent: {error}", error=error), sent=False)
        except CallTimedOut as error:
            self._connection.drop(session, str(error))
            return Unresolved(say("the answer was lost: {error}", error=error))
        except TimeoutError:
            return Unresolved(say("MiniQMT did not answer in time"))
        except Exception as error:
            log.exception("the SDK failed at an order")
            return Unresolved(say("the SDK of MiniQMT failed: {error}", error=error))
        if answer.order_id > 0:
            return Confirmed(str(answer.order_id))
        if answer.order_id == 0:
            return Unresolved(say("MiniQMT answered 0: the order may be live or not"))
        return await self._check_refusal(intent, answer.seq, answer.text)

    async def cancel(self, order_id: str) -> None:
        session = self._connection.session
        if session is None or not order_id.isdecimal():
            return
        try:
            await session.cancel(int(order_id))
        except CallTimedOut as error:
            self._connection.drop(session, str(error))

    async def _check_refusal(self, intent: Intent, seq: int, text: str) -> Outcome:
        """The SDK answered -1: refused only if the account, still connected, does not list the order."""
        session = self._connection.session
        listed = await self._list_orders_again()
        if isinstance(listed, Unknown) or session is None or self._connection.session is not session:
            return Unresolved(say("MiniQMT answered -1, and its order list could not be checked"))
        if intent.code in self.frozen:  # its row may be the one that cannot be believed
            return Unresolved(say("MiniQMT answered -1, and its order list could not be checked"))
        wanted = (intent.client_order_id, intent.code, intent.side, intent.volume)
        for order in listed.value:
            if (order.remark, order.code, order.side, order.volume) == wanted:
                log.warning("MiniQMT answered -1 for %s, which is live as order %s", order.remark, order.order_id)
                return Confirmed(order.order_id)
        reason = self._reject_texts.get((session.number, seq, intent.client_order_id)) or text
        return Refused(say("MiniQMT refused the order: {told}", told=reason or say("no reason given")))

    async def _list_orders_again(self) -> Maybe[tuple[BrokerOrder, ...]]:
        """Today's orders, queried after this call; simultaneous callers share one query."""
        if self._relisting is None:
            self._relisting = asyncio.create_task(self._list_after_this_turn())
        return await asyncio.shield(self._relisting)

    async def _list_after_this_turn(self) -> Maybe[tuple[BrokerOrder, ...]]:
        await asyncio.sleep(0)
        self._relisting = None
        return await self.orders(self._clock.now().date())

    async def _query_list(self, query: str, read: Callable[[Native], T | None]) -> Maybe[tuple[T, ...]]:
        """All rows that concern convertible bonds. A lost connection gives an empty list too, so the asset must then
        prove the connection, and that nothing is held where no position is listed."""
        listed = await self._query(query, lambda rows: [_read_or_doubt(read, row) for row in rows])
        if isinstance(listed, Unknown):
            return listed
        rows, positions = listed.value, query == _POSITIONS
        if not rows:
            asset = await self.asset()
            if isinstance(asset, Unknown) and (positions or not isinstance(asset, Implausible)):
                return asset
            value = asset.value.market_value if isinstance(asset, Known) else 0
            if positions and value > 0:
                return Unknown(
                    say(
                        "MiniQMT lists no position, but a market value of {market_value:,.2f} CNY. Compare it with the "
                        "positions that the MiniQMT window shows for account {account}. If some are missing there, log "
                        "in to MiniQMT again; else ask the broker what the value is",
                        market_value=value,
                        account=self.account,
                    )
                )
        self._note_doubts(query, {row.code: str(row) for row in rows if isinstance(row, DoubtfulRow)})
        return Known(tuple(row for row in rows if row is not None and not isinstance(row, DoubtfulRow)))

    def _note_doubts(self, query: str, found: Mapping[BondCode, str]) -> None:
        """Freeze what `query` cannot be believed in, and free what it lists rightly by now."""
        before = self.frozen
        self._doubtful[query] = dict(found)
        if query == _TRADES:
            self._doubtful.pop("", None)
        for code, why in self.frozen.items():
            if before.get(code) != why:
                log.error("%s: its orders and stops wait until MiniQMT reports the right figure", why)
        for code in before.keys() - self.frozen.keys():
            log.info("MiniQMT's figures for %s are plausible again", code)

    async def _query(self, query: str, read: Callable[[Native], T]) -> Maybe[T]:
        session = self._connection.session
        if session is None:
            state = self.connection
            return Unknown(
                say("{text} (not connected since {since:%m-%d %H:%M:%S})", text=state.detail, since=state.since)
            )
        asked_at = asyncio.get_running_loop().time()
        try:
            answer = await session.query(query, read)
        except CallTimedOut as error:
            self._connection.drop(session, str(error))
            return Unknown(str(error))
        except TimeoutError:
            self._connection.count_failure(session)
            return Unknown(say("MiniQMT did not answer in time"))
        except Exception as error:
            log.exception("the SDK failed at %s", query)
            self._connection.count_failure(session)
            return Unknown(say("the SDK of MiniQMT failed: {error}", error=error))
        if self._connection.session is not session:
            return Unknown(say("the connection was lost meanwhile: {text}", text=self.connection.detail))
        self._connection.failures = 0
        self._latency = asyncio.get_running_loop().time() - asked_at
        return answer

    def _on_event(self, event: BrokerOrder | Fill | OrderError | DoubtfulRow) -> None:
        if isinstance(event, OrderError):
            self._record_reject(event)
        elif isinstance(event, DoubtfulRow):
            self._note_doubts("", {**self._doubtful.get("", {}), event.code: str(event)})
        else:
            self._publish(self._with_full_message(event) if isinstance(event, BrokerOrder) else event)

    def _record_reject(self, error: OrderError) -> None:
        """Keep a reject's full text. The SDK delivers a stale one again with the next -1: each counts once."""
        session = self._connection.session
        key = (session.number if session else 0, error.seq, error.remark)
        if key in self._reject_texts:
            return
        self._reject_texts[key] = error.text
        if error.order_id > 0:
            self._order_messages[self._clock.now().date(), str(error.order_id)] = error.text
        log.warning("MiniQMT rejected %s: %s", error.remark or f"order {error.order_id}", error.text)

    def _with_full_message(self, order: BrokerOrder) -> BrokerOrder:
        text = self._order_messages.get((order.trading_day, order.order_id))
        return order if text is None else replace(order, message=text)

    def _on_connection_change(self) -> None:
        if self.connection.connected:
            self._connected_at = self._clock.elapsed()

    def _publish(self, event: BrokerEvent) -> None:
        for listener in self._listeners:
            listener(event)


def _read_or_doubt(read: Callable[[Native], T | None], row: Native) -> T | DoubtfulRow | None:
    try:
        return read(row)
    except DoubtfulRow as doubt:
        return doubt


def _plausible_asset(native: Native) -> Maybe[Asset]:
    try:
        return Known(qmt_rows.read_asset(native))
    except UnreadableRow as error:
        return Implausible(say("MiniQMT reports money of the account that cannot be true: {error}", error=error))
