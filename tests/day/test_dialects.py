"""A whole paper day, 09:15 to 15:05, on each dialect of the platform: it ends with the list's bonds, stops armed."""

from pathlib import Path

import pytest

from core.model.bond import BondCode
from core.model.command import Done, ExecutePlan, MakePlan
from core.model.settings import Settings, StopSettings, StrategySettings
from core.sandbox.dialects import Dialect
from core.sandbox.strategies import catalogue, rank
from tests.day.loop import SimulatedLoop, simulate
from tests.day.world import DAY, SETTINGS, DayWorld

pytestmark = pytest.mark.slow

TOGETHER = (
    (Dialect.CODES_ONLY, Dialect.LAST_SESSION, Dialect.NUMERIC_DATES, Dialect.SLOW),
    (Dialect.TEXT_NUMBERS, Dialect.PERCENT, Dialect.OLDER_PAGES, Dialect.NO_DETAIL, Dialect.NO_LONG_TERM_TOKEN),
)
SPEED = 300.0
"""Market seconds per second: faster than the other days, so that fewer prices come and the test is short."""

MORNING, AFTERNOON = 301, 407
"""Records: the five cheapest bonds, no stops; ten by price and premium, with both stops."""


BLOCKED = {"127033.SZ": "suspended since 2025-09-16", "111013.SH": "called, last trading day 2026-05-28"}


def following(record: int) -> Settings:
    changes = {
        "strategy": StrategySettings(strategy_id=record // 100, history_id=record),
        "stops": StopSettings(take_profit="strategy", stop_loss="strategy"),
    }
    return SETTINGS.model_copy(update=changes)


def listed(world: DayWorld, record: int) -> set[BondCode]:
    """The list of that day: the platform names no bond that does not trade or is called."""
    recipe = next(each for strategy in catalogue() for each in strategy.records if each.id == record)
    rows = world.market.rows_for_ranking(DAY.date())
    return set(rank(recipe.rule, {code: row for code, row in rows.items() if code not in BLOCKED}, recipe.size))


@pytest.mark.parametrize("dialects", [*((each,) for each in Dialect), *TOGETHER], ids="+".join)
def test_a_day_ends_with_the_bonds_of_the_list(tmp_path: Path, dialects: tuple[Dialect, ...]) -> None:
    """Bought in the morning by one record; at 14:50 the schedule changes over to the list of another one."""
    loop = SimulatedLoop()
    world = DayWorld(tmp_path, loop, settings=following(MORNING), dialects=dialects, speed=SPEED)

    async def day() -> None:
        await world.open()
        await world.until("09:31")
        made = await world.ask(MakePlan())
        assert isinstance(made, Done)
        assert isinstance(await world.ask(ExecutePlan(made.value.plan_id)), Done)
        last = listed(world, AFTERNOON)
        assert set(world.held) == {leg.code for leg in made.value.buys}
        assert set(world.held) - last, "something is to be sold"
        await world.close()
        world.settings = following(AFTERNOON)
        await world.open()
        record = await world.finish()
        assert record.breaches == []
        assert set(world.held) == last
        assert world.owned == world.held
        stops = world.components.stops.rows()
        assert {code for code, stop in stops.items() if stop.loss is not None and stop.profit is not None} == last
        await world.close()

    simulate(day(), loop)


def test_a_list_of_the_last_session_buys_nothing_where_only_today_s_may_be_used(tmp_path: Path) -> None:
    """The control: what the other day allows is the setting's doing."""
    loop = SimulatedLoop()
    settings = following(MORNING)
    settings = settings.model_copy(update={"guards": settings.guards.model_copy(update={"max_list_age": 0})})
    world = DayWorld(tmp_path, loop, settings=settings, dialects=(Dialect.LAST_SESSION,), speed=SPEED)

    async def morning() -> None:
        await world.open()
        await world.until("09:31")
        made = await world.ask(MakePlan())
        assert isinstance(made, Done)
        assert (made.value.legs, made.value.refused is None) == ((), False)
        await world.close()

    simulate(morning(), loop)
