"""Cells of an akshare table as values. An empty cell is None, and so is one that cannot be read, which its row names.
A table with many such rows is refused."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from core.akshare.client import Table, TableRefused
from core.i18n import say
from core.model.bond import BondCode, CodeRefused
from core.rules.spellings import parse_day
from core.rules.ticks_and_lots import LARGEST_FIGURE

T = TypeVar("T")

MOST_UNREADABLE = 0.05
"""Share of a table's rows; above it the format must have changed."""

_EMPTY = frozenset({"", "-", "--", "nan", "None"})
_TAGS = re.compile(r"<[^>]*>")


def strip_html(text: str | None) -> str:
    """Without the HTML that jisilu leaves in its cells."""
    return " ".join(_TAGS.sub(" ", text or "").split())


def parse_number(text: str | None, column: str) -> Decimal | None:
    """Raises `TableRefused`."""
    if _is_empty(text):
        return None
    try:
        number = Decimal(str(text).strip().removesuffix("%"))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) > LARGEST_FIGURE:
        raise TableRefused(say("its {column} holds {text}, which is no figure", column=column, text=_quoted(text)))
    return number


def parse_date(text: str | None, column: str) -> date | None:
    """Raises `TableRefused`."""
    if _is_empty(text):
        return None
    try:
        return parse_day(str(text))
    except ValueError:
        raise TableRefused(
            say("its {column} holds {text}, which is no day", column=column, text=_quoted(text))
        ) from None


class Row:
    """One row of a table. `unreadable` is what of it cannot be read, empty where all can."""

    def __init__(self, cells: Mapping[str, str | None]) -> None:
        self.cells = cells
        self.unreadable = ""

    def number(self, column: str) -> Decimal | None:
        return self._read(parse_number, column)

    def day(self, column: str) -> date | None:
        return self._read(parse_date, column)

    def text(self, column: str) -> str:
        return strip_html(self.cells[column])

    def shown_number(self, column: str) -> Decimal | None:
        """A figure that is shown and decides nothing: a column that is missing, a cell that cannot be read or is not
        above zero gives None, and the row stays good."""
        number = self.shown_ratio(column)
        return number if number is not None and number > 0 else None

    def shown_ratio(self, column: str) -> Decimal | None:
        """The same for a figure of either sign."""
        try:
            return parse_number(self.cells.get(column), column)
        except TableRefused:
            return None

    def shown_text(self, column: str, pattern: re.Pattern[str]) -> str | None:
        """The same for a text, None where it is not of this pattern."""
        text = strip_html(self.cells.get(column))
        return text if pattern.fullmatch(text) else None

    def code(self, column: str) -> BondCode | None:
        """None for a bond of another exchange, and where it cannot be read."""
        digits = (self.cells[column] or "").strip()
        if not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
            self.unreadable = say("it names {text}, which is no code", text=_quoted(digits))
            return None
        try:
            return BondCode(digits)
        except CodeRefused:
            return None

    def _read(self, parse: Callable[[str | None, str], T], column: str) -> T | None:
        try:
            return parse(self.cells[column], column)
        except TableRefused as error:
            self.unreadable = self.unreadable or str(error)
            return None


def read_rows(table: Table, column: str, read: Callable[[BondCode, Row], T]) -> dict[BondCode, T]:
    """Every Shanghai and Shenzhen bond, by its code in `column`.

    Raises `TableRefused` where many rows cannot be read, or two are of one bond.
    """
    found: dict[BondCode, T] = {}
    rows = [Row(cells) for cells in table.rows]
    for row in rows:
        code = row.code(column)
        if code is None:
            continue
        if code in found:
            raise TableRefused(say("it names {code} twice", code=code))
        found[code] = read(code, row)
    odd = [row.unreadable for row in rows if row.unreadable]
    if len(odd) > MOST_UNREADABLE * len(rows):
        text = say("{count} of its {rows} rows cannot be read: {why}", count=len(odd), rows=len(rows), why=odd[0])
        raise TableRefused(text)
    return found


def check_filled_ratio(table: Table, column: str, least: float) -> None:
    """Raises `TableRefused` where fewer than `least` (a ratio) of the column's cells are filled."""
    filled, rows = sum(not _is_empty(row[column]) for row in table.rows), len(table.rows)
    if filled < least * rows:
        text = say("its {column} is filled in {filled} of {rows} rows only", column=column, filled=filled, rows=rows)
        raise TableRefused(text)


def _is_empty(text: str | None) -> bool:
    return (text or "").strip() in _EMPTY


def _quoted(text: str | None) -> str:
    return repr((text or "")[:20])
