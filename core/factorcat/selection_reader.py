"""Reads today's list: strict about which bonds and of which day, tolerant about everything else.

A row that names no bond beyond doubt refuses the whole list: what it stands for may be held, and must not be sold for
being unreadable.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from core.factorcat.days import day_in
from core.factorcat.errors import BadAnswer, SelectionRefused, plain
from core.factorcat.schemas import WireModel, checked, decoded
from core.i18n import say
from core.model.bond import OTHER_KINDS, BondCode, CodeRefused
from core.model.platform import Selected, Selection, SkippedRow
from core.model.quote import HIGHEST_PRICE

LONGEST_LIST = 1000
"""Bonds of a day's list at most: some 340 are listed."""

_CODES = ("kzz_code", "code")  # 可转债 is kzz
_READ = frozenset({*_CODES, "name", "price", "trade_date"})
_MOST_EXTRAS = 20

_CODE = re.compile(r"(SH|SZ)?([0-9]{6})(?:\.([A-Z]{2,4}))?")


class SelectionAnswer(WireModel):
    selected_bonds: list[object]
    trade_date: object = None


@dataclass(frozen=True, slots=True)
class _Row:
    found: Selected | SkippedRow
    day: date | None

    @property
    def code(self) -> str:
        return self.found.code


def read_selection(body: bytes, about: str, strategy_id: int, history_id: int, fetched_at: datetime) -> Selection:
    """The answer to today-bond-selection; without rows, the list is empty.

    Raises `BadAnswer` where it has another shape, `SelectionRefused` where a row or the whole list must not be traded.
    """
    answer = _only_list(decoded(body, about), about)
    own = _date(say("the list"), answer.trade_date)
    rows = [_row(number, data) for number, data in enumerate(answer.selected_bonds, 1)]
    _refuse_duplicates([row.code for row in rows])
    return Selection(
        strategy_id=strategy_id,
        history_id=history_id,
        trade_date=_one_date(own, [row.day for row in rows]),
        bonds=tuple(row.found for row in rows if isinstance(row.found, Selected)),
        fetched_at=fetched_at,
        skipped=tuple(row.found for row in rows if isinstance(row.found, SkippedRow)),
        undated=sum(row.day is None for row in rows) if own is None else 0,
    )


def _only_list(data: object, about: str) -> SelectionAnswer:
    if not isinstance(data, list):
        raise BadAnswer(about, say("a list was expected"))
    lists = cast(Sequence[object], data)
    if not lists:
        raise SelectionRefused(say("one list was expected and none came"))
    if len(lists) > 1:
        raise SelectionRefused(say("one list was expected and {count} came", count=len(lists)))
    answer = checked(SelectionAnswer, lists[0], about)
    count = len(answer.selected_bonds)
    if count > LONGEST_LIST:
        text = say("it has {count} rows, and no more than {most} can be a day's list", count=count, most=LONGEST_LIST)
        raise SelectionRefused(text)
    return answer


def _row(number: int, data: object) -> _Row:
    where = say("row {number}", number=number)
    if not isinstance(data, Mapping):
        raise SelectionRefused(say("{where} is not an object", where=where))
    row = cast(Mapping[str, object], data)
    code, name = _code(where, row), _name(row.get("name"))
    # Read in a skipped row too: what is there and cannot be read puts the whole answer in doubt.
    price, day = _price(where, row.get("price")), _date(where, row.get("trade_date"))
    if not isinstance(code, BondCode):
        return _Row(SkippedRow(code, name, OTHER_KINDS[code[:3]]), day)
    return _Row(Selected(code, name, price, _extras(row)), day)


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _code(where: str, row: Mapping[str, object]) -> BondCode | str:
    """The bond, or the six digits of a known security that is no ordinary convertible."""
    given = {key: row[key] for key in _CODES if not _missing(row.get(key))}
    if not given:
        raise SelectionRefused(say("{where} has no code (neither kzz_code nor code)", where=where))
    codes = [_one_code(where, key, value) for key, value in given.items()]
    if len(set(codes)) > 1:
        text = say(
            "{where} names two bonds: kzz_code {first}, code {second}", where=where, first=codes[0], second=codes[1]
        )
        raise SelectionRefused(text)
    return codes[0]


