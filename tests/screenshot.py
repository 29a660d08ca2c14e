"""`python -m tests.screenshot`: the pictures of the documents, of the real app on the sandbox.

For each language the screens as SVG, and a tour of them as GIF. The tour is painted by `tests.painting`, which says
what it needs; `--without-tour` leaves it out.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from core.engine.engine import Engine
from core.i18n import Language, use_language
from core.model.command import Done, ExecutePlan, MakePlan, RunStrategy
from core.model.settings import Settings
from tui.app import RotorApp
from tui.cli.context import home_at, settings_of
from tui.cli.offline import prepare_demo

SIZE = (120, 34)
SHOTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("plan", ("3", "r")),
    ("home", ("1",)),
    ("strategies", ("2", "enter")),
    ("positions", ("4",)),
    ("orders", ("5",)),
    ("log", ("6",)),
    ("report", ("7",)),
    ("settings", ("8",)),
)
"""Each picture's name, and the keys that lead to it."""
TOUR: tuple[tuple[str, ...], ...] = (
    ("1",),
    ("2", "enter"),
    ("3", "r"),
    ("e",),
    ("escape", "5"),
    ("4",),
    ("enter",),
    ("escape", "7"),
    ("colon",),
    ("escape", "question_mark"),
    ("escape", "8"),
)
"""The keys to each frame of the tour."""
_FRAME = 2200
"""Milliseconds that a frame stands."""


async def pictures(engine: Engine) -> dict[str, str]:
    """The app's screens as SVG."""
    app = RotorApp(engine)
    taken: dict[str, str] = {}
    async with app.run_test(size=SIZE) as pilot:
        for name, keys in SHOTS:
            await _press(pilot, keys)
            taken[name] = app.export_screenshot(title="rotor")
    return taken


async def film(engine: Engine, file: Path) -> None:
    """Write the tour."""
    from tests.painting import painted

    app = RotorApp(engine)
    frames = []
    async with app.run_test(size=SIZE) as pilot:
        for keys in TOUR:
            await _press(pilot, keys)
            frames.append(painted(app).quantize(64))
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=_FRAME, loop=0, optimize=True)


async def _press(pilot: Pilot[None], keys: tuple[str, ...]) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause(1.5)


def change_strategy(engine: Engine) -> None:
    """Fill the account after one strategy and follow another, so that the plan sells, buys and keeps."""
    made = engine.send(MakePlan()).result(30)
    assert isinstance(made, Done)
    assert isinstance(engine.send(ExecutePlan(made.value.plan_id)).result(120), Done)
    assert isinstance(engine.send(RunStrategy(5, 502)).result(30), Done)


def take(language: Language, folder: Path, *, tour: bool) -> None:
    """Everything in one language."""
    use_language(language)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        home = home_at(Path(place))
        prepare_demo(home, Settings(language=language))
        engine = Engine(home, settings_of(home), speed=60)
        engine.start()
        try:
            engine.wait_ready()
            change_strategy(engine)
            for name, svg in asyncio.run(pictures(engine)).items():
                (folder / f"{name}.svg").write_text(svg, encoding="utf-8", newline="\n")
            if tour:
                asyncio.run(film(engine, folder / "tour.gif"))
        finally:
            engine.stop()
    print(f"written: {folder}")  # noqa: T201


def main() -> None:
    tour = "--without-tour" not in sys.argv
    places: tuple[tuple[Language, Path], ...] = (("en", Path("docs")), ("zh", Path("docs/zh")))
    for language, folder in places:
        folder.mkdir(exist_ok=True)
        take(language, folder, tour=tour)


if __name__ == "__main__":
    main()
