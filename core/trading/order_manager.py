"""The only code that sends and cancels orders, and that books their outcome."""

import asyncio
import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

from core.brokers.broker import Broker, BrokerEvent
from core.i18n import mark, say
from core.infra.backlog import BooksUnwritable
from core.infra.clock import Clock
from core.infra.logs import ABOUT
from core.infra.tasks import end_tasks
from core.model.bond import BondCode
from core.model.known import Unknown
from core.model.order import (
    DONE_STATES,
    BrokerOrder,
    Confirmed,
    Fill,
    Intent,
    Order,
    OrderState,
    Origin,
    Refused,
    Side,
    Unresolved,
)
from core.rules.priority import beats
from core.rules.sizing import cost
from core.trading.impossible_rows import why_another_order, why_impossible
from core.trading.journal import Journal
from core.trading.ledger import Ledger
from core.trading.risk import PreTradeRisk, RiskContext
from core.trading.status import TradingStatus

log = logging.getLogger(__name__)

_NOT_SENT = mark("not sent: {error}")
_TAKEN = mark("taken as order {order_id}")
_LISTED = mark("the broker lists it as {state}")
_FILLED = mark("filled {volume} at {price}, {filled} of {ordered}")
_NEVER_ARRIVED = mark("it never reached the broker: its list does not hold it")
"""Steps of an order are English in the journal, as its states are; the snapshot has them in the language in use."""

CANCEL_PROOF = 10.0
"""Seconds that a cancel is given to show in the order's state."""

POLL = 2.0
"""Seconds after which the broker's lists are read where its events are awaited: those may be lost."""


