"""The planner's laws in any situation: missing data never adds to what is traded."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from core.model.account import Asset, Owned
from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.model.order import Side
from core.model.plan import Plan
from core.model.quote import Quote, TradingState
from core.model.settings import BuySettings, Fee, Fees, GuardSettings, OrderSettings, Settings
from core.rules.plan_input import PlanInput
from core.rules.planner import plan_buys, plan_rebalance
from core.rules.ticks_and_lots import LOT, TICK, day_limits, on_tick
from tests.worlds import DAY, NOW, position, selection, situation

CODES = [BondCode(code) for code in ("110001", "113002", "118003", "123004", "127005", "128006", "111007")]

prices = st.integers(20_000, 400_000).map(lambda ticks: Decimal(ticks) * TICK)


@st.composite
def quotes(draw: st.DrawFn, code: BondCode) -> Quote:
    """Any quote that can be; most are of a bond that trades."""
    close = draw(prices)
    low, high = (close * Decimal("0.8")).quantize(TICK), (close * Decimal("1.2")).quantize(TICK)
    last = draw(st.integers(int(low / TICK) + 1, int(high / TICK) - 1)) * TICK
    told = draw(st.booleans())
    return Quote(
        code=code,
        name=f"bond {code}",
        last=last,
        at=NOW,
        source="test",
        state=draw(st.sampled_from([TradingState.CONTINUOUS] * 5 + [TradingState.HALTED])),
        prev_close=close if not told or draw(st.booleans()) else None,
        bid=draw(st.none() | st.just(max(last - TICK, low))),
        ask=draw(st.none() | st.just(min(last + TICK, high))),
        limit_up=high if told else None,
        limit_down=low if told else None,
        volume=draw(st.sampled_from([0, 10, 5000, 5000])),
    )


@st.composite
def situations(draw: st.DrawFn) -> PlanInput:
    """A list, an account that confirms the ledger, and prices for most bonds."""
    listed = draw(st.permutations(CODES).flatmap(lambda codes: st.integers(1, len(codes)).map(lambda n: codes[:n])))
    owned = draw(st.dictionaries(st.sampled_from(CODES), st.integers(1, 300), max_size=5))
    private = draw(st.dictionaries(st.sampled_from(CODES), st.integers(1, 300), max_size=2))
    held = tuple(
        position(code, volume, draw(st.integers(0, volume)))
        for code in sorted({*owned, *private})
        if (volume := owned.get(code, 0) + private.get(code, 0))
    )
    world = situation(
        selection(*listed),
        {code: Known(draw(quotes(code))) for code in CODES if draw(st.integers(0, 9))},
        owned={code: Owned(code, volume, Decimal(100)) for code, volume in owned.items()},
        positions=held,
    )
    cash = Decimal(draw(st.integers(0, 20_000_000))) / 100
    busy = draw(st.dictionaries(st.sampled_from(CODES), st.just("busy"), max_size=1))
    spent = Decimal(draw(st.integers(0, 50_000)))
    return replace(world, asset=Known(Asset(cash, Decimal(0), Decimal(0))), busy=Known(busy), bought_today=spent)


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    fee = Fee(rate=draw(st.sampled_from([Decimal(0), Decimal("0.0001"), Decimal("0.002")])), minimum=Decimal(1))
    return Settings(
        buy=BuySettings(
            amount_type=draw(st.sampled_from(["fixed", "balance"])),
            amount=Decimal(draw(st.integers(500, 60_000))),
            reserve=Decimal(draw(st.sampled_from([0, 0, 5_000]))),
            top=draw(st.sampled_from([0, 0, 0, 1, 3, 5])),
            hold_band=draw(st.sampled_from([0, 0, 1, 3])),
        ),
        orders=OrderSettings(type=draw(st.sampled_from(["limit", "market"])), slippage=Decimal("0.01")),
        guards=GuardSettings(
            max_order_amount=Decimal(draw(st.integers(1_000, 50_000))),
            max_daily_buys=Decimal(draw(st.integers(1_000, 200_000))),
        ),
        fees=Fees(sh=fee, sz=fee),
    )


def volumes(plan: Plan) -> dict[tuple[Side, BondCode], int]:
    return {(leg.side, leg.code): leg.volume for leg in plan.legs}


def adds_nothing(less: Plan, more: Plan) -> bool:
    whole = volumes(more)
    return all(volume <= whole.get(key, 0) for key, volume in volumes(less).items())


@examples(max_examples=100)
@given(situations(), settings(), st.data())
def test_a_missing_input_never_adds_or_enlarges_a_leg(world: PlanInput, chosen: Settings, data: st.DataObject) -> None:
    whole = plan_rebalance(world, chosen)
    for name in ("selection", "positions", "ledger", "asset", "busy"):
        assert plan_rebalance(replace(world, **{name: Unknown("gone")}), chosen).legs == ()
    for code in world.quotes:
        absent = {other: quote for other, quote in world.quotes.items() if other != code}
        assert adds_nothing(plan_rebalance(replace(world, quotes=absent), chosen), whole)
        unknown = {**world.quotes, code: Unknown("gone")}
        assert adds_nothing(plan_rebalance(replace(world, quotes=unknown), chosen), whole)
        quote = world.quotes[code]
        assert isinstance(quote, Known)
        lost = data.draw(st.sampled_from(["bid", "ask", "prev_close"]))
        poorer = {**world.quotes, code: Known(replace(quote.value, **{lost: None}))}
        assert adds_nothing(plan_rebalance(replace(world, quotes=poorer), chosen), whole)


def cash_never_falls_below_the_reserve(world: PlanInput, chosen: Settings, rebalance: Plan) -> None:
    assert isinstance(world.asset, Known)
    cash = world.asset.value.cash
    for plan in (rebalance, plan_buys(world, chosen)):
        assert plan.cash_after is not None
        proceeds = sum((leg.amount - leg.fee for leg in plan.sells), Decimal(0))
        spent = sum((leg.amount + leg.fee for leg in plan.buys), Decimal(0))
        assert plan.cash_after == cash + proceeds - spent
        assert spent == 0 or plan.cash_after >= chosen.buy.reserve >= 0
        assert spent <= max(chosen.guards.max_daily_buys - world.bought_today, Decimal(0))


def every_leg_is_on_the_tick_in_lots_and_inside_the_days_limits(world: PlanInput, _: Settings, plan: Plan) -> None:
    held = {row.code: row for row in world.positions.value} if isinstance(world.positions, Known) else {}
    for leg in plan.legs:
        quote = world.quotes[leg.code]
        assert isinstance(quote, Known)
        limits = day_limits(quote.value)
        assert limits is not None
        assert limits.holds(leg.price)
        assert on_tick(leg.price)
        assert leg.volume > 0
        assert leg.volume % LOT == 0 or (leg.side is Side.SELL and leg.volume == held[leg.code].volume)
        assert leg.reason


def only_managed_bonds_are_sold_and_only_listed_unheld_bonds_are_bought(
    world: PlanInput, chosen: Settings, plan: Plan
) -> None:
    assert isinstance(world.ledger, Known)
    assert isinstance(world.positions, Known)
    held = {row.code: row for row in world.positions.value}
    for leg in plan.sells:
        assert leg.code not in chosen.buy.kept(plan.codes)
        assert leg.volume <= min(world.ledger.value[leg.code].volume, held[leg.code].sellable)
    for leg in plan.buys:
        assert leg.code in chosen.buy.first(plan.codes)
        assert leg.code not in held
    first, kept = chosen.buy.first(plan.codes), chosen.buy.kept(plan.codes)
    stays = [code for code in kept if world.ledger.value.get(code)]
    assert len(plan.buys) + len(stays) <= max(len(first), len(stays))


def the_same_inputs_give_the_same_plan_and_buys_follow_the_list(world: PlanInput, chosen: Settings, plan: Plan) -> None:
    shuffled = replace(world, quotes=dict(reversed(list(world.quotes.items()))))
    assert plan_rebalance(shuffled, chosen) == plan
    ranks = [plan.codes.index(leg.code) for leg in plan.buys]
    assert ranks == sorted(ranks)
    assert len({leg.code for leg in plan.legs}) == len(plan.legs)
    assert plan.trading_day == DAY


def every_name_of_the_list_and_of_the_ledger_has_exactly_one_row(
    world: PlanInput, chosen: Settings, plan: Plan
) -> None:
    """With a hold band those names have none that are not held and have no place."""
    rows = [row.code for row in (*plan.legs, *plan.kept, *plan.blocked)]
    assert isinstance(world.ledger, Known)
    assert isinstance(world.positions, Known)
    first, kept = chosen.buy.first(plan.codes), chosen.buy.kept(plan.codes)
    held = {row.code for row in world.positions.value if row.code in kept}
    assert len(rows) == len(set(rows))
    assert {*world.ledger.value, *held} <= set(rows) <= {*first, *held, *world.ledger.value}
    if kept == first:
        assert {*first} <= set(rows)
    assert all(row.reason for row in (*plan.legs, *plan.kept, *plan.blocked))


@examples(max_examples=100)
@given(situations(), settings())
def test_a_plan_of_any_situation_keeps_the_laws(world: PlanInput, chosen: Settings) -> None:
    """Situations take longer to draw than to plan: each is held against every law."""
    plan = plan_rebalance(world, chosen)
    for law in (
        cash_never_falls_below_the_reserve,
        every_leg_is_on_the_tick_in_lots_and_inside_the_days_limits,
        only_managed_bonds_are_sold_and_only_listed_unheld_bonds_are_bought,
        the_same_inputs_give_the_same_plan_and_buys_follow_the_list,
        every_name_of_the_list_and_of_the_ledger_has_exactly_one_row,
    ):
        law(world, chosen, plan)
