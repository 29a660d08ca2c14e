"""The hold band: what is owned is sold only once it has fallen far below the first bonds of the list."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.i18n import use_language
from core.model.bond import BondCode
from core.model.order import Origin, Side
from core.model.plan import Plan
from core.model.quote import TradingState
from core.model.settings import BuySettings, Settings
from core.rules.planner import plan_buys, plan_for, plan_rebalance
from core.rules.refill import Freed
from tests.worlds import ledger, market, position, quote, selection, situation

CODES = ("113001.SH", "113002.SH", "113003.SH", "113004.SH", "113005.SH", "113006.SH")
FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH = CODES
QUOTES = market(*(quote(code) for code in CODES))


def settings(top: int, band: int, **buy: object) -> Settings:
    return Settings(buy=BuySettings(top=top, hold_band=band, **buy))  # type: ignore[arg-type]


def legs(plan: Plan, side: Side) -> list[str]:
    return [leg.code for leg in plan.legs if leg.side is side]


def owning(*codes: str) -> dict[str, int]:
    return {f"b{code[:6]}": 50 for code in codes}


@pytest.mark.parametrize(
    ("band", "sold", "bought"),
    [(0, [THIRD, FOURTH], [FIRST, SECOND]), (1, [FOURTH], [FIRST]), (2, [], []), (9, [], [])],
)
def test_a_bond_is_kept_until_it_falls_below_the_band_and_keeps_its_place(
    band: int, sold: list[str], bought: list[str]
) -> None:
    world = situation(selection(*CODES), QUOTES, owned=ledger(**owning(THIRD, FOURTH)))
    plan = plan_rebalance(world, settings(2, band))
    assert (legs(plan, Side.SELL), legs(plan, Side.BUY)) == (sold, bought)
    assert {row.code for row in plan.kept} == {THIRD, FOURTH} - set(sold)


def test_each_row_says_where_the_bond_stands() -> None:
    world = situation(selection(*CODES), QUOTES, owned=ledger(**owning(FIRST, THIRD, SIXTH)))
    plan = plan_rebalance(world, settings(2, 1))
    told = {row.code: row.reason for row in (*plan.legs, *plan.kept)}
    assert told == {
        SIXTH: "rank 6, below the first 2 and the hold band of 1",
        FIRST: "on the list, rank 1",
        THIRD: "rank 3, within the hold band below the first 2",
    }


def test_the_best_of_the_first_are_bought_for_the_places_that_are_free() -> None:
    world = situation(selection(*CODES), QUOTES, owned=ledger(**owning(SECOND, FIFTH)))
    assert legs(plan_rebalance(world, settings(4, 2)), Side.BUY) == [FIRST, THIRD]
    assert legs(plan_buys(world, settings(4, 2)), Side.BUY) == [FIRST, THIRD]  # once the sales have ended
    assert legs(plan_rebalance(world, settings(4, 0)), Side.BUY) == [FIRST, THIRD, FOURTH]


def test_the_money_is_shared_by_the_bonds_that_are_bought() -> None:
    world = situation(selection(*CODES), QUOTES, owned=ledger(**owning(FIFTH)), cash="40000")
    plan = plan_rebalance(world, settings(3, 2, amount_type="balance"))
    assert [leg.amount >= Decimal(19000) for leg in plan.buys] == [True, True]


def test_without_top_the_whole_list_is_held_as_before() -> None:
    world = situation(selection(*CODES), QUOTES, owned=ledger(**owning(SIXTH)))
    assert plan_rebalance(world, settings(0, 0)) == plan_rebalance(world, Settings())
    assert legs(plan_rebalance(world, settings(0, 0)), Side.BUY) == list(CODES[:5])


def test_a_bond_of_the_user_s_own_takes_a_place_and_is_never_sold() -> None:
    mine = (position(FIRST, 50), position(SIXTH, 70))
    plan = plan_rebalance(situation(selection(*CODES), QUOTES, positions=mine), settings(2, 1))
    assert (legs(plan, Side.SELL), legs(plan, Side.BUY)) == ([], [SECOND])


def test_a_bond_below_the_band_that_does_not_trade_holds_its_slot() -> None:
    still = market(*(quote(code) for code in CODES[:5]), quote(SIXTH, state=TradingState.HALTED))
    plan = plan_rebalance(situation(selection(*CODES), still, owned=ledger(**owning(SIXTH))), settings(2, 1))
    assert legs(plan, Side.BUY) == [FIRST]
    assert [row.code for row in plan.blocked] == [SIXTH, SECOND]


@pytest.mark.parametrize(
    ("top", "note"),
    [
        (0, "The hold band has no effect: buy.top = 0 holds the whole list."),
        (6, "The hold band has no effect: the list has 6 bonds, no more than buy.top = 6."),
        (7, "The hold band has no effect: the list has 6 bonds, no more than buy.top = 7."),
        (5, ""),
    ],
)
def test_a_plan_says_where_the_band_cannot_work(top: int, note: str) -> None:
    notes = " ".join(plan_rebalance(situation(selection(*CODES), QUOTES), settings(top, 2)).list_notes)
    assert note in notes
    assert ("hold band" in notes) == bool(note)
    assert "hold band" not in " ".join(
        plan_rebalance(situation(selection(*CODES), QUOTES), settings(top, 0)).list_notes
    )


def test_the_note_is_told_in_chinese() -> None:
    use_language("zh")
    try:
        notes = plan_rebalance(situation(selection(*CODES), QUOTES), settings(6, 2)).list_notes
    finally:
        use_language("en")
    assert "缓冲区不起作用：选债 6 只，不多于 buy.top = 6。" in "".join(notes)


@pytest.mark.parametrize(("band", "bought"), [(0, []), (1, [THIRD]), (2, [THIRD, FOURTH]), (9, [THIRD, FOURTH])])
def test_a_refill_buys_nothing_that_the_next_rebalance_would_sell(band: int, bought: list[str]) -> None:
    world = situation(selection(*CODES), QUOTES, owned=ledger(**owning(FIRST)))
    stopped = frozenset({BondCode(SECOND)})
    freed = replace(world, origin=Origin.REFILL, freed=Freed(2, Decimal(40_000)), stopped=stopped)
    assert legs(plan_for(freed, settings(2, band)), Side.BUY) == bought
