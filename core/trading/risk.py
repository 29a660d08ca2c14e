"""Pre-trade risk: what every order must pass before it is written down and sent, whatever it is for."""

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from pydantic import TypeAdapter

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
_SELF_TESTS = TypeAdapter(SelfTest)


class LiveConsent:
    """The user's consent to live orders, and the self-test. `waived`: the settings skip the self-test."""

    def __init__(self, state_store: StateStore, account: str, *, waived: bool) -> None:
        self._state_store = state_store
        self._account = account
        self._waived = waived
        self.testing: str | None = None
        """Plan id of the self-test that runs: its orders go out before it has passed."""

    def use_settings(self, settings: Settings) -> None:
        """Require the self-test, or not, as these settings say."""
        self._waived = settings.guards.self_test == "waived"

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
        self._state_store.keep(_SELF_TEST, _SELF_TESTS.dump_json(test).decode())

    def last_test(self) -> SelfTest | None:
        """The newest self-test of this account."""
        told = self._state_store.recall(_SELF_TEST)
        return None if told is None else _SELF_TESTS.validate_json(told)

    def _passed(self) -> bool:
        test = self.last_test()
        return test is not None and test.passed


class OrderCheck(Protocol):
    """One rule about orders, asked before an order is written down and again right before it is sent."""

    def why_not(self, intent: Intent) -> str | None: ...


@dataclass(frozen=True, slots=True)
class RiskContext:
    """What an order is checked against.

    `busy`: bonds with an order that is working or unresolved; `bought_today` in CNY; `claims`: for what a bond is being
    traded now; `stopped`: bonds whose stop fired today.
    """

    busy: Collection[BondCode]
    owned: Holdings
    bought_today: Decimal = Decimal(0)
    claims: Mapping[BondCode, Origin] = field(default_factory=dict[BondCode, Origin])
    stopped: Collection[BondCode] = frozenset()


@dataclass(slots=True)
class PreTradeRisk:
    """Every check of one order. `orders_allowed` returns why nothing may be sent at a moment, None when it may."""

    settings: Settings
    orders_allowed: Callable[[datetime], str | None]
    checks: Sequence[OrderCheck] = ()

    def use_settings(self, settings: Settings) -> None:
        """Check by these settings from now on."""
        self.settings = settings

    def held_back(self, intent: Intent) -> str | None:
        """The first reason of `checks` against this order, None where there is none."""
        return next((reason for check in self.checks if (reason := check.why_not(intent)) is not None), None)

    def why_not(self, intent: Intent, now: datetime, context: RiskContext) -> str | None:
        """Why this order must not be sent, None when it may."""
        closed = self.orders_allowed(now) or self.held_back(intent)
        if closed is not None:
            return closed
        behind = why_behind(intent, context.claims, context.stopped)
        if behind is not None:
            return behind
        if intent.trading_day != now.date():
            return say(
                "it was planned for {trading_day}, and it is {now:%Y-%m-%d}", trading_day=intent.trading_day, now=now
            )
        if intent.code in context.busy:
            return say("the bond has an order that is working or unresolved")
        if intent.volume <= 0 or not intent.price > 0:
            return say("volume and price must be above zero")
        if not on_tick(intent.price):
            return say("price {price} is not on the tick", price=intent.price)
        if intent.side is Side.BUY:
            return self._buy(intent, context.bought_today)
        return self._sell(intent, context.owned)

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
TRIPPED = mark("the breaker tripped: too many orders in a row were rejected (check the reasons, then resume)")
HALTED = mark("trading is halted: all new orders are blocked, stops included (resume to trade again)")
_STRENGTH = (Control.PAUSED, Control.TRIPPED, Control.HALTED)
_WHY = {Control.PAUSED: PAUSED, Control.TRIPPED: TRIPPED, Control.HALTED: HALTED}


class TradingControls:
    """Pause, halt and circuit breaker. Read from disk each time, so `rotor halt` applies at once."""

    def __init__(self, state_store: StateStore) -> None:
        self._state_store = state_store

    @property
    def engaged(self) -> Control | None:
        kept = self._state_store.recall(_CONTROL_KEY)
        return Control(kept) if kept else None

    @property
    def halted(self) -> bool:
        return self.engaged is Control.HALTED

    def engage(self, control: Control) -> None:
        """Take effect at once. A weaker control does not replace a stronger one."""
        engaged = self.engaged
        if engaged is None or _STRENGTH.index(control) > _STRENGTH.index(engaged):
            self._state_store.keep(_CONTROL_KEY, control)

    def release(self) -> None:
        """End whichever control is engaged."""
        self._state_store.keep(_CONTROL_KEY, "")

    def why_no_buys(self) -> str | None:
        """Why nothing is bought, None where it may be."""
        engaged = self.engaged
        return None if engaged is None else say(_WHY[engaged])

    def why_not(self, intent: Intent) -> str | None:
        """Why this order is held back, None where it is not; only a flatten passes a halt."""
        engaged = self.engaged
        if engaged is Control.HALTED and intent.origin is not Origin.FLATTEN:
            return say(HALTED)
        if engaged is Control.TRIPPED and intent.origin not in UNLIMITED:
            return say(TRIPPED)
        if engaged is Control.PAUSED and intent.side is Side.BUY:
            return say(PAUSED)
        return None


_REFUSED_KEY = "turned_down"


class OrderLimits:
    """At most so many orders a day, and so many rejects in a row."""

    def __init__(
        self, journal: Journal, state_store: StateStore, controls: TradingControls, guards: GuardSettings
    ) -> None:
        self._journal = journal
        self._state_store = state_store
        self._controls = controls
        self._guards = guards

    def use_settings(self, settings: Settings) -> None:
        """Count against the limits of these settings from now on."""
        self._guards = settings.guards

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

    def order_rejected(self, intent: Intent) -> None:
        """The broker or the exchange refused this order: engage the breaker where that makes too many in a row."""
        refused = self._refused(intent.trading_day) | {intent.client_order_id}
        told = {"day": intent.trading_day.isoformat(), "orders": sorted(refused)}
        self._state_store.keep(_REFUSED_KEY, json.dumps(told))
        count = self.rejects(intent.trading_day)
        if count >= self._guards.max_rejects and self._controls.engaged in (None, Control.PAUSED):
            self._controls.engage(Control.TRIPPED)
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
        return [order for order in self._journal.of_day(day) if not order.unsent]
