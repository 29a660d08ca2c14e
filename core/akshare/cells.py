"""The cells of a table as what they mean: a wrong one is a reason to refuse the table, an empty one is None."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from core.akshare.client import Table, TableRefused
from core.i18n import say
from core.model.bond import BondCode, CodeRefused

_NOTHING = frozenset({"", "-", "--", "nan", "None"})
_TAGS = re.compile(r"<[^>]*>")


def plain(text: str | None) -> str:
    """Without the HTML that jisilu leaves in its cells."""
    return " ".join(_TAGS.sub(" ", text or "").split())


def number(text: str | None, column: str) -> Decimal | None:
    """A figure, None for an empty cell. Raises `TableRefused`."""
    if text is None or text.strip() in _NOTHING:
        return None
    try:
        found = Decimal(text.strip().removesuffix("%"))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise TableRefused(say("its {column} holds {text}, which is no figure", column=column, text=repr(text[:20])))
    return found


def day(text: str | None, column: str) -> date | None:
    """A day such as 2026-09-11 or 20260911, None for an empty cell. Raises `TableRefused`."""
    if text is None or text.strip() in _NOTHING:
        return None
    digits = text.strip()[:10].replace("-", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        raise TableRefused(
            say("its {column} holds {text}, which is no day", column=column, text=repr(text[:20]))
        ) from None


def bond(text: str | None) -> BondCode | None:
    """The bond of a row, None for one that is not traded here. Raises `TableRefused` for what is no code."""
    digits = (text or "").strip()
    if not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
        raise TableRefused(say("it names {text}, which is no code", text=repr(digits[:20])))
    try:
        return BondCode(digits)
    except CodeRefused:
        return None


def by_bond(table: Table, column: str) -> Iterator[tuple[BondCode, Mapping[str, str | None]]]:
    """The rows of the bonds that are traded here, by their code in `column`. Raises `TableRefused`."""
    seen: set[BondCode] = set()
    for row in table.rows:
        code = bond(row[column])
        if code is None:
            continue
        if code in seen:
            raise TableRefused(say("it names {code} twice", code=code))
        seen.add(code)
        yield code, row


def check_filled(table: Table, column: str, least: float) -> None:
    """Raises `TableRefused` where fewer than `least` (a ratio) of the cells of this column are filled."""
    filled = sum((row[column] or "").strip() not in _NOTHING for row in table.rows)
    if filled < least * len(table.rows):
        raise TableRefused(
            say(
                "its {column} is filled in {filled} of {rows} rows only",
                column=column,
                filled=filled,
                rows=len(table.rows),
            )
        )
