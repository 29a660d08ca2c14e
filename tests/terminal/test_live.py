"""Live mode in a real terminal: what the SDK's native parts write to the console is not on the screen."""

import os
import signal
from pathlib import Path

import pytest

from tests.live.world import ProcessWorld, bonds
from tests.terminal.pty_app import PtyApp

NOISE = "[ERROR] heartbeat timeout ssid:2111"


@pytest.mark.slow
def test_native_output_does_not_disturb_the_screen(tmp_path: Path) -> None:
    """It ends by a closed terminal window; the main path ends by a key."""
    listed = bonds(4)
    with ProcessWorld(tmp_path) as world:
        world.furnish(listed)
        world.platform.listed = listed
        _, *program = world.command()
        with PtyApp([], 160, 45, program=program, environment=world.environment()) as app:
            app.wait_for(r"rotor +LIVE +8880001")
            app.wait_for("trading enabled")
            world.control.chatter(NOISE)
            app.press("6")
            app.wait_for("the SDK writes: .ERROR. heartbeat")
            assert app.raw.count(NOISE.encode()) == app.raw.count(b"writes: " + NOISE.encode())
            app.press("3")
            app.press("r")
            app.wait_for("4 bonds")
            app.press("e")
            app.wait_for("Type 'I agree' to agree")
            app.press("\x1b")
            app.wait_for("you did not agree to live trading")
            os.kill(app.pid, signal.SIGHUP)
            assert app.exit_code() == 128 + signal.SIGHUP
            assert b"\x1b[?1049l" in app.raw
    assert not (world.home / "data" / "engine.json").exists()
    log = (world.home / "logs" / "2026-05-15.log").read_text(encoding="utf-8")
    assert f"the SDK writes: {NOISE}" in log
