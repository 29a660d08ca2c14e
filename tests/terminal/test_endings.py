"""A terminal that goes away without a word: no signal, nothing to read, nowhere to write."""

import os
import pty
import select
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from core.infra.home import Home, HomeLock
from core.model.time import SHANGHAI
from tests.waiting import PATIENCE


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
        assert "trading enabled" in _seen(mine, "trading is on")
        os.close(mine)
        assert program.wait(PATIENCE) == 129
    finally:
        program.kill()
    assert "Traceback" not in next((tmp_path / "logs").glob("*.log")).read_text("utf-8")
    lock = HomeLock(Home(tmp_path))
    lock.acquire("sandbox", datetime.now(SHANGHAI))
    lock.release()


def _seen(terminal: int, wanted: str, seconds: float = PATIENCE) -> str:
    """What was written until this came."""
    text, deadline = "", time.monotonic() + seconds
    while wanted not in text and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 65536).decode("utf-8", errors="replace")
    return text
