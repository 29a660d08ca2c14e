"""How the user arranges a screen: columns, one panel alone, the divider; and what a small terminal shows."""

import pytest

from core.model.command import ChangeSetting, Failed
from core.model.settings import LEAST_DETAILS, MOST_DETAILS
from core.model.settings import ScreenSettings as Look
from tests.tui.samples import snapshot
from tests.tui.screen import LARGE, change, flat, lines, press, settle, shown, status_text, until
from tests.tui.scripted import ScriptedLink
from tui.actions import PANES
from tui.widgets.columns import Column, Show, arrange, use_choices


@pytest.fixture(autouse=True)
def as_it_was() -> object:
    yield
    use_choices(())


def _head(screen: list[str]) -> str:
    return next(line for line in screen if "Code" in line)


async def test_a_column_is_hidden_at_once_and_written_to_the_settings() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4") as (app, pilot):
        assert "Age" in _head(lines(app))
        await press(pilot, "c", *["down"] * 8, "space", "space")
        assert "Age never" in flat(app)
        assert link.sent_of(ChangeSetting) == []
        await press(pilot, "escape")
        assert "Age" not in _head(lines(app))
        assert link.sent_of(ChangeSetting) == [ChangeSetting("screen.columns", '["positions.Age=never"]')]


async def test_a_column_that_does_not_fit_is_shown_always() -> None:
    link = ScriptedLink(snapshot(look=Look(columns=("positions.Value=always",))))
    async with shown(link, "4") as (app, pilot):
        assert "Value" in _head(lines(app))
        await press(pilot, "c", "r", "escape")
        assert "Value" not in _head(lines(app))
        assert link.sent_of(ChangeSetting) == [ChangeSetting("screen.columns", "[]")]


async def test_a_choice_made_on_another_screen_arrives_here() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4") as (app, pilot):
        await change(app, pilot, link, look=Look(columns=("positions.Guard=never",)))
        assert "Guard" not in _head(lines(app))


async def test_what_is_not_written_is_kept_until_the_end_and_said() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ChangeSetting] = Failed("this view cannot act")
    async with shown(link, "4", "c", "space", "space", "escape") as (app, pilot):
        await until(pilot, lambda: "this view cannot act" in status_text(app))
        assert not any("Code" in line for line in lines(app))


async def test_every_screen_with_a_table_has_the_dialog() -> None:
    async with shown(ScriptedLink(snapshot())) as (app, pilot):
        for pane in PANES:
            await press(pilot, pane.key, "c")
            assert len(app.screen_stack) == 2, pane.id
            await press(pilot, "escape")


async def test_the_last_column_cannot_be_hidden() -> None:
    async with shown(ScriptedLink(snapshot()), "6", "c") as (app, pilot):
        for _ in range(4):
            await press(pilot, "space", "space", "down")
        assert "by width" in flat(app).partition("Text")[2]


def test_a_narrow_table_keeps_its_first_columns_and_shortens_the_flexible_one() -> None:
    columns = (Column("A", 9), Column("B", 9), Column("C", 9, rank=1), Column("D", 50, flex=True))
    shown_at = {width: [slot.column.label for slot in arrange(columns, (), width).slots] for width in (90, 70, 40, 20)}
    assert shown_at == {90: ["A", "B", "C", "D"], 70: ["A", "B", "D"], 40: ["A", "B", "D"], 20: ["A", "D"]}
    for width in (90, 70, 40, 20):
        layout = arrange(columns, (), width)
        assert sum(slot.width for slot in layout.slots) + layout.gap * (len(layout.slots) - 1) <= width


def test_where_everything_is_hidden_everything_is_shown() -> None:
    columns = (Column("A", 4), Column("B", 4))
    layout = arrange(columns, (), 20, chosen={"A": Show.NEVER, "B": Show.NEVER})
    assert len(layout.slots) == 2


async def test_one_panel_is_shown_alone_and_all_again() -> None:
    async with shown(ScriptedLink(snapshot())) as (app, pilot):
        assert "Account" in flat(app)
        await press(pilot, "z")
        assert "Account" not in flat(app)
        assert "Events" in flat(app)
        assert "[1 Home]" in lines(app)[1]
        assert lines(app)[-1].strip().endswith("q Quit")
        await press(pilot, "escape")
        assert "Account" in flat(app)


async def test_the_panel_with_the_focus_is_the_one_shown_alone() -> None:
    async with shown(ScriptedLink(snapshot())) as (app, pilot):
        panel = app.query_one("#account")
        app.set_focus(next(widget for widget in app.pane.query("TextPanel") if widget.border_title == "Today"))
        await press(pilot, "z")
        assert "Today" in flat(app)
        assert "Events" not in flat(app)
        assert panel.region.size.area == 0 or panel not in app.screen._compositor.visible_widgets


