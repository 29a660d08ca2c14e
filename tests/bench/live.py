"""`python -m tests.bench.live`: how fast a rotation leaves, at a terminal with the latencies of a real one.

Beside each figure stands the sum that the latencies alone impose: the queries that have to be waited for one after the
other, one order's way to the counter, and its fill.
"""

import asyncio
import statistics
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

from core.model.bond import BondCode
from core.model.known import Known
from core.model.order import Intent, Outcome
from core.model.settings import BuySettings, GuardSettings, OrderSettings
from tests.live.terminal_world import TerminalWorld
from tests.live.world import bonds
from tests.miniqmt.terminal import shared_terminal

QUERY, ORDER, MATCH = 0.020, 0.030, 0.002
RUNS = 5
ROUNDS = 5
"""Rounds of queries that have to be waited for one after the other: the plan's look; at its begin the orders and
trades, the asset that proves their emptiness, and a fresh look; the look at the cash before the buys."""

_sessions = count(9000)


async def rotation(legs: int, folder: Path) -> tuple[float, float, dict[str, int]]:
    """Seconds from the trigger (nothing planned yet) to the last order sent and to the end, and the calls it took."""
    old, new = [BondCode(code) for code in bonds(legs)], [BondCode(code) for code in bonds(legs, 401)]
    terminal_world = TerminalWorld(
        folder, shared_terminal(), lambda: next(_sessions), old=old, new=new, speed=1.0, patience=5.0
    )
    terminal_world.settings = terminal_world.settings.model_copy(
        update={
            "buy": BuySettings(amount=10_200),  # type: ignore[arg-type]
            "orders": OrderSettings(type="market", timeout=30),
            "guards": GuardSettings(max_daily_buys=10**9),  # type: ignore[arg-type]
        }
    )
    terminal_world.furnish(cash=2_000_000)
    await terminal_world.open(durable=True)
    terminal_world.feed.watch([*old, *new])
    await terminal_world.plan()  # static data of the day is read when the bonds are first looked at, not in the run
    latency = dict.fromkeys(("query_asset", "query_positions", "query_orders", "query_trades"), QUERY)
    terminal_world.control.configure(latency={**latency, "order": ORDER, "report": 0.0, "match": MATCH})
    sent: list[float] = []
    place = terminal_world.broker.place

    async def noted(intent: Intent) -> Outcome:
        sent.append(time.perf_counter())
        return await place(intent)

    terminal_world.broker.place = noted  # type: ignore[method-assign]
    before: dict[str, int] = terminal_world.control.dump()["calls"]
    started = time.perf_counter()
    plan = await terminal_world.plan()
    ending = await terminal_world.rotation.execute(plan)
    ended = time.perf_counter()
    after: dict[str, Any] = terminal_world.control.dump()["calls"]
    assert ending == "done", ending
    assert len(sent) == 2 * legs
    assert isinstance(await terminal_world.broker.asset(), Known)
    terminal_world.check()
    await terminal_world.close()
    calls = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    return max(sent) - started, ended - started, calls


def imposed() -> float:
    """Seconds from the trigger to the last order sent if this program took no time at all."""
    return ROUNDS * QUERY + ORDER + MATCH


def rows() -> list[tuple[str, str]]:
    """The lines of the README's table: what, figure."""
    found: list[tuple[str, str]] = []
    for legs in (20, 100):
        measured: list[tuple[float, float, dict[str, int]]] = []
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as folder:
                measured.append(asyncio.run(rotation(legs, Path(folder))))
        sent = statistics.median(row[0] for row in measured)
        whole = statistics.median(row[1] for row in measured)
        calls = measured[-1][2]
        queries = sum(number for name, number in calls.items() if name.startswith("query_"))
        found.append(
            (
                f"live, {legs} + {legs} orders: trigger to the last one sent (latencies alone: {imposed():.2f} s)",
                f"{sent:.2f} s, all filled after {whole:.2f} s; {queries} queries",
            )
        )
    return found


def main() -> None:
    for what, figure in rows():
        print(f"| {what} | {figure} |")  # noqa: T201


if __name__ == "__main__":
    main()
