"""`python -m tests.tui.recorded_app RECORD ARGUMENTS…` runs the real program and appends JSON lines to a record.

A line stands for a yes to a question with the key that gave it, for a command with the question that its sender had
answered, or for the probe key that reached the app.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from textual import events
from textual.widgets import Input

from tui.app import RotorApp
from tui.cli.main import main
from tui.input_queue import QueuedInputApp

PROBE = "f9"
"""A key that no screen uses."""

_record = Path(sys.argv.pop(1))
_answered: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""The question that a task has had answered with yes, until the task sends its command."""

_deliver, _wait, _ask = QueuedInputApp._deliver, RotorApp.push_screen_wait, RotorApp.ask
_last: dict[str, str] = {}


def _write(**what: object) -> None:
    with _record.open("a", encoding="utf-8") as record:
        record.write(json.dumps(what) + "\n")


async def _deliver_recorded(self: RotorApp, event: Any) -> None:
    typed = getattr(self.focused, "value", "") if isinstance(self.focused, Input) else ""
    _last.update(key=getattr(event, "key", type(event).__name__), typed=typed)
    await _deliver(self, event)
    if isinstance(event, events.Key) and event.key == PROBE:
        _write(probe=type(self.screen).__name__, pane=self.pane.id)


async def _wait_recorded(self: RotorApp, screen: Any) -> Any:
    answer = await _wait(self, screen)
    if answer:
        _answered[asyncio.current_task()] = str(getattr(screen, "_title", type(screen).__name__))
        _write(yes=type(screen).__name__, title=_answered[asyncio.current_task()], **_last)
    return answer


async def _ask_recorded(self: RotorApp, command: Any) -> Any:
    question = _answered.pop(asyncio.current_task(), "")
    _write(command=type(command).__name__, plan=getattr(command, "plan_id", ""), question=question)
    return await _ask(self, command)


if __name__ == "__main__":
    QueuedInputApp._deliver = _deliver_recorded  # type: ignore[method-assign]
    RotorApp.push_screen_wait = _wait_recorded  # type: ignore[assignment,method-assign]
    RotorApp.ask = _ask_recorded  # type: ignore[method-assign]
    main(prog_name="rotor")