async def test_each_screen_keeps_its_panel_alone() -> None:
    async with shown(ScriptedLink(snapshot()), "4", "z") as (app, pilot):
        await press(pilot, "1")
        assert "Account" in flat(app)
        await press(pilot, "4")
        assert "z or esc: all panels" in flat(app)
        await press(pilot, "z")
        assert "z or esc: all panels" not in flat(app)
        assert "Details" in flat(app)


async def test_a_panel_alone_that_disappears_gives_the_others_back() -> None:
    link = ScriptedLink(snapshot(notices=("disk is nearly full",)))
    async with shown(link) as (app, pilot):
        app.set_focus(next(widget for widget in app.pane.query("TextPanel") if widget.border_title == "Attention"))
        await press(pilot, "z")
        assert "Events" not in flat(app)
        await change(app, pilot, link, notices=())
        assert "Events" in flat(app)


async def test_the_divider_moves_and_is_written_once() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4", size=LARGE) as (app, pilot):
        before = app.pane.query_one(".detail").size.width
        await press(pilot, *["less_than_sign"] * 3)
        assert app.pane.query_one(".detail").size.width == before + 12
        await press(pilot, "greater_than_sign")
        await until(pilot, lambda: link.sent_of(ChangeSetting) == [ChangeSetting("screen.details", "54")])


@pytest.mark.parametrize(
    ("key", "side"),
    [("4", 0), pytest.param("4", -1, marks=pytest.mark.slow), pytest.param("5", 0, marks=pytest.mark.slow)],
)
async def test_the_mouse_moves_the_divider_and_it_is_written_once(key: str, side: int) -> None:
    """`side`: the details' own border, or the one of the table beside it."""
    link = ScriptedLink(snapshot())
    async with shown(link, key, size=LARGE) as (app, pilot):
        detail = app.pane.query_one(".detail")
        await until(pilot, lambda: detail.region.area > 0)
        before, border = detail.outer_size.width, detail.region.x
        await pilot.mouse_down(offset=(border + side, 20))
        for x in (border - 3, border - 9, border - 8):
            await pilot.hover(offset=(x, 20))
        await settle(pilot)
        assert (detail.region.x, detail.outer_size.width) == (border - 8, before + 8)
        await pilot.mouse_up(offset=(border - 8, 20))
        await pilot.hover(offset=(border + 5, 20))
        await settle(pilot)
        assert detail.region.x == border - 8
        await until(pilot, lambda: link.sent_of(ChangeSetting) == [ChangeSetting("screen.details", str(before + 8))])


async def test_the_mouse_moves_the_divider_within_its_bounds() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4", size=LARGE) as (app, pilot):
        detail = app.pane.query_one(".detail")
        for x, width in ((2, MOST_DETAILS), (158, LEAST_DETAILS)):
            await pilot.mouse_down(offset=(detail.region.x, 20))
            await pilot.hover(offset=(x, 20))
            await pilot.mouse_up(offset=(x, 20))
            await settle(pilot)
            assert detail.outer_size.width == width


async def test_the_mouse_moves_no_divider_elsewhere() -> None:
    async with shown(ScriptedLink(snapshot()), "4", size=LARGE) as (app, pilot):
        detail = app.pane.query_one(".detail")
        border = detail.region.x
        await pilot.mouse_down(offset=(border - 2, 20))
        await pilot.hover(offset=(border - 10, 20))
        await settle(pilot)
        assert detail.region.x == border


async def test_below_the_full_size_the_divider_says_why_it_does_nothing() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4", "less_than_sign") as (app, _):
        assert "150" in status_text(app)
        assert link.sent_of(ChangeSetting) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "size", [pytest.param((60, 18), marks=pytest.mark.slow), (40, 12), pytest.param((20, 5), marks=pytest.mark.slow)]
)
async def test_a_small_terminal_shows_every_screen(size: tuple[int, int]) -> None:
    async with shown(ScriptedLink(snapshot()), size=size) as (app, pilot):
        for pane in PANES:
            await press(pilot, pane.key, "down", "z", "z")
            assert app.pane.id == pane.id
            if size[0] >= 40:
                assert f"[{pane.key} {pane.title}" in lines(app)[1]
                assert "q Quit" in lines(app)[-1]
                assert "80x24" in lines(app)[1]
                assert "\u256d" not in flat(app)
            await press(pilot, "question_mark", "escape")


async def test_the_full_size_has_no_hint() -> None:
    async with shown(ScriptedLink(snapshot())) as (app, _):
        assert "80x24" not in flat(app)
        assert "\u256d" in flat(app)
