"""One engine, many eyes, with the real programs in ptys: begun, left, found again, watched, killed, and back."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core.infra.home import Home
from tests.terminal.pty_app import PtyApp
from tui.cli.offline import prepare_demo

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="ptys and SIGKILL are POSIX")]


def environment() -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ROTOR_")}
    return {**kept, "PYTHONPATH": str(ROOT)}


def rotor(home: Path, *words: str, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "--home", str(home), *words],
        cwd=home,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout + done.stderr


def status(home: Path) -> dict[str, Any]:
    return json.loads(rotor(home, "status", "--json", codes=(0, 4)))


def pid_of(home: Path) -> int:
    return int(json.loads((home / "data" / "engine.json").read_text("utf-8"))["pid"])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "home"
    prepare_demo(Home(place))
    yield place
    if (place / "data" / "engine.json").exists():
        with suppress(ProcessLookupError):  # killed by the test itself: its file is left behind
            os.kill(pid_of(place), signal.SIGKILL)


def app(home: Path, *words: str) -> PtyApp:
    return PtyApp(["--home", str(home), *words], 100, 30, environment=environment())


def test_an_engine_started_in_one_terminal_is_found_and_stopped_from_another(home: Path) -> None:
    with PtyApp(["--home", str(home), "start"], 100, 30, environment=environment()) as terminal:
        terminal.wait_for("Engine started")
    # That terminal is gone, with everything that hung on it.
    engine = pid_of(home)
    assert os.getsid(engine) == engine
    with app(home) as view:
        view.wait_for(r"\[1 Home\]")
        view.press("h")
        view.wait_for("Yes, halt")
        view.press("y")
        view.wait_for("HALTED")
        view.press("q")  # a view may leave without a question: the engine goes on
        assert view.exit_code() == 0
    told = status(home)
    assert told["controls"] == ["halted"]
    assert told["engine"]["pid"] == engine == pid_of(home)
    assert told["engine"]["last_beat_seconds"] < 5
    assert told["engine"]["trouble"] is None
    with app(home, "--watch") as watcher:
        watcher.wait_for("WATCHING")
        watcher.wait_for("HALTED")
        watcher.press("R")
        watcher.wait_for(r"Yes")
        watcher.press("y")
        watcher.wait_for("read-only view")
        watcher.press("q")
        assert watcher.exit_code() == 0
    assert status(home)["controls"] == ["halted"]
    assert "Engine stopped" in rotor(home, "stop", "--yes")
    assert status(home)["running"] is None


def test_a_killed_engine_is_reported_within_3_s_and_found_within_3_s_of_its_restart(home: Path) -> None:
    rotor(home, "start")
    first = pid_of(home)
    with app(home) as view:
        view.wait_for(r"\[1 Home\]")
        os.kill(first, signal.SIGKILL)
        killed = time.monotonic()
        view.wait_for("NO ENGINE", 10)
        said = time.monotonic() - killed
        crashed = status(home)["crashed"]
        assert crashed["since"]
        assert crashed["last_did"]
        view.press("3")
        view.press("r")
        view.wait_for("cannot reach the engine")
        rotor(home, "start")
        up = time.monotonic()
        while "NO ENGINE" in view.text or "STALE" in view.text:
            view.read(0.05)
            assert time.monotonic() - up < 10
        back = time.monotonic() - up
        view.press("6")  # Home shows four events, and a viewer that connected twice may have made three
        view.wait_for("rotor is back")
        until = time.monotonic() + 6  # seconds after which a picture that stands is called old
        while time.monotonic() < until:
            view.read(0.2)
        assert "STALE" not in view.text
        view.press("q")
        assert view.exit_code() == 0
    assert said < 3
    assert back < 3
    assert pid_of(home) != first
    rotor(home, "stop", "--yes")


def test_an_engine_in_a_window_ends_with_it_and_only_there(home: Path) -> None:
    with app(home) as window:
        window.wait_for("Closing this window stops trading")
        with app(home) as view:
            view.wait_for(r"\[1 Home\]")
            told = rotor(home, "stop", "--yes", codes=(3,))
            assert f"runs in the app of process {window.pid}: leave the app there" in told
            assert "plan" in rotor(home, "plan", codes=(0, 3)).lower()  # through it, beside both
            window.quit()
            assert window.exit_code() == 0
            view.wait_for("NO ENGINE")
            view.press("q")
            assert view.exit_code() == 0


def test_an_engine_in_another_mode_is_refused(home: Path) -> None:
    rotor(home, "start")
    assert "runs in sandbox mode: nothing was done" in rotor(home, "--mode", "paper", "plan", codes=(3,))
    assert "already" in rotor(home, "start", codes=(3,))
    rotor(home, "stop", "--yes")
    assert "No engine runs" in rotor(home, "stop", "--yes", codes=(3,))


def test_an_engine_that_cannot_start_says_why(home: Path) -> None:
    assert "set qmt.account" in rotor(home, "--mode", "live", "start", codes=(1,))


def test_a_hanging_engine_is_detected_and_found_again(home: Path) -> None:
    rotor(home, "start")
    engine = pid_of(home)
    with app(home) as view:
        view.wait_for(r"\[1 Home\]")
        os.kill(engine, signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            view.wait_for("NO ENGINE", 12)
            said = time.monotonic() - stopped
            told = status(home)["engine"]
        finally:
            os.kill(engine, signal.SIGCONT)
        assert told["trouble"] == "it does not answer"
        assert told["last_did"]
        assert said < 8
        deadline = time.monotonic() + 10
        while "NO ENGINE" in view.text:
            view.read(0.05)
            assert time.monotonic() < deadline
        view.press("q")
        assert view.exit_code() == 0
    rotor(home, "stop", "--yes")
