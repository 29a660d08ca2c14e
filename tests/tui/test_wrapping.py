"""Where texts are broken: figures keep their units, and what is continued hangs below its text."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.i18n import say, use_language
from tests.tui.samples import snapshot
from tests.tui.screen import lines, press, shown
from tests.tui.scripted import ScriptedLink
from tui.screens.help import HelpDialog, _everything
from tui.widgets.wrapping import line_ends


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    use_language("en")


def broken(text: str, width: int) -> list[str]:
    ends = [0, *line_ends(text, width), len(text)]
    return [text[start:end].rstrip() for start, end in pairwise(ends)]


@pytest.mark.parametrize(
    ("text", "width", "shown_as"),
    [
        ("820 张（策略持有，可卖出）", 16, ["820 张（策略持", "有，可卖出）"]),
        ("市值 12,345.00 元", 15, ["市值", "12,345.00 元"]),
        ("盈利 12 %", 8, ["盈利", "12 %"]),
        ("还有 3 个交易日，到期", 12, ["还有 3 个交", "易日，到期"]),
        ("可以买入，卖出", 8, ["可以买", "入，卖出"]),
        ("820 张 (the strategy's)", 12, ["820 张 (the", "strategy's)"]),
        ("at 12:30 卖出", 8, ["at 12:30", "卖出"]),
        ("自 05-06 14:30 起", 12, ["自", "05-06 14:30", "起"]),
        ("一二三四", 2, ["一", "二", "三", "四"]),
    ],
)
def test_a_line_ends_where_a_reader_expects_it(text: str, width: int, shown_as: list[str]) -> None:
    assert broken(text, width) == shown_as


@given(st.text("0123456789,. %（）张元，卖出abc", max_size=60), st.integers(2, 40))
def test_every_line_fits_and_nothing_is_lost(text: str, width: int) -> None:
    found = broken(text, width)
    assert all(cell_len(line) <= width for line in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("language", "size"),
    [
        ("en", (60, 18)),
        ("zh", (80, 24)),
        pytest.param("en", (80, 24), marks=pytest.mark.slow),
        pytest.param("zh", (60, 18), marks=pytest.mark.slow),
    ],
)
async def test_the_help_is_continued_below_its_text(language: str, size: tuple[int, int]) -> None:
    async with shown(ScriptedLink(snapshot(language=language)), "question_mark", "right", size=size) as (app, pilot):
        assert isinstance(app.screen, HelpDialog)
        scroll = app.screen.query_one("VerticalScroll")
        titles = {title for title, _ in _everything()}
        keys = {key for _, section in _everything() for key, *_ in section}
        seen: set[str] = set()
        while True:
            box = scroll.content_region
            inside = [_cells(line, box.x, box.right) for line in lines(app)[box.y : box.bottom]]
            seen |= {line.rstrip() for line in inside}
            if scroll.scroll_y >= scroll.max_scroll_y:
                break
            await press(pilot, "pagedown")
        for line in seen - {""} - titles:
            first = _cells(line, 0, 12).strip()
            assert first == "" or first in keys, line
        assert [line for line in seen if line and not line[:12].strip()] or size[0] >= 80
        assert say("Everywhere") in seen


def _cells(line: str, start: int, end: int) -> str:
    """The part of a line from one cell to another."""
    place, found = 0, ""
    for char in line:
        if start <= place < end:
            found += char
        place += cell_len(char)
    return found
