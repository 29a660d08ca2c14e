"""Help as text: columns and line ends by the width of what is shown, which a Chinese character takes twice."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from click.formatting import HelpFormatter

from core.i18n import say

_NOT_FIRST = frozenset("，。：；、）！？」")
"""Punctuation that does not begin a line."""

_GAP = 2


class SpokenFormatter(HelpFormatter):
    """click's, with headings and widths of the language in use."""

    def write_heading(self, heading: str) -> None:
        """As click, with the colon of the language."""
        self.write(f"{'':>{self.current_indent}}{say('{title}:', title=heading)}\n")

    def write_text(self, text: str) -> None:
        """Paragraphs, each broken into lines; one that begins with a backspace keeps its own."""
        indent = " " * self.current_indent
        for number, paragraph in enumerate(text.split("\n\n")):
            if number:
                self.write("\n")
            lines = paragraph[1:].strip("\n").split("\n") if paragraph.startswith("\b") else None
            for line in lines or wrapped(paragraph, max(self.width - len(indent), 11)):
                self.write(f"{indent}{line}".rstrip() + "\n")

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = _GAP) -> None:
        """Two columns; a long first cell has a line of its own."""
        first = min(max(columns(cell) for cell, _ in rows), col_max) + col_spacing
        for cell, text in rows:
            lines = wrapped(text, max(self.width - first - self.current_indent, 10)) if text else [""]
            lead = " " * self.current_indent + cell
            if columns(cell) > first - col_spacing:
                self.write(lead + "\n")
                lead = " " * self.current_indent
                cell = ""
            self.write((lead + " " * (first - columns(cell)) + lines[0]).rstrip() + "\n")
            for line in lines[1:]:
                self.write(" " * (first + self.current_indent) + line + "\n")


def columns(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns, broken at blanks and between Chinese characters."""
    lines, line = [], ""
    for piece in _pieces(" ".join(text.split())):
        if line and columns(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _pieces(text: str) -> Iterator[str]:
    """What stays together: a word with the blank after it, a Chinese character with the punctuation after it."""
    piece = ""
    for before, character in _pairs(text):
        apart = before == " " or (character not in _NOT_FIRST and "W" in (_wide(before), _wide(character)))
        if piece and apart and character != " ":
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    return zip(" " + text, text, strict=False)


def _wide(character: str) -> str:
    return "W" if unicodedata.east_asian_width(character) in "WF" else ""
