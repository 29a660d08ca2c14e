"""The colours of each theme: three of rotor's own, and Textual's, made readable.

Textual's themes are drawn for large areas; as text, some of their colours are too faint on their own panels. Each is
moved towards white or black until the contrast is at least `LEAST_CONTRAST`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from textual.color import BLACK, WHITE, Color
from textual.theme import BUILTIN_THEMES, Theme

LEAST_CONTRAST = 4.5
"""Of text against what is behind it: level AA of the W3C's accessibility guidelines."""

_TARGET = 4.9
"""A little more, because a terminal of 256 colours shows the nearest one."""


@dataclass(frozen=True, slots=True)
class ThemeColors:
    """Colours as `#rrggbb`.

    `primary` marks what has the focus, `secondary` a second series of a chart, `line` borders without focus, `dim` what
    is read last, `field` the row of a cursor without focus, `wrong` the ground of an alarm, `loud` that of live mode.
    """

    dark: bool
    primary: str
    secondary: str
    text: str
    strong: str
    background: str
    surface: str
    panel: str
    good: str
    warn: str
    red: str
    green: str
    line: str
    dim: str
    loud: str
    wrong: str
    field: str
    cursor: str
    on_cursor: str

    @property
    def only_256(self) -> bool:
        """Whether every colour is among the terminal's 256, which take half the bytes of true colour."""
        return all(_in_256(str(getattr(self, field.name))) for field in fields(self) if field.name != "dark")


_STEPS = {0x00, 0x5F, 0x87, 0xAF, 0xD7, 0xFF}
_GREYS = set(range(8, 239, 10))


def _in_256(color: str) -> bool:
    red, green, blue = Color.parse(color).rgb
    return {red, green, blue} <= _STEPS or (red == green == blue and red in _GREYS)


_DARK = ThemeColors(
    dark=True,
    primary="#5fafff",
    secondary="#d7af5f",
    text="#d0d0d0",
    strong="#eeeeee",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    good="#5fd7af",
    warn="#ffaf5f",
    red="#ff8787",
    green="#5fd787",
    line="#444444",
    dim="#9e9e9e",
    loud="#af0000",
    wrong="#5f0000",
    field="#303030",
    cursor="#005f87",
    on_cursor="#ffffff",
)
_LIGHT = ThemeColors(
    dark=False,
    primary="#005faf",
    secondary="#87005f",
    text="#262626",
    strong="#000000",
    background="#ffffff",
    surface="#eeeeee",
    panel="#e4e4e4",
    good="#005f5f",
    warn="#5f5f00",
    red="#af0000",
    green="#005f00",
    line="#b2b2b2",
    dim="#585858",
    loud="#af0000",
    wrong="#ffffff",
    field="#dadada",
    cursor="#005f87",
    on_cursor="#ffffff",
)
_CONTRAST = ThemeColors(
    dark=True,
    primary="#ffffff",
    secondary="#ffff00",
    text="#ffffff",
    strong="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    good="#ffffff",
    warn="#ffff00",
    red="#ffafaf",
    green="#87ff87",
    line="#ffffff",
    dim="#d0d0d0",
    loud="#870000",
    wrong="#000000",
    field="#303030",
    cursor="#ffffff",
    on_cursor="#000000",
)


def _from_textual(theme: Theme) -> ThemeColors:
    """A theme of Textual's as a palette of text colours."""
    background, foreground = Color.parse(theme.background or "#121212"), Color.parse(theme.foreground or "#e0e0e0")
    surface, panel = Color.parse(theme.surface or background.hex), Color.parse(theme.panel or background.hex)
    # A panel that is far from the background would leave no room for a faint text that is readable on both.
    surface, panel = background.blend(surface, 0.5), background.blend(panel, 0.5)
    field = background.blend(foreground, 0.13)
    wrong = background.blend(Color.parse(theme.error or "#af0000"), 0.18)
    grounds = (background, surface, panel, field, wrong)

    def text(color: str | Color | None) -> str:
        return _readable(Color.parse(color or foreground), grounds, theme.dark).hex6

    cursor = Color.parse(theme.primary).blend(background, 0.25)
    return ThemeColors(
        dark=theme.dark,
        primary=text(theme.primary),
        secondary=text(theme.accent),
        text=text(foreground),
        strong=text(foreground.blend(WHITE if theme.dark else BLACK, 0.6)),
        background=background.hex6,
        surface=surface.hex6,
        panel=panel.hex6,
        good=text(theme.success),
        warn=text(theme.warning),
        red=text(theme.error),
        green=text(theme.success),
        line=background.blend(foreground, 0.3).hex6,
        dim=text(background.blend(foreground, 0.6)),
        loud="#af0000",
        wrong=wrong.hex6,
        field=field.hex6,
        cursor=cursor.hex6,
        on_cursor=max((WHITE, BLACK), key=lambda end: contrast(end, cursor)).hex6,
    )


def contrast(one: Color, other: Color) -> float:
    """From 1, the same colour, to 21, black on white."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    parts = [part / 255 for part in color.rgb]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _readable(color: Color, grounds: tuple[Color, ...], dark: bool) -> Color:
    """The colour, moved towards white (on dark grounds) or black until it can be read on each of the grounds."""
    end = WHITE if dark else BLACK
    for step in range(21):
        moved = color.blend(end, step / 20)
        if all(contrast(moved, ground) >= _TARGET for ground in grounds):
            return moved
    return end


_TEXTUAL = ("nord", "gruvbox", "dracula", "tokyo-night", "catppuccin-mocha", "solarized-light")

PALETTES: Mapping[str, ThemeColors] = {
    "dark": _DARK,
    "light": _LIGHT,
    "contrast": _CONTRAST,
    **{name.removesuffix("-mocha"): _from_textual(BUILTIN_THEMES[name]) for name in _TEXTUAL},
}
