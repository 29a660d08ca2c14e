"""Positions: what is held, whose it is, what it is worth, what guards it, and how old the price is."""

from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType

from core.model.known import Unknown
from core.model.snapshot import PositionRow, Snapshot, StopsSummary
from tui import format as fmt
from tui.actions import bindings_of
from tui.screens.guards import distance_cell, guard_cell, guard_line, guard_rows, level_cells
from tui.screens.list_pane import ListPane
from tui.screens.modals import Reading
from tui.widgets.columns import Column, Row, cell
from tui.widgets.palette import STYLES, Tone, change_tone, words
from tui.widgets.words import facts

# A price older than this is marked: feeds tick every few seconds in session.
_OLD_SECONDS = 60

_COLUMNS = (
    Column("Code", 9),
    Column("Name", 8, most=12),
    Column("Held", 4, right=True),
    Column("Sell", 4, right=True, rank=8),
    Column("Ours", 4, right=True, rank=6),
    Column("Yours", 4, right=True, rank=9),
    Column("Cost", 7, right=True, rank=7),
    Column("Last", 7, right=True),
    Column("Age", 3, right=True),
    Column("Value", 10, right=True, rank=10),
    Column("P/L", 9, right=True, rank=5),
    Column("P/L%", 7, right=True),
    Column("Day", 7, right=True, rank=4),
    Column("SL", 7, right=True, rank=1),
    Column("TP", 7, right=True, rank=2),
    Column("To SL/TP", 7, right=True),
    Column("Guard", 5, most=9),
    Column("State", 5, most=14, rank=3),
)


