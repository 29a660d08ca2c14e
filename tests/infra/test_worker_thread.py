"""A thread for calls that may never return."""

import asyncio
import threading

import pytest

from core.infra.worker_thread import CallNotStarted, CallTimedOut, WorkerThread


async def test_it_gives_what_the_call_returns_or_raises() -> None:
    caller = WorkerThread("test")
    assert await caller.call(lambda: 42, 5) == 42
    with pytest.raises(ZeroDivisionError):
        await caller.call(lambda: 1 // 0, 5)
    caller.end()


async def test_calls_are_made_one_after_the_other_in_their_order() -> None:
    caller, made = WorkerThread("test"), list[int]()
    await asyncio.gather(*(caller.call(lambda n=n: made.append(n), 5) for n in range(50)))
    assert made == list(range(50))
    caller.end()


async def test_what_waits_behind_a_call_that_hangs_is_never_begun() -> None:
    caller, held, begun = WorkerThread("test"), threading.Event(), list[str]()
    hanging = asyncio.create_task(caller.call(held.wait, 0.05))
    waiting = asyncio.create_task(caller.call(lambda: begun.append("late"), 0.1))
    with pytest.raises(CallTimedOut) as hung:
        await hanging
    assert not isinstance(hung.value, CallNotStarted), "it may still do what it does"
    with pytest.raises(CallNotStarted):
        await waiting
    held.set()
    await caller.call(lambda: None, 5)
    assert begun == []
    caller.end()


async def test_a_caller_that_is_ended_lets_nobody_wait() -> None:
    caller, held, begun = WorkerThread("test"), threading.Event(), list[str]()
    tasks = [asyncio.create_task(caller.call(call, 60)) for call in (held.wait, lambda: begun.append("late"))]
    await asyncio.sleep(0.05)
    caller.end()
    hanging, waiting = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(hanging, CallTimedOut)
    assert isinstance(waiting, CallNotStarted)
    held.set()
    await asyncio.sleep(0.05)
    assert begun == []


async def test_a_call_that_nobody_waits_for_any_more_is_not_begun() -> None:
    caller, held, begun = WorkerThread("test"), threading.Event(), list[str]()
    first = asyncio.create_task(caller.call(held.wait, 5))
    second = asyncio.create_task(caller.call(lambda: begun.append("late"), 5))
    await asyncio.sleep(0.02)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    held.set()
    await first
    await caller.call(lambda: None, 5)
    assert begun == []
    caller.end()
