"""Compares every price of a managed bond with its stop-loss and take-profit levels, and sells what crossed one."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from core.i18n import say
from core.infra.tasks import end_tasks
from core.model.account import Owned
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.order import STOP_ORIGINS, Intent, Order, OrderState, Origin, Side
from core.model.quote import Quote
from core.model.settings import Settings
from core.model.snapshot import BlockKind, StopRow, StopsSummary
from core.quotes.feed import QuoteFeed, SecondSource, goes_before
from core.rules.pricing import order_price, why_not_tradable
from core.rules.stops import Levels, Ratios, crossed, levels_of
from core.rules.ticks_and_lots import sellable_lots
from core.trading.account import AccountReader
from core.trading.order_manager import OrderManager
from core.trading.risk import LiveConsent, TradingControls
from core.trading.stop_rows import Crossing, Situation, Watch, stop_row, stops_summary

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds after which a stop's unfilled order is cancelled and sent again at a fresh price."""

FRESH = 10.0
"""Seconds for which the last reading of the account tells what may be sold of a bond."""

UNSEEN = 90.0
"""Real seconds without a price after which a stop counts as not armed; longer than from one sweep to the next."""

DOUBT = 10.0
"""Seconds for which a second source's different price delays a stop: three of its answers."""

_PAUSE, _LONGEST_PAUSE = 5.0, 60.0
"""Seconds until a sale that failed is tried again; they double with each failure."""

_TAGS = {Origin.STOP_LOSS: "SL", Origin.TAKE_PROFIT: "TP"}


class RatiosInForce(Protocol):
    @property
    def ratios(self) -> Ratios:
        """The stop ratios that hold now."""
        ...


