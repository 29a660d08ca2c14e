"""What the terminal tells of a bond beside its price: its static data, and where the account has it, `get_cb_info`.

The latter is part of the terminal's paid data; without it the terminal answers with nothing.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from core.model.bond import BondCode
from core.model.bond_info import BondFacts, Call
from core.quotes.qmt_ticks import SOURCE

_COUNT = re.compile(r"(\d{1,3})\s*/\s*(\d{1,3})\s*\|")


def read_bond(code: BondCode, detail: Mapping[str, Any], info: Mapping[str, Any], as_of: datetime) -> BondFacts:
    """A redemption date without its price is no call: a bond that matures has one too."""
    price = _price(info.get("forceRedeemPrice"))
    last_trade = _day(info.get("forceRedeemTradeDate"))
    counted = _COUNT.search(str(info.get("redeemStatus") or ""))
    return BondFacts(
        code,
        SOURCE,
        as_of,
        name=str(info.get("bondName") or detail.get("InstrumentName") or ""),
        call=Call.CALLED if price is not None and last_trade is not None else None,
        counted=(int(counted[1]), int(counted[2])) if counted else None,
        last_trade=last_trade,
        maturity=_day(info.get("bondMaturityDate")) or _day(detail.get("ExpireDate")),
        listed=_day(info.get("bondListDate")) or _day(detail.get("OpenDate")),
        redemption_price=price,
        conversion_price=_price(info.get("bondConvPrice")),
        balance=_price(info.get("bondReMainSize")),
    )


def _day(value: object) -> date | None:
    """From 20260929; 0 and 99999999 stand for none."""
    digits = str(value or "")[:8]
    if len(digits) != 8 or not digits.isdigit():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _price(value: object) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found > 0 else None
