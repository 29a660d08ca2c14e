"""A screen that fails leaves its engine running; bytes that are no input end neither."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from core.infra.home import Home
from tests.live.running import furnished, until
from tests.live.world import ProcessWorld, bonds
from tests.terminal.failing_screen import FAULT_KEY
from tests.terminal.pty_app import PtyApp

pytestmark = pytest.mark.slow

PROGRAM = ("-m", "tests.terminal.failing_screen")
OWNED = bonds(2)


def test_stops_fire_after_the_screen_failed_until_a_viewer_ends_the_engine(tmp_path: Path) -> None:
    with ProcessWorld(tmp_path, held=OWNED) as world:
        world.furnish(OWNED)
        world.platform.listed = OWNED
        furnished(world, OWNED)
        world.settings |= {"STOPS__STOP_LOSS": "0.05", "SCHEDULE__FREQUENCY": "off"}
        program = [*PROGRAM, *world.command()[3:]]
        with PtyApp([], 100, 30, program=program, environment=world.environment()) as app:
            app.wait_for("trading enabled")
            app.press("4")
            app.wait_for(r"Armed +2/2|2/2")
            app.press(FAULT_KEY)
            shown = app.wait_for("goes on in this window")
            assert "internal error" in shown
            assert "Traceback" not in shown
            world.control.set_quote(OWNED[0], 94.0, depth=100_000, volume_add=10)
            until(lambda: OWNED[0] not in world.held(), lambda: app.text)
            stopped = world.rotor("stop", "--yes")
            assert stopped.returncode == 0, stopped.stderr
            assert app.exit_code() == 1
        assert world.held() == {OWNED[1]: 100}


@pytest.mark.parametrize("end", ["\x03", signal.SIGTERM, signal.SIGHUP], ids=["ctrl+c", "SIGTERM", "SIGHUP"])
def test_an_engine_without_its_screen_ends_on_request(end: str | signal.Signals, tmp_path: Path) -> None:
    with PtyApp(["0", "--home", str(tmp_path)], program=PROGRAM) as app:
        app.wait_for("trading enabled")
        app.press(FAULT_KEY)
        app.wait_for("goes on in this window")
        assert app.alive
        if isinstance(end, str):
            app.press(end)
        else:
            os.kill(app.pid, end)
        assert app.exit_code() == 1
    assert not Home(tmp_path).endpoint.exists()


def test_a_failed_view_leaves_with_the_exit_code_and_its_engine_goes_on(tmp_path: Path) -> None:
    with PtyApp(["--home", str(tmp_path)]) as app:
        app.wait_for("trading enabled")
        with PtyApp(["0", "--home", str(tmp_path)], program=PROGRAM) as view:
            view.wait_for("trading enabled")
            view.press(FAULT_KEY)
            assert view.exit_code() == 1
            assert b"goes on in this window" not in view.raw
        app.press("3")
        app.wait_for("make a plan now")


@pytest.mark.parametrize(
    "noise",
    [
        "强赎转债".encode("gbk"),
        b"\x1b[M \xf0\xff\x1b[M#\xff\xff",
        b"\x1b[M",
        b"\x1b[<35;120",
        b"\x1b[200~a paste without its end",
        b"\x1b[48;999999;999999;1;1t",
        b"\x1b[<;;M\x1b[;;R\x1b[?;c",
        b"\x1bP\x1b]\x1b_",
        b"\xed\xa0\x80\xf8\x88\x80\x80\x80",
        random.Random(7).randbytes(600).translate(None, b"q\x11"),
    ],
    ids=["GBK", "X10", "X10 cut", "mouse cut", "paste cut", "size", "empty numbers", "strings", "surrogates", "noise"],
)
def test_bytes_that_are_no_input_end_nothing(noise: bytes, tmp_path: Path) -> None:
    with PtyApp(["--home", str(tmp_path)]) as app:
        app.wait_for("trading enabled")
        app.press(noise)
        app.press(b"\x80\xff" * 30)
        time.sleep(1.5)  # what comes sooner may be the rest of the sequence
        app.press("\x1b" * 6 + "1?")
        app.wait_for("On Home")
        app.press("\x1b")
        app.quit()
        assert app.exit_code() == 0
    assert "Traceback" not in next((tmp_path / "logs").glob("*.log")).read_text("utf-8")
