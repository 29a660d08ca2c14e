"""Strategies and backtest records as rows."""

from collections.abc import Callable
from decimal import Decimal

from core.i18n import mark, say
from core.model.known import Known, Maybe
from core.model.platform import Record, RecordRule, Strategy
from core.model.snapshot import Followed
from tui import format as fmt
from tui.widgets.columns import Cell, Column, TableRow, cell
from tui.widgets.theme import Tone, change_tone

STRATEGY_COLUMNS = (
    Column("", 1),
    Column(mark("Strategy"), 20, flex=True),
    Column(mark("Records"), 7, right=True, rank=1),
    Column(mark("Created"), 10, most=10, rank=2),
)

RECORD_COLUMNS = (
    Column("", 2),
    Column(mark("Record"), 6, right=True),
    Column(mark("Return"), 8, right=True),
    Column(mark("Annual"), 8, right=True, rank=4),
    Column(mark("Drawdn"), 7, right=True),
    Column(mark("Sharpe"), 6, right=True, rank=1),
    Column(mark("Win"), 6, right=True, rank=6),
    Column(mark("Bonds"), 5, right=True),
    Column(mark("SL"), 4, right=True),
    Column(mark("TP"), 4, right=True),
    Column(mark("Period", context="column"), 4, right=True, rank=5),
    Column(mark("Tested"), 10, most=10, rank=7),
)


def strategy_row(strategy: Strategy, followed: Followed | None) -> TableRow:
    used = followed is not None and followed.strategy_id == strategy.id
    count = strategy.backtest_count
    return TableRow(
        str(strategy.id),
        (
            cell("*" if used else "", Tone.GOOD),
            cell(strategy.name, Tone.STRONG if used else Tone.TEXT),
            cell(fmt.NOT_KNOWN if count is None else fmt.volume(count), Tone.DIM, count),
            cell(strategy.created_at[:10] or fmt.NOT_KNOWN, Tone.DIM, strategy.created_at or None),
        ),
    )


def record_row(record: Record, rule: RecordRule | None, used: bool, marked: int | None) -> TableRow:
    """`rule` is None where nothing is known of it yet; `marked` is the record's place in the comparison, from 1 on."""
    sharpe = fmt.NOT_KNOWN if record.sharpe_ratio is None else f"{record.sharpe_ratio:.2f}"
    fall = None if record.max_drawdown is None else -abs(record.max_drawdown)
    return TableRow(
        str(record.id),
        (
            cell(f"{'*' if used else ' '}{marked or ''}", Tone.GOOD if used else Tone.KEY, marked),
            cell(str(record.id), Tone.STRONG if used or marked else Tone.TEXT, record.id),
            cell(fmt.ratio(record.strategy_return), change_tone(record.strategy_return), record.strategy_return),
            cell(fmt.ratio(record.annualized_return), change_tone(record.annualized_return), record.annualized_return),
            cell(drawdown(record), value=fall),
            cell(sharpe, value=record.sharpe_ratio),
            cell(fmt.share(record.win_rate), value=record.win_rate),
            *_rule_cells(rule),
            cell(record.backtest_time[:10] or fmt.NOT_KNOWN, Tone.DIM, record.backtest_time or None),
        ),
    )


def _rule_cells(rule: RecordRule | None) -> tuple[Cell, ...]:
    """Bonds held, stop-loss, take-profit, trading days from one rebalance to the next."""
    if rule is None:
        return (cell(fmt.NOT_KNOWN, Tone.DIM, None),) * 4
    return (
        _known(rule.top_n, fmt.volume),
        _stop(rule.stop_loss),
        _stop(rule.take_profit),
        _known(rule.holding_sessions, sessions_text),
    )


def sessions_text(count: int) -> str:
    """So many trading days, in a cell."""
    return say("{count}d", count=count, context="trading days")


def _known(found: Maybe[int], text: Callable[[int], str]) -> Cell:
    if isinstance(found, Known):
        return cell(text(found.value), value=found.value)
    return cell(fmt.NOT_KNOWN, Tone.DIM, None)


def _stop(found: Maybe[Decimal | None]) -> Cell:
    if not isinstance(found, Known):
        return cell(fmt.NOT_KNOWN, Tone.DIM, None)
    return cell(fmt.stop_text(found.value), Tone.TEXT if found.value else Tone.DIM, found.value or Decimal(0))


def drawdown(record: Record) -> str:
    """A loss, whichever sign the platform gives it."""
    return fmt.ratio(None if record.max_drawdown is None else -abs(record.max_drawdown))
