"""The gate: the last look at an order before it is written down and sent, whoever asked for it."""

import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from core.i18n import mark, say
from core.model.account import Holdings
from core.model.bond import BondCode
from core.model.command import SelfTest
from core.model.order import UNLIMITED, Intent, Order, OrderState, Origin, Side
from core.model.settings import GuardSettings, Settings
from core.model.snapshot import Control, Limit, Need
from core.rules.priority import why_behind
from core.rules.sizing import cost
from core.rules.ticks_and_lots import LOT, on_tick
from core.trading.journal import Journal
from core.trading.state_store import StateStore

log = logging.getLogger(__name__)

_CONSENT, _SELF_TEST = "consent", "self_test"


class LiveConsent:
    """`state_store` is that of the account's own books. `waived`: whether the settings do without the self-test."""

    def __init__(self, state_store: StateStore, account: str, *, waived: bool) -> None:
        self._state_store = state_store
        self._account = account
        self._waived = waived
        self.testing: str | None = None
        """Plan id of the self-test that runs: its orders go out before it has passed."""

    def missing(self) -> tuple[Need, ...]:
        """What is still to be done, in this order."""
        needs = [Need.CONSENT] if self._state_store.recall(_CONSENT) != self._account else []
        return (*needs, *(() if self._waived or self._passed() else (Need.SELF_TEST,)))

    def why_not(self, intent: Intent | None = None) -> str | None:
        """Why no order may be sent to this account (or not this one), None when it may."""
        missing = self.missing()
        if Need.CONSENT in missing:
            return say(
                "live trading of account {account} has not been agreed to yet: rotor consent {account}",
                account=self._account,
            )
        if missing and (intent is None or intent.plan_id != self.testing):
            return say(
                "the self-test of account {account} has not passed yet: rotor self-test, or "
                'guards.self_test = "waived"',
                account=self._account,
            )
        return None

    def test_begun(self, plan_id: str) -> None:
        """The self-test with this plan id runs."""
        self.testing = plan_id

    def consent(self) -> None:
        """The user has agreed, in words, to live orders in this account."""
        self._state_store.keep(_CONSENT, self._account)

    def record(self, test: SelfTest) -> None:
        """A self-test has ended; a later one that fails takes an earlier pass away."""
        told = {"passed": test.passed, "at": test.at.isoformat(), "lines": list(test.lines)}
        self._state_store.keep(_SELF_TEST, json.dumps(told, ensure_ascii=False))

    def last_test(self) -> SelfTest | None:
        """The newest self-test of this account."""
        told = self._state_store.recall(_SELF_TEST)
        if told is None:
            return None
        found = json.loads(told)
        return SelfTest(found["passed"], datetime.fromisoformat(found["at"]), tuple(found["lines"]))

    def _passed(self) -> bool:
        test = self.last_test()
        return test is not None and test.passed


Permitted = Callable[[Intent | None], str | None]


def always(intent: Intent | None = None) -> str | None:
    """Practice money needs no permit."""
    return None


@dataclass(frozen=True, slots=True)
class RiskContext:
    """How things stand when an order comes to the gate.

    `busy`: bonds with an order that is working or unresolved; `bought_today` in CNY; `claims`: for what a bond is being
    traded now; `stopped`: bonds whose stop fired today.
    """

    busy: Collection[BondCode]
    owned: Holdings
    bought_today: Decimal = Decimal(0)
    claims: Mapping[BondCode, Origin] = field(default_factory=dict[BondCode, Origin])
    stopped: Collection[BondCode] = frozenset()


@dataclass(frozen=True, slots=True)
class PreTradeRisk:
    """`orders_allowed` names why nothing may be sent at a moment, None when it may; `permitted`, to this account."""

    settings: Settings
    orders_allowed: Callable[[datetime], str | None]
    permitted: Callable[[Intent], str | None] = always

    def why_not(self, intent: Intent, now: datetime, standing: RiskContext) -> str | None:
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

    def _sell(self, intent: Intent, ledger: Holdings) -> str | None:
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


_CONTROL_KEY = "control"

PAUSED = mark("buys are paused (resume to go on)")
TRIPPED = mark("the breaker tripped: too many orders were turned down in a row (look at why, then resume)")
HALTED = mark("trading is halted: nothing new is sent, no stop either (resume to go on)")
_STRENGTH = (Control.PAUSED, Control.TRIPPED, Control.HALTED)
_WHY = {Control.PAUSED: PAUSED, Control.TRIPPED: TRIPPED, Control.HALTED: HALTED}


