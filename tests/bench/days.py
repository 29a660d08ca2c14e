"""`python -m tests.bench.days [DAYS]`: what a whole engine keeps over days in one process, 20 unless told otherwise.

The engine trades the sandbox's days one after another on a simulated clock, nights and weekends included. After each
day the command prints the memory of the process, its threads and open files, and what the data folder takes.
"""

import sys
import tempfile
import threading
import time
from datetime import date, datetime, timedelta
from datetime import time as hour
from pathlib import Path

from core.calendar.calendar import Calendar
from core.model.command import Done, ExecutePlan, MakePlan
from core.model.settings import StorageSettings
from core.model.time import SHANGHAI
from tests.bench.memory import resident
from tests.day.loop import SimulatedLoop, simulate
from tests.day.world import DAY, SETTINGS, DayWorld

LONGEST = 7200.0
"""Real seconds that all days together may take."""


async def play(world: DayWorld, days: int) -> None:
    sessions = [day for day in Calendar().sessions if day >= DAY.date()][:days]
    await world.open()
    for day in sessions:
        await until(world, day, hour(9, 31))
        made = await world.ask(MakePlan())
        if isinstance(made, Done) and made.value.refused is None:
            await world.ask(ExecutePlan(made.value.plan_id))
        await until(world, day, hour(16))
        print(f"{day}  {taken(world)}", flush=True)  # noqa: T201
    await world.close()


async def until(world: DayWorld, day: date, moment: hour) -> None:
    await world.clock.sleep((datetime.combine(day, moment, SHANGHAI) - world.clock.now()) / timedelta(seconds=1))


def taken(world: DayWorld) -> str:
    orders = len(world.components.order_manager.journal.all())
    disk = sum(path.stat().st_size for path in world.folder.rglob("*") if path.is_file()) / 1e6
    files = len(list(Path("/proc/self/fd").iterdir()))
    return (
        f"{resident():6.1f} MB, {threading.active_count()} threads, {files} open files; "
        f"{orders} orders, data folder {disk:.2f} MB"
    )


def main(days: int) -> None:
    loop = SimulatedLoop()
    loop.deadline = time.monotonic() + LONGEST
    settings = SETTINGS.model_copy(update={"storage": StorageSettings(history_days=30)})
    with tempfile.TemporaryDirectory(prefix="rotor-days-") as folder:
        simulate(play(DayWorld(Path(folder), loop, settings=settings), days), loop)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
