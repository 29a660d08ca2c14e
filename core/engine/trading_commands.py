"""Plans and runs, one at a time, and the brakes on them: what the user and the schedule set going and stop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from core.engine.assembly import Components
from core.engine.scheduler import RunScheduler
from core.engine.snapshots import SnapshotBuilder
from core.factorcat import FactorCatError
from core.i18n import say
from core.model.bond import BondCode
from core.model.command import (
    Cancelled,
    CancelOrder,
    CancelWorking,
    DropMissed,
    ExecutePlan,
    Flatten,
    Halt,
    MakePlan,
    PauseBuys,
    Resume,
    SellOne,
)
from core.model.errors import RefusedError
from core.model.order import Origin
from core.model.plan import Plan
from core.model.snapshot import Control, Rebalance
from core.trading.executor import RebalanceRefused
from core.trading.order_manager import CANCEL_PROOF
from core.trading.risk import HALTED

log = logging.getLogger(__name__)


class CommandDeclined(RefusedError):
    """The engine declines on purpose, and nothing was sent; the message says why."""


class TradingCommands:
    """`logged_in` waits for the login of the start, which may still be on its way."""

    def __init__(
        self,
        components: Components,
        snapshots: SnapshotBuilder,
        scheduler: RunScheduler,
        logged_in: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._components = components
        self._snapshots = snapshots
        self._scheduler = scheduler
        self._logged_in = logged_in
        self._runs: set[asyncio.Task[Any]] = set()

    async def run(self, origin: Origin) -> str | None:
        """One run at the schedule's word, from plan to end; answers with why it was refused."""
        try:
            plan = await self._planned(origin)
            if plan.refused is not None:
                return plan.refused
            if plan.legs:
                await self._carry_out(plan)
                return None
        except (CommandDeclined, RebalanceRefused, FactorCatError) as refusal:
            return str(refusal)
        blocked = say(", {blocked} wanted and not possible", blocked=len(plan.blocked)) if plan.blocked else ""
        log.info("the scheduled %s has nothing to trade%s", origin, blocked)
        if origin is Origin.REBALANCE:
            self._scheduler.settled()
        return None

    async def close(self) -> None:
        """End a run where it stands: nothing more of it is sent."""
        for task in self._runs:
            task.cancel()
        if self._runs:
            await asyncio.wait(self._runs)

    async def plan(self, _: MakePlan) -> Plan:
        return await self._planned(Origin.REBALANCE)

    async def _planned(self, origin: Origin) -> Plan:
        self.decline_while_running()
        await self._logged_in()
        plan = await self._components.rotation.plan(origin)
        off = self._components.order_manager.status.why_blocked
        if off is not None and plan.refused is None:
            plan = replace(plan, legs=(), cash_after=plan.cash, refused=off)
        self._snapshots.plan = plan
        return plan

    async def execute(self, command: ExecutePlan) -> Rebalance:
        self.decline_while_running()
        plan = self._snapshots.plan
        if plan is None or plan.plan_id != command.plan_id:
            raise CommandDeclined(say("this is not the newest plan: look at the new one first"))
        return await self._carry_out(plan)

    async def _carry_out(self, plan: Plan) -> Rebalance:
        """To its end; a run that was carried out makes up for one that was missed."""
        self._decline_when_off()
        finished = await self._see_through(self._components.rotation.execute(plan))
        if plan.origin is Origin.REBALANCE:
            self._scheduler.settled()
        return finished

    async def sell_one(self, command: SellOne) -> Rebalance:
        self.decline_while_running()
        self._decline_when_off()
        return await self._see_through(self._components.rotation.sell(BondCode(command.code)))

    async def leave(self) -> str | None:
        """Sell what has to go before its trading ends; answers with why that was refused."""
        try:
            self.decline_while_running()
            self._decline_when_off()
            await self._see_through(self._components.rotation.leave())
        except (CommandDeclined, RebalanceRefused) as refusal:
            return str(refusal)
        return None

    def _decline_when_off(self) -> None:
        self.decline_while_blocked()
        self.decline_without_permit()
        if self._components.rotation.controls.halted:
            raise CommandDeclined(say(HALTED))
        self.decline_when_closed()

    async def _see_through(self, work: Coroutine[Any, Any, object]) -> Rebalance:
        """A run to its end, also where whoever asked for it stops waiting."""
        task = asyncio.create_task(work)
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)
        try:
            ending = await asyncio.shield(task)
        finally:
            self._snapshots.plan = None
        finished = self._snapshots.rebalance()
        if finished is None:
            raise CommandDeclined(str(ending))
        return finished

    async def cancel(self, command: CancelOrder) -> str:
        order_manager = self._components.order_manager
        order = order_manager.journal.get(command.client_order_id)
        if order is None:
            raise CommandDeclined(say("there is no order {client_order_id}", client_order_id=command.client_order_id))
        if not order.live:
            raise CommandDeclined(
                say(
                    "order {client_order_id} is {state}: there is nothing to cancel",
                    client_order_id=command.client_order_id,
                    state=order.state,
                )
            )
        await order_manager.cancel(command.client_order_id)
        await order_manager.wait_until_done([command.client_order_id], CANCEL_PROOF)
        return str(order_manager.journal[command.client_order_id].state)

    async def pause(self, _: PauseBuys) -> None:
        self._pull(Control.PAUSED, say("buys are paused: sells and stops go on"))

    async def halt(self, _: Halt) -> None:
        self._pull(Control.HALTED, say("trading is halted: nothing new is sent, no stop either"))

    def _pull(self, control: Control, text: str) -> None:
        self._components.rotation.controls.engage(control)
        log.warning("%s", text)

    async def resume(self, _: Resume) -> None:
        pulled = self._components.rotation.controls.engaged
        if pulled is None:
            raise CommandDeclined(say("nothing is paused or halted"))
        self._components.rotation.controls.release()
        log.warning("resumed: trading was %s", pulled)

    async def cancel_working(self, _: CancelWorking) -> Cancelled:
        return await self._components.rotation.cancel_working()

    async def flatten(self, _: Flatten) -> Rebalance:
        """At any time, also while a rebalance runs: that one ends first, halted."""
        components = self._components
        components.rotation.controls.engage(Control.HALTED)
        obstacle = (
            components.order_manager.status.why_blocked
            or components.calendar.orders_allowed(components.clock.now())
            or (components.live_consent.why_not() if components.live_consent else None)
        )
        if obstacle is not None:
            raise CommandDeclined(say("nothing was sold, and trading is halted now: {obstacle}", obstacle=obstacle))
        return await self._see_through(components.rotation.flatten())

    async def drop_missed(self, _: DropMissed) -> None:
        missed = self._scheduler.drop()
        if missed is None:
            raise CommandDeclined(say("no run was missed"))
        log.info("the missed %s of %s is not made up for", missed.name, f"{missed.planned_at:%Y-%m-%d %H:%M}")

    def decline_while_blocked(self) -> None:
        off = self._components.order_manager.status.why_blocked
        if off is not None:
            raise CommandDeclined(off)

    def decline_when_closed(self) -> None:
        closed = self._components.calendar.orders_allowed(self._components.clock.now())
        if closed is not None:
            raise CommandDeclined(
                say("no order may be sent now: {closed}. Try again in the next session.", closed=closed)
            )

    def decline_without_permit(self) -> None:
        reason = self._components.live_consent.why_not() if self._components.live_consent else None
        if reason is not None:
            raise CommandDeclined(reason)

    def decline_while_running(self) -> None:
        if self._runs or self._components.rotation.busy:
            raise CommandDeclined(say("a rebalance is running: wait for its end"))
