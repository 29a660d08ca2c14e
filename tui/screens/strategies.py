"""Strategies: the list, the records of the one under the cursor, and the card of the record under the cursor."""

from collections.abc import Coroutine
from functools import partial
from typing import Any, ClassVar, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from core.i18n import language, mark, say
from core.model.command import Command, Reply
from core.model.platform import Record, Strategy
from core.model.snapshot import Followed, Snapshot
from tui.actions import bindings_of
from tui.screens.follow_question import follow_record
from tui.screens.pane import Pane
from tui.screens.record_comparison import comparison
from tui.screens.record_view import RecordView
from tui.screens.strategy_data import StrategyData, pages_wanted, progress
from tui.screens.strategy_rows import RECORD_COLUMNS, STRATEGY_COLUMNS, record_row, strategy_row
from tui.screens.todays_list import TodaysBonds
from tui.widgets.columns import Sorting, TableRow, sorted_next
from tui.widgets.paged_list import RECORDS, STRATEGIES, PagedList, SearchLine
from tui.widgets.table import LiveTable

T = TypeVar("T")
N = TypeVar("N", Strategy, Record)

MOST_MARKED = 4
_TWO, _THREE = 110, 160
"""Cells from which on two and three of the views stand side by side."""

_STRATEGIES, _RECORDS, _CARD = range(3)

RecordKey = tuple[int, int]
"""A strategy's id and a record's."""


