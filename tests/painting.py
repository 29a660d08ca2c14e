"""Paints a screen of the app as pixels, cell by cell, as a terminal does.

It needs two fonts of fixed width, one for letters and one for Chinese.
"""

import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.cells import cell_len
from rich.color import Color, ColorType
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME

from tui.app import RotorApp

CELL = (9, 19)
_SIZE = 15
_LETTERS, _CHINESE = "DejaVu Sans Mono", "Noto Sans Mono CJK SC"

Rgb = tuple[int, int, int]

_DRAWN = """
─lr │ud ┌rd ┐ld └ru ┘lu ├rud ┤lud ┬lrd ┴lru ┼lrud ╭rd ╮ld ╰ru ╯lu ╌lr ╎ud ┄lr ┆ud ╴l ╵u ╶r ╷d
━LR ┃UD ┏RD ┓LD ┗RU ┛LU ┣RUD ┫LUD ┳LRD ┻LRU ╋LRUD ╸L ╹U ╺R ╻D
"""
_ARMS = {drawn[0]: drawn[1:] for drawn in _DRAWN.split()}
"""To which sides a character has a line: left, right, up, down; a capital is a heavy one."""
_DASHED = frozenset("╌╎┄┆")
# Bit of a Braille character to its dot: column, row.
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))


def painted(app: RotorApp) -> Image.Image:
    """What the screen shows now."""
    strips = app.screen._compositor.render_strips()
    width, height = app.size
    image = Image.new("RGB", (width * CELL[0], height * CELL[1]))
    draw = ImageDraw.Draw(image)
    ground = _rgb(Color.parse(app.current_theme.background or "#000000"), foreground=False)
    for y, strip in enumerate(strips):
        for x, text, style in _cells(strip):
            _paint(draw, x, y, text, style, ground)
    return image


def _cells(strip: Iterable[Segment]) -> Iterator[tuple[int, str, Style]]:
    x = 0
    for segment in strip:
        for character in segment.text:
            yield x, character, segment.style or Style()
            x += cell_len(character)


def _paint(draw: ImageDraw.ImageDraw, x: int, y: int, text: str, style: Style, ground: Rgb) -> None:
    front = _rgb(style.color, foreground=True)
    back = ground if style.bgcolor is None or style.bgcolor.is_default else _rgb(style.bgcolor, foreground=False)
    if style.dim:
        front = _mixed(front, back)
    if style.reverse:
        front, back = back, front
    (width, height), left, top = CELL, x * CELL[0], y * CELL[1]
    cells = max(1, cell_len(text))
    draw.rectangle((left, top, left + width * cells - 1, top + height - 1), fill=back)
    if text in _ARMS:
        _paint_lines(draw, left, top, text, front)
    elif "\u2800" <= text <= "\u28ff":
        _paint_dots(draw, left, top, ord(text) - 0x2800, front)
    elif text.strip():
        font = _font(_CHINESE if cells == 2 else _LETTERS, bold=bool(style.bold))
        draw.text((left + width * cells / 2, top + height / 2), text, fill=front, font=font, anchor="mm")
    if style.underline:
        draw.line((left, top + height - 2, left + width * cells - 1, top + height - 2), fill=front)


def _paint_lines(draw: ImageDraw.ImageDraw, left: int, top: int, text: str, color: Rgb) -> None:
    width, height = CELL
    middle, centre = left + width // 2, top + height // 2
    ends = {"l": (left, centre), "r": (left + width - 1, centre), "u": (middle, top), "d": (middle, top + height - 1)}
    for arm in _ARMS[text]:
        x, y = ends[arm.lower()]
        if text in _DASHED:
            x, y = x + (middle - x) // 3, y + (centre - y) // 3
        thick = int(arm.isupper())
        corners = (min(x, middle), min(y, centre), max(x, middle) + thick, max(y, centre) + thick)
        draw.rectangle(corners, fill=color)


def _paint_dots(draw: ImageDraw.ImageDraw, left: int, top: int, bits: int, color: Rgb) -> None:
    width, height = CELL
    for bit, (column, row) in enumerate(_DOTS):
        if bits >> bit & 1:
            x, y = left + width * (2 * column + 1) / 4, top + height * (2 * row + 1) / 8
            draw.ellipse((x - 1.2, y - 1.2, x + 1.2, y + 1.2), fill=color)


def _rgb(color: Color | None, *, foreground: bool) -> Rgb:
    known = color if color is not None and color.type is not ColorType.DEFAULT else Color.default()
    found = known.get_truecolor(DEFAULT_TERMINAL_THEME, foreground=foreground)
    return found.red, found.green, found.blue


def _mixed(one: Rgb, other: Rgb) -> Rgb:
    return (one[0] + other[0]) // 2, (one[1] + other[1]) // 2, (one[2] + other[2]) // 2


@cache
def _font(family: str, *, bold: bool) -> ImageFont.FreeTypeFont:
    """Raises `SystemExit` where the font is not installed."""
    asked = f"{family}:bold" if bold else family
    found = subprocess.run(
        ["fc-match", "-f", "%{file}\t%{index}\t%{family}", asked], capture_output=True, text=True, check=True
    )
    file, index, name = found.stdout.split("\t")
    if family not in name:
        raise SystemExit(f"install the font {family!r}: the pictures are painted with it")
    return ImageFont.truetype(str(Path(file)), _SIZE, index=int(index) & 0xFFFF)
