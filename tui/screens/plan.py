"""Plan: check what a rebalance would do, execute it, and watch it."""

import time
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from core.i18n import mark, say
from core.model.bond import BondCode
from core.model.command import Done, ExecutePlan, Failed, MakePlan
from core.model.plan import Plan
from core.model.snapshot import Control, Rebalance, Snapshot
from tui import format as fmt
from tui.actions import bindings_of
from tui.screens.bond import BondDialog
from tui.screens.controls import STALE
from tui.screens.dialogs import Confirm, Fact, kept_current, mode_and_account
from tui.screens.live_consent import live_orders_allowed
from tui.screens.pane import Pane
from tui.screens.plan_rows import (
    PLAN_COLUMNS,
    PROGRESS_COLUMNS,
    plan_rows,
    plan_summary,
    progress_rows,
    rebalance_summary,
)
from tui.widgets.columns import TableRow
from tui.widgets.panel import PanelBox, TextPanel
from tui.widgets.table import LiveTable
from tui.widgets.text import TextBlock
from tui.widgets.theme import Tone, styled

_OWN_CELLS = 7
"""Of a row of a plan, or of a rebalance, those that its card does not show below."""

_EMPTY = mark("No plan yet. Press r to make one: it shows what a rebalance would do now, and sends nothing.")
_NOTHING_TO_DO = mark("The account matches the list: nothing to sell or buy.")
_ALL_BLOCKED = mark("No row of this plan can be traded now; each row says why. Press r to try again.")


