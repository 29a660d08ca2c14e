"""What Plan, Positions and Orders say while they have no rows."""

import pytest

from core.model.known import Known, Unknown
from tests.tui.samples import snapshot
from tests.tui.screen import SMALL, change, flat, press, shown
from tests.tui.scripted import ScriptedLink


async def test_without_a_plan_the_screen_says_what_one_is_and_what_it_would_work_with() -> None:
    async with shown(ScriptedLink(snapshot()), "3", size=SMALL) as (app, pilot):
        for item in (
            "No plan yet. A plan says what a rebalance would sell, buy and keep now",
            "r make a plan now",
            "2 choose another strategy",
            "Up next rebalance 14:50 in 28s",
            "Strategy 双低轮动 10",
            "Cash 312,000.10 CNY",
            "Positions 5 of 6 ours",
        ):
            assert item in flat(app), item
        await press(pilot, "r")
        assert "No plan yet" not in flat(app)
        assert "127056.SZ" in flat(app)


async def test_what_is_not_known_is_not_shown_as_none() -> None:
    unknown = Unknown("not read yet")
    link = ScriptedLink(snapshot(asset=unknown, followed=None, jobs=()))
    async with shown(link, "3") as (app, pilot):
        for item in ("Money not known: not read yet", "Strategy none chosen: press 2", "Up next nothing scheduled"):
            assert item in flat(app), item
        await change(app, pilot, link, asset=snapshot().asset, positions=unknown)
        assert "Positions not known: not read yet" in flat(app)
        await change(app, pilot, link, positions=Known(()))
        assert "Positions none" in flat(app)
        await press(pilot, "4")
        assert "The account holds nothing." in flat(app)
        await change(app, pilot, link, positions=unknown)
        assert "holds nothing" not in flat(app)
        assert "The positions are not known: not read yet" in flat(app)


@pytest.mark.parametrize("pane", ["4", "5"])
async def test_rows_take_the_place_of_the_sentences(pane: str) -> None:
    link = ScriptedLink(snapshot(positions=Known(()), orders=()))
    async with shown(link, pane) as (app, pilot):
        assert "3 to the plan: r makes one, e executes it" in flat(app)
        await change(app, pilot, link, positions=snapshot().positions, orders=snapshot().orders)
        assert "to the plan" not in flat(app)
        assert "127056" in flat(app)


async def test_a_search_without_a_match_does_not_say_that_there_is_nothing() -> None:
    async with shown(ScriptedLink(snapshot()), "4", "slash", *"nosuch", "enter") as (app, _):
        assert "No row contains 'nosuch'." in flat(app)
        assert "holds nothing" not in flat(app)
