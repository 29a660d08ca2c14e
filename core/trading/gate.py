"""The gate: the last look at an order before it is written down and sent, whoever asked for it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.model.account import Ledger
from core.model.bond import BondCode
from core.model.order import Intent, Side
from core.model.settings import Settings
from core.rules.market import LOT, on_tick
from core.rules.sizing import cost
from core.trading.permits import Permitted, always


@dataclass(frozen=True, slots=True)
class Gate:
    """`orders_allowed` names why nothing may be sent at a moment, None when it may; `permitted`, to this account."""

    settings: Settings
    orders_allowed: Callable[[datetime], str | None]
    permitted: Permitted = always

    def why_not(
        self, intent: Intent, now: datetime, busy: Collection[BondCode], ledger: Ledger, bought_today: Decimal
    ) -> str | None:
        """The reason why this order must not go out, None when it may."""
        closed = self.orders_allowed(now) or self.permitted(intent)
        if closed is not None:
            return closed
        if intent.trading_day != now.date():
            return f"it was planned for {intent.trading_day}, and it is {now:%Y-%m-%d}"
        if intent.code in busy:
            return "the bond has an order that is working or unresolved"
        if intent.volume <= 0 or not intent.price > 0:
            return "volume and price must be above zero"
        if not on_tick(intent.price):
            return f"price {intent.price} is not on the tick"
        return self._buy(intent, bought_today) if intent.side is Side.BUY else self._sell(intent, ledger)

    def _sell(self, intent: Intent, ledger: Ledger) -> str | None:
        owned = ledger[intent.code].volume if intent.code in ledger else 0
        if intent.volume > owned:
            return f"the strategy owns {owned} 张, not {intent.volume}"
        return None

    def _buy(self, intent: Intent, bought_today: Decimal) -> str | None:
        guards = self.settings.guards
        if intent.volume % LOT:
            return f"{intent.volume} 张 is not a multiple of {LOT}"
        price = cost(intent.volume, intent.price, intent.code.exchange, self.settings.fees)
        if price > guards.max_order_amount:
            return f"it costs {price:,.2f} CNY, guards.max_order_amount is {guards.max_order_amount:,.2f}"
        if bought_today + price > guards.max_daily_buys:
            return f"the day's buys would come to {bought_today + price:,.2f} CNY, over guards.max_daily_buys"
        return None
