"""The figures, times and fingerprints of settings, with their bounds."""

import re
from datetime import time
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from core.i18n import say

_MOST_DIGITS = 30
"""Before or behind the point; a float has up to 17."""


def is_plain(number: Decimal) -> bool:
    """Whether it can be written out and calculated with: 1e99999999 would take a hundred million digits."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_MOST_DIGITS and number.adjusted() <= _MOST_DIGITS


def _plain(number: Decimal) -> Decimal:
    if not is_plain(number):
        raise ValueError(say("has more digits than any figure here"))
    return number


Plain = AfterValidator(_plain)
Money = Annotated[Decimal, Field(ge=0, le=10**12), Plain]
Amount = Annotated[Decimal, Field(ge=1, le=10**12), Plain]
"""CNY: a trillion is more than all convertible bonds together are worth."""


def _no_percentage(value: object, *, whole: bool = False) -> object:
    """Raises `ValueError` for a percentage in a ratio's place, naming the ratio that was meant. `whole`: 1 is one."""
    text = str(value).strip()
    figure = text.rstrip("%％ ")
    try:
        number = Decimal(figure)
    except InvalidOperation:
        return value
    if not is_plain(number):
        return value  # its own check says so
    ratio = number < 1 or (whole and number == 1)
    if ratio and figure == text:
        return value
    meant = say("for {number:f} % write {ratio:f}", number=number, ratio=(number / 100).normalize())
    if figure != text:
        raise ValueError(say("{text} is no ratio: {meant}", text=text, meant=meant))
    raise ValueError(say("{text} means {percent:f} %: {meant}", text=text, percent=number * 100, meant=meant))


AsRatio = BeforeValidator(_no_percentage)
AsShare = BeforeValidator(partial(_no_percentage, whole=True))
"""1 is 100 %: what is above it, or where nobody wants as much, was typed as a percentage."""

StopRatio = Annotated[Decimal, Field(ge=Decimal("0.0001"), lt=1), Plain, AsRatio]
"""From 0.01 %: with less the level would be the basis itself."""
StopChoice = Literal["strategy", "off"]


def _session_time(text: str) -> str:
    try:
        moment = time.fromisoformat(text) if re.fullmatch("[0-9]{2}:[0-9]{2}", text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(say("{text!r} is not a time like 14:50", text=text))
    morning = time(9, 30) <= moment < time(11, 30)
    afternoon = time(13, 0) <= moment < time(14, 56)
    if not (morning or afternoon):
        raise ValueError(
            say("{text} is outside the trading hours 09:30-11:30 and 13:00-14:56, so nothing could be sent", text=text)
        )
    return text


SessionTime = Annotated[str, AfterValidator(_session_time)]


def _fingerprint(text: str) -> str:
    """The 64 digits of a SHA-256, from a form that browsers and openssl print it in."""
    digits = re.sub(r"[\s:]", "", text.rpartition("=")[2]).lower()
    if digits and not re.fullmatch("[0-9a-f]{64}", digits):
        raise ValueError(
            say(
                "should be the SHA-256 of a certificate: 64 digits 0-9 and a-f, with or without colons; this has "
                "{value} characters",
                value=len(digits),
            )
        )
    return digits


Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
