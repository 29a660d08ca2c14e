"""Strategies and backtest records as rows, and the orders in which records can be sorted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from core.i18n import joined, mark, say
from core.model.backtest import Performance, RecordDetail
from core.model.figures import Basis, Unit
from core.model.known import Known, Maybe, Unknown
from core.model.platform import Record, Strategy
from core.model.record_card import RecordCard
from core.model.snapshot import Followed
from tui import format as fmt
from tui.screens.metrics_text import metrics_lines
from tui.screens.record_performance import drawn, performance_chart, performance_notes, year_rows
from tui.widgets.bar_chart import YearBars
from tui.widgets.chart import LineChart
from tui.widgets.columns import Column, TableRow, cell, sorted_known_first
from tui.widgets.text import TextBlock
from tui.widgets.theme import STYLES, Tone, change_tone, styled

STRATEGY_COLUMNS = (
    Column("", 1),
    Column(mark("Strategy"), 26, flex=True),
    Column(mark("Records"), 7, right=True),
    Column(mark("Created"), 10, most=10, rank=1),
)


class RecordSorting(NamedTuple):
    """A column that records can be sorted by, best first."""

    label: str
    column: int
    value: Callable[[Record], float | str | None]
    descending: bool = True


SORTINGS = (
    RecordSorting(mark("newest"), 2, lambda record: record.backtest_time),
    RecordSorting(mark("return"), 3, lambda record: record.strategy_return),
    RecordSorting(mark("annualised"), 4, lambda record: record.annualized_return),
    RecordSorting(
        mark("drawdown"),
        5,
        lambda record: None if record.max_drawdown is None else abs(record.max_drawdown),
        descending=False,
    ),
    RecordSorting(mark("sharpe"), 6, lambda record: record.sharpe_ratio),
    RecordSorting(mark("win rate"), 7, lambda record: record.win_rate),
)

_RECORD_COLUMNS = (
    Column("", 1),
    Column(mark("Record"), 6),
    Column(mark("Tested"), 10, rank=3),
    Column(mark("Return"), 8, right=True),
    Column(mark("Annual"), 8, right=True),
    Column(mark("Drawdn"), 8, right=True),
    Column(mark("Sharpe"), 6, right=True, rank=1),
    Column(mark("Win"), 6, right=True, rank=2),
)


def record_columns(sorting: RecordSorting | None) -> tuple[Column, ...]:
    """The columns of the record list; the one it is sorted by carries a `v`."""
    return tuple(
        replace(column, label=f"{column.title} v") if sorting is not None and sorting.column == index else column
        for index, column in enumerate(_RECORD_COLUMNS)
    )


def strategy_row(strategy: Strategy, followed: Followed | None) -> TableRow:
    used = followed is not None and followed.strategy_id == strategy.id
    return TableRow(
        str(strategy.id),
        (
            cell("*" if used else "", Tone.GOOD),
            cell(strategy.name, Tone.STRONG if used else Tone.TEXT),
            cell(fmt.NOT_KNOWN if strategy.backtest_count is None else fmt.volume(strategy.backtest_count), Tone.DIM),
            cell(strategy.created_at[:10] or fmt.NOT_KNOWN, Tone.DIM),
        ),
    )


def record_row(record: Record, strategy_id: int, followed: Followed | None) -> TableRow:
    used = followed is not None and (followed.strategy_id, followed.history_id) == (strategy_id, record.id)
    sharpe = fmt.NOT_KNOWN if record.sharpe_ratio is None else f"{record.sharpe_ratio:.2f}"
    return TableRow(
        str(record.id),
        (
            cell("*" if used else "", Tone.GOOD),
            cell(str(record.id), Tone.STRONG if used else Tone.TEXT),
            cell(record.backtest_time[:16] or fmt.NOT_KNOWN, Tone.DIM),
            cell(fmt.ratio(record.strategy_return), change_tone(record.strategy_return)),
            cell(fmt.ratio(record.annualized_return), change_tone(record.annualized_return)),
            cell(drawdown(record)),
            cell(sharpe),
            cell(fmt.share(record.win_rate)),
        ),
    )


def drawdown(record: Record) -> str:
    """A loss, whichever sign the platform gives it."""
    return fmt.ratio(None if record.max_drawdown is None else -abs(record.max_drawdown))


def sort_records(records: Sequence[Record], sorting: RecordSorting | None) -> list[Record]:
    if sorting is None:
        return list(records)
    return sorted_known_first(records, sorting.value, descending=sorting.descending)


_LABEL = 22
_WITH_UNIT = ("strategy_return", "annualized_return", "max_drawdown", "win_rate")
_NAME = 10
_IN_HEAD = ("id", "backtest_time", "sharpe_ratio")
_OF_STRATEGY = frozenset({"strategy_id", "strategy_name"})
_SAME = 0.00005
"""Two ratios that look the same on the card."""


class RecordView(VerticalScroll, can_focus=True):
    """Scrolls with the arrows."""

    def __init__(self) -> None:
        super().__init__(id="record-card")
        self._head = TextBlock()
        self._chart = LineChart(id="record-chart")
        self._years = YearBars(id="record-years")
        self._body = TextBlock()

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._chart
        yield self._years
        yield self._body

    def on_mount(self) -> None:
        self._show_performance(None)

    def show_text(self, text: str, tone: Tone = Tone.DIM) -> None:
        self._head.set_text(styled((text, tone)))
        self._show_performance(None)
        self._body.set_text("")

    def show_record(
        self,
        strategy: Strategy,
        record: Record,
        card: RecordCard,
        detail: Maybe[RecordDetail] | None,
        now: datetime | None,
    ) -> None:
        """`detail` is None until the platform has answered."""
        record = completed(record, detail)
        head, text, listed = record_head(strategy, record), performance_notes(detail), list_text(card, now)
        # Without a list the record cannot be traded today: that stands above the pictures.
        (head if isinstance(card.selection, Unknown) else text).append_text(listed)
        self._head.set_text(head)
        self._show_performance(drawn(detail))
        _mapping(text, say("Parameters"), card.parameters)
        _rule(text, card)
        _mapping(text, say("Detail"), further_fields(record, detail))
        if isinstance(detail, Known) and detail.value.impossible:
            text.append(f"\n{_impossible(detail.value.impossible)}", STYLES[Tone.WARN])
        self._body.set_text(text)

    def _show_performance(self, curve: Performance | None) -> None:
        self._chart.display = self._years.display = curve is not None
        self._chart.show(None if curve is None else performance_chart(curve))
        self._years.show(() if curve is None else year_rows(curve))


def completed(record: Record, detail: Maybe[RecordDetail] | None) -> Record:
    """The record with the figures that only its detail gives."""
    if not isinstance(detail, Known):
        return record
    found = detail.value
    more = {name: getattr(found.figures, name) for name in _WITH_UNIT if getattr(record, name) is None}
    bare = len(more) == len(_WITH_UNIT)
    return replace(record, **more, units=found.units if bare else record.units)


def further_fields(record: Record, detail: Maybe[RecordDetail] | None) -> Maybe[Mapping[str, Any]] | None:
    """What the card does not show above: figures that differ from the list's, and fields that rotor does not know."""
    if not isinstance(detail, Known):
        return detail
    told = {name: getattr(detail.value.figures, name) for name in _WITH_UNIT}
    figures = {name: fmt.ratio(value) for name, value in told.items() if _differs(value, getattr(record, name))}
    above = {name for name in _IN_HEAD if getattr(record, name) not in (None, "")} | _OF_STRATEGY
    others = {**record.extra, **detail.value.others}
    return Known(figures | {name: value for name, value in others.items() if name not in above})


