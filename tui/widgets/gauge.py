"""Where a price stands between the levels of its stop: a short form for tables, a long one with labels."""

from dataclasses import dataclass
from decimal import Decimal

from rich.cells import cell_len
from rich.text import Text

from core.i18n import say
from tui import format as fmt
from tui.widgets.theme import STYLES, Tone, styled

GAUGE_CELLS = 12
_PRICE, _WAY = 9, 10
"""Cells of a price and of a distance: their places do not depend on how long they are."""
_LEAST_BAR = 20
_AT_COST, _AT_LAST, _AT_BOTH = "┼", "┃", "╂"


def short_gauge(loss: Decimal, profit: Decimal, last: Decimal, cells: int = GAUGE_CELLS) -> str:
    """`├───┃──────┤`; at a level or beyond it `<─────────┤` or `├─────────>`."""
    if last <= loss:
        return f"<{'─' * (cells - 2)}┤"
    if last >= profit:
        return f"├{'─' * (cells - 2)}>"
    at = _place(loss, profit, last, cells)
    return f"├{'─' * (at - 1)}┃{'─' * (cells - 2 - at)}┤"


def _place(loss: Decimal, profit: Decimal, price: Decimal, cells: int) -> int:
    """The cell of a price that lies between the levels; the first and the last cell are those of the levels."""
    inner = cells - 2
    return 1 + min(inner - 1, int((price - loss) / (profit - loss) * inner))


@dataclass(frozen=True, slots=True)
class GaugeLevels:
    """The levels of a stop with what is said where one is missing, and what lies between them; CNY per 张."""

    loss: Decimal | None
    profit: Decimal | None
    cost: Decimal | None
    last: Decimal | None
    no_loss: str = ""
    no_profit: str = ""
    armed: bool = True

    @property
    def drawable(self) -> bool:
        return self.loss is not None and self.profit is not None and self.loss < self.profit


def long_gauge(levels: GaugeLevels, width: int) -> Text:
    """The levels at the ends of a bar, how far the price has to go to each below them, and the marks in it explained.

    The bar is left out where a level is missing. Every label has a place of its own that depends on `width` only.
    """
    tone = Tone.STRONG if levels.armed else Tone.DIM
    left = f"{say('SL')} {_known(levels.loss, levels.no_loss)}"
    profit = _known(levels.profit, levels.no_profit)
    right = f"{say('TP')} {' ' * (_PRICE - cell_len(profit))}{profit}"
    slot = max(cell_len(say("SL")), cell_len(say("TP"))) + 1 + _PRICE
    rows = _at_ends(left, right, slot, width, tone)
    if levels.drawable and width >= _LEAST_BAR:
        rows.append(_bar(levels, width))
    return Text("\n").join([*rows, *_below(levels, width)])


def _below(levels: GaugeLevels, width: int) -> list[Text]:
    """The distances at the ends and the explained marks between them, or below them where that is too narrow."""
    ways = [_way(levels.last, level) for level in (levels.loss, levels.profit)]
    marks = _marks(levels)
    legend, start = Text("  ").join(marks), 0
    if 2 * _WAY + legend.cell_len + 2 <= width:
        start = (width - legend.cell_len) // 2
        left, right = styled((ways[0], Tone.DIM)), styled((ways[1], Tone.DIM))
        left.append(" " * (start - left.cell_len)).append_text(legend)
        return [left.append(" " * (width - left.cell_len - right.cell_len)).append_text(right)]
    explained = [legend] if legend.cell_len <= width else marks
    return [*(_at_ends(ways[0], ways[1], _WAY, width, Tone.DIM) if any(ways) else ()), *explained]


def _marks(levels: GaugeLevels) -> list[Text]:
    """Cost and last price, each with its mark where the bar has it, as wide as their longest."""
    found: list[Text] = []
    for mark, label, price, tone in (
        (_AT_COST, say("cost"), levels.cost, Tone.TEXT),
        (_AT_LAST, say("last", context="gauge"), levels.last, Tone.STRONG),
    ):
        shown, tone = _known(price, ""), tone if price is not None else Tone.WARN
        text = styled((f"{mark if _drawn_at(levels, price, 10) else ' '} ", tone), (f"{label} ", Tone.DIM))
        found.append(text.append(shown + " " * (_PRICE - cell_len(shown)), STYLES[tone]))
    return found


def _at_ends(left: str, right: str, slot: int, width: int, tone: Tone) -> list[Text]:
    """One at each end of a line; on two lines where the longest of both would not stand apart."""
    if 2 * max(slot, cell_len(left), cell_len(right)) + 1 > width:
        return [styled((left, tone)), styled((right, tone))]
    return [styled((left + " " * (width - cell_len(left) - cell_len(right)) + right, tone))]


def _drawn_at(levels: GaugeLevels, price: Decimal | None, width: int) -> int | None:
    """The cell of a price in the bar; None where it is not known or not between the levels."""
    loss, profit = levels.loss, levels.profit
    if not levels.drawable or price is None or loss is None or profit is None or not loss < price < profit:
        return None
    return _place(loss, profit, price, width)


def _bar(levels: GaugeLevels, width: int) -> Text:
    cells = ["├", *"─" * (width - 2), "┤"]
    cost, last = (_drawn_at(levels, price, width) for price in (levels.cost, levels.last))
    if cost is not None:
        cells[cost] = _AT_COST
    if last is not None:
        cells[last] = _AT_BOTH if last == cost else _AT_LAST
    text = Text("".join(cells), STYLES[Tone.DIM])
    if cost is not None:
        text.stylize(STYLES[Tone.TEXT], cost, cost + 1)
    if last is not None:
        text.stylize(STYLES[Tone.STRONG if levels.armed else Tone.DIM], last, last + 1)
    elif levels.last is not None and levels.loss is not None:
        beyond, arrow = (0, "<") if levels.last <= levels.loss else (width - 1, ">")
        text = text[:beyond] + Text(arrow, STYLES[Tone.WARN]) + text[beyond + 1 :]
    return text


def _known(price: Decimal | None, otherwise: str) -> str:
    return fmt.price(price) if price is not None else otherwise or say("not known")


def _way(last: Decimal | None, level: Decimal | None) -> str:
    """How far the price has to go to a level; nothing where one of them is not known."""
    return fmt.ratio(level / last - 1) if last and level is not None else ""
