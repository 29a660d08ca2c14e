"""The planner: what a rebalance would do, decided from values alone, with a reason on every row."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from core.i18n import listed, mark, reasons, say
from core.model.account import Asset, Holdings, Position
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.order import SALES_ALONE, Origin, Side
from core.model.plan import Blocked, Kept, Leg, Plan
from core.model.platform import Selection
from core.model.settings import Settings
from core.rules.plan_input import PlanInput
from core.rules.pricing import lacks_price, order_price, plan_price, suspended
from core.rules.priority import COOLING
from core.rules.selection import list_age, notes_on
from core.rules.sizing import Share, affordable, fee, shares
from core.rules.ticks_and_lots import LOT, sellable_lots

_NO_QUOTE = Unknown(mark("no price: the quote source does not list the bond"))


@dataclass(frozen=True, slots=True)
class _Facts:
    """Inputs of a plan of which nothing essential is missing."""

    situation: PlanInput
    settings: Settings
    selection: Selection
    held: Mapping[BondCode, Position]
    ledger: Holdings
    asset: Asset
    busy: Mapping[BondCode, str]

    def name(self, code: BondCode) -> str:
        for bond in self.selection.bonds:
            if bond.code == code and bond.name:
                return bond.name
        quote = self.situation.quotes.get(code)
        return (quote.value.name if isinstance(quote, Known) else "") or self.situation.names.get(code, "")

    def price(self, side: Side, code: BondCode) -> Maybe[Decimal]:
        return leg_price(self.situation, self.settings, side, code)

    def suspended(self, code: BondCode) -> bool:
        quote = self.situation.quotes.get(code)
        return isinstance(quote, Known) and suspended(quote.value)

    def leaves_the_list(self, code: BondCode) -> bool:
        """Whether it is owned and no row of the list stands for it."""
        return code in self.ledger and code not in self.selection.codes and self.selection.skips(code) is None

    def volume(self, code: BondCode) -> int:
        return self.held[code].volume if code in self.held else 0

    def owned(self, code: BondCode) -> int:
        return self.ledger[code].volume if code in self.ledger else 0


def leg_price(situation: PlanInput, settings: Settings, side: Side, code: BondCode) -> Maybe[Decimal]:
    """The limit of a leg, CNY per 张; else why there is none. A forced sale takes whatever price there is."""
    quote = situation.quotes.get(code, _NO_QUOTE)
    if situation.origin in SALES_ALONE or (side is Side.SELL and code in situation.leaving):
        return order_price(side, quote, settings.orders, situation.trading_day)
    price = plan_price(side, quote, settings, situation.now)
    return Unknown(situation.doubts[code]) if isinstance(price, Known) and code in situation.doubts else price


def plan_for(situation: PlanInput, settings: Settings) -> Plan:
    """The plan for what the situation was gathered for: a rebalance, a refill, or a sale of one kind."""
    if situation.origin in SALES_ALONE:
        return plan_sale(situation, settings)
    return plan_buys(situation, settings) if situation.origin is Origin.REFILL else plan_rebalance(situation, settings)


def plan_sale(situation: PlanInput, settings: Settings) -> Plan:
    """The plan that sells all that the strategy owns, all of one bond, or what is leaving; it needs no list."""
    nothing = Selection(0, 0, situation.trading_day, (), situation.now)
    facts = _complete(replace(situation, selection=Known(nothing)), settings)
    if isinstance(facts, Unknown):
        return _refused(situation, facts.reason)
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
    facts = _complete(situation, settings)
    if isinstance(facts, Unknown):
        return _refused(situation, facts.reason)
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
    facts = _complete(situation, settings)
    if isinstance(facts, Unknown):
        return _refused(situation, facts.reason)
    buys, missed = _buys(facts, facts.asset.cash)
    spent = sum((leg.amount + leg.fee for leg in buys), Decimal(0))
    return replace(_blank(situation, facts), cash_after=facts.asset.cash - spent, legs=buys, blocked=missed)


def disagreements(ledger: Holdings, positions: tuple[Position, ...]) -> tuple[str, ...]:
    """The bonds of which the ledger owns more than the account holds, each as a sentence."""
    held = {position.code: position.volume for position in positions}
    return tuple(
        say(
            "{code}: the ledger owns {volume} 张, the account holds {held} (if you sold it by "
            "hand: rotor release {short})",
            code=code,
            volume=owned.volume,
            held=held.get(code, 0),
            short=code[:6],
        )
        for code, owned in sorted(ledger.items())
        if owned.volume > held.get(code, 0)
    )


def _complete(situation: PlanInput, settings: Settings) -> _Facts | Unknown:
    selection, positions, ledger, asset, busy = (
        situation.selection,
        situation.positions,
        situation.ledger,
        situation.asset,
        situation.busy,
    )
    if isinstance(asset, Unknown):
        return Unknown(say("the account's cash is unknown: {reason}", reason=asset.reason))
    if isinstance(positions, Unknown):
        return Unknown(say("the account's positions are unknown: {reason}", reason=positions.reason))
    if isinstance(ledger, Unknown):
        return Unknown(say("the strategy's ledger is unknown: {reason}", reason=ledger.reason))
    if isinstance(busy, Unknown):
        return Unknown(say("the open orders are unknown: {reason}", reason=busy.reason))
    if isinstance(selection, Unknown):
        return selection
    # A fill of an open order may show in the holdings before it is booked, or after.
    settled = {code: owned for code, owned in ledger.value.items() if code not in busy.value}
    uneven = disagreements(settled, positions.value)
    if uneven:
        return Unknown(say("the ledger and the account differ: ") + reasons(uneven))
    return _Facts(
        situation,
        settings,
        selection.value,
        {position.code: position for position in positions.value},
        {code: owned for code, owned in ledger.value.items() if owned.volume > 0},
        asset.value,
        busy.value,
    )


def _refused(situation: PlanInput, reason: str) -> Plan:
    asset, selection = situation.asset, situation.selection
    plan = replace(_empty(situation, asset.value.cash if isinstance(asset, Known) else None), refused=reason)
    return _of_list(plan, situation, selection.value) if isinstance(selection, Known) else plan


def _blank(situation: PlanInput, facts: _Facts) -> Plan:
    return _of_list(_empty(situation, facts.asset.cash), situation, facts.selection)


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


def _of_list(plan: Plan, situation: PlanInput, selection: Selection) -> Plan:
    age = list_age(selection, situation.list_days)
    return replace(
        plan,
        list_date=selection.trade_date,
        codes=selection.codes,
        skipped_rows=selection.skipped,
        list_age=age,
        list_notes=notes_on(selection, age),
    )


def _sells(facts: _Facts) -> tuple[tuple[Leg, ...], tuple[Blocked, ...]]:
    legs: list[Leg] = []
    blocked: list[Blocked] = []
    left = _why_left(facts.selection)
    gone = {code for code in facts.ledger if facts.leaves_the_list(code)}
    for code in sorted(gone | (set(facts.ledger) & set(facts.situation.leaving))):
        row = _sell(facts, code, facts.situation.leaving.get(code, left))
        legs.append(row) if isinstance(row, Leg) else blocked.append(row)
    return tuple(legs), tuple(blocked)


def _why_left(selection: Selection) -> str:
    if not selection.rows:
        return say("the list is empty: out of the market")
    if selection.trade_date is None:
        return say("left the list, which has no date")
    return say("left the list of {trade_date}", trade_date=selection.trade_date)


def _sell(facts: _Facts, code: BondCode, why: str) -> Leg | Blocked:
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


def _buys(facts: _Facts, cash: Decimal) -> tuple[tuple[Leg, ...], tuple[Blocked, ...]]:
    wanted = [
        (rank, code)
        for rank, code in enumerate(facts.selection.codes, 1)
        if not facts.owned(code) and not facts.volume(code)
    ]
    spendable = cash - facts.settings.buy.reserve
    if facts.situation.origin is Origin.REFILL:
        wanted = [row for row in wanted if _fills_a_slot(facts, row[1])][: facts.situation.freed.slots]
        spendable = min(spendable, facts.situation.freed.money)
    held_up = [] if facts.situation.origin is Origin.REFILL else _held_up(facts)  # what is freed counts none of them
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


def _why_ask(facts: _Facts, sells: tuple[Leg, ...]) -> str | None:
    """Why a plan without buys needs the user's word: the sells would turn the strategy into cash because data of the
    bonds to buy are missing, not because of the market."""
    situation, guards = facts.situation, facts.settings.guards
    going = [leg.code for leg in sells if leg.code not in situation.leaving]
    missing = [code for code in facts.selection.codes if _lacks_data(facts, code)]
    if guards.sell_without_buys == "allow" or situation.no_buys is not None or not going or not missing:
        return None
    return say(
        "{going} would be sold and nothing bought: prices or redemption data are missing of {missing}. Make a new plan "
        "when they are there, or agree to sell alone (guards.sell_without_buys).",
        going=len(going),
        missing=listed(missing[:5]) + (" ..." if len(missing) > 5 else ""),
    )


def _lacks_data(facts: _Facts, code: BondCode) -> bool:
    """Whether a bond that should be bought cannot be, because its price or its redemption is not known."""
    situation = facts.situation
    if facts.owned(code) or facts.volume(code) or code in situation.stopped or code in facts.busy:
        return False
    unpriced = lacks_price(situation.quotes.get(code, _NO_QUOTE), situation.now, facts.settings.guards)
    return code in situation.unclear or code in situation.doubts or unpriced


def _held_up(facts: _Facts) -> list[BondCode]:
    """What is owned, has left the list and does not trade, as far as is known: its slot is not bought again."""
    if not facts.settings.guards.hold_slots:
        return []
    quotes = facts.situation.quotes
    gone = sorted(code for code in facts.ledger if facts.leaves_the_list(code))
    trading = {code for code in gone if isinstance(found := quotes.get(code), Known) and not suspended(found.value)}
    return [code for code in gone if code not in trading]


def _not_bought(facts: _Facts, code: BondCode, rank: int, reason: str) -> Blocked:
    text = say("{reason}; cannot be bought (rank {rank})", reason=reason, rank=rank)
    return Blocked(Side.BUY, code, facts.name(code), text, suspended=facts.suspended(code))


def _fills_a_slot(facts: _Facts, code: BondCode) -> bool:
    """Whether a refill may come to this name: one that is known to be suspended is passed over. One of which nothing is
    known is not: what is missing must not make another name's buy."""
    quote = facts.situation.quotes.get(code)
    still = isinstance(quote, Known) and suspended(quote.value)
    return code not in facts.situation.stopped and not still


