"""The settings screen: a test for each key."""

from pathlib import Path

from textual.pilot import Pilot

from core.infra.config import KEYS
from core.infra.settings_editor import problem_with, setting_rows
from core.model.command import (
    ChangeSetting,
    CheckSetting,
    Done,
    Failed,
    ForgetSecret,
    ReadSettings,
    StoreSecret,
    TryNotify,
)
from core.model.setting_names import NAMES, TABS
from core.model.settings import Settings
from core.model.settings_rows import SecretStored
from tests.tui.samples import snapshot
from tests.tui.screen import LARGE, flat, lines, press, settle, shown, status_text, until
from tests.tui.scripted import ScriptedLink
from tui.app import RotorApp
from tui.widgets.table import LiveTable


def key_under_the_cursor(app: RotorApp) -> str:
    return str(app.query_one("#settings-table").cursor_key)  # type: ignore[attr-defined]


def keys_of(app: RotorApp) -> list[str]:
    return [row.key for row in app.query_one("#settings-table", LiveTable).rows]


async def go_to(pilot: Pilot[None], app: RotorApp, key: str) -> None:
    assert app.query_one("#settings-table", LiveTable).go_to(key)
    await settle(pilot)


async def test_all_settings_are_one_list_with_headings_and_sources() -> None:
    async with shown(ScriptedLink(snapshot()), "8", size=LARGE) as (app, _):
        for item in (
            *("Account / Factor Cat", "User name", "factorcat.username", "1 change needs a restart", "config.toml"),
            *("Strategy and buying / Buying", "Fixed amount 20000 (10000.0) CNY buy.amount", "variable"),
            *("Notify / Mail", "***", "Screen", "Language"),
        ):
            assert item in flat(app), item


async def test_the_tabs_are_places_in_the_list() -> None:
    async with shown(ScriptedLink(snapshot()), "8") as (app, pilot):
        assert "[Account]" in flat(app)
        await press(pilot, "right")
        assert key_under_the_cursor(app) == "buy.amount"
        assert "[Strategy and buying]" in flat(app)
        await press(pilot, "down")
        assert key_under_the_cursor(app) == "orders.timeout"
        assert "[Orders]" in flat(app)
        await press(pilot, "left", "left", "left")
        assert key_under_the_cursor(app) == "language"
        assert "[Screen]" in flat(app)
        await press(pilot, "right")
        assert key_under_the_cursor(app) == "mode"


async def test_a_tab_begins_at_the_top() -> None:
    async with shown(ScriptedLink(snapshot()), "8", size=(80, 15)) as (app, pilot):
        await press(pilot, "right", "right")
        head = next(place for place, line in enumerate(lines(app)) if "Set to" in line)
        assert [line.split()[0] for line in lines(app)[head + 1 : head + 4]] == ["Orders", ">", "Stops"]


async def test_a_search_goes_over_all_settings_and_a_tab_ends_it() -> None:
    async with shown(ScriptedLink(snapshot()), "8", "slash", *"timeout", "enter") as (app, pilot):
        assert "Order timeout" in flat(app)
        assert "Mode" not in flat(app)
        assert "[Orders]" in flat(app)
        await press(pilot, "left")
        assert key_under_the_cursor(app) == "buy.amount"
        assert "Order timeout" in flat(app)
        assert "secret-factorcat" in keys_of(app)


async def test_the_tabs_can_be_clicked() -> None:
    async with shown(ScriptedLink(snapshot()), "8") as (app, pilot):
        place = next(line for line in lines(app) if "[Account]" in line).index("Stops")
        await pilot.click("#setting-tabs", offset=(place - 2, 0))
        await until(pilot, lambda: "[Stops]" in flat(app))


def test_every_setting_has_a_name_and_stands_in_one_tab() -> None:
    assert set(NAMES) == set(KEYS)
    for key in KEYS:
        holding = [tab.id for tab in TABS if any(key == each or key.startswith(f"{each}.") for each in tab.holds)]
        assert len(holding) == 1, key


def test_bounds_are_those_that_are_checked(tmp_path: Path) -> None:
    rows = {row.key: row for row in setting_rows(tmp_path, Settings(), Settings(), {})}
    assert rows["orders.timeout"].bounds == "1 - 600"
    assert rows["guards.max_price_distance"].bounds == "> 0, <= 0.2"
    assert rows["guards.max_daily_orders"].bounds == ">= 1"
    assert rows["stops.take_profit"].bounds
    assert rows["factorcat.username"].bounds == ""
    assert problem_with(tmp_path, "orders.timeout", "601")
    assert not problem_with(tmp_path, "orders.timeout", "600")


