"""The desk: the only code that sends and cancels orders, and that books what comes of them."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal

from core.brokers.broker import Broker, BrokerEvent
from core.clock import Clock
from core.model.known import Unknown
from core.model.order import (
    DONE_STATES,
    BrokerOrder,
    Confirmed,
    Fill,
    Intent,
    Order,
    OrderState,
    Refused,
    Side,
    Unresolved,
)
from core.rules.sizing import cost
from core.trading.gate import Gate
from core.trading.journal import Journal
from core.trading.ledger import LedgerBook

log = logging.getLogger(__name__)


class Desk:
    """Intend, send, settle. Broker events may come at any time, in any order, any number of times."""

    def __init__(
        self,
        broker: Broker,
        journal: Journal,
        ledger: LedgerBook,
        gate: Gate,
        clock: Clock,
    ) -> None:
        self.broker = broker
        self.journal = journal
        self.ledger = ledger
        self.gate = gate
        self.clock = clock
        self.faults: list[str] = []
        self.changed: Callable[[], None] = lambda: None
        self._waiters: set[asyncio.Event] = set()
        broker.subscribe(self.on_event)

    async def send(self, intents: Sequence[Intent]) -> dict[str, str]:
        """Write the intentions down together, then send each once.

        Answers with what the gate stopped: client order id to reason; those are neither written nor sent.
        """
        stopped: dict[str, str] = {}
        passed: list[Intent] = []
        busy = set(self.journal.busy())
        bought = self.bought_today(intents[0].trading_day) if intents else Decimal(0)
        for intent in intents:
            reason = self.gate.why_not(intent, self.clock.now(), busy, self.ledger.holdings(), bought)
            if reason is not None:
                stopped[intent.client_order_id] = reason
                continue
            busy.add(intent.code)
            if intent.side is Side.BUY:
                bought += cost(intent.volume, intent.price, intent.code.exchange, self.gate.settings.fees)
            passed.append(intent)
        self.journal.intend(passed, self.clock.now())
        self._tell()
        for intent in passed:
            await self._place(intent)
        return stopped

    async def cancel(self, client_order_id: str) -> None:
        """Ask the broker to cancel; only the order's later state proves it."""
        order = self.journal[client_order_id]
        if order.live and order.order_id is not None:
            if order.state is not OrderState.CANCELLING:
                self._record(order, OrderState.CANCELLING, "cancel asked for")
            await self.broker.cancel(order.order_id)

    async def until_done(self, client_order_ids: Iterable[str], seconds: float) -> bool:
        """Wait until none of these orders is live, at most `seconds` of the clock; whether it came to that."""
        ids = tuple(client_order_ids)
        deadline = self.clock.now().timestamp() + seconds
        woken = asyncio.Event()
        self._waiters.add(woken)
        try:
            while any(self.journal[key].live for key in ids):
                woken.clear()
                left = deadline - self.clock.now().timestamp()
                if left <= 0 or not await self.clock.wait(woken, left):
                    return not any(self.journal[key].live for key in ids)
        finally:
            self._waiters.discard(woken)
        return True

    async def look_up(self) -> str | None:
        """Settle from the broker's own lists: book every fill of ours, take over every state.

        An order that the broker does not list is proven dead only where the broker lists every order; elsewhere it
        stays unresolved. Answers with the reason when the broker did not answer, None otherwise.
        """
        open_orders = self.journal.open()
        if not open_orders:
            return None
        since = min(order.intent.trading_day for order in open_orders)
        orders, fills = await self.broker.orders(since), await self.broker.fills(since)
        if isinstance(orders, Unknown):
            return orders.reason
        if isinstance(fills, Unknown):
            return fills.reason
        for fill in fills.value:
            self.on_event(fill)
        for listed in orders.value:
            self.on_event(listed)
        if self.broker.lists_every_order:
            self._bury_unlisted(open_orders, orders.value)
        return None

    def bought_today(self, day: date) -> Decimal:
        """What the day's buys have cost and what its working ones may still cost, CNY."""
        working = sum(
            (
                cost(order.remaining, order.intent.price, order.intent.code.exchange, self.gate.settings.fees)
                for order in self.journal.open()
                if order.intent.side is Side.BUY and order.remaining
            ),
            Decimal(0),
        )
        return self.ledger.bought_on(day) + working

    def on_event(self, event: BrokerEvent) -> None:
        """Take over a state or book a fill. Never raises: what cannot be booked becomes a fault that stops trading."""
        try:
            if isinstance(event, Fill):
                self._on_fill(event)
            else:
                self._on_order(event)
        except Exception as error:
            log.exception("an event of order %s could not be booked", event.order_id)
            self.faults.append(f"order {event.order_id}: {error}")
        self._tell()

    async def _place(self, intent: Intent) -> None:
        try:
            outcome = await self.broker.place(intent)
        except Exception as error:
            log.exception("placing %s raised", intent.client_order_id)
            outcome = Unresolved(f"the broker's answer was lost: {error}")
        order = self.journal[intent.client_order_id]
        if isinstance(outcome, Confirmed):
            if order.unresolved:
                self._record(order, OrderState.WORKING, f"taken as order {outcome.order_id}", outcome.order_id)
        elif isinstance(outcome, Refused):
            if order.unresolved:
                self._record(order, OrderState.REFUSED, outcome.reason)
        elif order.unresolved:
            self._record(order, OrderState.UNKNOWN, outcome.reason)
        self._tell()

    def _ours(self, remark: str, event: BrokerEvent) -> Order | None:
        """The journal's order behind this event: remark, bond, side and day must all agree."""
        order = self.journal.get(remark) if remark else None
        if order is None:
            return None
        intent = order.intent
        same = (intent.code, intent.side, intent.trading_day) == (event.code, event.side, event.trading_day)
        if not same:
            log.warning("order %s carries the remark %s of another order: not ours", event.order_id, remark)
        return order if same else None

    def _on_fill(self, fill: Fill) -> None:
        order = self._ours(fill.remark, fill)
        if order is None or not self.ledger.book(fill, order.intent.client_order_id):
            return
        order = self.journal.filled(order.intent.client_order_id, fill.volume, fill.amount, fill.fee)
        text = f"filled {fill.volume} at {fill.price}, {order.filled_volume} of {order.intent.volume}"
        state = OrderState.FILLED if order.remaining == 0 else OrderState.PART_FILLED
        if order.done or (order.state is OrderState.CANCELLING and order.remaining):
            state = OrderState.FILLED if order.remaining == 0 else order.state
        self._record(order, state, text, fill.order_id)

    def _on_order(self, event: BrokerOrder) -> None:
        order = self._ours(event.remark, event)
        if order is None:
            return
        if order.intent.volume != event.volume:
            raise ValueError(f"the broker lists {event.volume} 张, {order.intent.volume} were ordered")
        if event.state in DONE_STATES and event.filled_volume > order.filled_volume:
            return  # its fills come, or are looked up, first: the order is not over until they are booked
        if self._is_news(order, event):
            text = event.message or f"the broker says {event.state}"
            self._record(order, event.state, text, event.order_id)

    @staticmethod
    def _is_news(order: Order, event: BrokerOrder) -> bool:
        if event.state is order.state or event.state in {OrderState.UNKNOWN, OrderState.INTENDED}:
            return False
        if order.state in DONE_STATES:
            return order.state is OrderState.REFUSED  # it did arrive: believe the broker's list, not its answer
        if event.state in DONE_STATES:
            return True
        if order.unresolved:
            return True
        return order.state is OrderState.WORKING  # a late "working" never takes back a fill or a cancel

    def _bury_unlisted(self, open_orders: Iterable[Order], listed: Iterable[BrokerOrder]) -> None:
        remarks = {order.remark for order in listed}
        for order in open_orders:
            current = self.journal[order.intent.client_order_id]
            if current.unresolved and current.intent.client_order_id not in remarks:
                self._record(current, OrderState.REFUSED, "it never reached the broker: its list does not hold it")

    def _record(self, order: Order, state: OrderState, text: str, order_id: str | None = None) -> None:
        intent = order.intent
        self.journal.record(intent.client_order_id, state, text, self.clock.now(), order_id)
        log.info(
            "%s %s %s %d at %s: %s, %s",
            intent.client_order_id,
            intent.side,
            intent.code,
            intent.volume,
            intent.price,
            state,
            text,
        )

    def _tell(self) -> None:
        for waiter in self._waiters:
            waiter.set()
        self.changed()
