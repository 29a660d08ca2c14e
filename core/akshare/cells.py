"""Cells of an akshare table as values. An empty cell is None; one that cannot be read refuses the whole table."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from core.akshare.client import Table, TableRefused
from core.i18n import say
from core.model.bond import BondCode, CodeRefused
from core.rules.ticks_and_lots import LARGEST_FIGURE

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
    """A date such as 2026-09-11 or 20260911. Raises `TableRefused`."""
    if _is_empty(text):
        return None
    digits = str(text).strip()[:10].replace("-", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        raise TableRefused(
            say("its {column} holds {text}, which is no day", column=column, text=_quoted(text))
        ) from None


def rows_by_code(table: Table, column: str) -> Iterator[tuple[BondCode, Mapping[str, str | None]]]:
    """The rows of Shanghai and Shenzhen bonds, by their code in `column`. Raises `TableRefused`."""
    seen: set[BondCode] = set()
    for row in table.rows:
        digits = (row[column] or "").strip()
        if not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
            raise TableRefused(say("it names {text}, which is no code", text=_quoted(digits)))
        try:
            code = BondCode(digits)
        except CodeRefused:  # another exchange's
            continue
        if code in seen:
            raise TableRefused(say("it names {code} twice", code=code))
        seen.add(code)
        yield code, row


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
