"""The user's corrections of bond data: `bonds.csv` in the data folder. They come before every table.

A header `code,call,last_trade,redemption_price,maturity,listed,restricted`, of which every column but the first may be
left out, and a line for each bond. `call` is one of none, met, declined, called, maturing. An empty cell leaves the
value to the tables. `restricted` is why the bond must not be bought; `no` means that anybody may buy it.
"""

import csv
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from core.i18n import say
from core.model.bond import BondCode, CodeRefused
from core.model.bond_info import BondFacts, RedemptionState
from core.model.errors import InvalidDataError
from core.model.time import SHANGHAI

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


class OverridesRefused(InvalidDataError):
    """The file is not used at all; the message names the line and what is wrong."""


def read_overrides(path: Path) -> dict[BondCode, BondFacts]:
    """Empty without a file. Raises `OverridesRefused`."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        as_of = datetime.fromtimestamp(path.stat().st_mtime, SHANGHAI)
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise OverridesRefused(say("{file} is not UTF-8: save it with the encoding UTF-8", file=path.name)) from None
    except OSError as error:
        raise OverridesRefused(
            say("{file} cannot be read: {error}", file=path.name, error=error.strerror or error)
        ) from None
    reader = csv.DictReader(text.splitlines())
    unknown = [column for column in reader.fieldnames or () if column not in _COLUMNS]
    if unknown or "code" not in (reader.fieldnames or ()):
        raise OverridesRefused(
            say("{file}: its first line must name columns of {columns}", file=path.name, columns=",".join(_COLUMNS))
        )
    found: dict[BondCode, BondFacts] = {}
    for row in reader:
        cells = {column: (value or "").strip() for column, value in row.items() if column in _COLUMNS}
        try:
            code, facts = _facts(cells, as_of)
        except (CodeRefused, ValueError, InvalidOperation) as error:
            raise OverridesRefused(
                say("{file}, line {line}: {error}", file=path.name, line=reader.line_num, error=error)
            ) from None
        if code in found:
            raise OverridesRefused(
                say("{file}, line {line}: {code} is named twice", file=path.name, line=reader.line_num, code=code)
            )
        found[code] = facts
    return found


def _facts(cells: dict[str, str], as_of: datetime) -> tuple[BondCode, BondFacts]:
    code = BondCode(cells.get("code", ""))
    call, restricted = cells.get("call", ""), cells.get("restricted", "")
    if call and call not in _CALLS:
        raise ValueError(say("{call} is not one of {calls}", call=repr(call), calls=", ".join(_CALLS)))
    return code, BondFacts(
        code,
        FILE,
        as_of,
        call=_CALLS[call] if call else None,
        last_trade=_day(cells, "last_trade"),
        maturity=_day(cells, "maturity"),
        listed=_day(cells, "listed"),
        redemption_price=_price(cells.get("redemption_price", "")),
        restricted=("" if restricted == _UNRESTRICTED else restricted) if restricted else None,
    )


def _day(cells: dict[str, str], column: str) -> date | None:
    text = cells.get(column, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError(say("{text} is not a day like 2026-09-29", text=repr(text))) from None


def _price(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or price <= 0:
        raise ValueError(say("{text} is not a price", text=repr(text)))
    return price
