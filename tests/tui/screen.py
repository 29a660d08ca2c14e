"""Runs the app over a scripted engine and reads what stands on the screen."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from textual import events
from textual._compositor import Compositor
from textual._context import visible_screen_stack
from textual.app import App
from textual.pilot import Pilot
from textual.strip import Strip

from tests import waiting
from tests.tui.scripted import ScriptedLink
from tests.waiting import SHORTEST, drained
from tui.actions import PANES
from tui.app import RotorApp
from tui.screens.bond_list import DayLineChart
from tui.screens.strategies import StrategiesPane
from tui.widgets.bars import StatusBar
from tui.widgets.paged_list import SearchLine

SMALL = (80, 24)
LARGE = (160, 45)


painted: WeakKeyDictionary[Compositor, list[Strip]] = WeakKeyDictionary()
"""What was looked at and has not been due to be painted again; kept only while `frames_are_noted`."""
frames_are_noted = False

_SCREENS = {pane.key: pane.id for pane in PANES if pane.id != "report"}
"""Those that may be the first one. Report is not: as it opens, it asks for the days before that of the snapshot."""

_CHARACTERS = {"space": " ", "slash": "/", "minus": "-", "question_mark": "?"}


@asynccontextmanager
async def shown(
    link: ScriptedLink, *keys: str, size: tuple[int, int] = SMALL
) -> AsyncGenerator[tuple[RotorApp, Pilot[None]]]:
    """The app after these keys. A first one that only opens a screen is not pressed: the app starts there, without
    Home, which takes as long as the rest of a start. Tests of `test_app`, `test_screens` and others press it."""
    app = RotorApp(link)
    if keys and keys[0] in _SCREENS:
        app._current = _SCREENS[keys[0]]
        keys = keys[1:]
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        await press(pilot, *keys)
        yield app, pilot
        if app.is_running:
            strips(app)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Each key, after the one before has had its effect."""
    for key in keys:
        strike(pilot, key)
        await settle(pilot)


def strike(pilot: Pilot[Any], *keys: str) -> None:
    """The keys one upon the other, without waiting for what they do."""
    for key in keys:
        pilot.app.post_message(events.Key(key, key if len(key) == 1 else _CHARACTERS.get(key)))


async def settle(pilot: Pilot[Any]) -> None:
    """Run everything that is queued, and what follows from it, and draw it. (The pilot's own pause waits for an idle
    processor and asks every widget in turn.)"""
    app = pilot.app
    await _input_delivered(app)
    await drained()
    while app.is_running and app._exception is None and (waiting_screens := _with_an_update(app)):
        for screen in waiting_screens:
            screen._on_timer_update()  # draws now what the timer would draw at the next frame
        await drained()


def _with_an_update(app: Any) -> list[Any]:
    """Screens that are seen and wait for their next frame: those below a dialog first, which it then shows."""
    return [screen for screen in (*app._background_screens, app.screen) if screen._update_timer._active.is_set()]


async def _input_delivered(app: Any) -> None:
    """Until no key waits. It sleeps in between: the app itself waits for an event loop with nothing left to run."""
    while app._exception is None and (app._input.busy or (app.is_running and app.message_queue_size)):  # noqa: ASYNC110
        await asyncio.sleep(SHORTEST)


async def change(app: RotorApp, pilot: Pilot[Any], link: ScriptedLink, **changes: Any) -> None:
    """The engine publishes this change, and the app shows it at its next beat."""
    link.change(**changes)
    await settle(pilot)
    app._tick()
    await settle(pilot)


async def resize(pilot: Pilot[Any], size: tuple[int, int]) -> None:
    await pilot.resize_terminal(*size)
    await settle(pilot)


def strips(app: App[Any]) -> list[Strip]:
    """The screen painted as a terminal shows it, with what is below a dialog."""
    screen, painter = app.screen, app.screen._compositor
    waits = painter._dirty_regions or screen._dirty_widgets or screen._layout_required or screen._repaint_required
    if waits or painter not in painted:
        visible_screen_stack.set(list(app._background_screens))
        painted[painter] = painter.render_strips()
    return painted[painter] if frames_are_noted else painted.pop(painter)


def lines(app: RotorApp) -> list[str]:
    """The screen's lines as a terminal shows them."""
    return ["".join(segment.text for segment in strip) for strip in strips(app)]


def text(app: RotorApp) -> str:
    return "\n".join(lines(app))


def flat(app: RotorApp) -> str:
    """The screen's words on one line, whatever was wrapped, borders left out."""
    return " ".join(text(app).translate({ord(border): " " for border in "│┃"}).split())


def status_text(app: RotorApp) -> str:
    """What the strip above the keys says."""
    strip = app.screen_stack[0].query_one(StatusBar)
    return strip.text if strip.shown else ""


async def until(pilot: Pilot[Any], true: Callable[[], bool]) -> None:
    """Wait for something to become true and draw it."""
    await waiting.until(true)
    await settle(pilot)


def all_has_come(app: RotorApp) -> bool:
    """Whether Strategies and the day line of the open pane, which ask when the cursor rests, have what they want, and
    each search line, which waits for the next letter, has been searched for."""
    home = app.screen_stack[0]
    strategies = (pane._data for pane in home.query(StrategiesPane))
    searched = all(line._timer is None for line in home.query(SearchLine))
    return searched and all(asked.at_rest for asked in (*strategies, *app.pane.query(DayLineChart)))
