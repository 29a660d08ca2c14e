"""The card of the record under the cursor, or several records side by side."""

from datetime import datetime

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from core.i18n import say
from core.model.backtest import Performance, RecordDetail
from core.model.known import Known, Maybe, Unknown
from core.model.platform import Record, Strategy
from core.model.record_card import RecordCard
from tui.screens.record_comparison import Comparison
from tui.screens.record_performance import drawn, performance_chart, performance_notes, year_rows
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
from tui.widgets.text import TextBlock
from tui.widgets.theme import STYLES, Tone, styled


class RecordView(VerticalScroll, Titled, can_focus=True):
    """Scrolls with the arrows; begins at its top when it shows another record."""

    def __init__(self) -> None:
        super().__init__(id="record-card", classes="panel")
        self._head = TextBlock()
        self._chart = LineChart(id="record-chart")
        self._years = YearBars(id="record-years")
        self._rule = TextBlock()
        self.todays_list = TodaysBonds()
        self._body = TextBlock()
        self._shown: object = None

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._chart
        yield self._years
        yield self._rule
        yield self.todays_list
        yield self._body

    def on_mount(self) -> None:
        self._show_performance(None)

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

    def show_text(self, text: str) -> None:
        """No record, and why."""
        self._begin(None, say("Record"), "")
        self._show_performance(None)
        self._set_texts(styled((text, Tone.DIM)), Text(), Text())
        self._show_list(None, None)

    def show_record(
        self,
        strategy: Strategy,
        record: Record,
        card: Maybe[RecordCard] | None,
        detail: Maybe[RecordDetail] | None,
        now: datetime | None,
    ) -> None:
        """`card` and `detail` are None until the platform has answered."""
        self._begin((strategy.id, record.id), say("Record {number}", number=record.id), say("u to use it"))
        record = completed(record, detail)
        head, above, below = record_head(strategy, record), list[Text](), list[Text]()
        # Where there is no picture, why stands in its place.
        (above if drawn(detail) is None else below).append(performance_notes(detail))
        if not isinstance(card, Known):
            head = Text("\n\n").join([head, _awaited(record, card)])
        else:
            if isinstance(card.value.selection, Unknown):
                # Without a list the record cannot be traded today: that stands above the pictures.
                head = Text("\n\n").join([head, list_head(card.value)])
            above.append(rule_text(card.value))
            below.append(mapping_text(say("Parameters"), card.value.parameters))
        further = mapping_text(say("Detail"), further_fields(record, detail))
        if isinstance(detail, Known) and detail.value.impossible:
            further.append(f"\n{impossible_text(detail.value.impossible)}", STYLES[Tone.WARN])
        self._show_performance(drawn(detail))
        self._set_texts(head, Text("\n\n").join(above), Text("\n\n").join([*below, further]))
        self._show_list(card.value if isinstance(card, Known) else None, now)

    def show_comparison(self, compared: Comparison) -> None:
        self._begin("comparison", say("Comparison"), say("v or esc: one record"))
        self._chart.display, self._years.display = compared.chart is not None, False
        self._chart.show(compared.chart)
        self._set_texts(compared.table, Text(), compared.notes)
        self._show_list(None, None)

    def _begin(self, shown: object, title: str, hint: str) -> None:
        self.set_title(title)
        self.set_hint(hint)
        if shown != self._shown:
            self._shown = shown
            self.todays_list.search.close()
            self.scroll_home(animate=False)

    def _show_list(self, card: RecordCard | None, now: datetime | None) -> None:
        inside = self.todays_list.lit
        self.todays_list.show(card, now)
        if inside and not self.todays_list.has_rows:
            self.focus(scroll_visible=False)

    def _set_texts(self, head: Text, rule: Text, body: Text) -> None:
        self._head.set_text(head)
        self._rule.display = bool(rule.plain)
        self._rule.set_text(rule)
        self._body.display = bool(body.plain)
        self._body.set_text(body)

    def _show_performance(self, curve: Performance | None) -> None:
        self._chart.display = self._years.display = curve is not None
        self._chart.show(None if curve is None else performance_chart(curve))
        self._years.show(() if curve is None else year_rows(curve))


def _awaited(record: Record, card: Unknown | None) -> Text:
    if card is None:
        return styled((say("Loading record {number}", number=record.id), Tone.DIM))
    told = say("The record was not loaded: {reason}", reason=card.reason) + "\n" + say("Press r to try again.")
    return styled((told, Tone.BAD))
