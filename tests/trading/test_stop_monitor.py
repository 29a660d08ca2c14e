"""The stop monitor: what it sells, what it waits for, and what its rows say."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.brokers.broker import ConnectionState, ConnectionStatus
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.order import Intent, OrderState, Origin, Side
from core.model.quote import TradingState
from core.model.settings import OrderSettings, Settings, StopSettings
from core.model.snapshot import Control, StopRow, StopStatus
from core.trading.settle import settle
from core.trading.stop_rows import stops_summary
from tests import worlds
from tests.trading import hostile
from tests.trading.conftest import MakeWorld
from tests.trading.trading_world import SELL, TEN, A, B, TradingWorld, settings

THROUGH = "94"
"""Below the stop-loss of a bond that cost 100: 95."""


def sold(world: TradingWorld) -> list[tuple[BondCode, int]]:
    return world.sent(SELL)


def state(world: TradingWorld, code: BondCode = A) -> str:
    return world.stops.rows()[code].state


async def test_a_price_beyond_the_trigger_sells_all_that_is_owned(world: TradingWorld) -> None:
    world.own(A=100, B=50)
    await world.ticked(A, THROUGH)
    (order,) = world.broker.placed
    assert (order.code, order.side, order.volume, order.origin) == (A, Side.SELL, 100, Origin.STOP_LOSS)
    assert "last 94 through 95.000 (cost 100.000)" in order.reason
    assert world.owned == {B: 50}


async def test_a_stop_order_is_priced_below_the_bid_by_the_slippage_whatever_the_order_settings(
    world: TradingWorld,
) -> None:
    assert world.settings.orders.type == "limit"
    world.own(A=100)
    await world.ticked(A, THROUGH, bid=Decimal("93.990"))
    assert world.broker.placed[0].price == Decimal("93.051")  # 93.99 less 1 %, up to the tick


async def test_a_stop_order_s_price_stays_inside_the_daily_limits(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, THROUGH, limit_down=Decimal("93.8"), limit_up=Decimal(120))
    assert world.broker.placed[0].price == Decimal("93.8")


async def test_a_price_above_the_upper_trigger_takes_profit(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, "110")
    assert [(order.volume, order.origin) for order in world.broker.placed] == [(100, Origin.TAKE_PROFIT)]


@pytest.mark.parametrize("last", ["95.001", "100", "109.999"])
async def test_a_price_between_the_triggers_sells_nothing(world: TradingWorld, last: str) -> None:
    world.own(A=100)
    await world.ticked(A, last)
    assert sold(world) == []
    assert state(world) == "armed"


async def test_a_bond_not_managed_by_rotor_is_not_monitored(world: TradingWorld) -> None:
    world.broker.held[A] = 100
    await world.ticked(A, THROUGH)
    assert sold(world) == []
    assert world.stops.rows() == {}


async def test_a_stop_never_sells_the_user_s_own_part(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.held[A] += 70
    await world.ticked(A, THROUGH)
    await world.ticked(A, "93")
    assert sold(world) == [(A, 100)]
    assert world.broker.held_now == {A: 70}


async def test_no_price_sends_a_second_order_while_the_first_is_open(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    placed: list[int] = []

    def another_price() -> None:
        world.tick(A, "93")
        world.clock.after(0.5, lambda: placed.append(len(world.broker.placed)))

    for second in (1, 2, 3):
        world.clock.after(second, another_price)
    world.clock.after(4, lambda: world.broker.trade("1000", 100))
    await world.ticked(A, THROUGH)
    assert placed == [1, 1, 1]
    assert sold(world) == [(A, 100)]
    assert world.owned == {}


async def test_the_row_says_that_the_stop_is_selling(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works]
    rows: list[str] = []
    world.clock.after(1, lambda: rows.append(state(world)))
    world.clock.after(2, lambda: world.broker.trade("1000", 100))
    await world.ticked(A, THROUGH)
    assert rows == ["selling"]


async def test_the_rest_of_a_part_fill_is_sold_at_the_newest_price(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.fills_part(40), hostile.fills_at_once]
    world.clock.after(3, lambda: world.tick(A, "92"))
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100), (A, 60)]
    assert world.states(A) == [OrderState.CANCELLED, OrderState.FILLED]
    assert world.broker.placed[1].price == Decimal("91.080")  # 91.999 less 1 %, up to the tick
    assert world.broker.held_now == {}


async def test_a_stop_order_left_behind_by_the_price_is_cancelled_before_the_next(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.works, hostile.fills_at_once]
    await world.ticked(A, THROUGH)
    assert len(world.broker.cancels) == 1
    assert (world.clock.now() - TEN).total_seconds() == pytest.approx(10, abs=0.1)
    assert sold(world) == [(A, 100), (A, 100)]
    assert world.broker.held_now == {}


async def test_no_stop_order_follows_an_unconfirmed_cancel(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A], world.broker.deaf = [hostile.works], {A}
    for _ in range(4):
        await world.ticked(A, THROUGH)
        world.clock.move_to(world.clock.now() + timedelta(seconds=600))
    assert sold(world) == [(A, 100)]


async def test_a_recovered_price_ends_the_stop_and_leaves_the_rest_armed(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.fills_part(40), hostile.fills_at_once]
    world.clock.after(3, lambda: world.tick(A, "97"))
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100)]
    assert world.owned == {A: 60}
    assert state(world) == "armed"
    await world.ticked(A, THROUGH)
    assert world.owned == {}


async def test_an_odd_lot_is_sold_at_once_because_the_holding_is_read_again(make_world: MakeWorld) -> None:
    world = make_world(Settings(orders=OrderSettings(timeout=4)))
    world.own(A=105)
    world.broker.manners[A] = [hostile.fills_part(100), hostile.fills_at_once]
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 105), (A, 5)]
    assert world.broker.held_now == {}


async def test_a_price_that_jumps_to_the_other_trigger_starts_that_stop(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.fills_part(40), hostile.fills_at_once]
    world.clock.after(3, lambda: world.tick(A, "111"))
    await world.ticked(A, THROUGH)
    assert world.owned == {A: 60}
    await world.ticked(A, "111")
    assert [order.origin for order in world.broker.placed] == [Origin.STOP_LOSS, Origin.TAKE_PROFIT]
    assert world.owned == {}


async def test_at_limit_down_the_stop_stays_armed_and_sells_at_the_next_bid(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, "80", bid=None)
    row = world.stops.rows()[A]
    assert (row.armed, row.state) == (True, "no buyers (limit-down at 80?)")
    assert sold(world) == []
    world.clock.move_to(world.clock.now() + timedelta(seconds=1))
    await world.ticked(A, "80")
    assert sold(world) == [(A, 100)]


async def test_a_suspended_bond_stays_armed_and_is_sold_when_it_trades(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, "100", state=TradingState.HALTED)
    assert state(world) == "suspended: fires when it trades"
    await world.ticked(A, THROUGH, state=TradingState.HALTED)
    row = world.stops.rows()[A]
    assert row.armed
    assert row.state.startswith("suspended, last traded at 94")
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100)]


async def test_the_reason_a_stop_cannot_sell_is_logged_once(
    world: TradingWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.own(A=100)
    with caplog.at_level(logging.ERROR, "core.trading.stop_monitor"):
        for _ in range(3):
            await world.ticked(A, "80", bid=None)
    (line,) = caplog.messages
    assert f"the stop of {A}" in line
    assert "no buyers" in line


@pytest.mark.parametrize("manner", [hostile.rejects, hostile.refuses])
async def test_a_refused_stop_order_is_retried_after_growing_pauses(
    world: TradingWorld, manner: hostile.Manner
) -> None:
    world.own(A=100)
    world.broker.manners[A] = [manner]
    tries: list[int] = []
    for _ in range(80):
        await world.ticked(A, THROUGH)
        tries.append(len(world.broker.placed))
        world.clock.move_to(world.clock.now() + timedelta(seconds=1))
    moments = [second for second, (before, now) in enumerate(zip([0, *tries], tries, strict=False)) if now > before]
    assert moments == [0, 5, 15, 35, 75]
    assert world.stops.rows()[A].armed
    assert "its order was re" in state(world)


async def test_an_accepted_order_resets_the_retry_pause(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.rejects, hostile.rejects, hostile.fills_part(40), hostile.rejects]
    for seconds in (0, 5, 10):
        world.clock.move_to(world.clock.now() + timedelta(seconds=seconds))
        await world.ticked(A, THROUGH)
    assert len(world.broker.placed) == 4
    world.clock.move_to(world.clock.now() + timedelta(seconds=5))
    await world.ticked(A, THROUGH)
    assert len(world.broker.placed) == 5


async def cancels_at_once(broker: hostile.HostileBroker, order: Intent) -> hostile.Outcome:
    """The broker accepts the order and then cancels it, as some do instead of rejecting."""
    assert len(broker.placed) < 50, "order after order"
    order_id = broker.take(order)
    broker.end(order_id, OrderState.CANCELLED)
    return hostile.Confirmed(order_id)


async def test_a_stop_order_cancelled_by_the_user_is_not_resent_at_once(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [cancels_at_once]
    await world.ticked(A, THROUGH)
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100)]
    assert "cancelled" in state(world)
    world.clock.move_to(world.clock.now() + timedelta(seconds=5))
    await world.ticked(A, THROUGH)
    assert len(sold(world)) == 2


async def test_an_unknown_stop_order_blocks_the_bond_until_it_is_settled(make_world: MakeWorld) -> None:
    world = make_world(lists_every_order=False)
    world.own(A=100)
    world.broker.manners[A] = [hostile.never_arrives, hostile.fills_at_once]
    for _ in range(5):
        await world.ticked(A, THROUGH)
        world.clock.move_to(world.clock.now() + timedelta(seconds=600))
    assert sold(world) == [(A, 100)]
    assert "frozen until that is settled" in state(world)
    key = world.orders(A)[0].intent.client_order_id
    await settle(world.order_manager, key, filled=False)
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100), (A, 100)]
    assert world.owned == {}


async def test_a_stop_order_whose_response_was_lost_is_found_in_the_list_and_completed(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.loses_the_answer, hostile.fills_at_once]
    world.clock.after(5, lambda: world.broker.trade("1000", 100, tell=False))
    await world.ticked(A, THROUGH)
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100)]
    assert world.owned == {}


async def test_a_halt_blocks_stops_and_each_row_says_so(world: TradingWorld) -> None:
    world.own(A=100, B=100)
    world.controls.engage(Control.HALTED)
    await world.ticked(A, THROUGH)
    assert sold(world) == []
    assert {row.state for row in world.stops.rows().values()} == {"halted: no stop fires"}
    summary = world.stops.summary(world.stops.rows(), {})
    assert (summary.armed, summary.managed, summary.note) == (0, 2, "halted: no stop fires")
    world.controls.release()
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100)]


async def test_a_halt_during_a_stop_sends_no_further_order(world: TradingWorld) -> None:
    world.own(A=100)
    world.broker.manners[A] = [hostile.fills_part(40), hostile.fills_at_once]
    world.clock.after(1, lambda: world.controls.engage(Control.HALTED))
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100)]
    assert world.owned == {A: 60}


async def test_paused_buying_leaves_stops_active(world: TradingWorld) -> None:
    world.own(A=100)
    world.controls.engage(Control.PAUSED)
    assert state(world) == "no price yet"
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100)]


def link_down(world: TradingWorld) -> None:
    world.broker.connection = ConnectionState(
        ConnectionStatus.DISCONNECTED, 1, "the terminal is closed", world.clock.now()
    )


def link_new(world: TradingWorld) -> None:
    world.broker.connection = ConnectionState(ConnectionStatus.CONNECTED, 2, "ok", world.clock.now())


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (link_down, "trading is off: connection lost since 05-15 10:00:00: the terminal is closed"),
        (link_new, "trading is off: reconnected; positions are not reconciled yet"),
        (lambda world: world.order_manager.status.add_fault("order 7: too much"), "trading is off: order 7: too much"),
        (lambda world: world.order_manager.status.woke_up(), "trading is off: the computer was asleep"),
        (
            lambda world: world.order_manager.status.account_silent("it hangs"),
            "the account does not answer: it hangs",
        ),
    ],
)
async def test_no_stop_fires_while_trading_is_off_and_its_row_says_why(
    world: TradingWorld, trouble: "hostile.Callable[[TradingWorld], None]", said: str
) -> None:
    world.own(A=100)
    trouble(world)
    await world.ticked(A, THROUGH)
    row = world.stops.rows()[A]
    assert world.broker.placed == []
    assert not row.armed
    assert said in row.state


@pytest.mark.parametrize(("hour", "minute"), [(9, 25), (11, 30), (12, 59), (14, 57), (15, 0)])
async def test_a_stop_outside_trading_hours_waits_for_the_next_session(
    world: TradingWorld, hour: int, minute: int
) -> None:
    world.own(A=100)
    world.clock = world.order_manager.clock = world.stops._order_manager.clock = type(world.clock)(
        TEN.replace(hour=hour, minute=minute)
    )  # pyright: ignore[reportPrivateUsage]
    await world.ticked(A, THROUGH)
    assert world.broker.placed == []
    row = world.stops.rows()[A]
    assert (row.armed, row.state) == (True, "armed for the next hours of trading")


async def test_a_stop_fires_on_the_first_price_after_the_break(world: TradingWorld) -> None:
    world.own(A=100)
    world.clock.move_to(TEN.replace(hour=12, minute=0))
    await world.ticked(A, THROUGH)
    world.clock.move_to(TEN.replace(hour=13, minute=0))
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100)]


@pytest.mark.parametrize("doubted", ["second source", "own figures"])
async def test_a_previous_close_that_two_disagree_on_arms_nothing_and_says_so(
    make_world: MakeWorld, doubted: str
) -> None:
    stops = StopSettings(basis="prev_close")
    world = make_world(settings().model_copy(update={"stops": stops}))
    world.own(A=100, B=100)
    why = "two previous closes, 100 and 120"
    if doubted == "second source":
        world.prev_close_doubts[A] = why
        await world.ticked(A, "90")
    else:
        await world.ticked(A, "90", prev_close=None, doubt=why)
    assert world.sent(SELL) == []
    row = world.stops.rows()[A]
    assert (row.armed, row.loss, row.state) == (False, None, why)
    await world.ticked(B, "90")
    assert world.sent(SELL) == [(B, 100)], "one that nobody contradicts is armed"
    world.prev_close_doubts.clear()
    await world.ticked(A, "90")
    assert world.sent(SELL) == [(B, 100), (A, 100)]


async def test_with_both_bases_a_doubtful_previous_close_leaves_the_cost(make_world: MakeWorld) -> None:
    world = make_world(settings().model_copy(update={"stops": StopSettings(basis="both")}))
    world.own(A=100)
    world.prev_close_doubts[A] = "two disagree"
    await world.ticked(A, "96", prev_close=Decimal(110))
    row = world.stops.rows()[A]
    assert (world.sent(SELL), row.armed, row.loss, row.state) == ([], True, Decimal(95), "armed, but two disagree")
    await world.ticked(A, "95", prev_close=Decimal(110))
    assert world.sent(SELL) == [(A, 100)]


async def test_a_bond_that_the_source_in_use_cannot_price_is_swept_by_the_second_source(
    world: TradingWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.own(A=100, B=100)
    world.show(worlds.quote(B))
    world.second = {A: Unknown("status 503")}
    await world.stops.sweep()
    assert f"{A}: its stop cannot fire, no source has its price" in caplog.text
    world.second = {A: Known(worlds.quote(A, THROUGH, source="other"))}
    caplog.clear()
    await world.stops.sweep()
    await world.stops.sweep()
    await world.quiet()
    assert sold(world) == [(A, 100)]
    assert "cannot fire" not in caplog.text


async def test_one_price_of_a_later_time_does_not_hold_back_those_that_follow(world: TradingWorld) -> None:
    world.own(A=100)
    await world.ticked(A, "100", at=world.clock.now() + timedelta(hours=4))
    await world.ticked(A, THROUGH)
    assert sold(world) == [(A, 100)]


async def test_the_second_source_delays_no_bond_that_the_first_can_price(world: TradingWorld) -> None:
    world.own(A=100, B=100)
    world.show(worlds.quote(B, THROUGH))
    asked = asyncio.Event()

    async def never(codes: object) -> dict[BondCode, Maybe[worlds.Quote]]:
        asked.set()
        return await asyncio.Future()

    world.second_opinion = never
    sweep = asyncio.create_task(world.stops.sweep())
    await asked.wait()
    await world.quiet()
    assert sold(world) == [(B, 100)]
    sweep.cancel()


def test_the_summary_names_the_bonds_that_are_not_armed() -> None:
    armed = StopRow(None, None, "", True, "armed", StopStatus.ARMED)
    unseen = replace(armed, armed=False, state="no price yet", status=StopStatus.NO_PRICE)
    codes = [BondCode(f"11000{number}") for number in range(6)]
    names = {codes[1]: "浦发转债"}
    rows = dict.fromkeys(codes, armed) | {codes[1]: unseen}
    assert stops_summary(rows, names, None).note == "no price yet (110001.SH 浦发转债)"
    most = dict.fromkeys(codes, unseen) | {codes[0]: armed}
    assert stops_summary(most, names, None).note.endswith(", 110003.SH, 2 more)")
    assert stops_summary(dict.fromkeys(codes, unseen), names, "closed").note == "no price yet"  # about all of them
    assert stops_summary({codes[0]: armed}, names, "closed").note == "closed"
