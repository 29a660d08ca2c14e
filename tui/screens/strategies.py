"""Strategies: choose one and one of its backtest records, check the list, use the record."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from core.i18n import mark, say
from core.model.backtest import RecordDetail
from core.model.command import Done, ListRecords, ListStrategies, Reply, RunStrategy, ShowDetail, ShowRecord
from core.model.known import Known, Maybe, Unknown
from core.model.platform import Record, Strategy
from core.model.record_card import RecordCard
from core.model.snapshot import Followed, Snapshot
from tui.actions import bindings_of
from tui.screens.dialogs import Question, kept_current
from tui.screens.follow_question import follow_question
from tui.screens.pane import Pane
from tui.screens.strategy_records import (
    SORTINGS,
    STRATEGY_COLUMNS,
    RecordView,
    record_columns,
    record_row,
    sort_records,
    strategy_row,
)
from tui.widgets.paged_list import RECORDS, STRATEGIES, PagedList, Pager, SearchLine
from tui.widgets.table import LiveTable
from tui.widgets.theme import Tone

_PAGE = 20
_SIDE_BY_SIDE, _ALL_BESIDE_A_CARD = 120, 150
"""Columns for the three views; from how many on the strategies stay beside a record that is read."""
_STRATEGIES, _RECORDS, _RECORD = range(3)


class StrategiesPane(Pane):
    """Three views from left to right; a narrow screen shows the one that has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("strategies")

    def __init__(self) -> None:
        super().__init__("strategies")
        self._list = PagedList("strategy-list", STRATEGIES, STRATEGY_COLUMNS, mark("name"))
        self._record_list = PagedList("record-list", RECORDS, record_columns(None), mark("number, date or figure"))
        self._record_view = RecordView()
        self._views: tuple[Widget, ...] = (self._list, self._record_list, self._record_view)
        self._stage = _STRATEGIES
        self._strategies: dict[str, Strategy] = {}
        self._strategy: Strategy | None = None
        self._records: tuple[Record, ...] = ()
        self._record: Record | None = None
        self._card: RecordCard | None = None
        self._detail: Maybe[RecordDetail] | None = None
        self._sorting: int | None = None
        self._using = False
        self._followed: Followed | None = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="strategy-views"):
            yield from self._views

    def on_mount(self) -> None:
        self._list.set_title(say("Strategies"), say("* in use"))
        self._clear_records()
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    @on(events.DescendantFocus)
    def _focus_moved(self, event: events.DescendantFocus) -> None:
        for stage, view in enumerate(self._views):
            if view is event.widget or view in event.widget.ancestors:
                self._stage = stage
        self.host.refresh_keys()

    def focus_target(self) -> Widget:
        return (self._list.table, self._record_list.table, self._record_view)[self._stage]

    def activated(self) -> None:
        if not self._list.loaded:
            self._load_strategies(1)

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.followed != self._followed:
            self._followed = snapshot.followed
            self._update_strategies()
            self._update_records()
        self._show_card()

    def tick(self) -> None:
        self._list.tick()
        self._record_list.tick()

    def why_not(self, action: str) -> str:
        on_record = self._stage == _RECORD
        if action in ("next_page", "previous_page", "search", "open", "sort") and on_record:
            return say("Go back to the list first: press esc.")
        if action == "sort" and self._stage != _RECORDS:
            return say("Records can be sorted: open a strategy first.")
        if action == "next_page" and self._paged().page_after(1) is None:
            return say("This is the last page.")
        if action == "previous_page" and self._paged().page_after(-1) is None:
            return say("This is the first page.")
        if action == "use":
            return self._why_not_use()
        if action == "open" and self._paged().table.cursor_key is None:
            return say("There is nothing to open here.")
        return ""

    def _why_not_use(self) -> str:
        if self._using:
            return say("A record is being taken into use.")
        if self._stage == _STRATEGIES or self._strategy is None or self._selected_record() is None:
            return say("Open a strategy and choose a record first.")
        return ""

    def action_open(self) -> None:
        if self._stage == _STRATEGIES:
            self._strategy = self._strategies.get(self._list.table.cursor_key or "")
            self._sorting = None
            self._clear_records()
            self._focus_view(_RECORDS)
            self._load_records(1)
        elif self._stage == _RECORDS:
            record = self._selected_record()
            if record is not None:
                self._focus_view(_RECORD)
                self._load_record(record)

    def action_back(self) -> None:
        if self._stage != _RECORD and self._paged().search.close():
            self._paged().table.focus()
        elif self._stage > _STRATEGIES:
            self._focus_view(self._stage - 1)

    def action_search(self) -> None:
        self._paged().search.open()

    def action_next_page(self) -> None:
        self._load_page(1)

    def action_previous_page(self) -> None:
        self._load_page(-1)

    def action_sort(self) -> None:
        self._sorting = 0 if self._sorting is None else (self._sorting + 1) % len(SORTINGS)
        self._update_records()

    def action_reload(self) -> None:
        if self._stage == _STRATEGIES:
            self._load_strategies(self._list.page)
        elif self._stage == _RECORDS:
            self._load_records(self._record_list.page)
        elif self._record is not None:
            self._load_record(self._record)

    def action_use(self) -> None:
        strategy, record = self._strategy, self._selected_record()
        if strategy is not None and record is not None:
            self._using = True
            self.start(self._use(strategy, record), "use")

    @on(Pager.PageRequested)
    def _page_requested(self, message: Pager.PageRequested) -> None:
        self._load_page(message.step)

    @on(SearchLine.Changed, "#strategy-list-search")
    def _search_strategies(self) -> None:
        self._load_strategies(1)

    @on(SearchLine.Changed, "#record-list-search")
    def _filter_records(self) -> None:
        self._update_records()

    @on(SearchLine.Entered)
    def _search_done(self) -> None:
        self._paged().table.focus()

    def _paged(self) -> PagedList:
        return self._list if self._stage == _STRATEGIES else self._record_list

    def _selected_record(self) -> Record | None:
        if self._stage == _RECORD:
            return self._record
        key = self._record_list.table.cursor_key
        return next((record for record in self._records if str(record.id) == key), None)

    def _focus_view(self, stage: int) -> None:
        self._stage = stage
        self._arrange()
        self.focus_target().focus()
        self.host.refresh_keys()

    def _arrange(self) -> None:
        width = self.app.size.width
        side_by_side, reading = width >= _SIDE_BY_SIDE, self._stage == _RECORD
        for stage, view in enumerate(self._views):
            view.display = side_by_side or stage == self._stage
        if reading and width < _ALL_BESIDE_A_CARD:
            self._list.display = False
        self.query_one("#strategy-views").set_class(reading, "-reading")

    def _load_page(self, step: int) -> None:
        page = self._paged().page_after(step)
        if page is not None and self._stage == _STRATEGIES:
            self._load_strategies(page)
        elif page is not None:
            self._load_records(page)

    def _clear_records(self) -> None:
        self._records, self._record, self._card = (), None, None
        self._record_list.search.close()
        self._record_list.show_empty(say("Open a strategy with enter to see its backtest records."))
        self._record_list.set_title(self._strategy.name if self._strategy else say("Records"))
        self._record_view.show_text(say("Open a record with enter to see its parameters and today's list."))

    def _load_strategies(self, page: int) -> None:
        self._list.show_loading()
        self.start(self._fetch_strategies(page), "strategies")

    async def _fetch_strategies(self, page: int) -> None:
        reply = await self.host.ask(ListStrategies(page, _PAGE, self._list.search.text))
        if isinstance(reply, Done):
            self._strategies = {str(strategy.id): strategy for strategy in reply.value.items}
            self._list.page_loaded(reply.value)
            self._update_strategies()
        else:
            self._strategies = {}
            self._list.show_failure(reply.text)
            self._update_description()
        self.host.refresh_keys()

    def _update_strategies(self) -> None:
        if self._list.loaded:
            text = self._list.search.text
            empty = (
                say("No strategy name contains '{text}'. Press esc to show all.", text=text)
                if text
                else (say("You have no strategies on Factor Cat yet: make one on its website, then press r."))
            )
            self._list.set_rows([strategy_row(each, self._followed) for each in self._strategies.values()], empty)
        self._update_description()

    @on(LiveTable.RowHighlighted, "#strategy-list-table")
    def _update_description(self) -> None:
        strategy = self._strategies.get(self._list.table.cursor_key or "")
        self._list.show_detail(strategy.name if strategy else "", strategy.description if strategy else "")

    def _load_records(self, page: int) -> None:
        if self._strategy is not None:
            self._record_list.show_loading()
            self.start(self._fetch_records(self._strategy, page), "records")

    async def _fetch_records(self, strategy: Strategy, page: int) -> None:
        reply = await self.host.ask(ListRecords(strategy.id, page, _PAGE))
        if strategy is not self._strategy:
            return
        if isinstance(reply, Done):
            self._records = reply.value.items
            self._record_list.page_loaded(reply.value)
            self._update_records()
        else:
            self._records = ()
            self._record_list.show_failure(reply.text)
        self.host.refresh_keys()

    def _update_records(self) -> None:
        if self._strategy is None or not self._record_list.loaded:
            return
        sorting = None if self._sorting is None else SORTINGS[self._sorting]
        note = "" if sorting is None else say("this page by {label}", label=say(sorting.label))
        self._record_list.set_title(self._strategy.name, note)
        ordered = sort_records(self._records, sorting)
        rows = [record_row(record, self._strategy.id, self._followed) for record in ordered]
        text = self._record_list.search.text
        kept = [row for row in rows if row.holds(text)] if text else rows
        empty = (
            say("No record on this page contains this text. Press esc to show all.")
            if rows
            else (say("This strategy has no backtest record yet: run one on Factor Cat, then press r."))
        )
        self._record_list.table.set_columns(record_columns(sorting))
        self._record_list.set_rows(kept, empty)

    def _load_record(self, record: Record) -> None:
        self._record, self._card, self._detail = record, None, None
        self._record_view.show_text(say("Loading record {number}", number=record.id))
        if self._strategy is not None:
            self.start(self._fetch_record(self._strategy, record), "card")
            self.start(self._fetch_detail(self._strategy, record), "detail")

    async def _fetch_record(self, strategy: Strategy, record: Record) -> None:
        reply = await self.host.ask(ShowRecord(strategy.id, record.id))
        if record is not self._record:
            return
        if isinstance(reply, Done):
            self._card = reply.value
            self._show_card()
            self._record_view.scroll_home(animate=False)
        else:
            self._record_view.show_text(
                say("The record was not loaded: {reason}", reason=reply.text) + "\n\n" + say("Press r to try again."),
                Tone.BAD,
            )

    async def _fetch_detail(self, strategy: Strategy, record: Record) -> None:
        """Beside the card, which must not wait for it."""
        reply = await self.host.ask(ShowDetail(strategy.id, record.id, record.units))
        if record is self._record:
            self._detail = Known(reply.value) if isinstance(reply, Done) else Unknown(reply.text)
            self._show_card()

    def _show_card(self) -> None:
        if self._strategy is not None and self._record is not None and self._card is not None:
            now = self.host.snapshot.at if self.host.snapshot else None
            self._record_view.show_record(self._strategy, self._record, self._card, self._detail, now)

    async def _use(self, strategy: Strategy, record: Record) -> None:
        try:
            card = await self.host.ask(ShowRecord(strategy.id, record.id))
            refused = _why_unusable(card)
            if not isinstance(card, Done) or refused:
                self.host.show_message(
                    say("Record {id} cannot be used: {text}", id=record.id, text=refused), failed=True
                )
                return
            answer = await self._answer(strategy, record, card.value)
            if not answer:
                return
            proposal = card.value.proposal
            schedule = proposal.schedule if proposal is not None and answer != "k" else None
            reply = await self.host.ask(RunStrategy(strategy.id, record.id, strategy.name, schedule))
        finally:
            self._using = False
        if isinstance(reply, Done):
            self.host.show_message(
                say("{name}, record {id}, is in use. Press 3 and r to make a plan.", name=strategy.name, id=record.id)
            )
        else:
            self.host.show_message(say("The strategy was not changed: {text}", text=reply.text), failed=True)

    async def _answer(self, strategy: Strategy, record: Record, card: RecordCard) -> bool | str:
        """Empty or False for no; "k" for the record without its schedule."""
        question: Callable[[Snapshot], Question[Any]] = partial(follow_question, strategy, record, card)
        snapshot = self.host.snapshot
        return snapshot is not None and await self.host.push_screen_wait(kept_current(question, snapshot))


def _why_unusable(card: Reply[RecordCard]) -> str:
    """Why a record cannot be followed: without its parameters its stops would not be known."""
    if not isinstance(card, Done):
        return card.text
    return card.value.parameters.reason if isinstance(card.value.parameters, Unknown) else ""
