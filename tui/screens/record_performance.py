"""The pictures of a record's card: its equity curve beside the benchmark, its drawdown and its years."""

from rich.text import Text

from core.i18n import listed, say
from core.model.backtest import Holdings, Performance, RecordDetail
from core.model.known import Known, Maybe, Unknown
from tui import format as fmt
from tui.widgets.bar_chart import YearRow
from tui.widgets.chart_data import ChartData, ChartUnit, LevelLine, Plot, Series, line_of
from tui.widgets.theme import Tone, change_tone, styled

_YEAR_BEGINS, _YEAR_ENDS = (1, 8), (12, 24)
"""Month and day: what begins or ends between them is only a part of a year (weekly curves have no 31 December)."""


def drawn(detail: Maybe[RecordDetail] | None) -> Performance | None:
    """The curve, where there is one."""
    curve = detail.value.performance if isinstance(detail, Known) else None
    return curve.value if isinstance(curve, Known) else None


def performance_chart(curve: Performance) -> ChartData:
    """The return since the first day beside the benchmark's, and the drawdown below it."""
    series = [growth_line(say("strategy"), curve, change_tone(curve.total))]
    if isinstance(curve.benchmark, Known):
        values = [None if value is None else value - 1 for value in curve.benchmark.value]
        series.append(line_of(say("benchmark"), curve.days, values))
    falls = line_of(say("drawdown"), curve.days, [-fall or 0.0 for fall in curve.falls], Tone.DIM)
    heading = styled(
        (say("Equity"), Tone.TITLE), ("  " + say("max. drawdown"), Tone.DIM), f" {fmt.ratio(-curve.max_drawdown)}"
    )
    return ChartData(Plot(tuple(series), ChartUnit.PERCENT, LevelLine(0.0)), Plot((falls,), ChartUnit.PERCENT), heading)


def performance_awaited() -> ChartData:
    """What stands in place of the chart while the detail is being loaded."""
    return ChartData(
        Plot((), ChartUnit.PERCENT), heading=styled((say("Equity curve"), Tone.TITLE)), empty=say("loading")
    )


def growth_line(name: str, curve: Performance, tone: Tone | None = None) -> Series:
    """A record's return since its first day, for a chart of per cent."""
    return line_of(name, curve.days, [value - 1 for value in curve.growth], tone)


def year_rows(curve: Performance) -> tuple[YearRow, ...]:
    rows: list[YearRow] = []
    for year in curve.years:
        parts: list[str] = []
        if year.first.year == year.year and (year.first.month, year.first.day) >= _YEAR_BEGINS:
            parts.append(say("from {day}", day=f"{year.first:%m-%d}"))
        if (year.last.month, year.last.day) < _YEAR_ENDS:
            parts.append(say("to {day}", day=f"{year.last:%m-%d}"))
        rows.append(YearRow(str(year.year), " ".join(parts), year.strategy, year.benchmark))
    return tuple(rows)


def performance_notes(detail: Maybe[RecordDetail]) -> Text:
    """What the pictures leave out and why; what the backtest held."""
    if isinstance(detail, Unknown):
        return styled((say("Equity curve"), Tone.TITLE), ("  " + say("not loaded, see Detail"), Tone.DIM))
    lines: list[tuple[str, Tone]] = []
    curve, held = detail.value.performance, detail.value.holdings
    if isinstance(curve, Unknown):
        lines.append((say("No equity curve: {reason}", reason=curve.reason), Tone.DIM))
    else:
        if isinstance(curve.value.benchmark, Unknown):
            lines.append((say("No benchmark: {reason}", reason=curve.value.benchmark.reason), Tone.DIM))
        lines += [(note, Tone.WARN) for note in curve.value.notes]
    if isinstance(held, Unknown):
        lines.append((say("No daily positions: {reason}", reason=held.reason), Tone.DIM))
    else:
        lines.append((_held(held.value), Tone.TEXT))
        lines += [(note, Tone.WARN) for note in held.value.notes]
    return styled(*((("\n" if number else "") + text, tone) for number, (text, tone) in enumerate(lines)))


def _held(held: Holdings) -> str:
    counts = say("held {average:.1f} bonds on average", average=held.average)
    if held.fewest != held.most:
        counts += say(", {fewest} to {most}", fewest=held.fewest, most=held.most)
    names = fmt.one_line(listed(held.last)) or say("nothing")
    return say("Positions: {counts}; on {day}: {names}", counts=counts, day=held.last_day, names=names)
