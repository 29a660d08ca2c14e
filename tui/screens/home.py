"""Home: what runs, what the account holds, what happened last."""

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from core.model.account import Asset
from core.model.known import Maybe, Unknown
from core.model.order import Side
from core.model.snapshot import Event, PositionRow, Rebalance, Snapshot
from tui import format as fmt
from tui.actions import bindings_of
from tui.screens.modals import Reading
from tui.screens.pane import Pane
from tui.widgets.columns import Column, Row, cell
from tui.widgets.live_table import LiveTable
from tui.widgets.palette import LEVEL_TONES, STYLES, Tone, change_tone, words
from tui.widgets.words import Section, Words, facts

_EVENTS = 200
_COLUMNS = (Column("Time", 8), Column("Level", 7), Column("What happened", 20, flex=True))


class HomePane(Pane):
    """The first screen."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("home")

    def __init__(self) -> None:
        super().__init__("home")
        self._strategy = Section("Strategy")
        self._rebalance = Section("Rebalance")
        self._trading = Section("Trading")
        self._reasons = Section("Why trading is off")
        self._account = Section("Account")
        self._links = Section("Connections")
        self._events = LiveTable(_COLUMNS, id="events")
        self._detail = Words(classes="detail")
        self._latest: dict[str, Event] = {}

    def compose(self) -> ComposeResult:
        with Horizontal(id="home-top"):
            with Vertical():
                yield self._strategy
                yield self._rebalance
                yield self._trading
            with Vertical():
                yield self._account
                yield self._links
        yield self._reasons
        title = Section("Events")
        title.add_class("rule")
        yield title
        yield self._events
        yield self._detail

    def on_mount(self) -> None:
        for section in (self._strategy, self._rebalance, self._trading, self._account, self._links):
            section.put(words(("waiting for the engine", Tone.DIM)))
        self._events.clear("Waiting for the engine.")
        self._reasons.display = self._detail.display = False

    def focus_target(self) -> LiveTable:
        return self._events

    def why_not(self, action: str) -> str:
        snapshot = self.host.snapshot
        if action == "login":
            if snapshot is None or snapshot.mode == "sandbox":
                return "The sandbox brings its own platform: there is nothing to log in to."
            if snapshot.platform_user is not None:
                return f"You are logged in as {snapshot.platform_user}."
            if not snapshot.health:
                return snapshot.blockers[0] if snapshot.blockers else "The engine is still getting ready."
        if action == "open" and self._events.cursor_key is None:
            return "There is no event to read yet."
        return ""

    def do_login(self) -> None:
        self.host.open_login()

    def do_open(self) -> None:
        event = self._latest.get(self._events.cursor_key or "")
        if event is not None:
            self.host.push_screen(Reading(f"Event {fmt.clock(event.at)}", f"{event.level.upper()}\n\n{event.text}"))

    def on_live_table_chosen(self) -> None:
        self.action_act("open")

    @on(LiveTable.Moved)
    def _draw_detail(self) -> None:
        """The event under the cursor in full: its column may be too narrow for it."""
        event = self._latest.get(self._events.cursor_key or "")
        self._detail.display = event is not None
        if event is not None:
            self._detail.put(words((event.text, Tone.TEXT)))

    def show(self, snapshot: Snapshot) -> None:
        self._strategy.put(_strategy_text(snapshot))
        self._rebalance.put(_rebalance_text(snapshot.rebalance, snapshot))
        self._trading.put(_trading_text(snapshot))
        self._reasons.put(words(("\n".join(f"- {reason}" for reason in snapshot.blockers), Tone.BAD)))
        self._reasons.display = bool(snapshot.blockers)
        self._account.put(_account_text(snapshot))
        self._links.put(_links_text(snapshot))
        newest = sorted(snapshot.events, key=lambda event: event.number, reverse=True)[:_EVENTS]
        self._latest = {str(event.number): event for event in newest}
        at_top = self._events.cursor_key is None or self._events.cursor_key == self._events.rows[0].key
        self._events.say("Nothing has happened yet. Press 2 to choose a strategy, or 3 and r to make a plan.")
        self._events.set_rows([_event_row(event) for event in newest])
        if at_top and newest:
            self._events.select(str(newest[0].number))
        self._draw_detail()


def _event_row(event: Event) -> Row:
    tone = LEVEL_TONES[event.level]
    text_tone = Tone.TEXT if tone is Tone.DIM else tone
    return Row(
        str(event.number),
        (cell(fmt.clock(event.at), Tone.DIM), cell(event.level, tone), cell(event.text, text_tone)),
    )


def _strategy_text(snapshot: Snapshot) -> Text:
    followed = snapshot.followed
    if followed is None:
        return words(("none chosen: press 2, open a record, then u", Tone.WARN))
    name = followed.strategy_name or f"strategy {followed.strategy_id}"
    return words((name, Tone.STRONG), (f"\nstrategy {followed.strategy_id}, record {followed.history_id}", Tone.DIM))


def _rebalance_text(rebalance: Rebalance | None, snapshot: Snapshot) -> Text:
    rows: list[tuple[str, str, Tone]] = []
    if rebalance is None:
        rows.append(("Last", "none yet", Tone.DIM))
    else:
        if rebalance.finished_at is None:
            rows.append(("Running", f"{rebalance.stage}, since {fmt.clock(rebalance.started_at)}", Tone.WARN))
        else:
            rows.append(("Last", f"{fmt.clock(rebalance.finished_at)}  {rebalance.stage}", Tone.TEXT))
        rows.append(
            ("Filled", f"sells {_filled(rebalance, Side.SELL)}  buys {_filled(rebalance, Side.BUY)}", Tone.TEXT)
        )
        if rebalance.unresolved:
            rows.append(("Unresolved", f"{fmt.plural(len(rebalance.unresolved), 'order')}: press 5", Tone.BAD))
    if snapshot.stops:
        rows.append(("Stops", snapshot.stops, Tone.WARN))
    rows.append(("Next", snapshot.next_job or "nothing scheduled", Tone.TEXT if snapshot.next_job else Tone.DIM))
    return facts(rows, 11)


def _filled(rebalance: Rebalance, side: Side) -> str:
    legs = [leg for leg in rebalance.legs if leg.side is side]
    return f"{sum(leg.filled_volume >= leg.volume for leg in legs)}/{len(legs)}" if legs else "none"


def _trading_text(snapshot: Snapshot) -> Text:
    if snapshot.blockers:
        text = words((f"OFF: {fmt.plural(len(snapshot.blockers), 'reason')}, below", Tone.BAD))
    elif not snapshot.ready:
        text = words(("not ready yet", Tone.WARN))
    else:
        text = words(("on", Tone.GOOD))
    if snapshot.controls:
        text.append(f"\nControls  {', '.join(snapshot.controls)}", STYLES[Tone.WARN])
    return text


def _account_text(snapshot: Snapshot) -> Text:
    rows = _money_rows(snapshot.asset)
    if snapshot.positions == snapshot.asset:  # out of reach for one reason: told once
        rows.append(("Positions", "not known either", Tone.WARN))
    else:
        rows += _position_rows(snapshot.positions)
    rows += _change_rows(snapshot)
    return facts(rows)


def _change_rows(snapshot: Snapshot) -> list[tuple[str, str, Tone]]:
    """What the account has gained since the first minute that is remembered."""
    if isinstance(snapshot.asset, Unknown) or not snapshot.equity:
        return []
    began, first = snapshot.equity[0]
    gained = snapshot.asset.value.total - first
    ratio = f"  {fmt.ratio(gained / first)}" if first else ""
    return [(f"Since {fmt.since(began, snapshot.at)}", f"{fmt.signed_money(gained):>16}{ratio}", change_tone(gained))]


def _money_rows(asset: Maybe[Asset]) -> list[tuple[str, str, Tone]]:
    if isinstance(asset, Unknown):
        return [("Money", f"not known: {asset.reason}", Tone.WARN)]
    held = asset.value
    return [
        ("Total", f"{fmt.money(held.total):>16}", Tone.STRONG),
        ("Cash", f"{fmt.money(held.cash):>16}", Tone.TEXT),
        ("Frozen", f"{fmt.money(held.frozen):>16}", Tone.TEXT),
        ("Market value", f"{fmt.money(held.market_value):>16}", Tone.TEXT),
    ]


def _position_rows(positions: Maybe[tuple[PositionRow, ...]]) -> list[tuple[str, str, Tone]]:
    if isinstance(positions, Unknown):
        return [("Positions", f"not known: {positions.reason}", Tone.WARN)]
    rows = positions.value
    ours = sum(row.ours > 0 for row in rows)
    found: list[tuple[str, str, Tone]] = [("Positions", f"{len(rows):>16}  {ours} ours", Tone.TEXT)]
    profits = [row.profit for row in rows if row.profit is not None]
    if profits:
        total = sum(profits)
        known = "" if len(profits) == len(rows) else f"  {len(profits)} of {len(rows)}"
        found.append(("Open P/L", f"{fmt.signed_money(total):>16}{known}", change_tone(total)))
    return found


def _links_text(snapshot: Snapshot) -> Text:
    if not snapshot.health:
        return words(("nothing reported yet", Tone.DIM))
    text = Text(style=STYLES[Tone.TEXT])
    for number, health in enumerate(snapshot.health):
        text.append("\n" if number else "")
        text.append(f"{health.name:<10}", STYLES[Tone.DIM])
        text.append(
            f"{health.text:<13}", STYLES[LEVEL_TONES[health.level] if health.level.value != "info" else Tone.GOOD]
        )
        text.append(f" since {fmt.clock(health.since)}", STYLES[Tone.DIM])
    return text
