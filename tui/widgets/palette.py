"""Colours and what they mean.

All of them are members of the 256-colour cube, so that a terminal without truecolor (the usual case over ssh) shows the
same picture. Up is red and down is green, as on Chinese boards; a sign or a word always says it as well.
"""

from decimal import Decimal
from enum import StrEnum

from rich.style import Style
from rich.text import Text
from textual.scrollbar import ScrollBarRender
from textual.theme import Theme

from core.model.order import OrderState, Side
from core.model.snapshot import Level

BACKGROUND = "#121212"
TEXT = "#d0d0d0"


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


STYLES = {
    Tone.TEXT: Style(color=TEXT),
    Tone.DIM: Style(color="#8a8a8a"),
    Tone.STRONG: Style(color="#eeeeee", bold=True),
    Tone.TITLE: Style(color="#5fafff", bold=True),
    Tone.UP: Style(color="#ff5f5f"),
    Tone.DOWN: Style(color="#5faf5f"),
    Tone.BUY: Style(color="#d7af87"),
    Tone.SELL: Style(color="#87afd7"),
    Tone.GOOD: Style(color="#5fd7af"),
    Tone.WARN: Style(color="#ffaf5f", bold=True),
    Tone.BAD: Style(color="#ff8787", bold=True),
}
CURSOR = Style(bgcolor="#005f87", color="#ffffff", bold=True)
CURSOR_AWAY = Style(bgcolor="#303030")
FOUND = Style(reverse=True, bold=True)
HEADER = Style(bgcolor="#1c1c1c")
KEY = Style(color="#5fafff", bold=True)
LOUD = Style(color="#ffffff", bgcolor="#af0000", bold=True)
MODE_STYLES = {
    "sandbox": Style(color="#121212", bgcolor="#5fd7af", bold=True),
    "paper": Style(color="#121212", bgcolor="#5fafff", bold=True),
    "live": LOUD,
}

THEME = Theme(
    name="rotor",
    primary="#5fafff",
    secondary="#87afd7",
    accent="#5fafff",
    foreground=TEXT,
    background=BACKGROUND,
    surface="#1c1c1c",
    panel="#262626",
    success="#5fd7af",
    warning="#ffaf5f",
    error="#d75f5f",
    dark=True,
    variables={"line": "#444444", "dim": "#8a8a8a", "loud": "#af0000"},
)

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


def words(*parts: str | tuple[str, Tone]) -> Text:
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