class PlanPane(Pane):
    """The newest plan, or its rebalance. `request_pending`: a rebalance was sent and has not ended."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("plan")

    def __init__(self) -> None:
        super().__init__("plan")
        self._summary = TextBlock(id="plan-summary")
        self._refused = TextBlock(id="plan-refused")
        self._problem = TextBlock(id="plan-problem", classes="problem")
        self._table = LiveTable(PLAN_COLUMNS, id="plan-table")
        self._detail = TextPanel(mark("Reason"), classes="detail")
        self._made: Plan | None = None
        self._making_since: float | None = None
        self._executing = False
        self.request_pending = False
        self._executed_plans: set[str] = set()

    def compose(self) -> ComposeResult:
        with Container(classes="split"):
            yield PanelBox(mark("Plan"), self._problem, self._refused, self._summary, self._table)
            yield self._detail

    def on_mount(self) -> None:
        self._show_problem("")
        self._refused.display = False
        self._table.clear(say(_EMPTY))

    def focus_target(self) -> LiveTable:
        return self._table

    def why_not(self, action: str) -> str:
        if action == "make":
            return self._why_not_make()
        if action == "execute":
            return self._why_not_execute()
        if action == "open" and self._table.cursor_key is None:
            return say("No row to show.")
        return ""

    def _why_not_make(self) -> str:
        if self._making_since is not None:
            return say("A plan is being made.")
        running = self._running_origin()
        return say("A {running} is running: wait until it ends.", running=say(running)) if running else ""

    def _why_not_execute(self) -> str:
        if self._executing:
            return say("A rebalance is running already.")
        if self._making_since is not None:
            return say("A new plan is being made.")
        return self._why_not_send()

    def _why_not_send(self) -> str:
        """Why the plan on the screen cannot be executed; checked before and after the question."""
        snapshot, plan = self.host.snapshot, self._plan()
        if snapshot is None or self.host.stale:
            return say(STALE)
        if running := self._running_origin():
            return say("A {running} is running already.", running=say(running))
        if plan is None or self._shown_rebalance() is not None or plan.plan_id in self._executed_plans:
            return say("Make a new plan first: press r.")
        if plan.refused is not None:
            return say("This plan is refused: nothing can be sent.")
        if not plan.legs:
            return say(_ALL_BLOCKED) if plan.blocked else say(_NOTHING_TO_DO)
        if Control.HALTED in snapshot.controls:
            return say("Trading is halted: all new orders are blocked. Press 1, then R to resume.")
        return say("Trading is off: {blockers}", blockers=snapshot.blockers[0].text) if snapshot.blockers else ""

    def action_make(self) -> None:
        self._making_since = time.monotonic()
        self.start(self._make(), "make")
        self._refresh_plan()

    async def _make(self) -> None:
        try:
            reply = await self.host.ask(MakePlan())
        finally:
            self._making_since = None
        if isinstance(reply, Done):
            self._made = reply.value
            self._show_problem("")
        else:
            self._show_problem(say("No plan was made: {text}", text=reply.text))
        self._refresh_plan()

    def action_execute(self) -> None:
        plan, snapshot = self._plan(), self.host.snapshot
        if plan is None or snapshot is None:
            return
        # Set before anything is awaited: a second press finds it.
        self._executing = True
        self.start(self._execute(plan, snapshot), "execute")
        self.host.refresh_keys()

    async def _execute(self, plan: Plan, snapshot: Snapshot) -> None:
        try:
            if not await live_orders_allowed(self.host, snapshot):
                return
            if not await self.host.push_screen_wait(
                kept_current(partial(_question, plan), self.host.snapshot or snapshot)
            ):
                return
            changed = say("The plan has changed. Check the new one first.") if self._plan() != plan else ""
            if obstacle := changed or self._why_not_send():
                self.host.show_message(say("Nothing was sent: {obstacle}", obstacle=obstacle), failed=True)
                return
            self._executed_plans.add(plan.plan_id)
            self._show_problem("")
            self.request_pending = True
            reply = await self.host.ask(ExecutePlan(plan.plan_id))
        finally:
            self._executing = self.request_pending = False
            self.host.refresh_keys()
        self._executed(plan, reply)

    def _executed(self, plan: Plan, reply: Done[Rebalance] | Failed) -> None:
        if isinstance(reply, Failed):
            if reply.refused:
                self._executed_plans.discard(plan.plan_id)
            start = say("Nothing was sent") if reply.refused else say("The rebalance failed")
            self._show_problem(f"{start}: {reply.text}")
            self.host.show_message(f"{start}: {reply.text}", failed=True)
        elif reply.value.unresolved:
            count = fmt.plural(len(reply.value.unresolved), "order")
            self.host.show_message(say("The rebalance ended with {count} unresolved.", count=count), failed=True)
        else:
            filled = sum(leg.filled_volume >= leg.volume for leg in reply.value.legs)
            self.host.show_message(
                say("The rebalance ended: {filled} of {legs} orders filled.", filled=filled, legs=len(reply.value.legs))
            )
        self._refresh_plan()

    def action_open(self) -> None:
        row = self._table.cursor_row
        if row is not None:
            self._open_row(row)

    def _open_row(self, row: TableRow) -> None:
        snapshot = self.host.snapshot

        def card(_: Snapshot) -> BondDialog:
            newest = next((other for other in self._table.rows if other.key == row.key), row)
            *values, last = [cell.text for cell in newest.cells]
            line = "  ".join(value for value in values[:_OWN_CELLS] if value)
            text = styled((line, Tone.STRONG), f"\n\n{last}")
            return BondDialog(self.host, say("Row"), text, BondCode(row.cells[1].text))

        if snapshot is not None:
            self.host.push_screen(kept_current(card, snapshot))

    @on(LiveTable.RowHighlighted)
    def _update_detail(self) -> None:
        """The reason of the row under the cursor in full: its column may be too narrow for it."""
        row = self._table.cursor_row
        self._detail.display = row is not None
        if row is not None:
            self._detail.set_text(
                styled((f"{row.cells[1].text} {row.cells[2].text}  ", Tone.STRONG), row.cells[-1].text)
            )

    def show(self, snapshot: Snapshot) -> None:
        self._refresh_plan()

    def tick(self) -> None:
        if self._making_since is not None:
            self._refresh_plan()

    def _plan(self) -> Plan | None:
        """The newest plan: the engine's, unless the one just made is not in a snapshot yet."""
        theirs = self.host.snapshot.plan if self.host.snapshot else None
        candidates = [plan for plan in (theirs, self._made) if plan is not None]
        return max(candidates, key=lambda plan: plan.made_at, default=None)

    def _running_origin(self) -> str:
        """The origin of what runs; empty if nothing does."""
        rebalance = self.host.snapshot.rebalance if self.host.snapshot else None
        return rebalance.origin if rebalance is not None and rebalance.running else ""

    def _shown_rebalance(self) -> Rebalance | None:
        """The rebalance to show instead of the plan: one that runs, or the one of the newest plan."""
        rebalance = self.host.snapshot.rebalance if self.host.snapshot else None
        plan = self._plan()
        if rebalance is None or rebalance.running or plan is None or plan.plan_id == rebalance.plan_id:
            return rebalance
        return None if plan.made_at >= rebalance.started_at else rebalance

    def _refresh_plan(self) -> None:
        now = self.host.snapshot.at if self.host.snapshot else None
        plan, rebalance = self._plan(), self._shown_rebalance()
        self._refused.display = False
        if self._making_since is not None:
            self._show_making()
        elif rebalance is not None:
            self._summary.set_text(rebalance_summary(rebalance, now))
            self._table.set_columns(PROGRESS_COLUMNS)
            self._table.set_notice(say("The rebalance has no orders."))
            self._table.set_rows(progress_rows(rebalance))
        elif plan is not None:
            self._show_plan(plan)
        else:
            self._summary.set_text("")
            self._table.clear(say(_EMPTY))
        self._summary.display = bool(self._summary.text)
        self._update_detail()
        self.host.refresh_keys()

    def _show_making(self) -> None:
        seconds = int(time.monotonic() - (self._making_since or 0))
        self._summary.set_text("")
        self._table.clear(say("Making a plan") + (f": {seconds} s" if seconds >= 2 else ""))

    def _show_plan(self, plan: Plan) -> None:
        now = self.host.snapshot.at if self.host.snapshot else None
        summary, followed = plan_summary(plan, now), self.host.snapshot.followed if self.host.snapshot else None
        for difference in followed.differs if followed is not None else ():
            summary.append_text(styled((f"\n{difference}", Tone.WARN)))
        self._summary.set_text(summary)
        if plan.question is not None:
            self._refused.set_text(styled((say("Asks first: "), Tone.WARN), (plan.question, Tone.STRONG)))
            self._refused.display = True
        if plan.refused is not None:
            self._refused.set_text(
                styled((say("REFUSED: nothing can be sent\n\n"), Tone.BAD), (plan.refused, Tone.STRONG))
            )
            self._refused.display = True
        self._table.set_columns(PLAN_COLUMNS)
        self._table.set_notice("" if plan.refused else say(_NOTHING_TO_DO))
        metrics = self.host.snapshot.metrics() if self.host.snapshot else {}
        self._table.set_rows(plan_rows(plan, metrics))

    def _show_problem(self, text: str) -> None:
        self._problem.set_text(styled((text, Tone.BAD)))
        self._problem.display = bool(text)


