"""Waiting for a condition, with a limit that only a real fault reaches: a loaded machine makes a test slow, not red."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 60.0
"""Seconds that a test waits for something that must happen."""

SHORTEST = max(0.001, 2 * time.get_clock_info("monotonic").resolution)
"""Seconds that a pause takes at least. A sleep below the clock's resolution (16 ms on Windows) is over at once, and an
event loop with such a one never comes to rest."""


async def until(true: Callable[[], object], what: Callable[[], object] | None = None) -> None:
    """Wait, in an event loop, until it is true. Fails with `what()` after `PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while not true():  # what is waited for may happen on another thread or in another process
        assert time.monotonic() < deadline, _reason(what)
        await asyncio.sleep(max(0.005, SHORTEST))


def wait_until(true: Callable[[], Any], what: Callable[[], object] | None = None) -> Any:
    """The same for a test without an event loop; returns what `true` returned."""
    deadline = time.monotonic() + PATIENCE
    while not (value := true()):
        assert time.monotonic() < deadline, _reason(what)
        time.sleep(0.005)
    return value


def _reason(what: Callable[[], object] | None) -> object:
    return f"not so within {PATIENCE:.0f} s" if what is None else what()


async def drained() -> None:
    """Return when the running event loop has nothing left to run: only timers, threads and sockets can wake it."""
    loop, deadline = asyncio.get_running_loop(), time.monotonic() + PATIENCE
    await asyncio.sleep(0)
    while loop._ready:  # type: ignore[attr-defined]
        assert time.monotonic() < deadline, "the event loop never comes to rest"
        await asyncio.sleep(0)
