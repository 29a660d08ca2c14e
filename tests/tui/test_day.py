"""What comes next, what was missed, what wants attention, and what leaving would end."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.model.command import Failed, Flatten, ReadEquity
from core.model.snapshot import Event, Health, Job, Level, MissedRun, Need, StopsSummary
from tests.tui.samples import NOW, SHANGHAI, blocked, rebalance, snapshot
from tests.tui.screen import LARGE, SMALL, change, flat, lines, press, resize, settle, shown, strike, text, until
from tests.tui.scripted import ScriptedLink
from tui import format as fmt
from tui.app import RotorApp
from tui.widgets.panel import TextPanel

MISSED = MissedRun(
    "rebalance", NOW - timedelta(minutes=12), "rotor was not running", "the list of 2026-05-06 is still good: 8 bonds"
)
NOTICES = tuple(f"notice number {number} wants to be read" for number in range(1, 5))
ALERTS_FROM = 2
SIZES = pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)])


def alerts(app: RotorApp) -> list[str]:
    """The lines between the header and the screen."""
    height = app.query_one("#alert-bar").outer_size.height if app.query_one("#alert-bar").display else 0
    return [line.strip() for line in lines(app)[ALERTS_FROM : ALERTS_FROM + height]]


def test_durations_do_not_look_like_times_of_day() -> None:
    seconds = (-5, 0, 0.4, 28, 59, 60, 725, 3599, 3600, 11100, 86400, 172800, 400000)
    assert [fmt.countdown(count) for count in seconds] == [
        *("due now", "due now", "due now", "in 28s", "in 59s", "in 1m00s", "in 12m05s", "in 59m59s"),
        *("in 1h00m", "in 3h05m", "in 24h00m", "in 2d", "in 4d"),
    ]
    assert [fmt.ago(count) for count in (-3, 40, 725, 11100, 86400, 200000)] == [
        *("0 s ago", "40 s ago", "12 min ago", "3 h 05 min ago", "1 day ago", "2 days ago")
    ]


def test_another_day_is_named() -> None:
    assert fmt.moment(NOW, NOW) == "14:49"
    assert fmt.moment(NOW + timedelta(days=1), NOW) == "Thu 05-07 14:49"
    assert fmt.moment(datetime(2026, 5, 18, 6, 50, tzinfo=SHANGHAI), NOW) == "Mon 05-18 06:50"


NEXT_JOBS = [
    (NOW + timedelta(seconds=28), "-> 14:50", "next rebalance 14:50 in 28s"),
    (NOW + timedelta(minutes=5), "-> 14:54", "next rebalance 14:54 in 5m00s"),
    (NOW - timedelta(seconds=3), "-> 14:49", "next rebalance 14:49 due now"),
    (
        NOW.replace(hour=18),
        "-> 18:49",
        "next rebalance 18:49 in 4h00m",
    ),
    (
        datetime(2026, 5, 18, 14, 50, tzinfo=SHANGHAI),
        "-> 05-18 14:50",
        "next rebalance Mon 05-18 14:50 in 12d",
    ),
]


async def test_next_job_stands_in_the_header() -> None:
    link = ScriptedLink(snapshot(jobs=()))
    async with shown(link) as (app, pilot):
        for at, small, _ in NEXT_JOBS:
            await change(app, pilot, link, jobs=(Job("rebalance", at),))
            assert lines(app)[0].rstrip().endswith(f" {small}")
        await resize(pilot, LARGE)
        for at, _, large in NEXT_JOBS:
            await change(app, pilot, link, jobs=(Job("rebalance", at),))
            assert lines(app)[0].rstrip().endswith(f" {large}")
        await resize(pilot, (40, 10))
        for at, _, _ in NEXT_JOBS:
            await change(app, pilot, link, jobs=(Job("rebalance", at),))
            assert "14:49:32" in lines(app)[0]


async def test_the_countdown_is_dropped_first_in_a_narrow_header() -> None:
    link = ScriptedLink(snapshot(jobs=(Job("refill", NOW + timedelta(minutes=5)),), orders=(), events=()))
    async with shown(link, size=(110, 24)) as (app, pilot):
        assert lines(app)[0].rstrip().endswith("next refill 14:54 in 5m00s")
        await pilot.resize_terminal(90, 24)
        await settle(pilot)
        assert lines(app)[0].rstrip().endswith(" next refill 14:54")


async def test_nothing_scheduled() -> None:
    async with shown(ScriptedLink(snapshot(jobs=()))) as (app, _):
        assert "next" not in lines(app)[0]
        assert "Up next nothing scheduled" in flat(app)


@SIZES
async def test_healthy_clock_disk_and_engine_are_not_in_the_header(size: tuple[int, int]) -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, size=size) as (app, pilot):
        assert not {"clock", "disk", "engine"} & set(lines(app)[0].split())
        links = app.query(".links").first(TextPanel)
        for item in ("broker", "quotes", "FactorCat", "clock", "+0.2s", "disk", "41 GB", "engine"):
            assert item in links.text
        assert app.snapshot is not None
        *others, disk, engine = app.snapshot.health
        full = replace(disk, level=Level.ERROR, text="full")
        link.change(health=(*others, full, engine), controls=("halted",))
        await until(pilot, lambda: "! disk full" in lines(app)[0])
        assert "HALTED" in lines(app)[0]
        assert "! full" in links.text


async def test_a_narrow_header_keeps_an_error_before_a_warning() -> None:
    health = (
        Health("clock", Level.WARNING, "4.2s behind real", NOW),
        Health("disk", Level.ERROR, "full: 0 bytes", NOW),
    )
    async with shown(ScriptedLink(snapshot(mode="live", health=health, controls=("halted",))), size=(60, 24)) as (
        app,
        _,
    ):
        assert "! disk full: 0 bytes" in lines(app)[0]
        assert "clock" not in lines(app)[0]


@SIZES
async def test_halt_missed_run_and_notices_are_in_order(size: tuple[int, int]) -> None:
    link = ScriptedLink(snapshot(controls=("halted",), missed=MISSED, notices=NOTICES))
    async with shown(link, "4", size=size) as (app, pilot):
        halted, missed, first, second = alerts(app)
        assert halted == "HALTED   orders are blocked, stops included  press R on Home to resume"
        assert missed.startswith("MISSED RUN  rebalance of 14:37, 12 min ago: rotor was not")
        assert missed.endswith("(1, then m or d)" if size == SMALL else "on Home: m shows the plan, d drops it")
        assert first == f"!  {NOTICES[0]}"
        assert second == f"!  {NOTICES[1]}  (+2 more on Home)"
        await press(pilot, "1")
        for item in (*NOTICES, "The list of 2026-05-06 is still good: 8 bonds.", "m makes the plan now"):
            assert item in flat(app)


@SIZES
async def test_the_alert_bar_has_at_most_four_lines_and_counts_the_rest(size: tuple[int, int]) -> None:
    reasons = ("the ledger differs from the broker " * 12, "no redemption table")
    link = ScriptedLink(
        snapshot(
            mode="live",
            blockers=blocked(*reasons),
            needs=(Need.CONSENT,),
            controls=("halted",),
            missed=MISSED,
            notices=NOTICES,
        )
    )
    async with shown(link, "4", size=size) as (app, pilot):
        off, halted, needs, missed = alerts(app)
        assert off.startswith("TRADING OFF   the ledger differs")
        assert off.endswith("~  (+1 more on Home)")
        assert needs.startswith("NO LIVE ORDERS YET")
        assert halted.startswith("HALTED")
        assert missed.startswith("MISSED RUN")
        assert missed.endswith("(+4 more on Home)")
        assert "113052.SH" in flat(app)
        link.change(controls=(), missed=None, notices=(), needs=())
        await until(pilot, lambda: not any("HALTED" in line for line in alerts(app)))
        assert len(alerts(app)) <= 4
        assert "(+1 more on Home)" in alerts(app)[-1]
        await pilot.resize_terminal(40, 10)
        await settle(pilot)
        assert len(alerts(app)) == 1


async def test_a_single_alert_may_use_all_lines() -> None:
    async with shown(ScriptedLink(snapshot(missed=MISSED)), "4") as (app, _):
        both = " ".join(alerts(app))
        assert "rotor was not running. The list of 2026-05-06 is still good: 8 bonds." in both
        assert both.endswith("on Home: m shows the plan, d drops it")
        assert len(alerts(app)) == 2


@pytest.mark.parametrize(
    ("part", "count", "last"), [("#home-top", 12, "notice number 12"), ("#home-left", 0, "engine ok")]
)
async def test_what_does_not_fit_on_home_scrolls(part: str, count: int, last: str) -> None:
    notices = tuple(f"notice number {number + 1} wants to be read" for number in range(count))
    link = ScriptedLink(snapshot(controls=("halted",), missed=MISSED, notices=notices))
    async with shown(link) as (app, pilot):
        assert last not in flat(app)
        assert "Events" in flat(app)
        scrolled = app.query_one(part)
        scrolled.focus()
        await press(pilot, *["down"] * 24)
        await until(pilot, lambda: scrolled.scroll_offset.y == scrolled.max_scroll_y > 0)
        assert last in flat(app)


@pytest.mark.parametrize(
    "size", [(120, 30), *(pytest.param(size, marks=pytest.mark.slow) for size in (LARGE, (200, 60)))]
)
async def test_no_column_of_home_is_empty_or_cut(size: tuple[int, int]) -> None:
    async with shown(ScriptedLink(snapshot()), size=size) as (app, _):
        left, right = app.query_one("#home-left"), app.query_one("#home-right")
        assert left.max_scroll_y == 0
        assert left.region.bottom == right.region.bottom == app.query_one("#home-orders").region.bottom
        assert "Connections" in flat(app) or size[1] < 40


async def test_home_says_why_there_is_no_line() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ReadEquity] = Failed("the disk is full")
    async with shown(link, size=(160, 45)) as (app, pilot):
        await until(pilot, lambda: "The equity could not be read: the disk is full" in flat(app))


STOPS = [
    (StopsSummary(12, 12), "Stops armed 12/12"),
    (StopsSummary(10, 12, "no price yet (118031.SH 天23转债)"), "armed 10/12: no price yet"),
    (StopsSummary(0, 0), "Stops nothing to guard"),
    (StopsSummary(0, 0, not_set=12), "Stops not set"),
    (None, "Stops not known yet"),
]


async def test_home_says_how_much_has_stops() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, size=LARGE) as (app, pilot):
        for stops, said in STOPS:
            await change(app, pilot, link, stops=stops)
            assert said in flat(app)


async def test_home_lists_three_jobs() -> None:
    jobs = (*snapshot().jobs, Job("refill", datetime(2026, 5, 7, 14, 55, tzinfo=SHANGHAI)))
    async with shown(ScriptedLink(snapshot(jobs=jobs)), size=LARGE) as (app, _):
        for item in ("rebalance 14:50 in 28s", "refill 14:55 in 5m28s", "rebalance Thu 05-07 14:50"):
            assert item in flat(app)
        assert "Thu 05-07 14:55" not in flat(app)


async def test_trading_controls_are_on_home_and_in_the_footer() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link) as (app, pilot):
        for item in ("b Pause", "h Halt", "R Resume", "F Flatten", "? Help", "q Quit"):
            assert item in lines(app)[-1]
        link.change(controls=("buys paused",))
        await until(pilot, lambda: "BUYS PAUSED" in lines(app)[0])
        assert "Buying is paused; sells" in flat(app)


async def test_an_error_of_a_stop_is_marked() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "1", "4") as (app, pilot):
        assert "1 Home!" not in lines(app)[1]
        stopped = Event(9, NOW, Level.ERROR, "the stop of 113052.SH is through its level and stays armed: no bid")
        link.change(events=(*snapshot().events, stopped))
        await until(pilot, lambda: "1 Home!" in lines(app)[1])


QUIET: dict[str, Any] = {"session": "closed", "jobs": (), "stops": StopsSummary(12, 12)}
TODAY, TOMORROW = Job("rebalance", NOW + timedelta(minutes=1)), Job("rebalance", NOW + timedelta(days=1))
LEAVING = [
    ({"session": "open"}, ["12 armed: none fires while rotor is closed", "Stops work only while rotor is running."]),
    ({"session": "break"}, ["12 armed: none fires while rotor is closed"]),
    (
        {"jobs": (TODAY, TOMORROW)},
        ["rebalance of 14:50 would not run", "Scheduled runs start only while rotor is running."],
    ),
    (
        {"session": "open", "jobs": (TODAY,), "rebalance": rebalance(finished=False)},
        ["A rebalance is running.", "12 armed", "rebalance of 14:50 would not run"],
    ),
]


@pytest.mark.parametrize("key", ["q", pytest.param("ctrl+q", marks=pytest.mark.slow)])
async def test_quitting_names_what_it_would_end(key: str) -> None:
    link = ScriptedLink(snapshot())
    async with shown(link) as (app, pilot):
        for changes, said in LEAVING:
            await change(app, pilot, link, **{"rebalance": None, **QUIET, **changes})
            await press(pilot, key, key)
            for item in said:
                assert item in flat(app)
            await press(pilot, "enter")
            assert app.is_running
            assert len(app.screen_stack) == 1
        await press(pilot, key, "y")
        assert not app.is_running


@pytest.mark.parametrize("changes", [{}, {"jobs": (TOMORROW,)}, {"session": "open", "stops": StopsSummary(0, 3)}])
async def test_quitting_asks_nothing_if_nothing_would_end(changes: dict[str, Any]) -> None:
    async with shown(ScriptedLink(snapshot(**{**QUIET, **changes}))) as (app, pilot):
        strike(pilot, "q")
        await until(pilot, lambda: not app.is_running)


async def test_quitting_asks_during_a_flatten() -> None:
    link = ScriptedLink(snapshot(**QUIET))
    link.replies[Flatten] = None
    async with shown(link, "F", *"flatten", "enter", "q") as (app, pilot):
        assert "just started" in flat(app)
        await press(pilot, "y")
    assert not link.open[-1][1].cancelled()


async def test_help_names_the_trading_controls() -> None:
    async with shown(ScriptedLink(snapshot()), "question_mark", size=(90, 60)) as (app, _):
        for item in (
            "type 'flatten'",
            "type 'cancel'",
            "Make the plan of the missed run now",
            "stay in force after",
        ):
            assert item in flat(app), text(app)