def _age(plan: Plan, snapshot: Snapshot) -> str:
    return fmt.age((snapshot.at - plan.made_at).total_seconds())


def _question(plan: Plan, snapshot: Snapshot) -> Confirm:
    sold, bought = sum(leg.amount for leg in plan.sells), sum(leg.amount for leg in plan.buys)
    rows: list[Fact] = [
        *mode_and_account(snapshot),
        (
            say("Plan"),
            say(
                "{plan_id}, made {made_at}, {plan} ago",
                plan_id=plan.plan_id,
                made_at=fmt.clock(plan.made_at),
                plan=_age(plan, snapshot),
            ),
            Tone.TEXT,
        ),
        (say("Sells"), f"{len(plan.sells):>3}   {fmt.money(sold):>16} CNY", Tone.SELL),
        (say("Buys"), f"{len(plan.buys):>3}   {fmt.money(bought):>16} CNY", Tone.BUY),
        (say("Fees"), f"      {fmt.money(plan.fees):>16} CNY", Tone.TEXT),
        (say("Cash before"), f"      {fmt.money(plan.cash):>16} CNY", Tone.TEXT),
        (say("Cash after"), f"      {fmt.money(plan.cash_after):>16} CNY", Tone.TEXT),
    ]
    if plan.blocked:
        rows.append((say("Skipped"), say("{blocked:>3}   not traded", blocked=len(plan.blocked)), Tone.WARN))
    if plan.question is not None:
        rows.append((say("Sells alone"), plan.question, Tone.BAD))
    count = fmt.plural(len(plan.legs), "order")
    money = say("real money") if snapshot.mode == "live" else say("no real money")
    return Confirm(
        say("Execute this plan"),
        rows,
        say("Send {count} now ({money})?", count=count, money=money),
        say("Yes, execute"),
        danger=snapshot.mode == "live" or plan.question is not None,
    )
