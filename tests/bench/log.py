"""`python -m tests.bench.log`: the log of a day with a million lines, read a window at a time and searched."""

import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import date
from pathlib import Path

from core.infra.home import Home
from core.infra.logs import find_in_log, read_log
from core.model.snapshot import Level

LINES, DAY = 1_000_000, date(2026, 5, 15)


def write(home: Home) -> None:
    home.prepare()
    with (home.logs / f"{DAY}.log").open("w", encoding="utf-8", newline="\n") as file:
        for number in range(LINES):
            level = "WARNING" if number % 1000 == 0 else "INFO "
            second = number % 86400
            stamp = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
            file.write(f"2026-05-15 {stamp}.123 {level} trading  line {number}: 113050.SH was looked at\n")


def milliseconds(measure: Callable[[], object], runs: int = 5) -> float:
    """The middle one of some runs."""

    def once() -> float:
        begun = time.perf_counter()
        measure()
        return 1000 * (time.perf_counter() - begun)

    return statistics.median(once() for _ in range(runs))


def rows() -> list[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        write(home)
        end = read_log(home, DAY)
        middle = end.size // 2
        newest = milliseconds(lambda: read_log(home, DAY))
        page = milliseconds(lambda: read_log(home, DAY, before=middle))
        first = milliseconds(lambda: find_in_log(home, DAY, "line 7:", start=end.size, forward=False), 1)
        rare = milliseconds(lambda: read_log(home, DAY, 500, Level.WARNING), 1)
        tracemalloc.start()
        read_log(home, DAY, before=middle)
        most = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    return [
        ("log of a million lines: the newest 500, 500 in the middle", f"{newest:.0f} ms, {page:.0f} ms; {most:.1f} MB"),
        ("the same: a search from its end to its 8th line; its last 500 warnings", f"{first:.0f} ms; {rare:.0f} ms"),
    ]


if __name__ == "__main__":
    for what, figure in rows():
        print(f"| {what} | {figure} |")  # noqa: T201
