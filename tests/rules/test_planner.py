"""What the planner decides, row by row."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.model.account import summed
from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.model.order import Side
from core.model.plan import Plan
from core.model.platform import SkippedRow
from core.model.quote import TradingState
from core.model.settings import BuySettings, GuardSettings, OrderSettings, Settings
from core.rules.planner import plan_buys, plan_rebalance
from core.rules.ticks_and_lots import sellable_lots
from tests.worlds import NOW, ledger, market, position, quote, selection, situation

A, B, C = "113001.SH", "123001.SZ", "127001.SZ"
SETTINGS = Settings()


def blocked(plan: Plan, code: str) -> str:
    return next(row.reason for row in plan.blocked if row.code == code)


def test_bonds_off_the_list_are_sold_new_ones_bought_and_the_rest_kept() -> None:
    world = situation(selection(A, B), market(quote(A), quote(B), quote(C)), owned=ledger(b113001=50, b127001=70))
    plan = plan_rebalance(world, SETTINGS)
    assert [(leg.side, leg.code, leg.volume) for leg in plan.legs] == [(Side.SELL, C, 70), (Side.BUY, B, 90)]
    assert [row.code for row in plan.kept] == [A]
    assert plan.legs[0].reason == "left the list of 2026-05-15"
    assert plan.legs[1].reason == "joined the list, rank 2"


def test_a_bond_whose_row_was_skipped_is_kept_and_not_bought() -> None:
    private = "124001.SZ"
    owned = ledger(b113001=50, b124001=30)
    skipping = replace(selection(A, B), skipped=(SkippedRow("124001", "定转", "a private convertible bond"),))
    priced = market(quote(A), quote(B), quote(private))
    plan = plan_rebalance(situation(skipping, priced, owned=owned), SETTINGS)
    assert [(leg.side, leg.code) for leg in plan.legs] == [(Side.BUY, B)]
    assert [(row.code, row.volume, row.ours) for row in plan.kept] == [(A, 50, True), (private, 30, True)]
    assert plan.kept[1].reason == "its row in the list was skipped: a private convertible bond. Not sold, not bought"
    assert plan.skipped_rows == skipping.skipped
    assert plan.listed == "list of 2026-05-15, 2 bonds, 1 row skipped"

    without_the_row = plan_rebalance(situation(selection(A, B), priced, owned=owned), SETTINGS)
    assert [(leg.side, leg.code) for leg in without_the_row.sells] == [(Side.SELL, private)]


def test_a_bond_whose_row_was_skipped_is_still_sold_before_its_trading_ends() -> None:
    skipping = replace(selection(A), skipped=(SkippedRow("124001", "", "a private convertible bond"),))
    world = situation(skipping, market(quote(A), quote("124001.SZ")), owned=ledger(b113001=50, b124001=30))
    plan = plan_rebalance(replace(world, leaving={BondCode("124001.SZ"): "called"}), SETTINGS)
    assert [(leg.code, leg.reason) for leg in plan.sells] == [("124001.SZ", "called")]
    assert [row.code for row in plan.kept] == [A]


def test_a_skipped_row_is_not_a_slot_held_up_for_another_bond() -> None:
    still = quote("124001.SZ", state=TradingState.HALTED)
    owned = ledger(b124001=30)
    skipping = replace(selection(A), skipped=(SkippedRow("124001", "", "a private convertible bond"),))
    assert [
        leg.code for leg in plan_rebalance(situation(skipping, market(quote(A), still), owned=owned), SETTINGS).buys
    ] == [A]
    held_up = plan_rebalance(situation(selection(A), market(quote(A), still), owned=owned), SETTINGS)
    assert held_up.buys == ()


def test_a_plan_says_how_old_its_list_is() -> None:
    days = (date(2026, 5, 15), date(2026, 5, 14))
    for day, age, notes in ((days[0], 0, 0), (days[1], 1, 1)):
        world = situation(selection(A, day=day), market(quote(A)))
        plan = plan_rebalance(replace(world, list_days=days), SETTINGS)
        assert (plan.list_date, plan.list_age) == (day, age)
        assert sum("session old" in note for note in plan.list_notes) == notes


def test_the_money_of_a_plan_adds_up() -> None:
    world = situation(selection(A), market(quote(A), quote(C, "120")), owned=ledger(b127001=70), cash="5000")
    plan = plan_rebalance(world, SETTINGS)
    sell, buy = plan.legs
    assert (sell.amount, sell.fee) == (Decimal("8400.000"), Decimal("0.84"))
    assert (buy.amount, buy.fee) == (Decimal(9000), Decimal("1.00"))
    assert plan.cash_after == Decimal(5000) + sell.amount - sell.fee - buy.amount - buy.fee


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": TradingState.HALTED}, "suspended"),
        ({"state": TradingState.CLOSING_CALL}, "not in continuous trading: closing call"),
        ({"state": TradingState.UNKNOWN}, "not in continuous trading: unknown"),
        ({"volume": 0}, "no turnover today"),
        ({"ask": None}, "no sellers"),
        ({"prev_close": None}, "price limits are unknown"),
    ],
)
def test_a_bond_that_cannot_be_bought_is_skipped_with_the_reason(changes: dict[str, Any], words: str) -> None:
    plan = plan_rebalance(situation(selection(A, B), market(quote(A, **changes), quote(B))), SETTINGS)
    assert words in blocked(plan, A)
    assert [leg.code for leg in plan.legs] == [B]


def test_a_bond_priced_on_another_day_is_skipped() -> None:
    old = quote(A)
    old = replace(old, at=old.at - timedelta(days=1))
    plan = plan_rebalance(situation(selection(A), market(old)), SETTINGS)
    assert "no price of today: the newest is 100 of 2026-05-14" in blocked(plan, A)


def test_a_bond_at_limit_down_is_not_sold() -> None:
    world = situation(selection(A), market(quote(A), quote(C, bid=None)), owned=ledger(b113001=10, b127001=70))
    plan = plan_rebalance(world, SETTINGS)
    assert plan.legs == ()
    assert "no buyers" in blocked(plan, C)


@pytest.mark.parametrize("missing", ["selection", "positions", "ledger", "asset", "busy"])
def test_a_missing_input_refuses_the_plan_and_names_it(missing: str) -> None:
    world = situation(selection(A), market(quote(A), quote(C)), owned=ledger(b127001=70))
    plan = plan_rebalance(replace(world, **{missing: Unknown("the cable is cut")}), SETTINGS)
    assert plan.legs == ()
    assert plan.refused is not None
    assert "the cable is cut" in plan.refused


def test_a_ledger_the_account_does_not_confirm_refuses_the_plan() -> None:
    world = situation(selection(A), market(quote(A), quote(C)), owned=ledger(b127001=70), positions=(position(C, 40),))
    assert plan_rebalance(world, SETTINGS).refused == (
        "the ledger and the account differ: 127001.SZ: the ledger owns 70 张, the account holds 40 "
        "(if you sold it by hand: rotor release 127001)"
    )


def test_the_users_own_holding_is_neither_sold_nor_bought_again() -> None:
    held = (position(A, 30), position(C, 500))
    world = situation(selection(A), market(quote(A), quote(C)), positions=held)
    plan = plan_rebalance(world, SETTINGS)
    assert plan.legs == ()
    assert [(row.code, row.ours) for row in plan.kept] == [(A, False)]


def test_only_the_managed_part_of_a_shared_holding_is_sold() -> None:
    world = situation(selection(A), market(quote(A), quote(C)), owned=ledger(b127001=70), positions=(position(C, 500),))
    assert [(leg.code, leg.volume) for leg in plan_rebalance(world, SETTINGS).sells] == [(C, 70)]


@pytest.mark.parametrize(("owned", "held", "sold"), [(25, 25, 25), (25, 40, 20), (5, 5, 5), (100, 100, 100)])
def test_an_odd_lot_is_sold_only_if_the_order_closes_the_position(owned: int, held: int, sold: int) -> None:
    world = situation(
        selection(A), market(quote(A), quote(C)), owned=ledger(b127001=owned), positions=(position(C, held),)
    )
    assert [leg.volume for leg in plan_rebalance(world, SETTINGS).sells] == [sold]


def test_a_bond_for_which_no_order_is_possible_is_skipped() -> None:
    world = situation(
        selection(A), market(quote(A), quote(C)), owned=ledger(b127001=5), positions=(position(C, 40, sellable=40),)
    )
    assert "40 of 40" in blocked(plan_rebalance(world, SETTINGS), C)


def test_a_bond_with_an_open_order_gets_no_second_one() -> None:
    world = situation(selection(A), market(quote(A), quote(C)), owned=ledger(b127001=70))
    busy = {BondCode(A): "order X is working", BondCode(C): "order Y is unknown"}
    plan = plan_rebalance(replace(world, busy=Known(busy)), SETTINGS)
    assert plan.legs == ()
    assert "order X is working" in blocked(plan, A)
    assert "order Y is unknown" in blocked(plan, C)


def test_a_stopped_bond_is_not_bought_back() -> None:
    world = replace(situation(selection(A), market(quote(A))), stopped=frozenset({BondCode(A)}))
    assert "its stop fired today, or it was sold by hand" in blocked(plan_rebalance(world, SETTINGS), A)


def test_list_order_decides_what_is_bought_when_cash_is_short() -> None:
    quotes = market(quote(A), quote(B), quote(C))
    for first, second, third in ((A, B, C), (C, B, A)):
        plan = plan_rebalance(situation(selection(first, second, third), quotes, cash="15000"), SETTINGS)
        assert [(leg.code, leg.volume) for leg in plan.buys] == [(first, 90), (second, 40)]
        assert plan.buys[1].reason == "joined the list, rank 2, at most 5,000.00 CNY (the cash that is left)"
        assert "its share of 0.00 CNY (the cash that is left) buys no lot" in blocked(plan, third)


def test_balance_splits_the_cash_and_keeps_the_share_of_a_skipped_bond() -> None:
    settings = Settings(buy=BuySettings(amount_type="balance", reserve=Decimal(10_000)))
    world = situation(selection(A, B, C), market(quote(A), quote(B, state=TradingState.HALTED), quote(C)), cash="40000")
    plan = plan_rebalance(world, settings)
    assert [(leg.code, leg.volume) for leg in plan.buys] == [(A, 90), (C, 90)]
    assert plan.cash_after is not None
    assert plan.cash_after >= Decimal(20_000)


def test_the_limits_per_order_and_per_day_hold() -> None:
    guards = GuardSettings(max_order_amount=Decimal(5_000), max_daily_buys=Decimal(12_000))
    world = situation(selection(A, B, C), market(quote(A), quote(B), quote(C)))
    plan = plan_rebalance(replace(world, bought_today=Decimal(1_000)), Settings(guards=guards))
    assert [(leg.code, leg.volume) for leg in plan.buys] == [(A, 40), (B, 40)]
    assert plan.buys[0].reason == "joined the list, rank 1, at most 5,000.00 CNY (guards.max_order_amount)"
    assert "its share of 1,000.00 CNY (guards.max_daily_buys) buys no lot" in blocked(plan, C)


def test_a_market_order_is_a_limit_beyond_the_best_opposite_quote() -> None:
    settings = Settings(orders=OrderSettings(type="market", slippage=Decimal("0.01")))
    world = situation(selection(A), market(quote(A), quote(C)), owned=ledger(b127001=70))
    sell, buy = plan_rebalance(world, settings).legs
    assert sell.price == Decimal("99.000")  # 99.999 x 0.99 = 98.99901, up to the tick
    assert buy.price == Decimal("101.001")  # 100.001 x 1.01 = 101.00101, down to the tick


def test_a_marketable_price_stays_inside_the_days_limits() -> None:
    far = GuardSettings(max_price_distance=Decimal("0.1"))
    settings = Settings(orders=OrderSettings(type="market", slippage=Decimal("0.1")), guards=far)
    tight: dict[str, Any] = {"limit_up": Decimal(103), "limit_down": Decimal(97)}
    world = situation(selection(A), market(quote(A, **tight), quote(C, **tight)), owned=ledger(b127001=70))
    assert [leg.price for leg in plan_rebalance(world, settings).legs] == [Decimal(97), Decimal(103)]


def test_buys_are_sized_from_available_cash_not_from_expected_proceeds() -> None:
    world = situation(selection(A), market(quote(A), quote(C)), owned=ledger(b127001=70), cash="3000")
    assert [leg.volume for leg in plan_rebalance(world, SETTINGS).buys] == [90]
    assert [leg.volume for leg in plan_buys(world, SETTINGS).buys] == [20]


UNKNOWN = Unknown("no price: none listed")
SELLS_C = ledger(b127001=70)


@pytest.mark.parametrize(
    "changes",
    [
        {"quotes": {BondCode(A): UNKNOWN}},
        {"quotes": {}},
        {"quotes": market(replace(quote(A), at=quote(A).at - timedelta(days=1)))},
        {"quotes": market(replace(quote(A), at=quote(A).at - timedelta(minutes=20)))},
        {"quotes": market(quote(A, volume=0))},
        {"quotes": market(quote(A, state=TradingState.UNKNOWN))},
        {"quotes": market(quote(A, prev_close=None))},
        {"doubts": {BondCode(A): "another source says 90"}},
        {"unclear": frozenset({BondCode(A)}), "barred": {BondCode(A): "redemption status unknown"}},
    ],
    ids=[
        "unknown",
        "not listed",
        "of yesterday",
        "silent",
        "without a trade",
        "state unknown",
        "without limits",
        "doubted",
        "redemption unknown",
    ],
)
def test_selling_while_the_data_of_every_buy_are_missing_asks_first(changes: dict[str, Any]) -> None:
    world = situation(selection(A), market(quote(A), quote(C)), owned=SELLS_C)
    quotes = changes.get("quotes", market(quote(A)))
    world = replace(world, **{**changes, "quotes": {**quotes, BondCode(C): Known(quote(C))}})
    plan = plan_rebalance(world, SETTINGS)
    assert [leg.side for leg in plan.legs] == [Side.SELL]
    assert plan.question is not None
    assert A in plan.question
    allowed = SETTINGS.model_copy(update={"guards": GuardSettings(sell_without_buys="allow")})
    assert plan_rebalance(world, allowed).question is None


@pytest.mark.parametrize(
    "changes",
    [
        {"ask": None},
        {"state": TradingState.HALTED},
        {"state": TradingState.HALTED, "volume": 0, "at": NOW - timedelta(minutes=20)},
        {"state": TradingState.UNKNOWN, "volume": 0, "bid": None, "ask": None},
        {"state": TradingState.AUCTION},
        {"ask": Decimal(115)},
    ],
    ids=str,
)
def test_selling_asks_nothing_where_the_market_itself_keeps_a_bond_from_being_bought(changes: dict[str, Any]) -> None:
    plan = plan_rebalance(situation(selection(A), market(quote(A, **changes), quote(C)), owned=SELLS_C), SETTINGS)
    assert ([leg.side for leg in plan.legs], plan.question) == ([Side.SELL], None)


def test_selling_asks_nothing_where_one_bond_can_be_bought_or_none_should_be() -> None:
    one = situation(selection(A, B), {**market(quote(A), quote(C)), BondCode(B): UNKNOWN}, owned=SELLS_C)
    none = situation(selection(), market(quote(C)), owned=SELLS_C)
    paused = replace(situation(selection(A), market(quote(C)), owned=SELLS_C), no_buys="buys are paused")
    leaving = situation(selection(A, C), market(quote(C)), owned=SELLS_C)
    leaving = replace(leaving, leaving={BondCode(C): "last trading day near"})
    plans = [plan_rebalance(world, SETTINGS) for world in (one, none, paused, leaving)]
    assert [plan.question for plan in plans] == [None] * 4
    assert all(plan.sells for plan in plans)


def test_a_skipped_row_tells_whether_the_bond_is_suspended() -> None:
    plan = plan_rebalance(
        situation(selection(A, B), market(quote(A, state=TradingState.HALTED), quote(B, ask=None))), SETTINGS
    )
    assert {row.code: row.suspended for row in plan.blocked} == {A: True, B: False}


@pytest.mark.parametrize("sellable", [-10, -1, 0, 9])
def test_a_sellable_volume_below_a_lot_sells_nothing(sellable: int) -> None:
    assert sellable_lots(100, position("113001", 100, sellable)) == 0


def test_of_several_shareholder_accounts_one_order_sells_the_most_it_can() -> None:
    (both,) = summed((position("113001", 25), position("113001", 58, 50)))
    assert [sellable_lots(owned, both) for owned in (83, 25, 24, 5)] == [50, 25, 20, 0]
