"""Viewers of an engine in a process of their own: `python -m tests.bench.eyes HOME COUNT`.

When its input ends it prints a line of JSON: for each viewer, the monotonic second at which it had each picture.
"""

import json
import sys
import time
from pathlib import Path

from core.engine.ipc.client import IpcClient
from core.infra.home import Home
from core.model.snapshot import Snapshot


class Eye:
    def __init__(self, home: Home) -> None:
        self.seen: dict[int, float] = {}
        self._link = IpcClient(home, watch=True)
        self._link.subscribe(self._look)
        if not self._link.open(20):
            raise SystemExit(f"no engine: {self._link.trouble}")

    def _look(self, shown: Snapshot) -> None:
        self.seen.setdefault(shown.number, time.monotonic())


def main() -> None:
    home, count = Home(Path(sys.argv[1])), int(sys.argv[2])
    eyes = [Eye(home) for _ in range(count)]
    print("ready", flush=True)  # noqa: T201
    sys.stdin.read()
    print(json.dumps([eye.seen for eye in eyes]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
