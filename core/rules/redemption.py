"""The events that destroy money in a convertible bond: what must not be bought, and what held has to go in time.

A bond that is called trades until a set day and is redeemed days later near 100 CNY, whatever it cost: 123258 stood at
241.500 and was redeemed at 100.050 in October 2026. Trading ends three full sessions before a bond's maturity.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.i18n import say
from core.model.bond import BondCode
from core.model.bond_info import BondFacts, BondInfo, RedemptionState, Sourced
from core.model.settings import GuardSettings

SessionsBetween = Callable[[date, date], int]
"""How many sessions come after the first day, up to the second one; negative where that lies before."""


@dataclass(frozen=True, slots=True)
class HeldDanger:
    """What a holder has to know: `text` in full, with the money at stake, `short` beside a row that names the bond;
    `sell`, whether it has to go now."""

    code: BondCode
    text: str
    short: str
    sell: bool


def why_not_bought(
    bond_info: BondInfo, today: date, sessions_between: SessionsBetween, guards: GuardSettings
) -> str | None:
    """The first rule that forbids to buy the bond, with its figure and its source's date; None where none does."""
    rules = (
        _restricted(bond_info),
        _last_days(bond_info, today, sessions_between, guards),
        _called(bond_info),
        _nearly_called(bond_info, guards),
        _maturing(bond_info, today, guards),
        _new(bond_info, today, sessions_between, guards),
    )
    found = next((rule for rule in rules if rule is not None), None)
    if found is not None or guards.redemption != "required":
        return found
    return why_unknown(bond_info, today)


def why_unknown(bond_info: BondInfo, today: date) -> str | None:
    """Why it is unknown whether the bond is called or newly listed; None where both are known."""
    return _call_unknown(bond_info) or _listing_unknown(bond_info, today)


def _listing_unknown(bond_info: BondInfo, today: date) -> str | None:
    """Conversion begins six months after the issue at the earliest: a bond that converts already is not new."""
    begun = bond_info.converts_from
    if bond_info.listed is not None or (begun is not None and begun.value <= today):
        return None
    return say("its listing date is unknown")


def _call_unknown(bond_info: BondInfo) -> str | None:
    if bond_info.call is None:
        missing = bond_info.missing or say("no source has it")
        return say("redemption status unknown: {missing}", missing=missing)
    if bond_info.call.value is RedemptionState.UNREADABLE:
        why = bond_info.call.by.unreadable or say("it cannot be read")
        return say("redemption status unknown: {why} {source}", why=why, source=_by(bond_info.call))
    if bond_info.missing is not None:
        return say("redemption status unknown: {missing}", missing=bond_info.missing)
    return None


def held_danger(
    bond_info: BondInfo,
    name: str,
    volume: int,
    last: Decimal | None,
    today: date,
    sessions_between: SessionsBetween,
    guards: GuardSettings,
) -> HeldDanger | None:
    """What threatens a holding of `volume` 张 at `last` CNY per 张; None where nothing is known that does."""
    last_trade, call = bond_info.last_trade, bond_info.call
    called = call is not None and call.value is RedemptionState.CALLED
    sell = False
    if last_trade is not None:
        left = sessions_between(today, last_trade.value)
        if left > guards.min_days_to_last_trade and not called:
            return None
        event = say("called") if called else say("its trading ends")
        short = say("{event}, {when} {source}", event=event, when=_when(last_trade.value, left), source=_by(last_trade))
        sell = 0 <= left <= guards.sell_days_before_last_trade
    elif call is not None and call.value in (RedemptionState.CALLED, RedemptionState.MET, RedemptionState.MATURING):
        unknown = say("last trading day not known yet")
        short = say("{event}, {when} {source}", event=say(call.value), when=unknown, source=_by(call))
    else:
        return None
    stake = _stake(bond_info, volume, last) if called and volume else ""
    text = say("{code} {name}: {what}{stake}", code=bond_info.code, name=name, what=short, stake=stake)
    return HeldDanger(bond_info.code, text, short, sell)


