"""The files between the key that confirms a plan and the broker's first order: `python -m tests.order_path`.

Every function on the way is found on the stacks of the calls that hand over: the screen's up to the command, and the
engine's, through each task to the one that made it, up to the broker.
"""

import asyncio
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any
from unittest.mock import patch

from core.brokers.paper import PaperBroker
from core.engine.engine import Engine
from core.infra.home import Home
from core.model.settings import Settings
from tui.app import RotorApp

ROOT = Path(__file__).parents[1]
_SPEED = 20.0


def own_frames() -> list[str]:
    """`file function` of every function of this project on the stack."""
    folders = tuple(str(ROOT / name) for name in ("core", "tui"))
    return [
        f"{Path(frame.filename).relative_to(ROOT).as_posix()} {frame.name}"
        for frame in traceback.extract_stack()
        if frame.filename.startswith(folders)
    ]


class Recorder:
    """Where tasks come from, and the way of the first order."""

    def __init__(self) -> None:
        self.made_by: dict[int, list[str]] = {}
        self.sent: list[str] = []
        self.placed: list[str] = []

    def way(self) -> list[str]:
        try:
            task = asyncio.current_task()
        except RuntimeError:
            task = None
        return [*self.made_by.get(id(task), []), *own_frames()]


async def walk(recorder: Recorder, folder: Path) -> None:
    create, send, place = asyncio.BaseEventLoop.create_task, Engine.send, PaperBroker.place
    kept: list[Any] = []

    def created(loop: Any, coroutine: Any, **options: Any) -> Any:
        task = create(loop, coroutine, **options)
        kept.append(task)
        recorder.made_by[id(task)] = recorder.way()
        return task

    def sending(engine: Engine, command: Any) -> Any:
        if type(command).__name__ == "ExecutePlan":
            recorder.sent = recorder.way()
        return send(engine, command)

    async def placing(broker: PaperBroker, intent: Any) -> Any:
        recorder.placed = recorder.placed or [*recorder.way(), "core/brokers/paper.py place"]
        return await place(broker, intent)

    with (
        patch.object(asyncio.BaseEventLoop, "create_task", created),
        patch.object(Engine, "send", sending),
        patch.object(PaperBroker, "place", placing),
    ):
        home = Home(folder)
        engine = Engine(home, Settings(), speed=_SPEED)
        engine.start()
        engine.wait_ready()
        app = RotorApp(engine)
        async with app.run_test(size=(120, 40)) as pilot:
            for keys in (("3", "r"), ("e",), ("y",)):
                await pilot.pause(2)
                await pilot.press(*keys)
            for _ in range(200):
                if recorder.placed:
                    break
                await pilot.pause(0.1)
        engine.stop()


def main() -> None:
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(walk(recorder, Path(folder)))
    way = list(dict.fromkeys([*recorder.sent, *recorder.placed]))
    files = dict.fromkeys(step.split()[0] for step in way)
    for file in files:
        sys.stdout.write(f"{file}: {', '.join(step.split()[1] for step in way if step.split()[0] == file)}\n")
    sys.stdout.write(f"{len(files)} files, {len(way)} functions\n")


if __name__ == "__main__":
    main()
