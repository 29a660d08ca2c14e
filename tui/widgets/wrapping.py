"""Where a text may be broken: at spaces and between Chinese characters, not between a figure and its unit."""

import re

from rich.cells import cell_len

_CHINESE = "\u3000-\u303f\u3400-\u9fff\uff00-\uffef"
_PIECE = re.compile(rf"\s+|[{_CHINESE}]|[^\s{_CHINESE}]+")
_OPENING = "（「『《【"
_CLOSING = "，。、：；！？）」』》】"
_DATE, _TIME = re.compile(r"\d\d-\d\d $"), re.compile(r"\d\d:\d\d")
_UNITS = ("CNY", "%", *"张元亿万天日年月周个只条笔次家股手点秒分时")


def pieces(text: str) -> list[str]:
    """The text in parts that are never broken unless one is wider than the line; spaces are at the end of a part."""
    found: list[str] = []
    for piece in _PIECE.findall(text):
        if found and (piece.isspace() or _holds_on(found[-1], piece)):
            found[-1] += piece
        else:
            found.append(piece)
    return found


def _holds_on(before: str, piece: str) -> bool:
    """Whether the piece must stay with the part before it."""
    figure = before.rstrip(" ")[-1:].isdigit() and len(before) - len(before.rstrip(" ")) <= 1
    moment = _TIME.match(piece) is not None and _DATE.search(before) is not None
    return moment or (figure and piece in _UNITS) or before[-1] in _OPENING or piece[0] in _CLOSING


def line_ends(text: str, width: int) -> list[int]:
    """The places at which a new line of at most so many cells begins."""
    ends: list[int] = []
    place = used = 0
    for piece in pieces(text):
        if used and used + cell_len(piece.rstrip()) > width:
            ends.append(place)
            used = 0
        for char in piece:
            # A part that is wider than a line is broken anywhere; spaces at its end may stand over.
            if used and used + cell_len(char) > width and not char.isspace():
                ends.append(place)
                used = 0
            used += cell_len(char)
            place += 1
    return ends
