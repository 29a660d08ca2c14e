"""What adopting a holding would do: its stop levels, and whether one is crossed already."""

from decimal import Decimal

from core.engine.assembly import Components
from core.i18n import say
from core.model.account import Owned
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.order import Origin
from core.model.quote import Quote
from core.model.snapshot import Adoption, AdoptionLevels
from core.rules.stops import NO_STOPS, Levels, crossed


def adoption_of(
    components: Components, code: BondCode, more: int, cost: Decimal, owned: Owned | None, found: Maybe[Quote]
) -> Adoption:
    """Adopting `more` 张 that cost `cost`, beside what is owned of the bond, at this quote."""

    def at(price: Decimal) -> AdoptionLevels:
        return _levels(components, price, _mean(price, more, owned), found)

    if isinstance(found, Unknown):
        none = Unknown(say("there is no price to take as the basis: {reason}", reason=found.reason))
        return Adoption(code, more, at(cost), none)
    return Adoption(code, more, at(cost), Known(at(found.value.last)))


def _mean(price: Decimal, more: int, owned: Owned | None) -> Decimal:
    """The cost of it all afterwards, as the ledger reckons it."""
    if owned is None or price <= 0 or owned.cost <= 0:
        return price if owned is None else Decimal(0)
    return (owned.cost * owned.volume + price * more) / (owned.volume + more)


def _levels(components: Components, price: Decimal, mean: Decimal, found: Maybe[Quote]) -> AdoptionLevels:
    settings, ratios = components.settings.stops, components.followed_record.ratios
    if not settings.enabled:
        return AdoptionLevels(price, note=say("stops are off (stops.enabled = false)"))
    quote = found.value if isinstance(found, Known) else None
    levels = components.stops.levels(mean, quote, ratios)
    caveats = (*ratios.troubles, levels.value.doubt if isinstance(levels, Known) else "")
    note = next((text for text in caveats if text), "")
    if settings.basis != "prev_close" and price <= 0:
        note = say("the account gives its cost as {cost}: at or below zero there is no stop level", cost=price)
    if isinstance(levels, Unknown):
        return AdoptionLevels(price, note=note or levels.reason)
    loss, profit = levels.value.loss, levels.value.profit
    if loss is None and profit is None:
        return AdoptionLevels(price, note=note or say(NO_STOPS))
    return AdoptionLevels(price, loss, profit, note, _through(levels.value, found))


def _through(levels: Levels, found: Maybe[Quote]) -> str:
    if isinstance(found, Unknown):
        return say("whether a level is crossed already is not known: {reason}", reason=found.reason)
    last = found.value.last
    origin = crossed(last, levels)
    if origin is None:
        return ""
    level = levels.loss if origin is Origin.STOP_LOSS else levels.profit
    return say(
        "today's price {last} is beyond the {origin} {level} already: it is sold at the next price",
        last=last,
        origin=say(origin),
        level=level,
    )
