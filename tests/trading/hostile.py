"""A broker with scripted behaviour: what it does, what it returns and which events it sends can differ."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from core.brokers.broker import BrokerEvent, BrokerListener, ConnectionState, ConnectionStatus
from core.infra.clock import Clock
from core.model.account import Asset, Position
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.order import (
    LIVE_STATES,
    BrokerOrder,
    Confirmed,
    Fill,
    Intent,
    Order,
    OrderState,
    Outcome,
    Refused,
    Side,
    Unresolved,
)

DISCONNECTED = Unknown("the terminal does not answer")


class HostileBroker:
    """An account with correct positions and orders that need not report them correctly.

    `behaviours` are what happens to a bond's next orders, one after the other, the last one repeated; `silent` names
    the queries that get no response; bonds in `ignores_cancels` ignore cancels.
    """

    account = "HOSTILE"

    def __init__(self, clock: Clock, *, cash: int = 100_000, lists_every_order: bool = True) -> None:
        self.clock = clock
        self.lists_every_order = lists_every_order
        self.connection = ConnectionState(ConnectionStatus.CONNECTED, 1, "ok", clock.now())
        self.manners: dict[BondCode, list[Manner]] = {}
        self.silent: set[str] = set()
        self.doubtful: dict[BondCode, str] = {}
        self.deaf: set[BondCode] = set()
        self.before_place: Callable[[Intent], None] = lambda _: None
        self.before_cancel: Callable[[str], None] = lambda _: None
        self.placed: list[Intent] = []
        self.cancels: list[str] = []
        self.money = Decimal(cash)
        self.held: dict[BondCode, int] = {}
        self.listed: dict[str, BrokerOrder] = {}
        self.traded: list[Fill] = []
        self.queries: list[str] = []
        self._listeners: list[BrokerListener] = []

    @property
    def held_now(self) -> dict[BondCode, int]:
        return {code: volume for code, volume in self.held.items() if volume}

    @property
    def frozen(self) -> Mapping[BondCode, str]:
        return self.doubtful

    def absence_proven_in(self, order: Order) -> float | None:
        return 0.0 if self.lists_every_order else None

    def watch_connection(self, listener: Callable[[], None]) -> None: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def subscribe(self, listener: BrokerListener) -> None:
        self._listeners.append(listener)

    def hang_up(self) -> None:
        """Drop the listeners, as if their process had ended."""
        self._listeners.clear()

    async def asset(self) -> Maybe[Asset]:
        self.queries.append("asset")
        if "asset" in self.silent:
            return DISCONNECTED
        buys = [row for row in self.listed.values() if row.side is Side.BUY and row.state in LIVE_STATES]
        frozen = sum((row.price * (row.volume - row.filled_volume) for row in buys), Decimal(0))
        return Known(Asset(self.money - frozen, frozen, Decimal(100) * sum(self.held.values())))

    async def positions(self) -> Maybe[tuple[Position, ...]]:
        self.queries.append("positions")
        if "positions" in self.silent:
            return DISCONNECTED
        return Known(tuple(Position(code, volume, volume) for code, volume in sorted(self.held.items()) if volume))

    async def orders(self, since: date) -> Maybe[tuple[BrokerOrder, ...]]:
        self.queries.append("orders")
        rows = tuple(row for row in self.listed.values() if row.trading_day >= since)
        return DISCONNECTED if "orders" in self.silent else Known(rows)

    async def fills(self, since: date) -> Maybe[tuple[Fill, ...]]:
        self.queries.append("fills")
        rows = tuple(fill for fill in self.traded if fill.trading_day >= since)
        return DISCONNECTED if "fills" in self.silent else Known(rows)

    async def place(self, intent: Intent) -> Outcome:
        self.before_place(intent)
        self.placed.append(intent)
        queue = self.manners.get(intent.code, [fills_at_once])
        manner = queue.pop(0) if len(queue) > 1 else queue[0]
        return await manner(self, intent)

    async def cancel(self, order_id: str) -> None:
        self.before_cancel(order_id)
        self.cancels.append(order_id)
        order = self.listed.get(order_id)
        if order is not None and order.state in LIVE_STATES and order.code not in self.deaf:
            self.end(order_id, OrderState.CANCELLED)

    def take(self, intent: Intent, *, tell: bool = True) -> str:
        """Make the order open and return its number."""
        order_id = str(1000 + len(self.listed))
        day = self.clock.now().date()
        self.listed[order_id] = BrokerOrder(
            order_id,
            intent.client_order_id,
            day,
            intent.code,
            intent.side,
            intent.volume,
            intent.price,
            OrderState.WORKING,
        )
        if tell:
            self.tell(self.listed[order_id])
        return order_id

    def trade(self, order_id: str, volume: int, *, tell: bool = True, price: str | None = None, fee: str = "1") -> Fill:
        """Fill the order; listeners get the fill, then the order's state."""
        order = self.listed[order_id]
        paid = Decimal(price) if price else order.price
        sign = 1 if order.side is Side.BUY else -1
        fill = Fill(
            order.trading_day,
            order_id,
            f"T{len(self.traded)}",
            order.remark,
            order.code,
            order.side,
            volume,
            paid,
            Decimal(fee),
            self.clock.now(),
        )
        self.money -= sign * paid * volume + Decimal(fee)
        self.held[order.code] = self.held.get(order.code, 0) + sign * volume
        self.traded.append(fill)
        filled = order.filled_volume + volume
        state = OrderState.FILLED if filled == order.volume else OrderState.PART_FILLED
        self.listed[order_id] = replace(
            order, filled_volume=filled, state=state if order.state in LIVE_STATES else order.state
        )
        if tell:
            self.tell(fill)
            self.tell(self.listed[order_id])
        return fill

    def end(self, order_id: str, state: OrderState, *, tell: bool = True) -> BrokerOrder:
        self.listed[order_id] = replace(self.listed[order_id], state=state, message=f"it is {state}")
        if tell:
            self.tell(self.listed[order_id])
        return self.listed[order_id]

    def number(self, remark: str) -> str:
        """The broker's number of the order with this client order id."""
        (found,) = [key for key, row in self.listed.items() if row.remark == remark]
        return found

    def tell(self, event: BrokerEvent) -> None:
        for listener in self._listeners:
            listener(event)

    def deal_by_hand(self, code: BondCode, side: Side, volume: int, at: datetime) -> None:
        """A manual trade in another program: no remark."""
        order_id = self.take(Intent("", "", at.date(), code, "", side, volume, Decimal(100), "by hand"))
        self.trade(order_id, volume)


