"""Holdings as coloured tiles: the day's change of each at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from core.i18n import say
from tui import format as fmt
from tui.widgets.text import FittedText
from tui.widgets.theme import STYLES, Tone, heat_style, styled

_GAP = 1
_MOST_LINES = 3
_PADDING = 2
_STEPS = (Decimal("0.005"), Decimal("0.015"), Decimal("0.03"))
"""Changes from which on a tile is in the next deeper colour: 0.5 %, 1.5 % and 3 %."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A holding: `change` is today's, a ratio, None where it is not known."""

    name: str
    change: Decimal | None

    @property
    def text(self) -> str:
        return f"{self.name} {fmt.ratio(self.change)}"


class HeatStrip(FittedText):
    """The largest rise first, the largest fall last, in as many lines as are needed, three at most."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._tiles: tuple[Tile, ...] = ()

    def show(self, tiles: Sequence[Tile]) -> None:
        ordered = tuple(sorted(tiles, key=lambda tile: (tile.change is None, -(tile.change or 0))))
        if ordered != self._tiles:
            self._tiles = ordered
            self.refresh_text()

    def refresh_text(self) -> None:
        self.set_text(strip_text(self._tiles, self.content_size.width))


def strip_text(tiles: Sequence[Tile], width: int) -> Text:
    """The tiles in columns of one width; what has no room is counted at the end."""
    if not tiles:
        return styled((say("No holdings."), Tone.DIM))
    tile_width = max(cell_len(tile.text) for tile in tiles) + _PADDING
    columns = max(1, (width + _GAP) // (tile_width + _GAP))
    lines = min(_MOST_LINES, -(-len(tiles) // columns))
    places = columns * lines
    shown, left = (tiles, 0) if len(tiles) <= places else (_ends(tiles, places - 1), len(tiles) - places + 1)
    text = Text()
    for number, tile in enumerate(shown):
        if number:
            text.append("\n" if number % columns == 0 else " " * _GAP)
        text.append(fmt.fit(f" {tile.text}", tile_width), tile_style(tile.change))
    if left:
        text.append("\n" if len(shown) % columns == 0 else " " * _GAP)
        text.append(fmt.fit(say(" {count} more", count=left), tile_width), STYLES[Tone.DIM])
    return text


def _ends(tiles: Sequence[Tile], count: int) -> list[Tile]:
    """The first and the last ones: what moved little is left out."""
    head = -(-count // 2)
    return [*tiles[:head], *tiles[len(tiles) - (count - head) :]]


def tile_style(change: Decimal | None) -> Style:
    """The deeper the colour, the larger the change."""
    depth = 0 if change is None else sum(abs(change) >= step for step in _STEPS)
    return heat_style(Tone.DIM if not change else Tone.UP if change > 0 else Tone.DOWN, depth)
