"""The user's corrections of bond data: `bonds.csv` in the data folder. They come before every table.

A header `code,call,last_trade,redemption_price,maturity,listed,restricted`, of which every column but the first may be
left out, and a line for each bond. `call` is one of none, met, declined, called, maturing. An empty cell leaves the
value to the tables. `restricted` is why the bond must not be bought; `no` means that anybody may buy it.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from core.i18n import say
from core.infra.user_files import AROUND, UserFileRefused, parse_code, used_lines
from core.model.bond import BondCode, CodeRefused
from core.model.bond_info import BondFacts, RedemptionState
from core.rules.spellings import in_ascii, parse_day

FILE = "bonds.csv"
_CALLS = {
    "none": RedemptionState.NONE,
    "met": RedemptionState.MET,
    "declined": RedemptionState.DECLINED,
    "called": RedemptionState.CALLED,
    "maturing": RedemptionState.MATURING,
}
_COLUMNS = ("code", "call", "last_trade", "redemption_price", "maturity", "listed", "restricted")
_UNRESTRICTED = "no"
_SEPARATORS = ",\t;"
_FULL_WIDTH = str.maketrans("，；“”＂", ',;"""')
_PRICE = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)

Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A bond's line: its cells that are not empty, and what they say."""

    cells: Cells
    facts: BondFacts


@dataclass(frozen=True, slots=True)
class BadLine:
    """`code` is None where not even the bond can be read."""

    number: int
    code: BondCode | None
    why: str


@dataclass(frozen=True, slots=True)
class OverridesContent:
    """`complete`: whether every column's name is known; else a value may be missing from the entries."""

    complete: bool
    entries: dict[BondCode, Entry] = field(default_factory=dict[BondCode, Entry])
    bad: list[BadLine] = field(default_factory=list[BadLine])


def parse_overrides(text: str, as_of: datetime) -> OverridesContent:
    """The file's lines, each judged alone. Raises `UserFileRefused` where the first one names no columns."""
    lines = used_lines(text)
    first, header = lines[0] if lines else (1, "")
    separator, columns = _header(header)
    unknown = [column for column in columns if column and column not in _COLUMNS]
    content = OverridesContent(complete=not unknown)
    if unknown:
        told = say("unknown column {column}; known are {columns}", column=repr(unknown[0]), columns=",".join(_COLUMNS))
        content.bad.append(BadLine(first, None, told))
    for number, line in lines[1:]:
        code, entry = _best(_readings(line, separator, columns), as_of)
        if isinstance(entry, str) or code is None:
            content.bad.append(BadLine(number, code, str(entry)))
            continue
        if code in content.entries:
            content.bad.append(BadLine(number, code, say("{code} is named twice", code=code)))
        if code not in content.entries or entry.facts.call is RedemptionState.CALLED:
            content.entries[code] = entry
    return content


def entry_of(code: BondCode, cells: Cells, as_of: datetime) -> Entry:
    """Raises `ValueError`."""
    given = {column: text for column, text in cells.items() if text and column in _COLUMNS[1:]}
    call, restricted = in_ascii(given.get("call", "")).lower(), given.get("restricted")
    if call and call not in _CALLS:
        raise ValueError(say("{call} is not one of {calls}", call=repr(given["call"]), calls=", ".join(_CALLS)))
    facts = BondFacts(
        code,
        FILE,
        as_of,
        call=_CALLS[call] if call else None,
        last_trade=_day(given, "last_trade"),
        maturity=_day(given, "maturity"),
        listed=_day(given, "listed"),
        redemption_price=_price(given.get("redemption_price", "")),
        restricted="" if restricted and restricted.lower() == _UNRESTRICTED else restricted,
    )
    return Entry(given, facts)


def _header(line: str) -> tuple[str, Sequence[str]]:
    """The separator and the columns. Raises `UserFileRefused`."""
    for separator, text in _ways(line, _SEPARATORS):
        columns = [in_ascii(cell).strip(AROUND).lower() for cell in _split(text, separator)]
        named = [column for column in columns if column]
        if "code" in columns and len({*named}) == len(named):
            return separator, columns
    raise UserFileRefused(say("must name columns of {columns} in its first line", columns=",".join(_COLUMNS)))


def _readings(line: str, separator: str, columns: Sequence[str]) -> Iterator[Cells]:
    """The cells as the header separates them, then as somebody may have separated this line alone.

    With a wrong separator the right one is left in the code, which then is none.
    """
    for other, text in _ways(line, separator + _SEPARATORS.replace(separator, "")):
        cells = (cell.strip(" \t\ufeff") for cell in _split(text, other))
        yield {column: cell for column, cell in zip(columns, cells, strict=False) if column in _COLUMNS}


def _ways(line: str, separators: str) -> Iterator[tuple[str, str]]:
    return ((separator, text) for separator in separators for text in (line, line.translate(_FULL_WIDTH)))


def _split(line: str, separator: str) -> list[str]:
    """One line alone: a quotation mark that is not closed must not take the lines after it."""
    try:
        return next(csv.reader([line], delimiter=separator), list[str]())
    except csv.Error:  # longer than any line that is meant
        return []


def _best(readings: Iterator[Cells], as_of: datetime) -> tuple[BondCode | None, Entry | str]:
    """The first reading that is right, else what is wrong with the first that names a bond, or with the first."""
    wrong: tuple[BondCode | None, str] | None = None
    for cells in readings:
        code = None
        try:
            code = parse_code(cells.get("code", ""))
            return code, entry_of(code, cells, as_of)
        except (CodeRefused, ValueError) as error:
            if wrong is None or (wrong[0] is None and code is not None):
                wrong = code, str(error)
    return wrong or (None, "")


def _day(cells: Cells, column: str) -> date | None:
    text = cells.get(column, "")
    return parse_day(text) if text else None


def _price(text: str) -> Decimal | None:
    plain = in_ascii(text)
    if plain and (not _PRICE.fullmatch(plain) or not Decimal(plain)):
        raise ValueError(say("{text} is not a price", text=repr(text)))
    return Decimal(plain) if plain else None
