"""`python -m tests.bench.memory`: what the screen keeps over a trading day, eight simulated hours.

The app is the real one, headless; each picture has other prices, orders come and fill, events follow each other, and
the user walks over every screen once a minute. The process's own memory is read after each hour.
"""

import asyncio
import gc
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from core.model.known import Known
from core.model.order import OrderState, Side
from core.model.snapshot import Event, Level, PositionRow
from tests.tui.samples import NOW, order, snapshot
from tests.tui.scripted import ScriptedLink
from tui.app import RotorApp

HOURS, ROWS = 8, 40
EVERY = 4
"""Simulated seconds between two pictures."""
MOST = 10.0
"""MB that may be added after the first hour."""


def resident() -> float:
    """MB of this process in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def picture(rows: Sequence[PositionRow], second: int) -> dict[str, object]:
    at = NOW + timedelta(seconds=second)
    moved = tuple(
        replace(row, last=Decimal(100) + Decimal((second * 7 + place * 13) % 3000) / 1000, quoted_at=at)
        for place, row in enumerate(rows)
    )
    state = OrderState.WORKING if second % 60 < 30 else OrderState.FILLED
    orders = tuple(order(number % 8, Side.BUY, state) for number in range(8))
    events = tuple(Event(number, at, Level.INFO, f"event {number}") for number in range(second, second + 200))
    return {"at": at, "positions": Known(moved), "orders": orders, "events": events}


async def hours() -> list[float]:
    from tests.bench.screen import holdings

    rows, link = holdings()[:ROWS], ScriptedLink(snapshot())
    app, sizes = RotorApp(link), []
    async with app.run_test(size=(160, 45)) as pilot:
        for second in range(0, HOURS * 3600, EVERY):
            if second % 60 == 0:
                for key in "12345678":
                    await pilot.press(key)
                await pilot.press("4")
            link.sent.clear()
            link.change(**picture(rows, second))
            app._applied_at = 0.0
            app._tick()
            await pilot.pause(0)
            if second % 3600 == 3600 - EVERY:
                sizes.append(resident())
    return sizes


def rows() -> list[tuple[str, str]]:
    sizes = asyncio.run(hours())
    grown = ", ".join(f"{size:.0f}" for size in sizes)
    return [("memory after each of 8 simulated hours", f"{grown} MB: {sizes[-1] - sizes[0]:+.1f} MB after the first")]


if __name__ == "__main__":
    for what, figure in rows():
        print(f"| {what} | {figure} |")  # noqa: T201