def _differs(value: float | None, shown: float | None) -> bool:
    return value is not None and (shown is None or abs(value - shown) > _SAME)


def record_head(strategy: Strategy, record: Record) -> Text:
    text = styled(
        (strategy.name, Tone.STRONG),
        (say("  record {id}  {backtest_time}\n", id=record.id, backtest_time=record.backtest_time), Tone.DIM),
        (say("Return "), Tone.DIM),
        (fmt.ratio(record.strategy_return), change_tone(record.strategy_return)),
        (say("  Annual "), Tone.DIM),
        (fmt.ratio(record.annualized_return), change_tone(record.annualized_return)),
        (say("  Drawdown "), Tone.DIM),
        drawdown(record),
        (say("\nWin rate "), Tone.DIM),
        fmt.share(record.win_rate),
        (say("  Sharpe "), Tone.DIM),
        fmt.NOT_KNOWN if record.sharpe_ratio is None else f"{record.sharpe_ratio:.2f}",
    )
    if units := units_text(record):
        text.append(f"\n{units}", STYLES[Tone.DIM])
    if record.impossible:
        text.append(f"\n{_impossible(record.impossible)}", STYLES[Tone.WARN])
    return text


def _impossible(figures: Mapping[str, float]) -> str:
    told = joined(f"{fmt.plain_key(name)} {fmt.plain_value(value)}" for name, value in figures.items())
    return say("Not shown, because no backtest can have it: {figures}", figures=told)


