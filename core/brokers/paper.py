"""The paper broker: a counter of its own that matches limit orders against real or recorded quotes.

It keeps its books in its own file and commits them before it answers, as a broker's counter would: what it confirmed
survives a crash of this program.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from core.brokers.broker import BrokerEvent, BrokerListener, LinkState
from core.brokers.paper_store import PaperAccount, PaperHolding, PaperOrder, PaperStore
from core.infra.clock import Clock
from core.model.account import Asset, Position
from core.model.bond import BondCode
from core.model.known import Known, Maybe
from core.model.order import BrokerOrder, Confirmed, Fill, Intent, Order, OrderState, Outcome, Refused, Side
from core.model.quote import Quote, TradingState
from core.model.settings import Fees
from core.quotes.feed import QuoteFeed
from core.rules.sizing import fee
from core.rules.ticks_and_lots import LOT, day_limits, on_tick

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Match:
    volume: int
    price: Decimal


class PaperBroker:
    """Cash, holdings that may be sold the day they are bought (T+0), limit orders, part fills, cancels and fees.

    A quote's displayed volume can be taken once; a quote that tells no volume fills any order whole.
    """

    def __init__(
        self, path: Path, feed: QuoteFeed, clock: Clock, fees: Fees, capital: Decimal, *, durable: bool = True
    ) -> None:
        self._books = PaperStore(path, capital, durable=durable)
        self._feed = feed
        self._clock = clock
        self._fees = fees
        self._listeners: list[BrokerListener] = []
        self._taken: dict[tuple[BondCode, Side], tuple[object, int]] = {}
        self._working = {order.order_id: order for order in self._books.live_orders()}
        self._stopped = False
        self.link = LinkState(True, 1, "ok", clock.now())
        feed.subscribe(self._on_quotes)

    @property
    def account(self) -> str:
        return "paper-1"

    def absence_proves(self, order: Order) -> float | None:
        """At once: every order ever taken is listed."""
        return 0.0

    def watch_link(self, listener: Callable[[], None]) -> None:
        """A counter in this very process is never out of reach."""

    async def start(self) -> None:
        self._lapse()

    async def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._books.close()

    def subscribe(self, listener: BrokerListener) -> None:
        self._listeners.append(listener)

    async def asset(self) -> Maybe[Asset]:
        self._lapse()
        account = self._books.account
        value = sum((holding.last * holding.volume for holding in self._books.holdings.values()), Decimal(0))
        return Known(Asset(account.cash, account.frozen, value))

    async def positions(self) -> Maybe[tuple[Position, ...]]:
        self._lapse()
        return Known(
            tuple(
                Position(code, holding.volume, holding.volume - self._selling(code), holding.cost)
                for code, holding in sorted(self._books.holdings.items())
            )
        )

    async def orders(self, since: date) -> Maybe[tuple[BrokerOrder, ...]]:
        self._lapse()
        return Known(tuple(_listed(order) for order in self._books.orders(since)))

    async def fills(self, since: date) -> Maybe[tuple[Fill, ...]]:
        return Known(tuple(self._books.fills(since)))

    async def place(self, intent: Intent) -> Outcome:
        self._lapse()
        quotes = await self._feed.snapshot([intent.code])
        if self._books.remark_used(intent.client_order_id):
            return Refused(f"an order with the remark {intent.client_order_id} was placed before")
        found = quotes.get(intent.code)
        quote = found.value if isinstance(found, Known) else None
        order = self._books.new_order(intent, self._clock.now())
        reason = self._why_rejected(order, quote)
        if reason is not None:
            self._change(order, replace(order, state=OrderState.REJECTED, message=reason))
            return Confirmed(order.order_id)
        self._change(order, replace(order, state=OrderState.WORKING))
        if quote is not None:
            self._match(self._working[order.order_id], quote)
        return Confirmed(order.order_id)

    async def cancel(self, order_id: str) -> None:
        order = self._working.get(order_id)
        if order is not None:
            self._change(order, replace(order, state=OrderState.CANCELLED, message="cancelled on request"))

    def retire(self, code: BondCode) -> Decimal | None:
        """The bond left the market: close its holding at its last price, without a fee. Answers with that price."""
        holding = self._books.holdings.get(code)
        if holding is None:
            return None
        with self._books.commit():
            self._books.set_holding(code, replace(holding, volume=0))
            self._books.set_account(self._books.account.plus(holding.last * holding.volume))
        return holding.last

    def _why_rejected(self, order: PaperOrder, quote: Quote | None) -> str | None:
        if quote is None:
            return "the exchange does not know this bond today"
        if quote.state is TradingState.HALTED:
            return "the bond is suspended"
        if quote.state is not TradingState.CONTINUOUS:
            return f"the exchange takes no orders: {quote.state}"
        if quote.at.date() != order.day:
            return f"the bond has no price of today: the newest is of {quote.at:%Y-%m-%d}"
        if not on_tick(order.price):
            return f"price {order.price} is not on the tick of 0.001"
        limits = day_limits(quote)
        if limits is not None and not limits.holds(order.price):
            return f"price {order.price} is outside the day's limits {limits.low} to {limits.high}"
        return self._why_short(order)

    def _why_short(self, order: PaperOrder) -> str | None:
        if order.volume <= 0 or not order.price > 0:
            return "volume and price must be above zero"
        if order.side is Side.BUY:
            if order.volume % LOT:
                return f"{order.volume} 张 is not a multiple of {LOT}"
            needed, cash = self._reserve(replace(order, state=OrderState.WORKING)), self._books.account.cash
            return f"{needed} CNY are needed, {cash} are there" if needed > cash else None
        holding = self._books.holdings.get(order.code)
        sellable = holding.volume - self._selling(order.code) if holding else 0
        if order.volume > sellable:
            return f"{sellable} 张 may be sold, not {order.volume}"
        if order.volume % LOT and order.volume != sellable:
            return f"{order.volume} 张 is neither whole lots nor all that is left"
        return None

    def _on_quotes(self, quotes: Mapping[BondCode, Quote]) -> None:
        if self._stopped:
            return
        self._lapse()
        for code, quote in quotes.items():
            holding = self._books.holdings.get(code)
            if holding is not None and holding.last != quote.last:
                self._books.mark(code, quote.last)
        for order in [order for order in self._working.values() if order.code in quotes]:
            self._match(order, quotes[order.code])

    def _match(self, order: PaperOrder, quote: Quote) -> None:
        match = self._available(order, quote)
        if match is None:
            return
        total = order.filled_amount + match.price * match.volume
        charge = fee(order.code.exchange, total, self._fees) - order.fee
        filled = order.filled_volume + match.volume
        done = filled == order.volume
        changed = replace(
            order,
            state=OrderState.FILLED if done else OrderState.PART_FILLED,
            filled_volume=filled,
            filled_amount=total,
            fee=order.fee + charge,
            message="",
        )
        fill = self._books.new_fill(order, match.volume, match.price, charge, self._clock.now())
        self._change(order, changed, fill)

    def _available(self, order: PaperOrder, quote: Quote) -> _Match | None:
        """What the other side of the book would trade with this order."""
        buying = order.side is Side.BUY
        price, shown = (quote.ask, quote.ask_volume) if buying else (quote.bid, quote.bid_volume)
        if quote.state is not TradingState.CONTINUOUS or quote.at.date() != order.day or price is None:
            return None
        if price > order.price if buying else price < order.price:
            return None
        if shown is None:
            return _Match(order.remaining, price)
        moment, taken = self._taken.get((order.code, order.side), (None, 0))
        left = shown - (taken if moment == quote.at else 0)
        volume = min(order.remaining, left)
        if volume <= 0:
            return None
        self._taken[order.code, order.side] = (quote.at, shown - left + volume)
        return _Match(volume, price)

    def _change(self, old: PaperOrder, new: PaperOrder, fill: Fill | None = None) -> None:
        """Commit an order's step with the money and the bonds that move with it, then tell."""
        before = self._reserve(old)
        after = self._reserve(new)
        account = self._books.account
        with self._books.commit():
            self._books.set_order(new)
            if fill is not None:
                self._books.add_fill(fill)
                self._trade(fill, before - after)
            elif before != after:
                self._books.set_account(PaperAccount(account.cash + before - after, account.frozen - before + after))
        if new.live:
            self._working[new.order_id] = new
        else:
            self._working.pop(new.order_id, None)
        if fill is not None:
            self._tell(fill)
        self._tell(_listed(new))

    def _trade(self, fill: Fill, released: Decimal) -> None:
        account = self._books.account
        holding = self._books.holdings.get(fill.code, PaperHolding(0, Decimal(0), fill.price))
        if fill.side is Side.BUY:
            cash = account.cash + released - fill.amount - fill.fee
            paid = holding.cost * holding.volume + fill.amount + fill.fee
            volume = holding.volume + fill.volume
            holding = PaperHolding(volume, paid / volume, fill.price)
        else:
            cash = account.cash + fill.amount - fill.fee
            holding = replace(holding, volume=holding.volume - fill.volume, last=fill.price)
        self._books.set_account(PaperAccount(cash, account.frozen - released))
        self._books.set_holding(fill.code, holding)

    def _reserve(self, order: PaperOrder) -> Decimal:
        """CNY that stand behind a working buy: the rest at its limit, with the fee that is still to come."""
        if order.side is Side.SELL or not order.live:
            return Decimal(0)
        rest = order.price * order.remaining
        return rest + fee(order.code.exchange, order.filled_amount + rest, self._fees) - order.fee

    def _selling(self, code: BondCode) -> int:
        return sum(o.remaining for o in self._working.values() if o.code == code and o.side is Side.SELL)

    def _lapse(self) -> None:
        """Orders are good for their day."""
        today = self._clock.now().date()
        for order in [order for order in self._working.values() if order.day < today]:
            self._change(order, replace(order, state=OrderState.LAPSED, message="the trading day ended"))

    def _tell(self, event: BrokerEvent) -> None:
        for listener in self._listeners:
            listener(event)


def _listed(order: PaperOrder) -> BrokerOrder:
    return BrokerOrder(
        order.order_id,
        order.remark,
        order.day,
        order.code,
        order.side,
        order.volume,
        order.price,
        order.state,
        order.filled_volume,
        order.message,
    )
