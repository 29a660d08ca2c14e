"""Today's list on the card of a record: its bonds as the market stands, with what a bond trader looks at."""

from datetime import datetime

from rich.text import Text
from textual.containers import Vertical

from core.i18n import language, mark, say, say_many
from core.model.known import Unknown
from core.model.parameter_names import parameter_name
from core.model.record_card import ListedBond, RecordCard
from core.model.snapshot import Snapshot
from tui import format as fmt
from tui.screens.bond import BondDialog
from tui.screens.dialogs import Fact, kept_current
from tui.screens.metrics_text import metric_cells, metric_columns
from tui.screens.pane import PaneHost
from tui.widgets.columns import Column, Sorting, TableRow, arranged, cell
from tui.widgets.paged_list import SearchLine
from tui.widgets.steady import KeptText
from tui.widgets.table import LiveTable
from tui.widgets.text import facts
from tui.widgets.theme import STYLES, Tone, styled

_COLUMNS = (
    Column("#", 3, right=True),
    Column(mark("Code"), 9),
    Column(mark("Name"), 8, most=12),
    Column(mark("Last"), 7, right=True),
    Column(mark("Age"), 3, right=True, rank=3),
    Column(mark("List price"), 7, right=True, rank=7),
    *metric_columns((1, 2, 4, 5, 6, 9, 10, 11)),
    Column(mark("Note"), 16, rank=8, flex=True),
)
_LEAST_ROWS = 4
_AROUND = 4
"""Lines of the list beside its title and its rows: search line, heads, and two of the note."""
_MOST_REASONS = 3
"""Above the list stands why bonds of it cannot be bought, or how many where they are more than these."""


class TodaysBonds(Vertical):
    """Sorted and filtered while it has the focus. A `!` before the rank marks what cannot be bought now."""

    def __init__(self) -> None:
        self._head = KeptText(id="todays-list-head")
        self.search = SearchLine(mark("code, name, figure or note"), id="todays-list-search")
        self.table = LiveTable(_COLUMNS, id="todays-list-table")
        self._note = KeptText(id="todays-list-note")
        self.sorting: Sorting | None = None
        self._bonds: dict[str, ListedBond] = {}
        self._rows: list[TableRow] = []
        self._lines = 0
        self._waiting = False
        self._made_of: tuple[object, ...] = ()
        super().__init__(self._head, self.search, self.table, self._note, id="todays-list")
        self.display = False

    @property
    def bond(self) -> ListedBond | None:
        """The bond under the cursor."""
        return self._bonds.get(self.table.cursor_key or "")

    @property
    def has_rows(self) -> bool:
        return self.display and bool(self._rows)

    @property
    def lit(self) -> bool:
        """Whether it has the focus."""
        return self.has_pseudo_class("focus-within")

    def show(self, card: RecordCard | None, now: datetime | None, *, waiting: bool = False) -> None:
        """The list of this record; nothing without one, and with `waiting` nothing in the same place."""
        told_at = now if card is not None else None
        made_of = (card, told_at, waiting, self.search.text, language(), tuple(STYLES.values()))
        if made_of == self._made_of:
            return
        self._made_of = made_of
        self._waiting = waiting and self.display
        self.display = self._waiting or (card is not None and not isinstance(card.selection, Unknown))
        listed = () if card is None else card.listed
        self._bonds = {str(bond.code): bond for bond in listed}
        self._rows = list_rows(listed, now)
        if card is not None:
            self._head.show(list_head(card))
        elif self._waiting:
            awaited = styled((say("Today's list"), Tone.TITLE), ("  " + say("loading"), Tone.DIM))
            self._head.show(awaited, waiting=True)
        self._arrange()

    def sort_by(self, sorting: Sorting | None) -> None:
        self.sorting = sorting
        self.table.mark_sorting(sorting)
        self.table.focus(scroll_visible=False)
        self._arrange()

    def use_height(self, lines: int) -> None:
        """Show all of the list within so many lines: further rows are scrolled to."""
        self._lines = lines
        self._arrange()

    def open_bond(self, host: PaneHost) -> None:
        """The card of the bond under the cursor; where the list has no focus yet, go to it."""
        bond, snapshot = self.bond, host.snapshot
        if not self.table.has_focus:
            self.table.focus(scroll_visible=False)
        elif bond is not None and snapshot is not None:
            code = str(bond.code)

            def card(newest: Snapshot) -> BondDialog:
                shown = self._bonds.get(code, bond)
                text = facts(_details(shown, newest.at))
                return BondDialog(host, f"{shown.code} {shown.name}", text, shown.code)

            host.push_screen(kept_current(card, snapshot))

    def on_live_table_row_highlighted(self) -> None:
        self._show_note()

    def _arrange(self) -> None:
        text = self.search.text
        shown = arranged(self._rows, text, self.sorting)
        self.table.set_rows(shown)
        self.table.set_notice(
            "" if self._waiting else say("No row contains '{text}'. Press esc to show all.", text=text)
        )
        if not self._waiting:
            self.table.display = bool(self._rows)
            self._use_room(len(shown))
        self._show_note()

    def _use_room(self, rows: int) -> None:
        room = max(_LEAST_ROWS, self._lines - _AROUND - len(self._head.text.split("\n")))
        height = min(room, max(1, rows)) + 1
        if self.table.styles.height is None or self.table.styles.height.value != height:
            self.table.styles.height = height

    def _show_note(self) -> None:
        """What its column may be too narrow for, of the bond under the cursor."""
        if self._waiting:
            self._note.show(waiting=True)
            return
        bond = self.bond
        if bond is None or not (note := _note(bond)):
            # Its line is kept where another bond of the list has one.
            self._note.show(" " if any(_note(bond) for bond in self._bonds.values()) else "")
        else:
            tone = Tone.WARN if bond.blocked else Tone.DIM
            self._note.show(styled((f"{bond.code} {bond.name}  ", Tone.STRONG), (note, tone)))


