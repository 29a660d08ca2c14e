"""Home: what runs, what the account holds, what happened last."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar, TypeVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.geometry import Size
from textual.widgets import Digits

from core.i18n import mark, say
from core.model.command import CancelWorking, Command, DropMissed, Flatten, Halt, Logout, PauseBuys, Reply, Resume
from core.model.known import Known
from core.model.snapshot import Event, Snapshot
from tui import format as fmt
from tui.actions import bindings_of
from tui.screens import controls
from tui.screens.dialogs import Dialog, TextDialog, kept_current
from tui.screens.equity_panel import EquityPanel
from tui.screens.home_text import (
    account_text,
    attention_text,
    first_steps,
    links_text,
    near_text,
    orders_text,
    strategy_text,
    today_text,
    total_text,
)
from tui.screens.pane import Pane
from tui.widgets.bars import FULL_SIZE
from tui.widgets.columns import Column, TableRow, cell
from tui.widgets.heat_strip import HeatStrip, Tile
from tui.widgets.panel import PanelBox, TextPanel
from tui.widgets.table import LiveTable
from tui.widgets.text import TextBlock
from tui.widgets.theme import LEVEL_TONES, Tone, styled

T = TypeVar("T")

_EVENTS = 200
_EVENT_MARGIN = 21
"""Cells of an event's line before its text: mark, time, level and the gaps."""
_TALL = 30
"""Lines of a terminal from which on the total is in large digits."""
_VERY_TALL, _MOST_NEAR = 40, 12
"""Lines of a terminal from which on every panel is shown, and how many holdings that are nearest to a stop."""
_COLUMNS = (Column(mark("Time"), 8), Column(mark("Level"), 7), Column(mark("What happened"), 20, flex=True))


class AccountPanel(PanelBox):
    """The total in large digits where there is room, and what it is made of."""

    def __init__(self) -> None:
        self._total = Digits(id="total")
        self._figures = TextBlock()
        super().__init__(mark("Account"), self._total, self._figures, id="account")

    def show(self, snapshot: Snapshot) -> None:
        total = total_text(snapshot.asset)
        exact = fmt.money(snapshot.asset.value.total) if isinstance(snapshot.asset, Known) else ""
        self._total.display = bool(total) and _digits_width(total) <= self.content_size.width and _tall(self.app.size)
        if total != self._total.value:
            self._total.update(total)
        self.set_hint(fmt.cny(exact) if self._total.display else "")
        self._figures.set_text(account_text(snapshot, total=not self._total.display))


def _digits_width(text: str) -> int:
    """Cells of a number in large digits."""
    return sum(1 if character in ",." else 3 for character in text)


def _tall(size: Size) -> bool:
    return size.height >= _TALL


