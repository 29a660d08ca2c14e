"""The process that is killed: `python -m tests.crash.victim FOLDER NUMBER` dies before its NUMBER-th commit.

It starts from `FOLDER/furnished` and leaves `FOLDER/NUMBER`. With `all` for the number, one child after
the other is forked off this warmed-up process, two at a time: one for each commit of an undisturbed run.
"""

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from tests.crash.world import rotate

WHOLE = "whole"
_connect = sqlite3.connect


class _Commits:
    """Counts the commits to files, and ends the process before one of them."""

    def __init__(self, fatal: int | None) -> None:
        self.fatal = fatal
        self.seen = 0

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = _connect(*arguments, **options)
        if arguments[:1] != (":memory:",):
            connection.set_trace_callback(self._statement)
        return connection

    def _statement(self, statement: str) -> None:
        if statement.strip().upper().startswith("COMMIT"):
            self.seen += 1
            if self.seen == self.fatal:
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def suffer(folder: Path, name: str, fatal: int | None, *, fresh: bool = True) -> int:
    """One rebalance on a copy of the prepared data folder; returns the number of its commits."""
    if fresh:
        shutil.copytree(folder / "furnished", folder / name)
    commits = _Commits(fatal)
    sqlite3.connect = commits.connect
    try:
        asyncio.run(rotate(folder / name))
    finally:
        sqlite3.connect = _connect
    return commits.seen


def suffer_all(folder: Path) -> int:
    total = suffer(folder, WHOLE, None)
    children: list[int] = []
    for number in range(1, total + 1):
        if len(children) == 2:
            _expect_killed(children.pop(0))
        child = os.fork()
        if child == 0:
            try:
                suffer(folder, str(number), number)
            finally:
                os._exit(1)  # only reached by a child that was not killed
        children.append(child)
    for child in children:
        _expect_killed(child)
    return total


def _expect_killed(child: int) -> None:
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"a child ended by itself, with {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    place, which = Path(sys.argv[1]), sys.argv[2]
    if which == "all":
        print(suffer_all(place))  # noqa: T201
    elif which == "again":
        suffer(place, sys.argv[3], int(sys.argv[4]), fresh=False)
    else:
        print(suffer(place, which, None if which == WHOLE else int(which)))  # noqa: T201
