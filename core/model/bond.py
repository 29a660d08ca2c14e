"""Convertible bonds (可转债) and the exchanges they trade on."""

from enum import StrEnum

from core.i18n import mark, say
from core.model.errors import InvalidDataError


class Exchange(StrEnum):
    SH = "SH"
    SZ = "SZ"


class CodeRefused(InvalidDataError, ValueError):
    """A code this program will not trade; the message says why."""


OTHER_KINDS = {
    "117": mark("an exchangeable bond, not a convertible one"),
    "120": mark("an exchangeable or corporate bond, not a convertible one"),
    "124": mark("a private convertible bond"),
    "132": mark("an exchangeable bond, not a convertible one"),
    "137": mark("a private bond"),
    "145": mark("a restricted bond"),
    "400": mark("a security on the delisting board"),
    "404": mark("a bond on the delisting board"),
}
"""What codes with these first three digits name: known, and no ordinary convertible bonds."""

_HOLDABLE = "124"
"""A private one may be in the account, and in the ledger if the user took it into management."""


class BondCode(str):
    """A bond's code with its market, such as `113052.SH`: valid by construction.

    11x is Shanghai, 12x Shenzhen; every other code is refused by name, because the
    rule for stocks sends each Shanghai bond to Shenzhen. Accepts the code with or without its suffix, in either case.

    Raises `CodeRefused`.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> "BondCode":
        if isinstance(text, BondCode):
            return text
        digits, _, suffix = text.strip().upper().partition(".")
        if len(digits) != 6 or not (digits.isascii() and digits.isdigit()):
            raise CodeRefused(say("{text!r} is not a bond code: six digits are expected", text=text))
        if digits[:3] in OTHER_KINDS and digits[:3] != _HOLDABLE:
            raise CodeRefused(
                say("{digits} is {value}: it is not traded here", digits=digits, value=say(OTHER_KINDS[digits[:3]]))
            )
        market = {"11": Exchange.SH, "12": Exchange.SZ}.get(digits[:2])
        if market is None:
            raise CodeRefused(
                say("{digits} is not a convertible bond: their codes begin with 11 (SH) or 12 (SZ)", digits=digits)
            )
        if suffix and suffix != market:
            raise CodeRefused(
                say(
                    "{value} names market {suffix}, but {value_}x bonds trade in {market}",
                    value=text.strip(),
                    suffix=suffix,
                    value_=digits[:2],
                    market=market,
                )
            )
        return super().__new__(cls, f"{digits}.{market}")

    @property
    def exchange(self) -> Exchange:
        return Exchange(self[-2:])
