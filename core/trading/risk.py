"""The gate: the last look at an order before it is written down and sent, whoever asked for it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from core.i18n import say
from core.model.account import Ledger
from core.model.bond import BondCode
from core.model.order import Intent, Origin, Side
from core.model.settings import Settings
from core.rules.priority import why_behind
from core.rules.sizing import cost
from core.rules.ticks_and_lots import LOT, on_tick
from core.trading.permits import always


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand when an order comes to the gate.

    `busy`: bonds with an order that is working or unresolved; `bought_today` in CNY; `claims`: for what a bond is being
    traded now; `stopped`: bonds whose stop fired today.
    """

    busy: Collection[BondCode]
    owned: Ledger
    bought_today: Decimal = Decimal(0)
    claims: Mapping[BondCode, Origin] = field(default_factory=dict[BondCode, Origin])
    stopped: Collection[BondCode] = frozenset()


@dataclass(frozen=True, slots=True)
class Gate:
    """`orders_allowed` names why nothing may be sent at a moment, None when it may; `permitted`, to this account."""

    settings: Settings
    orders_allowed: Callable[[datetime], str | None]
    permitted: Callable[[Intent], str | None] = always

    def why_not(self, intent: Intent, now: datetime, standing: Standing) -> str | None:
        """The reason why this order must not go out, None when it may."""
        closed = self.orders_allowed(now) or self.permitted(intent)
        if closed is not None:
            return closed
        behind = why_behind(intent, standing.claims, standing.stopped)
        if behind is not None:
            return behind
        if intent.trading_day != now.date():
            return say(
                "it was planned for {trading_day}, and it is {now:%Y-%m-%d}", trading_day=intent.trading_day, now=now
            )
        if intent.code in standing.busy:
            return say("the bond has an order that is working or unresolved")
        if intent.volume <= 0 or not intent.price > 0:
            return say("volume and price must be above zero")
        if not on_tick(intent.price):
            return say("price {price} is not on the tick", price=intent.price)
        if intent.side is Side.BUY:
            return self._buy(intent, standing.bought_today)
        return self._sell(intent, standing.owned)

    def _sell(self, intent: Intent, ledger: Ledger) -> str | None:
        owned = ledger[intent.code].volume if intent.code in ledger else 0
        if intent.volume > owned:
            return say("the strategy owns {owned} 张, not {volume}", owned=owned, volume=intent.volume)
        return None

    def _buy(self, intent: Intent, bought_today: Decimal) -> str | None:
        guards = self.settings.guards
        if intent.volume % LOT:
            return say("{volume} 张 is not a multiple of {LOT}", volume=intent.volume, LOT=LOT)
        price = cost(intent.volume, intent.price, intent.code.exchange, self.settings.fees)
        if price > guards.max_order_amount:
            return say(
                "it costs {price:,.2f} CNY, guards.max_order_amount is {max_order_amount:,.2f}",
                price=price,
                max_order_amount=guards.max_order_amount,
            )
        if bought_today + price > guards.max_daily_buys:
            return say(
                "the day's buys would come to {bought_today:,.2f} CNY, over guards.max_daily_buys",
                bought_today=bought_today + price,
            )
        return None