class StopMonitor:
    """Watches every managed position on every tick; `sweep` covers lost ticks.

    A stop stays armed until nothing is left of its bond. `ratios` are read again for each price, so that what is shown
    is what would fire. Nothing here waits for a screen, a plan or a rebalance.
    """

    def __init__(
        self,
        order_manager: OrderManager,
        account: AccountReader,
        feed: QuoteFeed,
        controls: TradingControls,
        settings: Settings,
        ratios: RatiosInForce,
        consent: LiveConsent | None = None,
        second: SecondSource | None = None,
    ) -> None:
        """`consent` is None outside live mode, `second` where prices come from one source only."""
        self._order_manager = order_manager
        self._account = account
        self._feed = feed
        self._controls = controls
        self._settings = settings
        self._orders = settings.orders.model_copy(update={"type": "market"})
        self._ratios = ratios
        self._consent = consent
        self._second = second
        self._watches: dict[BondCode, Watch] = {}
        self._unpriced: dict[BondCode, str] = {}
        self._selling: dict[BondCode, asyncio.Task[None]] = {}

    def use_settings(self, settings: Settings) -> None:
        """Watch by these settings from now on; a sale that is under way goes on."""
        self._settings = settings
        self._orders = settings.orders.model_copy(update={"type": "market"})

    def on_quotes(self, quotes: Mapping[BondCode, Quote]) -> None:
        """Check prices that have just arrived."""
        owned = self._order_manager.ledger.holdings()
        mine = {code: quote for code, quote in quotes.items() if code in owned}
        if mine:
            ratios = self._ratios.ratios
            for code, quote in mine.items():
                self._check_price(owned[code], quote, ratios)

    async def sweep(self) -> None:
        """Fetch and check the price of every managed bond; the second source answers where the first cannot."""
        codes = tuple(self._order_manager.ledger.holdings())
        if codes and self._settings.stops.enabled and self._why_not_sendable() is None:
            found = await self._feed.snapshot(codes)
            self._check_found(found)  # first: the second source may be slow
            unpriced = {code: quote.reason for code, quote in found.items() if isinstance(quote, Unknown)}
            others = dict[BondCode, Maybe[Quote]]()
            if unpriced and self._second is not None:
                others |= await self._second.second_opinion(unpriced)
            self._log_unpriced(unpriced, others)
            self._check_found(others)

    def _check_found(self, found: Mapping[BondCode, Maybe[Quote]]) -> None:
        self.on_quotes({code: quote.value for code, quote in found.items() if isinstance(quote, Known)})

    def _log_unpriced(self, unpriced: Mapping[BondCode, str], others: Mapping[BondCode, Maybe[Quote]]) -> None:
        """Log once for each reason why a bond has no price of the source in use, and what its stop goes by."""
        for code, reason in unpriced.items():
            if self._unpriced.get(code) != reason:
                other = others.get(code)
                if isinstance(other, Known):
                    log.warning("%s: its stop goes by %s: %s", code, other.value.source, reason)
                else:
                    log.error("%s: its stop cannot fire, no source has its price: %s", code, reason)
        self._unpriced = dict(unpriced)

    async def close(self) -> None:
        """Start no more sales; orders at the broker stay as they are."""
        await end_tasks(*self._selling.values())

    def rows(self) -> dict[BondCode, StopRow]:
        """The stops of each managed bond, as they would act on the next price."""
        order_manager, clock = self._order_manager, self._order_manager.clock
        situation = Situation(  # read once: the controls are on disk
            self._settings.stops.enabled,
            self._ratios.ratios,
            self._why_blocked(),
            self._why_closed(),
            clock.now() - timedelta(seconds=UNSEEN * clock.speed),
        )
        frozen, rows = order_manager.frozen, dict[BondCode, StopRow]()
        for code, owned in order_manager.ledger.holdings().items():
            watch = self._watches.get(code) or Watch()
            levels = self.levels(owned.cost, watch.quote, situation.ratios)
            selling = order_manager.claims.get(code) in STOP_ORIGINS
            rows[code] = stop_row(watch, levels, situation, frozen=frozen.get(code), selling=selling)
        return rows

    def summary(self, rows: Mapping[BondCode, StopRow], names: Mapping[BondCode, str]) -> StopsSummary:
        """`names` of the bonds, as far as they are known."""
        return stops_summary(rows, names, self._why_closed())

    def _check_price(self, owned: Owned, quote: Quote, ratios: Ratios) -> None:
        code = owned.code
        watch = self._watches.setdefault(code, Watch())
        if watch.quote is not None and goes_before(watch.quote, quote, self._order_manager.clock):
            return
        if watch.quote is not None and quote.at.date() != watch.quote.at.date():
            watch.decided = None
        watch.quote, watch.checked_at = quote, self._order_manager.clock.now()
        crossing = self._crossing(owned, quote, ratios)
        if crossing is None and self._settings.stops.enabled:
            crossing = watch.decided
        if crossing is None:
            watch.doubted_since = None
            self._log_obstacle(watch, quote, "")
        elif code not in self._selling and self._order_manager.clock.elapsed() >= watch.not_before:
            hours = self._why_closed()  # closed hours are no obstacle to report: it fires when trading resumes
            obstacle = self._obstacle(quote, watch) if hours is None else None
            self._log_obstacle(watch, quote, obstacle or "")
            if hours is None and obstacle is None:
                task = asyncio.get_running_loop().create_task(self._sell(code, crossing, watch))
                self._selling[code] = task
                task.add_done_callback(lambda _: self._selling.pop(code, None))
            elif hours is None and self._waits_for_books() and not (self._why_unsellable(quote) or self._doubt(quote)):
                watch.decided = crossing

    def _crossing(self, owned: Owned, quote: Quote, ratios: Ratios) -> Crossing | None:
        if not self._settings.stops.enabled:
            return None
        levels = self.levels(owned.cost, quote, ratios)
        origin = crossed(quote.last, levels.value) if isinstance(levels, Known) else None
        if isinstance(levels, Unknown) or origin is None:
            return None
        level = levels.value.loss if origin is Origin.STOP_LOSS else levels.value.profit
        return Crossing(
            origin,
            say(
                "{origin}: last {last} through {level} ({basis})",
                origin=say(origin),
                last=quote.last,
                level=level,
                basis=levels.value.basis,
            ),
            level,
        )

    def levels(self, cost: Decimal, quote: Quote | None, ratios: Ratios) -> Maybe[Levels]:
        """Where a holding of this cost is sold, by today's quote of its bond."""
        return levels_of(cost, self._prev_close(quote), ratios, self._settings.stops.basis)

    def _prev_close(self, quote: Quote | None) -> Maybe[Decimal]:
        """The previous close, where nothing contradicts it."""
        if quote is None or quote.prev_close is None:
            return Unknown((quote.doubt if quote else "") or say("the previous close is unknown"))
        contradiction = self._second.other_prev_close(quote) if self._second is not None else None
        return Known(quote.prev_close) if contradiction is None else Unknown(contradiction)

    def _obstacle(self, quote: Quote, watch: Watch) -> str | None:
        """Why a price through a level does not sell at once.

        One wrong tick must not cost a holding, and a second source that is wrong all day must not cost a stop: its
        different price delays the sale by `DOUBT` seconds only.
        """
        reason = self._why_blocked() or self._why_unsellable(quote)
        doubt = self._doubt(quote) if reason is None else None
        if doubt is None:
            watch.doubted_since = None
            return reason
        now = self._order_manager.clock.elapsed()
        watch.doubted_since = now if watch.doubted_since is None else watch.doubted_since
        if now - watch.doubted_since < DOUBT:
            return doubt
        log.warning("%s %s is sold anyway: %s", quote.code, quote.name, doubt)
        return None

    def _why_unsellable(self, quote: Quote) -> str | None:
        return self._order_manager.frozen.get(quote.code) or why_not_tradable(Side.SELL, quote, self._today())

    def _doubt(self, quote: Quote) -> str | None:
        return self._second.contradiction(quote) if self._second is not None else None

    def _waits_for_books(self) -> bool:
        """Whether nothing keeps orders back but that they cannot be written down."""
        kinds = {reason.kind for reason in self._order_manager.status.reasons}
        return kinds == {BlockKind.BOOKS_UNWRITABLE} and not self._controls.halted

    def _why_not_sendable(self) -> str | None:
        return self._why_blocked() or self._why_closed()

    def _why_blocked(self) -> str | None:
        if self._controls.halted:
            return say("halted: no stop fires")
        return self._order_manager.status.why_blocked or (self._consent.why_not() if self._consent else None)

    def _why_closed(self) -> str | None:
        return self._order_manager.risk.orders_allowed(self._order_manager.clock.now())

    async def _sell(self, code: BondCode, crossing: Crossing, watch: Watch) -> None:
        """Sell until nothing is left, the price has recovered, or an order fails; then the next price tries again.

        A touch counts: the first order is sent even if the price has recovered by then.
        """
        watch.decided = None
        try:
            with self._order_manager.claim(code, crossing.origin):
                found: Crossing | None = crossing
                while found is not None:
                    failure = await self._one_order(code, found, watch, cached=found is crossing)
                    if failure is not None:
                        self._back_off(watch, failure)
                        if self._why_blocked() is not None:  # what keeps all orders back is no fault of this one
                            watch.failures, watch.not_before = 0, 0.0
                            watch.decided = found if self._waits_for_books() else None
                        return
                    watch.failures = 0
                    found = self._still_crossed(code, crossing.origin, watch)
        except Exception as error:
            log.exception("the stop of %s could not be carried out", code)
            self._back_off(watch, f"{error}")

    def _still_crossed(self, code: BondCode, origin: Origin, watch: Watch) -> Crossing | None:
        """The crossing if the newest price is still through the same level, else None."""
        owned, quote = self._order_manager.ledger.holdings().get(code), watch.quote
        found = self._crossing(owned, quote, self._ratios.ratios) if owned is not None and quote is not None else None
        return found if found is not None and found.origin is origin else None

    async def _one_order(self, code: BondCode, crossing: Crossing, watch: Watch, *, cached: bool) -> str | None:
        """Send one order and wait for its end; returns why it was not sent or not filled, None where it was."""
        off = self._why_not_sendable() or self._order_manager.frozen.get(code)
        if off is not None:  # halted meanwhile, perhaps by a flatten, whose order must not be cancelled here
            return off
        in_the_way = [order for order in self._order_manager.journal.open() if order.intent.code == code]
        if in_the_way:
            obstacle = await self._clear_other_orders(in_the_way, watch)
            if obstacle is not None:
                return obstacle
        volume = await self._sellable_volume(code, cached=cached and not in_the_way)
        if isinstance(volume, Unknown):
            return volume.reason
        quote = watch.quote
        if quote is None:
            return say("no price")
        price = order_price(Side.SELL, Known(quote), self._orders, self._today())
        if isinstance(price, Unknown):
            return price.reason
        intent = self._intent(crossing, quote, volume.value, price.value)
        log.warning("%s %s: %s", code, quote.name, crossing.text)
        return await self._send_and_wait(intent)

    async def _send_and_wait(self, intent: Intent) -> str | None:
        order_manager, key = self._order_manager, intent.client_order_id
        refused = await order_manager.send([intent])
        if key in refused:
            return refused[key]
        late = not await order_manager.wait_until_done([key], min(PATIENCE, float(self._settings.orders.timeout)))
        if late:
            await order_manager.cancel_and_wait([key])
        if order_manager.journal[key].state is not OrderState.FILLED:
            await order_manager.sync_with_broker()
        order = order_manager.journal[key]
        # An order that somebody else cancelled unfilled would be cancelled again: that counts as a failure.
        if order.filled_volume or (late and order.state is OrderState.CANCELLED):
            return None if order.done else say("order {key} is {state}", key=key, state=say(order.state))
        return say("its order was {state}: {message}", state=say(order.state), message=order.message)

    async def _clear_other_orders(self, orders: list[Order], watch: Watch) -> str | None:
        """Cancel a bond's other orders; returns why one remains, None where none does."""
        order_manager = self._order_manager
        if any(order.unresolved for order in orders):
            await order_manager.sync_with_broker()
        for order in (order_manager.journal[order.intent.client_order_id] for order in orders):
            key, bid = order.intent.client_order_id, watch.quote.bid if watch.quote else None
            if order.unresolved:
                return say("order {key} is {state}: frozen until that is settled", key=key, state=say(order.state))
            if order.live and order.intent.side is Side.SELL and bid is not None and order.intent.price <= bid:
                return say("order {key} sells it already", key=key)
            if not await order_manager.cancel_and_wait([key]):
                return say(
                    "order {key} is {state}: its cancel is not proven",
                    key=key,
                    state=say(order_manager.journal[key].state),
                )
        return None

    async def _sellable_volume(self, code: BondCode, *, cached: bool) -> Maybe[int]:
        """How many 张 one order may sell now."""
        age = self._account.age()
        state = self._account.latest if cached and age is not None and age < FRESH else await self._account.read()
        if isinstance(state.positions, Unknown):
            return Unknown(say("the account's positions are unknown: {reason}", reason=state.positions.reason))
        owned, position = self._order_manager.ledger.holdings().get(code), state.position(code)
        if owned is None or position is None:
            return Unknown(say("the account does not hold it"))
        volume = sellable_lots(owned.volume, position)
        if volume <= 0:
            return Unknown(
                say(
                    "{sellable} of {volume} 张 can be sold now: not enough for an order",
                    sellable=position.sellable,
                    volume=position.volume,
                )
            )
        return Known(volume)

    def _intent(self, crossing: Crossing, quote: Quote, volume: int, price: Decimal) -> Intent:
        today, origin = self._today(), crossing.origin
        key = f"{today:%y%m%d}-{_TAGS[origin]}-{secrets.token_hex(4)}"
        return Intent(
            *(key, key, today, quote.code, quote.name, Side.SELL, volume, price, crossing.text, 1, origin),
            arrival=quote.last,
            level=crossing.level,
        )

    def _today(self) -> date:
        return self._order_manager.clock.now().date()

    def _back_off(self, watch: Watch, obstacle: str) -> None:
        pause = min(_PAUSE * 2 ** min(watch.failures, 10), _LONGEST_PAUSE)
        watch.failures += 1
        watch.not_before = self._order_manager.clock.elapsed() + pause
        if watch.quote is not None:
            self._log_obstacle(watch, watch.quote, obstacle)

    @staticmethod
    def _log_obstacle(watch: Watch, quote: Quote, obstacle: str) -> None:
        """Log once what keeps a stop from selling."""
        if obstacle and obstacle != watch.note:
            log.error("the stop of %s %s is through its level and stays armed: %s", quote.code, quote.name, obstacle)
        watch.note = obstacle
