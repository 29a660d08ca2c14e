"""The paper broker: matches limit orders against real or recorded quotes.

It commits each change to its own file before it answers, as a real broker would: what it confirmed survives a crash.
"""

import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from core.brokers.broker import BrokerEvent, BrokerListener, ConnectionState, ConnectionStatus
from core.brokers.paper_store import PaperAccount, PaperHolding, PaperOrder, PaperStore
from core.i18n import mark, say
from core.infra.backlog import disk_refuses
from core.infra.clock import Clock
from core.model.account import Asset, Position
from core.model.bond import BondCode
from core.model.known import Known, Maybe
from core.model.order import BrokerOrder, Confirmed, Fill, Intent, Order, OrderState, Outcome, Refused, Side
from core.model.quote import Quote, TradingState
from core.model.settings import Fees, Settings
from core.quotes.feed import QuoteFeed
from core.rules.sizing import fee
from core.rules.ticks_and_lots import LOT, day_limits, on_tick

log = logging.getLogger(__name__)

_KEPT = timedelta(days=30)
"""How long an order that is over is listed; a real terminal lists those of the day."""


class PaperBroker:
    """Cash, holdings that may be sold the day they are bought (T+0), limit orders, part fills, cancels and fees.

    A quote's displayed volume can be taken once; a quote without a volume fills any order whole.
    """

    def __init__(
        self, path: Path, feed: QuoteFeed, clock: Clock, fees: Fees, capital: Decimal, *, durable: bool = True
    ) -> None:
        self._store = PaperStore(path, capital, durable=durable)
        self._feed = feed
        self._clock = clock
        self._fees = fees
        self._listeners: list[BrokerListener] = []
        self._taken: dict[tuple[BondCode, Side], tuple[object, int]] = {}
        self._working = {order.order_id: order for order in self._store.live_orders()}
        self._stopped = False
        self._trouble = ""
        self.connection = ConnectionState(ConnectionStatus.CONNECTED, 1, "ok", clock.now())
        feed.subscribe(self._on_quotes)

    def use_settings(self, settings: Settings) -> None:
        """Charge the fees of these settings from the next fill on."""
        self._fees = settings.fees

    @property
    def account(self) -> str:
        return "paper-1"

    @property
    def frozen(self) -> Mapping[BondCode, str]:
        """None: this broker's figures are its own."""
        return {}

    def absence_proven_in(self, order: Order) -> float | None:
        """At once: every order ever taken is listed."""
        return 0.0

    def watch_connection(self, listener: Callable[[], None]) -> None:
        """Nothing to watch: this broker is always connected."""

    async def start(self) -> None:
        self._expire_orders()
        try:
            self._store.forget(self._clock.now().date() - _KEPT)
        except sqlite3.DatabaseError as error:
            log.warning("old orders of the paper account could not be removed: %s", error)

    async def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._store.close()

    def subscribe(self, listener: BrokerListener) -> None:
        self._listeners.append(listener)

    async def asset(self) -> Maybe[Asset]:
        self._expire_orders()
        account = self._store.account
        value = sum((holding.last * holding.volume for holding in self._store.holdings.values()), Decimal(0))
        return Known(Asset(account.cash, account.frozen, value))

    async def positions(self) -> Maybe[tuple[Position, ...]]:
        self._expire_orders()
        return Known(
            tuple(
                Position(code, holding.volume, holding.volume - self._selling(code), holding.cost)
                for code, holding in sorted(self._store.holdings.items())
            )
        )

    async def orders(self, since: date) -> Maybe[tuple[BrokerOrder, ...]]:
        self._expire_orders()
        return Known(tuple(_as_broker_order(order) for order in self._store.orders(since)))

    async def fills(self, since: date) -> Maybe[tuple[Fill, ...]]:
        return Known(tuple(self._store.fills(since)))

    async def place(self, intent: Intent) -> Outcome:
        self._expire_orders()
        quotes = await self._feed.snapshot([intent.code])
        if self._store.remark_used(intent.client_order_id):
            return Refused(say("an order with the remark {remark} was placed before", remark=intent.client_order_id))
        found = quotes.get(intent.code)
        quote = found.value if isinstance(found, Known) else None
        order = self._store.new_order(intent, self._clock.now())
        reason = self._reject_reason(order, quote)
        state = OrderState.WORKING if reason is None else OrderState.REJECTED
        if not self._change(order, replace(order, state=state, message=reason or "")):
            return Refused(say("the paper account cannot be written: {why}", why=self._trouble), sent=False)
        if reason is None and quote is not None:
            self._match(self._working[order.order_id], quote)
        return Confirmed(order.order_id)

    async def cancel(self, order_id: str) -> None:
        order = self._working.get(order_id)
        if order is not None:
            self._change(order, replace(order, state=OrderState.CANCELLED, message=mark("cancelled on request")))

    def close_position(self, code: BondCode) -> Decimal | None:
        """The bond left the market: close its position at its last price, without a fee. Returns that price."""
        holding = self._store.holdings.get(code)
        if holding is None:
            return None
        with self._store.commit():
            self._store.set_holding(code, replace(holding, volume=0))
            self._store.set_account(self._store.account.plus(holding.last * holding.volume))
        return holding.last

    def _reject_reason(self, order: PaperOrder, quote: Quote | None) -> str | None:
        if quote is None:
            return say("the exchange does not know this bond today")
        if quote.state is TradingState.HALTED:
            return say("the bond is suspended")
        if quote.state is not TradingState.CONTINUOUS:
            return say("the exchange takes no orders: {state}", state=say(quote.state))
        if quote.at.date() != order.day:
            return say("the bond has no price of today: the newest is of {at:%Y-%m-%d}", at=quote.at)
        if not on_tick(order.price):
            return say("price {price} is not on the tick of 0.001", price=order.price)
        limits = day_limits(quote)
        if limits is not None and not limits.holds(order.price):
            return say(
                "price {price} is outside the day's limits {low} to {high}",
                price=order.price,
                low=limits.low,
                high=limits.high,
            )
        return self._shortage(order)

    def _shortage(self, order: PaperOrder) -> str | None:
        if order.volume <= 0 or not order.price > 0:
            return say("volume and price must be above zero")
        if order.side is Side.BUY:
            if order.volume % LOT:
                return say("{volume} 张 is not a multiple of {LOT}", volume=order.volume, LOT=LOT)
            needed, cash = self._reserve(replace(order, state=OrderState.WORKING)), self._store.account.cash
            return say("{needed} CNY needed, {cash} available", needed=needed, cash=cash) if needed > cash else None
        holding = self._store.holdings.get(order.code)
        sellable = holding.volume - self._selling(order.code) if holding else 0
        if order.volume > sellable:
            return say("only {sellable} 张 can be sold, not {volume}", sellable=sellable, volume=order.volume)
        if order.volume % LOT and order.volume != sellable:
            return say("{volume} 张 is neither whole lots nor all that is left", volume=order.volume)
        return None

    def _on_quotes(self, quotes: Mapping[BondCode, Quote]) -> None:
        if self._stopped:
            return
        self._expire_orders()
        for code, quote in quotes.items():
            holding = self._store.holdings.get(code)
            if holding is not None and holding.last != quote.last:
                self._store.mark(code, quote.last)
        for order in [order for order in self._working.values() if order.code in quotes]:
            self._match(order, quotes[order.code])
            if self._trouble:
                return  # the others would wait as long, for nothing

    def _match(self, order: PaperOrder, quote: Quote) -> None:
        match = self._available(order, quote)
        if match is None:
            return
        volume, price = match
        total = order.filled_amount + price * volume
        charge = max(fee(order.code.exchange, total, self._fees) - order.fee, Decimal(0))  # never a refund
        filled = order.filled_volume + volume
        changed = replace(
            order,
            state=OrderState.FILLED if filled == order.volume else OrderState.PART_FILLED,
            filled_volume=filled,
            filled_amount=total,
            fee=order.fee + charge,
            message="",
        )
        fill = self._store.new_fill(order, volume, price, charge, self._clock.now())
        self._change(order, changed, fill)

    def _available(self, order: PaperOrder, quote: Quote) -> tuple[int, Decimal] | None:
        """The volume and price at which this quote fills the order now, None where it does not."""
        buying = order.side is Side.BUY
        price, shown = (quote.ask, quote.ask_volume) if buying else (quote.bid, quote.bid_volume)
        if quote.state is not TradingState.CONTINUOUS or quote.at.date() != order.day or price is None:
            return None
        if price > order.price if buying else price < order.price:
            return None
        if shown is None:
            return order.remaining, price
        at, taken = self._taken.get((order.code, order.side), (None, 0))
        left = shown - (taken if at == quote.at else 0)
        volume = min(order.remaining, left)
        if volume <= 0:
            return None
        self._taken[order.code, order.side] = (quote.at, shown - left + volume)
        return volume, price

    def _change(self, old: PaperOrder, new: PaperOrder, fill: Fill | None = None) -> bool:
        """Commit an order's new state with the money and bonds that move with it, then notify the listeners.

        False where the disk refuses: nothing has happened, and whatever led here comes again.
        """
        try:
            self._commit(old, new, fill)
        except sqlite3.DatabaseError as error:
            if not disk_refuses(error):
                raise
            if not self._trouble:
                log.warning("the paper account cannot be written, nothing is filled: %s", error)
            self._trouble = str(error)
            return False
        self._trouble = ""
        if new.live:
            self._working[new.order_id] = new
        else:
            self._working.pop(new.order_id, None)
        if fill is not None:
            self._publish(fill)
        self._publish(_as_broker_order(new))
        return True

    def _commit(self, old: PaperOrder, new: PaperOrder, fill: Fill | None) -> None:
        before = self._reserve(old)
        after = self._reserve(new)
        account = self._store.account
        with self._store.commit():
            self._store.set_order(new)
            if fill is not None:
                self._store.add_fill(fill)
                self._trade(fill, before - after)
            elif before != after:
                self._store.set_account(PaperAccount(account.cash + before - after, account.frozen - before + after))

    def _trade(self, fill: Fill, released: Decimal) -> None:
        account = self._store.account
        holding = self._store.holdings.get(fill.code, PaperHolding(0, Decimal(0), fill.price))
        if fill.side is Side.BUY:
            cash = account.cash + released - fill.amount - fill.fee
            paid = holding.cost * holding.volume + fill.amount + fill.fee
            volume = holding.volume + fill.volume
            holding = PaperHolding(volume, paid / volume, fill.price)
        else:
            cash = account.cash + fill.amount - fill.fee
            holding = replace(holding, volume=holding.volume - fill.volume, last=fill.price)
        self._store.set_account(PaperAccount(cash, account.frozen - released))
        self._store.set_holding(fill.code, holding)

    def _reserve(self, order: PaperOrder) -> Decimal:
        """CNY frozen for a live buy: what is left at its limit price, with the fee still to come."""
        if order.side is Side.SELL or not order.live:
            return Decimal(0)
        rest = order.price * order.remaining
        return rest + fee(order.code.exchange, order.filled_amount + rest, self._fees) - order.fee

    def _selling(self, code: BondCode) -> int:
        return sum(o.remaining for o in self._working.values() if o.code == code and o.side is Side.SELL)

    def _expire_orders(self) -> None:
        """Orders are good for their day only."""
        today = self._clock.now().date()
        for order in [order for order in self._working.values() if order.day < today]:
            self._change(order, replace(order, state=OrderState.LAPSED, message=mark("the trading day ended")))

    def _publish(self, event: BrokerEvent) -> None:
        for listener in self._listeners:
            listener(event)


def _as_broker_order(o: PaperOrder) -> BrokerOrder:
    return BrokerOrder(
        o.order_id, o.remark, o.day, o.code, o.side, o.volume, o.price, o.state, o.filled_volume, o.message
    )