async def test_a_value_is_checked_as_it_is_typed_and_written_with_enter() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "8") as (app, pilot):
        await go_to(pilot, app, "factorcat.username")
        await press(pilot, "enter", "minus")
        await until(pilot, lambda: "should be greater than 0" in flat(app))
        await press(pilot, "enter")
        assert link.sent_of(ChangeSetting) == []
        await press(pilot, "backspace", *"me")
        await until(pilot, lambda: "Valid" in flat(app))
        await press(pilot, "enter")
        await until(pilot, lambda: link.sent_of(ChangeSetting) == [ChangeSetting("factorcat.username", "me")])
        assert CheckSetting("factorcat.username", "me") in link.sent
        assert "after a restart" in status_text(app)
        assert len(link.sent_of(ReadSettings)) == 2


async def test_escape_discards_the_input() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "8") as (app, pilot):
        await go_to(pilot, app, "factorcat.username")
        await press(pilot, "enter", *"me", "escape")
        assert link.sent_of(ChangeSetting) == []


async def test_options_are_chosen_and_switches_toggled() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "8") as (app, pilot):
        await go_to(pilot, app, "language")
        await press(pilot, "enter", "3")
        await until(pilot, lambda: link.sent_of(ChangeSetting) == [ChangeSetting("language", "zh")])
        await go_to(pilot, app, "factorcat.remember")
        await press(pilot, "enter")
        await until(pilot, lambda: link.sent_of(ChangeSetting)[1:] == [ChangeSetting("factorcat.remember", "false")])


async def test_settings_that_affect_money_ask_first() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "8", "enter", "3") as (app, pilot):
        assert "real money: the first order needs your consent" in flat(app)
        await press(pilot, "enter")
        assert link.sent_of(ChangeSetting) == []
        await press(pilot, "enter", "3", "y")
        await until(pilot, lambda: link.sent_of(ChangeSetting) == [ChangeSetting("mode", "live")])


async def test_a_setting_can_be_reset_to_its_default() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "8", "d") as (app, pilot):
        assert "This is the default already." in status_text(app)
        await go_to(pilot, app, "buy.amount")
        await press(pilot, "d")
        assert "10000.0" in flat(app)
        await press(pilot, "y")
        await until(pilot, lambda: link.sent_of(ChangeSetting) == [ChangeSetting("buy.amount", "10000.0")])


async def test_a_setting_set_by_a_variable_says_so() -> None:
    async with shown(ScriptedLink(snapshot()), "8") as (app, pilot):
        await go_to(pilot, app, "orders.timeout")
        assert "An environment variable sets it, whatever the file says." in flat(app)


async def test_a_hidden_value_is_typed_again() -> None:
    async with shown(ScriptedLink(snapshot()), "8") as (app, pilot):
        await go_to(pilot, app, "notify.urls")
        await press(pilot, "enter")
        field = app.screen.query_one("Input")
        assert field.value == ""  # type: ignore[attr-defined]


async def test_a_password_is_typed_hidden_and_can_be_deleted() -> None:
    link = ScriptedLink(snapshot())
    link.replies |= {
        StoreSecret: Done(SecretStored("It is in the system's keyring.")),
        ForgetSecret: Done("It is gone."),
    }
    async with shown(link, "8") as (app, pilot):
        await press(pilot, "x")
        assert "Only passwords can be deleted" in status_text(app)
        await go_to(pilot, app, "secret-factorcat")
        await press(pilot, "enter", *"hush")
        assert "hush" not in flat(app)
        assert "****" in flat(app)
        await press(pilot, "enter")
        await until(pilot, lambda: len(link.sent_of(StoreSecret)) == 1)
        assert link.sent_of(StoreSecret)[0].secret == "hush"
        await press(pilot, "x", "y")
        await until(pilot, lambda: link.sent_of(ForgetSecret) == [ForgetSecret("factorcat")])


async def test_services_are_tested_from_settings() -> None:
    link = ScriptedLink(snapshot())
    link.replies[TryNotify] = Failed("smtp.example.com did not answer on port 465 in time.")
    async with shown(link, "8", "t") as (app, pilot):
        assert "MiniQMT: the SDK" in flat(app)
        await press(pilot, "2")
        await until(pilot, lambda: "It does not work: smtp.example.com did not answer" in status_text(app))
        await press(pilot, "t", "escape")
        assert len(link.sent_of(TryNotify)) == 1


async def test_filter_and_reload() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "8", "slash", *"smtp", "enter") as (app, pilot):
        assert "host" in flat(app)
        assert "timeout" not in flat(app)
        assert "factorcat.username" not in keys_of(app)
        await press(pilot, "escape", "r")
        assert "factorcat.username" in keys_of(app)
        assert key_under_the_cursor(app) == "notify.email.host"
        assert len(link.sent_of(ReadSettings)) == 2


async def test_an_invalid_file_is_reported() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ReadSettings] = Failed("config.toml: line 3 is not UTF-8")
    async with shown(link, "8") as (app, pilot):
        assert "The settings cannot be shown: config.toml: line 3 is not UTF-8" in flat(app)
        await press(pilot, "enter")
        assert "There is no setting here." in status_text(app)
        assert lines(app)
