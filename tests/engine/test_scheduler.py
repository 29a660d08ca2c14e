"""The schedule: which runs are started, offered or skipped."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from core.calendar.calendar import Calendar
from core.engine.scheduler import MAX_DELAY, RunScheduler, stored_missed_run
from core.model.known import Maybe, Unknown
from core.model.order import Origin
from core.model.platform import Selection
from core.model.settings import ScheduleSettings, Settings, StopSettings, StrategySettings
from tests.engine.schedule_world import (
    FOLLOWED,
    WITH_REFILL,
    Killed,
    ScheduleWorld,
    at,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ScheduleWorld]:
    world = ScheduleWorld(tmp_path / "app.db")
    with closing(world.db):
        yield world


@pytest.fixture
def refilling(tmp_path: Path) -> Iterator[ScheduleWorld]:
    world = ScheduleWorld(tmp_path / "app.db", WITH_REFILL)
    with closing(world.db):
        yield world


async def test_a_run_starts_once_at_its_time(world: ScheduleWorld) -> None:
    await world.due("2026-05-15 14:50:00")
    await world.due("2026-05-15 14:50:01")
    await world.due("2026-05-15 14:51:00")
    assert world.runs == ["rebalance 05-15 14:50"]
    assert world.scheduler.missed is None


async def test_no_run_starts_before_its_time(world: ScheduleWorld) -> None:
    await world.due("2026-05-15 14:49:59.999999")
    assert world.runs == []


async def test_no_run_starts_on_a_closed_day(world: ScheduleWorld) -> None:
    await world.due("2026-05-15 14:50")
    await world.due("2026-05-16 14:50")
    assert world.runs == ["rebalance 05-15 14:50"]
    assert world.scheduler.missed is None


@pytest.mark.parametrize(("late", "begun"), [(0.0, True), (MAX_DELAY, True), (MAX_DELAY + 1, False), (3600.0, False)])
async def test_a_late_run_is_offered_instead_of_started(world: ScheduleWorld, late: float, begun: bool) -> None:
    world.clock.move_to(at("2026-05-15 14:50") + timedelta(seconds=late))
    await world.scheduler.rebalance_due()
    assert bool(world.runs) is begun
    assert bool(world.why) is not begun
    if not begun:
        assert world.why.startswith("05-15 14:50 the computer was asleep")


async def test_lateness_is_counted_in_real_seconds(world: ScheduleWorld) -> None:
    """At 60 market seconds a second, one check later is a market minute late."""
    world.clock.speed = 60.0
    await world.due("2026-05-15 14:55")
    assert world.runs == ["rebalance 05-15 14:55"]


async def test_an_offered_run_is_not_started_by_the_next_check(world: ScheduleWorld) -> None:
    await world.due("2026-05-15 14:52")
    await world.due("2026-05-15 14:53")
    assert world.runs == []
    assert world.why.startswith("05-15 14:50")


async def test_of_several_missed_runs_the_newest_is_offered_and_the_rest_counted(
    world: ScheduleWorld, caplog: pytest.LogCaptureFixture
) -> None:
    await world.due("2026-05-20 10:00")
    assert world.runs == []
    assert world.why.startswith("05-19 14:50")
    assert "the rebalance of 2026-05-19 14:50, and 2 before it did not run" in caplog.text


async def test_a_run_interrupted_by_a_crash_is_offered_after_the_restart(world: ScheduleWorld) -> None:
    async def dies(_: Origin) -> str | None:
        raise Killed

    world.carry_out = dies
    with pytest.raises(Killed):
        await world.due("2026-05-15 14:50")
    world.again()
    assert world.why == "05-15 14:50 rotor ended during this run"
    await world.due("2026-05-15 14:50:10")
    assert world.runs == []


async def test_a_run_missed_while_rotor_was_stopped_is_offered(
    world: ScheduleWorld, caplog: pytest.LogCaptureFixture
) -> None:
    await world.due("2026-05-15 14:50")
    world.clock.move_to(at("2026-05-21 09:00"))
    world.again()
    assert world.why == "05-20 14:50 rotor was not running"
    assert "and 2 before it" in caplog.text


async def test_a_missed_run_is_not_offered_again_after_a_restart(world: ScheduleWorld) -> None:
    world.clock.move_to(at("2026-05-15 15:00"))
    assert world.again().missed is not None
    world.scheduler.drop_missed()
    assert world.again().missed is None


async def test_the_first_start_offers_nothing(tmp_path: Path) -> None:
    world = ScheduleWorld(tmp_path / "app.db", now="2026-05-15 15:00")
    with closing(world.db):
        assert world.scheduler.missed is None
        await world.due("2026-05-18 14:50")
        assert world.runs == ["rebalance 05-18 14:50"]


async def test_a_changed_schedule_offers_no_earlier_run(world: ScheduleWorld) -> None:
    world.clock.move_to(at("2026-05-15 15:00"))
    world.again(Settings(schedule=ScheduleSettings(time="10:00")))
    assert world.scheduler.missed is None


async def test_nothing_is_started_or_offered_without_a_strategy(world: ScheduleWorld) -> None:
    world.follow(StrategySettings())
    await world.due("2026-05-15 14:50")
    await world.due("2026-05-18 16:00")
    world.clock.move_to(at("2026-05-20 16:00"))
    world.again()
    assert world.runs == []
    assert world.scheduler.missed is None
    assert world.scheduler.jobs() == ()
    world.follow(FOLLOWED)
    await world.scheduler.rebalance_due()
    assert world.runs == []
    assert world.scheduler.missed is None


async def test_a_refused_run_is_retried_each_minute(world: ScheduleWorld) -> None:
    world.refusals = ["the list is stale", "the list is stale", None]
    await world.due("2026-05-15 14:50")
    assert world.runs == [f"rebalance 05-15 14:5{minute}" for minute in (0, 1, 2)]
    assert world.scheduler.missed is None


async def test_a_run_refused_until_the_session_s_end_is_offered_with_the_reason(world: ScheduleWorld) -> None:
    world.refusals = ["the list is stale"] * 99
    await world.due("2026-05-15 14:50")
    assert world.runs == [f"rebalance 05-15 14:5{minute}" for minute in range(7)]
    assert world.why == "05-15 14:50 the list is stale"
    world.again()
    assert world.why == "05-15 14:50 the list is stale"


async def test_a_failed_run_is_offered_with_the_failure(world: ScheduleWorld) -> None:
    async def fails(_: Origin) -> str | None:
        raise OSError("disk full")

    world.carry_out = fails
    await world.due("2026-05-15 14:50")
    assert world.why == "05-15 14:50 it failed: disk full"
    world.again()
    assert world.why == "05-15 14:50 it failed: disk full"


async def test_a_manual_run_ends_the_retries(world: ScheduleWorld) -> None:
    async def refused(origin: Origin) -> str | None:
        world.ran.append((origin, world.clock.now()))
        if len(world.ran) == 2:
            world.clock.move_to(world.clock.now() + timedelta(seconds=5))
            world.scheduler.rebalanced()
        return "the list is stale"

    world.carry_out = refused
    await world.due("2026-05-15 14:50")
    assert len(world.runs) == 2
    assert world.scheduler.missed is None


async def test_a_manual_run_makes_up_for_a_missed_run(world: ScheduleWorld) -> None:
    await world.due("2026-05-15 14:52")
    assert world.scheduler.missed is not None
    world.scheduler.rebalanced()
    assert world.scheduler.missed is None
    assert world.again().missed is None


async def test_a_missed_run_can_be_dismissed_once(world: ScheduleWorld) -> None:
    await world.due("2026-05-15 14:52")
    missed = world.scheduler.drop_missed()
    assert missed is not None
    assert missed.planned_at == at("2026-05-15 14:50")
    assert world.scheduler.drop_missed() is None
    assert world.again().missed is None


async def test_an_offer_survives_a_restart(world: ScheduleWorld) -> None:
    await world.due("2026-05-15 14:52")
    offered = world.scheduler.missed
    assert offered is not None
    assert world.again().missed == offered
    assert stored_missed_run(world.state_store) == offered


async def test_the_next_run_replaces_an_offer(world: ScheduleWorld) -> None:
    await world.due("2026-05-15 14:52")
    await world.due("2026-05-18 14:50")
    assert world.runs == ["rebalance 05-18 14:50"]
    assert world.scheduler.missed is None


async def test_the_advice_says_that_the_list_is_still_good(world: ScheduleWorld) -> None:
    await world.due("2026-05-15 14:52")
    assert world.scheduler.missed is not None
    assert world.scheduler.missed.advice == "the list of 2026-05-15 is still valid: 2 bonds"


async def test_the_advice_says_that_the_list_is_stale_and_why(world: ScheduleWorld) -> None:
    world.listed = Unknown("The list is stale")
    await world.due("2026-05-15 14:52")
    assert world.scheduler.missed is not None
    assert world.scheduler.missed.advice == "the list cannot be used now: The list is stale"


async def test_the_advice_outside_trading_hours_is_to_wait(world: ScheduleWorld) -> None:
    await world.due("2026-05-15 15:30")
    assert world.scheduler.missed is not None
    assert world.scheduler.missed.advice.startswith("no order can be sent now: it is 15:30:00")


async def test_an_offer_dismissed_while_its_advice_is_computed_stays_dismissed(world: ScheduleWorld) -> None:
    async def slow() -> Maybe[Selection]:
        world.scheduler.drop_missed()
        return world.listed

    world.fetch = slow
    await world.due("2026-05-15 14:52")
    assert world.scheduler.missed is None


async def test_a_refill_runs_after_the_rebalance_of_its_minute(refilling: ScheduleWorld) -> None:
    refilling.clock.move_to(at("2026-05-15 14:50"))
    await asyncio.gather(refilling.scheduler.rebalance_due(), refilling.scheduler.refill_due())
    assert refilling.runs == ["rebalance 05-15 14:50", "refill 05-15 14:50"]


async def test_a_refill_checked_first_still_runs_after_the_rebalance(refilling: ScheduleWorld) -> None:
    refilling.clock.move_to(at("2026-05-15 14:50"))
    await asyncio.gather(refilling.scheduler.refill_due(), refilling.scheduler.rebalance_due())
    assert refilling.runs == ["rebalance 05-15 14:50", "refill 05-15 14:50"]


async def test_a_refill_waits_for_a_rebalance_that_is_being_retried(refilling: ScheduleWorld) -> None:
    refilling.refusals = ["no"]
    refilling.clock.move_to(at("2026-05-15 14:50"))
    await asyncio.gather(refilling.scheduler.rebalance_due(), refilling.scheduler.refill_due())
    assert refilling.runs == ["rebalance 05-15 14:50", "rebalance 05-15 14:51", "refill 05-15 14:51"]


async def test_a_late_refill_is_skipped(refilling: ScheduleWorld, caplog: pytest.LogCaptureFixture) -> None:
    refilling.clock.move_to(at("2026-05-15 14:50:31"))
    await refilling.scheduler.refill_due()
    assert refilling.runs == []
    assert "the refill of 14:50 was missed: the slots stay empty" in caplog.text


async def test_a_refused_refill_is_logged_and_not_retried(
    refilling: ScheduleWorld, caplog: pytest.LogCaptureFixture
) -> None:
    refilling.refusals = [None, "the list is stale"]
    refilling.clock.move_to(at("2026-05-15 14:50"))
    with caplog.at_level(logging.WARNING):
        await refilling.scheduler.refill_due()
    assert refilling.runs == ["rebalance 05-15 14:50", "refill 05-15 14:50"]
    assert "the refill of 14:50 bought nothing: the list is stale" in caplog.text


async def test_no_refill_without_a_strategy(refilling: ScheduleWorld) -> None:
    refilling.follow(StrategySettings())
    refilling.clock.move_to(at("2026-05-15 14:50"))
    await refilling.scheduler.refill_due()
    assert refilling.runs == []


def test_the_next_jobs_are_listed_soonest_first(refilling: ScheduleWorld) -> None:
    refilling.again(
        Settings(schedule=ScheduleSettings(time="14:50"), stops=StopSettings(refill=True, refill_time="10:00")),
    )
    assert [(job.name, job.at) for job in refilling.scheduler.jobs()] == [
        ("refill", at("2026-05-15 10:00")),
        ("rebalance", at("2026-05-15 14:50")),
    ]


@pytest.mark.parametrize(
    "stops", [StopSettings(refill=False), StopSettings(refill=True, enabled=False)], ids=["not wanted", "stops off"]
)
def test_no_refill_is_scheduled_without_stops_or_its_setting(world: ScheduleWorld, stops: StopSettings) -> None:
    world.again(Settings(stops=stops))
    assert [job.name for job in world.scheduler.jobs()] == ["rebalance"]


@pytest.mark.parametrize("deaths", range(8))
async def test_a_crash_at_any_write_leaves_the_run_executed_or_offered(world: ScheduleWorld, deaths: int) -> None:
    world.state_store.left = deaths
    try:
        await world.due("2026-05-15 14:50")
    except Killed:
        world.state_store.left = None
        world.again()
        await world.due("2026-05-15 14:50:20")
    assert len(world.runs) <= 1
    assert world.runs or world.why.startswith("05-15 14:50")


@pytest.mark.parametrize("deaths", range(6))
async def test_a_crash_at_any_write_of_a_restart_keeps_the_offer(world: ScheduleWorld, deaths: int) -> None:
    async def dies(_: Origin) -> str | None:
        raise Killed

    world.carry_out = dies
    with pytest.raises(Killed):
        await world.due("2026-05-15 14:50")
    world.state_store.left = deaths
    try:
        world.again()
    except Killed:
        world.state_store.left = None
        world.again()
    assert world.why.startswith("05-15 14:50")


def test_a_schedule_that_an_older_version_stored_is_not_a_new_one(world: ScheduleWorld) -> None:
    """Its runs that were missed across the update are offered: the new setting has its default."""
    kept = json.loads(str(world.state_store.recall("schedule_seen")))
    del kept["schedule"]["every"]
    world.state_store.keep("schedule_seen", json.dumps(kept))
    world.clock.move_to(at("2026-05-15 20:00"))
    world.again()
    assert world.why.startswith("05-15 14:50 rotor was not running")


def test_the_next_runs_are_those_of_the_moment_asked_for(refilling: ScheduleWorld) -> None:
    """They are found once and kept: after each step of the clock, the settings and the last run they must be right."""
    asked, scheduler = 0, refilling.scheduler
    for frequency in ("daily", "weekly", "monthly", "sessions", "off", "daily"):
        schedule = ScheduleSettings(frequency=frequency, every=3)
        refilling.settings = refilling.settings.model_copy(update={"schedule": schedule})
        scheduler.use_settings(refilling.settings)
        for hours in (0, 1, 5, 30, 2, 200, -100, 3, 14, 1):
            if hours == 5:
                scheduler.rebalanced()
            fresh = RunScheduler(refilling.settings, refilling.clock, Calendar(), refilling.state_store, refilling)
            moment = refilling.clock.now() + timedelta(hours=hours)
            for _ in range(2):
                assert scheduler.next_rebalance(moment) == fresh.next_rebalance(moment)
                assert scheduler.next_refill(moment) == fresh.next_refill(moment)
            asked += fresh.next_rebalance(moment) is not None
    assert asked == 50
