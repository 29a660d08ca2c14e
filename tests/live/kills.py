"""`python -m tests.live.kills [TIMES] [SEED]`: rebalances killed at random moments and restarted.

A real `rotor rebalance` in live mode is killed with SIGKILL somewhere between its first connection and its end, then
asked again until it is through. Each round turns the list over. Whatever the moment: the account equals the list, no
client order id was used twice, no leg was filled twice, and the ledger equals the account. POSIX only.
"""

import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.running import Running
from tests.live.world import ProcessWorld, bonds

SIZE = 8
"""Bonds of a list."""

LATENCY = {
    "order": 0.02,
    "report": 0.01,
    "match": 0.01,
    "query_asset": 0.01,
    "query_orders": 0.01,
    "query_trades": 0.01,
}
CONNECTED = "is connected"
"""What rotor says of the account when it has reached the terminal."""

TRIES = 6
"""Starts that a rotation is given to end after a kill."""


class Broken(AssertionError):
    """A law was broken; the message says which, and with which seed and round it can be seen again."""


@dataclass
class Counts:
    """What the kills interrupted, and how long recovery took."""

    kills: int = 0
    after_the_end: int = 0
    starts: int = 0
    orders: int = 0
    fills: int = 0
    killed_with: Counter[str] = field(default_factory=Counter[str])
    ended_early: Counter[str] = field(default_factory=Counter[str])
    """Starts that did not get through, by the last thing they said."""

    def lines(self) -> Sequence[str]:
        hit = ", ".join(f"{count} {stage}" for stage, count in sorted(self.killed_with.items()))
        return (
            f"{self.kills} kills ({hit}); {self.after_the_end} more came after the end of the rotation",
            f"{self.starts} starts to get through; {self.orders} orders and {self.fills} fills at the terminal",
            *(f"{count} starts ended early: {why}" for why, count in self.ended_early.items()),
            "no client order id twice, no leg filled twice, account = list, ledger = account: every time",
        )


def run(folder: Path, times: int, seed: int, told: bool = False) -> Counts:
    """Kill `times` rotations. Raises `Broken`."""
    chance, counts = random.Random(seed), Counts()
    lists = [bonds(SIZE), bonds(SIZE, 101)]
    with ProcessWorld(folder, cash=100_000) as world:
        market = [*lists[0], *lists[1], *bonds(2, 301)]
        world.furnish(market, LATENCY)
        # All of it happens on one day.
        world.settings |= {"GUARDS__MAX_DAILY_BUYS": "1000000000", "GUARDS__MAX_DAILY_ORDERS": "1000000"}
        world.platform.listed = lists[0]
        world.permit()
        took = _through(world, lists[0], counts)
        while counts.kills < times:
            world.quote(market)  # guards.max_quote_age: a run may take longer than a price may be old
            lists.reverse()
            world.platform.listed = lists[0]
            _kill(world, chance.uniform(0, took), counts)
            took = 0.5 * took + 0.5 * _through(world, lists[0], counts)
            _check(world, lists[0], f"seed {seed}, kill {counts.kills}")
            if told:
                print(f"\r{counts.kills} of {times}", end="", file=sys.stderr, flush=True)  # noqa: T201
        state = world.control.dump()
        counts.orders = len(state["requests"])
        counts.fills = sum(len(account["trades"]) for account in state["accounts"])
    return counts


def _kill(world: ProcessWorld, after: float, counts: Counts) -> None:
    """Start a rebalance and kill it this long after it connected."""
    sent = len(world.control.requests())
    with Running(world, world.start("rebalance", "--yes"), ready=CONNECTED) as run:
        time.sleep(after)
        run.end(signal.SIGKILL)
    if run.program.returncode != -signal.SIGKILL:
        counts.after_the_end += 1
        return
    counts.kills += 1
    mine = len(world.control.requests()) - sent
    sells = sum(request["side"] == 24 for request in world.control.requests()[sent:])
    stage = "before any order" if not mine else "while selling" if mine == sells else "while buying"
    counts.killed_with[stage] += 1


def _through(world: ProcessWorld, listed: Sequence[str], counts: Counts) -> float:
    """Start rotor until it is done and the account equals the list; return the seconds from connection to end."""
    for _ in range(TRIES):
        counts.starts += 1
        with Running(world, world.start("rebalance", "--yes"), ready=CONNECTED) as run:
            connected = time.monotonic()
            code = run.program.wait(60)
            took = time.monotonic() - connected
        if code not in (0, 1, 3, 4):
            raise Broken(f"exit code {code}: {run.said}")
        if code == 0 and set(world.held()) == set(listed):
            return took
        counts.ended_early[f"exit {code}: {run.said.strip().splitlines()[-1]}"] += 1
    raise Broken(
        f"not through after {TRIES} starts; the account holds {world.held()}, the list is {listed}: {run.said}"
    )


def _check(world: ProcessWorld, listed: Sequence[str], where: str) -> None:
    requests = world.control.requests()
    remarks = Counter(request["remark"] for request in requests)
    if set(remarks.values()) != {1}:
        raise Broken(f"a client order id was sent twice ({where}): {remarks.most_common(2)}")
    held, ledger = world.held(), world.ledger()
    if set(held) != set(listed):
        raise Broken(f"the account holds {held}, the list is {listed} ({where})")
    if ledger != held:
        raise Broken(f"the ledger says {ledger}, the account {held} ({where})")
    # A leg filled twice would leave more than one order's worth: each bond is bought once per turn of the list.
    most = max(request["volume"] for request in requests)
    if any(volume > most for volume in held.values()):
        raise Broken(f"a leg was filled twice ({where}): {held}")


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = run(Path(folder), times, seed, told=sys.stderr.isatty())
    print(f"seed {seed}, {time.monotonic() - began:.0f} s")  # noqa: T201
    for line in counts.lines():
        print(line)  # noqa: T201


if __name__ == "__main__":
    main()
