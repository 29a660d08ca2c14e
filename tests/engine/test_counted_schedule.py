"""The schedule that counts sessions from the last rebalance."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.model.settings import ScheduleSettings, Settings, StrategySettings
from tests.engine.schedule_world import FOLLOWED, ScheduleWorld, at

EACH_FIFTH = Settings(schedule=ScheduleSettings(frequency="sessions", every=5, time="14:50"))


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[ScheduleWorld]:
    """Sessions: 14 and 15 May, 18 to 22 May, 25 to 29 May 2026, without a holiday."""
    world = ScheduleWorld(tmp_path / "app.db", EACH_FIFTH)
    with closing(world.db):
        yield world


def next_at(world: ScheduleWorld) -> str:
    found = world.scheduler.next_rebalance(world.clock.now())
    return "" if found is None else f"{found:%m-%d %H:%M}"


async def days(world: ScheduleWorld, *dates: str) -> None:
    for day in dates:
        await world.due(f"2026-05-{day} 14:50")


async def test_the_first_run_is_on_the_next_session_and_the_next_after_so_many(counting: ScheduleWorld) -> None:
    assert next_at(counting) == "05-15 14:50"
    await days(counting, "15", "18", "19", "20", "21", "22", "25")
    assert counting.runs == ["rebalance 05-15 14:50", "rebalance 05-22 14:50"]


async def test_the_count_goes_on_after_a_restart(counting: ScheduleWorld) -> None:
    await days(counting, "15", "18")
    counting.again()
    assert next_at(counting) == "05-22 14:50"
    await days(counting, "19", "22")
    assert counting.runs == ["rebalance 05-15 14:50", "rebalance 05-22 14:50"]


async def test_a_rebalance_by_hand_begins_the_count_anew(counting: ScheduleWorld) -> None:
    await days(counting, "15")
    counting.clock.move_to(at("2026-05-19 10:00"))
    counting.scheduler.rebalanced()
    assert next_at(counting) == "05-26 14:50"


async def test_a_rebalance_by_hand_on_the_day_stands_for_the_one_that_is_due(counting: ScheduleWorld) -> None:
    await days(counting, "15")
    counting.clock.move_to(at("2026-05-22 10:00"))
    counting.scheduler.rebalanced()
    await days(counting, "22")
    assert counting.runs == ["rebalance 05-15 14:50"]
    assert next_at(counting) == "05-29 14:50"


async def test_a_run_that_was_not_carried_out_is_offered_and_does_not_move_the_count(counting: ScheduleWorld) -> None:
    await days(counting, "15")
    counting.clock.move_to(at("2026-05-22 15:30"))
    counting.again()
    assert counting.why.startswith("05-22 14:50 rotor was not running")
    assert next_at(counting) == "05-29 14:50"
    counting.clock.move_to(at("2026-05-25 10:00"))
    counting.scheduler.rebalanced()
    assert counting.scheduler.missed is None
    assert next_at(counting) == "06-01 14:50"


async def test_a_first_run_that_is_refused_is_offered_and_due_again_on_the_next_session(
    counting: ScheduleWorld,
) -> None:
    counting.refusals = ["the list is stale"] * 10
    await days(counting, "15")
    assert counting.why.startswith("05-15 14:50 the list is stale")
    counting.refusals = []
    await days(counting, "18", "19")
    assert [run for run in counting.runs if "05-15" not in run] == ["rebalance 05-18 14:50"]
    assert next_at(counting) == "05-25 14:50"


async def test_a_changed_count_goes_on_from_the_same_last_run(counting: ScheduleWorld) -> None:
    await days(counting, "15", "18", "19", "20")
    schedule = ScheduleSettings(frequency="sessions", every=2, time="14:50")
    counting.scheduler.use_settings(counting.settings.model_copy(update={"schedule": schedule}))
    assert counting.scheduler.missed is None  # 19 May was due by the new count only, which is no run that was missed
    assert next_at(counting) == "05-21 14:50"


async def test_another_record_is_due_on_the_next_session(counting: ScheduleWorld) -> None:
    await days(counting, "15", "18")
    counting.follow(StrategySettings(strategy_id=4, history_id=404))
    assert next_at(counting) == "05-19 14:50"
    counting.follow(FOLLOWED)
    assert next_at(counting) == "05-22 14:50"


async def test_a_last_run_that_is_yet_to_come_is_not_counted_from(counting: ScheduleWorld) -> None:
    """It was stored while the clock was ahead: counted from, it would keep the schedule still until then."""
    await days(counting, "15")
    counting.state_store.keep("schedule_last_run", '{"strategy_id": 4, "history_id": 403, "day": "2027-01-04"}')
    counting.again()
    assert next_at(counting) == "05-18 14:50"


async def test_a_calendar_that_ends_before_the_next_run_has_none(counting: ScheduleWorld) -> None:
    counting.clock.move_to(at("2026-12-30 14:50"))
    counting.scheduler.rebalanced()
    assert next_at(counting) == ""