def units_text(record: Record) -> str:
    """What the platform writes the record's figures in, and how that is known; empty where it gives none."""
    if record.units is None or all(getattr(record, name) is None for name in _WITH_UNIT):
        return ""
    names = {Unit.RATIO: say("ratios (0.12 is 12%)"), Unit.PERCENT: say("percentages (12 is 12%)")}
    why = {
        Basis.SETTING: say("set by factorcat.returns"),
        Basis.CURVE: say("by its equity curve"),
        Basis.VALUES: say("by the values of its page"),
        Basis.ASSUMED: say("assumed, the values fit both; if wrong, set factorcat.returns"),
    }[record.units.basis]
    returns, win_rate = names[record.units.returns], names[record.units.win_rate]
    if returns == win_rate:
        return say("Figures read as {unit}: {why}", unit=returns, why=why)
    return say("Returns read as {returns}, win rate as {win_rate}: {why}", returns=returns, win_rate=win_rate, why=why)


def _rule(text: Text, card: RecordCard) -> None:
    text.append("\n\n" + say("Rule"), STYLES[Tone.TITLE])
    for label, told, tone in fmt.rule_rows(card.rule):
        text.append(f"\n{fmt.fit(label, _LABEL)}  ", STYLES[Tone.DIM])
        text.append(told, STYLES[tone])
    if card.proposal is not None:
        told = say(
            "Your schedule differs: {in_use}. As the record trades: {schedule}.",
            in_use=card.proposal.in_use,
            schedule=card.proposal.text,
        )
        text.append(f"\n{told}", STYLES[Tone.WARN])


def list_text(card: RecordCard, now: datetime | None) -> Text:
    """Today's list as the market stands, or why there is none."""
    text, selection = Text(style=STYLES[Tone.TEXT]), card.selection
    if isinstance(selection, Unknown):
        text.append(say("\n\nToday's list\n"), STYLES[Tone.TITLE])
        return text.append(say("There is none: {reason}", reason=selection.reason), STYLES[Tone.WARN])
    listed = selection.value
    text.append(say("\n\nToday's list"), STYLES[Tone.TITLE])
    text.append(
        say("  {bonds}, {dated}", bonds=fmt.plural(len(listed.bonds), "bond"), dated=listed.dated),
        STYLES[Tone.DIM],
    )
    if not listed.rows:
        text.append(say("\nThe list is empty."), STYLES[Tone.WARN])
    for row in listed.skipped:
        told = say("skipped: {kind}", kind=say(row.kind))
        text.append(f"\n  -  {row.code}     {fmt.fit(fmt.one_line(row.name), _NAME)} {told}", STYLES[Tone.WARN])
    for rank, bond in enumerate(card.listed, 1):
        text.append(f"\n{rank:>3}  ", STYLES[Tone.DIM])
        text.append(f"{bond.code}  ", STYLES[Tone.STRONG])
        text.append(fmt.fit(fmt.one_line(bond.name), _NAME))
        text.append(f"{fmt.price(bond.list_price):>9} -> ", STYLES[Tone.DIM])
        text.append(f"{fmt.price(bond.last):>8}")
        if bond.quoted_at is not None:
            age = fmt.age((now - bond.quoted_at).total_seconds()) if now is not None else ""
            text.append(f" {age:>3}", STYLES[Tone.DIM])
        for told in metrics_lines(bond.metrics) if bond.metrics is not None else ():
            text.append(f"\n     {told}", STYLES[Tone.DIM])
        if bond.not_listed:
            text.append(f"\n     {bond.not_listed}", STYLES[Tone.DIM])
        if bond.extra:
            told = "  ".join(f"{fmt.plain_key(key)} {fmt.plain_value(value)}" for key, value in bond.extra.items())
            text.append(f"\n     {told}", STYLES[Tone.DIM])
        if bond.blocked:
            text.append(f"\n     {bond.blocked}", STYLES[Tone.WARN])
    return text


def _mapping(text: Text, title: str, found: Maybe[Mapping[str, Any]] | None) -> None:
    """`found` is None while it is being loaded."""
    text.append(f"\n\n{title}", STYLES[Tone.TITLE])
    if found is None:
        text.append(say("\nloading"), STYLES[Tone.DIM])
        return
    if isinstance(found, Unknown):
        text.append("\n" + say("not loaded: {reason}", reason=found.reason), STYLES[Tone.WARN])
        return
    values = found.value
    if not values:
        text.append(say("\nthe platform gives none"), STYLES[Tone.DIM])
    for key, value in values.items():
        text.append(f"\n{fmt.fit(fmt.plain_key(str(key)), _LABEL)}  ", STYLES[Tone.DIM])
        text.append(fmt.plain_value(value))