class StrategiesPane(Pane):
    """Three views from left to right, each of what is under the cursor of the one before.

    The record under the cursor is the one on the card and the one that is used. A narrow screen shows the view with the
    focus, a wide one also the next, a wider one all three.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("strategies")

    def __init__(self) -> None:
        super().__init__("strategies")
        self._list = PagedList("strategy-list", mark("Strategies"), STRATEGIES, STRATEGY_COLUMNS, mark("name"))
        self._record_list = PagedList("record-list", mark("Records"), RECORDS, RECORD_COLUMNS, mark("number or figure"))
        self._record_view = RecordView()
        self._views: tuple[Widget, ...] = (self._list, self._record_list, self._record_view)
        self._stage = _STRATEGIES
        self._data = StrategyData(self, self._strategies_came, self._records_came, self._show_records, self._card_came)
        self._shown_strategy: int | None = None
        self._made: dict[RecordKey, tuple[tuple[Any, ...], TableRow]] = {}
        self._marked: dict[RecordKey, tuple[Strategy, Record]] = {}
        self._comparing = False
        self._using = False
        self._opened = False
        self._followed: Followed | None = None
        self._user: str | None = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="strategy-views"):
            yield from self._views

    def on_mount(self) -> None:
        self._show_strategies()
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    @on(events.DescendantFocus)
    def _focus_moved(self, event: events.DescendantFocus) -> None:
        before = self._stage
        for stage, view in enumerate(self._views):
            if view is event.widget or view in event.widget.ancestors:
                self._stage = stage
        if self._stage != before:
            self._arrange()
            self._want_records()
        self.host.refresh_keys()

    def focus_target(self) -> Widget:
        return (self._list.table, self._record_list.table, self._record_view)[self._stage]

    def activated(self) -> None:
        self._data.forget_failures()
        self._follow_cursor(at_once=True)

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.platform_user and snapshot.platform_user != self._user:
            self._user = snapshot.platform_user
            self._ask_anew()
        if snapshot.followed != self._followed:
            self._followed = snapshot.followed
            self._show_strategies()
        self._show_card()

    def refresh_all(self) -> None:
        super().refresh_all()
        self._ask_anew()  # the engine's sentences are in the language of before

    def _ask_anew(self) -> None:
        """Another user has other strategies."""
        self._data.forget()
        self._marked.clear()
        self._comparing = False
        self._show_strategies()
        self._follow_cursor(at_once=True)

    def tick(self) -> None:
        self._show_strategies()

    # -- what is under the cursors -----------------------------------------------------------------------------------

    @property
    def strategy(self) -> Strategy | None:
        """The strategy under the cursor, whose records are in the second view."""
        return _with_id(self._data.strategies().items, self._list.table.cursor_key)

    @property
    def record(self) -> Record | None:
        """The record under the cursor: it is on the card, and it is the one that is used."""
        return _with_id(self._data.records(self._shown_strategy).items, self._record_list.table.cursor_key)

    def _paged(self) -> PagedList | TodaysBonds:
        """The list of the view with the focus."""
        return (self._list, self._record_list, self._record_view.todays_list)[self._stage]

    # -- keys --------------------------------------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        if self._stage == _CARD and (reason := self._record_view.why_not(action)):
            return reason
        if action == "reverse" and self._paged().sorting is None:
            return say("The rows are not sorted: press o.")
        if action == "more":
            at = self._data.strategies() if self._stage == _STRATEGIES else self._data.records(self._shown_strategy)
            return say("All of it is loaded.") if at.whole or not (at.pages or at.failure) else ""
        if action == "open" and self._paged().table.cursor_key is None:
            return say("There is nothing to open here.")
        if action == "mark":
            return self._why_not_mark()
        if action == "compare" and len(self._marked) < 2:
            return say("Mark two to four records with space first.")
        return self._why_not_use() if action == "use" else ""

    def _why_not_mark(self) -> str:
        if self._stage == _STRATEGIES or self.record is None or self.strategy is None:
            return say("Open a strategy and choose a record first.")
        if len(self._marked) >= MOST_MARKED and (self.strategy.id, self.record.id) not in self._marked:
            return say("Four records are marked, which is the most. Press space on one of them to release it.")
        return ""

    def _why_not_use(self) -> str:
        if self._using:
            return say("A record is being taken into use.")
        if self._stage == _STRATEGIES or self.strategy is None or self.record is None:
            return say("Open a strategy and choose a record first.")
        if not self._record_list.display and self._comparing:
            return say("The screen shows several records: press esc and choose one.")
        return ""

    def action_open(self) -> None:
        if self._stage == _STRATEGIES:
            self._go_to(_RECORDS)
        elif self._stage == _RECORDS:
            self._go_to(_CARD)
        else:
            self._record_view.todays_list.open_bond(self.host)
        self._follow_cursor(at_once=True)

    def action_back(self) -> None:
        if self._stage == _CARD and self._record_view.action_back():
            return
        if self._stage != _CARD and self._paged().search.close():
            self._paged().table.focus()
        elif self._comparing and self._stage != _STRATEGIES:
            self.action_compare()
            if not self._record_list.display:
                self._go_to(_RECORDS)
        elif self._stage > _STRATEGIES:
            self._go_to(self._stage - 1)

    def action_search(self) -> None:
        self._paged().search.open()

    def action_more(self) -> None:
        self._data.forget_failures()
        if self._stage == _STRATEGIES:
            self._want_strategies(more=True, at_once=True)
        else:
            self._want_records(more=True, at_once=True)

    def action_sort(self) -> None:
        """By the next column that is shown."""
        paged = self._paged()
        self._sort_by(paged, sorted_next(paged.sorting, paged.table.column_layout))

    def action_reverse(self) -> None:
        if (sorting := self._paged().sorting) is not None:
            self._sort_by(self._paged(), Sorting(sorting.column, not sorting.descending))

    def action_reload(self) -> None:
        """Ask anew for what has the focus, and for what depends on it."""
        if self._stage == _STRATEGIES:
            self._data.forget_strategies()
        if (strategy := self._shown_strategy) is not None:
            if self._stage <= _RECORDS:
                self._data.forget_records(strategy)
            self._data.forget_cards(strategy)
        self._show_strategies()
        self._follow_cursor(at_once=True)

    def action_mark(self) -> None:
        strategy, record = self.strategy, self.record
        if strategy is None or record is None:
            return
        key = (strategy.id, record.id)
        if key in self._marked:
            del self._marked[key]
        else:
            self._marked[key] = (strategy, record)
        self._comparing = self._comparing and len(self._marked) > 1
        self._show_records()
        self._want_card(at_once=True)
        self.host.refresh_keys()

    def action_compare(self) -> None:
        self._comparing = not self._comparing
        if self._comparing and not self._record_view.display:
            self._go_to(_CARD)
        self._want_card(at_once=True)
        self._show_card()
        self.host.refresh_keys()

    def action_use(self) -> None:
        strategy, record = self.strategy, self.record
        if strategy is not None and record is not None:
            self._using = True
            self.start(partial(self._use, strategy, record), "use")

    async def _use(self, strategy: Strategy, record: Record) -> None:
        def still_chosen() -> bool:
            return (strategy, record) == (self.strategy, self.record)

        try:
            await follow_record(self.host, strategy, record, still_chosen)
        finally:
            self._using = False

    # -- mouse, cursor and search lines ------------------------------------------------------------------------------

    @on(LiveTable.RowHighlighted, "#strategy-list-table")
    @on(LiveTable.RowHighlighted, "#record-list-table")
    def _cursor_moved(self, message: LiveTable.RowHighlighted) -> None:
        if message.table is self._list.table:
            self._show_strategies()
        else:
            self._show_card()
        self._want_strategies()
        self._want_records()
        self._want_card()
        self.host.refresh_keys()

    @on(LiveTable.HeaderSelected)
    def _head_clicked(self, message: LiveTable.HeaderSelected) -> None:
        lists = (self._list, self._record_list, self._record_view.todays_list)
        paged = next(each for each in lists if each.table is message.table)
        sorting = paged.sorting
        if sorting is not None and sorting.column == message.column:
            self._sort_by(paged, Sorting(sorting.column, not sorting.descending))
        else:
            column = next(slot.column for slot in paged.table.column_layout.slots if slot.index == message.column)
            self._sort_by(paged, Sorting(message.column, column.right))

    @on(SearchLine.Changed)
    def _filter(self) -> None:
        self._show_strategies()
        self._want_strategies()
        self._want_records()

    @on(SearchLine.Entered)
    def _search_done(self) -> None:
        self._paged().table.focus()

    def _sort_by(self, paged: PagedList | TodaysBonds, sorting: Sorting | None) -> None:
        paged.sort_by(sorting)
        self._show_strategies()
        self._want_strategies()
        self._want_records()
        self.host.refresh_keys()

    def _go_to(self, stage: int) -> None:
        if self.screen.maximized is not self._views[stage]:
            self.screen.minimize()
        self._stage = stage
        self._arrange()
        self.focus_target().focus()
        self.host.refresh_keys()

    def _arrange(self) -> None:
        width = self.app.size.width
        count = 3 if width >= _THREE else 2 if width >= _TWO else 1
        first = min(self._stage, 3 - count)
        for stage, view in enumerate(self._views):
            view.display = first <= stage < first + count
        views = self.query_one("#strategy-views")
        for number in (1, 2, 3):
            views.set_class(number == count, f"-show-{number}")
        self._show_card()
        self.call_after_refresh(self._want_rules)  # of the rows that are in sight then

    # -- asking ------------------------------------------------------------------------------------------------------

    def ask_engine(self, command: Command[T]) -> Coroutine[Any, Any, Reply[T]]:
        return self.host.ask(command)

    def _follow_cursor(self, *, at_once: bool = False) -> None:
        """Show what is known of the rows under the cursors, and ask for the rest."""
        self._show_records()
        self._want_strategies(at_once=at_once)
        self._want_records(at_once=at_once)
        self._want_card(at_once=at_once)

    def _want_strategies(self, *, more: bool = False, at_once: bool = False) -> None:
        pages = pages_wanted(self._data.strategies(), self._list, more=more)
        self._data.want_strategies(pages, at_once=at_once)

    def _want_records(self, *, more: bool = False, at_once: bool = False) -> None:
        shown, focused = self._shown_strategy, self._stage != _STRATEGIES
        pages = pages_wanted(self._data.records(shown), self._record_list, more=more) if focused else 1
        self._data.want_records(shown, pages, at_once=at_once)

    def _want_card(self, *, at_once: bool = False) -> None:
        strategy, record = self.strategy, self.record
        chosen = [] if strategy is None or record is None else [(strategy.id, record)]
        marked = [(strategy.id, record) for strategy, record in self._marked.values()] if self._comparing else []
        self._data.want_cards(chosen + marked, at_once=at_once)
        self._data.want_details(marked + chosen, at_once=at_once)
        self._want_rules()

    def _want_rules(self) -> None:
        """Of the records in sight: their rules are columns, and the platform's list does not tell them."""
        strategy, table = self.strategy, self._record_list.table
        if strategy is None or self._stage == _STRATEGIES:
            self._data.want_rules(0, ())
            return
        keys = [key for key in table.keys_in_sight if key != table.cursor_key]  # that one's card is asked for
        records = {str(record.id): record for record in self._data.records(strategy.id).items}
        self._data.want_rules(strategy.id, [records[key] for key in keys if key in records])

    def _strategies_came(self) -> None:
        self._show_strategies()
        self._want_strategies()
        self.host.refresh_keys()

    def _records_came(self) -> None:
        self._show_records()
        self._want_records()
        self._want_card()
        self.host.refresh_keys()

    def _card_came(self) -> None:
        self._show_card()
        self.host.refresh_keys()

    # -- showing -----------------------------------------------------------------------------------------------------

    def _show_strategies(self) -> None:
        at = self._data.strategies()
        rows = [strategy_row(strategy, self._followed) for strategy in at.items]
        empty = say("You have no strategies on Factor Cat yet: make one on its website, then press r.")
        self._list.show_rows(rows, progress(at, self._data.strategies_waited(at.pages + 1)), empty)
        if at.pages and not self._opened:
            self._opened = True
            if self._followed is not None:
                self._list.table.select(str(self._followed.strategy_id))
        self._list.tell_about({str(strategy.id): strategy.description for strategy in at.items})
        self._show_records()

    def _show_records(self) -> None:
        strategy = self.strategy
        changed = (strategy.id if strategy else None) != self._shown_strategy
        if changed:
            self._shown_strategy = strategy.id if strategy else None
            self._record_list.search.close()
            self._record_list.show_nothing("")
            self._made.clear()
        self._record_list.set_title(strategy.name if strategy else say("Records"))
        if strategy is None:
            self._record_list.show_nothing(say("Choose a strategy to see its backtest records."))
        else:
            at = self._data.records(self._shown_strategy)
            rows = [self._row(strategy, record) for record in at.items]
            empty = say("This strategy has no backtest record yet: run one on Factor Cat, then press r.")
            waited = self._data.records_waited(strategy.id, at.pages + 1)
            first = bool(rows) and not self._record_list.table.rows
            self._record_list.show_rows(rows, progress(at, waited), empty)
            if first and self._followed is not None and self._followed.strategy_id == strategy.id:
                self._record_list.table.select(str(self._followed.history_id))
        if changed:
            self._want_records()
        self._show_card()

    def _row(self, strategy: Strategy, record: Record) -> TableRow:
        key = (strategy.id, record.id)
        used = self._followed is not None and key == (self._followed.strategy_id, self._followed.history_id)
        place = list(self._marked).index(key) + 1 if key in self._marked else None
        made_of = (record, self._data.rule(strategy.id, record), used, place, language())
        kept = self._made.get(key)
        if kept is None or kept[0] != made_of:
            kept = self._made[key] = (made_of, record_row(*made_of[:4]))
        return kept[1]

    def _show_card(self) -> None:
        """Only where it is on the screen: parts that come and go have all of it laid out anew."""
        if not self._record_view.display:
            return
        if self._comparing:
            self._record_view.show_comparison(
                comparison([self._data.compared(*each) for each in self._marked.values()])
            )
            return
        strategy, record = self.strategy, self.record
        if strategy is None or record is None:
            at = self._data.strategies() if strategy is None else self._data.records(strategy.id)
            text = say("Choose a record to see its curve, its rule and today's list.")
            self._record_view.show_text(text, waiting=not at.pages and not at.failure)
            return
        now = self.host.snapshot.at if self.host.snapshot else None
        card, detail = self._data.card(strategy.id, record), self._data.detail(strategy.id, record)
        self._record_view.show_record(strategy, record, card, detail, now)


def _with_id(items: tuple[N, ...], key: str | None) -> N | None:
    return next((item for item in items if str(item.id) == key), None)
