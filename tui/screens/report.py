"""Report: what the trading earned and cost in a period, and the account's equity."""

from datetime import date
from functools import partial
from typing import Any, ClassVar

from textual.binding import BindingType

from core.i18n import mark, say, say_many
from core.model.command import Done, ExportReport, ReadBenchmark, ReadEquity, ReadReport, Reply
from core.model.report import Report
from core.model.series import Benchmark, EquityDay
from core.model.snapshot import Snapshot
from tui.actions import bindings_of
from tui.screens.bond import BondDialog
from tui.screens.charted_list import ChartedListPane
from tui.screens.dialogs import TextDialog, kept_current
from tui.screens.line_charts import of_days, report_chart
from tui.screens.report_rows import (
    COLUMNS,
    PERIODS,
    SORTINGS,
    VIEWS,
    ReportSorting,
    first_day,
    key_of,
    rows_of,
    sorted_items,
)
from tui.screens.report_text import dates_of, detail_text, empty_text, equity_heading, row_details, summary_line, totals
from tui.widgets.chart import LineChart
from tui.widgets.chart_data import ChartData
from tui.widgets.theme import Tone, styled

_TICKS = 30
# From this size on every view has the chart though the rows scroll, below it only the equity view.
_WIDE, _HIGH = 120, 34
_LEAST, _SHARE = 11, 0.45
"""Lines of that chart, and its share of the screen."""


