"""Where a price stands between the levels of its stop: a short form for tables, a long one with labels."""

from decimal import Decimal

from rich.cells import cell_len
from rich.text import Text

from core.i18n import say
from tui import format as fmt
from tui.widgets.theme import STYLES, Tone, styled

GAUGE_CELLS = 12
_LEAST_BAR = 9


def short_gauge(loss: Decimal, profit: Decimal, last: Decimal, cells: int = GAUGE_CELLS) -> str:
    """`├───┃──────┤`; at a level or beyond it `<─────────┤` or `├─────────>`."""
    if last <= loss:
        return f"<{'─' * (cells - 2)}┤"
    if last >= profit:
        return f"├{'─' * (cells - 2)}>"
    inner = cells - 2
    at = min(inner - 1, int((last - loss) / (profit - loss) * inner))
    return f"├{'─' * at}┃{'─' * (inner - 1 - at)}┤"


def long_gauge(loss: Decimal, profit: Decimal, last: Decimal, width: int) -> Text:
    """The levels with how far the price has to go to each, and the price above its mark; short where it is narrow."""
    left = f"{say('SL')} {fmt.price(loss)} {fmt.ratio(_way(last, loss))} "
    right = f" {say('TP')} {fmt.price(profit)} {fmt.ratio(_way(last, profit))}"
    cells = width - cell_len(left) - cell_len(right)
    if cells < _LEAST_BAR:
        return styled((short_gauge(loss, profit, last, max(_LEAST_BAR, min(width, 2 * GAUGE_CELLS))), Tone.TEXT))
    bar = short_gauge(loss, profit, last, cells)
    mark = next(index for index, char in enumerate(bar) if char in "<┃>")
    price = f"{say('last')} {fmt.price(last)}"
    start = min(max(0, cell_len(left) + mark - cell_len(price) // 2), width - cell_len(price))
    text = styled((" " * start + price, Tone.STRONG), ("\n" + left, Tone.DIM))
    text.append(bar[:mark], STYLES[Tone.DIM])
    text.append(bar[mark], STYLES[Tone.WARN if bar[mark] in "<>" else Tone.STRONG])
    text.append(bar[mark + 1 :], STYLES[Tone.DIM])
    return text.append(right, STYLES[Tone.DIM])


def _way(last: Decimal, level: Decimal) -> Decimal | None:
    return level / last - 1 if last else None
