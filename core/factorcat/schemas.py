"""Checks what the platform sends: unneeded keys are ignored, a missing key is named."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    SecretStr,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

from core.factorcat.errors import BadAnswer, SelectionRefused, plain
from core.model.bond import BondCode, CodeRefused
from core.model.platform import Selected, Selection
from core.model.quote import HIGHEST_PRICE
from core.model.time import SHANGHAI

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class WireModel(BaseModel):
    """The base of every answer. Input is hidden in errors, for it may hold a token."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def _header_safe(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not text or not all("!" <= char <= "~" for char in text):
        raise ValueError("it is empty or holds characters that no token has")
    return token


class TokenAnswer(WireModel):
    access_token: Annotated[SecretStr, AfterValidator(_header_safe)]
    username: str | None = None


class ParametersAnswer(WireModel):
    parameters: dict[str, object]


_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


def decoded(body: bytes, about: str) -> object:
    """`body` as JSON. Raises `BadAnswer`."""
    try:
        data = json.loads(body)
        if _HALF_PAIR.search(body):
            # Half of a surrogate pair can be neither stored nor shown.
            data = json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", errors="replace"))
        return data
    except (ValueError, RecursionError):
        pass
    raise BadAnswer(about, "it is not JSON")  # outside the handler: the decoder's error holds the body, and its token


def checked(model: type[M], data: object, about: str) -> M:
    """`data` as `model`. Raises `BadAnswer` naming the first key that is missing or wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        fault = first_fault(error)
    raise BadAnswer(about, fault)


def object_of(data: object, about: str) -> Mapping[str, object]:
    """`data` as an object of any keys. Raises `BadAnswer`."""
    if not isinstance(data, dict):
        raise BadAnswer(about, "it is not an object")
    return cast(Mapping[str, object], data)


def first_fault(error: ValidationError) -> str:
    """The first fault as a sentence, without the value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = plain(".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"]), 80)
    if first["type"] == "missing":
        return f"the key {where!r} is missing"
    if first["type"] in ("model_type", "dict_type"):
        return f"{where or 'it'} is not an object"
    return f"{where} is wrong ({first['msg'].lower()})"


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:.*", re.ASCII)


LONGEST_LIST = 1000
"""Bonds of a day's list at most: some 340 are listed."""


class SelectionAnswer(WireModel):
    selected_bonds: list[object]


class SelectionRow(WireModel):
    """One bond; its code is in `kzz_code` (可转债) or in `code`."""

    kzz_code: StrictStr | None = None
    code: StrictStr | None = None
    name: StrictStr
    price: StrictStr | StrictInt | StrictFloat | None = None
    trade_date: StrictStr


def read_selection(body: bytes, about: str, strategy_id: int, history_id: int, fetched_at: datetime) -> Selection:
    """The answer to today-bond-selection.

    Raises `BadAnswer` where it has another shape, `SelectionRefused` where a row or the whole list must not be traded.
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
        raise SelectionRefused(f"one list was expected and {len(lists) or 'none'} came")
    rows = checked(SelectionAnswer, lists[0], about).selected_bonds
    if len(rows) > LONGEST_LIST:
        raise SelectionRefused(f"it has {len(rows)} rows, and no more than {LONGEST_LIST} can be a day's list")
    if not rows:
        raise SelectionRefused("it is empty")
    return rows


def _bond(number: int, data: object) -> tuple[Selected, date]:
    if not isinstance(data, Mapping):
        raise SelectionRefused(f"row {number} is not an object")
    try:
        row = SelectionRow.model_validate(data)
    except ValidationError as error:
        raise SelectionRefused(f"in row {number} {first_fault(error)}") from None
    return Selected(_code(number, row), plain(row.name), _price(number, row.price)), _date(number, row.trade_date)


def _code(number: int, row: SelectionRow) -> BondCode:
    text = row.code if row.kzz_code is None else row.kzz_code
    if text is None or not text.strip():
        raise SelectionRefused(f"row {number} has no code (neither kzz_code nor code)")
    try:
        return BondCode(text)
    except CodeRefused as refusal:
        raise SelectionRefused(f"row {number}: {plain(str(refusal))}") from None


def _price(number: int, given: str | float | None) -> Decimal | None:
    if given is None:
        return None
    try:
        price = Decimal(str(given))
    except InvalidOperation:
        raise SelectionRefused(f"row {number}: the price {plain(repr(given), 40)} is not a number") from None
    if not price.is_finite() or not 0 < price <= HIGHEST_PRICE:
        raise SelectionRefused(
            f"row {number}: the price {plain(str(given), 40)} is not above zero and finite, at most {HIGHEST_PRICE}"
        )
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
    raise SelectionRefused(f"row {number}: the trade_date {plain(repr(text), 40)} is not a date")


def _refuse_duplicates(codes: Sequence[BondCode]) -> None:
    rows: dict[BondCode, int] = {}
    for number, code in enumerate(codes, 1):
        if code in rows:
            raise SelectionRefused(f"{code} stands in it twice, in rows {rows[code]} and {number}")
        rows[code] = number


def _one_date(days: Sequence[date]) -> date:
    for number, day in enumerate(days, 1):
        if day != days[0]:
            raise SelectionRefused(f"it mixes two dates, {days[0]} in row 1 and {day} in row {number}")
    return days[0]