def _buy(facts: _Facts, code: BondCode, rank: int, share: Share) -> Leg | Blocked:
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
    money = f"{share.money:,.2f} CNY" + (f" ({share.cut})" if share.cut else "")
    if volume < LOT:
        return block(say("its share of {money} buys no lot at {value}", money=money, value=price.value))
    limit = f", at most {money}" if share.cut else ""
    why = say("fills a slot that a stop freed") if facts.situation.origin is Origin.REFILL else say("joined the list")
    reason = say("{why}, rank {rank}{limit}", why=why, rank=rank, limit=limit) + _note(facts, code)
    return _leg(facts, Side.BUY, code, volume, price.value, reason)


def _kept(facts: _Facts) -> tuple[Kept, ...]:
    rows: list[Kept] = []
    for rank, code in enumerate(facts.selection.codes, 1):
        if facts.owned(code):
            rows.append(
                Kept(
                    code,
                    facts.name(code),
                    facts.owned(code),
                    True,
                    say("on the list, rank {rank}", rank=rank) + _note(facts, code),
                )
            )
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


def _note(facts: _Facts, code: BondCode) -> str:
    note = facts.situation.notes.get(code)
    return f"; {note}" if note else ""


def _leg(facts: _Facts, side: Side, code: BondCode, volume: int, price: Decimal, reason: str) -> Leg:
    amount = price * volume
    quote = facts.situation.quotes.get(code)
    return Leg(
        *(side, code, facts.name(code), volume, price, amount),
        *(fee(code.exchange, amount, facts.settings.fees), reason),
        list_price=next((bond.price for bond in facts.selection.bonds if bond.code == code), None),
        arrival=quote.value.last if isinstance(quote, Known) else None,
    )
