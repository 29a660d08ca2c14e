"""The planner: what a rebalance would do, decided from values alone, with a reason on every row."""

from dataclasses import replace
from decimal import Decimal

from core.i18n import listed, noted, say
from core.model.account import Position
from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.model.order import SALES_ALONE, Origin, Side
from core.model.plan import Blocked, Kept, Leg, Plan
from core.model.platform import Selection
from core.model.settings import Settings
from core.rules.plan_facts import NO_QUOTE, PlanFacts, complete
from core.rules.plan_input import PlanInput
from core.rules.pricing import lacks_price, suspended
from core.rules.priority import COOLING
from core.rules.selection import list_age, notes_on, notes_on_band
from core.rules.sizing import Share, affordable, fee, shares
from core.rules.ticks_and_lots import LOT, sellable_lots


def plan_for(situation: PlanInput, settings: Settings) -> Plan:
    """The plan for what the situation was gathered for: a rebalance, a refill, or a sale of one kind."""
    if situation.origin in SALES_ALONE:
        return plan_sale(situation, settings)
    return plan_buys(situation, settings) if situation.origin is Origin.REFILL else plan_rebalance(situation, settings)


def plan_sale(situation: PlanInput, settings: Settings) -> Plan:
    """The plan that sells all that the strategy owns, all of one bond, or what is leaving; it needs no list."""
    nothing = Selection(0, 0, situation.trading_day, (), situation.now)
    facts = complete(replace(situation, selection=Known(nothing)), settings)
    if isinstance(facts, Unknown):
        return _refused(situation, settings, facts.reason)
    leaves = situation.leaving if situation.origin is Origin.EXIT else facts.ledger
    codes = [code for code in sorted(facts.ledger) if situation.only in (None, code) and code in leaves]
    rows = [_sell(facts, code, situation.leaving.get(code, str(situation.origin))) for code in codes]
    legs = tuple(row for row in rows if isinstance(row, Leg))
    proceeds = sum((leg.amount - leg.fee for leg in legs), Decimal(0))
    return replace(
        _blank(situation, facts),
        list_date=None,
        list_notes=(),
        cash_after=facts.asset.cash + proceeds,
        legs=legs,
        blocked=tuple(row for row in rows if isinstance(row, Blocked)),
    )


def plan_rebalance(situation: PlanInput, settings: Settings) -> Plan:
    """The plan that makes the strategy's holdings equal to the list.

    An input that is missing, or a ledger that the account does not confirm, refuses the whole plan; a bond that cannot
    be traded blocks its own row. The buys' money counts the sells' proceeds as arrived: `plan_buys` sizes them again
    from what really did.
    """
    facts = complete(situation, settings)
    if isinstance(facts, Unknown):
        return _refused(situation, settings, facts.reason)
    sells, stuck = _sells(facts)
    proceeds = sum((leg.amount - leg.fee for leg in sells), Decimal(0))
    buys, missed = _buys(facts, facts.asset.cash + proceeds)
    going = {leg.code for leg in sells} | {row.code for row in stuck}
    spent = sum((leg.amount + leg.fee for leg in buys), Decimal(0))
    return replace(
        _blank(situation, facts),
        cash_after=facts.asset.cash + proceeds - spent,
        legs=(*sells, *buys),
        kept=tuple(row for row in _kept(facts) if row.code not in going),
        blocked=(*stuck, *missed),
        question=None if buys else _why_ask(facts, sells),
    )


def plan_buys(situation: PlanInput, settings: Settings) -> Plan:
    """The buys alone, sized from the cash that is there now; of a refill, as many as there are freed slots."""
    facts = complete(situation, settings)
    if isinstance(facts, Unknown):
        return _refused(situation, settings, facts.reason)
    buys, missed = _buys(facts, facts.asset.cash)
    spent = sum((leg.amount + leg.fee for leg in buys), Decimal(0))
    return replace(_blank(situation, facts), cash_after=facts.asset.cash - spent, legs=buys, blocked=missed)


def _refused(situation: PlanInput, settings: Settings, reason: str) -> Plan:
    asset, selection = situation.asset, situation.selection
    plan = replace(_empty(situation, asset.value.cash if isinstance(asset, Known) else None), refused=reason)
    return _of_list(plan, situation, settings, selection.value) if isinstance(selection, Known) else plan


def _blank(situation: PlanInput, facts: PlanFacts) -> Plan:
    return _of_list(_empty(situation, facts.asset.cash), situation, facts.settings, facts.selection)


def _empty(situation: PlanInput, cash: Decimal | None) -> Plan:
    """A plan without rows and without a list."""
    return Plan(
        plan_id=situation.plan_id,
        mode=situation.mode,
        trading_day=situation.trading_day,
        made_at=situation.now,
        list_date=None,
        codes=(),
        cash=cash,
        cash_after=cash,
        origin=situation.origin,
    )


