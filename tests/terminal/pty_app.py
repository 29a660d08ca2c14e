"""The real program in a pseudo terminal, its screen kept by a terminal emulator."""

import fcntl
import os
import re
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect
import pyte

from tests.waiting import PATIENCE


class PtyApp:
    """`python -m tui.cli ARGUMENTS`, or another `program`, on a screen of `columns` by `lines`."""

    def __init__(
        self,
        arguments: Sequence[str],
        columns: int = 80,
        lines: int = 24,
        *,
        program: Sequence[str] = ("-m", "tui.cli"),
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        self.started = time.monotonic()
        self._child = pexpect.spawn(
            sys.executable,
            [*program, *arguments],
            dimensions=(lines, columns),
            env=_environment(environment),
            timeout=30,
            cwd=folder,
        )
        self._child.delaybeforesend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._child.close(force=True)

    @property
    def pid(self) -> int:
        assert self._child.pid is not None
        return self._child.pid

    @property
    def text(self) -> str:
        # Not `display`: it stumbles over the second half of a double-width character whose first was overwritten.
        rows = (self._screen.buffer[y] for y in range(self._screen.lines))
        return "\n".join("".join(row[x].data for x in range(self._screen.columns)) for row in rows)

    @property
    def unread(self) -> int:
        """Bytes that the program has written and nobody has read yet: some 4000 are all that fit."""
        return int.from_bytes(fcntl.ioctl(self._child.child_fd, termios.FIONREAD, bytes(4)), sys.byteorder)

    @property
    def alive(self) -> bool:
        return self._child.isalive()

    def press(self, keys: str | bytes) -> None:
        self._child.send(keys)

    def resize(self, columns: int, lines: int) -> None:
        """The app draws all of it again."""
        self._screen.resize(lines, columns)
        self._stream = pyte.ByteStream(self._screen)  # the one before may wait for the rest of a sequence
        self._child.setwinsize(lines, columns)

    def quit(self) -> None:
        """Leave; stops and scheduled runs that would be missed are asked about."""
        self.press("q")
        self.wait_for(r"Quit anyway\?")
        self.press("y")

    def hang_up(self) -> None:
        """The terminal is gone, as when an ssh session drops: SIGHUP, and nothing to read or write any more."""
        self._child.close(force=False)

    def read(self, seconds: float) -> None:
        """Take in what the program writes, for at most `seconds`."""
        data = self.written(seconds)
        self.raw += data
        self._stream.feed(data)

    def written(self, seconds: float) -> bytes:
        """What the program writes next, within `seconds`. It is not drawn on `text`: a resize redraws all."""
        try:
            return self._child.read_nonblocking(65536, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return b""

    def wait_for(self, pattern: str, seconds: float = PATIENCE) -> str:
        """Read until the screen shows `pattern`; the screen then. Fails with the screen as it is at the end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if re.search(pattern, self.text):
                return self.text
            self.read(0.1)
        raise AssertionError(f"{pattern!r} did not come within {seconds} s:\n{self.text}")

    def exit_code(self, seconds: float = PATIENCE) -> int:
        """Read to the program's end and answer with its exit code (a signal's number below zero)."""
        deadline = time.monotonic() + seconds
        while self._child.isalive() and time.monotonic() < deadline:
            self.read(0.1)
        assert not self._child.isalive(), "the program did not end:\n" + self.text
        self._child.close()
        return self._child.exitstatus if self._child.exitstatus is not None else -(self._child.signalstatus or 0)


def _environment(given: Mapping[str, str] | None) -> dict[str, str]:
    """The one given, else this process's without settings; the screen's size is the terminal's alone."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ROTOR_")}
    base = {**own, "PYTHONPATH": str(Path.cwd())} if given is None else given
    kept = {name: value for name, value in base.items() if name not in ("COLUMNS", "LINES")}
    return {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
