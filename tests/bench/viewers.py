"""`python -m tests.bench.viewers [CROSSINGS]`: what viewers in other processes cost the engine, and how soon they see.

The engine of `tests.bench.stops`: with none, with ten viewers, and with ten that stand still (SIGSTOP). POSIX only.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from core.engine.engine import Engine
from core.model.snapshot import Snapshot
from tests.bench.stops import BONDS, MANAGED, Reactions, measure
from tests.live.world import bonds

EYES = 10
CROSSINGS = 100


class Look:
    """When pictures were published, and when each viewer had them; monotonic seconds are the same in every process."""

    def __init__(self) -> None:
        self.published: dict[int, float] = {}
        self.late: list[float] = []

    def quantile(self, share: float) -> float:
        """Milliseconds from a picture to a viewer."""
        ordered = sorted(self.late)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")

    def _published(self, shown: Snapshot) -> None:
        self.published.setdefault(shown.number, time.monotonic())

    @contextmanager
    def eyes(self, engine: Engine, folder: Path, *, still: bool) -> Iterator[None]:
        command = [sys.executable, "-m", "tests.bench.eyes", str(folder), str(EYES)]
        viewers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert viewers.stdin is not None
        assert viewers.stdout is not None
        if viewers.stdout.readline().strip() != "ready":
            raise SystemExit("the viewers did not come up")
        stop = engine.subscribe(self._published)
        if still:
            viewers.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            stop()
            if still:
                viewers.kill()
            else:
                time.sleep(0.5)
                viewers.stdin.close()
                for seen in json.loads(viewers.stdout.readline()):
                    pairs = ((float(at), self.published.get(int(number))) for number, at in seen.items())
                    self.late += [at - published for at, published in pairs if published is not None]
            viewers.wait(10)


def run(
    crossings: int, beside: Callable[[Look, Engine, Path], AbstractContextManager[object]]
) -> tuple[Reactions, Look]:
    look = Look()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        found = measure(place, bonds(MANAGED), bonds(BONDS), crossings, lambda engine: beside(look, engine, place))
    return found, look


def main() -> None:
    crossings = int(sys.argv[1]) if len(sys.argv) > 1 else CROSSINGS
    alone, _ = run(crossings, lambda look, engine, place: nullcontext())
    seen, look = run(crossings, lambda look, engine, place: look.eyes(engine, place, still=False))
    still, _ = run(crossings, lambda look, engine, place: look.eyes(engine, place, still=True))
    more = seen.whole - alone.whole
    for line in (
        f"no viewer:            {alone}, whole process {alone.whole:.1%}",
        f"{EYES} viewers:           {seen}, whole process {seen.whole:.1%}: {more:+.1%} of a core",
        f"{EYES} that stand still:  {still}, whole process {still.whole:.1%}",
        f"picture to viewer:    p50 {look.quantile(0.5):.0f}, p95 {look.quantile(0.95):.0f}, "
        f"max {look.quantile(1):.0f} ms of {len(look.late)}",
    ):
        print(line)  # noqa: T201


if __name__ == "__main__":
    main()
