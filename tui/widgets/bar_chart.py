"""Small bar charts: figures below nought to the left of an axis, the others to the right of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from core.i18n import say
from tui.format import NOT_KNOWN, fit, ratio
from tui.widgets.steady import LaidOutOnce, blank_lines
from tui.widgets.text import FittedText
from tui.widgets.theme import STYLES, Tone, change_tone, styled

_FIGURE, _LEAST_BAR, _LEAST_SPAN = 10, 8, 1e-9


@dataclass(frozen=True, slots=True)
class YearRow:
    """A year's name, what part of it is meant where it is not whole, and its two returns, ratios."""

    year: str
    part: str
    strategy: float
    benchmark: float | None


class YearBars(FittedText, LaidOutOnce):
    """Drawn anew when its size or its data changes. Without rows it takes no room."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._rows: tuple[YearRow, ...] = ()
        self._blank = 0
        """Lines that are kept free for rows that are being loaded."""

    def show(self, rows: tuple[YearRow, ...], *, waiting: bool = False) -> None:
        """With `waiting` it keeps its height until the rows have come."""
        blank = self.content_size.height if waiting and self.display else 0
        self.display = bool(rows or blank)
        if (rows, blank) != (self._rows, self._blank):
            self._rows, self._blank = rows, blank
            self.refresh_text()

    def refresh_text(self) -> None:
        self.set_text(render_years(self._rows, self.content_size.width) if self._rows else blank_lines(self._blank))


def render_years(rows: Sequence[YearRow], width: int) -> Text:
    """The table in this width; without bars where they would be too short to compare."""
    compared = any(row.benchmark is not None for row in rows)
    heads = [say("Strategy"), *((say("Benchmark"), say("Excess")) if compared else ())]
    title = say("Yearly returns")
    first = max(cell_len(title), *(cell_len(_label(row)) for row in rows)) + 1
    bars = signed_bars([row.strategy for row in rows], width - first - _FIGURE * len(heads) - 2)
    text = styled((fit(title, first), Tone.TITLE), *((fit(head, _FIGURE, right=True), Tone.DIM) for head in heads))
    for row, (loss, gain) in zip(rows, bars, strict=True):
        text.append("\n" + fit(row.year, cell_len(row.year)), STYLES[Tone.TEXT])
        text.append(fit(f" {row.part}" if row.part else "", first - cell_len(row.year)), STYLES[Tone.DIM])
        text.append(fit(ratio(row.strategy), _FIGURE, right=True), STYLES[change_tone(row.strategy)])
        if compared:
            excess = None if row.benchmark is None else row.strategy - row.benchmark
            text.append(fit(_or_unknown(row.benchmark), _FIGURE, right=True), STYLES[Tone.DIM])
            text.append(fit(_or_unknown(excess), _FIGURE, right=True), STYLES[change_tone(excess)])
        if loss or gain:
            text.append(f"  {loss}", STYLES[change_tone(row.strategy)])
            text.append("│", STYLES[Tone.DIM])
            text.append(gain, STYLES[change_tone(row.strategy)])
    return text


def _label(row: YearRow) -> str:
    return f"{row.year} {row.part}" if row.part else row.year


def _or_unknown(value: float | None) -> str:
    return NOT_KNOWN if value is None else ratio(value)


def signed_bars(values: Sequence[float], width: int) -> list[tuple[str, str]]:
    """What lies left of the axis, a cell, and right of it, for each value; both empty where there is no room."""
    deepest, highest = -min(0.0, *values), max(0.0, *values)
    room = width - 1
    if room < _LEAST_BAR or deepest + highest < _LEAST_SPAN:
        return [("", "")] * len(values)
    per = room / (deepest + highest)
    left = round(deepest * per)
    lengths = [(min(left, round(-min(0.0, value) * per)), round(max(0.0, value) * per)) for value in values]
    return [(("━" * loss).rjust(left), "━" * min(room - left, gain)) for loss, gain in lengths]
