"""Colours and what they mean.

Up and buy are red, down and sell are green, as on Chinese boards, or the other way; a sign or a word says it too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.scrollbar import ScrollBarRender
from textual.theme import Theme

from core.model.order import OrderState, Side
from core.model.snapshot import Level
from tui.widgets.palettes import PALETTES, ThemeColors


class Tone(StrEnum):
    """What a piece of text means."""

    TEXT = "text"
    DIM = "dim"
    STRONG = "strong"
    TITLE = "title"
    UP = "up"
    DOWN = "down"
    BUY = "buy"
    SELL = "sell"
    SECOND = "second"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    KEY = "key"
    LOUD = "loud"
    SANDBOX = "sandbox"
    PAPER = "paper"
    CURSOR = "cursor"
    CURSOR_AWAY = "cursor-away"
    HEADER = "header"
    FOUND = "found"


@dataclass(frozen=True, slots=True)
class ColorTheme:
    """One way to look: the widgets' colours, and a style for every tone.

    Rises and buys are in one of `red` and `green`, falls and sells in the other. `only_256`: true colour adds nothing.
    """

    theme: Theme
    styles: Mapping[Tone, Style]
    red: Style
    green: Style
    only_256: bool


def _color_theme(name: str, palette: ThemeColors, own: Mapping[Tone, str]) -> ColorTheme:
    """`own`: the tones that do not follow from the colours."""
    theme = Theme(
        name=f"rotor-{name}",
        primary=palette.primary,
        secondary=palette.secondary,
        accent=palette.primary,
        foreground=palette.text,
        background=palette.background,
        surface=palette.surface,
        panel=palette.panel,
        success=palette.good,
        warning=palette.warn,
        error=palette.red,
        dark=palette.dark,
        variables={
            name: str(getattr(palette, name))
            for name in ("line", "dim", "loud", "wrong", "field", "cursor", "on_cursor")
        },
    )
    tones = {
        Tone.TEXT: palette.text,
        Tone.DIM: palette.dim,
        Tone.STRONG: f"bold {palette.strong}",
        Tone.TITLE: f"bold {palette.primary}",
        Tone.GOOD: palette.good,
        Tone.WARN: f"bold {palette.warn}",
        Tone.BAD: f"bold {palette.red}",
        Tone.KEY: f"bold {palette.primary}",
        Tone.SECOND: palette.secondary,
        Tone.LOUD: f"bold #ffffff on {palette.loud}",
        Tone.SANDBOX: f"bold {palette.background} on {palette.good}",
        Tone.PAPER: f"bold {palette.background} on {palette.primary}",
        Tone.CURSOR: f"bold {palette.on_cursor} on {palette.cursor}",
        Tone.CURSOR_AWAY: f"on {palette.field}",
        Tone.HEADER: f"on {palette.surface}",
        Tone.FOUND: "bold reverse",
        **own,
    }
    styles = {tone: Style.parse(spec) for tone, spec in tones.items()}
    return ColorTheme(theme, styles, Style.parse(palette.red), Style.parse(palette.green), palette.only_256)


_UNDERLINED = {
    Tone.TITLE: "bold underline #ffffff",
    Tone.KEY: "bold underline #ffffff",
    Tone.PAPER: "bold #000000 on #ffff00",
    Tone.CURSOR_AWAY: "underline",
    Tone.HEADER: "underline",
}
_OWN: Mapping[str, Mapping[Tone, str]] = {"contrast": _UNDERLINED}

THEMES: Mapping[str, ColorTheme] = {
    name: _color_theme(name, palette, _OWN.get(name, {})) for name, palette in PALETTES.items()
}

STYLES: dict[Tone, Style] = {}
"""The style of each tone, as the user has chosen to look; looked up when something is drawn."""

HEAT: dict[tuple[Tone, int], Style] = {}
"""The style of a tile by what it means and how deep its colour is, from 0 to 3."""
_DEPTHS = (0.1, 0.18, 0.26, 0.34)

MODE_TONES = {"sandbox": Tone.SANDBOX, "paper": Tone.PAPER, "live": Tone.LOUD}


def use_theme(theme: str, up: str) -> ColorTheme:
    """Draw like this from now on. `up` is the colour of what rises."""
    chosen = THEMES[theme]
    rises, falls = (chosen.red, chosen.green) if up == "red" else (chosen.green, chosen.red)
    STYLES.update(chosen.styles)
    HEAT.update(_heat_styles(chosen, rises, falls))
    STYLES.update({Tone.UP: rises, Tone.BUY: rises, Tone.DOWN: falls, Tone.SELL: falls})
    return chosen


def _heat_styles(chosen: ColorTheme, rises: Style, falls: Style) -> dict[tuple[Tone, int], Style]:
    ground = Color.parse(chosen.theme.background or "#000000")
    text = chosen.styles[Tone.STRONG].color
    styles = {(Tone.DIM, depth): chosen.styles[Tone.CURSOR_AWAY] + chosen.styles[Tone.DIM] for depth in range(4)}
    for tone, style in ((Tone.UP, rises), (Tone.DOWN, falls)):
        color = Color.from_rich_color(style.color)
        for depth, part in enumerate(_DEPTHS):
            styles[tone, depth] = Style(color=text, bgcolor=ground.blend(color, part).rich_color)
    return styles


def heat_style(tone: Tone, depth: int) -> Style:
    """The style of a tile of the heat strip."""
    return HEAT[tone, depth]


use_theme("dark", "red")

LEVEL_TONES = {Level.INFO: Tone.DIM, Level.GOOD: Tone.GOOD, Level.WARNING: Tone.WARN, Level.ERROR: Tone.BAD}
SIDE_TONES = {Side.BUY: Tone.BUY, Side.SELL: Tone.SELL}

_STATE_TONES = {
    OrderState.UNKNOWN: Tone.BAD,
    OrderState.INTENDED: Tone.WARN,
    OrderState.REJECTED: Tone.BAD,
    OrderState.REFUSED: Tone.BAD,
    OrderState.CANCELLED: Tone.DIM,
    OrderState.LAPSED: Tone.DIM,
    OrderState.FILLED: Tone.GOOD,
}


def state_tone(state: OrderState) -> Tone:
    return _STATE_TONES.get(state, Tone.STRONG)


def change_tone(value: Decimal | float | None) -> Tone:
    """The tone of a signed number."""
    if value is None:
        return Tone.DIM
    return Tone.UP if value > 0 else Tone.DOWN if value < 0 else Tone.TEXT


def styled(*parts: str | tuple[str, Tone]) -> Text:
    """Text from plain strings and (string, tone) pairs; never read as markup."""
    text = Text(style=STYLES[Tone.TEXT])
    for part in parts:
        content, tone = (part, Tone.TEXT) if isinstance(part, str) else part
        text.append(content, STYLES[tone])
    return text


class PlainScrollBar(ScrollBarRender):
    """A scrollbar of coloured spaces: the partial blocks of the stock one are of ambiguous width."""

    VERTICAL_BARS = [" "] * 8
    HORIZONTAL_BARS = [" "] * 8