class TradingControls:
    """Read from the disk each time: `rotor halt` beside a running engine takes effect on its very next order."""

    def __init__(self, state_store: StateStore) -> None:
        self._state_store = state_store

    @property
    def pulled(self) -> Control | None:
        kept = self._state_store.recall(_CONTROL_KEY)
        return Control(kept) if kept else None

    @property
    def halted(self) -> bool:
        return self.pulled is Control.HALTED

    def pull(self, control: Control) -> None:
        """Take effect at once. A weaker brake does not undo a stronger one."""
        pulled = self.pulled
        if pulled is None or _STRENGTH.index(control) > _STRENGTH.index(pulled):
            self._state_store.keep(_CONTROL_KEY, control)

    def release(self) -> None:
        """End whichever it is."""
        self._state_store.keep(_CONTROL_KEY, "")

    def why_no_buys(self) -> str | None:
        """Why nothing is bought, None where it may be."""
        pulled = self.pulled
        return None if pulled is None else say(_WHY[pulled])

    def why_not(self, intent: Intent) -> str | None:
        """Why this order is held back; only a flatten passes a halt."""
        pulled = self.pulled
        if pulled is Control.HALTED and intent.origin is not Origin.FLATTEN:
            return say(HALTED)
        if pulled is Control.TRIPPED and intent.origin not in UNLIMITED:
            return say(TRIPPED)
        if pulled is Control.PAUSED and intent.side is Side.BUY:
            return say(PAUSED)
        return None


NOT_SENT = "not sent: "
"""How the text of an order begins that was written down and held back: nobody has turned it down."""

_REFUSED_KEY = "turned_down"


class OrderLimits:
    def __init__(
        self, journal: Journal, state_store: StateStore, controls: TradingControls, guards: GuardSettings
    ) -> None:
        self._journal = journal
        self._state_store = state_store
        self._controls = controls
        self._guards = guards

    def why_not(self, intent: Intent) -> str | None:
        """Why this order would be one too many, None where it is not; what is only sold is never one."""
        if intent.origin in UNLIMITED:
            return None
        before = 0
        for order in self._sent(intent.trading_day):
            if order.intent.client_order_id == intent.client_order_id:
                break
            before += 1
        if before < self._guards.max_daily_orders:
            return None
        return say("{before} orders were sent today (guards.max_daily_orders)", before=before)

    def turned_down(self, intent: Intent) -> None:
        """The broker or the exchange refused this order: pull the brake where that makes too many in a row."""
        refused = self._refused(intent.trading_day) | {intent.client_order_id}
        told = {"day": intent.trading_day.isoformat(), "orders": sorted(refused)}
        self._state_store.keep(_REFUSED_KEY, json.dumps(told))
        count = self.rejects(intent.trading_day)
        if count >= self._guards.max_rejects and self._controls.pulled in (None, Control.PAUSED):
            self._controls.pull(Control.TRIPPED)
            log.error(
                "%d orders were turned down one after the other: only what sells for safety or by hand still goes out. "
                "Look at the reasons on the Orders screen, then resume.",
                count,
            )

    def rejects(self, day: date) -> int:
        """How many of the day's newest orders were turned down, one after the other.

        An order that is not over, or of which nobody knows whether it arrived, neither adds to the row nor ends it.
        """
        refused, count = self._refused(day), 0
        for order in reversed(self._sent(day)):
            if order.intent.client_order_id in refused and not order.filled_volume:
                count += 1
            elif order.filled_volume or order.state in (OrderState.CANCELLED, OrderState.LAPSED):
                break
        return count

    def rows(self, day: date) -> tuple[Limit, ...]:
        """How far each limit is used."""
        return (
            Limit(mark("orders"), len(self._sent(day)), self._guards.max_daily_orders),
            Limit(mark("rejects in a row"), self.rejects(day), self._guards.max_rejects),
        )

    def _refused(self, day: date) -> frozenset[str]:
        """The orders of this day that were turned down."""
        told = json.loads(self._state_store.recall(_REFUSED_KEY) or "{}")
        return frozenset(told["orders"]) if told.get("day") == day.isoformat() else frozenset()

    def _sent(self, day: date) -> list[Order]:
        return [order for order in self._journal.of_day(day) if not _held_back(order)]


def _held_back(order: Order) -> bool:
    return order.state is OrderState.REFUSED and order.message.startswith(NOT_SENT)
