"""The real program in a real terminal: it leaves it as it found it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

_SCRIPT = """
import sys
from tests.tui.samples import snapshot
from tests.tui.scripted import ScriptedLink
from tui.app import run
from tui.screens.home import HomePane

def crash(_):
    password = "hunter2" + "-secret"
    raise ValueError("crashed")

HomePane.action_open = crash
code = run(ScriptedLink(snapshot()))
assert not {"akshare", "pandas", "sqlite3", "httpx"} & set(sys.modules)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leave", "code"),
    [
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
        ("\r", 1),
    ],
    ids=["term", "hup", "crash"],
)
def test_the_terminal_is_restored(leave: str | signal.Signals, code: int) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(root)}
    child = pexpect.spawn(
        sys.executable,
        ["-c", _SCRIPT],
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=60,
        cwd=str(root),
        env=environment,
    )
    try:
        child.expect("SANDBOX")
        child.expect("Quit")
        if isinstance(leave, str):
            child.send(leave)
        else:
            child.kill(leave)
        child.expect(pexpect.EOF)
        said = str(child.before)
    finally:
        child.close()
    assert child.exitstatus == code
    assert all(sequence in said for sequence in ("\x1b[?1049l", "\x1b[?25h", "\x1b[?1000l"))
    assert "hunter2-secret" not in said


@pytest.mark.slow
def test_without_a_terminal_the_app_says_so_and_exits(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "--home", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