def list_head(card: RecordCard) -> Text:
    """How many bonds, of which day, and what to know of it."""
    text, selection = styled((say("Today's list"), Tone.TITLE)), card.selection
    if isinstance(selection, Unknown):
        return text.append("\n" + say("There is none: {reason}", reason=selection.reason), STYLES[Tone.WARN])
    listed = selection.value
    text.append(
        say("  {bonds}, {dated}", bonds=fmt.plural(len(listed.bonds), "bond"), dated=listed.dated),
        STYLES[Tone.DIM],
    )
    blocked = [(rank, bond) for rank, bond in enumerate(card.listed, 1) if bond.blocked]
    if len(blocked) > _MOST_REASONS:
        told = say_many("{count} bond cannot be bought now (!)", "{count} bonds cannot be bought now (!)", len(blocked))
        text.append(f"\n{told}", STYLES[Tone.WARN])
    else:
        for rank, bond in blocked:
            text.append(f"\n!{rank} {bond.code} {fmt.one_line(bond.name)}  {bond.blocked}", STYLES[Tone.WARN])
    if not listed.rows:
        text.append(say("\nThe list is empty."), STYLES[Tone.WARN])
    for row in listed.skipped:
        told = say("skipped: {kind}", kind=say(row.kind))
        text.append(f"\n{row.code}  {fmt.one_line(row.name)}  {told}", STYLES[Tone.WARN])
    return text


def list_rows(bonds: tuple[ListedBond, ...], now: datetime | None) -> list[TableRow]:
    return [_row(rank, bond, now) for rank, bond in enumerate(bonds, 1)]


def _row(rank: int, bond: ListedBond, now: datetime | None) -> TableRow:
    old = None if bond.quoted_at is None or now is None else (now - bond.quoted_at).total_seconds()
    tone = Tone.WARN if bond.blocked else Tone.DIM
    return TableRow(
        str(bond.code),
        (
            cell(f"!{rank}" if bond.blocked else str(rank), tone, rank),
            cell(bond.code, Tone.STRONG),
            cell(bond.name),
            cell(fmt.price(bond.last), Tone.TEXT if bond.last is not None else Tone.DIM, bond.last),
            cell(fmt.NOT_KNOWN if old is None else fmt.age(old), Tone.DIM, old),
            cell(fmt.price(bond.list_price), Tone.DIM, bond.list_price),
            *metric_cells(bond.metrics),
            cell(_note(bond), tone),
        ),
    )


def _note(bond: ListedBond) -> str:
    """Why it cannot be bought, what its row lacks, and what the row says besides."""
    extra = "  ".join(f"{parameter_name(key)} {fmt.plain_value(value)}" for key, value in bond.extra.items())
    return "  ".join(part for part in (bond.blocked, bond.not_listed, extra) if part)


def _details(bond: ListedBond, now: datetime) -> list[Fact]:
    quoted = say("no quote")
    if bond.quoted_at is not None:
        age = fmt.age((now - bond.quoted_at).total_seconds())
        quoted = say("{time}, {age} old", time=fmt.clock(bond.quoted_at), age=age)
    rows: list[Fact] = [
        (say("Last"), say("{price}  ({quoted})", price=fmt.cny(fmt.price(bond.last)), quoted=quoted), Tone.STRONG),
        (say("List price"), fmt.cny(fmt.price(bond.list_price)), Tone.TEXT),
    ]
    if note := _note(bond):
        rows.append((say("Note"), note, Tone.WARN if bond.blocked else Tone.TEXT))
    return rows
