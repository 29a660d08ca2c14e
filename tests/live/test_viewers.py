"""Viewers during a live rebalance: killed, blocked, disconnected. The engine runs as without them."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.live.running import Running, furnished, until
from tests.live.world import ProcessWorld, bonds
from tests.terminal.pty_app import PtyApp

LISTED = bonds(4)
FALLS = LISTED[0]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="signals and ptys of POSIX")]


def test_killed_or_blocked_viewers_do_not_change_orders_or_timing(tmp_path: Path) -> None:
    with ProcessWorld(tmp_path) as world:
        world.furnish(LISTED, latency={"order": 0.1})
        world.platform.listed = LISTED
        world.settings |= {"STOPS__STOP_LOSS": "0.05", "SCHEDULE__FREQUENCY": "off"}
        furnished(world, ())
        with Running(world) as engine:
            _, *program = world.command()
            views = [PtyApp([], 100, 30, program=program, environment=world.environment()) for _ in range(3)]
            killed, still, left = views
            for view in views:
                view.wait_for(r"\[1 Home\]")
            rebalance = world.start("rebalance", "--yes")
            until(lambda: world.control.requests(), lambda: engine.said)
            os.kill(killed.pid, signal.SIGKILL)
            os.kill(still.pid, signal.SIGSTOP)
            left.hang_up()
            out, err = rebalance.communicate(timeout=30)
            assert rebalance.returncode == 0, out + err
            sent = [(request["code"], request["side"], request["volume"]) for request in world.control.requests()]
            assert sent == [(code, 23, 90) for code in LISTED]
            # A stop fires on time while a viewer is blocked.
            engine.follows()
            crossed = time.monotonic()
            world.control.set_quote(FALLS, 94.0, depth=100_000, volume_add=10)
            until(lambda: len(world.control.requests()) == 5, lambda: engine.said)
            assert time.monotonic() - crossed < 1.0
            assert world.control.requests()[-1]["side"] == 24
            os.kill(still.pid, signal.SIGKILL)
            with PtyApp([], 100, 30, program=program, environment=world.environment()) as fresh:
                fresh.wait_for("stop-loss")
                fresh.press("q")
                assert fresh.exit_code() == 0
            assert engine.program.poll() is None
