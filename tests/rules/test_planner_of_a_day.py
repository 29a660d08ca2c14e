"""Plans other than a plain rebalance: refills, flattens, and what a pause, a halt and a fired stop leave out."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.model.account import Owned
from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.model.order import Origin, Side
from core.model.plan import Plan
from core.model.quote import TradingState
from core.model.settings import BuySettings, GuardSettings, Settings
from core.rules.plan_input import PlanInput
from core.rules.planner import plan_for, plan_sale
from core.rules.refill import Freed
from tests.worlds import ledger, market, position, quote, selection, situation

A, B, C, D = "113001.SH", "123001.SZ", "127001.SZ", "128001.SZ"
MARKET = market(quote(A), quote(B), quote(C), quote(D))
FIXED = Settings()
BALANCE = Settings(buy=BuySettings(amount_type="balance"), guards=GuardSettings(max_order_amount=Decimal(1_000_000)))


def codes(*names: str) -> frozenset[BondCode]:
    return frozenset(BondCode(name) for name in names)


def bought(plan: Plan) -> list[tuple[str, int]]:
    return [(str(leg.code), leg.volume) for leg in plan.buys]


def refill(slots: int, money: str = "1000000", *, stopped: frozenset[BondCode] = frozenset()) -> PlanInput:
    """The list is A, B, C, D; of it D is owned."""
    world = situation(selection(A, B, C, D), MARKET, owned=ledger(b128001=50), cash="500000")
    return replace(world, origin=Origin.REFILL, freed=Freed(slots, Decimal(money)), stopped=stopped)


@pytest.mark.parametrize(("slots", "names"), [(0, []), (1, [A]), (2, [A, B]), (3, [A, B, C]), (9, [A, B, C])])
def test_a_refill_buys_as_many_bonds_as_slots_were_freed_in_list_order(slots: int, names: list[str]) -> None:
    plan = plan_for(refill(slots), FIXED)
    assert [name for name, _ in bought(plan)] == names
    assert plan.origin is Origin.REFILL
    assert plan.sells == ()


def test_a_refill_skips_stopped_bonds_and_takes_the_next() -> None:
    plan = plan_for(refill(2, stopped=codes(A)), FIXED)
    assert [name for name, _ in bought(plan)] == [B, C]
    assert plan.blocked == ()
    assert [leg.reason for leg in plan.buys] == [f"fills a slot that a stop freed, rank {n}" for n in (2, 3)]


def test_a_balance_refill_spends_only_the_proceeds_of_stops() -> None:
    plan = plan_for(refill(2, "20100"), BALANCE)
    assert bought(plan) == [(A, 100), (B, 100)]


def test_a_refill_spends_no_more_than_the_account_has() -> None:
    world = replace(refill(1, "20100"), asset=situation(selection(A), MARKET, cash="10100").asset)
    assert bought(plan_for(world, BALANCE)) == [(A, 100)]


def test_a_refill_without_cash_skips_its_bonds() -> None:
    plan = plan_for(refill(1, "0"), FIXED)
    assert plan.legs == ()
    assert "buys no lot" in plan.blocked[0].reason


def test_a_refill_never_sells_bonds_off_the_list() -> None:
    world = situation(selection(A), MARKET, owned=ledger(b127001=70))
    plan = plan_for(replace(world, origin=Origin.REFILL, freed=Freed(1, Decimal(20_000))), FIXED)
    assert [(leg.side, str(leg.code)) for leg in plan.legs] == [(Side.BUY, A)]


def test_a_rebalance_does_not_buy_a_bond_whose_stop_fired_today() -> None:
    world = situation(selection(A, B), MARKET)
    plan = plan_for(replace(world, stopped=codes(A)), FIXED)
    assert [name for name, _ in bought(plan)] == [B]
    assert [row.reason for row in plan.blocked] == [
        "its stop fired today, or it was sold by hand; cannot be bought (rank 1)"
    ]
    assert [name for name, _ in bought(plan_for(world, FIXED))] == [A, B]


def test_the_share_of_a_stopped_bond_stays_in_the_account() -> None:
    world = replace(situation(selection(A, B), MARKET, cash="20004"), stopped=codes(A))
    assert bought(plan_for(world, BALANCE)) == [(B, 100)]


@pytest.mark.parametrize("origin", [Origin.REBALANCE, Origin.REFILL])
def test_if_buying_is_blocked_each_buy_is_skipped_with_the_reason(origin: Origin) -> None:
    world = situation(selection(A, B), MARKET, owned=ledger(b127001=70))
    plan = plan_for(replace(world, origin=origin, freed=Freed(5, Decimal(90_000)), no_buys="buys are paused"), FIXED)
    assert plan.buys == ()
    assert [(str(row.code), row.reason) for row in plan.blocked] == [
        (A, "buys are paused; cannot be bought (rank 1)"),
        (B, "buys are paused; cannot be bought (rank 2)"),
    ]
    assert [str(leg.code) for leg in plan.sells] == ([C] if origin is Origin.REBALANCE else [])


def flatten(**changes: object) -> PlanInput:
    """A and C are owned; B is the user's own; A is on the list."""
    held = (position(A, 50), position(B, 30), position(C, 70))
    world = situation(selection(A, B), MARKET, owned=ledger(b113001=50, b127001=70), positions=held)
    return replace(world, origin=Origin.FLATTEN, **changes)


