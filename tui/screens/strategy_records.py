"""Strategies and backtest records as rows, and the orders in which records can be sorted."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from core.i18n import mark, say
from core.model.platform import Record, Strategy
from core.model.snapshot import Followed
from tui import format as fmt
from tui.widgets.columns import Column, Row, cell
from tui.widgets.theme import Tone, change_tone

STRATEGY_COLUMNS = (
    Column("", 1),
    Column(mark("Strategy"), 26, flex=True),
    Column(mark("Records"), 7, right=True),
    Column(mark("Created"), 10, most=10, rank=1),
)


class Sorting(NamedTuple):
    """A column that records can be sorted by, best first; what is not told comes last."""

    label: str
    column: int
    value: Callable[[Record], float | str | None]
    largest_first: bool = True


SORTINGS = (
    Sorting(mark("newest"), 2, lambda record: record.backtest_time),
    Sorting(mark("return"), 3, lambda record: record.strategy_return),
    Sorting(mark("annualised"), 4, lambda record: record.annualized_return),
    Sorting(
        mark("drawdown"),
        5,
        lambda record: None if record.max_drawdown is None else abs(record.max_drawdown),
        largest_first=False,
    ),
    Sorting(mark("sharpe"), 6, lambda record: record.sharpe_ratio),
    Sorting(mark("win rate"), 7, lambda record: record.win_rate),
)

_RECORD_LABELS = (
    "",
    mark("Record"),
    mark("Tested"),
    mark("Return"),
    mark("Annual"),
    mark("Drawdn"),
    mark("Sharpe"),
    mark("Win"),
)


def record_columns(sorting: Sorting | None) -> tuple[Column, ...]:
    """The columns of the record list; the one it is sorted by carries a `v`."""
    labels = [
        f"{say(label)} v" if sorting is not None and sorting.column == index else label
        for index, label in enumerate(_RECORD_LABELS)
    ]
    return (
        Column(labels[0], 1),
        Column(labels[1], 6),
        Column(labels[2], 10, rank=3),
        Column(labels[3], 8, right=True),
        Column(labels[4], 8, right=True),
        Column(labels[5], 8, right=True),
        Column(labels[6], 6, right=True, rank=1),
        Column(labels[7], 6, right=True, rank=2),
    )


def strategy_row(strategy: Strategy, followed: Followed | None) -> Row:
    used = followed is not None and followed.strategy_id == strategy.id
    return Row(
        str(strategy.id),
        (
            cell("*" if used else "", Tone.GOOD),
            cell(strategy.name, Tone.STRONG if used else Tone.TEXT),
            cell(fmt.volume(strategy.backtest_count), Tone.DIM),
            cell(strategy.created_at[:10], Tone.DIM),
        ),
    )


def record_row(record: Record, strategy_id: int, followed: Followed | None) -> Row:
    used = followed is not None and (followed.strategy_id, followed.history_id) == (strategy_id, record.id)
    sharpe = fmt.NOT_KNOWN if record.sharpe_ratio is None else f"{record.sharpe_ratio:.2f}"
    return Row(
        str(record.id),
        (
            cell("*" if used else "", Tone.GOOD),
            cell(str(record.id), Tone.STRONG if used else Tone.TEXT),
            cell(record.backtest_time[:16], Tone.DIM),
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


def sort_records(records: Sequence[Record], sorting: Sorting | None) -> list[Record]:
    if sorting is None:
        return list(records)
    told = [record for record in records if sorting.value(record) is not None]
    untold = [record for record in records if sorting.value(record) is None]
    told.sort(key=lambda record: sorting.value(record) or 0, reverse=sorting.largest_first)  # type: ignore[arg-type]
    return told + untold
