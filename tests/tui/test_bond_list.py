"""The day line below the rows of Plan, Positions and Orders: of which bond, and when there is room for it."""

from dataclasses import replace

import pytest

from core.model.command import Failed, ReadDayLine
from core.model.known import Known
from core.model.snapshot import Snapshot
from tests.tui.samples import code, plan, positions, snapshot
from tests.tui.screen import change, press, resize, shown, text, until
from tests.tui.scripted import ScriptedLink
from tui.app import RotorApp
from tui.screens.bond_list import DayLineChart
from tui.widgets.panel import TextPanel


def chart(app: RotorApp, pane: str = "positions") -> DayLineChart:
    return app.query_one(f"#{pane}-day-line", DayLineChart)


def many(count: int) -> Snapshot:
    """So many holdings."""
    row = positions()[0]
    return snapshot(positions=Known(tuple(replace(row, code=type(row.code)(f"11{at:04}")) for at in range(count))))


@pytest.mark.parametrize(
    "size", [(120, 30), *(pytest.param(size, marks=pytest.mark.slow) for size in ((160, 45), (200, 60)))]
)
async def test_the_day_of_the_bond_under_the_cursor_is_drawn(size: tuple[int, int]) -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4", size=size) as (app, pilot):
        await until(pilot, lambda: "113052.SH 兴业转债  Intraday" in text(app))
        await press(pilot, "down")
        assert "113052.SH 兴业转债  Intraday" not in text(app)  # nothing of the bond before it
        await until(pilot, lambda: "127056.SZ 中特转债  Intraday" in text(app))
        assert [sent.code for sent in link.sent_of(ReadDayLine)][-1] == code(1)


async def test_the_cursor_asks_only_where_it_rests() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4", size=(160, 45)) as (app, pilot):
        await until(pilot, lambda: "Intraday  2026" in text(app))
        await press(pilot, "down", "down", "down")
        await until(pilot, lambda: "温氏转债  Intraday" in text(app))
        assert len({sent.code for sent in link.sent_of(ReadDayLine)}) <= 4


async def test_an_order_has_its_limit_in_the_chart() -> None:
    async with shown(ScriptedLink(snapshot()), "5", size=(160, 45)) as (app, pilot):
        await until(pilot, lambda: "128136.SZ 立讯转债  Intraday" in text(app))
        assert "limit 115.480" in text(app)


async def test_a_plan_has_the_price_of_its_order_in_the_chart_and_none_of_what_is_kept() -> None:
    async with shown(ScriptedLink(snapshot(plan=plan())), "3", size=(160, 45)) as (app, pilot):
        await until(pilot, lambda: "127056.SZ 中特转债  Intraday" in text(app))
        assert "limit 118.905" in text(app)
        await press(pilot, "end")
        await until(pilot, lambda: "温氏转债  Intraday" in text(app))
        assert "limit" not in text(app)


async def test_orders_of_a_past_day_have_no_line_of_today() -> None:
    async with shown(ScriptedLink(snapshot()), "5", size=(160, 45)) as (app, pilot):
        await until(pilot, lambda: chart(app, "orders").display)
        await press(pilot, "left_square_bracket")
        await until(pilot, lambda: not chart(app, "orders").display)


async def test_a_line_that_is_refused_says_why() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ReadDayLine] = Failed("the disk is full")
    async with shown(link, "4", size=(160, 45)) as (app, pilot):
        await until(pilot, lambda: "The prices could not be read: the disk is full" in text(app))


async def test_the_rows_come_before_the_chart() -> None:
    link = ScriptedLink(many(10))
    async with shown(link, "4", size=(160, 45)) as (app, pilot):
        await until(pilot, lambda: chart(app).display)
        high = chart(app).size.height
        await change(app, pilot, link, positions=many(20).positions)
        await until(pilot, lambda: 0 < chart(app).size.height == high - 10)
        await change(app, pilot, link, positions=many(200).positions)
        await until(pilot, lambda: not chart(app).display)


@pytest.mark.parametrize(("key", "pane"), [("3", "plan"), ("4", "positions"), ("5", "orders")])
async def test_the_line_is_asked_for_every_ten_seconds(key: str, pane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown(ScriptedLink(snapshot(plan=plan())), key, size=(160, 45)) as (app, _):
        asked: list[int] = []
        monkeypatch.setattr(chart(app, pane), "load", lambda: asked.append(1))
        for _ in range(10):
            app.pane.tick()
        assert asked == [1]


async def test_a_small_terminal_has_no_chart() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4") as (app, pilot):
        assert not chart(app).display
        assert link.sent_of(ReadDayLine) == []
        await resize(pilot, (160, 45))
        await until(pilot, lambda: "Intraday  2026" in text(app))
        await resize(pilot, (80, 24))
        await until(pilot, lambda: not chart(app).display)


@pytest.mark.parametrize(("size", "is_shown"), [((160, 45), True), ((120, 30), False)])
async def test_home_lists_the_holdings_nearest_to_a_stop(size: tuple[int, int], *, is_shown: bool) -> None:
    async with shown(ScriptedLink(snapshot()), "1", size=size) as (app, _):
        near = app.query_one("#home-near", TextPanel)
        assert near.display is is_shown
        names = [line.split()[0] for line in near.text.split("\n")]
        assert names == ["中特转债", "立讯转债", "浦发转债", "兴业转债", "天23转债"]
        assert near.text.split("\n")[-1].endswith("no price")