class HomePane(Pane):
    """The first screen, with the trading controls. `request_pending`: a flatten was sent and has not ended."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("home")

    def __init__(self) -> None:
        super().__init__("home")
        self._reasons = TextPanel(mark("Why trading is off"), classes="-alarm")
        self._attention = TextPanel(mark("Attention"), classes="-warning")
        self._start = TextPanel(mark("Get started"), id="home-start")
        self._account = AccountPanel()
        self._today = TextPanel(mark("Today"), id="home-today")
        self._equity = EquityPanel()
        self._heat = HeatStrip(id="heat")
        self._strategy = TextPanel(mark("Strategy"))
        self._links = TextPanel(mark("Connections"), classes="links")
        self._orders = TextPanel(mark("Orders"), id="home-orders")
        self._near = TextPanel(mark("Nearest to a stop"), id="home-near")
        self._events = LiveTable(_COLUMNS, id="events")
        self._detail = TextBlock(classes="detail")
        self._latest: dict[str, Event] = {}
        self._pending_actions: set[str] = set()
        self.request_pending = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="home-top"):
            yield self._reasons
            yield self._attention
        with Container(id="home-columns"):
            with VerticalScroll(id="home-left"):
                yield self._start
                with Container(id="home-figures"):
                    yield self._account
                    yield self._today
                with Container(id="home-more"):
                    yield self._strategy
                    yield self._links
                yield self._orders
            with Vertical(id="home-right"):
                yield self._equity
                yield PanelBox(mark("Holdings today"), self._heat, id="home-heat")
                yield self._near
                yield PanelBox(mark("Events"), self._events, self._detail, id="home-events")

    def on_mount(self) -> None:
        for panel in (self._today, self._strategy, self._links):
            panel.set_text(styled((say("waiting for the engine"), Tone.DIM)))
        self._events.clear(say("Waiting for the engine."))
        for hidden in (self._reasons, self._attention, self._start, self._detail, self._near):
            hidden.display = False

    def on_resize(self) -> None:
        two_columns = not self.screen.has_class("-narrow")
        self.query_one("#home-more").display = self._shows_all or not two_columns
        self._orders.display = two_columns
        if self.host.snapshot is not None:
            self.call_after_refresh(self.show, self.host.snapshot)

    @property
    def _shows_all(self) -> bool:
        return self.app.size.height >= _VERY_TALL

    @property
    def lists_troubles(self) -> bool:
        """Not where its first panels may be out of sight."""
        small = self.app.size.width < FULL_SIZE.width or self.app.size.height < FULL_SIZE.height
        alone, scrolled = self.screen.maximized is not None, self.query_one("#home-top").scroll_offset.y > 0
        return not (small or alone or scrolled)

    def focus_target(self) -> LiveTable:
        return self._events

    def why_not(self, action: str) -> str:
        snapshot = self.host.snapshot
        if action == "login":
            if snapshot is None or snapshot.mode == "sandbox":
                return say("The sandbox has its own platform: no login is needed.")
            if snapshot.platform_user is not None:
                return say("You are logged in as {platform_user}.", platform_user=snapshot.platform_user)
            if not snapshot.health:
                return snapshot.blockers[0].text if snapshot.blockers else say("The engine is still starting.")
            return ""
        if action == "open":
            return say("No events yet.") if self._events.cursor_key is None else ""
        if action == "release":
            return say("No newer version is known.") if snapshot is None or snapshot.release is None else ""
        if action in self._pending_actions:
            return say("This was already asked for, or is running.")
        return controls.why_not(action, snapshot, stale=self.host.stale)

    def action_login(self) -> None:
        self.host.open_login()

    def action_logout(self) -> None:
        self._start_action("logout", controls.logout_question, Logout(), controls.told_outcome)

    def action_open(self) -> None:
        event = self._latest.get(self._events.cursor_key or "")
        if event is not None:
            self.host.push_screen(
                TextDialog(say("Event {at}", at=fmt.clock(event.at)), f"{say(event.level).upper()}\n\n{event.text}")
            )

    def action_release(self) -> None:
        release = self.host.snapshot.release if self.host.snapshot is not None else None
        if release is not None:
            lines = [" ".join(part for part in (release.dated, release.page) if part), release.notes]
            title = say("rotor {version}", version=release.version)
            self.host.push_screen(TextDialog(title, "\n\n".join(line for line in lines if line)))

    def action_pause(self) -> None:
        outcome = partial(controls.simple_outcome, say("Buying is paused. R resumes."), say("Buying was not paused"))
        self._start_action("pause", controls.pause_question, PauseBuys(), outcome)

    def action_halt(self) -> None:
        outcome = partial(
            controls.simple_outcome, say("Trading is halted, stops included. R resumes."), say("NOT halted")
        )
        self._start_action("halt", controls.halt_question, Halt(), outcome)

    def action_resume(self) -> None:
        outcome = partial(controls.simple_outcome, say("Trading resumed."), say("Trading was not resumed"))
        self._start_action("resume", controls.resume_question, Resume(), outcome)

    def action_cancel(self) -> None:
        self._start_action("cancel", controls.cancel_question, CancelWorking(), controls.cancel_outcome)

    def action_flatten(self) -> None:
        self._start_action("flatten", controls.flatten_question, Flatten(), controls.flatten_outcome)

    def action_missed(self) -> None:
        self.host.make_plan()

    def action_drop(self) -> None:
        outcome = partial(
            controls.simple_outcome, say("The missed run is dropped."), say("The missed run was not dropped")
        )
        self._start_action("drop", controls.drop_question, DropMissed(), outcome)

    def _start_action(
        self,
        action: str,
        question: Callable[[Snapshot], Dialog[bool]],
        command: Command[T],
        outcome: Callable[[Reply[T]], controls.Outcome],
    ) -> None:
        """Ask the user, send the command once, and show the outcome."""
        snapshot = self.host.snapshot
        if snapshot is not None:
            # Set before anything is awaited: a second press finds it.
            self._pending_actions.add(action)
            self.start(
                partial(self._confirm_and_send, action, kept_current(question, snapshot), command, outcome), action
            )
            self.host.refresh_keys()

    async def _confirm_and_send(
        self, action: str, question: Dialog[bool], command: Command[T], outcome: Callable[[Reply[T]], controls.Outcome]
    ) -> None:
        try:
            if not await self.host.push_screen_wait(question):
                return
            # The snapshot may have changed, or become stale, while the question was open.
            if reason := controls.why_not(action, self.host.snapshot, stale=self.host.stale):
                self.host.show_message(say("Nothing was done: {reason}", reason=reason), failed=True)
                return
            self.request_pending = self.request_pending or action == "flatten"
            reply = await self.host.ask(command)
        finally:
            self._pending_actions.discard(action)
            self.request_pending = self.request_pending and action != "flatten"
            self.host.refresh_keys()
        text, failed = outcome(reply)
        self.host.show_message(text, failed=failed)

    @on(LiveTable.RowHighlighted)
    def _update_detail(self) -> None:
        """The event under the cursor in full: its column may be too narrow for it."""
        event = self._latest.get(self._events.cursor_key or "")
        self._detail.display = event is not None and cell_len(event.text) > self._events.size.width - _EVENT_MARGIN
        if event is not None:
            self._detail.set_text(styled((event.text, Tone.TEXT)))

    def activated(self) -> None:
        self._equity.load()

    def tick(self) -> None:
        self._equity.tick()

    def show(self, snapshot: Snapshot) -> None:
        self._reasons.set_text(styled(("\n".join(f"- {reason.text}" for reason in snapshot.blockers), Tone.BAD)))
        self._reasons.display = bool(snapshot.blockers)
        self._attention.set_text(attention_text(snapshot))
        self._attention.display = bool(snapshot.notices or snapshot.dangers) or snapshot.missed is not None
        self._start.set_text(first_steps(snapshot))
        self._start.display = bool(self._start.text)
        self._account.show(snapshot)
        self._today.set_text(today_text(snapshot, self._today.content_size.width, strategy=not self._shows_all))
        self._strategy.set_text(strategy_text(snapshot))
        self._links.set_text(links_text(snapshot))
        self._orders.set_text(orders_text(snapshot, self._orders.content_size.height))
        self._near.set_text(near_text(snapshot, _MOST_NEAR))
        self._near.display = bool(self._near.text) and self._shows_all
        self._show_heat(snapshot)
        self._show_events(snapshot)

    def _show_heat(self, snapshot: Snapshot) -> None:
        rows = snapshot.positions.value if isinstance(snapshot.positions, Known) else ()
        self.query_one("#home-heat").display = bool(rows)
        self._heat.show([Tile(row.name, row.day_change) for row in rows])

    def _show_events(self, snapshot: Snapshot) -> None:
        newest = sorted(snapshot.events, key=lambda event: event.number, reverse=True)[:_EVENTS]
        self._latest = {event.key: event for event in newest}
        at_top = self._events.cursor_key is None or self._events.cursor_key == self._events.rows[0].key
        self._events.set_notice(say("No events yet."))
        self._events.set_rows([_event_row(event) for event in newest])
        if at_top and newest:
            self._events.select(newest[0].key)
        self._update_detail()


def _event_row(event: Event) -> TableRow:
    tone = LEVEL_TONES[event.level]
    text_tone = Tone.TEXT if tone is Tone.DIM else tone
    return TableRow(
        event.key,
        (cell(fmt.clock(event.at), Tone.DIM), cell(say(event.level), tone), cell(event.text, text_tone)),
    )