class ReportPane(ChartedListPane):
    """Bonds, orders, stops or days of a period, between their sums and the equity chart."""

    HEADS_SORT = False
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("report")

    def __init__(self) -> None:
        chart = LineChart(id="report-chart")
        super().__init__("report", mark("Report"), (), mark("code, name or state"), chart)
        self._period = "month"
        self._view = VIEWS[0]
        self._sort_places = dict.fromkeys(VIEWS, 0)
        self._descending = {view: SORTINGS[view][0].descending for view in VIEWS}
        self._report: Report | None = None
        self._items: dict[str, Any] = {}
        self._problem = ""
        self._benchmark: Benchmark | None = None
        self._compared: tuple[date | None, date | None, int] | None = None
        self._today: EquityDay | None = None
        self._request = 0
        self._reading = False
        self._writing = False
        self._ticks = 0
        self._day: date | None = None

    def on_mount(self) -> None:
        self.detail.display = False
        self._refresh_report()

    def activated(self) -> None:
        self._read()

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks % _TICKS == 0:
            self._read()

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.trading_day != self._day:
            new_day, self._day = self._day is not None, snapshot.trading_day
            if new_day:
                self._read()

    def refresh_all(self) -> None:
        super().refresh_all()
        self._refresh_report()

    def why_not(self, action: str) -> str:
        if action == "open" and self.table.cursor_key is None:
            return say("No row to show.")
        if action == "export" and self._report is None:
            return say("There is no report to write yet.")
        if action == "export" and self._writing:
            return say("The report is being written.")
        if action == "shorter" and self._period == PERIODS[0]:
            return say("This is the shortest period already.")
        return say("This is the longest period already.") if action == "longer" and self._period == PERIODS[-1] else ""

    # -- actions ---------------------------------------------------------------------------------------------------

    def action_view(self) -> None:
        self._view = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        self._refresh_report()

    def action_shorter(self) -> None:
        self._take_period(-1)

    def action_longer(self) -> None:
        self._take_period(1)

    def action_sort(self) -> None:
        self._sort_places[self._view] = (self._sort_places[self._view] + 1) % len(SORTINGS[self._view])
        self._descending[self._view] = self._sorting.descending
        self._refresh_report()

    def action_reverse(self) -> None:
        self._descending[self._view] = not self._descending[self._view]
        self._refresh_report()

    def action_reload(self) -> None:
        self._read()

    def action_open(self) -> None:
        key, snapshot = self.table.cursor_key or "", self.host.snapshot
        if row_details(self._items.get(key)) is not None and snapshot is not None:
            self.host.push_screen(kept_current(partial(self._card, key, self._items[key]), snapshot))

    def _card(self, key: str, item: Any, _: Snapshot) -> TextDialog:  # noqa: ANN401  (a row of any of the tables)
        """What is known of a row, as the report has it by now."""
        title, text = row_details(self._items.get(key, item)) or ("", "")
        code = getattr(item, "code", None)
        return TextDialog(title, text) if code is None else BondDialog(self.host, title, text, code)

    def action_export(self) -> None:
        self._writing = True
        self.host.refresh_keys()
        self.start(partial(self._export, self._first, self._day), "export")

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def _first(self) -> date | None:
        return None if self._day is None else first_day(self._period, self._day)

    @property
    def _sorting(self) -> ReportSorting:
        return SORTINGS[self._view][self._sort_places[self._view]]

    def _take_period(self, step: int) -> None:
        self._period = PERIODS[PERIODS.index(self._period) + step]
        # The figures of the old period must not stand under the new one's name.
        self._report = self._benchmark = self._compared = None
        self._refresh_report()
        self._read()

    def _read(self) -> None:
        self._request += 1
        self._reading = True
        self.start(partial(self._fetch, self._request, self._first, self._day), "read")

    async def _fetch(self, number: int, first: date | None, last: date | None) -> None:
        reply: Reply[Report] = await self.host.ask(ReadReport(first, last))
        if number != self._request:
            return
        self._reading = False
        if isinstance(reply, Done):
            self._report, self._problem = reply.value, ""
            self._compare(reply.value)
        else:
            self._problem = reply.text
        self._refresh_report()

    def _compare(self, report: Report) -> None:
        """Ask for what is drawn beside the report: today in detail while there is only one day, else the benchmark.

        That once for each span and number of points: it may ask a site. The report does without either.
        """
        if not of_days(report):
            self.start(partial(self._fetch_today, report.first), "today")
        elif (wanted := (report.first, report.last, len(report.equity))) != self._compared:
            self._compared = wanted
            self.start(partial(self._fetch_benchmark, *wanted), "benchmark")

    async def _fetch_today(self, first: date | None) -> None:
        reply = await self.host.ask(ReadEquity(first))
        self._today = reply.value.day if isinstance(reply, Done) else None
        self._refresh_report()

    async def _fetch_benchmark(self, first: date | None, last: date | None, points: int) -> None:
        reply = await self.host.ask(ReadBenchmark(first, last))
        if (first, last, points) == self._compared:
            self._benchmark = reply.value if isinstance(reply, Done) else None
            self._refresh_report()

    async def _export(self, first: date | None, last: date | None) -> None:
        try:
            reply = await self.host.ask(ExportReport(first, last))
        finally:
            self._writing = False
            self.host.refresh_keys()
        if isinstance(reply, Done):
            written = reply.value
            text = say_many(
                "{count} file was written: {first}",
                "{count} files were written: {first} and those beside it",
                len(written),
                first=written[0] if written else "",
            )
            self.host.show_message(text)
        else:
            self.host.show_message(say("The report could not be written. {reason}", reason=reply.text), failed=True)

    # -- drawing ---------------------------------------------------------------------------------------------------

    def update_detail(self) -> None:
        item = self._items.get(self.table.cursor_key or "")
        details = row_details(item) if self.beside else None
        self.detail.set_text(detail_text(item) if details is None else details[1])

    def _refresh_report(self) -> None:
        self.table.set_columns(COLUMNS[self._view])
        report = self._report
        self._update_summary(report)
        self.chart.show(None if report is None else self._chart_of(report))
        if report is not None:
            found = sorted_items(report, self._view, self._sorting, descending=self._descending[self._view])
            self._items = {key_of(item): item for item in found}
            self.set_rows(rows_of(report, self._view, found), empty_text(report, self._view))
        elif self._problem and not self._reading:
            self.show_unknown(
                say(
                    "The report could not be loaded: {reason} Trading is not affected. Press r to try again.",
                    reason=self._problem,
                )
            )
        else:
            self._items = {}
            self.set_rows((), say("Loading the report."))

    def _update_summary(self, report: Report | None) -> None:
        snapshot = self.host.snapshot
        mode = report.mode if report is not None else snapshot.mode if snapshot is not None else ""
        text = summary_line(mode, self._period, self._view, "" if report is None else dates_of(report))
        if report is not None:
            text.append("\n")
            text.append_text(totals(report, self._sorting, descending=self._descending[self._view]))
            if self._problem:
                old = say("Not updated, so these figures are old: {reason} Press r.", reason=self._problem)
                text.append_text(styled((f"\n{old}", Tone.BAD)))
        self.summary.set_text(text)

    def _chart_of(self, report: Report) -> ChartData | None:
        if not report.equity:
            return None
        heading = equity_heading(report)
        note = "" if self._benchmark is None else self._benchmark.note
        if note:
            heading.append_text(styled((f"\n{note}", Tone.DIM)))
        return report_chart(report, heading, self._benchmark, self._today)

    def chart_lines(self, free: int) -> int:
        if self._report is None or not self._report.equity:
            return 0
        big = self.size.width >= _WIDE and self.size.height >= _HIGH
        return max(free, _LEAST, int(self.size.height * _SHARE)) if big or self._view == "equity" else free
