"""Every screen looks as its pictures do. Changed on purpose? `python -m tests.tui.pictures`, then the diff."""

import re
from difflib import unified_diff

import pytest

from core.i18n import Language
from tests.tui import pictures
from tests.tui.pictures import BOXES, DRAWN, FOLDER, LANGUAGES, SCREENS, SIZES, STATES, drawing_of, file_of, made_with


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_screen_in_every_state(language: Language, size: tuple[int, int]) -> None:
    taken = await pictures.pictures(language, size)
    kept = {screen: file_of(language, size, screen).read_text("utf-8") for screen in taken}
    assert not _differences(kept, taken)


@pytest.mark.slow
@pytest.mark.parametrize("title", DRAWN)
async def test_every_screen_in_colour(title: str) -> None:
    drawn = await pictures.drawings(title)
    if (FOLDER / "made_with.txt").read_text("utf-8") != made_with():
        pytest.skip("drawn with other versions of the libraries; the text pictures are compared all the same")
    kept = {screen: drawing_of(title, screen).read_text("utf-8") for screen in drawn}
    # The numbers of a drawing's colours are made of the whole drawing: one other line would make all lines differ.
    same = [{name: re.sub(r"terminal-\d+", "", svg) for name, svg in each.items()} for each in (kept, drawn)]
    assert not _differences(*same)


def _differences(kept: dict[str, str], taken: dict[str, str]) -> list[str]:
    """The lines that differ, so that a failure shows them."""
    return [
        line
        for screen in kept
        if kept[screen] != taken[screen]
        for line in unified_diff(kept[screen].splitlines(), taken[screen].splitlines(), screen, "now", n=0, lineterm="")
    ]


def test_no_picture_is_missing_and_none_is_left_over() -> None:
    texts = {file_of(language, size, name) for language in LANGUAGES for size in SIZES for name in {**SCREENS, **BOXES}}
    drawings = {drawing_of(title, name) for title in DRAWN for name in SCREENS}
    assert {*FOLDER.rglob("*.txt")} - {FOLDER / "made_with.txt"} == texts
    assert {*FOLDER.rglob("*.svg")} == drawings
    assert len(drawings) <= 20
    for text in texts - {file for file in texts if file.stem in BOXES}:
        assert [line for line in text.read_text("utf-8").splitlines() if line.startswith("== ")] == [
            f"== {state}" for state in STATES
        ]
