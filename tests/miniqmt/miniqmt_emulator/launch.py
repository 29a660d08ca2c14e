"""Start and stop terminal processes, and make the environment of a program under test."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from miniqmt_emulator.control import Control, ControlError
from miniqmt_emulator.install import ACTIVATION_VARIABLE
from miniqmt_emulator.protocol import PORT_FILE, USERDATA_VARIABLE

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
AUTOLOAD = Path(__file__).resolve().parent / "autoload"

_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 5.0
_POLL = 0.005


class TerminalProcess:
    """``python -m miniqmt_emulator`` as a child process; it also ends when this process ends."""

    def __init__(
        self,
        userdata: str | os.PathLike[str],
        *,
        state: str | os.PathLike[str] | None = None,
        scenario: str | os.PathLike[str] | None = None,
        quote_port: int | None = None,
    ) -> None:
        self.userdata = Path(userdata)
        self._options: list[str] = ["--userdata", os.fspath(userdata), "--stop-at-eof"]
        if state is not None:
            self._options += ["--state", os.fspath(state)]
        if scenario is not None:
            self._options += ["--scenario", os.fspath(scenario)]
        if quote_port is not None:
            self._options += ["--quote-port", str(quote_port)]
        self._process: subprocess.Popen[bytes] | None = None
        self._control: Control | None = None

    def start(self) -> Self:
        (self.userdata / PORT_FILE).unlink(missing_ok=True)
        environment = {name: text for name, text in os.environ.items() if name != ACTIVATION_VARIABLE}
        environment["PYTHONPATH"] = _joined(PACKAGE_ROOT, environment.get("PYTHONPATH"))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "miniqmt_emulator", *self._options],
            stdin=subprocess.PIPE,
            env=environment,
        )
        deadline = time.monotonic() + _START_TIMEOUT
        while not (self.userdata / PORT_FILE).exists():
            if self._process.poll() is not None:
                raise ControlError(f"the terminal ended at once with {self._process.returncode}")
            if time.monotonic() > deadline:
                raise ControlError("the terminal did not start")
            time.sleep(_POLL)
        return self

    @property
    def control(self) -> Control:
        if self._control is None:
            self._control = Control(self.userdata)
        return self._control

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ControlError("the terminal was not started")
        return self._process

    def stop(self) -> None:
        """End the terminal in good order."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._wait()

    def kill(self) -> None:
        """End the terminal as a crash does; ``start`` brings it back, with its state file."""
        if self._process is not None:
            self._process.kill()
        self._wait()

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Environment in which an unmodified program uses this terminal."""
        result = dict(os.environ if base is None else base)
        result[ACTIVATION_VARIABLE] = "1"
        result[USERDATA_VARIABLE] = os.fspath(self.userdata.resolve())
        result["PYTHONPATH"] = _joined(AUTOLOAD, result.get("PYTHONPATH"))
        return result

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _joined(first: Path, rest: str | None) -> str:
    return os.pathsep.join([os.fspath(first), rest] if rest else [os.fspath(first)])