def _of_list(plan: Plan, situation: PlanInput, settings: Settings, selection: Selection) -> Plan:
    age = list_age(selection, situation.list_days)
    return replace(
        plan,
        list_date=selection.trade_date,
        codes=selection.codes,
        skipped_rows=selection.skipped,
        list_age=age,
        list_notes=(*notes_on(selection, age), *notes_on_band(selection, settings.buy)),
    )


def _sells(facts: PlanFacts) -> tuple[tuple[Leg, ...], tuple[Blocked, ...]]:
    legs: list[Leg] = []
    blocked: list[Blocked] = []
    gone = {code for code in facts.ledger if facts.leaves(code)}
    for code in sorted(gone | (set(facts.ledger) & set(facts.situation.leaving))):
        row = _sell(facts, code, facts.situation.leaving.get(code) or _why_left(facts, code))
        legs.append(row) if isinstance(row, Leg) else blocked.append(row)
    return tuple(legs), tuple(blocked)


def _why_left(facts: PlanFacts, code: BondCode) -> str:
    selection, buy = facts.selection, facts.settings.buy
    if code in selection.codes:
        rank = selection.codes.index(code) + 1
        return say(
            "rank {rank}, below the first {top} and the hold band of {band}", rank=rank, top=buy.top, band=buy.hold_band
        )
    if not selection.rows:
        return say("the list is empty: out of the market")
    if selection.trade_date is None:
        return say("left the list, which has no date")
    return say("left the list of {trade_date}", trade_date=selection.trade_date)


def _sell(facts: PlanFacts, code: BondCode, why: str) -> Leg | Blocked:
    position = facts.held.get(code, Position(code, 0, 0))  # gone while its order works
    volume = sellable_lots(facts.ledger[code].volume, position)
    price = facts.price(Side.SELL, code)
    blocked = facts.busy.get(code)
    if blocked is None and volume == 0:
        blocked = say(
            "{sellable} of {volume} 张 can be sold now: not enough for an order",
            sellable=position.sellable,
            volume=position.volume,
        )
    if blocked is None and isinstance(price, Unknown):
        blocked = price.reason
    if blocked is not None or isinstance(price, Unknown):
        return Blocked(
            *(Side.SELL, code, facts.name(code)),
            say("{blocked}; cannot be sold ({why})", blocked=blocked, why=why),
            suspended=facts.suspended(code),
        )
    return _leg(facts, Side.SELL, code, volume, price.value, why)


def _buys(facts: PlanFacts, cash: Decimal) -> tuple[tuple[Leg, ...], tuple[Blocked, ...]]:
    refill = facts.situation.origin is Origin.REFILL
    wanted = [
        (rank, code)
        for rank, code in enumerate(facts.kept if refill else facts.first, 1)  # none that the next rebalance sells
        if not facts.owned(code) and not facts.volume(code)
    ]
    if not refill:  # a bond in the band keeps a place, so that the last ones wait
        wanted = wanted[: max(len(wanted) - len(facts.in_band), 0)]
    spendable = cash - facts.settings.buy.reserve
    if refill:
        wanted = [row for row in wanted if _fills_a_slot(facts, row[1])][: facts.situation.freed.slots]
        spendable = min(spendable, facts.situation.freed.money)
    held_up = [] if refill else _held_up(facts)  # what is freed counts none of them
    room = max(len(wanted) - len(held_up), 0)
    # Shared over all of them: a price that is missing, and makes a holding look stuck, must not enlarge another's buy.
    money = shares(len(wanted), spendable, facts.situation.bought_today, facts.settings)[:room]
    wanted, without_slot = wanted[:room], wanted[room:]
    legs: list[Leg] = []
    blocked: list[Blocked] = []
    for (rank, code), share in zip(wanted, money, strict=True):
        row = _buy(facts, code, rank, share)
        legs.append(row) if isinstance(row, Leg) else blocked.append(row)
    for (rank, code), stuck in zip(without_slot, reversed(held_up), strict=False):
        reason = say(
            "its slot is still taken by {code} {name}, which does not trade", code=stuck, name=facts.name(stuck)
        )
        blocked.append(_not_bought(facts, code, rank, reason))
    return tuple(legs), tuple(blocked)


def _why_ask(facts: PlanFacts, sells: tuple[Leg, ...]) -> str | None:
    """Why a plan without buys needs the user's word: the sells would turn the strategy into cash because data of the
    bonds to buy are missing, not because of the market."""
    situation, guards = facts.situation, facts.settings.guards
    going = [leg.code for leg in sells if leg.code not in situation.leaving]
    missing = [code for code in facts.first if _lacks_data(facts, code)]
    if guards.sell_without_buys == "allow" or situation.no_buys is not None or not going or not missing:
        return None
    return say(
        "{going} would be sold and nothing bought: prices or redemption data are missing of {missing}. Make a new plan "
        "when they are there, or agree to sell alone (guards.sell_without_buys).",
        going=len(going),
        missing=listed(missing[:5]) + (" ..." if len(missing) > 5 else ""),
    )