class OrderManager:
    """Intend, send, settle. Broker events may come at any time, in any order, any number of times."""

    def __init__(
        self,
        broker: Broker,
        journal: Journal,
        ledger: Ledger,
        risk: PreTradeRisk,
        clock: Clock,
        on_rejected: Callable[[Intent], None] = lambda intent: None,
    ) -> None:
        """`on_rejected` is called with each order that the broker or the exchange has refused."""
        self.broker = broker
        self.journal = journal
        self.ledger = ledger
        self.risk = risk
        self.clock = clock
        self.status = TradingStatus(broker, journal.backlog)
        self._on_rejected = on_rejected
        self._listeners: list[Callable[[], None]] = []
        self.claims: dict[BondCode, Origin] = {}
        """What a bond is being traded for now."""
        self._waiters: set[asyncio.Event] = set()
        self._sending: set[str] = set()
        self._ended: dict[str, BrokerOrder] = {}
        self._doubtful: dict[str, tuple[BondCode, str]] = {}
        """By the fill's key: fills of ours that cannot be true."""
        self._said: set[str] = set()
        broker.subscribe(self.on_event)

    async def send(self, intents: Sequence[Intent]) -> dict[str, str]:
        """Write the intentions down together, then send each once.

        Returns what pre-trade risk or the disk stopped, client order id to reason: those are neither written nor sent.
        An order that was written, but may not be sent any more, is refused here, unsent.
        """
        stopped: dict[str, str] = {}
        passed: list[Intent] = []
        busy = set(self.journal.busy())
        owned, cooling = self.ledger.holdings(), self.stopped_today()
        bought = self.bought_today(intents[0].trading_day) if intents else Decimal(0)
        for intent in intents:
            standing = RiskContext(busy, owned, bought, self.claims, cooling)
            reason = (
                self._why_not_sendable()
                or self.frozen.get(intent.code)
                or self.risk.why_not(intent, self.clock.now(), standing)
            )
            if reason is not None:
                stopped[intent.client_order_id] = reason
                continue
            busy.add(intent.code)
            if intent.side is Side.BUY:
                bought += cost(intent.volume, intent.price, intent.code.exchange, self.risk.settings.fees)
            passed.append(intent)
        try:
            self.journal.intend(passed, self.clock.now())
        except BooksUnwritable as refusal:
            self.notify()
            return {intent.client_order_id: stopped.get(intent.client_order_id, str(refusal)) for intent in intents}
        self.notify()
        await self._send_written(passed)
        return stopped

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each change of an order or a holding."""
        self._listeners.append(listener)

    @contextmanager
    def claim(self, code: BondCode, origin: Origin) -> Generator[None]:
        """Reserve this bond for `origin`: origins of lower priority leave it alone, and reconciliation its orders."""
        self.claims[code] = origin
        try:
            yield
        finally:
            self.claims.pop(code, None)

    def unclaimed_orders(self) -> tuple[Order, ...]:
        """Orders that are live or unresolved, of bonds that nobody has claimed."""
        return tuple(order for order in self.journal.open() if order.intent.code not in self.claims)

    @property
    def frozen(self) -> dict[BondCode, str]:
        """Bonds of which the broker reports what cannot be true, and what: no order of theirs is sent, whatever for,
        until it reports the right figure."""
        return {**self.broker.frozen, **dict(self._doubtful.values())}

    def unavailable_bonds(self, origin: Origin = Origin.REBALANCE) -> dict[BondCode, str]:
        """Why a bond takes no order of a plan for `origin` now: it has an open order, or a claim of higher priority."""
        claimed = {
            code: say("its {claim} is running", claim=claim)
            for code, claim in self.claims.items()
            if beats(claim, origin)
        }
        return {**claimed, **self.journal.busy(), **self.frozen}

    def stopped_today(self) -> frozenset[BondCode]:
        """The bonds whose stop fired today: they are not bought again before tomorrow."""
        return self.journal.stopped(self.clock.now().date())

    async def cancel(self, client_order_id: str) -> None:
        """Ask the broker to cancel; only the order's later state proves it."""
        order = self.journal[client_order_id]
        if order.live and order.order_id is not None:
            if order.state is not OrderState.CANCELLING:
                self._record(order, OrderState.CANCELLING, mark("cancel asked for"))
            try:
                await self.broker.cancel(order.order_id)
            except Exception:
                log.exception("asking to cancel %s raised", client_order_id)

    async def cancel_and_wait(self, client_order_ids: Sequence[str]) -> bool:
        """Ask the broker to cancel these orders, and wait for the proof; whether all of them are over."""
        for client_order_id in client_order_ids:
            await self.cancel(client_order_id)
        return await self.wait_until_done(client_order_ids, CANCEL_PROOF)

    async def wait_until_done(self, client_order_ids: Iterable[str], seconds: float) -> bool:
        """Wait until all of these orders are over, at most `seconds` of the clock; whether they are.

        Events are hints: where none come, the broker's lists are read.
        """
        ids = tuple(client_order_ids)
        deadline = self.clock.elapsed() + seconds
        woken = asyncio.Event()
        self._waiters.add(woken)
        try:
            while any(not self.journal[key].done for key in ids):
                woken.clear()
                left = deadline - self.clock.elapsed()
                if left <= 0:
                    return all(self.journal[key].done for key in ids)
                if not await self.clock.wait(woken, min(left, POLL)) and left > POLL:
                    await self.sync_with_broker()
        finally:
            self._waiters.discard(woken)
        return True

    async def sync_with_broker(self) -> str | None:
        """Settle from the broker's own lists: book every fill of ours, take over every state.

        Orders of the newest day that are over count too: one may have been filled late, or refused and yet accepted.
        An order that the broker does not list stays unresolved until its absence proves something. Returns why the
        broker did not answer, None when it did.
        """
        open_orders = self.journal.open()
        asked = [order for order in open_orders if order.intent.client_order_id not in self._sending]
        days = [order.intent.trading_day for order in open_orders]
        since = min([*days, self.journal.newest_day() or self.clock.now().date()])
        try:
            orders, fills = await asyncio.gather(self.broker.orders(since), self.broker.fills(since))
        except Exception as error:
            log.exception("the broker's lists could not be read")
            return say("the broker's lists could not be read: {error}", error=error)
        if isinstance(orders, Unknown):
            return orders.reason
        if isinstance(fills, Unknown):
            return fills.reason
        self._doubtful.clear()
        for fill in fills.value:
            self.on_event(fill)
        for listed in orders.value:
            self.on_event(listed)
        self._refuse_unlisted(asked, orders.value)
        return None

    def close_order(self, client_order_id: str, state: OrderState, text: str) -> None:
        """End an order without the broker's answer: its day has ended, or the user has settled it."""
        self._record(self.journal[client_order_id], state, text)
        self.notify()

    def bought_today(self, day: date) -> Decimal:
        """What the day's buys have cost and what its working ones may still cost, CNY."""
        working = sum(
            (
                cost(order.remaining, order.intent.price, order.intent.code.exchange, self.risk.settings.fees)
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
            text = say("order {order}: {error}", order=event.order_id, error=error)
            if self.status.add_fault(text):
                log.exception("an event of order %s could not be booked", event.order_id)
        self.notify()

    def _why_not_sendable(self) -> str | None:
        return self.status.why_blocked or self.risk.orders_allowed(self.clock.now())

    async def _send_written(self, intents: Sequence[Intent]) -> None:
        """Hand them over in their order; nobody waits for the answer to the one before."""
        unsent = {intent.client_order_id: intent for intent in intents}
        self._sending.update(unsent)

        async def hand_over(intent: Intent) -> None:
            del unsent[intent.client_order_id]
            await self._place(intent)

        placing = [asyncio.create_task(hand_over(intent)) for intent in intents]
        try:
            await asyncio.gather(*placing)
        finally:
            await end_tasks(*placing)
            self._sending.difference_update(intent.client_order_id for intent in intents)
            for intent in unsent.values():
                self._refuse_unsent(intent, say("the run was broken off"))

    def _refuse_unsent(self, intent: Intent, reason: str) -> None:
        self._record(
            self.journal[intent.client_order_id], OrderState.REFUSED, _NOT_SENT.format(error=reason), unsent=True
        )
        self.notify()

    async def _place(self, intent: Intent) -> None:
        off = self._why_not_sendable() or self.frozen.get(intent.code) or self.risk.held_back(intent)
        if off is not None:
            self._refuse_unsent(intent, off)
            return
        try:
            outcome = await self.broker.place(intent)
        except Exception as error:
            log.exception("placing %s raised", intent.client_order_id)
            outcome = Unresolved(say("the broker's answer was lost: {error}", error=error))
        order = self.journal[intent.client_order_id]
        if isinstance(outcome, Confirmed):
            if order.unresolved:
                text = _TAKEN.format(order_id=outcome.order_id)
                self._record(order, OrderState.WORKING, text, outcome.order_id)
        elif isinstance(outcome, Refused):
            if order.unresolved:
                self._record(order, OrderState.REFUSED, outcome.reason, unsent=not outcome.sent)
                if outcome.sent:
                    self._on_rejected(intent)
        elif order.unresolved:
            self._record(order, OrderState.UNKNOWN, outcome.reason)
        self.notify()

    def _ours(self, event: BrokerEvent) -> Order | None:
        """The journal's order behind this event, by its remark: bond and side must agree. Another day than the order's
        is no other order's, since remarks are of one day: it cannot be true.

        Raises `ValueError` when a second order at the broker answers to the same description.
        """
        order = self.journal.get(event.remark) if event.remark else None
        if order is None:
            return None
        intent = order.intent
        if (intent.code, intent.side) != (event.code, event.side):
            log.warning("order %s carries the remark %s of another order: not ours", event.order_id, event.remark)
            return None
        same_day = intent.trading_day == event.trading_day
        if same_day and order.order_id is not None and order.order_id != event.order_id:
            raise ValueError(
                say(
                    "it carries the remark {remark}, which is order {order_id} already",
                    remark=event.remark,
                    order_id=order.order_id,
                )
            )
        return order

    def _on_fill(self, fill: Fill) -> None:
        order = self._ours(fill)
        if order is None or self.ledger.has(fill):
            return
        if self.ledger.settled(order.intent.client_order_id):
            log.warning("%s was settled as filled before its fill %s came", order.intent.client_order_id, fill.key)
            return
        if self._doubted(fill.key, fill.code, why_impossible(fill, order)):
            return
        key = order.intent.client_order_id
        self.ledger.book(fill, key)
        order = self.journal.filled(key, fill.volume, fill.amount, fill.fee)
        text = _FILLED.format(
            volume=fill.volume, price=fill.price, filled=order.filled_volume, ordered=order.intent.volume
        )
        self._record(order, self._state_after_fill(order), text, fill.order_id or None)
        if key in self._ended:
            self._on_order(self._ended[key])

    def _doubted(self, key: str, code: BondCode, why: str | None) -> bool:
        """Whether this row of the broker's cannot be true: it freezes its bond until the lists have the right one."""
        if why is None:
            self._doubtful.pop(key, None)
            return False
        if why not in self._said:
            self._said.add(why)
            log.error("%s. It is not booked, and the bond's orders and stops wait for the right figure.", why)
        self._doubtful[key] = (code, why)
        return True

    @staticmethod
    def _state_after_fill(order: Order) -> OrderState:
        if order.remaining == 0:
            return OrderState.FILLED
        if order.state is OrderState.CANCELLING or (order.done and order.state is not OrderState.REFUSED):
            return order.state
        return OrderState.PART_FILLED

    def _on_order(self, event: BrokerOrder) -> None:
        order = self._ours(event)
        if order is None:
            return
        if self._doubted(event.remark, event.code, why_another_order(event, order.intent)):
            return
        if event.state in DONE_STATES:
            filled = event.volume if event.state is OrderState.FILLED else event.filled_volume
            if filled > order.filled_volume:
                self._ended[event.remark] = event  # not over until its fills are booked: they come, or are looked up
                return
            self._ended.pop(event.remark, None)
        if self._is_progress(order, event):
            text = event.message or _LISTED.format(state=event.state)
            self._record(order, event.state, text, event.order_id)

    @staticmethod
    def _is_progress(order: Order, event: BrokerOrder) -> bool:
        if event.state is order.state or event.state in {OrderState.UNKNOWN, OrderState.INTENDED}:
            return False
        if order.state in DONE_STATES:
            return order.state is OrderState.REFUSED  # it did arrive: believe the broker's list, not its answer
        if event.state in DONE_STATES:
            return True
        if order.unresolved:
            return True
        return order.state is OrderState.WORKING  # a late "working" never takes back a fill or a cancel

    def _refuse_unlisted(self, open_orders: Iterable[Order], listed: Iterable[BrokerOrder]) -> None:
        remarks = {order.remark for order in listed}
        for order in open_orders:
            current = self.journal[order.intent.client_order_id]
            if not current.unresolved or current.intent.client_order_id in remarks:
                continue
            if current.intent.code in self.frozen:  # it may be the row that cannot be believed
                continue
            if self.broker.absence_proven_in(current) == 0:
                self._record(current, OrderState.REFUSED, _NEVER_ARRIVED)

    def _record(
        self, order: Order, state: OrderState, text: str, order_id: str | None = None, *, unsent: bool = False
    ) -> None:
        intent = order.intent
        self.journal.record(intent.client_order_id, state, text, self.clock.now(), order_id, unsent=unsent)
        log.info(
            "%s %s %s, %d at %s: %s (%s)",
            intent.side,
            intent.code,
            intent.name,
            intent.volume,
            intent.price,
            text if text.startswith(str(state)) else f"{state}, {text}",
            intent.client_order_id,
            extra={ABOUT: intent.client_order_id},
        )
        if state is OrderState.REJECTED:
            self._on_rejected(intent)

    def notify(self) -> None:
        """Wake the tasks that wait for an order, and call the listeners: an order or a holding has changed."""
        for waiter in self._waiters:
            waiter.set()
        for listener in self._listeners:
            listener()
