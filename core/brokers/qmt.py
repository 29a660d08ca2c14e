"""The account behind a MiniQMT terminal, through xtquant.

What an order's request answers is one of three things. A number: the account has it. -1: refused, if the account is
still within reach and its list does not hold the order; the terminal has been seen to answer so with the order live.
Anything else (0, a time-out, a lost connection): nobody knows, and the order is looked up by its remark until it is
found, until a later connection proves that it never arrived, or until the user settles it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TypeVar

from core.brokers import qmt_rows
from core.brokers.broker import BrokerEvent, BrokerListener, LinkState
from core.brokers.qmt_connection import QmtConnection, SessionIds
from core.brokers.qmt_rows import OrderError
from core.brokers.qmt_session import Native
from core.i18n import say
from core.infra.clock import Clock
from core.infra.worker_thread import CallNotStarted, CallTimedOut
from core.model.account import Asset, Position
from core.model.known import Known, Maybe, Unknown
from core.model.order import BrokerOrder, Confirmed, Fill, Intent, Order, Outcome, Refused, Unresolved
from core.model.settings import QmtSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds that the terminal may take for an answer."""

PROOF = 10.0
"""Seconds that a new connection must have stood before its order list proves an absence: lists were seen 6 s behind."""


class QmtBroker:
    """Volumes in 张 on both exchanges; limit orders only; lists reach back to the start of the day."""

    def __init__(
        self, qmt: QmtSettings, clock: Clock, ids: SessionIds, *, quiet: Callable[[], bool], patience: float = PATIENCE
    ) -> None:
        self.account = qmt.account
        self._clock = clock
        self._link = QmtConnection(qmt, ids, clock, quiet=quiet, hear=self._heard, patience=patience)
        self._listeners: list[BrokerListener] = []
        self._rejects: dict[tuple[int, int, str], str] = {}
        self._texts: dict[str, str] = {}
        self._up_at = 0.0
        self._recheck: asyncio.Task[Maybe[tuple[BrokerOrder, ...]]] | None = None
        self._latency: float | None = None
        self._link.changed.append(self._on_link)

    @property
    def link(self) -> LinkState:
        state = self._link.state
        return replace(state, text=f"{self._latency * 1000:.0f}ms") if state.up and self._latency else state

    def watch_link(self, listener: Callable[[], None]) -> None:
        self._link.changed.append(listener)

    def subscribe(self, listener: BrokerListener) -> None:
        self._listeners.append(listener)

    async def start(self) -> None:
        await self._link.start()

    async def stop(self) -> None:
        await self._link.stop()

    def absence_proves(self, order: Order) -> float | None:
        """Only for an order of today that was handed over before the connection of now was made."""
        last = order.log[-1].at if order.log else order.created_at
        today = self._clock.now().date()
        if not self.link.up or last >= self._link.connected_at or order.intent.trading_day != today:
            return None
        return max(0.0, self._up_at + PROOF - self._clock.elapsed())

    async def asset(self) -> Maybe[Asset]:
        return await self._ask("query_stock_asset", qmt_rows.read_asset)

    async def positions(self) -> Maybe[tuple[Position, ...]]:
        return await self._list("query_stock_positions", qmt_rows.read_position)

    async def orders(self, since: date) -> Maybe[tuple[BrokerOrder, ...]]:
        today = self._clock.now().date()
        listed = await self._list("query_stock_orders", lambda row: qmt_rows.read_order(row, today))
        return listed if isinstance(listed, Unknown) else Known(tuple(map(self._in_full, listed.value)))

    async def fills(self, since: date) -> Maybe[tuple[Fill, ...]]:
        now = self._clock.now()
        return await self._list("query_stock_trades", lambda row: qmt_rows.read_fill(row, now))

    async def place(self, intent: Intent) -> Outcome:
        session = self._link.session
        if session is None:
            return Refused(say("not sent: the account is out of reach: {text}", text=self.link.text))
        try:
            answer = await session.order(intent)
        except CallNotStarted as error:
            self._link.lost(session, str(error))
            return Refused(f"not sent: {error}")
        except CallTimedOut as error:
            self._link.lost(session, str(error))
            return Unresolved(say("its answer was lost: {error}", error=error))
        except TimeoutError:
            return Unresolved(say("MiniQMT did not answer in time"))
        except Exception as error:
            log.exception("the SDK failed at an order")
            return Unresolved(say("the SDK of MiniQMT failed: {error}", error=error))
        if answer.order_id > 0:
            return Confirmed(str(answer.order_id))
        if answer.order_id == 0:
            return Unresolved(say("MiniQMT does not know what became of it (0)"))
        return await self._refused(intent, answer.seq, answer.text)

    async def cancel(self, order_id: str) -> None:
        session = self._link.session
        if session is None or not order_id.isdecimal():
            return
        try:
            await session.cancel(int(order_id))
        except CallTimedOut as error:
            self._link.lost(session, str(error))

    async def _refused(self, intent: Intent, seq: int, text: str) -> Outcome:
        """-1: believed where the account, still within reach, does not list the order."""
        session = self._link.session
        listed = await self._listed_now()
        if isinstance(listed, Unknown) or session is None or self._link.session is not session:
            return Unresolved(say("MiniQMT answered -1 and could not be asked again"))
        wanted = (intent.client_order_id, intent.code, intent.side, intent.volume)
        for order in listed.value:
            if (order.remark, order.code, order.side, order.volume) == wanted:
                log.warning("MiniQMT answered -1 for %s, which is live as order %s", order.remark, order.order_id)
                return Confirmed(order.order_id)
        told = self._rejects.get((session.number, seq, intent.client_order_id)) or text or say("no reason given")
        return Refused(say("MiniQMT refused it: {told}", told=told))

    async def _listed_now(self) -> Maybe[tuple[BrokerOrder, ...]]:
        """Today's orders, asked for after this call; those who call at the same moment share one question."""
        if self._recheck is None:
            self._recheck = asyncio.create_task(self._ask_after_this_turn())
        return await asyncio.shield(self._recheck)

    async def _ask_after_this_turn(self) -> Maybe[tuple[BrokerOrder, ...]]:
        await asyncio.sleep(0)
        self._recheck = None
        return await self.orders(self._clock.now().date())

    async def _list(self, query: str, read: Callable[[Native], T | None]) -> Maybe[tuple[T, ...]]:
        """All rows that concern convertible bonds. An empty list is what a lost connection gives too, so the asset must
        prove the link then, and with it that nothing is held where nothing is listed."""
        listed = await self._ask(query, lambda rows: (len(rows), tuple(map(read, rows))))
        if isinstance(listed, Unknown):
            return listed
        count, rows = listed.value
        if count == 0:
            asset = await self.asset()
            if isinstance(asset, Unknown):
                return asset
            if query == "query_stock_positions" and asset.value.market_value > 0:
                return Unknown(
                    say(
                        "MiniQMT lists no holding, yet values them at {market_value:,.2f} CNY",
                        market_value=asset.value.market_value,
                    )
                )
        return Known(tuple(row for row in rows if row is not None))

    async def _ask(self, query: str, read: Callable[[Native], T]) -> Maybe[T]:
        session = self._link.session
        if session is None:
            return Unknown(
                say("{text} (out of reach since {since:%m-%d %H:%M:%S})", text=self.link.text, since=self.link.since)
            )
        asked = asyncio.get_running_loop().time()
        try:
            answer = await session.ask(query, read)
        except CallTimedOut as error:
            self._link.lost(session, str(error))
            return Unknown(str(error))
        except TimeoutError:
            self._link.unanswered(session)
            return Unknown(say("MiniQMT did not answer in time"))
        except Exception as error:
            log.exception("the SDK failed at %s", query)
            self._link.unanswered(session)
            return Unknown(say("the SDK of MiniQMT failed: {error}", error=error))
        if self._link.session is not session:
            return Unknown(say("the connection was lost meanwhile: {text}", text=self.link.text))
        self._link.answered()
        self._latency = asyncio.get_running_loop().time() - asked
        return answer

    def _heard(self, heard: BrokerOrder | Fill | OrderError) -> None:
        if isinstance(heard, OrderError):
            self._note(heard)
        elif isinstance(heard, BrokerOrder):
            self._tell(self._in_full(heard))
        else:
            self._tell(heard)

    def _note(self, error: OrderError) -> None:
        """Keep a reject's full text. The SDK tells a stale one again with the next -1: each is taken once."""
        key = ((session.number if (session := self._link.session) else 0), error.seq, error.remark)
        if key in self._rejects:
            return
        self._rejects[key] = error.text
        if error.order_id > 0:
            self._texts[f"{self._clock.now():%Y%m%d}/{error.order_id}"] = error.text
        log.warning("MiniQMT rejected %s: %s", error.remark or f"order {error.order_id}", error.text)

    def _in_full(self, order: BrokerOrder) -> BrokerOrder:
        text = self._texts.get(f"{order.trading_day:%Y%m%d}/{order.order_id}")
        return order if text is None else replace(order, message=text)

    def _on_link(self) -> None:
        if self.link.up:
            self._up_at = self._clock.elapsed()

    def _tell(self, event: BrokerEvent) -> None:
        for listener in self._listeners:
            listener(event)
