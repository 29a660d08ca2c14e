"""A thread for calls that may never return."""

import asyncio
import threading

import pytest

from core.infra.worker_thread import CallNotStarted, CallTimedOut, WorkerThread, call_with_deadline
from tests.waiting import until


async def test_a_call_returns_or_raises_its_result() -> None:
    caller = WorkerThread("test")
    assert await caller.call(lambda: 42, 5) == 42
    with pytest.raises(ZeroDivisionError):
        await caller.call(lambda: 1 // 0, 5)
    caller.end()


async def test_calls_run_one_after_the_other_in_order() -> None:
    caller, made = WorkerThread("test"), list[int]()
    await asyncio.gather(*(caller.call(lambda n=n: made.append(n), 5) for n in range(50)))
    assert made == list(range(50))
    caller.end()


async def test_calls_behind_a_hanging_call_never_start() -> None:
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


async def test_closing_the_worker_thread_releases_waiting_calls() -> None:
    caller, held, begun = WorkerThread("ended"), threading.Event(), list[str]()
    running = threading.Event()
    calls = (lambda: running.set() or held.wait(), lambda: begun.append("late"))
    tasks = [asyncio.create_task(caller.call(call, 60)) for call in calls]
    await until(running.is_set)
    caller.end()
    hanging, waiting = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(hanging, CallTimedOut)
    assert isinstance(waiting, CallNotStarted)
    held.set()
    await until(lambda: all(thread.name != "ended" for thread in threading.enumerate()))
    assert begun == []


async def test_a_cancelled_call_does_not_start() -> None:
    caller, held, begun = WorkerThread("test"), threading.Event(), list[str]()
    running = threading.Event()
    first = asyncio.create_task(caller.call(lambda: running.set() or held.wait(), 5))
    second = asyncio.create_task(caller.call(lambda: begun.append("late"), 5))
    await until(running.is_set)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    held.set()
    await first
    await caller.call(lambda: None, 5)
    assert begun == []
    caller.end()


def test_a_blocking_call_has_a_deadline_and_gives_what_it_returns_or_raises() -> None:
    held = threading.Event()
    assert call_with_deadline("test", lambda: 42, 5) == 42
    with pytest.raises(ZeroDivisionError):
        call_with_deadline("test", lambda: 1 // 0, 5)
    with pytest.raises(CallTimedOut):
        call_with_deadline("test", held.wait, 0.05)
    held.set()
