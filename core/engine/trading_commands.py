"""Plans and runs, one at a time, and the brakes on them: what the user and the schedule set going and stop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from core.engine.assembly import Parts
from core.engine.scheduler import Agenda
from core.engine.snapshots import View
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
from core.model.order import Origin
from core.model.plan import Plan
from core.model.snapshot import Control, Rebalance
from core.trading.executor import RebalanceRefused
from core.trading.order_manager import CANCEL_PROOF
from core.trading.risk import HALTED

log = logging.getLogger(__name__)


class Declined(Exception):
    """The engine declines on purpose, and nothing was sent; the message says why."""


class Steering:
    """`logged_in` waits for the login of the start, which may still be on its way."""

    def __init__(
        self, parts: Parts, view: View, agenda: Agenda, logged_in: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self._parts = parts
        self._view = view
        self._agenda = agenda
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
        except (Declined, RebalanceRefused, FactorCatError) as refusal:
            return str(refusal)
        blocked = say(", {blocked} wanted and not possible", blocked=len(plan.blocked)) if plan.blocked else ""
        log.info("the scheduled %s has nothing to trade%s", origin, blocked)
        if origin is Origin.REBALANCE:
            self._agenda.settled()
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
        plan = await self._parts.rotation.plan(origin)
        if self._view.blockers and plan.refused is None:
            plan = replace(
                plan, legs=(), cash_after=plan.cash, refused=say("trading is off: ") + self._view.blockers[0]
            )
        self._view.plan = plan
        return plan

    async def execute(self, command: ExecutePlan) -> Rebalance:
        self.decline_while_running()
        plan = self._view.plan
        if plan is None or plan.plan_id != command.plan_id:
            raise Declined(say("this is not the newest plan: look at the new one first"))
        return await self._carry_out(plan)

    async def _carry_out(self, plan: Plan) -> Rebalance:
        """To its end; a run that was carried out makes up for one that was missed."""
        self._decline_when_off()
        finished = await self._see_through(self._parts.rotation.execute(plan))
        if plan.origin is Origin.REBALANCE:
            self._agenda.settled()
        return finished

    async def sell_one(self, command: SellOne) -> Rebalance:
        self.decline_while_running()
        self._decline_when_off()
        return await self._see_through(self._parts.rotation.sell(BondCode(command.code)))

    async def leave(self) -> str | None:
        """Sell what has to go before its trading ends; answers with why that was refused."""
        try:
            self.decline_while_running()
            self._decline_when_off()
            await self._see_through(self._parts.rotation.leave())
        except (Declined, RebalanceRefused) as refusal:
            return str(refusal)
        return None

    def _decline_when_off(self) -> None:
        if self._view.blockers:
            raise Declined(say("trading is off: ") + self._view.blockers[0])
        self.decline_without_permit()
        if self._parts.rotation.controls.halted:
            raise Declined(say(HALTED))
        self.decline_when_closed()

    async def _see_through(self, work: Coroutine[Any, Any, object]) -> Rebalance:
        """A run to its end, also where whoever asked for it stops waiting."""
        task = asyncio.create_task(work)
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)
        try:
            ending = await asyncio.shield(task)
        finally:
            self._view.plan = None
        finished = self._view.rebalance()
        if finished is None:
            raise Declined(str(ending))
        return finished

    async def cancel(self, command: CancelOrder) -> str:
        desk = self._parts.desk
        order = desk.journal.get(command.client_order_id)
        if order is None:
            raise Declined(say("there is no order {client_order_id}", client_order_id=command.client_order_id))
        if not order.live:
            raise Declined(
                say(
                    "order {client_order_id} is {state}: there is nothing to cancel",
                    client_order_id=command.client_order_id,
                    state=order.state,
                )
            )
        await desk.cancel(command.client_order_id)
        await desk.until_done([command.client_order_id], CANCEL_PROOF)
        return str(desk.journal[command.client_order_id].state)

    async def pause(self, _: PauseBuys) -> None:
        self._pull(Control.PAUSED, say("buys are paused: sells and stops go on"))

    async def halt(self, _: Halt) -> None:
        self._pull(Control.HALTED, say("trading is halted: nothing new is sent, no stop either"))

    def _pull(self, control: Control, text: str) -> None:
        self._parts.rotation.controls.pull(control)
        log.warning("%s", text)

    async def resume(self, _: Resume) -> None:
        pulled = self._parts.rotation.controls.pulled
        if pulled is None:
            raise Declined(say("nothing is paused or halted"))
        self._parts.rotation.controls.release()
        log.warning("resumed: trading was %s", pulled)

    async def cancel_working(self, _: CancelWorking) -> Cancelled:
        return await self._parts.rotation.cancel_working()

    async def flatten(self, _: Flatten) -> Rebalance:
        """At any time, also while a rebalance runs: that one ends first, halted."""
        parts = self._parts
        parts.rotation.controls.pull(Control.HALTED)
        obstacle = (
            parts.desk.trouble()
            or parts.calendar.orders_allowed(parts.clock.now())
            or (parts.permits.why_not() if parts.permits else None)
        )
        if obstacle is not None:
            raise Declined(say("nothing was sold, and trading is halted now: {obstacle}", obstacle=obstacle))
        return await self._see_through(parts.rotation.flatten())

    async def drop_missed(self, _: DropMissed) -> None:
        missed = self._agenda.drop()
        if missed is None:
            raise Declined(say("no run was missed"))
        log.info("the missed %s of %s is not made up for", missed.name, f"{missed.planned_at:%Y-%m-%d %H:%M}")

    def decline_when_closed(self) -> None:
        closed = self._parts.calendar.orders_allowed(self._parts.clock.now())
        if closed is not None:
            raise Declined(say("no order may be sent now: {closed}. Try again in the next session.", closed=closed))

    def decline_without_permit(self) -> None:
        reason = self._parts.permits.why_not() if self._parts.permits else None
        if reason is not None:
            raise Declined(reason)

    def decline_while_running(self) -> None:
        if self._runs or self._parts.rotation.busy:
            raise Declined(say("a rebalance is running: wait for its end"))
