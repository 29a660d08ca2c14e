"""A terminal that goes away without a word: no signal, nothing to read, nowhere to write."""

import os
import pty
import select
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from core.infra.home import Home, HomeLock
from core.model.time import SHANGHAI
from tests.waiting import PATIENCE


@pytest.mark.slow
def test_a_closed_terminal_ends_the_app_cleanly(tmp_path: Path) -> None:
    mine, theirs = pty.openpty()
    # In a session without a controlling terminal nobody sends SIGHUP.
    program = subprocess.Popen(
        [sys.executable, "-m", "tui.cli", "--home", str(tmp_path)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    os.close(theirs)
    try:
        _wait_for(mine, "trading enabled")
        os.close(mine)
        assert program.wait(PATIENCE) == 129
    finally:
        program.kill()
    assert "Traceback" not in next((tmp_path / "logs").glob("*.log")).read_text("utf-8")
    lock = HomeLock(Home(tmp_path))
    lock.acquire("sandbox", datetime.now(SHANGHAI))
    lock.release()


def _wait_for(terminal: int, wanted: str) -> None:
    """Until this is written on the terminal."""
    text, deadline = "", time.monotonic() + PATIENCE
    while wanted not in text:
        assert time.monotonic() < deadline, text[-2000:]
        if select.select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 65536).decode("utf-8", errors="replace")
