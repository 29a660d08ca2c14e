"""Strategies: the views follow the cursor, answers out of order, all pages, filter, and records side by side."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.model.command import (
    Command,
    Done,
    Failed,
    ListRecords,
    ListStrategies,
    ReadRule,
    Reply,
    RunStrategy,
    ShowDetail,
    ShowRecord,
)
from core.model.known import Known
from core.model.platform import Page, Strategy
from core.model.snapshot import Followed
from tests.tui.samples import snapshot
from tests.tui.screen import LARGE, all_has_come, change, flat, lines, press, settle, shown, status_text, until
from tests.tui.scripted import ScriptedLink
from tests.tui.strategy_samples import record_card, record_detail, records_page, strategies_page
from tui.app import RotorApp
from tui.screens import requests
from tui.screens import strategy_data as module
from tui.screens.record_view import RecordView
from tui.screens.strategies import StrategiesPane
from tui.widgets.chart import LineChart
from tui.widgets.panel import Titled
from tui.widgets.table import LiveTable
from tui.widgets.text import TextBlock


def titles(app: RotorApp) -> dict[str, str]:
    """What stands in the border of each view that is shown."""
    shown_views = [view for view in app.query("#strategy-views > *") if view.display]
    return {str(view.id): view._shown_title for view in shown_views if isinstance(view, Titled)}


def hint(app: RotorApp, view: str) -> str:
    return app.query_one(view, Titled)._shown_hint


def card(app: RotorApp) -> str:
    """The words of the card, however they are wrapped."""
    view = app.query_one(RecordView)
    return " ".join(" ".join(block.text for block in view.query(TextBlock) if block.display).split())


def record_keys(app: RotorApp) -> list[str]:
    return [row.key for row in app.query_one("#record-list-table", LiveTable).rows]


def sent(link: ScriptedLink, kind: type) -> list[tuple[int, int]]:
    return [(each.strategy_id, each.history_id) for each in link.sent_of(kind)]


async def test_records_and_card_follow_the_cursor() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "2", size=LARGE) as (app, pilot):
        await until(pilot, lambda: "Stop-loss 5%" in card(app))
        assert titles(app) == {
            "strategy-list": "Strategies",
            "record-list": "双低轮动 10 v1",
            "record-card": "Record 11",
        }
        await press(pilot, "down")
        assert titles(app)["record-list"] == "双低轮动 20 v2"
        await until(pilot, lambda: link.sent_of(ListRecords)[-1].strategy_id == 2)
        await until(pilot, lambda: sent(link, ShowDetail)[-1] == (2, 11))
        await press(pilot, "enter", "down", "down")
        assert titles(app)["record-card"] == "Record 13"
        await until(pilot, lambda: sent(link, ShowRecord)[-1] == (2, 13) and "Stop-loss 5%" in card(app))


async def test_a_cursor_that_moves_on_asks_for_where_it_rests_only(monkeypatch: pytest.MonkeyPatch) -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "2", "enter", size=LARGE) as (app, pilot):
        await until(pilot, lambda: sent(link, ShowRecord) == [(1, 11)])
        monkeypatch.setattr(requests, "PAUSE", 1.0)  # longer than a slow machine takes for four keys
        await press(pilot, "down", "down", "down", "down")
        await until(pilot, lambda: (1, 15) in sent(link, ShowRecord) and (1, 15) in sent(link, ShowDetail))
        assert sent(link, ShowRecord) == [(1, 11), (1, 15)]
        monkeypatch.setattr(requests, "PAUSE", 0.05)
        await press(pilot, "end", "home", "down", "down", "down", "down")
        await until(pilot, lambda: titles(app)["record-card"] == "Record 15")
        assert sent(link, ShowRecord).count((1, 15)) == 1  # kept, so not asked for again


async def test_answers_out_of_order_never_reach_another_record() -> None:
    """The record's own figures are in its answers: none of them may stand on another record's card, or be used."""
    link = ScriptedLink(snapshot())
    link.replies[ShowRecord] = link.replies[ShowDetail] = None
    async with shown(link, "2", "enter", size=LARGE) as (app, pilot):
        await until(pilot, lambda: sent(link, ShowRecord) == sent(link, ShowDetail) == [(1, 11)])
        await press(pilot, "down", "down")
        assert sent(link, ShowRecord) == [(1, 11)]  # one at a time: the record in between was never asked for
        answer(link, ShowRecord, lambda each: Done(tagged(each)))
        await until(pilot, lambda: sent(link, ShowRecord) == [(1, 11), (1, 13)])
        assert "only-of-11" not in card(app)
        assert titles(app)["record-card"] == "Record 13"
        await press(pilot, "up", "up")
        assert "only-of-11" in card(app)
        answer(link, ShowRecord, lambda each: Done(tagged(each)))
        await settle(pilot)
        assert "only-of-13" not in card(app)
        assert "only-of-11" in card(app)
        answer(link, ShowDetail, lambda each: Done(record_detail(note=f"detail-of-{each.history_id}")))
        await settle(pilot)
        assert "detail-of-11" in card(app)
        await press(pilot, "down", "down")
        assert "only-of-13" in card(app)
        assert "detail-of-11" not in card(app)


def answer(link: ScriptedLink, kind: type, reply: Callable[[Any], Reply[Any]]) -> None:
    """Answer the oldest open request of this kind."""
    place = next(place for place, (command, _) in enumerate(link.open) if isinstance(command, kind))
    command, future = link.open.pop(place)
    future.set_result(reply(command))


def tagged(command: ShowRecord) -> Any:
    made = record_card(command)
    return replace(made, parameters=Known({"note": f"only-of-{command.history_id}"}))


async def test_what_u_uses_is_the_record_under_the_cursor_and_on_the_card() -> None:
    link = ScriptedLink(snapshot())
    link.replies[RunStrategy] = Done(Followed(2, 14, "双低轮动 20 v2"))
    async with shown(link, "2", "down", "enter", size=LARGE) as (app, pilot):
        await press(pilot, "down", "down", "down", "u")
        assert titles(app)["record-card"] == "Record 14"
        assert "14, return" in flat(app)
        assert "stop-loss 5%, take-profit 10%" in flat(app)
        await press(pilot, "y")
        assert link.sent_of(RunStrategy) == [RunStrategy(2, 14, "双低轮动 20 v2")]


async def test_nothing_is_asked_where_the_cursor_left_the_record_before_its_card_came() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "2", "enter", size=LARGE) as (app, pilot):
        link.replies[ShowRecord] = None
        await press(pilot, "down", "u", "down")
        while any(isinstance(command, ShowRecord) for command, _ in link.open):
            answer(link, ShowRecord, lambda each: Done(record_card(each)))
        await settle(pilot)
        assert "The cursor has left record 12: press u again." in status_text(app)
        await press(pilot, "y")
        assert link.sent_of(RunStrategy) == []


async def test_records_of_another_strategy_never_stand_below_this_one() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ListRecords] = None
    async with shown(link, "2", "enter", "escape", "down", size=LARGE) as (app, pilot):
        assert [each.strategy_id for each in link.sent_of(ListRecords)] == [1]
        answer(link, ListRecords, lambda each: Done(records_page(each)))
        await until(pilot, lambda: [each.strategy_id for each in link.sent_of(ListRecords)] == [1, 2])
        assert record_keys(app) == []
        assert titles(app)["record-list"] == "双低轮动 20 v2"
        assert "Choose a record" in card(app)
        answer(link, ListRecords, lambda each: Failed("the platform is away"))
        await settle(pilot)
        assert "the platform is away" in flat(app)
        await press(pilot, "up")
        assert record_keys(app)[0] == "11"


async def test_sorting_loads_all_pages_and_sorts_over_them() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ListRecords] = lambda command: Done(records_page(command)) if command.page == 1 else None  # type: ignore[dict-item, return-value]
    async with shown(link, "2", "enter") as (app, pilot):
        assert hint(app, "#record-list") == "loaded 20 of 24 records"
        await press(pilot, "o", "o")
        assert record_keys(app)[:3] == ["30", "29", "28"]  # what is loaded, by the return
        await until(pilot, lambda: bool(link.open))
        answer(link, ListRecords, lambda command: Done(records_page(command)))
        await until(pilot, lambda: hint(app, "#record-list") == "24 records")
        assert record_keys(app)[:3] == ["34", "33", "32"]
        assert record_keys(app)[-1] == "14"  # its return is not known
        await press(pilot, "O")
        assert record_keys(app)[0] == "11"
        assert record_keys(app)[-1] == "14"
        assert [each.page for each in link.sent_of(ListRecords)] == [1, 2]


async def test_without_sorting_further_pages_are_not_asked_for() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "2", "enter") as (app, pilot):
        await pilot.pause(0.4)
        assert [each.page for each in link.sent_of(ListRecords)] == [1]
        await press(pilot, "end")
        await until(pilot, lambda: hint(app, "#record-list") == "24 records")
        assert app.query_one("#record-list-table", LiveTable).cursor_key == "30"  # the cursor stays where it was


async def test_a_long_list_is_loaded_up_to_a_bound_and_further_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_PAGES", 2)
    link = ScriptedLink(snapshot())
    async with shown(link, "2", "o") as (app, pilot):
        await until(pilot, lambda: hint(app, "#strategy-list") == "loaded 40 of 45 strategies")
        await pilot.pause(0.4)
        assert [each.page for each in link.sent_of(ListStrategies)] == [1, 2]
        await press(pilot, "n")
        assert hint(app, "#strategy-list") == "45 strategies"
        await press(pilot, "n")
        assert "All of it is loaded." in status_text(app)


async def test_a_page_that_fails_says_so_and_n_asks_again() -> None:
    link = ScriptedLink(snapshot())

    def failing(command: ListStrategies) -> Reply[Any]:
        return Failed("the server is busy") if command.page == 2 else Done(strategies_page(command))

    link.replies[ListStrategies] = failing
    async with shown(link, "2", "o", size=(100, 30)) as (app, pilot):
        await until(pilot, lambda: "page 2: the server is busy" in hint(app, "#strategy-list"))
        assert "loaded 20 of 45 strategies" in hint(app, "#strategy-list")
        link.replies[ListStrategies] = lambda command: Done(strategies_page(command))
        await press(pilot, "n")
        await until(pilot, lambda: hint(app, "#strategy-list") == "45 strategies")


async def test_the_filter_works_as_one_types_and_says_what_is_not_loaded() -> None:
    link = ScriptedLink(snapshot())
    hold = {"on": True}

    def page(command: ListStrategies) -> Reply[Any] | None:
        return None if command.page > 1 and hold["on"] else Done(strategies_page(command))

    link.replies[ListStrategies] = page  # type: ignore[assignment]
    async with shown(link, "2", "slash", "v", "4") as (app, pilot):
        await until(pilot, lambda: hint(app, "#strategy-list") == "1 shown, loaded 20 of 45 strategies")
        await until(pilot, lambda: bool(link.open))
        hold["on"] = False
        answer(link, ListStrategies, lambda command: Done(strategies_page(command)))
        await until(pilot, lambda: hint(app, "#strategy-list") == "7 shown, 45 strategies")
        await press(pilot, "enter", "escape")
        await until(pilot, lambda: hint(app, "#strategy-list") == "45 strategies")


async def test_a_filter_on_records_takes_the_card_along() -> None:
    async with shown(ScriptedLink(snapshot()), "2", "enter", size=LARGE) as (app, pilot):
        await press(pilot, "slash", *"2026-04-09")
        await until(pilot, lambda: record_keys(app) == ["19"])
        assert titles(app)["record-card"] == "Record 19"
        await press(pilot, "enter", "escape")
        await until(pilot, lambda: len(record_keys(app)) == 24)


async def test_the_rule_of_each_record_in_sight_is_asked_for_once_and_fills_its_columns() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ReadRule] = None
    async with shown(link, "2", "enter", size=(109, 18)) as (app, pilot):
        await until(pilot, lambda: sent(link, ReadRule) == [(1, 12)])
        answer(link, ReadRule, lambda _: Failed("busy"))  # it stays unknown, and the next one is asked for
        await until(pilot, lambda: sent(link, ReadRule) == [(1, 12), (1, 13)])
        rule = record_card(ShowRecord(1, 13)).rule
        link.replies[ReadRule] = lambda _: Done(rule)
        answer(link, ReadRule, lambda _: Done(rule))
        table = app.query_one("#record-list-table", LiveTable)
        in_sight = [(1, int(key)) for key in table.keys_in_sight]
        assert 3 < len(in_sight) < len(table.rows)
        await until(pilot, lambda: len(sent(link, ReadRule)) == len(in_sight) - 1)
        assert sent(link, ReadRule) == in_sight[1:]  # the first one is on its card
        rows = [line for line in lines(app) if "%" in line and "Return" not in line]
        assert rows[1].count("--") >= 3
        assert all("5d" in row for row in (rows[0], *rows[2:5]))


async def test_marked_records_are_compared_side_by_side() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "2", "enter", size=LARGE) as (app, pilot):
        await press(pilot, "v")
        assert "Mark two to four records with space first." in status_text(app)
        await press(pilot, "space", "down", "space", "down", "down", "space", "v")
        await until(pilot, lambda: {(1, 11), (1, 12), (1, 14)} <= set(sent(link, ShowDetail)))
        await until(pilot, lambda: "loading" not in card(app))
        seen = card(app)
        for item in ("Record 1 11 2 12 3 14", "Return -5.00% +0.00%", "Stop-loss 5% 5% 5%", "Bonds 10 10 10"):
            assert item in seen, item
        assert titles(app)["record-card"] == "Comparison"
        chart = app.query_one("#record-chart", LineChart)
        assert chart.display
        assert all(name in chart.text for name in ("1 11", "2 12", "3 14"))
        marks = [row.cells[0].text.strip() for row in app.query_one("#record-list-table", LiveTable).rows]
        assert marks[:4] == ["*1", "2", "", "3"]
        await press(pilot, "escape")
        assert titles(app)["record-card"] == "Record 14"


async def test_a_fifth_record_is_not_marked_and_a_marked_one_is_released() -> None:
    async with shown(ScriptedLink(snapshot()), "2", "enter", size=LARGE) as (app, pilot):
        for _ in range(5):
            await press(pilot, "space", "down")
        assert "Four records are marked" in status_text(app)
        await until(pilot, lambda: all_has_come(app))
        await press(pilot, "home", "space", "end", "space", "v")
        assert "4 34" in card(app)
        assert "1 12" in card(app)


async def test_marks_of_two_strategies_are_compared_and_a_narrow_screen_does_not_use_from_it() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "2", "enter") as (app, pilot):
        await press(pilot, "space", "escape", "down", "enter", "space", "v")
        await until(pilot, lambda: {(1, 11), (2, 11)} <= set(sent(link, ShowDetail)))
        assert "1 双低轮动 10 v1" in card(app)
        assert "2 双低轮动 20 v2" in card(app)
        await press(pilot, "u")
        assert "press esc and choose one" in status_text(app)
        await press(pilot, "escape")
        assert list(titles(app)) == ["record-list"]


async def test_a_comparison_without_a_curve_says_why() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ShowDetail] = Failed("HTTP 500")
    async with shown(link, "2", "enter", "space", "down", "space", "v", size=LARGE) as (app, pilot):
        await until(pilot, lambda: card(app).count("No equity curve: HTTP 500") == 2)
        assert not app.query_one("#record-chart").display


@pytest.mark.parametrize(
    ("width", "keys", "views"),
    [
        (80, (), ["strategy-list"]),
        pytest.param(80, ("enter",), ["record-list"], marks=pytest.mark.slow),
        (80, ("enter", "enter"), ["record-card"]),
        pytest.param(120, (), ["strategy-list", "record-list"], marks=pytest.mark.slow),
        (120, ("enter",), ["record-list", "record-card"]),
        pytest.param(120, ("enter", "enter"), ["record-list", "record-card"], marks=pytest.mark.slow),
        (160, (), ["strategy-list", "record-list", "record-card"]),
        pytest.param(200, ("enter", "enter"), ["strategy-list", "record-list", "record-card"], marks=pytest.mark.slow),
    ],
)
async def test_as_many_views_as_the_width_holds(width: int, keys: tuple[str, ...], views: list[str]) -> None:
    async with shown(ScriptedLink(snapshot()), "2", *keys, size=(width, 24)) as (app, pilot):
        assert list(titles(app)) == views
        await press(pilot, *["escape"] * len(keys))
        assert next(iter(titles(app))) == "strategy-list"


async def test_one_click_selects_and_two_open() -> None:
    async with shown(ScriptedLink(snapshot()), "2") as (app, pilot):
        line = next(number for number, line in enumerate(lines(app)) if "双低轮动 20 v2" in line)
        await pilot.click(offset=(6, line))
        await settle(pilot)
        assert app.query_one("#strategy-list-table", LiveTable).cursor_key == "2"
        assert list(titles(app)) == ["strategy-list"]
        await pilot.click(offset=(6, line), times=2)
        await until(pilot, lambda: titles(app) == {"record-list": "双低轮动 20 v2"})


async def test_a_click_on_a_column_s_head_sorts_by_it() -> None:
    async with shown(ScriptedLink(snapshot()), "2", "enter") as (app, pilot):
        line = next(number for number, line in enumerate(lines(app)) if "Sharpe" in line)
        await pilot.click(offset=(lines(app)[line].index("Sharpe") + 1, line))
        await settle(pilot)
        await until(pilot, lambda: record_keys(app)[0] == "34")


async def test_the_strategy_in_use_is_under_the_cursor_at_first() -> None:
    link = ScriptedLink(snapshot(followed=Followed(3, 13, "低溢价 10 v3")))
    async with shown(link, "2", size=LARGE) as (app, pilot):
        await until(pilot, lambda: record_keys(app) != [])
        assert titles(app)["record-list"] == "低溢价 10 v3"
        assert titles(app)["record-card"] == "Record 13"
        await press(pilot, "down", "up")
        assert titles(app)["record-card"] == "Record 13"


async def test_another_user_sees_nothing_of_the_former_one() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "2", "enter", "space", size=LARGE) as (app, pilot):
        link.replies[ListStrategies] = Done(Page((Strategy(7, "hers", "", 1, ""),), 1, 20, 1, 1))
        await change(app, pilot, link, platform_user="bob")
        await until(pilot, lambda: titles(app)["record-list"] == "hers")
        assert "双低轮动 10 v1" not in flat(app)
        assert not app.query_one(StrategiesPane)._marked


async def test_strategy_under_the_cursor_is_shown_in_full() -> None:
    long = "Double-low, half a year or more, AA- or better, price below 130 and nothing else at all"
    link = ScriptedLink(snapshot())
    listed = Strategy(1, long, "Holds the lowest\nprice + premium.", 25, "2026-01-02")
    link.replies[ListStrategies] = Done(Page((listed,), 1, 20, 1, 1))
    async with shown(link, "2") as (app, _):
        assert f"{long} Holds the lowest price + premium." in flat(app)


async def test_a_name_that_the_list_shows_whole_is_not_repeated_and_no_row_moves_with_the_cursor() -> None:
    link = ScriptedLink(snapshot())
    listed = (Strategy(1, "Low premium", "", 25, "2026-01-02"), Strategy(2, "Low price", "Below 110.", 3, "2026-01-02"))
    link.replies[ListStrategies] = Done(Page(listed, 1, 20, 2, 2))
    async with shown(link, "2") as (app, pilot):
        below = app.query_one("#strategy-list .detail", TextBlock)
        assert (below.display, below.text, below.size.height) == (True, "", 1)
        await press(pilot, "down")
        assert (below.display, below.text, below.size.height) == (True, "Below 110.", 1)
        link.replies[ListStrategies] = Done(Page(listed[:1], 1, 20, 1, 1))
        await press(pilot, "r")
        assert not below.display


async def test_reload_asks_again_for_what_has_the_focus() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "2", "enter", "enter") as (app, pilot):
        before: list[Command[Any]] = list(link.sent)
        await press(pilot, "r")
        again = link.sent[len(before) :]
        assert {type(each) for each in again} == {ShowRecord, ShowDetail}
        await press(pilot, "escape", "escape", "r")
        sofar = len(before) + len(again)
        await until(pilot, lambda: {ListStrategies, ListRecords} <= {type(each) for each in link.sent[sofar:]})
        assert titles(app) == {"strategy-list": "Strategies"}
