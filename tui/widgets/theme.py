"""Colours and what they mean.

All of them are members of the 256-colour cube, so that a terminal without truecolor (the usual case over ssh) shows the
same picture. Up is red and down is green, as on Chinese boards, or the other way; a sign or a word always says it too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rich.style import Style
from rich.text import Text
from textual.scrollbar import ScrollBarRender
from textual.theme import Theme

from core.model.order import OrderState, Side
from core.model.snapshot import Level


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
    """One way to look: the widgets' colours, and a style for every tone; rises and falls are `red` and `green`."""

    theme: Theme
    styles: Mapping[Tone, Style]
    red: Style
    green: Style


def _theme(name: str, colors: Mapping[str, str], own: Mapping[Tone, str], *, dark: bool = True) -> ColorTheme:
    """`own`: the tones that do not follow from the colours."""
    theme = Theme(
        name=f"rotor-{name}",
        primary=colors["primary"],
        secondary=colors["primary"],
        accent=colors["primary"],
        foreground=colors["text"],
        background=colors["background"],
        surface=colors["surface"],
        panel=colors["panel"],
        success=colors["good"],
        warning=colors["warn"],
        error=colors["bad"],
        dark=dark,
        variables={name: colors[name] for name in ("line", "dim", "loud", "wrong", "field", "thumb")},
    )
    tones = {
        Tone.TEXT: colors["text"],
        Tone.DIM: colors["dim"],
        Tone.STRONG: f"bold {colors['strong']}",
        Tone.TITLE: f"bold {colors['primary']}",
        Tone.BUY: colors["green"],
        Tone.SELL: colors["red"],
        Tone.GOOD: colors["good"],
        Tone.WARN: f"bold {colors['warn']}",
        Tone.BAD: f"bold {colors['red']}",
        Tone.KEY: f"bold {colors['primary']}",
        Tone.LOUD: f"bold #ffffff on {colors['loud']}",
        Tone.SANDBOX: f"bold {colors['background']} on {colors['good']}",
        Tone.PAPER: f"bold {colors['background']} on {colors['primary']}",
        Tone.CURSOR: "bold #ffffff on #005f87",
        Tone.CURSOR_AWAY: f"on {colors['field']}",
        Tone.HEADER: f"on {colors['surface']}",
        Tone.FOUND: "bold reverse",
        **own,
    }
    styles = {tone: Style.parse(spec) for tone, spec in tones.items()}
    return ColorTheme(theme, styles, Style.parse(colors["red"]), Style.parse(colors["green"]))


_DARK = {
    "primary": "#5fafff",
    "text": "#d0d0d0",
    "strong": "#eeeeee",
    "background": "#121212",
    "surface": "#1c1c1c",
    "panel": "#262626",
    "good": "#5fd7af",
    "warn": "#ffaf5f",
    "bad": "#ff8787",
    "red": "#ff8787",
    "green": "#87d787",
    "line": "#444444",
    "dim": "#9e9e9e",
    "loud": "#af0000",
    "wrong": "#3a0000",
    "field": "#303030",
    "thumb": "#585858",
}
_LIGHT = {
    "primary": "#005faf",
    "text": "#262626",
    "strong": "#000000",
    "background": "#ffffff",
    "surface": "#eeeeee",
    "panel": "#e4e4e4",
    "good": "#005f5f",
    "warn": "#5f5f00",
    "bad": "#af0000",
    "red": "#af0000",
    "green": "#005f00",
    "line": "#b2b2b2",
    "dim": "#585858",
    "loud": "#af0000",
    "wrong": "#ffffff",
    "field": "#dadada",
    "thumb": "#9e9e9e",
}
_CONTRAST = {
    "primary": "#ffffff",
    "text": "#ffffff",
    "strong": "#ffffff",
    "background": "#000000",
    "surface": "#000000",
    "panel": "#000000",
    "good": "#ffffff",
    "warn": "#ffff00",
    "bad": "#ff8787",
    "red": "#ffafaf",
    "green": "#87ff87",
    "line": "#ffffff",
    "dim": "#d0d0d0",
    "loud": "#870000",
    "wrong": "#000000",
    "field": "#303030",
    "thumb": "#ffffff",
}
_UNDERLINED = {
    Tone.TITLE: "bold underline #ffffff",
    Tone.KEY: "bold underline #ffffff",
    Tone.PAPER: "bold #000000 on #ffff00",
    Tone.CURSOR: "bold #000000 on #ffffff",
    Tone.CURSOR_AWAY: "underline",
    Tone.HEADER: "underline",
}

THEMES: Mapping[str, ColorTheme] = {
    "dark": _theme("dark", _DARK, {Tone.BUY: "#5fd787"}),
    "light": _theme("light", _LIGHT, {}, dark=False),
    "contrast": _theme("contrast", _CONTRAST, _UNDERLINED),
}

STYLES: dict[Tone, Style] = {}
"""The style of each tone, as the user has chosen to look; looked up when something is drawn."""

MODE_TONES = {"sandbox": Tone.SANDBOX, "paper": Tone.PAPER, "live": Tone.LOUD}


def use_theme(theme: str, up: str) -> Theme:
    """Draw like this from now on; answers with the theme of the widgets. `up` is the colour of what rises."""
    chosen = THEMES[theme]
    rises, falls = (chosen.red, chosen.green) if up == "red" else (chosen.green, chosen.red)
    STYLES.update(chosen.styles)
    STYLES.update({Tone.UP: rises, Tone.DOWN: falls})
    return chosen.theme


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
