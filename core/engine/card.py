"""What a record's list looks like in the market now: each bond's price, and why it could not be bought."""

from collections.abc import Collection, Mapping
from datetime import date

from core.language import say
from core.model.bond import BondCode
from core.model.command import ListedBond
from core.model.known import Known, Maybe, Unknown
from core.model.order import Side
from core.model.platform import Selection
from core.model.quote import Quote
from core.model.settings import Orders
from core.rules.precedence import COOLING
from core.rules.pricing import order_price

_NO_QUOTE = Unknown("no price: the quote source knows nothing of it")


def listed_bonds(
    selection: Selection,
    quotes: Mapping[BondCode, Maybe[Quote]],
    orders: Orders,
    today: date,
    sold_for_today: Collection[BondCode],
) -> tuple[ListedBond, ...]:
    """The list in its order, by the same rules that a plan goes by."""
    found: list[ListedBond] = []
    for bond in selection.bonds:
        quote = quotes.get(bond.code, _NO_QUOTE)
        price = order_price(Side.BUY, quote, orders, today)
        blocked = say(price.reason) if isinstance(price, Unknown) else ""
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
