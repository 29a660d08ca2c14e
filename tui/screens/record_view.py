"""The card of the record under the cursor, or several records side by side."""

from datetime import datetime

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from core.i18n import language, say
from core.model.backtest import RecordDetail
from core.model.known import Known, Maybe, Unknown
from core.model.platform import Record, Strategy
from core.model.record_card import RecordCard
from tui.screens.record_comparison import Comparison
from tui.screens.record_performance import (
    drawn,
    performance_awaited,
    performance_chart,
    performance_notes,
    year_rows,
)
from tui.screens.record_text import (
    completed,
    further_fields,
    impossible_text,
    mapping_text,
    record_head,
    rule_text,
)
from tui.screens.todays_list import TodaysBonds, list_head
from tui.widgets.bar_chart import YearBars
from tui.widgets.chart import LineChart
from tui.widgets.panel import Titled
from tui.widgets.steady import KeptText
from tui.widgets.theme import STYLES, Tone, styled


class RecordView(VerticalScroll, Titled, can_focus=True):
    """Scrolls with the arrows; begins at its top when it shows another record."""

    def __init__(self) -> None:
        super().__init__(id="record-card", classes="panel")
        self._head = KeptText()
        self._chart = LineChart(id="record-chart")
        self._years = YearBars(id="record-years")
        self._rule = KeptText()
        self.todays_list = TodaysBonds()
        self._notes = KeptText()
        self._parameters = KeptText()
        self._detail = KeptText()
        self._shown: object = None
        self._made_of: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield from (self._head, self._chart, self._years, self._rule, self.todays_list)
        yield from (self._notes, self._parameters, self._detail)

    def on_mount(self) -> None:
        self._chart.display = self._years.display = False

    def on_resize(self) -> None:
        self.todays_list.use_height(self.size.height)

    def on_descendant_focus(self) -> None:
        self._keep_list_in_view()

    def on_live_table_row_highlighted(self) -> None:
        self.call_after_refresh(self._keep_list_in_view)  # the note below it may take another line

    def _keep_list_in_view(self) -> None:
        if self.todays_list.lit:
            fits = self.todays_list.outer_size.height <= self.size.height
            self.scroll_to_widget(self.todays_list if fits else self.todays_list.table, animate=False)

    def why_not(self, action: str) -> str:
        """Why this action does nothing on the card; its list sorts and filters, nothing else of it does."""
        if action == "more":
            return say("Go back to the list first: press esc.")
        if action in ("search", "open", "sort", "reverse") and not self.todays_list.has_rows:
            return say("There is no list here.")
        return ""

    def action_back(self) -> bool:
        """From the list back to the card; False where the focus is on the card already."""
        inside = self.todays_list.lit
        if self.todays_list.search.close():
            self.todays_list.table.focus(scroll_visible=False)
        elif inside:
            self.focus(scroll_visible=False)
        else:
            return False
        return True

    def show_text(self, text: str, *, waiting: bool = False) -> None:
        """No record, and why; with `waiting` it keeps its shape, as one is being loaded."""
        self._begin(None, say("Record"), "")
        self._made_of = ()
        self._head.show(styled((text, Tone.DIM)), waiting=waiting)
        self._chart.show(None)
        self._chart.display = self._chart.display and waiting
        self._years.show((), waiting=waiting)
        for block in (self._rule, self._notes, self._parameters, self._detail):
            block.show(waiting=waiting)
        self._show_list(None, None, waiting=waiting)

    def show_record(
        self,
        strategy: Strategy,
        record: Record,
        card: Maybe[RecordCard] | None,
        detail: Maybe[RecordDetail] | None,
        now: datetime | None,
    ) -> None:
        """`card` and `detail` are None until the platform has answered: their parts keep their place until then."""
        hint = say("u to use it") if card is not None else say("Loading record {number}", number=record.id)
        self._begin((strategy.id, record.id), say("Record {number}", number=record.id), hint)
        made_of = (strategy, record, card, detail, language(), tuple(STYLES.values()))
        if made_of != self._made_of:
            self._made_of = made_of
            self._show_performance(detail)
            self._show_texts(strategy, completed(record, detail), card, detail)
        self._show_list(card.value if isinstance(card, Known) else None, now, waiting=card is None)

    def _show_texts(
        self, strategy: Strategy, record: Record, card: Maybe[RecordCard] | None, detail: Maybe[RecordDetail] | None
    ) -> None:
        parts, above = [record_head(strategy, record)], list[Text]()
        if isinstance(card, Unknown):
            parts.append(_failed(card))
        elif card is not None and isinstance(card.value.selection, Unknown):
            # Without a list the record cannot be traded today: that stands above the pictures.
            parts.append(list_head(card.value))
        self._head.show(Text("\n\n").join(parts), waiting=card is None or detail is None)
        if detail is not None and drawn(detail) is None:
            above.append(performance_notes(detail))  # where there is no picture, why stands in its place
        if card is None:
            above.append(mapping_text(say("Rule"), None))
        elif isinstance(card, Known):
            above.append(rule_text(card.value))
        self._rule.show(Text("\n\n").join(above), waiting=card is None)
        notes = performance_notes(detail) if detail is not None and drawn(detail) is not None else ""
        self._notes.show(notes, waiting=detail is None)
        told = not isinstance(card, Unknown)
        parameters = mapping_text(say("Parameters"), card.value.parameters if isinstance(card, Known) else None)
        self._parameters.show(parameters if told else "", waiting=card is None)
        further = mapping_text(say("Detail"), further_fields(record, detail))
        if isinstance(detail, Known) and detail.value.impossible:
            further.append(f"\n{impossible_text(detail.value.impossible)}", STYLES[Tone.WARN])
        self._detail.show(further, waiting=detail is None)

    def show_comparison(self, compared: Comparison) -> None:
        self._begin("comparison", say("Comparison"), say("v or esc: one record"))
        self._made_of = ()
        self._chart.display = compared.chart is not None
        self._chart.show(compared.chart)
        self._years.show(())
        self._head.show(compared.table)
        for block in (self._rule, self._notes, self._parameters):
            block.show()
        self._detail.show(compared.notes)
        self._show_list(None, None)

    def _begin(self, shown: object, title: str, hint: str) -> None:
        self.set_title(title)
        self.set_hint(hint)
        if shown != self._shown:
            self._shown = shown
            self.todays_list.search.close()
            self.scroll_home(animate=False)

    def _show_list(self, card: RecordCard | None, now: datetime | None, *, waiting: bool = False) -> None:
        inside = self.todays_list.lit
        self.todays_list.show(card, now, waiting=waiting)
        if inside and not self.todays_list.has_rows:
            self.focus(scroll_visible=False)

    def _show_performance(self, detail: Maybe[RecordDetail] | None) -> None:
        curve = drawn(detail)
        self._chart.display = curve is not None or detail is None
        self._chart.show(performance_awaited() if curve is None else performance_chart(curve))
        self._years.show(() if curve is None else year_rows(curve), waiting=detail is None)


def _failed(card: Unknown) -> Text:
    told = say("The record was not loaded: {reason}", reason=card.reason) + "\n" + say("Press r to try again.")
    return styled((told, Tone.BAD))
