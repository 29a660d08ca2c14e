"""A whole trading day of a whole engine, 09:15 to 15:05, on an injected clock: scripted, and at random."""

from collections.abc import Coroutine
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.i18n import use_language
from core.model.bond import BondCode
from core.model.command import Done, ExecutePlan, MakePlan
from core.model.order import STOP_ORIGINS, Order, OrderState, Origin, Side
from core.model.settings import ScheduleSettings, Settings
from core.model.snapshot import Level
from tests.day.drive import drive
from tests.day.faults import Move, Spell
from tests.day.loop import SimulatedLoop, simulate
from tests.day.world import SETTINGS, DayWorld, at

pytestmark = pytest.mark.slow


def play(folder: Path, story: "Any", settings: Settings = SETTINGS) -> None:
    """A day without random faults: only what the test scripts happens."""
    loop = SimulatedLoop()
    world = DayWorld(folder, loop, settings=settings)

    async def day() -> None:
        await world.open()
        work: Coroutine[Any, Any, None] = story(world)
        await work
        record = await world.finish()
        assert record.breaches == []
        await world.close()

    simulate(day(), loop)


def during(begin: str, end: str) -> Spell:
    return Spell(at(begin), at(end))


async def bought(world: DayWorld) -> list[BondCode]:
    """Rebalance to the day's list; the bonds that are held then."""
    made = await world.ask(MakePlan())
    assert isinstance(made, Done)
    assert made.value.refused is None
    assert isinstance(await world.ask(ExecutePlan(made.value.plan_id)), Done)
    assert len(world.held) >= 6
    return sorted(world.held)


def orders(world: DayWorld, code: BondCode) -> list[Order]:
    return [
        order
        for order in world.components.order_manager.journal.of_day(at("12:00").date())
        if order.intent.code == code
    ]


def stop_orders(world: DayWorld, code: BondCode) -> list[Order]:
    return [order for order in orders(world, code) if order.intent.origin in STOP_ORIGINS]


def health(world: DayWorld, name: str) -> Level:
    assert world.latest is not None
    return next(row.level for row in world.latest.health if row.name == name)


def test_a_day_without_intervention(tmp_path: Path) -> None:
    async def story(world: DayWorld) -> None:
        await world.until("09:29:55")
        assert world.broker.sent == []
        await world.until("09:31")
        made = await world.ask(MakePlan())
        assert isinstance(made, Done)
        late = made.value.buys[0].code
        world.market.moves.append(Move(late, during("09:30", "09:45"), halted=True))
        loss, profit, floor, halted, *_ = await bought(world)
        world.market.moves += [
            Move(loss, during("10:00", "15:00"), Decimal("0.94")),
            Move(profit, during("10:20", "15:00"), Decimal("1.07"), thin=True),
            Move(floor, during("10:40", "11:00"), floored=True),
            Move(floor, during("11:00", "11:20"), Decimal("0.94")),
            Move(halted, during("13:10", "13:30"), halted=True),
        ]
        world.market.silences.append(during("13:40", "13:50"))
        world.transport.outages.append(during("14:25", "14:52:30"))  # also when the list is fetched ahead

        await world.until("10:02")
        assert loss not in world.held
        assert [order.state for order in stop_orders(world, loss)][-1] is OrderState.FILLED
        await world.until("10:22")
        assert stop_orders(world, profit)[0].intent.origin is Origin.TAKE_PROFIT
        assert 0 < world.held[profit] == world.owned[profit]  # part filled: the rest is still managed and armed
        assert world.components.stops.rows()[profit].armed

        await world.until("10:50")
        row = world.components.stops.rows()[floor]
        assert floor in world.held
        assert stop_orders(world, floor) == []
        assert row.armed
        assert "limit-down" in row.state
        await world.until("11:05")
        assert floor not in world.held  # armed all along: sold at the next bid

        await world.until("13:20")
        assert world.latest is not None
        assert world.latest.stops is not None
        assert world.latest.stops.armed == world.latest.stops.managed == len(world.owned)
        assert "suspended" in world.components.stops.rows()[halted].state
        await world.until("13:48")
        assert health(world, "quotes") is Level.ERROR
        await world.until("13:53")
        assert health(world, "quotes") is not Level.ERROR

        await world.until("14:52")
        assert world.latest.rebalance is not None
        assert world.latest.rebalance.started_at < at("10:00")  # the platform is unreachable: nothing is sent
        await world.until("14:56")
        assert world.latest.rebalance.started_at > at("14:52")
        assert world.latest.missed is None
        assert late in world.held
        for code in (loss, profit, floor):
            assert [
                order
                for order in orders(world, code)
                if order.intent.side is Side.BUY and order.created_at > at("10:00")
            ] == []

    play(tmp_path, story)


