"""A text on the screen is painted where it changed, and never shows a line of the text before."""

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from rich.text import Text
from textual.app import App
from textual.pilot import Pilot

from tests.waiting import drained
from tui.widgets.text import TextBlock


@asynccontextmanager
async def one_text(width: str) -> AsyncGenerator[tuple[TextBlock, Pilot[None]]]:
    app: App[None] = App()
    async with app.run_test(size=(20, 8)) as pilot:
        block = TextBlock()
        block.styles.width = width
        await app.mount(block)
        yield block, pilot


async def painted(block: TextBlock, text: Text | str) -> set[int]:
    """The lines that this text, the next one, has painted anew."""
    lines: set[int] = set()
    made = block.render_line
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(block, "render_line", lambda y: (lines.add(y), made(y))[1])
        block.set_text(text)
        await frame(block)
    return lines


async def frame(block: TextBlock) -> None:
    """Draw what waits to be drawn."""
    await drained()
    block.screen._on_timer_update()
    await drained()


@pytest.mark.usefixtures("every_frame")
async def test_only_the_lines_that_differ_are_painted() -> None:
    async with one_text("100%") as (block, _):
        assert await painted(block, "Last 121.234\nStop 112.575\nTake 130.350") == {0, 1, 2}
        assert await painted(block, "Last 121.300\nStop 112.575\nTake 130.350") == {0}
        assert await painted(block, "Last 121.300\nStop 112.575\nTake 131.000") == {2}
        assert not await painted(block, "Last 121.300\nStop 112.575\nTake 131.000")
        await painted(block, Text.assemble("Last\n", "Stop\n", "Take"))
        assert await painted(block, Text.assemble("Last\n", ("Stop\n", "red"), "Take")) == {1}


@pytest.mark.parametrize("width", ["100%", "auto"])
async def test_what_stands_there_is_what_a_whole_painting_shows(width: str) -> None:
    chosen = random.Random(1)
    words = ("121.234", "转债 113052", "a longer line that is wrapped", "", "armed")
    styles = ("", "red", "bold")
    async with one_text(width) as (block, pilot):
        for step in range(60):
            parts = ((chosen.choice(words) + "\n", chosen.choice(styles)) for _ in range(chosen.randint(2, 4)))
            block.set_text(Text.assemble(*parts))
            if step % 20 == 10:
                await pilot.resize_terminal(chosen.randint(8, 30), 8)
            await frame(block)
            shown = block.screen._compositor.render_strips()
            block.refresh()
            await frame(block)
            assert shown == block.screen._compositor.render_strips()


async def test_another_theme_colours_all_of_it() -> None:
    async with one_text("100%") as (block, _):
        await painted(block, "Last 121.234\nStop 112.575")
        block.styles.background = "blue"
        await frame(block)
        strips = block.screen._compositor.render_strips()[:2]
        assert all(segment.style and segment.style.bgcolor for strip in strips for segment in strip)
