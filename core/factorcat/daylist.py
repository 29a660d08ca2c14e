"""The day's list, taken whole or not at all: a row that is skipped would be a bond that is sold."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import cast

from pydantic import StrictFloat, StrictInt, StrictStr, ValidationError

from core.factorcat.errors import BadAnswer, ListRefused
from core.factorcat.schemas import Wire, checked, decoded, first_fault
from core.factorcat.words import plain
from core.infra.clock import SHANGHAI
from core.model.bond import BondCode, CodeRefused
from core.model.platform import Selected, Selection

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:.*", re.ASCII)


class DayList(Wire):
    selected_bonds: list[object]


class Row(Wire):
    """One bond; its code stands in `kzz_code` (可转债) or in `code`."""

    kzz_code: StrictStr | None = None
    code: StrictStr | None = None
    name: StrictStr
    price: StrictStr | StrictInt | StrictFloat | None = None
    trade_date: StrictStr


def read_selection(body: bytes, about: str, strategy_id: int, history_id: int, fetched_at: datetime) -> Selection:
    """The answer to today-bond-selection.

    Raises `BadAnswer` where it has another shape, `ListRefused` where a row or the list as a whole must not be traded.
    """
    rows = _rows(decoded(body, about), about)
    dated = [_bond(number, row) for number, row in enumerate(rows, 1)]
    _refuse_duplicates([bond.code for bond, _ in dated])
    return Selection(
        strategy_id=strategy_id,
        history_id=history_id,
        trade_date=_one_date([day for _, day in dated]),
        bonds=tuple(bond for bond, _ in dated),
        fetched_at=fetched_at,
    )


def _rows(data: object, about: str) -> Sequence[object]:
    if not isinstance(data, list):
        raise BadAnswer(about, "a list was expected")
    lists = cast(Sequence[object], data)
    if len(lists) != 1:
        raise ListRefused(f"one list was expected and {len(lists) or 'none'} came")
    rows = checked(DayList, lists[0], about).selected_bonds
    if not rows:
        raise ListRefused("it is empty")
    return rows


def _bond(number: int, data: object) -> tuple[Selected, date]:
    if not isinstance(data, Mapping):
        raise ListRefused(f"row {number} is not an object")
    try:
        row = Row.model_validate(data)
    except ValidationError as error:
        raise ListRefused(f"in row {number} {first_fault(error)}") from None
    return Selected(_code(number, row), plain(row.name), _price(number, row.price)), _date(number, row.trade_date)


def _code(number: int, row: Row) -> BondCode:
    text = row.code if row.kzz_code is None else row.kzz_code
    if text is None or not text.strip():
        raise ListRefused(f"row {number} has no code (neither kzz_code nor code)")
    try:
        return BondCode(text)
    except CodeRefused as refusal:
        raise ListRefused(f"row {number}: {plain(str(refusal))}") from None


def _price(number: int, given: str | float | None) -> Decimal | None:
    if given is None:
        return None
    try:
        price = Decimal(str(given))
    except InvalidOperation:
        raise ListRefused(f"row {number}: the price {plain(repr(given), 40)} is not a number") from None
    if not price.is_finite() or price <= 0:
        raise ListRefused(f"row {number}: the price {plain(str(given), 40)} is not above zero and finite")
    return price


def _date(number: int, text: str) -> date:
    """A day, or the day in Shanghai of a moment."""
    text = text.strip()
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        if _MOMENT.fullmatch(text):
            moment = datetime.fromisoformat(text)
            return moment.astimezone(SHANGHAI).date() if moment.tzinfo else moment.date()
    except (ValueError, OverflowError):
        pass
    raise ListRefused(f"row {number}: the trade_date {plain(repr(text), 40)} is not a date")


def _refuse_duplicates(codes: Sequence[BondCode]) -> None:
    rows: dict[BondCode, int] = {}
    for number, code in enumerate(codes, 1):
        if code in rows:
            raise ListRefused(f"{code} stands in it twice, in rows {rows[code]} and {number}")
        rows[code] = number


def _one_date(days: Sequence[date]) -> date:
    for number, day in enumerate(days, 1):
        if day != days[0]:
            raise ListRefused(f"it mixes two dates, {days[0]} in row 1 and {day} in row {number}")
    return days[0]
