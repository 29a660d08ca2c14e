"""Guards on what is bought and sold, through planner, pre-trade risk and order manager.

Each test has its negative control: the same world without the danger does the opposite."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.model.bond import BondCode
from core.model.bond_info import BondInfo, RedemptionState
from core.model.known import Known, Unknown
from core.model.order import Intent, OrderState, Origin, Outcome, Refused
from core.model.quote import TradingState
from core.model.settings import GuardSettings, OrderSettings, Settings
from core.model.snapshot import Control
from core.trading.executor import RebalanceRefused
from core.trading.stop_monitor import DOUBT
from tests import worlds
from tests.books import facts
from tests.trading.conftest import MakeWorld
from tests.trading.hostile import HostileBroker
from tests.trading.trading_world import BUY, SELL, TEN, TODAY, A, B, C, TradingWorld, intent, meant_for, settings

TOMORROW = date(2026, 5, 18)


def guarded(**guards: object) -> Settings:
    return settings().model_copy(update={"guards": GuardSettings(**guards)})  # type: ignore[arg-type]


async def refuses(broker: HostileBroker, intent: Intent) -> Outcome:
    return Refused("the counter says no")


def called(code: BondCode, last_trade: date, missing: str | None = None) -> BondInfo:
    told = facts(code, call=RedemptionState.CALLED, last_trade=last_trade, redemption_price=Decimal("100.1"))
    return BondInfo(code, (told,), missing)


def blocked(world: TradingWorld, code: BondCode) -> str:
    return world.rotation.executor.stopped.get(code, "")


async def test_a_called_bond_is_not_bought(world: TradingWorld) -> None:
    world.book.told[A] = called(A, TOMORROW)
    plan = await world.plan(A, B)
    assert [leg.code for leg in plan.buys] == [B]
    assert plan.blocked[0].reason.startswith("called: last trading day 2026-05-18, 1 sessions away [table 2026-05-15")
    world.book.told.clear()
    assert [leg.code for leg in (await world.plan(A, B)).buys] == [A, B]


async def test_a_bond_that_is_called_between_plan_and_run_is_not_bought(world: TradingWorld) -> None:
    plan = await world.plan(A, B)
    world.book.told[A] = called(A, TOMORROW)
    await world.rotation.execute(plan)
    assert [code for code, _ in world.sent(BUY)] == [B]
    assert blocked(world, A).startswith("called")


async def test_a_bond_with_unknown_redemption_state_is_not_bought_but_can_be_sold(world: TradingWorld) -> None:
    world.own(C=100)
    for code in (A, C):
        world.book.told[code] = BondInfo(code, (), "the table is too old")
    await world.rebalance(A)
    assert world.sent(BUY) == []
    assert world.sent(SELL) == [(C, 100)]


@pytest.mark.parametrize(("redemption", "bought"), [("required", []), ("warn", [A]), ("off", [A])])
async def test_settings_decide_whether_unknown_data_blocks_buying(
    make_world: MakeWorld, redemption: str, bought: list[BondCode]
) -> None:
    world = make_world(guarded(redemption=redemption))  # type: ignore[arg-type]
    world.book.told[A] = BondInfo(A, (), "the table is too old")
    plan = await world.plan(A)
    assert [leg.code for leg in plan.buys] == bought
    assert ("the table is too old" in plan.buys[0].reason) is (redemption == "warn") if bought else True


async def test_a_called_bond_on_the_list_is_kept_until_its_last_days(world: TradingWorld) -> None:
    world.own(A=100)
    world.book.told[A] = called(A, date(2026, 5, 29))
    (kept,) = (await world.plan(A)).kept
    assert "called, last trading day 2026-05-29, 10 sessions away" in kept.reason


async def test_a_called_bond_on_the_list_is_sold_in_its_last_days(world: TradingWorld) -> None:
    world.own(A=100)
    world.book.told[A] = called(A, TOMORROW)
    await world.rebalance(A)
    assert world.sent(SELL) == [(A, 100)]
    assert world.sent(BUY) == []


async def test_an_exit_sells_only_bonds_that_must_be_sold(world: TradingWorld) -> None:
    world.own(A=100, B=100)
    world.book.told[A] = called(A, TOMORROW)
    plan = await world.rotation.leave()
    assert [(leg.code, leg.volume) for leg in plan.legs] == [(A, 100)]
    assert world.owned == {B: 100}
    (order,) = world.orders(A)
    assert order.intent.origin is Origin.EXIT


async def test_an_exit_without_a_reason_sends_nothing(world: TradingWorld) -> None:
    world.own(A=100)
    with pytest.raises(RebalanceRefused, match="owns nothing of it"):
        await world.rotation.leave()
    assert world.broker.placed == []


async def test_a_halt_blocks_exits(world: TradingWorld) -> None:
    world.own(A=100)
    world.book.told[A] = called(A, TOMORROW)
    world.controls.engage(Control.HALTED)
    await world.rotation.leave()
    assert world.broker.placed == []


async def test_the_slot_of_a_suspended_holding_is_not_bought_again(world: TradingWorld) -> None:
    world.own(C=100)
    world.show(worlds.quote(A), worlds.quote(B), worlds.quote(C, state=TradingState.HALTED))
    plan = await world.plan(A, B)
    assert [leg.code for leg in plan.buys] == [A]
    reasons = {row.code: row.reason for row in plan.blocked}
    assert reasons[B].startswith(f"its slot is still taken by {C}")
    assert "suspended" in reasons[C]
    world.show(worlds.quote(A), worlds.quote(B), worlds.quote(C))
    assert [leg.code for leg in (await world.plan(A, B)).buys] == [A, B]


async def test_a_bond_with_unknown_listing_date_is_not_bought(world: TradingWorld) -> None:
    world.book.told[A] = BondInfo(A, (facts(A, listed=None),))
    assert "its listing date is unknown" in (await world.plan(A)).blocked[0].reason
    world.book.told[A] = BondInfo(A, (facts(A, listed=None, converts_from=TODAY),))
    assert [leg.code for leg in (await world.plan(A)).buys] == [A]


async def test_a_suspended_holding_takes_no_slot_from_a_refill(world: TradingWorld) -> None:
    """Only slots freed by stops are refilled; a suspended holding frees none."""
    world.own(A=100, C=100)
    await world.ticked(A, "94")
    world.show(worlds.quote(B), worlds.quote(C, state=TradingState.HALTED))
    world.listed = Known(worlds.selection(A, B))
    plan = await world.rotation.plan(Origin.REFILL)
    assert [leg.code for leg in plan.buys] == [B]


async def test_slots_of_suspended_holdings_are_bought_if_the_settings_say_so(make_world: MakeWorld) -> None:
    world = make_world(guarded(hold_slots=False))
    world.own(C=100)
    world.show(worlds.quote(A), worlds.quote(B), worlds.quote(C, state=TradingState.HALTED))
    assert [leg.code for leg in (await world.plan(A, B)).buys] == [A, B]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": TradingState.HALTED}, "suspended, last traded at 100"),
        ({"state": TradingState.UNKNOWN, "volume": 0, "bid": None, "ask": None}, "suspended, last traded at 100"),
        ({"state": TradingState.UNKNOWN}, "not in continuous trading: unknown"),
        ({"volume": 0}, "no turnover today"),
        ({"at": TEN - timedelta(seconds=301)}, "its price is silent"),
        ({"ask": Decimal("102.5")}, "the best quote 102.5 is 2.5% beyond 100"),
    ],
)
async def test_a_suspended_bond_is_not_bought(world: TradingWorld, changes: dict[str, Any], said: str) -> None:
    told: dict[str, Any] = {"at": TEN, **changes}
    world.show(worlds.quote(A, **told))
    (row,) = (await world.plan(A)).blocked
    assert said in row.reason
    world.show(worlds.quote(A, at=TEN))
    assert (await world.plan(A)).blocked == ()


async def test_the_midday_break_does_not_make_a_price_stale(world: TradingWorld) -> None:
    world.show(worlds.quote(A, at=TEN.replace(hour=11, minute=29)))
    world.clock.move_to(TEN.replace(hour=13, minute=1))
    assert (await world.plan(A)).blocked == ()


async def test_a_plan_sends_nothing_without_a_second_source(make_world: MakeWorld) -> None:
    world = make_world(guarded(cross_check="always"))
    world.own(C=100)
    plan = await world.plan(A)
    assert plan.legs == ()
    assert all("a second source does not confirm the price" in row.reason for row in plan.blocked)
    world.second = {code: Known(worlds.quote(code, source="other")) for code in (A, C)}
    assert [leg.code for leg in (await world.plan(A)).legs] == [C, A]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (Unknown("out of reach"), "out of reach"),
        (
            Known(worlds.quote(A, "102", source="other", prev_close=Decimal(100))),
            "two sources disagree: last price 100 (test 14:50:00), 102 (other 14:50:00)",
        ),
        (
            Known(worlds.quote(A, source="other", prev_close=Decimal("100.2"))),
            "two sources disagree: previous close 100",
        ),
        (Known(worlds.quote(A, source="other", volume=10_000)), "two sources disagree: volume 1000"),
        (Known(worlds.quote(A, source="other", at=worlds.NOW - timedelta(days=1))), "is from 2026-05-14"),
    ],
)
async def test_a_bond_whose_price_the_second_source_contradicts_is_not_ordered(
    make_world: MakeWorld, second: Known[worlds.Quote] | Unknown, said: str
) -> None:
    world = make_world(guarded(cross_check="always"))
    world.second = {A: second}
    (row,) = (await world.plan(A)).blocked
    assert said in row.reason


async def test_exits_and_liquidation_need_no_second_source(make_world: MakeWorld) -> None:
    world = make_world(guarded(cross_check="always"))
    world.own(A=100, B=100)
    world.book.told[A] = called(A, TOMORROW)
    await world.rotation.leave()
    await world.rotation.flatten()
    assert world.owned == {}


async def test_a_stop_waits_where_a_second_source_contradicts_its_price(
    world: TradingWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """One wrong tick must not cost a holding; the same tick without a contradiction sells."""
    world.own(A=100)
    world.doubts[A] = "two sources disagree: last price 94 (QMT), 100 (Tencent)"
    await world.ticked(A, "94")
    assert world.broker.placed == []
    assert "stays armed: two sources disagree" in caplog.text
    assert world.stops.rows()[A].armed
    world.doubts.clear()
    await world.ticked(A, "94")
    assert world.sent(SELL) == [(A, 100)]


async def test_a_second_source_that_is_wrong_all_day_does_not_block_stops(world: TradingWorld) -> None:
    world.own(A=100)
    world.doubts[A] = "two sources disagree"
    await world.ticked(A, "94")
    world.clock.move_to(world.clock.now() + timedelta(seconds=DOUBT - 1))
    await world.ticked(A, "94")
    assert world.broker.placed == []
    world.clock.move_to(world.clock.now() + timedelta(seconds=1))
    await world.ticked(A, "94")
    assert world.sent(SELL) == [(A, 100)]


async def test_each_contradicted_tick_is_delayed_again(world: TradingWorld) -> None:
    world.own(A=100)
    world.doubts[A] = "two sources disagree"
    await world.ticked(A, "94")
    world.clock.move_to(world.clock.now() + timedelta(seconds=DOUBT))
    await world.ticked(A, "100")  # the price is back
    await world.ticked(A, "94")
    assert world.broker.placed == []


async def test_the_daily_order_count_survives_a_restart(make_world: MakeWorld) -> None:
    world = make_world(guarded(max_daily_orders=2))
    orders = [intent(f"p-B{place:02d}-1", code, BUY, 10) for place, code in enumerate((A, B, C), 1)]
    await world.order_manager.send(orders)
    assert [order.code for order in world.broker.placed] == [A, B]
    assert "2 orders were sent today" in world.journal["p-B03-1"].message
    again = world.again()
    refused = await again.order_manager.send([intent("q-B01-1", C, BUY, 10)])
    assert "2 orders were sent today (guards.max_daily_orders)" in refused["q-B01-1"]
    assert again.limits.rows(TODAY)[0].reached
    again.own(A=100)
    assert await again.order_manager.send([meant_for(Origin.STOP_LOSS, intent("q-SL-1", A, SELL, 10))]) == {}


async def test_consecutive_rejects_trip_the_breaker_which_survives_a_restart(make_world: MakeWorld) -> None:
    world = make_world(guarded(max_rejects=3))
    world.broker.manners |= {A: [refuses] * 5}
    for number in range(2):
        await world.order_manager.send([intent(f"p{number}-B01-1", A, BUY, 10)])
    assert world.controls.engaged is None
    await world.order_manager.send([intent("p2-B01-1", A, BUY, 10)])
    assert world.controls.engaged is Control.TRIPPED
    again = world.again()
    assert "the breaker tripped" in (await again.order_manager.send([intent("q-B01-1", B, BUY, 10)]))["q-B01-1"]
    again.own(B=100)
    assert await again.order_manager.send([meant_for(Origin.STOP_LOSS, intent("q-SL-1", B, SELL, 10))]) == {}
    again.controls.release()
    assert await again.order_manager.send([intent("r-B01-1", C, BUY, 10)]) == {}


async def test_an_accepted_order_resets_the_count_of_rejects(make_world: MakeWorld) -> None:
    world = make_world(guarded(max_rejects=3))
    world.broker.manners |= {A: [refuses] * 5}
    for number in range(2):
        await world.order_manager.send([intent(f"p{number}-B01-1", A, BUY, 10)])
    await world.order_manager.send([intent("p2-B01-1", B, BUY, 10)])
    await world.order_manager.send([intent("p3-B01-1", A, BUY, 10)])
    assert world.controls.engaged is None
    assert world.limits.rejects(TODAY) == 1


async def test_orders_blocked_by_pre_trade_risk_do_not_count_as_rejects(make_world: MakeWorld) -> None:
    world = make_world(guarded(max_rejects=1))
    world.broker.before_place = lambda _: world.controls.engage(Control.PAUSED)
    await world.order_manager.send([intent("p-B01-1", A, BUY, 10), intent("p-B02-1", B, BUY, 10)])
    assert world.journal["p-B02-1"].state is OrderState.REFUSED
    assert world.controls.engaged is Control.PAUSED


def test_slippage_beyond_the_price_deviation_limit_is_a_settings_error() -> None:
    with pytest.raises(ValueError, match=r"orders.slippage = 0.03 is above guards.max_price_distance = 0.02"):
        Settings(orders=OrderSettings(type="market", slippage=Decimal("0.03")))