def test_a_flatten_sells_managed_bonds_and_keeps_the_user_s() -> None:
    plan = plan_for(flatten(), FIXED)
    assert [(leg.side, str(leg.code), leg.volume) for leg in plan.legs] == [(Side.SELL, A, 50), (Side.SELL, C, 70)]
    assert (plan.origin, plan.kept, plan.blocked) == (Origin.FLATTEN, (), ())
    assert {leg.reason for leg in plan.legs} == {"flatten"}


def test_a_flatten_sells_only_the_managed_part_of_a_shared_holding() -> None:
    world = flatten(positions=Known((position(A, 90), position(C, 70))))
    assert [(str(leg.code), leg.volume) for leg in plan_for(world, FIXED).legs] == [(A, 50), (C, 70)]


def test_a_flatten_needs_no_list() -> None:
    plan = plan_sale(flatten(selection=Unknown("the platform is away")), FIXED)
    assert plan.refused is None
    assert len(plan.legs) == 2
    assert plan.list_date is None


def test_a_flatten_sells_in_a_halt_and_buys_nothing() -> None:
    plan = plan_for(flatten(no_buys="trading is halted"), FIXED)
    assert [leg.side for leg in plan.legs] == [Side.SELL, Side.SELL]


def test_a_flatten_reports_bonds_that_cannot_be_sold() -> None:
    quotes = market(quote(A, state=TradingState.HALTED), quote(C, bid=None))
    plan = plan_for(flatten(quotes=quotes), FIXED)
    assert plan.legs == ()
    assert ["suspended" in row.reason or "no buyers" in row.reason for row in plan.blocked] == [True, True]
    assert [str(row.code) for row in plan.blocked] == [A, C]


def test_a_flatten_counts_its_proceeds() -> None:
    plan = plan_for(flatten(), FIXED)
    assert plan.cash_after == Decimal(100_000) + sum((leg.amount - leg.fee for leg in plan.legs), Decimal(0))


@pytest.mark.parametrize("missing", ["positions", "ledger", "asset", "busy"])
def test_a_flatten_of_an_unknown_account_is_refused(missing: str) -> None:
    plan = plan_for(flatten(**{missing: Unknown("no answer")}), FIXED)
    assert plan.legs == ()
    assert "no answer" in (plan.refused or "")


def test_a_flatten_of_a_ledger_the_account_does_not_confirm_is_refused() -> None:
    owned = {BondCode(A): Owned(BondCode(A), 500, Decimal(100))}
    assert "the account differ" in (plan_for(flatten(ledger=Known(owned)), FIXED).refused or "")
