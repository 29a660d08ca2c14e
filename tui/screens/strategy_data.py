"""What the Strategies screen has loaded of the platform, and what of it is asked for."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from core.model.backtest import RecordDetail
from core.model.command import Done, ListRecords, ListStrategies, ReadRule, Reply, ShowDetail, ShowRecord
from core.model.known import Known, Maybe, Unknown
from core.model.platform import Page, Record, RecordRule, Strategy
from core.model.record_card import RecordCard
from tui.screens.record_comparison import Compared
from tui.screens.requests import Loaded, Owner, RequestLane, loaded
from tui.widgets.paged_list import PagedList, Progress

T = TypeVar("T")

_PAGE = 20
_MOST_PAGES = 25
"""Pages that are loaded unasked, to sort and filter all of a list."""

_NEAR_THE_END = 5
"""Rows from the last one on which the next page is asked for."""

_FRESH = 300.0
"""Seconds until a card is asked for again when the cursor comes back to its record."""

_NOTHING: Loaded[Record] = Loaded((), 0, 0, 0)


class StrategyData:
    """Strategies, records, cards and details: each loaded once, the newest wish first.

    `strategies_came`, `records_came`, `card_came` and `detail_came` are called when something new is there.
    """

    def __init__(
        self,
        owner: Owner,
        strategies_came: Callable[[], None],
        records_came: Callable[[], None],
        card_came: Callable[[], None],
        detail_came: Callable[[], None],
    ) -> None:
        self._strategies: RequestLane[Page[Strategy]] = RequestLane(
            owner, "strategies", strategies_came, fresh=float("inf"), most=1000
        )
        self._records: RequestLane[Page[Record]] = RequestLane(
            owner, "records", records_came, fresh=float("inf"), most=1000
        )
        self._cards: RequestLane[RecordCard] = RequestLane(owner, "card", card_came, fresh=_FRESH, most=200)
        self._rules: RequestLane[RecordRule] = RequestLane(owner, "rules", card_came, fresh=float("inf"), most=1000)
        self._details: RequestLane[RecordDetail] = RequestLane(owner, "detail", detail_came, fresh=_FRESH, most=60)

    @property
    def _lanes(self) -> tuple[RequestLane[Any], ...]:
        return self._strategies, self._records, self._cards, self._rules, self._details

    @property
    def at_rest(self) -> bool:
        """Whether all that is wanted has come or failed."""
        return all(lane.at_rest for lane in self._lanes)

    # -- what is there -----------------------------------------------------------------------------------------------

    def strategies(self) -> Loaded[Strategy]:
        return loaded(self._strategies, _strategy_page, Strategy)

    def records(self, strategy: int | None) -> Loaded[Record]:
        return _NOTHING if strategy is None else loaded(self._records, partial(_record_page, strategy), Record)

    def card(self, strategy: int, record: Record) -> Maybe[RecordCard] | None:
        """None until it came."""
        return _maybe(self._cards.get(ShowRecord(strategy, record.id)))

    def detail(self, strategy: int, record: Record) -> Maybe[RecordDetail] | None:
        """None until it came."""
        return _maybe(self._details.get(ShowDetail(strategy, record.id, record.units)))

    def rule(self, strategy: int, record: Record) -> RecordRule | None:
        """The rule on the card, or what the list says of it, or what was asked for apart."""
        if isinstance(card := self.card(strategy, record), Known):
            return card.value.rule
        apart = self._rules.get(ReadRule(strategy, record.id))
        return apart.value if record.rule is None and isinstance(apart, Done) else record.rule

    def compared(self, strategy: Strategy, record: Record) -> Compared:
        return Compared(strategy, record, self.rule(strategy.id, record), self.detail(strategy.id, record))

    def strategies_waited(self, page: int) -> int | None:
        """For how many seconds this page has been awaited; None where it is not wanted."""
        return self._strategies.waited(_strategy_page(page))

    def records_waited(self, strategy: int, page: int) -> int | None:
        """As `strategies_waited`."""
        return self._records.waited(_record_page(strategy, page))

    # -- what is asked for -------------------------------------------------------------------------------------------

    def want_strategies(self, pages: int, *, at_once: bool) -> None:
        """The first pages of the list."""
        self._strategies.want([_strategy_page(page) for page in range(1, pages + 1)], at_once=at_once)

    def want_records(self, strategy: int | None, pages: int, *, at_once: bool) -> None:
        """The first pages of the strategy's records; without a strategy none."""
        wanted = [] if strategy is None else [_record_page(strategy, page) for page in range(1, pages + 1)]
        self._records.want(wanted, at_once=at_once)

    def want_cards(self, records: Sequence[tuple[int, Record]], *, at_once: bool) -> None:
        """The cards of these records of strategies, the first one first."""
        self._cards.want([ShowRecord(owner, record.id) for owner, record in records], at_once=at_once)

    def want_rules(self, strategy: int, records: Sequence[Record]) -> None:
        """The rules of these records, from the top down, once the cursor rests."""
        self._rules.want([ReadRule(strategy, record.id) for record in records if self.rule(strategy, record) is None])

    def want_details(self, records: Sequence[tuple[int, Record]], *, at_once: bool) -> None:
        """As `want_cards`."""
        self._details.want([ShowDetail(owner, record.id, record.units) for owner, record in records], at_once=at_once)

    # -- asking anew -------------------------------------------------------------------------------------------------

    def forget(self) -> None:
        for lane in self._lanes:
            lane.forget()

    def forget_strategies(self) -> None:
        self._strategies.forget()

    def forget_records(self, strategy: int) -> None:
        self._records.forget(lambda command: command.strategy_id == strategy)

    def forget_cards(self, strategy: int) -> None:
        for lane in (self._cards, self._rules, self._details):
            lane.forget(lambda command: command.strategy_id == strategy)

    def forget_failures(self) -> None:
        """Ask once more for the pages that failed."""
        self._strategies.forget_failures()
        self._records.forget_failures()


def _maybe(reply: Reply[T] | None) -> Maybe[T] | None:
    if reply is None:
        return None
    return Known(reply.value) if isinstance(reply, Done) else Unknown(reply.text)


def _strategy_page(page: int) -> ListStrategies:
    return ListStrategies(page, _PAGE)


def _record_page(strategy_id: int, page: int) -> ListRecords:
    return ListRecords(strategy_id, page, _PAGE)


def progress(at: Loaded[Any], waited: int | None) -> Progress:
    """How far the list has come; `waited` is for how many seconds its next page has been awaited."""
    return Progress(at.pages, at.of, len(at.items), at.total, waited, at.failure)


def pages_wanted(at: Loaded[Any], shown: PagedList, *, more: bool) -> int:
    """How many pages should be loaded: all where rows are sorted or filtered, one more near the end of the rows."""
    if not at.pages or at.whole:
        return max(1, at.pages)
    if shown.needs_all and at.pages < _MOST_PAGES:
        return min(at.of, _MOST_PAGES)
    table = shown.table
    near = len(table.rows) - _NEAR_THE_END <= max(table.cursor_index, table.size.height - _NEAR_THE_END)
    return at.pages + (more or (near and not shown.needs_all))
