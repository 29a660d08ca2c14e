"""`python -m tests.bench`: the figures of the README's table, measured here and now. POSIX only."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import live, log, memory, screen, stops
from tests.terminal.pty_app import PtyApp

RUNS = 5


def whole_process(*arguments: str) -> tuple[float, float]:
    """Wall seconds and peak memory (MB) of `python -m tui.cli ARGUMENTS`, in a process of its own."""
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "tui.cli", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"rotor {' '.join(arguments)} ended with {child.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def first_paint() -> float:
    """Seconds from the start of the process to the header on the screen."""
    with tempfile.TemporaryDirectory() as home, PtyApp(["--home", home], 160, 45) as app:
        app.wait_for(r"rotor +SANDBOX")
        seconds = time.monotonic() - app.started
        app.wait_for("trading enabled")
        app.quit()
        app.exit_code()
    return seconds


def to_the_plan() -> float:
    """Seconds from the start of the demo to its first plan on the screen, on keys."""
    with tempfile.TemporaryDirectory() as home, PtyApp(["--home", home, "demo"]) as app:
        app.wait_for("trading enabled")
        app.press("3")
        app.wait_for("make a plan now")
        app.press("r")
        app.wait_for("10 bonds")
        seconds = time.monotonic() - app.started
        app.quit()
        app.exit_code()
    return seconds


def median(measure: Callable[[], float], runs: int = RUNS) -> float:
    measure()
    return statistics.median(measure() for _ in range(runs))


def rows() -> Sequence[tuple[str, str]]:
    rehearse = ("rehearse", "--top", "10", "--capital", "1000000", "--json")
    measured = [whole_process(*rehearse) for _ in range(RUNS)]
    half = statistics.median(whole_process(*rehearse, "--to", "2025-03-14")[0] for _ in range(RUNS))
    whole = statistics.median(seconds for seconds, _ in measured)
    return (
        ("rehearsal of 119 sessions, whole process", f"{whole:.2f} s, {max(size for _, size in measured):.0f} MB"),
        ("rehearsal of its first 60 sessions", f"{half:.2f} s"),
        ("first paint, start of the process to the header", f"{median(first_paint):.2f} s"),
        ("`rotor demo` to a plan on the screen", f"{median(to_the_plan):.2f} s"),
        ("`rotor --version`", f"{median(lambda: whole_process('--version')[0]):.2f} s"),
        *live.rows(),
        *stops.rows(),
        *screen.rows(),
        *log.rows(),
        *memory.rows(),
    )


def main() -> None:
    print("| what | figure |\n|---|---|")  # noqa: T201
    for what, figure in rows():
        print(f"| {what} | {figure} |")  # noqa: T201


if __name__ == "__main__":
    if not hasattr(os, "wait4") or Path("tests").is_dir() is False:
        raise SystemExit("run this in the project's folder, on a POSIX system")
    main()
