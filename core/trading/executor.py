"""Carries a plan out, leg by leg: sells, buys, repricing of what is left."""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from core.i18n import mark, say
from core.infra.clock import Clock
from core.model.account import Position
from core.model.bond import BondCode
from core.model.errors import RefusedError
from core.model.known import Known, Maybe, Unknown
from core.model.order import Intent, Order, OrderState, Side
from core.model.plan import Leg, Plan
from core.model.settings import Settings
from core.rules.plan_facts import leg_price
from core.rules.plan_input import PlanInput
from core.rules.planner import plan_buys, plan_for
from core.rules.sizing import affordable, cost
from core.rules.ticks_and_lots import LOT, sellable_lots
from core.trading.order_manager import OrderManager
from core.trading.runs import Runs

log = logging.getLogger(__name__)

INTERRUPTED = mark(
    "interrupted: the program ended before it did; what was filled is booked, make a new plan for the rest"
)


class RebalanceRefused(RefusedError):
    """The rebalance was not started and nothing was sent; the message says why."""


@dataclass(frozen=True, slots=True)
class _Try:
    """One leg in one attempt; its place in the plan makes its order ids unique."""

    place: int
    leg: Leg


class Executor:
    """One plan at a time: sells first, together; buys from the cash that arrived, in list order.

    `gather` gathers a fresh situation; `seconds_left` tells how long orders may still work at a moment.
    """

    def __init__(
        self,
        order_manager: OrderManager,
        runs: Runs,
        clock: Clock,
        gather: Callable[[str], Awaitable[PlanInput]],
        seconds_left: Callable[[datetime], float],
    ) -> None:
        self._order_manager = order_manager
        self._runs = runs
        self._clock = clock
        self._gather = gather
        self._seconds_left = seconds_left
        self.plan: Plan | None = None
        self.stage = ""
        self.stopped: dict[BondCode, str] = {}

    async def run(self, plan: Plan, settings: Settings) -> str:
        """Carry `plan` out to its end, at current prices; returns the closing sentence.

        Raises `RebalanceRefused` when another one runs, the plan is refused, out of date or was begun before.
        """
        if self.plan is not None:
            raise RebalanceRefused(
                say(
                    "{origin} {plan_id} is in progress, a second one cannot start",
                    origin=self.plan.origin,
                    plan_id=self.plan.plan_id,
                )
            )
        if plan.refused is not None:
            raise RebalanceRefused(plan.refused)
        self.plan = plan
        self.stopped = {}
        try:
            sells = await self._begin(plan, settings)
            return await self._carry_out(plan, sells, settings)
        finally:
            self.plan = None

    async def _begin(self, plan: Plan, settings: Settings) -> list[_Try]:
        """Commit that the plan is being carried out; returns its sells as they are possible now."""
        unanswered = await self._order_manager.sync_with_broker()  # a refused order may be live after all
        if unanswered is not None:
            raise RebalanceRefused(say("the account's orders are not known: {unanswered}", unanswered=unanswered))
        situation = await self._gather(plan.plan_id)
        fresh = plan_for(situation, settings)
        if fresh.refused is not None:
            raise RebalanceRefused(fresh.refused)
        selection = situation.selection.value if isinstance(situation.selection, Known) else None
        followed = (settings.strategy.strategy_id, settings.strategy.history_id)
        if selection is not None and (selection.strategy_id, selection.history_id) != followed:
            raise RebalanceRefused(say("the plan is of a strategy that is no longer followed: make a new one"))
        if (fresh.origin, fresh.codes, fresh.trading_day) != (plan.origin, plan.codes, plan.trading_day):
            raise RebalanceRefused(say("the plan is out of date: make a new one"))
        if fresh.question is not None and plan.question is None:
            raise RebalanceRefused(fresh.question)
        if not self._runs.begin(plan, selection, self._clock.now()):
            raise RebalanceRefused(say("plan {plan_id} was carried out before: make a new one", plan_id=plan.plan_id))
        log.info("%s %s begins: %s", plan.origin, plan.plan_id, plan.list_words)
        return self._planned(plan.sells, fresh.sells, fresh)

    def _planned(self, planned: Sequence[Leg], possible: Sequence[Leg], fresh: Plan) -> list[_Try]:
        """The planned legs that are possible now; a bond that the plan did not hold is never added."""
        places = {leg.code: place for place, leg in enumerate(planned, 1)}
        self.stopped.update({row.code: row.reason for row in fresh.blocked if row.code in places})
        return [_Try(places[leg.code], leg) for leg in possible if leg.code in places]

    async def _carry_out(self, plan: Plan, sells: Sequence[_Try], settings: Settings) -> str:
        ending, cash = INTERRUPTED, None
        try:
            self._set_stage(mark("selling"))
            while sells:
                await self._trade(sells, plan, settings)
                sells = await self._rest_to_sell(sells, plan, settings)
            if plan.buys:
                self._set_stage(mark("buying"))
            note = await self._buy(plan, settings)
            ending = note or self._closing(plan)
            asset = await self._order_manager.broker.asset()
            cash = asset.value.cash if isinstance(asset, Known) else None
        finally:
            self._runs.finish(plan.plan_id, ending, cash, self._clock.now(), self.stopped)
            log.info("%s %s: %s", plan.origin, plan.plan_id, ending)
        return ending

    async def _rest_to_sell(self, tries: Sequence[_Try], plan: Plan, settings: Settings) -> list[_Try]:
        """What these sells, filled whole, have left of their bonds: one order sells from one shareholder account.

        Where a bond's newest order was not filled, nothing follows it.
        """
        orders, owned = self._order_manager.journal.of_plan(plan.plan_id), self._order_manager.ledger.holdings()
        newest = {order.intent.code: order.state for order in orders}
        again = {
            item.leg.code: item.place
            for item in tries
            if newest.get(item.leg.code) is OrderState.FILLED and item.leg.code in owned
        }
        if not again or self._seconds_left(self._clock.now()) <= 0:
            return []
        fresh = plan_for(await self._gather(plan.plan_id), settings)
        return [
            _Try(again[leg.code] + len(plan.legs), leg) for leg in fresh.sells if leg.code in again and leg.volume > 0
        ]

    async def _buy(self, plan: Plan, settings: Settings) -> str | None:
        """Size the plan's buys again from the cash that arrived; returns the reason where there are none."""
        if not plan.buys:
            return None
        fresh = plan_buys(await self._gather(plan.plan_id), settings)
        if fresh.refused is not None:
            return say("no buys: {refused}", refused=fresh.refused)
        await self._trade(self._planned(plan.buys, fresh.buys, fresh), plan, settings)
        return None

    async def _trade(self, tries: Sequence[_Try], plan: Plan, settings: Settings) -> None:
        for attempt in range(1, settings.orders.reprices + 2):
            if attempt > 1:
                tries = await self._priced_again(tries, plan, settings)
            if not tries:
                return
            intents = [_intent(plan, item, attempt) for item in tries]
            refused = await self._order_manager.send(intents)
            for intent in intents:
                if intent.client_order_id in refused:
                    self.stopped[intent.code] = refused[intent.client_order_id]
            sent = [intent.client_order_id for intent in intents if intent.client_order_id not in refused]
            late = await self._await_orders(sent, settings)
            tries = self._left_over(tries, plan, attempt, late)

    async def _await_orders(self, ids: Sequence[str], settings: Settings) -> Collection[str]:
        """Wait for the orders, cancel what is left, and sync with the broker.

        Returns the orders that were cancelled here because they took too long; none where the broker did not answer.
        """
        journal = self._order_manager.journal
        if any(journal[key].unresolved for key in ids):
            await self._order_manager.sync_with_broker()
        await self._order_manager.wait_until_done(
            ids, min(float(settings.orders.timeout), self._seconds_left(self._clock.now()))
        )
        late = {key for key in ids if journal[key].live and journal[key].state is not OrderState.CANCELLING}
        await self._cancel_live(ids)
        if all(journal[key].state is OrderState.FILLED for key in ids):
            return ()
        # Orders that count as refused or cancelled may have changed too.
        unanswered = await self._order_manager.sync_with_broker()
        await self._cancel_live(ids)
        return late if unanswered is None else ()

    async def _cancel_live(self, ids: Sequence[str]) -> None:
        """Cancel what is live of these orders and wait for the proof."""
        await self._order_manager.cancel_and_wait([key for key in ids if self._order_manager.journal[key].live])

    def _left_over(self, tries: Sequence[_Try], plan: Plan, attempt: int, late: Collection[str]) -> list[_Try]:
        """What is still to trade of each leg: only a proven cancel of an order that was `late` is followed up.

        An order that is not proven over freezes its leg; one that was refused, rejected or cancelled by somebody else
        is reported and not sent again.
        """
        left: list[_Try] = []
        for item in tries:
            key = _client_order_id(plan, item, attempt)
            if key not in late:
                continue
            order = self._order_manager.journal[key]
            if order.state is OrderState.CANCELLED and order.remaining > 0:
                left.append(replace(item, leg=replace(item.leg, volume=order.remaining)))
        return left

    async def _priced_again(self, tries: Sequence[_Try], plan: Plan, settings: Settings) -> list[_Try]:
        """The legs at fresh prices; buys no larger than the cash that is there, sells in what one order may sell."""
        if not tries or self._seconds_left(self._clock.now()) <= 0:
            return []
        situation = await self._gather(plan.plan_id)
        asset = situation.asset
        cash = asset.value.cash - settings.buy.reserve if isinstance(asset, Known) else Decimal(0)
        fresh: list[_Try] = []
        for item in tries:
            leg = item.leg
            price = leg_price(situation, settings, leg.side, leg.code)
            if isinstance(price, Unknown):
                self.stopped[leg.code] = price.reason
                continue
            if leg.side is Side.BUY:
                most = affordable(max(cash, Decimal(0)), price.value, leg.code.exchange, settings.fees)
                volume = min(leg.volume - leg.volume % LOT, most)
                cash -= cost(volume, price.value, leg.code.exchange, settings.fees) if volume else 0
            else:
                volume = _sellable(leg, situation.positions)
            if volume > 0:
                fresh.append(replace(item, leg=replace(leg, volume=volume, price=price.value)))
            else:
                self.stopped[leg.code] = say("no order can be made of the {volume} 张 that are left", volume=leg.volume)
        return fresh

    def _closing(self, plan: Plan) -> str:
        orders = self._order_manager.journal.of_plan(plan.plan_id)
        open_orders = [order for order in orders if not order.done]
        short = [leg.code for leg in plan.legs if not _complete(leg, orders)]
        if open_orders:
            return say(
                "ended with {open_orders} orders unresolved: their bonds are frozen until these are settled",
                open_orders=len(open_orders),
            )
        return (
            say("done, {short} of {legs} orders not filled in full", short=len(short), legs=len(plan.legs))
            if short
            else mark("done")
        )

    def _set_stage(self, stage: str) -> None:
        self.stage = stage
        log.info("%s %s: %s", *((self.plan.origin, self.plan.plan_id) if self.plan else ("run", "")), stage)


