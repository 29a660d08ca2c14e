"""The emulated terminal in this process: the SDK's real Python files over it, one terminal for many tests."""

import atexit
import os
import tempfile
from functools import cache
from pathlib import Path

import miniqmt_emulator
from miniqmt_emulator.launch import TerminalProcess
from miniqmt_emulator.protocol import USERDATA_VARIABLE


@cache
def shared_terminal() -> TerminalProcess:
    """A terminal that lives as long as the test run; `control.reset` makes it a new one for a test."""
    miniqmt_emulator.install()
    folder = tempfile.TemporaryDirectory(prefix="miniqmt-")
    terminal = TerminalProcess(Path(folder.name) / "userdata_mini").start()
    before = os.environ.get(USERDATA_VARIABLE)
    os.environ[USERDATA_VARIABLE] = str(terminal.userdata)  # where the SDK's quote client finds it

    def end() -> None:
        os.environ.pop(USERDATA_VARIABLE, None)
        if before is not None:
            os.environ[USERDATA_VARIABLE] = before
        terminal.stop()
        folder.cleanup()

    atexit.register(end)
    return terminal
