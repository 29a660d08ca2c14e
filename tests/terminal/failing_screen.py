"""The real program with a fault in its screen: `python -m tests.terminal.failing_screen SECONDS ARGUMENTS…` runs
`tests.live.rotor_at`, and f9 raises in a handler."""

import runpy

from textual import events

from tui.app import RotorApp

FAULT_KEY = "\x1b[20~"


def _fail(self: RotorApp, event: events.Key) -> None:
    if event.key == "f9":
        raise RuntimeError("a fault of this test")


if __name__ == "__main__":
    RotorApp.on_key = _fail  # type: ignore[attr-defined]
    runpy.run_module("tests.live.rotor_at", run_name="__main__")
