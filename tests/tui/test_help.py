"""The help's two tabs, its search, and what the mouse does on a screen."""

from tests.tui.samples import snapshot
from tests.tui.screen import LARGE, flat, lines, press, settle, shown, until
from tests.tui.scripted import ScriptedLink
from tui.actions import ACTIONS
from tui.screens.bond import BondDialog
from tui.screens.help import _everything
from tui.widgets.table import LiveTable


async def test_the_keys_of_the_screen_come_first_and_every_key_second() -> None:
    async with shown(ScriptedLink(snapshot()), "5", "question_mark", size=LARGE) as (app, pilot):
        assert "[This screen]" in flat(app)
        assert "Cancel the open order under the cursor" in flat(app)
        assert "Block all new orders" not in flat(app)
        await press(pilot, "right")
        assert "[Every key]" in flat(app)
        assert "Block all new orders" in flat(app)
        await press(pilot, "tab", "escape")
        assert len(app.screen_stack) == 1


async def test_a_search_finds_keys_of_every_screen() -> None:
    async with shown(ScriptedLink(snapshot()), "5", "question_mark", "slash", *"halt", "enter") as (app, pilot):
        assert "Block all new orders" in flat(app)
        assert "Cancel the open order" not in flat(app)
        await press(pilot, "slash", *"zzz", "enter")
        assert "No key has this text." in flat(app)
        await press(pilot, "escape")
        assert "Cancel the open order" in flat(app)
        await press(pilot, "escape")
        assert len(app.screen_stack) == 1


def test_every_action_is_in_the_help() -> None:
    assert len({meaning for _, keys in _everything() for _, meaning, _ in keys}) >= len({each.help for each in ACTIONS})


async def test_one_click_selects_and_two_open() -> None:
    async with shown(ScriptedLink(snapshot()), "4") as (app, pilot):
        table = app.query_one("#positions-table", LiveTable)
        await pilot.click("#positions-table", offset=(5, 3))
        await settle(pilot)
        assert table.cursor_key == "110059.SH"
        assert len(app.screen_stack) == 1
        await pilot.click("#positions-table", offset=(5, 2), times=2)
        await until(pilot, lambda: isinstance(app.screen, BondDialog))
        assert "127056.SZ" in flat(app)


async def test_a_click_gives_a_panel_the_focus() -> None:
    async with shown(ScriptedLink(snapshot()), size=LARGE) as (app, pilot):
        await pilot.click("#home-start" if app.query_one("#home-start").display else "#account", offset=(2, 0))
        await settle(pilot)
        today = next(panel for panel in app.query("TextPanel") if panel.border_title == "Today")
        await pilot.click(today, offset=(3, 1))
        await settle(pilot)
        assert app.focused is today
        await pilot.click("#home-events", offset=(3, 0))
        await settle(pilot)
        assert app.focused is app.query_one("#events")
        assert lines(app)
