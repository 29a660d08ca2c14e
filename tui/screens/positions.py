"""Positions: the holdings, their owner and value, their stops, and the age of the price."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType

from core.i18n import mark, say, say_many
from core.model.bond import BondCode
from core.model.bond_metrics import BondMetrics
from core.model.known import Unknown
from core.model.snapshot import (
    Control,
    PositionRow,
    Snapshot,
    StopsSummary,
)
from tui import format as fmt
from tui.actions import bindings_of
from tui.screens.bond import BondDialog
from tui.screens.bond_list import BondListPane
from tui.screens.controls import STALE
from tui.screens.dialogs import kept_current
from tui.screens.empty_state import empty_state, strategy_key
from tui.screens.holding_text import PriceAge, fitting, gauge_below, holding_details, price_age
from tui.screens.metrics_text import metric_cells, metric_columns, metrics_below
from tui.screens.position_actions import adopt, release, row_now, sell
from tui.screens.stop_text import distance_cell, gauge, level_cells, state_cell, stop_line
from tui.widgets.chart_data import LevelLine
from tui.widgets.columns import Cells, Column, KeptCells, TableRow, cell
from tui.widgets.sparkline import SPARK_CELLS, spark_cell
from tui.widgets.theme import STYLES, Tone, change_tone, styled

Prices = tuple[Decimal | None, ...]

_COLUMNS = (
    Column(mark("Code"), 9),
    Column(mark("Name"), 8, most=12),
    Column(mark("Held"), 4, right=True),
    Column(mark("Avail"), 4, right=True, rank=8),
    Column(mark("Ours"), 4, right=True, rank=6),
    Column(mark("Yours"), 4, right=True, rank=9),
    Column(mark("Cost"), 7, right=True, rank=7),
    Column(mark("Last"), 7, right=True),
    Column(mark("Age"), 3, right=True, rank=1),
    Column(mark("Value"), 10, right=True, rank=10),
    Column(mark("P/L"), 9, right=True, rank=5),
    Column(mark("P/L%"), 7, right=True),
    Column(mark("Day"), 7, right=True, rank=4),
    Column(mark("Intraday"), SPARK_CELLS, rank=4),
    Column(mark("SL"), 7, right=True, rank=1),
    Column(mark("TP"), 7, right=True, rank=2),
    Column(mark("SL-TP"), 12, rank=7),
    Column(mark("To SL/TP"), 7, right=True),
    Column(mark("Guard"), 5, most=10),
    *metric_columns((6, 8, 11, 13, 12, 15, 14, 16)),
    Column(mark("State"), 5, most=14, rank=3),
)


class PositionsPane(BondListPane):
    """The account's holdings."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("positions")

    def __init__(self) -> None:
        super().__init__("positions", mark("Positions"), _COLUMNS, mark("code, name, guard or state"))
        self._rows: dict[str, PositionRow] = {}
        self._busy_codes: set[str] = set()
        self._metrics: Mapping[BondCode, BondMetrics] = {}
        self._kept = KeptCells()

    def why_not(self, action: str) -> str:
        row = self._selected()
        if action == "reverse" and self.sorting is None:
            return say("The rows are not sorted: press o.")
        if action not in ("open", "adopt", "release", "sell"):
            return ""
        if row is None:
            return say("There is no holding here.")
        if action != "open" and row.code in self._busy_codes:
            return say("Another action on this holding is still running.")
        if action != "open" and self.host.stale:
            return say(STALE)
        if action == "adopt" and row.ours >= row.volume:
            return say("The strategy manages all of it already.")
        if action == "release" and not row.ours:
            return say("The strategy holds none of it: nothing to release.")
        return self._why_not_sell(row) if action == "sell" else ""

    def _why_not_sell(self, row: PositionRow) -> str:
        snapshot = self.host.snapshot
        if not row.ours:
            return say("The strategy holds none of it, so rotor never sells it. Press a to adopt it first.")
        if snapshot is not None and Control.HALTED in snapshot.controls:
            return say("Trading is halted: all new orders are blocked. Press 1, then R to resume.")
        if snapshot is not None and snapshot.blockers:
            return say("Trading is off: {reason}", reason=snapshot.blockers[0].text)
        return ""

    def action_open(self) -> None:
        row, snapshot = self._selected(), self.host.snapshot
        if row is not None and snapshot is not None:
            self.host.push_screen(kept_current(partial(self._card, row), snapshot))

    def _card(self, row: PositionRow, snapshot: Snapshot) -> BondDialog:
        newest = row_now(row, snapshot)
        return BondDialog(self.host, f"{row.code} {row.name}", holding_details(newest, snapshot.at), row.code)

    def action_adopt(self) -> None:
        self._ask("adopt")

    def action_release(self) -> None:
        self._ask("release")

    def action_sell(self) -> None:
        self._ask("sell")

    def _ask(self, what: str) -> None:
        row, snapshot = self._selected(), self.host.snapshot
        if row is not None and snapshot is not None:
            # Set before anything is awaited: a second press finds it.
            self._busy_codes.add(row.code)
            self.start(partial(self._asked, what, row, snapshot), f"{what}-{row.code}")

    async def _asked(self, what: str, row: PositionRow, snapshot: Snapshot) -> None:
        try:
            await {"adopt": adopt, "release": release, "sell": sell}[what](self.host, row, snapshot)
        finally:
            self._busy_codes.discard(row.code)

    def show(self, snapshot: Snapshot) -> None:
        if isinstance(snapshot.positions, Unknown):
            self._rows = {}
            self.summary.set_text(styled((say("Positions not known"), Tone.WARN)))
            self.show_unknown(say("The positions are not known: {reason}", reason=say(snapshot.positions.reason)))
            return
        rows, self._metrics = snapshot.positions.value, snapshot.metrics()
        self._rows = {str(row.code): row for row in rows}
        sparks = {spark.code: spark.prices for spark in snapshot.sparks}
        self.summary.set_text(_summary(rows, snapshot.stops))
        self.set_rows(
            [self._row(row, snapshot.at, sparks.get(row.code, ())) for row in rows],
            self._empty_state(snapshot),
        )

    def _empty_state(self, snapshot: Snapshot) -> Text:
        sentence = say("The account holds nothing. Here are its bonds, what they gained and which stops guard them.")
        keys = (("3", say("to the plan: r makes one, e executes it")), strategy_key(snapshot))
        return empty_state(sentence, keys, snapshot, self.app.size.width)

    def chosen_bond(self) -> tuple[BondCode, Sequence[LevelLine]] | None:
        row = self._selected()
        return None if row is None else (row.code, ())

    def refresh_all(self) -> None:
        self._kept.clear()
        super().refresh_all()

    def _row(self, row: PositionRow, now: datetime, prices: Prices) -> TableRow:
        """Made anew are the cells whose figures have changed: between two prices most have not."""
        metrics, made = self._metrics.get(row.code), partial(self._kept.cells, row.code)
        held, age = (row.name, row.volume, row.sellable, row.ours, row.cost), price_age(row, now)
        cells = (
            *made("held", held, lambda: _held_cells(row)),
            *made("quoted", (row, age), lambda: _quoted_cells(row, age)),
            *made("day", prices, lambda: (spark_cell(prices),)),
            *made("levels", row.stop, lambda: level_cells(row)),
            *made("gauge", (row.last, row.stop), lambda: _gauge_cells(row)),
            *made("guard", (row.stop, row.ours), lambda: (state_cell(row),)),
            *made("metrics", metrics, lambda: metric_cells(metrics)),
            *made("state", row.state, lambda: _state_cells(row.state)),
        )
        return TableRow(str(row.code), cells)

    def update_detail(self) -> None:
        row = self._selected()
        if row is not None:
            now = self.host.snapshot.at if self.host.snapshot is not None else None
            if not self.beside or now is None:
                self.detail.set_text(_detail(row))
                return
            text, room = holding_details(row, now), self.detail.content_size
            figures = metrics_below(self._metrics.get(row.code), now)
            if row.stop is not None:
                text.append_text(fitting(gauge_below(row, room.width), room, text, figures))
            self.detail.set_text(text.append_text(figures))

    def _selected(self) -> PositionRow | None:
        return self._rows.get(self.table.cursor_key or "")


