"""Pictures of every screen as text: both languages, the smallest and a large terminal, every state.

`python -m tests.tui.pictures` takes them anew: look at what changed before it is committed.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

from textual.pilot import Pilot

from core.i18n import Language, use_language
from core.model.command import Done, Failed
from core.model.known import Known, Unknown
from core.model.platform import Page
from core.model.settings import ScreenSettings as Look
from core.model.snapshot import Health, Level, Snapshot
from core.retold import retell
from tests.tui.samples import NOW, blocked, snapshot
from tests.tui.screen import LARGE, SMALL, all_has_come, lines, press, settle, shown, until
from tests.tui.scripted import ScriptedLink
from tui.app import RotorApp

FOLDER = Path(__file__).with_name("pictures")
LANGUAGES: tuple[Language, ...] = ("en", "zh")
SIZES = (SMALL, LARGE)
SCREENS: Mapping[str, tuple[str, ...]] = {
    "home": ("1",),
    "strategies": ("2", "enter", "enter"),
    "plan": ("3", "r"),
    "positions": ("4",),
    "orders": ("5",),
    "log": ("6",),
    "report": ("7",),
    "settings": ("8",),
}
BOXES: Mapping[str, tuple[str, ...]] = {
    "help": ("1", "question_mark"),
    "palette": ("1", "ctrl+p"),
    "login": ("1", "l"),
}


@dataclass(frozen=True)
class State:
    """What the engine says, and how it answers; `silent` seconds since it last spoke."""

    snapshot: Callable[[], Snapshot]
    answers: Callable[[ScriptedLink], None] = lambda link: None
    silent: float = 0.0


def _empty(link: ScriptedLink) -> None:
    nothing = Page((), 1, 20, 0, 0)
    for command in link.replies:
        if command.__name__ in ("ListStrategies", "ListRecords"):
            link.replies[command] = Done(nothing)
    link.replies |= EMPTY_ANSWERS


def _unanswered(link: ScriptedLink) -> None:
    link.replies = dict.fromkeys(link.replies, None)


def _refused(link: ScriptedLink) -> None:
    link.replies = dict.fromkeys(link.replies, Failed("令牌已过期 [401]"))


def _broken() -> Snapshot:
    reason = Unknown("no answer within 5 s")
    health = (
        Health("broker", Level.ERROR, "not connected yet", NOW - timedelta(minutes=3)),
        Health("quotes", Level.ERROR, "none since 14:48", NOW - timedelta(seconds=41)),
        Health("FactorCat", Level.ERROR, "not logged in", NOW - timedelta(minutes=1)),
    )
    off = blocked(
        "connection lost since 05-06 14:46:32: not connected yet",
        "113052.SH: the ledger owns 820 张, the account holds 800 (if you sold it by hand: rotor release 113052)",
    )
    return snapshot(
        mode="live",
        account="8880001",
        ready=False,
        blockers=off,
        health=health,
        asset=reason,
        positions=reason,
    )


def _not_read_yet() -> Snapshot:
    reason = Unknown("not read yet")
    return snapshot(asset=reason, positions=reason, orders=(), events=(), health=(), stops=None, followed=None)


EMPTY_ANSWERS: dict[type, Any] = {}
STATES: Mapping[str, State] = {
    "normal": State(snapshot),
    "empty": State(lambda: snapshot(positions=Known(()), orders=(), events=(), followed=None, stops=None), _empty),
    "loading": State(_not_read_yet, _unanswered),
    "stale": State(snapshot, silent=83.0),
    "error": State(_broken, _refused),
}


def _retold(reply: Any, language: Language) -> Any:
    """A reply of the script, or what makes it, with its sentences in this language."""
    return (lambda command: retell(reply(command), language)) if callable(reply) else retell(reply, language)


@asynccontextmanager
async def posed(
    language: Language, size: tuple[int, int], state: State, look: Look = Look()
) -> AsyncGenerator[tuple[RotorApp, Pilot[None]]]:
    """The app in this state. Stored sentences are in the language in use, as a snapshot has them."""
    use_language(language)
    clock = 1000.0
    try:
        # How long a reading takes is shown too: on a picture it takes no time.
        with (
            patch("tui.app.time") as time,
            patch("tui.screens.requests.time") as list_time,
            patch("tui.screens.plan.time") as plan_time,
        ):
            time.monotonic.side_effect = lambda: clock
            list_time.monotonic.return_value = plan_time.monotonic.return_value = clock
            link = ScriptedLink(replace(retell(state.snapshot(), language), language=language, look=look))
            state.answers(link)
            link.replies = {kind: _retold(reply, language) for kind, reply in link.replies.items()}
            async with shown(link, size=size) as (app, pilot):
                clock += state.silent
                yield app, pilot
    finally:
        use_language("en")


async def pictures(language: Language, size: tuple[int, int]) -> dict[str, str]:
    """Screen name to its pictures, one state under the other."""
    taken: dict[str, list[str]] = {}
    for title, state in STATES.items():
        async with posed(language, size, state) as (app, pilot):
            for name, keys in {**SCREENS, **(BOXES if title == "normal" else {})}.items():
                # Without a list there is no row to open.
                await press(pilot, *(keys if title in ("normal", "stale") or name != "strategies" else keys[:1]))
                if title != "loading":  # there it never has
                    await until(pilot, lambda app=app: all_has_come(app))
                app._tick()
                await settle(pilot)
                taken.setdefault(name, []).extend([f"== {title}", *(line.rstrip() for line in lines(app))])
                if name in BOXES:
                    await press(pilot, "escape")
    return {name: "\n".join(rows) + "\n" for name, rows in taken.items()}


DRAWN: Mapping[str, tuple[Language, tuple[int, int], Look]] = {
    "en-dark": ("en", LARGE, Look()),
    "zh-light": ("zh", SMALL, Look(theme="light")),
}
"""What is also drawn in colour."""


async def drawings(title: str) -> dict[str, str]:
    """Screen name to its SVG."""
    language, size, look = DRAWN[title]
    drawn: dict[str, str] = {}
    async with posed(language, size, STATES["normal"], look) as (app, pilot):
        for name, keys in SCREENS.items():
            await press(pilot, *keys)
            await until(pilot, lambda: all_has_come(app))
            app._tick()
            await settle(pilot)
            await pilot.pause()  # the colours of what lost the focus come behind the text
            drawn[name] = app.export_screenshot(title="rotor", simplify=True) + "\n"
    return drawn


def made_with() -> str:
    """The libraries that the look of a drawing hangs on."""
    return "".join(f"{name} {version(name)}\n" for name in ("textual", "rich"))


def drawing_of(title: str, screen: str) -> Path:
    return FOLDER / title / f"{screen}.svg"


def file_of(language: Language, size: tuple[int, int], screen: str) -> Path:
    return FOLDER / f"{language}-{size[0]}x{size[1]}" / f"{screen}.txt"


async def _take_all() -> None:
    _set_lines(FOLDER / "made_with.txt", made_with())
    for title in DRAWN:
        for screen, drawing in (await drawings(title)).items():
            _set_lines(drawing_of(title, screen), drawing)
    for language in LANGUAGES:
        for size in SIZES:
            for screen, picture in (await pictures(language, size)).items():
                _set_lines(file_of(language, size, screen), picture)


def _set_lines(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    asyncio.run(_take_all())
