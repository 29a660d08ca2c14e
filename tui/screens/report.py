"""Report: what the trading earned and cost, over a span of days, and how the account went."""

from datetime import date
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from core.i18n import mark, say, say_many
from core.model.command import Done, ExportReport, ReadReport, Reply
from core.model.report import Report
from core.model.snapshot import Snapshot
from tui.actions import bindings_of
from tui.screens.bond import BondDialog
from tui.screens.dialogs import TextDialog
from tui.screens.pane import ListPane
from tui.screens.report_rows import (
    PERIODS,
    SORTINGS,
    VIEWS,
    ReportSorting,
    columns_of,
    first_day,
    key_of,
    rows_of,
    sorted_items,
)
from tui.screens.report_text import card, dates_of, detail, head, nothing, picture, totals
from tui.widgets.chart import Chart
from tui.widgets.theme import Tone, words

_BEATS = 30
# From this size on the picture stands beside every view; below, in the view of the equity alone.
_WIDE, _HIGH = 120, 34


class ReportPane(ListPane):
    """Bonds, orders, stops or days of a span, under their sums and the picture of the equity."""

    HEADS_SORT = False
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("report")

    def __init__(self) -> None:
        super().__init__("report", (), mark("code, name or state"))
        self.chart = Chart(id="report-chart")
        self._period = "month"
        self._view = VIEWS[0]
        self._sorts = dict.fromkeys(VIEWS, 0)
        self._falling = {view: SORTINGS[view][0].falling for view in VIEWS}
        self._report: Report | None = None
        self._items: dict[str, Any] = {}
        self._problem = ""
        self._asked = 0
        self._reading = False
        self._writing = False
        self._beats = 0
        self._day: date | None = None
        self._language = ""

    def compose(self) -> ComposeResult:
        yield self.summary
        yield self.chart
        yield self.search
        yield self.table
        yield self.detail

    def on_mount(self) -> None:
        self.detail.display = False
        self._draw()

    def on_resize(self) -> None:
        self._show_chart()

    def opened(self) -> None:
        self._read()

    def beat(self) -> None:
        self._beats += 1
        if self._beats % _BEATS == 0:
            self._read()

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.language != self._language:
            self._language = snapshot.language
            self._draw()
        if snapshot.trading_day != self._day:
            new_day, self._day = self._day is not None, snapshot.trading_day
            if new_day:
                self._read()

    def why_not(self, action: str) -> str:
        if action == "open" and self.table.cursor_key is None:
            return say("There is no row to look at.")
        if action == "export" and self._report is None:
            return say("There is no report to write yet.")
        if action == "export" and self._writing:
            return say("The report is being written.")
        if action == "shorter" and self._period == PERIODS[0]:
            return say("This is the shortest span already.")
        return say("This is everything already.") if action == "longer" and self._period == PERIODS[-1] else ""

    # -- actions ---------------------------------------------------------------------------------------------------

    def do_view(self) -> None:
        self._view = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        self._draw()

    def do_shorter(self) -> None:
        self._take_period(-1)

    def do_longer(self) -> None:
        self._take_period(1)

    def do_sort(self) -> None:
        self._sorts[self._view] = (self._sorts[self._view] + 1) % len(SORTINGS[self._view])
        self._falling[self._view] = self._sorting.falling
        self._draw()

    def do_reverse(self) -> None:
        self._falling[self._view] = not self._falling[self._view]
        self._draw()

    def do_reload(self) -> None:
        self._read()

    def do_open(self) -> None:
        item = self._items.get(self.table.cursor_key or "")
        found = card(item)
        if found is None:
            return
        code = getattr(item, "code", None)
        self.host.push_screen(BondDialog(self.host, *found, code) if code is not None else TextDialog(*found))

    def do_export(self) -> None:
        self._writing = True
        self.host.refresh_keys()
        self.start(self._export(self._first, self._day), "export")

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def _first(self) -> date | None:
        return None if self._day is None else first_day(self._period, self._day)

    @property
    def _sorting(self) -> ReportSorting:
        return SORTINGS[self._view][self._sorts[self._view]]

    def _take_period(self, step: int) -> None:
        self._period = PERIODS[PERIODS.index(self._period) + step]
        # The old span's figures under the new span's name would be wrong ones.
        self._report = None
        self._draw()
        self._read()

    def _read(self) -> None:
        self._asked += 1
        self._reading = True
        self.start(self._fetch(self._asked, self._first, self._day), "read")

    async def _fetch(self, number: int, first: date | None, last: date | None) -> None:
        reply: Reply[Report] = await self.host.ask(ReadReport(first, last))
        if number != self._asked:
            return
        self._reading = False
        if isinstance(reply, Done):
            self._report, self._problem = reply.value, ""
        else:
            self._problem = reply.text
        self._draw()

    async def _export(self, first: date | None, last: date | None) -> None:
        try:
            reply = await self.host.ask(ExportReport(first, last))
        finally:
            self._writing = False
            self.host.refresh_keys()
        if isinstance(reply, Done):
            written = reply.value
            told = say_many(
                "{count} file was written: {first}",
                "{count} files were written: {first} and those beside it",
                len(written),
                first=written[0] if written else "",
            )
            self.host.tell(told)
        else:
            self.host.tell(say("The report was not written. {reason}", reason=reply.text), failed=True)

    # -- drawing ---------------------------------------------------------------------------------------------------

    def draw_detail(self) -> None:
        self.detail.put(detail(self._items.get(self.table.cursor_key or "")))

    def _draw(self) -> None:
        self.table.set_columns(columns_of(self._view))
        report = self._report
        self._draw_summary(report)
        self.chart.show(None if report is None else picture(report))
        self._show_chart()
        if report is not None:
            found = sorted_items(report, self._view, self._sorting, falling=self._falling[self._view])
            self._items = {key_of(item): item for item in found}
            self.set_rows(rows_of(report, self._view, found), nothing(report, self._view))
        elif self._problem and not self._reading:
            self.unknown(
                say(
                    "The report was not read: {reason} Trading goes on as before; nothing was changed. "
                    "Press r to read it again.",
                    reason=self._problem,
                )
            )
        else:
            self._items = {}
            self.set_rows((), say("Reading the books."))

    def _draw_summary(self, report: Report | None) -> None:
        snapshot = self.host.snapshot
        mode = report.mode if report is not None else snapshot.mode if snapshot is not None else ""
        text = head(mode, self._period, self._view, "" if report is None else dates_of(report))
        if report is not None:
            text.append("\n")
            text.append_text(totals(report, self._sorting, falling=self._falling[self._view]))
            if self._problem:
                old = say("Not read again, so this is old: {reason} Press r.", reason=self._problem)
                text.append_text(words((f"\n{old}", Tone.BAD)))
        self.summary.put(text)

    def _show_chart(self) -> None:
        big = self.size.width >= _WIDE and self.size.height >= _HIGH
        self.chart.display = (big or self._view == "equity") and self._report is not None and bool(self._report.equity)
