"""`python -m tests.live.suspend [SECONDS]`: a machine that sleeps over the time of a scheduled rebalance.

A real `rotor run` in live mode is stopped with SIGSTOP a few seconds before its time and continued SECONDS later (90
where not given). The run must be offered, not begun, and made up for by `rotor rebalance`. POSIX only.
"""

import signal
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from tests.live.running import Running, furnished, status, until
from tests.live.world import ProcessWorld, bonds

DUE = datetime(2026, 5, 15, 14, 50)  # noqa: DTZ001  (the terminal's own time)
AHEAD = 25.0
"""Seconds before its time at which rotor is started: a loaded machine needs ten and more."""

LISTED = bonds(4)


def at(world: ProcessWorld, moment: datetime) -> None:
    """Set the terminal's clock, which the next rotor follows."""
    world.control.set_clock(f"{moment:%Y-%m-%d %H:%M:%S}")


def now(world: ProcessWorld) -> datetime:
    return datetime.fromisoformat(world.control.dump()["clock"]["now"]).replace(tzinfo=None)


def slept_over(world: ProcessWorld, seconds: float, late: float | None, tell: Callable[[str], object]) -> None:
    """Run and check every step; `late` replaces the seconds after which a run counts as missed.

    Raises `AssertionError` if rotor did otherwise.
    """
    furnished(world, ())
    world.platform.listed = LISTED
    world.settings["SCHEDULE__TIME"] = f"{DUE:%H:%M}"
    at(world, DUE - timedelta(seconds=AHEAD))
    with Running(world, world.start("run", late=late)) as run:
        until(lambda: now(world) > DUE - timedelta(seconds=2), lambda: run.said)
        assert now(world) < DUE, f"it took too long to start:\n{run.said}"
        run.program.send_signal(signal.SIGSTOP)
        tell(f"stopped at {now(world):%H:%M:%S}, {DUE:%H:%M} is the time of the rebalance")
        time.sleep(seconds)
        run.program.send_signal(signal.SIGCONT)
        tell(f"continued at {now(world):%H:%M:%S}")
        run.wait_for(f"the rebalance of {DUE:%Y-%m-%d %H:%M} did not run")
        until(lambda: status(world)["missed"], lambda: run.said)
        assert run.end(signal.SIGTERM) == 0, run.said
    tell(f"offered: {world.json('status')[1]['missed']}")
    assert run.said.count("did not run:") == 1, run.said
    assert "starting the scheduled" not in run.said, run.said
    assert world.control.requests() == [], "it was run all the same"
    for line in run.said.splitlines():
        if "program did not run" in line or "did not run:" in line:
            tell(f"its log: {line}")
    assert world.json("plan")[0] == 0
    assert (status(world)["missed"] or {})["planned_at"].startswith(f"{DUE:%Y-%m-%dT%H:%M}"), "a plan took the offer"
    assert world.control.requests() == [], "a plan sent something"
    code, done = world.json("rebalance", "--yes")
    assert (code, status(world)["missed"]) == (0, None), done
    assert set(world.held()) == set(LISTED)
    tell(f"made up for by rotor rebalance: {len(world.control.requests())} orders, nothing is offered any more")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 90.0
    with tempfile.TemporaryDirectory() as folder, ProcessWorld(Path(folder)) as world:
        world.furnish(LISTED)
        slept_over(world, seconds, None, print)


if __name__ == "__main__":
    main()
