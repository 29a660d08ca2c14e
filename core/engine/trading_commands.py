"""Plans and rebalances, one at a time, and what pauses and stops them: for the user and for the schedule."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from core.engine.assembly import Components
from core.factorcat.errors import FactorCatError
from core.i18n import say
from core.infra.backlog import BooksUnwritable
from core.model.bond import BondCode
from core.model.command import (
    Cancelled,
    CancelOrder,
    CancelWorking,
    ExecutePlan,
    Flatten,
    Halt,
    MakePlan,
    PauseBuys,
    Resume,
    SellOne,
)
from core.model.errors import RefusedError
from core.model.known import Maybe
from core.model.order import Origin
from core.model.plan import Plan
from core.model.platform import Selection
from core.model.snapshot import BlockKind, Control, Rebalance
from core.trading.executor import RebalanceRefused
from core.trading.risk import HALTED

log = logging.getLogger(__name__)


class CommandDeclined(RefusedError):
    """The engine declines on purpose, and nothing was sent; the message says why."""


class TradingCommands:
    """`prepared` waits for what a plan needs and the start may still be fetching: the login, the tables of bonds."""

    def __init__(self, components: Components, prepared: Callable[[], Awaitable[None]]) -> None:
        self._components = components
        self._prepared = prepared
        self._runs: set[asyncio.Task[Any]] = set()

    async def run(self, origin: Origin) -> str | None:
        """Plan and carry out for the schedule; returns why it was refused, None where it was not."""
        try:
            plan = await self._planned(origin)
            if plan.refused is not None or plan.question is not None:
                return plan.refused or plan.question
            if plan.legs:
                await self._carry_out(plan)
                return None
        except (CommandDeclined, RebalanceRefused, BooksUnwritable, FactorCatError) as refusal:
            return str(refusal)
        blocked = say(", {blocked} skipped: cannot trade now", blocked=len(plan.blocked)) if plan.blocked else ""
        log.info("the scheduled %s has nothing to trade%s", origin, blocked)
        return None

    async def selection(self) -> Maybe[Selection]:
        return await self._components.rotation.selection()

    async def close(self) -> None:
        """Stop the running rebalance: nothing more of it is sent."""
        for task in self._runs:
            task.cancel()
        if self._runs:
            await asyncio.wait(self._runs)

    async def plan(self, _: MakePlan) -> Plan:
        return await self._planned(Origin.REBALANCE)

    async def plan_again(self) -> None:
        """Make a refused plan anew: what it lacked may be there by now. Sends nothing."""
        newest = self._components.rotation.pending_plan
        if newest is not None and newest.refused is not None:
            with suppress(CommandDeclined):
                await self._planned(newest.origin)

    async def _planned(self, origin: Origin) -> Plan:
        self.decline_while_running()
        await self._prepared()
        if self._components.order_manager.status.has(BlockKind.MISMATCH):
            await self._components.rotation.reconcile_in_turn()  # waits where time proves what became of an order
        plan = await self._components.rotation.plan(origin)
        off = self._components.order_manager.status.why_blocked
        if off is not None and plan.refused is None:
            plan = replace(plan, legs=(), cash_after=plan.cash, refused=off)
        self._components.rotation.keep_pending(plan)
        return plan

    async def execute(self, command: ExecutePlan) -> Rebalance:
        self.decline_while_running()
        return await self._carry_out(self._components.rotation.pending(command.plan_id))

    async def _carry_out(self, plan: Plan) -> Rebalance:
        self._decline_when_off()
        return await self._run_to_end(self._components.rotation.execute(plan))

    async def sell_one(self, command: SellOne) -> Rebalance:
        self.decline_while_running()
        self._decline_when_off()
        return await self._run_to_end(self._components.rotation.sell(BondCode(command.code)))

    async def leave(self) -> str | None:
        """Sell what has to go before its trading ends; returns why that was refused."""
        try:
            self.decline_while_running()
            self._decline_when_off()
            await self._run_to_end(self._components.rotation.leave())
        except (CommandDeclined, RebalanceRefused, BooksUnwritable) as refusal:
            return str(refusal)
        return None

    def _decline_when_off(self) -> None:
        self.decline_while_blocked()
        self.decline_without_permit()
        if self._components.rotation.controls.halted:
            raise CommandDeclined(say(HALTED))
        self.decline_when_closed()

    async def _run_to_end(self, work: Coroutine[Any, Any, object]) -> Rebalance:
        """Run to the end, also where the caller stops waiting for it."""
        task = asyncio.create_task(work)
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)
        rotation = self._components.rotation
        try:
            ending = await asyncio.shield(task)
        except BaseException:
            rotation.drop_pending(say("another run was tried since"))
            raise
        finished = rotation.current_run()
        if finished is None:
            raise CommandDeclined(str(ending))
        rotation.drop_pending(say("run {run} has traded since", run=finished.plan_id))
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
        await order_manager.cancel_and_wait([command.client_order_id])
        return str(order_manager.journal[command.client_order_id].state)

    async def pause(self, _: PauseBuys) -> None:
        self._set_control(Control.PAUSED, say("buys are paused: sells and stops go on"))

    async def halt(self, _: Halt) -> None:
        self._set_control(Control.HALTED, say("trading is halted: all new orders are blocked, stops included"))

    def _set_control(self, control: Control, text: str) -> None:
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
            or components.why_no_permission
        )
        if obstacle is not None:
            raise CommandDeclined(say("nothing was sold, and trading is halted now: {obstacle}", obstacle=obstacle))
        return await self._run_to_end(components.rotation.flatten())

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
        reason = self._components.why_no_permission
        if reason is not None:
            raise CommandDeclined(reason)

    def decline_while_running(self) -> None:
        run = self._components.rotation.executing
        if run is not None:
            raise CommandDeclined(say("run {run} is running: wait for its end", run=run))
        if self._runs:
            raise CommandDeclined(say("a run is starting: wait for its end"))