def _one_code(where: str, key: str, value: object) -> BondCode | str:
    whole = _whole_number(value)
    if whole is None and not isinstance(value, str):
        raise SelectionRefused(say("{where}: {key} is neither a text nor a number", where=where, key=key))
    text = (str(value) if whole is None else str(whole)).strip().upper()
    spelt = _CODE.fullmatch(text)
    if spelt is not None:
        market, digits, suffix = spelt.groups()
        if market and suffix and market != suffix:
            raise SelectionRefused(say("{where}: {code} names two markets", where=where, code=text))
        if digits[:3] in OTHER_KINDS:
            return digits
        text = ".".join(part for part in (digits, market or suffix) if part)
    try:
        return BondCode(text)
    except CodeRefused as refusal:
        raise SelectionRefused(f"{where}: {plain(str(refusal))}") from None


def _whole_number(value: object) -> int | None:
    """A whole number, also as a table with gaps gives it: 123001.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _name(value: object) -> str:
    return plain(value) if isinstance(value, str) else ""


def _price(where: str, given: object) -> Decimal | None:
    if _missing(given):
        return None
    if not isinstance(given, str | int | float) or isinstance(given, bool):
        raise SelectionRefused(say("{where}: the price is neither a number nor a text", where=where))
    try:
        price = Decimal(str(given).strip())
    except InvalidOperation:
        text = say("{where}: the price {given} is not a number", where=where, given=plain(repr(given), 40))
        raise SelectionRefused(text) from None
    if not price.is_finite() or not 0 < price <= HIGHEST_PRICE:
        text = say(
            "{where}: the price {given} is not above zero and finite, at most {most}",
            where=where,
            given=plain(str(given), 40),
            most=HIGHEST_PRICE,
        )
        raise SelectionRefused(text)
    return price


def _date(where: str, given: object) -> date | None:
    """A day, or the day in Shanghai of a moment; None where there is none."""
    if _missing(given):
        return None
    try:
        return day_in(given)
    except ValueError:
        text = plain(repr(str(given)), 40)
    raise SelectionRefused(say("{where}: the trade_date {text} is not a date", where=where, text=text))


def _extras(row: Mapping[str, object]) -> dict[str, Any]:
    """What a row says besides: shown, never traded by."""
    others = [(key, value) for key, value in row.items() if key not in _READ][:_MOST_EXTRAS]
    return {plain(key, 40): _shown(value) for key, value in others}


def _shown(value: object) -> str | int | float | bool | None:
    if isinstance(value, str):
        return plain(value)
    if value is None or isinstance(value, int | float):
        return value
    return plain(json.dumps(value, ensure_ascii=False))


def _refuse_duplicates(codes: Sequence[str]) -> None:
    rows: dict[str, int] = {}
    for number, code in enumerate(codes, 1):
        if code in rows:
            raise SelectionRefused(
                say(
                    "{code} stands in it twice, in rows {first} and {second}",
                    code=code,
                    first=rows[code],
                    second=number,
                )
            )
        rows[code] = number


def _one_date(own: date | None, days: Iterable[date | None]) -> date | None:
    """The one date of a list: of its rows, and its own where it has one."""
    dated = [(say("row {number}", number=number), day) for number, day in enumerate(days, 1) if day is not None]
    if own is not None:
        dated.insert(0, (say("the list"), own))
    for where, day in dated:
        if day != dated[0][1]:
            text = say(
                "it mixes two dates, {first} in {place} and {second} in {where}",
                first=dated[0][1],
                place=dated[0][0],
                second=day,
                where=where,
            )
            raise SelectionRefused(text)
    return dated[0][1] if dated else None
