"""`python -m tests.tui.png FOLDER`: every screen as PNG over a scripted engine, to be looked at.

`--languages en,zh --sizes 80x24,120x30,160x45 --themes dark --screens home,4+enter --state normal` choose; a screen is
the name of one, or the keys that lead to it.
"""

import argparse
import asyncio
from pathlib import Path

from core.model.settings import ScreenSettings as Look
from tests.painting import painted
from tests.tui.pictures import BOXES, SCREENS, STATES, posed
from tests.tui.screen import press, settle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--languages", default="en,zh")
    parser.add_argument("--sizes", default="80x24,120x30,160x45")
    parser.add_argument("--themes", default="dark")
    parser.add_argument("--screens", default=",".join((*SCREENS, *BOXES)))
    parser.add_argument("--state", default="normal", choices=STATES)
    asyncio.run(_take(parser.parse_args()))


async def _take(chosen: argparse.Namespace) -> None:
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for language in chosen.languages.split(","):
        for size in chosen.sizes.split(","):
            for theme in chosen.themes.split(","):
                await _take_screens(chosen, language, size, theme)


async def _take_screens(chosen: argparse.Namespace, language: str, size: str, theme: str) -> None:
    width, height = (int(part) for part in size.split("x"))
    look = Look(theme=theme)  # type: ignore[arg-type]
    async with posed(language, (width, height), STATES[chosen.state], look) as (app, pilot):  # type: ignore[arg-type]
        for screen in chosen.screens.split(","):
            keys = {**SCREENS, **BOXES}.get(screen)
            await press(pilot, *(keys or screen.split("+")))
            app._tick()
            await settle(pilot)
            await pilot.pause()
            file = chosen.folder / f"{screen.replace('+', '_')}-{language}-{size}-{theme}-{chosen.state}.png"
            painted(app).save(file)
            if screen in BOXES:
                await press(pilot, "escape")


if __name__ == "__main__":
    main()