def _lacks_data(facts: PlanFacts, code: BondCode) -> bool:
    """Whether a bond that should be bought cannot be, because its price or its redemption is not known."""
    situation = facts.situation
    if facts.owned(code) or facts.volume(code) or code in situation.stopped or code in facts.busy:
        return False
    unpriced = lacks_price(situation.quotes.get(code, NO_QUOTE), situation.now, facts.settings.guards)
    return code in situation.unclear or code in situation.doubts or unpriced


def _held_up(facts: PlanFacts) -> list[BondCode]:
    """What is owned, has left the list and does not trade, as far as is known: its slot is not bought again."""
    if not facts.settings.guards.hold_slots:
        return []
    quotes = facts.situation.quotes
    gone = sorted(code for code in facts.ledger if facts.leaves(code))
    trading = {code for code in gone if isinstance(found := quotes.get(code), Known) and not suspended(found.value)}
    return [code for code in gone if code not in trading]


def _not_bought(facts: PlanFacts, code: BondCode, rank: int, reason: str) -> Blocked:
    text = say("{reason}; cannot be bought (rank {rank})", reason=reason, rank=rank)
    return Blocked(Side.BUY, code, facts.name(code), text, suspended=facts.suspended(code))


def _fills_a_slot(facts: PlanFacts, code: BondCode) -> bool:
    """Whether a refill may come to this name: one that is known to be suspended is passed over. One of which nothing is
    known is not: what is missing must not make another name's buy."""
    quote = facts.situation.quotes.get(code)
    still = isinstance(quote, Known) and suspended(quote.value)
    return code not in facts.situation.stopped and not still


def _buy(facts: PlanFacts, code: BondCode, rank: int, share: Share) -> Leg | Blocked:
    def block(reason: str) -> Blocked:
        return _not_bought(facts, code, rank, reason)

    if code in facts.situation.stopped:
        return block(say(COOLING))
    if facts.situation.no_buys is not None:
        return block(facts.situation.no_buys)
    if code in facts.busy:
        return block(facts.busy[code])
    if code in facts.situation.barred:
        return block(facts.situation.barred[code])
    price = facts.price(Side.BUY, code)
    if isinstance(price, Unknown):
        return block(price.reason)
    volume = affordable(share.money, price.value, code.exchange, facts.settings.fees)
    money = say("{money:,.2f} CNY", money=share.money)
    money = noted(money, say(share.cut)) if share.cut else money
    if volume < LOT:
        return block(say("its share of {money} buys no lot at {value}", money=money, value=price.value))
    limit = say(", at most {money}", money=money) if share.cut else ""
    why = say("fills a slot that a stop freed") if facts.situation.origin is Origin.REFILL else say("joined the list")
    reason = say("{why}, rank {rank}{limit}", why=why, rank=rank, limit=limit) + _note(facts, code)
    return _leg(facts, Side.BUY, code, volume, price.value, reason)


def _kept(facts: PlanFacts) -> tuple[Kept, ...]:
    rows: list[Kept] = []
    for rank, code in enumerate(facts.kept, 1):
        if facts.owned(code):
            reason = _why_kept(facts, rank) + _note(facts, code)
            rows.append(Kept(code, facts.name(code), facts.owned(code), True, reason))
        elif facts.volume(code):
            reason = say("rank {rank}, already held outside the strategy: not bought, never sold", rank=rank)
            rows.append(Kept(code, facts.name(code), facts.volume(code), False, reason + _note(facts, code)))
    rows += [
        Kept(
            *(code, facts.name(code), facts.owned(code), True),
            say("its row in the list was skipped: {kind}. Not sold, not bought", kind=say(skipped.kind)),
        )
        for code in sorted(facts.ledger)
        if (skipped := facts.selection.skips(code)) is not None
    ]
    return tuple(rows)


def _why_kept(facts: PlanFacts, rank: int) -> str:
    if rank <= len(facts.first):
        return say("on the list, rank {rank}", rank=rank)
    return say("rank {rank}, within the hold band below the first {top}", rank=rank, top=facts.settings.buy.top)


def _note(facts: PlanFacts, code: BondCode) -> str:
    note = facts.situation.notes.get(code)
    return f"; {note}" if note else ""


def _leg(facts: PlanFacts, side: Side, code: BondCode, volume: int, price: Decimal, reason: str) -> Leg:
    amount = price * volume
    quote = facts.situation.quotes.get(code)
    return Leg(
        *(side, code, facts.name(code), volume, price, amount),
        *(fee(code.exchange, amount, facts.settings.fees), reason),
        list_price=next((bond.price for bond in facts.selection.bonds if bond.code == code), None),
        arrival=quote.value.last if isinstance(quote, Known) else None,
    )
