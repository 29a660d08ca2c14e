"""The palette: what it finds, in which order, and what a choice does."""

from collections.abc import Iterator

import pytest

from core.i18n import use_language
from core.model.bond import BondCode
from core.model.command import ChangeSetting, Done, Failed, ListStrategies, ShowBond
from core.model.settings import ScreenSettings as Look
from tests.tui.samples import plan, snapshot
from tests.tui.screen import LARGE, change, flat, lines, press, shown, status_text, until
from tests.tui.scripted import ScriptedLink
from tui.palette_entries import PaletteController
from tui.screens.bond import BondDialog
from tui.screens.dialogs import Confirm
from tui.screens.palette import Palette, PaletteEntry, found
from tui.widgets.table import LiveTable
from tui.widgets.theme import use_theme


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    use_language("en")
    use_theme("dark", "red")


def first_row(app: object) -> str:
    table = app.screen.query_one(LiveTable)  # type: ignore[attr-defined]
    return table.cursor_row.cells[0].text if table.cursor_row is not None else ""


@pytest.mark.parametrize(
    "typed",
    ["xyzz", "113052", pytest.param("兴业", marks=pytest.mark.slow), pytest.param("XY", marks=pytest.mark.slow)],
)
async def test_a_bond_is_found_by_initials_code_and_name_and_its_card_opens(typed: str) -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "colon", *typed) as (app, pilot):
        assert first_row(app) == "113052.SH 兴业转债"
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, BondDialog))
        assert link.sent_of(ShowBond) == [ShowBond(BondCode("113052.SH"))]


async def test_bonds_of_the_plan_and_of_todays_list_are_found() -> None:
    link = ScriptedLink(snapshot(plan=plan()))
    async with shown(link, "ctrl+p", *"myzz") as (app, pilot):
        assert "牧原转债" in first_row(app)
        assert "in the plan" in flat(app)
        await press(pilot, *["backspace"] * 4, *"xbzz")
        assert first_row(app) == ""
        assert "Nothing has this name." in flat(app)


async def test_an_order_a_setting_and_a_strategy_open_on_their_row() -> None:
    async with shown(ScriptedLink(snapshot()), "ctrl+p", *"r260506-0003", "enter", size=LARGE) as (app, pilot):
        await until(pilot, lambda: app.pane.id == "orders" and app.focused is not None)
        await until(pilot, lambda: app.query_one("#orders-table", LiveTable).cursor_key == "r260506-0003")
        await press(pilot, "ctrl+p", *"Order timeout", "enter")
        table = lambda: app.query_one("#settings-table", LiveTable)  # noqa: E731
        await until(pilot, lambda: app.pane.id == "settings" and table().cursor_key == "orders.timeout")
        await press(pilot, "ctrl+p", *"高息 5 v10", "enter")
        await until(pilot, lambda: app.pane.id == "strategies")
        await until(pilot, lambda: app.query_one("#strategy-list-table", LiveTable).cursor_key == "10")


async def test_what_is_not_there_any_more_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.palette_entries._LONGEST", 0.1)
    link = ScriptedLink(snapshot())
    async with shown(link) as (app, pilot):
        await PaletteController(app)._go("orders", "orders-table", "gone")
        await until(pilot, lambda: "not in the list" in status_text(app))


async def test_a_theme_is_previewed_kept_with_enter_and_restored_with_escape() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "ctrl+p", *"nord") as (app, pilot):
        assert app.theme == "rotor-nord"
        app._tick()
        assert app.theme == "rotor-nord"
        await press(pilot, "escape")
        assert app.theme == "rotor-dark"
        assert link.sent_of(ChangeSetting) == []
        await press(pilot, "ctrl+p", *"nord", *["backspace"] * 4, *"home", "escape")
        assert app.theme == "rotor-dark"
        await press(pilot, "ctrl+p", *"gruvbox", "enter")
        await until(pilot, lambda: link.sent_of(ChangeSetting) == [ChangeSetting("screen.theme", "gruvbox")])
        await change(app, pilot, link, look=Look(theme="gruvbox"))
        assert app.theme == "rotor-gruvbox"


async def test_a_theme_that_cannot_be_kept_goes() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ChangeSetting] = Failed("this view cannot act")
    async with shown(link, "ctrl+p", *"nord", "enter") as (app, pilot):
        await until(pilot, lambda: "this view cannot act" in status_text(app))
        assert app.theme == "rotor-dark"


async def test_the_language_is_changed() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "ctrl+p", *"简体", "enter") as (_, pilot):
        await until(pilot, lambda: link.sent_of(ChangeSetting) == [ChangeSetting("language", "zh")])


async def test_what_was_used_last_comes_first() -> None:
    async with shown(ScriptedLink(snapshot()), "ctrl+p", *"report", "enter") as (app, pilot):
        await until(pilot, lambda: app.pane.id == "report")
        await press(pilot, "ctrl+p")
        assert "Recently used" in flat(app)
        assert first_row(app) == "Report"


async def test_the_palette_stays_open_while_the_engine_is_slow() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ListStrategies] = None
    async with shown(link, "ctrl+p", *"helpp", "backspace") as (app, pilot):
        assert isinstance(app.screen, Palette)
        assert "Help" in flat(app)
        link.open[0][1].set_result(Failed("too late"))
        await press(pilot, "escape")
        assert len(app.screen_stack) == 1


async def test_it_opens_over_no_question_and_types_a_colon_elsewhere() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ShowBond] = Done(None)
    async with shown(link, "b", "colon") as (app, pilot):
        assert isinstance(app.screen, Confirm)
        await press(pilot, "escape", "4", "slash", "colon")
        assert not isinstance(app.screen, Palette)
        assert lines(app)


def _entry(key: str, group: str, name: str, *words: str) -> PaletteEntry:
    return PaletteEntry(key, group, name, "", lambda: None, words)


def test_letters_that_lie_apart_find_it_and_the_best_group_comes_first() -> None:
    entries = [
        _entry("a", "Actions", "Orders: Sort"),
        _entry("b", "Settings", "Order timeout", "orders.timeout"),
        _entry("c", "Settings", "Slippage"),
    ]
    assert [entry.key for entry in found(entries, "timeout", ())] == ["b"]
    assert [entry.key for entry in found(entries, "otmt", ())] == ["b"]
    assert [entry.key for entry in found(entries, "order", ())] == ["b", "a"]
    assert [entry.key for entry in found(entries, "sort ord", ())] == ["a"]
    assert found(entries, "zz", ()) == []
    assert [entry.key for entry in found(entries, "s", ["c"])] == ["a", "c", "b"]