def _when(last_trade: date, left: int) -> str:
    if left < 0:
        return say("trading ended on {day}: convert it or await the redemption", day=last_trade)
    if left == 0:
        return say("today is its last trading day")
    return say("last trading day {day}, {left} sessions away", day=last_trade, left=left)


def _stake(bond_info: BondInfo, volume: int, last: Decimal | None) -> str:
    """The money that is lost where the bond is forgotten, CNY."""
    price = bond_info.redemption_price
    if price is None or last is None:
        return ""
    return say(
        "; redeemed at {price} against {last} now: {stake:,.2f} CNY at stake on {volume} 张",
        price=price.value,
        last=last,
        stake=(last - price.value) * volume,
        volume=volume,
    )


def _restricted(bond_info: BondInfo) -> str | None:
    fact = bond_info.restricted
    return say("restricted: {why} {source}", why=fact.value, source=_by(fact)) if fact and fact.value else None


def _last_days(
    bond_info: BondInfo, today: date, sessions_between: SessionsBetween, guards: GuardSettings
) -> str | None:
    fact = bond_info.last_trade
    if fact is None:
        return None
    left = sessions_between(today, fact.value)
    if left < 0:
        return say("its trading ended on {day} {source}", day=fact.value, source=_by(fact))
    if bond_info.call is not None and bond_info.call.value is RedemptionState.CALLED:
        return say("called: {when} {source}", when=_when(fact.value, left), source=_by(fact))
    if left > guards.min_days_to_last_trade:
        return None
    return say(
        "its trading ends: {when} (guards.min_days_to_last_trade = {least}) {source}",
        when=_when(fact.value, left),
        least=guards.min_days_to_last_trade,
        source=_by(fact),
    )


def _called(bond_info: BondInfo) -> str | None:
    fact = bond_info.call
    if fact is None or fact.value not in (RedemptionState.CALLED, RedemptionState.MET, RedemptionState.MATURING):
        return None
    return say("{event} {source}", event=say(fact.value), source=_by(fact))


def _nearly_called(bond_info: BondInfo, guards: GuardSettings) -> str | None:
    fact, call = bond_info.counted, bond_info.call
    if fact is None or (call is not None and call.value is RedemptionState.DECLINED):
        return None
    days, needed = fact.value
    left = max(needed - days, 0)
    if left > guards.min_days_to_call:
        return None
    return say(
        "may be called in {left} sessions: {days} of {needed} days counted "
        "(guards.min_days_to_call = {least}) {source}",
        left=left,
        days=days,
        needed=needed,
        least=guards.min_days_to_call,
        source=_by(fact),
    )


def _maturing(bond_info: BondInfo, today: date, guards: GuardSettings) -> str | None:
    fact = bond_info.maturity
    if fact is None:
        return None
    left = (fact.value - today).days
    if left < 0:
        return say("matured on {day} {source}", day=fact.value, source=_by(fact))
    if left >= guards.min_days_to_maturity:
        return None
    return say(
        "matures on {day}, in {left} days (guards.min_days_to_maturity = {least}) {source}",
        day=fact.value,
        left=left,
        least=guards.min_days_to_maturity,
        source=_by(fact),
    )


def _new(bond_info: BondInfo, today: date, sessions_between: SessionsBetween, guards: GuardSettings) -> str | None:
    fact = bond_info.listed
    if fact is None:
        return None
    if fact.value > today:
        return say("listed only from {day} on {source}", day=fact.value, source=_by(fact))
    since = sessions_between(fact.value, today)
    if since > guards.min_days_listed:
        return None
    return say(
        "listed on {day}, {since} sessions ago (guards.min_days_listed = {least}) {source}",
        day=fact.value,
        since=since,
        least=guards.min_days_listed,
        source=_by(fact),
    )


def _by(fact: Sourced[object]) -> str:
    facts: BondFacts = fact.by
    return f"[{facts.source} {facts.as_of:%Y-%m-%d %H:%M}]"
