"""A market, a platform and a broker with faults at times given by a script or a seed."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import httpx

from core.brokers.broker import BrokerEvent, BrokerListener, ConnectionState, ConnectionStatus
from core.brokers.paper import PaperBroker
from core.infra.clock import Clock
from core.model.account import Asset, Position
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.order import BrokerOrder, Fill, Intent, Order, Outcome, Refused, Side, Unresolved
from core.model.quote import Quote, TradingState
from core.rules.ticks_and_lots import day_limits, to_tick
from core.sandbox.market import SandboxMarket


@dataclass(frozen=True, slots=True)
class Spell:
    """A condition that lasts from one time to another."""

    begin: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        return self.begin <= moment < self.end


@dataclass(frozen=True, slots=True)
class Move:
    """From `begin` on, the bond's prices are multiplied by `factor`; thin: almost no bids."""

    code: BondCode
    spell: Spell
    factor: Decimal = Decimal(1)
    thin: bool = False
    halted: bool = False
    floored: bool = False
    """At limit-down, without bids."""


class FaultyMarket(SandboxMarket):
    """The sandbox's market with incidents."""

    moves: list[Move]
    silences: list[Spell]

    def __init__(self, clock: Clock, data: Any, seed: int = 0) -> None:
        super().__init__(clock, data, seed)
        self.moves = []
        self.silences = []
        self.calls = 0

    async def snapshot(self, codes: Iterable[BondCode]) -> Any:
        self.calls += 1
        return await super().snapshot(codes)

    def quote(self, code: BondCode, moment: datetime) -> Maybe[Quote]:
        found = super().quote(code, moment)
        if isinstance(found, Unknown):
            return found
        quote = found.value
        for move in self.moves:
            if move.code == code and move.spell.holds(moment):
                quote = _moved(quote, move)
        return Known(quote)

    def _tell(self) -> None:
        if not any(spell.holds(self._clock.now()) for spell in self.silences):
            super()._tell()


def _moved(quote: Quote, move: Move) -> Quote:
    if move.halted:
        return replace(quote, state=TradingState.HALTED, bid=None, ask=None, bid_volume=None, ask_volume=None)
    limits = day_limits(quote)
    if limits is None or quote.state is not TradingState.CONTINUOUS:
        return quote
    if move.floored:
        low = limits.low
        return replace(quote, last=low, bid=None, bid_volume=None, ask=low, ask_volume=50_000)

    def at(price: Decimal | None) -> Decimal | None:
        return None if price is None else limits.clamp(to_tick(price * move.factor, Side.BUY))

    last = at(quote.last)
    assert last is not None
    thin = 10 if move.thin and quote.bid_volume is not None else quote.bid_volume
    return replace(quote, last=last, bid=at(quote.bid), ask=at(quote.ask), bid_volume=thin)


class FaultyPlatform(httpx.AsyncBaseTransport):
    """The embedded platform, unreachable at times."""

    def __init__(self, inner: httpx.AsyncBaseTransport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self.outages: list[Spell] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if any(spell.holds(self._clock.now()) for spell in self.outages):
            raise httpx.ConnectError("connection refused", request=request)
        return await self._inner.handle_async_request(request)


class FaultyBroker:
    """The paper broker behind a bad connection: responses and events are lost, repeated or late, and it disconnects."""

    def __init__(self, inner: PaperBroker, clock: Clock, random: Random, rate: float) -> None:
        self.inner = inner
        self._clock = clock
        self._random = random
        self.rate = rate
        self._listeners: list[BrokerListener] = []
        self._link_listeners: list[Callable[[], None]] = []
        self.connection = ConnectionState(ConnectionStatus.CONNECTED, 1, "ok", clock.now())
        self.sent: list[tuple[datetime, Intent]] = []
        """What was sent, whether or not it arrived."""
        inner.subscribe(self._on_event)

    @property
    def account(self) -> str:
        return self.inner.account

    @property
    def frozen(self) -> Mapping[BondCode, str]:
        return self.inner.frozen

    def absence_proven_in(self, order: Order) -> float | None:
        """Never over the connection that sent it; at once over a later one."""
        return 0.0 if order.created_at < self.connection.since else None

    async def start(self) -> None:
        await self.inner.start()

    async def stop(self) -> None:
        self.end()
        await self.inner.stop()

    def end(self) -> None:
        """Deliver nothing any more, not even what is on its way: the session is closed, or its process has ended."""
        self._listeners.clear()

    def subscribe(self, listener: BrokerListener) -> None:
        self._listeners.append(listener)

    def watch_connection(self, listener: Callable[[], None]) -> None:
        self._link_listeners.append(listener)

    def break_link(self, seconds: float) -> None:
        """Disconnect for this many seconds of the loop."""
        if self.connection.connected:
            self._set_connection(
                ConnectionState(
                    ConnectionStatus.DISCONNECTED, self.connection.number, "connection lost", self._clock.now()
                )
            )
            asyncio.get_running_loop().call_later(seconds, self._mend)

    def _mend(self) -> None:
        self._set_connection(
            ConnectionState(ConnectionStatus.CONNECTED, self.connection.number + 1, "ok", self._clock.now())
        )

    def _set_connection(self, connection: ConnectionState) -> None:
        self.connection = connection
        for listener in self._link_listeners:
            listener()

    async def asset(self) -> Maybe[Asset]:
        return self._lost() or await self.inner.asset()

    async def positions(self) -> Maybe[tuple[Position, ...]]:
        # Like the real one: disconnected, it returns empty lists without an error.
        return await self.inner.positions() if self.connection.connected else Known(())

    async def orders(self, since: date) -> Maybe[tuple[BrokerOrder, ...]]:
        return self._lost() or await self.inner.orders(since)

    async def fills(self, since: date) -> Maybe[tuple[Fill, ...]]:
        return self._lost() or await self.inner.fills(since)

    async def place(self, intent: Intent) -> Outcome:
        self.sent.append((self._clock.now(), intent))
        if not self.connection.connected:
            return Unresolved("no answer")
        if self._chance(0.3):
            await asyncio.sleep(self._random.uniform(0.0, 0.3))
        if self._chance(0.15):
            return Unresolved("no answer")  # it never arrives
        if self._chance(0.15):
            return Refused("the counter is busy")
        outcome = await self.inner.place(intent)
        return Unresolved("no answer") if self._chance(0.15) else outcome

    async def cancel(self, order_id: str) -> None:
        if self.connection.connected and not self._chance(0.3):
            await self.inner.cancel(order_id)

    def _lost(self) -> Unknown | None:
        if not self.connection.connected:
            return Unknown("connection lost")
        return Unknown("no answer in time") if self._chance(0.05) else None

    def _chance(self, part: float) -> bool:
        return self._random.random() < part * self.rate

    def _on_event(self, event: BrokerEvent) -> None:
        if not self.connection.connected or self._chance(0.2):
            return
        for _ in range(2 if self._chance(0.2) else 1):
            if self._chance(0.4):
                loop = asyncio.get_running_loop()
                loop.call_later(self._random.uniform(0.01, 3.0), self._deliver, event)
            else:
                self._deliver(event)

    def _deliver(self, event: BrokerEvent) -> None:
        for listener in self._listeners:
            listener(event)
