"""Which columns a table shows: as the width allows, always, or never."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from core.i18n import mark, say
from tui.screens.dialogs import Dialog
from tui.widgets.columns import Column, Show, TableRow, cell, choices_of, choose
from tui.widgets.table import LiveTable
from tui.widgets.text import key_hints
from tui.widgets.theme import Tone

_COLUMNS = (Column(mark("Column"), 12, most=24), Column(mark("Shown"), 10, flex=True))
_TEXTS = {
    Show.FITTING: mark("by width", context="column"),
    Show.ALWAYS: mark("always", context="column"),
    Show.NEVER: mark("never", context="column"),
}
_AROUND = 7
"""Lines of the dialog around its list."""
_TONES = {Show.FITTING: Tone.TEXT, Show.ALWAYS: Tone.GOOD, Show.NEVER: Tone.WARN}
_NEXT = {Show.FITTING: Show.ALWAYS, Show.ALWAYS: Show.NEVER, Show.NEVER: Show.FITTING}


class ColumnsDialog(Dialog[None]):
    """The columns of a table below it, which changes at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,c,q", "close", show=False),
        Binding("space,enter", "toggle", show=False),
        Binding("r", "reset", show=False),
    ]

    def __init__(self, table: LiveTable) -> None:
        super().__init__()
        self._table = table
        self._list = LiveTable(_COLUMNS, id="columns-list")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="columns-box") as box:
            box.border_title = say("Columns")
            yield self._list
            yield key_hints(("space", say("change", context="key")), ("r", say("reset all")), ("esc", say("close")))

    def on_mount(self) -> None:
        self._refresh()
        self.on_resize()
        self._list.focus()

    def on_resize(self) -> None:
        self._list.styles.height = max(2, min(len(self._list.rows) + 1, self.app.size.height - _AROUND))

    def on_live_table_row_selected(self) -> None:
        self.action_toggle()

    def action_toggle(self) -> None:
        label = self._list.cursor_key
        if label is not None:
            self._choose(label, _NEXT[self._show(label)])

    def action_reset(self) -> None:
        for row in self._list.rows:
            choose(self._table.name_in_settings, row.key, Show.FITTING)
        self._changed()

    def action_close(self) -> None:
        self.dismiss(None)

    def _choose(self, label: str, show: Show) -> None:
        shown = [row.key for row in self._list.rows if self._show(row.key) is not Show.NEVER]
        if show is Show.NEVER and shown == [label]:
            show = Show.FITTING  # a table without a column shows nothing at all
        choose(self._table.name_in_settings, label, show)
        self._changed()

    def _show(self, label: str) -> Show:
        return choices_of(self._table.name_in_settings).get(label, Show.FITTING)

    def _changed(self) -> None:
        self._refresh()
        self._table.repaint()

    def _refresh(self) -> None:
        self._list.set_rows([self._row(column) for column in self._table.columns if column.label])

    def _row(self, column: Column) -> TableRow:
        show = self._show(column.label)
        return TableRow(str(column.label), (cell(column.title), cell(say(_TEXTS[show]), _TONES[show])))