def _summary(rows: tuple[PositionRow, ...], stops: StopsSummary | None) -> Text:
    values = [row.value for row in rows if row.value is not None]
    profits = [row.profit for row in rows if row.profit is not None]
    text = styled((say_many("{count} position", "{count} positions", len(rows)), Tone.TITLE))
    if not rows:
        return text
    text.append_text(styled((f"   {say('Value')} ", Tone.DIM), fmt.money(sum(values)) if values else fmt.NOT_KNOWN))
    if len(values) < len(rows):
        text.append(say(" ({known} of {all})", known=len(values), all=len(rows)), STYLES[Tone.WARN])
    total = sum(profits) if profits else None
    text.append_text(styled((f"   {say('P/L')} ", Tone.DIM), (fmt.signed_money(total), change_tone(total))))
    if len(profits) < len(rows):
        text.append(say(" ({known} of {all})", known=len(profits), all=len(rows)), STYLES[Tone.WARN])
    if stops is not None and stops.managed:
        tone = Tone.GOOD if stops.armed >= stops.managed else Tone.WARN
        text.append_text(styled((f"   {say('Armed')} ", Tone.DIM), (f"{stops.armed}/{stops.managed}", tone)))
    return text


def _held_cells(row: PositionRow) -> Cells:
    yours = row.volume - row.ours
    return (
        cell(row.code, Tone.STRONG),
        cell(row.name),
        cell(fmt.volume(row.volume), value=row.volume),
        cell(fmt.volume(row.sellable), Tone.TEXT if row.sellable == row.volume else Tone.WARN, row.sellable),
        cell(fmt.volume(row.ours), Tone.TEXT if row.ours else Tone.DIM, row.ours),
        cell(fmt.volume(yours), Tone.TEXT if yours else Tone.DIM, yours),
        cell(fmt.price(row.cost), Tone.DIM, row.cost),
    )