def test_slots_freed_by_stops_are_refilled_in_list_order(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"schedule": ScheduleSettings(frequency="off")})

    async def story(world: DayWorld) -> None:
        await world.until("09:31")
        made = await world.ask(MakePlan())
        assert isinstance(made, Done)
        first, second, third, *_ = [leg.code for leg in made.value.buys]
        world.market.moves += [Move(code, during("09:30", "09:45"), halted=True) for code in (first, second, third)]
        held = await bought(world)
        assert not {first, second, third} & set(held)
        loss, profit, thin = held[0], held[1], held[5]
        world.market.moves += [
            Move(loss, during("10:00", "15:00"), Decimal("0.94")),
            Move(profit, during("10:20", "15:00"), Decimal("1.07")),
            Move(thin, during("14:40", "14:41"), Decimal("0.94"), thin=True),  # partly sold: frees no slot
        ]
        await world.until("14:49:50")
        assert not {loss, profit} & set(world.held)
        assert world.held[thin] > 0
        assert stop_orders(world, thin)
        await world.until("14:53")
        filled = [
            order
            for order in world.components.order_manager.journal.of_day(at("12:00").date())
            if order.intent.origin is Origin.REFILL
        ]
        assert {order.intent.code for order in filled} == {first, second}  # two slots, two bonds, the first of the list
        brought = sum(order.filled_amount for code in (loss, profit) for order in stop_orders(world, code))
        assert sum(order.filled_amount + order.fee for order in filled) <= brought

    play(tmp_path, story, settings)


def test_a_run_missed_while_rotor_is_stopped_is_offered_and_executed_once(tmp_path: Path) -> None:
    async def story(world: DayWorld) -> None:
        await world.until("09:31")
        await bought(world)
        await world.until("14:49:40")
        await world.close()
        await world.clock.sleep(80)
        await world.open()
        await world.until("14:52")
        before = len(world.broker.sent)
        assert world.latest is not None
        assert world.latest.missed is not None
        assert world.latest.missed.planned_at == at("14:50")
        assert "not running" in world.latest.missed.why
        assert "still valid" in world.latest.missed.advice
        assert len(world.broker.sent) == before
        made = await world.ask(MakePlan())
        assert isinstance(made, Done)
        if made.value.legs:
            assert isinstance(await world.ask(ExecutePlan(made.value.plan_id)), Done)
            await world.until("14:56")
            assert world.latest.missed is None

    play(tmp_path, story)


def test_the_sweep_finds_a_price_without_a_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: DayWorld) -> None:
        await world.until("09:31")
        code = (await bought(world))[0]
        monkeypatch.setattr(world.market, "_tell", lambda: None)
        await world.until("10:00:10")
        world.market.moves.append(Move(code, during("10:00:20", "15:00"), Decimal("0.94")))
        calls = world.market.calls
        await world.until("10:02:30")
        assert code not in world.held
        assert stop_orders(world, code)[0].created_at <= at("10:01") + timedelta(seconds=10)
        assert world.market.calls > calls

    play(tmp_path, story)


def test_a_random_day_with_faults_keeps_every_law_and_is_reproducible_in_both_languages() -> None:
    """Sentences for people must decide nothing."""
    one = drive(20)
    use_language("zh")
    try:
        other = drive(20)
    finally:
        use_language("en")
    assert one.breaches == other.breaches == []
    assert (one.orders, one.fills, one.stops, one.restarts) == (other.orders, other.fills, other.stops, other.restarts)
