"""Days and prices as people, Excel and data services write them."""

import re
import unicodedata
from datetime import date
from decimal import Decimal

from core.i18n import say

_QUOTES = str.maketrans(dict.fromkeys("“”„‟", '"') | dict.fromkeys("‘’‚‛", "'") | {"、": ","})
_TIME = r"(?:[ T]+(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?)?"
_SEPARATED = re.compile(rf"(\d{{4}})\s*[-/.年]\s*(\d{{1,2}})\s*[-/.月]\s*(\d{{1,2}})\s*[日号]?{_TIME}", re.ASCII)
_TOGETHER = re.compile(rf"(\d{{4}})(\d\d)(\d\d)(?:\.0|{_TIME})", re.ASCII)
_EXCEL_NUMBER = re.compile(r"\d{5}(\.\d+)?", re.ASCII)
_YEARS = range(1990, 2100)
_PRICE = re.compile(r"(?:RMB|CNY|¥)?\s*(\d{1,6}|\d{1,3},\d{3})(\.\d{1,6})?\s*(?:元|CNY|RMB)?(?:/张)?", re.ASCII)


def in_ascii(text: str) -> str:
    """Full-width letters, digits and punctuation as their ASCII forms, other characters unchanged."""
    return unicodedata.normalize("NFKC", text).translate(_QUOTES)


def parse_day(text: str) -> date:
    """Such as 2026-12-01, 2026/12/1, 20261201 or 2026年12月1日, a time of day behind it or not. Raises `ValueError`.

    Only what names one day for sure: 2026112 may be January or November, and a time of another zone another day.
    """
    plain = in_ascii(text).strip()
    match = _TOGETHER.fullmatch(plain) or _SEPARATED.fullmatch(plain)
    try:
        day = date(*map(int, match.groups())) if match else date.min
    except ValueError:
        day = date.min
    if day.year in _YEARS:
        return day
    if _EXCEL_NUMBER.fullmatch(plain):
        raise ValueError(say("{text} is Excel's number of a day: format the column as a date", text=repr(text)))
    raise ValueError(say("{text} is not a day like 2026-09-29", text=repr(text)))


def parse_price(text: str) -> Decimal:
    """CNY, such as 100.05, 100.05元, ¥100.05 or 1,000.05. Raises `ValueError`."""
    match = _PRICE.fullmatch(in_ascii(text).replace("。", ".").strip())
    price = Decimal("".join(part or "" for part in match.groups()).replace(",", "")) if match else Decimal(0)
    if not price:
        raise ValueError(say("{text} is not a price", text=repr(text)))
    return price
