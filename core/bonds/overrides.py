"""The user's corrections of bond data: `bonds.csv` in the data folder. They come before every table.

A header `code,call,last_trade,redemption_price,maturity,listed,restricted`, of which every column but the first may be
left out, and a line for each bond. `call` is one of none, met, declined, called, maturing. An empty cell leaves the
value to the tables. `restricted` is why the bond must not be bought; `no` means that anybody may buy it.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from core.i18n import listed, say
from core.infra.user_files import AROUND, UserFileRefused, parse_code, used_lines
from core.model.bond import BondCode, CodeRefused
from core.model.bond_info import BondFacts, RedemptionState
from core.rules.spellings import in_ascii, parse_day, parse_price

T = TypeVar("T")

FILE = "bonds.csv"
_CALLS = {
    "none": RedemptionState.NONE,
    "met": RedemptionState.MET,
    "declined": RedemptionState.DECLINED,
    "maturing": RedemptionState.MATURING,
    "called": RedemptionState.CALLED,
}
"""From the least danger to the most."""
_COLUMNS = ("code", "call", "last_trade", "redemption_price", "maturity", "listed", "restricted")
_UNRESTRICTED = "no"
_SEPARATORS = ",\t;"
_FULL_WIDTH = str.maketrans("，；“”＂", ',;"""')
_TITLES = 10
"""Lines above the header, at most."""
_WORST_FIRST = (*reversed(_CALLS.values()),)

Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A bond's line: its cells that say something that can be read, and what they say."""

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
    """`entries` has what can be read of bad lines too: a price that is none must not cancel the exit beside it.

    `complete`: whether every column's name is known; else a value may be missing from the entries.
    """

    complete: bool
    entries: dict[BondCode, Entry] = field(default_factory=dict[BondCode, Entry])
    bad: list[BadLine] = field(default_factory=list[BadLine])


def parse_overrides(text: str, as_of: datetime) -> OverridesContent:
    """The file's lines, each judged alone. Raises `UserFileRefused` where none of the first ones names the columns."""
    lines = used_lines(text)
    place, separator, columns = _header([line for _, line in lines[:_TITLES]])
    unknown = [column for column in columns if column and column not in _COLUMNS]
    content = OverridesContent(complete=not unknown)
    if unknown:
        told = say("unknown column {column}; known are {columns}", column=repr(unknown[0]), columns=",".join(_COLUMNS))
        content.bad.append(BadLine(lines[place][0], None, told))
    for index, (number, line) in enumerate(lines):
        if index == place:
            continue
        code, entry, why = _best(_readings(line, separator, columns), as_of)
        if code is None and index < place:  # a title
            continue
        if why:
            content.bad.append(BadLine(number, code, why))
        if code is None or entry is None:
            continue
        if code in content.entries:
            content.bad.append(BadLine(number, code, say("{code} is named twice", code=code)))
            entry = _safer(content.entries[code], entry)
        content.entries[code] = entry
    return content


def read_entry(code: BondCode, cells: Cells, as_of: datetime) -> tuple[Entry, str]:
    """What can be read of the cells, and why the first of the others cannot; "" where all can."""
    read, wrong = dict[str, str](), list[str]()

    def cell(column: str, parse: Callable[[str], T]) -> T | None:
        text = cells.get(column, "")
        try:
            value = parse(text) if text else None
        except ValueError as error:
            wrong.append(str(error))
            return None
        if text:
            read[column] = text
        return value

    facts = BondFacts(
        code,
        FILE,
        as_of,
        call=cell("call", _call),
        last_trade=cell("last_trade", parse_day),
        maturity=cell("maturity", parse_day),
        listed=cell("listed", parse_day),
        redemption_price=cell("redemption_price", parse_price),
        restricted=cell("restricted", lambda text: "" if text.lower() == _UNRESTRICTED else text),
    )
    return Entry(read, facts), wrong[0] if wrong else ""


def laid_over(entry: Entry, before: Entry, as_of: datetime) -> Entry:
    """`entry`, and what only `before` says."""
    return read_entry(entry.facts.code, {**before.cells, **entry.cells}, as_of)[0]


def _safer(one: Entry, other: Entry) -> Entry:
    """Of two lines of one bond the worst call and the earliest days: a called bond sold early costs less than one that
    is held until nobody buys it."""
    cells = {**other.cells, **one.cells}
    for column, danger in _DANGERS.items():
        if column in one.cells and column in other.cells:
            cells[column] = min(one, other, key=danger).cells[column]
    return read_entry(one.facts.code, cells, one.facts.as_of)[0]


_DANGERS: Mapping[str, Callable[[Entry], date | int]] = {
    "call": lambda entry: _WORST_FIRST.index(entry.facts.call or RedemptionState.NONE),
    "last_trade": lambda entry: entry.facts.last_trade or date.max,
    "maturity": lambda entry: entry.facts.maturity or date.max,
}
"""Of a cell that is given; the least is the worst."""


def _call(text: str) -> RedemptionState:
    call = _CALLS.get(in_ascii(text).lower())
    if call is None:
        raise ValueError(say("{call} is not one of {calls}", call=repr(text), calls=listed(_CALLS)))
    return call


def _header(lines: Sequence[str]) -> tuple[int, str, Sequence[str]]:
    """The header's place, the separator and the columns. Raises `UserFileRefused`."""
    for place, line in enumerate(lines):
        for separator, text in _ways(line, _SEPARATORS):
            columns = [in_ascii(cell).strip(AROUND).lower() for cell in _split(text, separator)]
            named = [column for column in columns if column]
            if "code" in columns and len({*named}) == len(named):
                return place, separator, columns
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


def _best(readings: Iterator[Cells], as_of: datetime) -> tuple[BondCode | None, Entry | None, str]:
    """The first reading that is right, else the first that names a bond, with what can be read and what is wrong."""
    code, entry, why = None, None, ""
    for cells in readings:
        try:
            named = parse_code(cells.get("code", ""))
        except CodeRefused as error:
            why = why or str(error)
            continue
        read, wrong = read_entry(named, cells, as_of)
        if not wrong:
            return named, read, ""
        if code is None:
            code, entry, why = named, read, wrong
    return code, entry, why