class PositionsPane(ListPane):
    """The account's holdings."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("positions")

    def __init__(self) -> None:
        super().__init__("positions", _COLUMNS, "code, name, guard or state")
        self._rows: dict[str, PositionRow] = {}
        self._now: datetime | None = None

    def why_not(self, action: str) -> str:
        return "There is no holding to look at." if action == "open" and self.table.cursor_key is None else ""

    def do_open(self) -> None:
        row = self._rows.get(self.table.cursor_key or "")
        if row is not None and self._now is not None:
            self.host.push_screen(Reading(f"{row.code} {row.name}", _card(row, self._now)))

    def show(self, snapshot: Snapshot) -> None:
        self._now = snapshot.at
        if isinstance(snapshot.positions, Unknown):
            self._rows = {}
            self.summary.put(words(("Positions not known", Tone.WARN)))
            self.unknown(f"The positions are not known: {snapshot.positions.reason}")
            return
        rows = snapshot.positions.value
        self._rows = {str(row.code): row for row in rows}
        self.summary.put(_summary(rows, snapshot.stops))
        self.set_rows(
            [_row(row, snapshot.at) for row in rows], "The account holds nothing. Press 3 and r to make a plan."
        )

    def draw_detail(self) -> None:
        row = self._rows.get(self.table.cursor_key or "")
        if row is not None:
            self.detail.put(_detail(row))


def _summary(rows: tuple[PositionRow, ...], stops: StopsSummary | None) -> Text:
    values = [row.value for row in rows if row.value is not None]
    profits = [row.profit for row in rows if row.profit is not None]
    text = words((fmt.plural(len(rows), "position"), Tone.TITLE))
    if not rows:
        return text
    text.append_text(words(("   Value ", Tone.DIM), fmt.money(sum(values)) if values else fmt.NOT_KNOWN))
    if len(values) < len(rows):
        text.append(f" ({len(values)} of {len(rows)})", STYLES[Tone.WARN])
    total = sum(profits) if profits else None
    text.append_text(words(("   P/L ", Tone.DIM), (fmt.signed_money(total), change_tone(total))))
    if len(profits) < len(rows):
        text.append(f" ({len(profits)} of {len(rows)})", STYLES[Tone.WARN])
    if stops is not None and stops.managed:
        tone = Tone.GOOD if stops.armed >= stops.managed else Tone.WARN
        text.append_text(words(("   Armed ", Tone.DIM), (f"{stops.armed}/{stops.managed}", tone)))
    return text


def _row(row: PositionRow, now: datetime) -> Row:
    age, age_tone = _age(row, now)
    calm = row.state in ("", "open")
    return Row(
        str(row.code),
        (
            cell(row.code, Tone.STRONG),
            cell(row.name),
            cell(fmt.volume(row.volume)),
            cell(fmt.volume(row.sellable), Tone.TEXT if row.sellable == row.volume else Tone.WARN),
            cell(fmt.volume(row.ours), Tone.TEXT if row.ours else Tone.DIM),
            cell(fmt.volume(row.volume - row.ours), Tone.TEXT if row.ours != row.volume else Tone.DIM),
            cell(fmt.price(row.cost), Tone.DIM),
            cell(fmt.price(row.last), Tone.STRONG if row.last is not None else Tone.DIM),
            cell(age, age_tone),
            cell(fmt.money(row.value)),
            cell(fmt.signed_money(row.profit), change_tone(row.profit)),
            cell(fmt.ratio(row.profit_ratio), change_tone(row.profit_ratio)),
            cell(fmt.ratio(row.day_change), change_tone(row.day_change)),
            *level_cells(row),
            distance_cell(row),
            guard_cell(row),
            cell(row.state, Tone.DIM if calm else Tone.WARN),
        ),
    )


def _age(row: PositionRow, now: datetime) -> tuple[str, Tone]:
    if row.quoted_at is None:
        return fmt.NOT_KNOWN, Tone.WARN
    seconds = (now - row.quoted_at).total_seconds()
    return fmt.age(seconds), Tone.DIM if seconds < _OLD_SECONDS else Tone.WARN


def _detail(row: PositionRow) -> Text:
    """The row's figures that a narrow screen has no column for, and what guards it."""
    text = words(
        (f"{row.code} {row.name}", Tone.STRONG),
        ("  cost ", Tone.DIM),
        fmt.price(row.cost),
        ("  P/L ", Tone.DIM),
        (fmt.signed_money(row.profit), change_tone(row.profit)),
        ("  day ", Tone.DIM),
        (fmt.ratio(row.day_change), change_tone(row.day_change)),
        ("\nsellable ", Tone.DIM),
        fmt.volume(row.sellable),
        ("  ours ", Tone.DIM),
        fmt.volume(row.ours),
        ("  yours ", Tone.DIM),
        fmt.volume(row.volume - row.ours),
        ("  ", Tone.DIM),
        (row.state, Tone.DIM if row.state in ("", "open") else Tone.WARN),
        "\n",
    )
    return text.append_text(guard_line(row))


def _card(row: PositionRow, now: datetime) -> Text:
    quoted = "no quote" if row.quoted_at is None else f"{fmt.clock(row.quoted_at)}, {_age(row, now)[0]} old"
    return facts(
        [
            ("Held", f"{fmt.volume(row.volume)} 张, {fmt.volume(row.sellable)} sellable", Tone.STRONG),
            ("Ours", f"{fmt.volume(row.ours)} 张 (the strategy's: may be sold by it)", Tone.TEXT),
            ("Yours", f"{fmt.volume(row.volume - row.ours)} 张 (left alone)", Tone.TEXT),
            ("Cost", f"{fmt.price(row.cost)} CNY", Tone.TEXT),
            ("Last", f"{fmt.price(row.last)} CNY  ({quoted})", Tone.STRONG),
            ("Day", f"{fmt.ratio(row.day_change)}  from {fmt.price(row.prev_close)}", change_tone(row.day_change)),
            ("Value", f"{fmt.money(row.value)} CNY", Tone.TEXT),
            ("P/L", f"{fmt.signed_money(row.profit)} CNY  {fmt.ratio(row.profit_ratio)}", change_tone(row.profit)),
            ("State", row.state or "nothing to report", Tone.TEXT),
            *guard_rows(row),
        ]
    )
