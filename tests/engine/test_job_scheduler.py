"""Jobs run at market times in any time zone, at any clock speed, and when either changes."""

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest

from core.engine.job_scheduler import JobScheduler
from core.infra.clock import ScaledClock
from core.model.time import SHANGHAI
from tests.day.loop import LoopClock, SimulatedLoop, simulate

T = TypeVar("T")
NINE = datetime(2026, 5, 15, 9, 0, 20, tzinfo=SHANGHAI)


class SchedulerWorld:
    """A scheduler on a simulated loop, and when its jobs ran."""

    def __init__(self, loop: SimulatedLoop, start: datetime = NINE, speed: float = 1.0) -> None:
        self.clock = LoopClock(start, loop, speed)
        self.scheduler = JobScheduler(self.clock)
        self.done: list[datetime] = []

    async def work(self) -> None:
        self.done.append(self.clock.now())

    @property
    def times(self) -> list[str]:
        return [f"{moment:%H:%M:%S}" for moment in self.done]


def run(play: Callable[[SchedulerWorld], Coroutine[Any, Any, T]], *, start: datetime = NINE, speed: float = 1.0) -> T:
    """Run it on a loop that never waits."""
    loop = SimulatedLoop()
    world = SchedulerWorld(loop, start, speed)

    async def all_of_it() -> T:
        try:
            return await play(world)
        finally:
            world.scheduler.stop()

    return simulate(all_of_it(), loop)


def at_ten(after: datetime) -> datetime:
    """Each day at ten."""
    ten = after.replace(hour=10, minute=0, second=0, microsecond=0)
    return ten if ten > after else ten + timedelta(days=1)


@pytest.mark.parametrize("speed", [1.0, 60.0, 600.0])
def test_a_job_runs_once_on_a_machine_that_pauses_while_its_time_is_computed(speed: float) -> None:
    pauses = itertools.cycle([0.02, 0.0, 0.001])

    class PausingClock(LoopClock):
        def now(self) -> datetime:
            loop.pass_time(next(pauses))
            return super().now()

    loop = SimulatedLoop()
    clock = PausingClock(NINE, loop, speed)
    scheduler = JobScheduler(clock)
    done: list[datetime] = []

    async def work() -> None:
        done.append(clock.now())

    async def play() -> None:
        scheduler.add("ten", at_ten, work)
        scheduler.start()
        await clock.sleep(3 * 86_400)
        scheduler.stop()

    simulate(play(), loop)
    assert [f"{moment:%d %H}" for moment in done] == ["15 10", "16 10", "17 10"]


@pytest.mark.parametrize("speed", [1.0, 60.0, 600.0])
def test_a_daily_job_runs_once_at_its_time(speed: float) -> None:
    async def play(world: SchedulerWorld) -> None:
        world.scheduler.add("ten", at_ten, world.work)
        world.scheduler.start()
        await world.clock.sleep(3 * 86_400)
        assert [moment.date().day for moment in world.done] == [15, 16, 17]
        late = [(moment - at_ten(moment - timedelta(minutes=5))).total_seconds() / speed for moment in world.done]
        assert all(0 <= seconds < 0.1 for seconds in late), late

    run(play, speed=speed)


def test_a_minutely_job_runs_at_second_zero() -> None:
    async def play(world: SchedulerWorld) -> None:
        world.scheduler.add_each_minute("minute", world.work)
        world.scheduler.start()
        await world.clock.sleep(200)
        assert world.times == ["09:01:00", "09:02:00", "09:03:00"]

    run(play)


def test_a_job_due_right_now_is_not_lost() -> None:
    async def play(world: SchedulerWorld) -> None:
        world.scheduler.add("ten", at_ten, world.work)
        world.scheduler.start()
        await world.clock.sleep(1)
        assert world.times == ["10:00:00"]

    run(play, start=NINE.replace(hour=10, second=0))


def test_a_job_without_a_next_time_does_not_run() -> None:
    async def play(world: SchedulerWorld) -> None:
        world.scheduler.add("never", lambda _: None, world.work)
        world.scheduler.start()
        await world.clock.sleep(86_400)
        assert world.done == []

    run(play)


def test_the_scheduler_can_be_stopped_and_restarted() -> None:
    async def play(world: SchedulerWorld) -> None:
        world.scheduler.add_each_minute("minute", world.work)
        world.scheduler.start()
        await world.clock.sleep(61)
        world.scheduler.stop()
        assert not world.scheduler.restart_if_ended()
        await world.clock.sleep(120)
        assert world.times == ["09:01:00"]
        world.scheduler.start()
        await world.clock.sleep(60)
        assert world.times == ["09:01:00", "09:04:00"]

    run(play)


def test_a_scheduler_that_ended_by_itself_is_restarted() -> None:
    async def play(world: SchedulerWorld) -> None:
        world.scheduler.add_each_minute("minute", world.work)
        world.scheduler.start()
        assert not world.scheduler.restart_if_ended()
        ended = world.scheduler._scheduler
        assert ended is not None
        ended.shutdown(wait=False)
        await world.clock.sleep(120)
        assert world.times == []
        assert world.scheduler.restart_if_ended()
        await world.clock.sleep(60)
        assert world.times == ["09:03:00"]

    run(play)