def _quoted_cells(row: PositionRow, age: PriceAge) -> Cells:
    value, profit, gained, change = row.value, row.profit, row.profit_ratio, row.day_change
    return (
        cell(fmt.price(row.last), Tone.STRONG if row.last is not None else Tone.DIM, row.last),
        cell(age.text, age.tone, age.seconds),
        cell(fmt.money(value), value=value),
        cell(fmt.signed_money(profit), change_tone(profit), profit),
        cell(fmt.ratio(gained), change_tone(gained), gained),
        cell(fmt.ratio(change), change_tone(change), change),
    )


def _gauge_cells(row: PositionRow) -> Cells:
    distance = distance_cell(row)
    return cell(gauge(row), Tone.DIM, distance.value), distance


def _state_cells(state: str) -> Cells:
    return (cell(say(state), Tone.DIM if state in ("", "open") else Tone.WARN, state),)


def _detail(row: PositionRow) -> Text:
    """The figures that a narrow screen has no column for, and the stops."""
    text = styled(
        (f"{row.code} {row.name}", Tone.STRONG),
        (f"  {say('cost')} ", Tone.DIM),
        fmt.price(row.cost),
        (f"  {say('P/L')} ", Tone.DIM),
        (fmt.signed_money(row.profit), change_tone(row.profit)),
        (f"  {say('day', context='change')} ", Tone.DIM),
        (fmt.ratio(row.day_change), change_tone(row.day_change)),
        (f"\n{say('available')} ", Tone.DIM),
        fmt.volume(row.sellable),
        (f"  {say('ours')} ", Tone.DIM),
        fmt.volume(row.ours),
        (f"  {say('yours')} ", Tone.DIM),
        fmt.volume(row.volume - row.ours),
        ("  ", Tone.DIM),
        (say(row.state), Tone.DIM if row.state in ("", "open") else Tone.WARN),
        (f"  {gauge(row)}\n", Tone.DIM),
    )
    return text.append_text(stop_line(row))
