"""`python -m tests.bench.stall [SECONDS]`: how soon a stop reacts while nobody reads the app's screen. POSIX only."""

import sys
import tempfile
from pathlib import Path

from tests.terminal import stalled

RUNS = 3


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    for number in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            found = stalled.react(Path(folder), seconds)
        for one in found:
            print(  # noqa: T201
                f"{number + 1}: nobody reads for {seconds:.0f} s; from the price to the sell in the terminal's list "
                f"{one.milliseconds:.1f} ms (the price taken over after {one.before:.1f}, one look {one.poll:.1f})"
            )


if __name__ == "__main__":
    main()
