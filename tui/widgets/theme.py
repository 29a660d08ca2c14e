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


def _theme(
    name: str, *, dark: bool, widgets: Mapping[str, str], tones: Mapping[Tone, str], red: str, green: str
) -> ColorTheme:
    theme = Theme(
        name=f"rotor-{name}",
        primary=widgets["primary"],
        secondary=widgets["primary"],
        accent=widgets["primary"],
        foreground=widgets["text"],
        background=widgets["background"],
        surface=widgets["surface"],
        panel=widgets["panel"],
        success=widgets["good"],
        warning=widgets["warn"],
        error=widgets["bad"],
        dark=dark,
        variables={name: widgets[name] for name in ("line", "dim", "loud", "wrong", "field", "thumb")},
    )
    styles = {tone: Style.parse(spec) for tone, spec in tones.items()}
    return ColorTheme(theme, styles, Style.parse(red), Style.parse(green))


THEMES: Mapping[str, ColorTheme] = {
    "dark": _theme(
        "dark",
        dark=True,
        widgets={
            "primary": "#5fafff",
            "text": "#d0d0d0",
            "background": "#121212",
            "surface": "#1c1c1c",
            "panel": "#262626",
            "good": "#5fd7af",
            "warn": "#ffaf5f",
            "bad": "#ff8787",
            "line": "#444444",
            "dim": "#9e9e9e",
            "loud": "#af0000",
            "wrong": "#3a0000",
            "field": "#303030",
            "thumb": "#585858",
        },
        tones={
            Tone.TEXT: "#d0d0d0",
            Tone.DIM: "#9e9e9e",
            Tone.STRONG: "bold #eeeeee",
            Tone.TITLE: "bold #5fafff",
            Tone.BUY: "#5fd787",
            Tone.SELL: "#ff8787",
            Tone.GOOD: "#5fd7af",
            Tone.WARN: "bold #ffaf5f",
            Tone.BAD: "bold #ff8787",
            Tone.KEY: "bold #5fafff",
            Tone.LOUD: "bold #ffffff on #af0000",
            Tone.SANDBOX: "bold #121212 on #5fd7af",
            Tone.PAPER: "bold #121212 on #5fafff",
            Tone.CURSOR: "bold #ffffff on #005f87",
            Tone.CURSOR_AWAY: "on #303030",
            Tone.HEADER: "on #1c1c1c",
            Tone.FOUND: "bold reverse",
        },
        red="#ff8787",
        green="#87d787",
    ),
    "light": _theme(
        "light",
        dark=False,
        widgets={
            "primary": "#005faf",
            "text": "#262626",
            "background": "#ffffff",
            "surface": "#eeeeee",
            "panel": "#e4e4e4",
            "good": "#005f5f",
            "warn": "#5f5f00",
            "bad": "#af0000",
            "line": "#b2b2b2",
            "dim": "#585858",
            "loud": "#af0000",
            "wrong": "#ffffff",
            "field": "#dadada",
            "thumb": "#9e9e9e",
        },
        tones={
            Tone.TEXT: "#262626",
            Tone.DIM: "#585858",
            Tone.STRONG: "bold #000000",
            Tone.TITLE: "bold #005faf",
            Tone.BUY: "#005f00",
            Tone.SELL: "#af0000",
            Tone.GOOD: "#005f5f",
            Tone.WARN: "bold #5f5f00",
            Tone.BAD: "bold #af0000",
            Tone.KEY: "bold #005faf",
            Tone.LOUD: "bold #ffffff on #af0000",
            Tone.SANDBOX: "bold #ffffff on #005f5f",
            Tone.PAPER: "bold #ffffff on #005faf",
            Tone.CURSOR: "bold #ffffff on #005f87",
            Tone.CURSOR_AWAY: "on #dadada",
            Tone.HEADER: "on #eeeeee",
            Tone.FOUND: "bold reverse",
        },
        red="#af0000",
        green="#005f00",
    ),
    "contrast": _theme(
        "contrast",
        dark=True,
        widgets={
            "primary": "#ffffff",
            "text": "#ffffff",
            "background": "#000000",
            "surface": "#000000",
            "panel": "#000000",
            "good": "#ffffff",
            "warn": "#ffff00",
            "bad": "#ff8787",
            "line": "#ffffff",
            "dim": "#d0d0d0",
            "loud": "#870000",
            "wrong": "#000000",
            "field": "#303030",
            "thumb": "#ffffff",
        },
        tones={
            Tone.TEXT: "#ffffff",
            Tone.DIM: "#d0d0d0",
            Tone.STRONG: "bold #ffffff",
            Tone.TITLE: "bold underline #ffffff",
            Tone.BUY: "#87ff87",
            Tone.SELL: "#ffafaf",
            Tone.GOOD: "#ffffff",
            Tone.WARN: "bold #ffff00",
            Tone.BAD: "bold #ffafaf",
            Tone.KEY: "bold underline #ffffff",
            Tone.LOUD: "bold #ffffff on #870000",
            Tone.SANDBOX: "bold #000000 on #ffffff",
            Tone.PAPER: "bold #000000 on #ffff00",
            Tone.CURSOR: "bold #000000 on #ffffff",
            Tone.CURSOR_AWAY: "underline",
            Tone.HEADER: "underline",
            Tone.FOUND: "bold reverse",
        },
        red="#ffafaf",
        green="#87ff87",
    ),
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