def _complete(leg: Leg, orders: Sequence[Order]) -> bool:
    mine = [order for order in orders if order.intent.code == leg.code]
    return bool(mine) and sum(order.filled_volume for order in mine) >= mine[0].intent.volume


def _sellable(leg: Leg, positions: Maybe[tuple[Position, ...]]) -> int:
    """How many 张 of the leg one order may sell; none while the holding is not known."""
    rows = positions.value if isinstance(positions, Known) else ()
    return next((sellable_lots(leg.volume, row) for row in rows if row.code == leg.code), 0)


def _client_order_id(plan: Plan, item: _Try, attempt: int) -> str:
    """Unique and known before the order is sent: plan, leg, attempt."""
    return f"{plan.plan_id}-{'B' if item.leg.side is Side.BUY else 'S'}{item.place:02d}-{attempt}"


def _intent(plan: Plan, item: _Try, attempt: int) -> Intent:
    leg = item.leg
    return Intent(
        _client_order_id(plan, item, attempt),
        plan.plan_id,
        plan.trading_day,
        leg.code,
        leg.name,
        leg.side,
        leg.volume,
        leg.price,
        leg.reason
        if attempt == 1
        else say("{reason}, priced again ({attempt})", reason=leg.reason, attempt=attempt - 1),
        attempt,
        plan.origin,
        leg.list_price,
        leg.arrival,
    )
