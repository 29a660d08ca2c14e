"""`python -m tests.day [DAYS] [FIRST]`: random days with faults, two at a time; `--seed N` plays one of them again."""

import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.day.drive import drive
from tests.day.world import Record


def _played(seed: int) -> tuple[int, Record]:
    return seed, drive(seed)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--seed"]:
        seeds = [int(arguments[1])]
    else:
        days, first = (int(arguments[0]) if arguments else 200), (int(arguments[1]) if len(arguments) > 1 else 0)
        seeds = list(range(first, first + days))
    started, failed, total = time.monotonic(), 0, Record()
    with ProcessPoolExecutor(min(2, len(seeds))) as pool:
        for seed, record in pool.map(_played, seeds):
            for name in ("orders", "fills", "stops", "refills", "restarts", "snapshots"):
                setattr(total, name, getattr(total, name) + getattr(record, name))
            total.missed += record.missed
            if record.breaches:
                failed += 1
                print(f"seed {seed} FAILED, again with: python -m tests.day --seed {seed}")  # noqa: T201
                for breach in record.breaches:
                    print(f"    {breach}")  # noqa: T201
    print(  # noqa: T201
        f"{len(seeds)} days, {failed} failed: {total.orders} orders, {total.fills} fills, {total.stops} stop orders, "
        f"{total.refills} refill orders, {total.restarts} crashes, {len(total.missed)} runs offered, "
        f"{total.snapshots} pictures; {time.monotonic() - started:.0f} s"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