def test_a_second_start_runs_no_job_twice() -> None:
    async def play(world: SchedulerWorld) -> None:
        world.scheduler.add_each_minute("minute", world.work)
        world.scheduler.start()
        world.scheduler.start()
        await world.clock.sleep(61)
        assert world.times == ["09:01:00"]

    run(play)


def test_a_job_added_while_running_is_run_too() -> None:
    async def play(world: SchedulerWorld) -> None:
        world.scheduler.start()
        world.scheduler.add_each_minute("minute", world.work)
        await world.clock.sleep(61)
        assert world.times == ["09:01:00"]

    run(play)


def test_a_long_job_does_not_overlap_itself() -> None:
    async def play(world: SchedulerWorld) -> None:
        at_once, most = 0, 0

        async def slow() -> None:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await world.clock.sleep(150)
            at_once -= 1
            await world.work()

        world.scheduler.add_each_minute("minute", slow)
        world.scheduler.start()
        await world.clock.sleep(600)
        assert most == 1
        assert len(world.done) >= 3

    run(play)


def test_a_failed_job_runs_again_the_next_time() -> None:
    async def play(world: SchedulerWorld) -> None:
        async def fails() -> None:
            await world.work()
            raise OSError("disk full")

        world.scheduler.add_each_minute("minute", fails)
        world.scheduler.start()
        await world.clock.sleep(121)
        assert world.times == ["09:01:00", "09:02:00"]

    run(play)


def test_a_job_that_the_end_cuts_off_is_no_error_and_one_that_fails_is(caplog: pytest.LogCaptureFixture) -> None:
    async def play(world: SchedulerWorld) -> None:
        begun = asyncio.Event()

        async def long() -> None:
            begun.set()
            await asyncio.sleep(3600)

        async def failing() -> None:
            raise ValueError("it failed")

        world.scheduler.add_each_minute("long", long)
        world.scheduler.add_each_minute("failing", failing)
        world.scheduler.start()
        await begun.wait()
        await asyncio.sleep(1)
        world.scheduler.stop()
        await asyncio.sleep(1)

    run(play)
    (failed,) = [record for record in caplog.records if record.name.startswith("apscheduler")]
    assert "failing" in failed.getMessage()


def test_a_blocked_loop_runs_a_missed_job_once() -> None:
    async def play(world: SchedulerWorld) -> None:
        world.scheduler.add_each_minute("minute", world.work)
        world.scheduler.start()
        await world.clock.sleep(1)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        loop.pass_time(3600)  # the machine slept or the loop was blocked
        world.scheduler.start_due_jobs()
        await world.clock.sleep(1)
        assert world.times == ["10:00:21"]
        await world.clock.sleep(60)
        assert world.times == ["10:00:21", "10:01:00"]

    run(play)


class MovedClock(LoopClock):
    """A sandbox's, which can be set."""

    def move_to(self, moment: datetime) -> None:
        self._start = moment - timedelta(seconds=self.elapsed())


def test_moving_the_market_s_clock_moves_every_next_time() -> None:
    async def play(world: SchedulerWorld) -> None:
        clock = MovedClock(NINE, world.clock._loop)  # pyright: ignore[reportPrivateUsage]
        world.clock, world.scheduler = clock, JobScheduler(clock)
        world.scheduler.add("ten", at_ten, world.work)
        world.scheduler.start()
        await clock.sleep(10)
        clock.move_to(NINE.replace(hour=9, minute=59))
        world.scheduler.reschedule()
        await clock.sleep(61)
        assert world.times == ["10:00:00"]
        world.scheduler.stop()

    run(play)


def test_a_stopped_scheduler_ignores_clock_changes() -> None:
    async def play(world: SchedulerWorld) -> None:
        world.scheduler.add_each_minute("minute", world.work)
        world.scheduler.start_due_jobs()
        world.scheduler.reschedule()
        await world.clock.sleep(120)
        assert world.done == []

    run(play)


ELSEWHERE = """
import asyncio, time
from datetime import datetime
from core.infra.clock import ScaledClock
from core.model.time import SHANGHAI
from core.engine.job_scheduler import JobScheduler
from tests.engine.test_job_scheduler import at_ten

async def main():
    clock = ScaledClock(datetime(2026, 3, 8, 9, 59, tzinfo=SHANGHAI), 600)
    table, done = JobScheduler(clock), asyncio.Event()
    async def work():
        print(time.tzname[0], f"{clock.now():%H:%M}", flush=True)
        done.set()
    table.add("ten", at_ten, work)
    table.start()
    await asyncio.wait_for(done.wait(), 60)
    table.stop()

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="TZ is the machine's own business there")
def test_job_times_are_shanghai_time_in_any_machine_time_zone() -> None:
    """Also on the day New York's clocks go forward."""
    told = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        env={**os.environ, "TZ": "America/New_York"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert told.stdout.split() == ["EST", "10:00"]


async def test_a_job_runs_once_a_minute_on_a_real_loop() -> None:
    clock = ScaledClock(NINE, 120)
    table, done = JobScheduler(clock), asyncio.Event()
    times: list[datetime] = []

    async def work() -> None:
        times.append(clock.now())
        if len(times) == 3:
            done.set()

    table.add_each_minute("minute", work)
    table.start()
    await asyncio.wait_for(done.wait(), 60)
    table.stop()
    minutes = [moment.minute for moment in times]  # a busy machine may miss one
    assert minutes[0] >= 1 and minutes == sorted(set(minutes)), times
