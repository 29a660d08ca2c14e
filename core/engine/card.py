"""What a bond looks like now, alone or on a record's list: its prices, and why it would not be bought."""

from collections.abc import Collection, Mapping
from datetime import datetime

from core.bonds.eligibility import Dangers
from core.i18n import say
from core.model.bond import BondCode
from core.model.card import BondCard, SourcePrice
from core.model.command import ListedBond
from core.model.known import Known, Maybe, Unknown
from core.model.order import Side
from core.model.platform import Selection
from core.model.quote import Quote
from core.model.settings import Settings
from core.quotes.failover import Sources
from core.quotes.feed import QuoteFeed
from core.rules.pricing import plan_price
from core.rules.priority import COOLING

_NO_QUOTE = Unknown("no price: the quote source knows nothing of it")


async def bond_card(code: BondCode, feed: QuoteFeed, dangers: Dangers, settings: Settings, now: datetime) -> BondCard:
    """All that is known of the bond; the verdict is by the planner's own rules."""
    found = (await feed.snapshot([code]))[code]
    prices = [SourcePrice(say(feed.name), True, found)]
    if isinstance(feed, Sources):
        second = (await feed.second([code]))[code]
        other = second.value.source if isinstance(second, Known) else say("second source")
        prices.append(SourcePrice(other, False, second))
    price = plan_price(Side.BUY, found, settings, now)
    barred = dangers.barred([code]).get(code)
    name = (found.value.name if isinstance(found, Known) else "") or dangers.name(code)
    return BondCard(
        code,
        name,
        tuple(prices),
        dangers.dossier(code),
        barred or (say(price.reason) if isinstance(price, Unknown) else ""),
        dangers.notes([code]).get(code, ""),
    )


def listed_bonds(
    selection: Selection,
    quotes: Mapping[BondCode, Maybe[Quote]],
    settings: Settings,
    now: datetime,
    sold_for_today: Collection[BondCode],
    barred: Mapping[BondCode, str],
) -> tuple[ListedBond, ...]:
    """The list in its order, by the same rules that a plan goes by."""
    found: list[ListedBond] = []
    for bond in selection.bonds:
        quote = quotes.get(bond.code, _NO_QUOTE)
        price = plan_price(Side.BUY, quote, settings, now)
        blocked = barred.get(bond.code) or (say(price.reason) if isinstance(price, Unknown) else "")
        if bond.code in sold_for_today:
            blocked = say(COOLING)
        known = quote.value if isinstance(quote, Known) else None
        found.append(
            ListedBond(
                bond.code,
                bond.name or (known.name if known else ""),
                bond.price,
                known.last if known else None,
                known.at if known else None,
                blocked,
            )
        )
    return tuple(found)
