"""Several records side by side: their curves in one chart, their figures in one table."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from core.i18n import say
from core.model.backtest import RecordDetail
from core.model.known import Known, Maybe, Unknown
from core.model.platform import Record, RecordRule, Strategy
from tui import format as fmt
from tui.screens.record_performance import drawn, growth_line
from tui.screens.record_text import completed
from tui.screens.strategy_rows import drawdown, sessions_text
from tui.widgets.chart_data import ChartData, ChartUnit, LevelLine, Plot
from tui.widgets.theme import Tone, change_tone, styled


class Compared(NamedTuple):
    """A record that is compared; `rule` and `detail` are None until the platform has answered."""

    strategy: Strategy
    record: Record
    rule: RecordRule | None
    detail: Maybe[RecordDetail] | None


class Comparison(NamedTuple):
    """`chart` is None where there is no curve."""

    table: Text
    chart: ChartData | None
    notes: Text


Cell = tuple[str, Tone]
_GAP = 2


def comparison(records: Sequence[Compared]) -> Comparison:
    """The table has a column for each record, in the order in which they were marked."""
    shown = [one._replace(record=completed(one.record, one.detail)) for one in records]
    lines = [
        growth_line(f"{number} {one.record.id}", curve)
        for number, one in enumerate(shown, 1)
        if (curve := drawn(one.detail)) is not None
    ]
    chart = ChartData(Plot(tuple(lines), ChartUnit.PERCENT, LevelLine(0.0))) if lines else None
    return Comparison(_table(shown), chart, _notes(shown))


def _table(shown: Sequence[Compared]) -> Text:
    rows: list[tuple[str, list[Cell]]] = [(say("Record"), [_name(*each) for each in enumerate(shown, 1)])]
    rows += [(label, [cell_of(one) for one in shown]) for label, cell_of in _figures()]
    first = max(cell_len(label) for label, _ in rows) + _GAP
    widths = [max(cell_len(cells[place][0]) for _, cells in rows) + _GAP for place in range(len(shown))]
    text = Text()
    for number, (label, cells) in enumerate(rows):
        text.append_text(styled((("\n" if number else "") + fmt.fit(label, first), Tone.DIM)))
        for (told, tone), width in zip(cells, widths, strict=True):
            text.append_text(styled((fmt.fit(told, width, right=True), tone)))
    return text


def _name(number: int, one: Compared) -> Cell:
    return f"{number} {one.record.id}", Tone.STRONG


def _figures() -> list[tuple[str, Callable[[Compared], Cell]]]:
    return [
        (say("Return"), lambda one: _change(one.record.strategy_return)),
        (say("Annualised"), lambda one: _change(one.record.annualized_return)),
        (say("Max drawdown"), lambda one: (drawdown(one.record), Tone.TEXT)),
        (say("Sharpe"), lambda one: (_plain(one.record.sharpe_ratio), Tone.TEXT)),
        (say("Win rate"), lambda one: (fmt.share(one.record.win_rate), Tone.TEXT)),
        (say("Bonds"), lambda one: _of_rule(one, lambda rule: rule.top_n, fmt.volume)),
        (say("Period", context="rule"), lambda one: _of_rule(one, lambda rule: rule.holding_sessions, sessions_text)),
        (say("Stop-loss"), lambda one: _of_rule(one, lambda rule: rule.stop_loss, fmt.stop_text)),
        (say("Take-profit"), lambda one: _of_rule(one, lambda rule: rule.take_profit, fmt.stop_text)),
    ]


def _change(value: float | None) -> Cell:
    return fmt.ratio(value), change_tone(value)


def _plain(value: float | None) -> str:
    return fmt.NOT_KNOWN if value is None else f"{value:.2f}"


def _of_rule(one: Compared, part: Callable[[RecordRule], Maybe[object]], words: Callable[..., str]) -> Cell:
    found = None if one.rule is None else part(one.rule)
    return (words(found.value), Tone.TEXT) if isinstance(found, Known) else (fmt.NOT_KNOWN, Tone.DIM)


def _notes(shown: Sequence[Compared]) -> Text:
    """Whose records they are, and why one has no line."""
    lines: list[tuple[str, Tone]] = []
    for number, one in enumerate(shown, 1):
        lines.append((f"{number} {one.strategy.name}", Tone.TEXT))
        curve = one.detail.value.performance if isinstance(one.detail, Known) else one.detail
        if curve is None:
            lines.append((say("  loading"), Tone.DIM))
        elif isinstance(curve, Unknown):
            lines.append((say("  No equity curve: {reason}", reason=curve.reason), Tone.WARN))
    return styled(*((("\n" if number else "") + told, tone) for number, (told, tone) in enumerate(lines)))
