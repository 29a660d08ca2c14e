"""The app in live mode on a terminal that nobody reads, and how soon a stop reacts all the same."""

import time
from dataclasses import dataclass
from pathlib import Path

from tests.live.running import furnished
from tests.live.world import ProcessWorld, bonds
from tests.terminal.pty_app import PtyApp

OWNED = bonds(12)
CROSSING = OWNED[:3]

FULL = 4000
"""Bytes in a terminal that nobody reads from which on the next write waits."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """Milliseconds from the call that set the price to the order in the terminal's list: at most, as a poll saw it."""

    milliseconds: float
    before: float
    """Of those, until the terminal had taken the price over."""
    poll: float
    """What one look at the list takes: the figure is not finer than that."""


def react(folder: Path, seconds: float) -> tuple[Reaction, ...]:
    """Stop reading the app's screen for `seconds`; around the middle of that three prices cross their stop levels."""
    with ProcessWorld(folder, held=OWNED) as world:
        world.furnish(OWNED)
        world.platform.listed = OWNED
        furnished(world, OWNED)
        world.settings |= {"STOPS__STOP_LOSS": "0.05", "SCHEDULE__FREQUENCY": "off"}
        _, *program = world.command()
        with PtyApp([], 160, 45, program=program, environment=world.environment()) as app:
            app.wait_for("trading enabled")
            app.press("4")
            app.wait_for(OWNED[0].replace(".", r"\."))
            stalled = time.monotonic()
            found: list[Reaction] = []
            for number, code in enumerate(CROSSING):
                _tick(world, stalled + seconds * (3 + number) / 8)
                assert app.unread > FULL, "the screen was too still for a pipe that nobody reads to be full"
                found.append(_cross(world, code))
            _tick(world, stalled + seconds)
            app.wait_for("stop-loss|filled|100.000")
            app.quit()
            assert app.exit_code() == 0
        sent = [(request["code"], request["volume"], request["side"]) for request in world.control.requests()]
        assert sent == [(code, 100, 24) for code in CROSSING]
    return tuple(found)


def _tick(world: ProcessWorld, until: float) -> None:
    """Let the prices of all the others move until then, away from their levels: something to draw, and not read."""
    number = 0
    while time.monotonic() < until:
        number += 1
        for code in OWNED[len(CROSSING) :]:
            world.control.set_quote(code, 100 + number % 17 / 10, depth=100_000, volume_add=10)
        time.sleep(0.5)


def _cross(world: ProcessWorld, code: str) -> Reaction:
    before = len(world.control.requests())
    began = time.monotonic()
    world.control.set_quote(code, 94.0, depth=100_000, volume_add=10)
    taken = time.monotonic()
    asked = taken
    while len(world.control.requests()) == before:
        assert time.monotonic() - began < 10, "the stop did not fire"
        asked = time.monotonic()
    seen = time.monotonic()
    return Reaction((seen - began) * 1000, (taken - began) * 1000, (seen - asked) * 1000)