Manner = Callable[[HostileBroker, Intent], Awaitable[Outcome]]


async def fills_at_once(broker: HostileBroker, intent: Intent) -> Outcome:
    order_id = broker.take(intent)
    broker.trade(order_id, intent.volume)
    return Confirmed(order_id)


async def works(broker: HostileBroker, intent: Intent) -> Outcome:
    return Confirmed(broker.take(intent))


async def works_silently(broker: HostileBroker, intent: Intent) -> Outcome:
    """Opens the order and sends no event."""
    return Confirmed(broker.take(intent, tell=False))


async def loses_the_answer(broker: HostileBroker, intent: Intent) -> Outcome:
    """Opens the order without an event or a response."""
    broker.take(intent, tell=False)
    return Unresolved("no answer within 5 s")


async def raises_while_live(broker: HostileBroker, intent: Intent) -> Outcome:
    broker.take(intent, tell=False)
    raise ConnectionResetError("the terminal went away")


async def refuses_while_live(broker: HostileBroker, intent: Intent) -> Outcome:
    broker.take(intent, tell=False)
    return Refused("-1")


async def never_arrives(broker: HostileBroker, intent: Intent) -> Outcome:
    return Unresolved("no answer within 5 s")


async def refuses(broker: HostileBroker, intent: Intent) -> Outcome:
    return Refused("not connected")


async def rejects(broker: HostileBroker, intent: Intent) -> Outcome:
    order_id = broker.take(intent)
    broker.end(order_id, OrderState.REJECTED)
    return Confirmed(order_id)


def fills_part(volume: int) -> Manner:
    """Fills this much at once; the rest stays open."""

    async def manner(broker: HostileBroker, intent: Intent) -> Outcome:
        order_id = broker.take(intent)
        broker.trade(order_id, min(volume, intent.volume))
        return Confirmed(order_id)

    return manner
