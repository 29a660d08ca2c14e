"""Two sources for one price: an order whose two prices differ is not sent.

What this catches was in production in October 2026: a reader of a quote line that had shifted by a field. Its last
price was right, its previous close was the open, its volume was the day's change in percent.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from core.i18n import say
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote

PREV_CLOSE_RATIO = Decimal("0.001")
"""How far apart two sources' previous closes may be: that figure does not move all day."""

VOLUME_FACTOR = 5
"""How far apart, as a factor, the day's volumes may be: sources lag by seconds, a wrong unit (手, 张) is ten times."""


def doubts(
    first: Mapping[BondCode, Maybe[Quote]],
    second: Mapping[BondCode, Maybe[Quote]],
    today: date,
    ratio: Decimal,
) -> dict[BondCode, str]:
    """Why a second source does not confirm the price, for each bond where it does not."""
    found: dict[BondCode, str] = {}
    for code, quote in first.items():
        if isinstance(quote, Known):
            reason = _doubt(quote.value, second.get(code), today, ratio)
            if reason is not None:
                found[code] = reason
    return found


def disagreement(first: Quote, second: Quote, ratio: Decimal) -> str | None:
    """That last prices are further apart than `ratio`, or other figures than they can be; None where they are not."""
    reason = price_disagreement(first, second, ratio)
    if reason is not None:
        return reason
    reason = prev_close_disagreement(first, second)
    if reason is not None:
        return reason
    low, high = sorted((first.volume, second.volume))
    if low > 0 and high > VOLUME_FACTOR * low:
        limit = say("at most {factor} times", factor=VOLUME_FACTOR)
        return _disagree(say("volume", context="market"), first.volume, second.volume, first, second, limit)
    return None


def prev_closes_differ(one: Decimal, other: Decimal) -> bool:
    """Whether two figures cannot both be the bond's previous close."""
    return _apart(one, other, PREV_CLOSE_RATIO)


def prev_close_disagreement(first: Quote, second: Quote) -> str | None:
    """That previous closes are not the same; None where they are, or one is not known."""
    before, other = first.prev_close, second.prev_close
    if before is None or other is None or not prev_closes_differ(before, other):
        return None
    limit = say("at most {ratio:.1%} apart", ratio=PREV_CLOSE_RATIO)
    return _disagree(say("previous close"), before, other, first, second, limit)


def price_disagreement(first: Quote, second: Quote, ratio: Decimal) -> str | None:
    """That last prices are further apart than `ratio`; None where they are not."""
    if not _apart(first.last, second.last, ratio):
        return None
    limit = f"guards.cross_check_ratio = {ratio}"
    return _disagree(say("last price"), first.last, second.last, first, second, limit)


def _apart(one: Decimal, other: Decimal, ratio: Decimal) -> bool:
    return abs(one - other) > ratio * one


def _disagree(what: str, one: object, other: object, first: Quote, second: Quote, limit: str) -> str:
    return say(
        "two sources disagree: {what} {one} ({source} {at:%H:%M:%S}), {other} ({second} {then:%H:%M:%S}); {limit}",
        what=what,
        one=one,
        source=first.source,
        at=first.at,
        other=other,
        second=second.source,
        then=second.at,
        limit=limit,
    )


def _doubt(first: Quote, found: Maybe[Quote] | None, today: date, ratio: Decimal) -> str | None:
    if found is None or isinstance(found, Unknown):
        reason = found.reason if found is not None else say("there is none")
        return say("a second source does not confirm the price: {reason}", reason=reason)
    second = found.value
    if second.source == first.source:  # the source in use may have changed between the two questions
        same = say("both quotes come from {source}", source=first.source)
        return say("a second source does not confirm the price: {reason}", reason=same)
    if second.at.date() != today:
        return say(
            "a second source does not confirm the price: {source}'s is from {at:%Y-%m-%d}",
            source=second.source,
            at=second.at,
        )
    return disagreement(first, second, ratio)
