"""Plan: check what a rebalance would do, execute it, and watch it."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.widget import Widget

from core.i18n import labelled, mark, say
from core.model.bond import BondCode
from core.model.command import Done, ExecutePlan, Failed, MakePlan
from core.model.plan import Leg, Plan
from core.model.snapshot import Control, LegProgress, Rebalance, Snapshot
from tui import format as fmt
from tui.actions import bindings_of
from tui.screens.bond import BondDialog
from tui.screens.bond_list import BondListPane
from tui.screens.controls import STALE
from tui.screens.dialogs import Confirm, Fact, kept_current, mode_and_account
from tui.screens.empty_state import empty_state, strategy_key
from tui.screens.holding_text import fitting, gauge_below, holding_below, holding_of
from tui.screens.line_charts import limit_line
from tui.screens.live_consent import live_orders_allowed
from tui.screens.metrics_text import metrics_below
from tui.screens.plan_rows import (
    PLAN_COLUMNS,
    PROGRESS_COLUMNS,
    PlanItem,
    item_details,
    item_name,
    item_reason,
    market_of,
    plan_items,
    plan_rows,
    plan_summary,
    progress_items,
    progress_rows,
    rebalance_summary,
)
from tui.widgets.chart_data import LevelLine
from tui.widgets.columns import Sorting, TableRow
from tui.widgets.text import TextBlock
from tui.widgets.theme import Tone, styled

_EMPTY = mark(
    "No plan yet. A plan says what a rebalance would sell, buy and keep now, at which prices and fees. "
    "Making one sends nothing."
)
_NOTHING_TO_DO = mark("The account matches the list: nothing to sell or buy.")
_ALL_BLOCKED = mark("No row of this plan can be traded now; each row says why. Press r to try again.")


class PlanPane(BondListPane):
    """The newest plan, or its rebalance. `request_pending`: a rebalance was sent and has not ended."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("plan")

    def __init__(self) -> None:
        self._refused = TextBlock(id="plan-refused")
        self._problem = TextBlock(id="plan-problem", classes="problem")
        super().__init__("plan", mark("Plan"), PLAN_COLUMNS, mark("code, name or reason"))
        self.summary.id = "plan-summary"
        self._items: Mapping[str, PlanItem] = {}
        self._made: Plan | None = None
        self._kept_plan: Plan | None = None
        """The newest plan that was on the screen, also after it was carried out."""
        self._making_since: float | None = None
        self._executing = False
        self.request_pending = False
        self._executed_plans: set[str] = set()

    def in_panel(self) -> tuple[Widget, ...]:
        return self._problem, self._refused, *super().in_panel()

    def on_mount(self) -> None:
        self._show_problem("")
        self._refused.display = False
        self.set_rows((), self._empty_state())

    def why_not(self, action: str) -> str:
        if action == "make":
            return self._why_not_make()
        if action == "execute":
            return self._why_not_execute()
        if action == "open" and self._selected() is None:
            return say("No row to show.")
        if action == "reverse" and self.sorting is None:
            return say("The rows are not sorted: press o.")
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
        self.start(self._make, "make")
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
        self.start(partial(self._execute, plan, snapshot), "execute")
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
            self._show_problem(labelled(start, reply.text))
            self.host.show_message(labelled(start, reply.text), failed=True)
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
        item, snapshot = self._selected(), self.host.snapshot
        key = self.table.cursor_key
        if item is None or key is None or snapshot is None:
            return

        def card(_: Snapshot) -> BondDialog:
            newest = self._items.get(key, item)
            return BondDialog(self.host, item_name(newest), item_details(newest), newest.code)

        self.host.push_screen(kept_current(card, snapshot))

    def update_detail(self) -> None:
        """The reason in full, its column may be too narrow for it; beside the table also the holding and figures."""
        item, snapshot = self._selected(), self.host.snapshot
        if item is None:
            self.detail.set_text("")
        elif self.beside and snapshot is not None:
            self.detail.set_text(self._all_details(item, snapshot))
        else:
            self.detail.set_text(styled((f"{item_name(item)}  ", Tone.STRONG), item_reason(item)))

    def _all_details(self, item: PlanItem, snapshot: Snapshot) -> Text:
        text = styled((f"{item_name(item)}\n", Tone.STRONG)).append_text(item_details(item))
        held, room = holding_of(item.code, snapshot), self.detail.content_size
        text.append_text(holding_below(item.code, snapshot))
        figures = metrics_below(snapshot.metrics().get(item.code), snapshot.at)
        text.append_text(fitting(gauge_below(held, room.width), room, text, figures))
        return text.append_text(figures)

    def chosen_bond(self) -> tuple[BondCode, Sequence[LevelLine]] | None:
        """With the price of its order, where it has one."""
        item = self._selected()
        if item is None:
            return None
        return item.code, (limit_line(item.price, item.side),) if isinstance(item, Leg | LegProgress) else ()

    def _selected(self) -> PlanItem | None:
        return self._items.get(self.table.cursor_key or "")

    def show(self, snapshot: Snapshot) -> None:
        self._refresh_plan()

    def tick(self) -> None:
        super().tick()
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
        plan, rebalance = self._plan(), self._shown_rebalance()
        seen = [each for each in (self._kept_plan, plan) if each is not None]
        self._kept_plan = max(seen, key=lambda each: each.made_at, default=None)
        self._refused.display = False
        if self._making_since is not None:
            self._show_making()
        elif rebalance is not None:
            self._show_rebalance(rebalance)
        elif plan is not None:
            self._show_plan(plan)
        else:
            self._show_rows({}, (), Text(), self._empty_state())
        self.host.refresh_keys()

    def _empty_state(self) -> Text:
        snapshot = self.host.snapshot
        keys = (
            ("r", say("make a plan now")),
            ("e", say("execute it, once you have checked it")),
            strategy_key(snapshot),
        )
        return empty_state(say(_EMPTY), keys, snapshot, self.app.size.width)

    def _show_rows(
        self, items: Mapping[str, PlanItem], rows: Sequence[TableRow], summary: Text, empty: str | Text
    ) -> None:
        self._items = items
        if rows and self.sorting is not None:
            column = self.table.columns[self.sorting.column].title or say("direction")
            told = say("Sorted by {column}, not in the order of sending.", column=column)
            summary.append_text(styled((f"\n{told}", Tone.WARN)))
        self.summary.set_text(summary)
        self.summary.display = bool(summary.plain)
        self.set_rows(rows, empty)

    def _sort_by(self, sorting: Sorting | None) -> None:
        super()._sort_by(sorting)
        self._refresh_plan()

    def _show_making(self) -> None:
        seconds = int(time.monotonic() - (self._making_since or 0))
        self._show_rows({}, (), Text(), say("Making a plan") + (f": {seconds} s" if seconds >= 2 else ""))

    def _show_rebalance(self, rebalance: Rebalance) -> None:
        snapshot, plan = self.host.snapshot, self._kept_plan
        carried_out = plan if plan is not None and plan.plan_id == rebalance.plan_id else None
        self.set_columns(PROGRESS_COLUMNS)
        self._show_rows(
            progress_items(rebalance, carried_out),
            progress_rows(rebalance, carried_out, market_of(snapshot)),
            rebalance_summary(rebalance, snapshot.at if snapshot else None),
            say("The rebalance has no orders."),
        )

    def _show_plan(self, plan: Plan) -> None:
        snapshot = self.host.snapshot
        summary = plan_summary(plan, snapshot.at if snapshot else None)
        followed = snapshot.followed if snapshot else None
        for difference in followed.differs if followed is not None else ():
            summary.append_text(styled((f"\n{difference}", Tone.WARN)))
        if plan.question is not None:
            self._refused.set_text(styled((say("Asks first: "), Tone.WARN), (plan.question, Tone.STRONG)))
            self._refused.display = True
        if plan.refused is not None:
            self._refused.set_text(
                styled((say("REFUSED: nothing can be sent\n\n"), Tone.BAD), (plan.refused, Tone.STRONG))
            )
            self._refused.display = True
        self.set_columns(PLAN_COLUMNS)
        empty = "" if plan.refused else say(_NOTHING_TO_DO)
        self._show_rows(plan_items(plan), plan_rows(plan, market_of(snapshot)), summary, empty)

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
        (say("Sells"), f"{len(plan.sells):>3}   {fmt.cny(fmt.money(sold).rjust(16))}", Tone.SELL),
        (say("Buys"), f"{len(plan.buys):>3}   {fmt.cny(fmt.money(bought).rjust(16))}", Tone.BUY),
        (say("Fees"), f"      {fmt.cny(fmt.money(plan.fees).rjust(16))}", Tone.TEXT),
        (say("Cash before"), f"      {fmt.cny(fmt.money(plan.cash).rjust(16))}", Tone.TEXT),
        (say("Cash after"), f"      {fmt.cny(fmt.money(plan.cash_after).rjust(16))}", Tone.TEXT),
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
