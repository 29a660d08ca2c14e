"""A component that ends unexpectedly is restarted and reported."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from core.engine.supervisor import Supervisor
from tests.day.loop import LoopClock, SimulatedLoop, simulate
from tests.engine.test_job_scheduler import NINE

Play = Callable[[Supervisor, LoopClock], Coroutine[Any, Any, None]]


def run(play: Play) -> None:
    loop = SimulatedLoop()
    clock = LoopClock(NINE, loop, 60.0)
    supervisor = Supervisor(clock)

    async def all_of_it() -> None:
        try:
            await play(supervisor, clock)
        finally:
            await supervisor.close()

    simulate(all_of_it(), loop)


async def raises() -> None:
    raise OSError("disk full")


async def returns() -> None: ...


@pytest.mark.parametrize(("work", "why"), [(raises, "OSError: disk full"), (returns, "it ended")])
def test_a_component_that_ends_is_restarted_and_reported(
    work: Callable[[], Coroutine[Any, Any, None]], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(supervisor: Supervisor, _: LoopClock) -> None:
        supervisor.keep("the beat", work)
        await asyncio.sleep(0.5)
        fall = supervisor.latest_failure
        assert fall is not None
        assert (fall.part, fall.why) == ("the beat", why)
        assert f"the beat failed and was restarted: {why}" in caplog.messages

    run(play)


def test_restart_pauses_grow_to_a_minute() -> None:
    async def play(supervisor: Supervisor, clock: LoopClock) -> None:
        begun: list[float] = []

        async def fails() -> None:
            begun.append(clock.real())
            await raises()

        supervisor.keep("the beat", fails)
        await asyncio.sleep(400)
        pauses = [after - before for before, after in pairwise(begun)]
        assert pauses[:5] == pytest.approx([2, 4, 8, 16, 32])
        assert pauses[5:] == pytest.approx([60] * len(pauses[5:]))
        assert len(pauses) > 7

    run(play)


def test_a_component_that_ran_long_is_restarted_soon() -> None:
    async def play(supervisor: Supervisor, clock: LoopClock) -> None:
        begun: list[float] = []

        async def fails() -> None:
            begun.append(clock.real())
            if len(begun) > 4:
                await asyncio.sleep(301)
            await raises()

        supervisor.keep("the beat", fails)
        await asyncio.sleep(700)
        assert begun[5] - begun[4] == pytest.approx(302)

    run(play)


def test_a_failure_is_shown_for_some_minutes() -> None:
    async def play(supervisor: Supervisor, _: LoopClock) -> None:
        assert supervisor.latest_failure is None
        supervisor.note_failure("the schedule", "it had stopped")
        await asyncio.sleep(299)
        assert supervisor.latest_failure is not None
        await asyncio.sleep(2)
        assert supervisor.latest_failure is None

    run(play)


def test_other_components_keep_running() -> None:
    async def play(supervisor: Supervisor, _: LoopClock) -> None:
        beats: list[int] = []

        async def beats_on() -> None:
            while True:
                await asyncio.sleep(1)
                beats.append(1)

        supervisor.keep("bad", raises)
        supervisor.keep("good", beats_on)
        await asyncio.sleep(30.5)
        assert len(beats) == 30

    run(play)


def test_a_closed_component_is_not_restarted(caplog: pytest.LogCaptureFixture) -> None:
    async def play(supervisor: Supervisor, _: LoopClock) -> None:
        begun: list[int] = []

        async def waits() -> None:
            begun.append(1)
            await asyncio.sleep(3600)

        supervisor.keep("the beat", waits)
        await asyncio.sleep(1)
        await supervisor.close()
        await asyncio.sleep(100)
        assert begun == [1]

    with caplog.at_level(logging.ERROR):
        run(play)
    assert caplog.messages == []
