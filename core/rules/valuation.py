"""What a convertible bond is worth in shares: conversion value, premium and double-low, by today's prices of both where
they are known, else by a table.

A price of one day over a share of another gives a premium that never was: then the table's own is used, with its time.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from core.model.bond_info import BondFacts, BondInfo, Sourced
from core.model.bond_metrics import BondFigures, BondTerms, Dated, SharePrice
from core.model.quote import Quote
from core.model.time import SHANGHAI

T = TypeVar("T")

_SAME_TIME = timedelta(minutes=5)
"""How far a share's price may lag behind its bond's for the two to count as live."""

_HIGHEST = 10_000_000
"""CNY per 100 face; no bond has been worth as much."""

_FOUR = Decimal("0.0001")
_SIX = Decimal("0.000001")


def conversion_value(share_price: Decimal | None, conversion_price: Decimal | None) -> Decimal | None:
    """CNY per 100 face: what the shares are worth that 100 CNY of face value convert into."""
    if share_price is None or conversion_price is None or share_price <= 0 or conversion_price <= 0:
        return None
    value = share_price / conversion_price * 100
    return value.quantize(_FOUR) if value <= _HIGHEST else None


def premium(price: Decimal | None, value: Decimal | None) -> Decimal | None:
    """How much more than its conversion value the bond costs, a ratio."""
    return (price / value - 1).quantize(_SIX) if price is not None and value else None


def double_low(price: Decimal | None, premium: Decimal | None) -> Decimal | None:
    """双低: the price in CNY plus the premium in percent."""
    return (price + premium * 100).quantize(_FOUR) if price is not None and premium is not None else None


def terms(info: BondInfo) -> BondTerms:
    """What moves goes by the source that was asked last; calls and last days by the order of `info`."""
    return BondTerms(
        code=info.code,
        share_code=share_code(info),
        share_name=next((facts.share for facts in info.facts if facts.share), ""),
        conversion_price=_dated(info.newest(lambda facts: facts.conversion_price)),
        rating=_dated(info.newest(lambda facts: facts.rating)),
        remaining_size=_dated(info.balance),
        call=_dated(info.call),
        counted=_dated(info.counted),
        last_trade=_dated(info.last_trade),
        maturity=_dated(info.maturity),
    )


def figures(info: BondInfo, quote: Quote | None, share: SharePrice | None) -> BondFigures:
    """`quote` and `share` are the newest prices, None where there is none."""
    price = quote.last if quote is not None else None
    found = info.newest(lambda facts: facts.conversion_price)
    live_value = conversion_value(share.price if share else None, found.value if found else None)
    if quote is not None and share is not None and live_value and _day(quote.at) == _day(share.at):
        over = premium(price, live_value)
        return BondFigures(
            code=info.code,
            price=price,
            share=share,
            conversion_value=live_value,
            premium=over,
            premium_at=min(quote.at, share.at),
            live=quote.at - share.at <= _SAME_TIME,
            double_low=double_low(price, over),
        )
    table = info.newest(lambda facts: facts.premium)
    over = table.value if table is not None else None
    return BondFigures(
        code=info.code,
        price=price,
        share=share or _share_of(info),
        conversion_value=live_value or _value_of(info),
        premium=over,
        premium_at=table.by.as_of if table is not None else None,
        premium_source=table.by.source if table is not None else "",
        double_low=double_low(price, over),
    )


def share_code(info: BondInfo) -> str:
    """Six digits of the underlying share, empty where no source has them."""
    return next((facts.share_code for facts in info.facts if facts.share_code), "")


def _share_of(info: BondInfo) -> SharePrice | None:
    """The newest price of the share in the tables."""
    found = info.newest(lambda facts: facts.share_price)
    return SharePrice(found.value, found.by.share_change, found.by.source, found.by.as_of) if found else None


def _value_of(info: BondInfo) -> Decimal | None:
    """The conversion value by the newest table that has both of its prices."""
    found = info.newest(_table_value)
    return found.value if found is not None else None


def _table_value(facts: BondFacts) -> Decimal | None:
    return conversion_value(facts.share_price, facts.conversion_price)


def _dated(found: Sourced[T] | None) -> Dated[T] | None:
    return None if found is None else Dated(found.value, found.by.source, found.by.as_of)


def _day(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()
