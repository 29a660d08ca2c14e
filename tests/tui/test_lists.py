"""Strategies, positions, orders and log: pages, search, sort, and what the keys send."""

from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from core.i18n import Language
from core.model.command import (
    CancelOrder,
    Done,
    Failed,
    ListRecords,
    ReadLog,
    RunStrategy,
    ShowDetail,
    ShowRecord,
)
from core.model.figures import Basis, Unit, Units
from core.model.known import Known, Unknown
from core.model.platform import Page, Record, RecordRule, TradeTiming
from core.model.record_card import ScheduleProposal
from core.model.settings import BuySettings, ScheduleSettings
from core.model.snapshot import Followed, Level
from tests.sampled import sampled
from tests.tui.pictures import STATES, posed
from tests.tui.samples import snapshot
from tests.tui.screen import flat, press, settle, shown, status_text, strike, text, until
from tests.tui.scripted import ScriptedLink
from tests.tui.strategy_samples import record_card, record_detail, records_page
from tui import app as app_module
from tui.widgets.chart import LineChart
from tui.widgets.table import LiveTable

TALL = (100, 120)
"""The whole card of a record, alone: each bond of its list takes three lines."""


@pytest.mark.parametrize(
    ("changes", "words"),
    sampled(
        [
            ({}, "Figures read as ratios (0.12 is 12%): by the values of its page"),
            (
                {"units": Units(Unit.PERCENT, Unit.PERCENT, Basis.SETTING)},
                "Figures read as percentages (12 is 12%): set by factorcat.returns",
            ),
            (
                {"units": Units(Unit.RATIO, Unit.RATIO, Basis.ASSUMED)},
                "assumed, the values fit both; if wrong, set factorcat.returns",
            ),
            (
                {"units": Units(Unit.PERCENT, Unit.RATIO, Basis.VALUES)},
                "Returns read as percentages (12 is 12%), win rate as ratios (0.12 is 12%)",
            ),
            ({"win_rate": None, "impossible": {"win_rate": 55.0}}, "no backtest can have it: win rate 55"),
        ],
        2,
    ),
)
async def test_the_card_says_how_its_figures_are_read(changes: dict[str, Any], words: str) -> None:
    link = ScriptedLink(snapshot())
    page = records_page(ListRecords(1))
    record = replace(page.items[0], **changes)
    link.replies[ListRecords] = Done(replace(page, items=(record, *page.items[1:])))
    async with shown(link, "2", "enter", "enter") as (app, _):
        assert words in flat(app)


async def test_a_record_without_figures_says_nothing_of_their_unit() -> None:
    link = ScriptedLink(snapshot())
    bare = Record(42, "", None, None, None, None, None, Units(Unit.RATIO, Unit.RATIO, Basis.ASSUMED))
    link.replies[ListRecords] = Done(Page((bare,), 1, 20, 1, 1))
    link.replies[ShowDetail] = Failed("HTTP 500")
    async with shown(link, "2", "enter", "enter") as (app, _):
        assert "Record 42" in flat(app)
        assert "read as" not in flat(app)


async def test_the_card_draws_the_curve_the_benchmark_and_the_years() -> None:
    async with shown(ScriptedLink(snapshot()), "2", "enter", "enter", size=TALL) as (app, _):
        seen = flat(app)
        for item in ("strategy +68.43%", "benchmark +25.23%", "drawdown -17.61%", "2026-04-24", "2023 from 11-03"):
            assert item in seen, item
        for item in ("2026 to 04-24", "+9.03%", "+1.13%", "held 7.0 bonds on average, 6 to 8; on 2026-04-24"):
            assert item in seen, item


async def test_the_list_and_the_parameters_follow_the_pictures() -> None:
    async with shown(ScriptedLink(snapshot()), "2", "enter", "enter", size=(80, 100)) as (app, _):
        seen = flat(app)
        places = [seen.index(item) for item in ("Yearly returns", "Today's list", "113052.SH", "stop loss ratio 0.05")]
        assert places == sorted(places)


@pytest.mark.parametrize(
    "size", [(80, 24), *(pytest.param(size, marks=pytest.mark.slow) for size in ((120, 30), (160, 45)))]
)
async def test_no_line_of_the_chart_is_cut(size: tuple[int, int]) -> None:
    async with shown(ScriptedLink(snapshot()), "2", "enter", "enter", size=size) as (app, _):
        chart = app.query_one("#record-chart", LineChart)
        assert chart.content_size.height == len(chart.text.splitlines()) >= 13
        assert max(map(cell_len, chart.text.splitlines())) <= chart.content_size.width
        assert "2026-04-24" in chart.text.splitlines()[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    sampled(
        [
            ({"equity_curve": None}, "No equity curve: the platform gives none"),
            ({"equity_curve": "x"}, "No equity curve: the platform gives it in a form that is not known"),
            ({"benchmark_equity_curve": None}, "No benchmark: the platform gives none"),
            ({"daily_positions": 3}, "No daily positions: the platform gives it in a form that is not known"),
        ],
        2,
    ),
)
async def test_a_part_that_cannot_be_drawn_says_why_and_costs_no_other(changes: dict[str, Any], words: str) -> None:
    link = ScriptedLink(snapshot())
    link.replies[ShowDetail] = Done(record_detail(**changes))
    async with shown(link, "2", "enter", "enter", size=TALL) as (app, _):
        seen = flat(app)
        assert words in seen
        assert "Today's list 8 bonds" in seen
        assert app.query_one("#record-chart").display == ("equity_curve" not in changes)
        assert ("held 7.0 bonds" in seen) == ("daily_positions" not in changes)


async def test_a_detail_that_fails_or_does_not_come_costs_its_panels_only() -> None:
    for reply, words in ((Failed("HTTP 500"), "not loaded, see Detail"), (None, "Equity curve loading")):
        link = ScriptedLink(snapshot())
        link.replies[ShowDetail] = reply
        async with shown(link, "2", "enter", "enter", size=TALL) as (app, _):
            assert words in flat(app)
            assert "Today's list 8 bonds" in flat(app)
            assert "profit target ratio" in flat(app)


async def test_figures_that_only_the_detail_has_are_shown_and_others_are_listed() -> None:
    bare = Record(42, "2026-05-01", None, None, None, None, None, Units(Unit.RATIO, Unit.RATIO, Basis.ASSUMED))
    link = ScriptedLink(snapshot())
    link.replies[ListRecords] = Done(Page((replace(bare, extra={"author": "cat"}),), 1, 20, 1, 1))
    link.replies[ShowDetail] = Done(record_detail(total_return=68.43, win_rate=61, max_drawdown=-8, note="new"))
    async with shown(link, "2", "enter", "enter", size=(160, 100)) as (app, _):
        assert link.sent_of(ShowDetail) == [ShowDetail(1, 42, bare.units)]
        seen = flat(app)
        for item in ("Return +68.43%", "Drawdown -8.00%", "Win rate 61.0%", "author cat", "note new", "sessions 119"):
            assert item in seen, item


async def test_list_that_is_missing_says_why() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ShowRecord] = lambda command: Done(record_card(command, none_because="the market is closed today"))
    async with shown(link, "2", "enter", "enter") as (app, _):
        assert "There is none: the market is closed today" in flat(app)


async def test_use_names_what_it_replaces() -> None:
    link = ScriptedLink(snapshot())
    link.replies[RunStrategy] = Done(Followed(2, 12, "双低轮动 20 v2"))
    async with shown(link, "2", "down", "enter", "down", "u") as (app, pilot):
        for item in ("双低轮动 20 v2", "12, return", "8 bonds, dated 2026-05-06", "双低轮动 10, record 11"):
            assert item in flat(app)
        await press(pilot, "enter")
        assert link.sent_of(RunStrategy) == []
        strike(pilot, "u", "u")
        await settle(pilot)
        await press(pilot, "y", "y")
        assert link.sent_of(RunStrategy) == [RunStrategy(2, 12, "双低轮动 20 v2")]
        assert "is in use" in status_text(app)


FITTING = ScheduleSettings(frequency="sessions", every=5)
PROPOSAL = ScheduleProposal(FITTING, "every 5 trading days at 14:50", "weekly at 10:00")


@pytest.mark.parametrize(("key", "schedule"), [("y", FITTING), ("k", None)])
async def test_use_proposes_the_schedule_that_fits_and_asks(key: str, schedule: ScheduleSettings | None) -> None:
    link = ScriptedLink(snapshot())
    link.replies[ShowRecord] = lambda command: Done(replace(record_card(command), proposal=PROPOSAL))
    link.replies[RunStrategy] = Done(Followed(2, 12, "双低轮动 20 v2"))
    async with shown(link, "2", "down", "enter", "down", "u") as (app, pilot):
        for item in (
            "every 5 trading days, 10 bonds, at the close",
            "[y] Yes, and change the schedule: every 5 trading days at 14:50",
            "[k] Yes, and keep",
            "weekly",
        ):
            assert item in flat(app)
        await press(pilot, "enter")
        assert link.sent_of(RunStrategy) == []
        await press(pilot, "u", key)
        assert link.sent_of(RunStrategy) == [RunStrategy(2, 12, "双低轮动 20 v2", schedule)]


async def test_a_record_without_parameters_is_not_used() -> None:
    link = ScriptedLink(snapshot())
    away = Unknown("the platform is away")
    link.replies[ShowRecord] = lambda command: Done(replace(record_card(command), parameters=away))
    async with shown(link, "2", "enter", "u") as (app, pilot):
        await press(pilot, "y")
        assert link.sent_of(RunStrategy) == []
        assert "cannot be used: the platform is away" in flat(app)


async def test_a_detail_that_fails_or_is_slow_costs_its_own_panel_only() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ShowDetail] = None
    async with shown(link, "2", "enter", "enter", size=TALL) as (app, pilot):
        for item in ("every 5 trading days", "profit target ratio", "Detail loading"):
            assert item in flat(app)
        link.open[-1][1].set_result(Failed("HTTP 500"))
        await settle(pilot)
        assert "Detail not loaded: HTTP 500" in flat(app)
        assert "profit target ratio" in flat(app)


async def test_a_record_whose_rule_the_schedule_does_not_follow_says_so() -> None:
    link = ScriptedLink(snapshot())
    rule = RecordRule(
        Known(5), Unknown("the record does not say its top n (top_n)"), Known(TradeTiming.OPEN), Known(True)
    )
    card = {"rule": rule, "proposal": PROPOSAL}
    link.replies[ShowRecord] = lambda command: Done(replace(record_card(command), **card))
    async with shown(link, "2", "enter", "enter", size=(100, 100)) as (app, _):
        for item in ("at the next open", "does not say its top n (top_n)", "its list may be empty", "weekly at 10:00"):
            assert item in flat(app)


async def test_use_says_what_a_rebalance_would_change() -> None:
    async with shown(ScriptedLink(snapshot()), "2", "enter", "u") as (app, _):
        seen = flat(app)
        assert "Would sell 0 bonds" in seen
        assert "Would buy 3 bonds" in seen
        assert "Would keep 5 bonds" in seen


@pytest.mark.parametrize(
    ("buy", "sells", "buys", "keeps"),
    [
        (BuySettings(top=4), 2, 1, 3),
        (BuySettings(top=4, hold_band=1), 1, 0, 4),
        (BuySettings(top=4, hold_band=9), 0, 0, 5),
    ],
)
async def test_use_counts_by_the_bonds_to_hold_and_the_band(
    buy: BuySettings, sells: int, buys: int, keeps: int
) -> None:
    link = ScriptedLink(snapshot())
    link.replies[ShowRecord] = lambda command: Done(replace(record_card(command), buy=buy))
    async with shown(link, "2", "enter", "u") as (app, _):
        for words, count in (("Would sell", sells), ("Would buy", buys), ("Would keep", keeps)):
            assert f"{words} {count} bond" in flat(app)


async def test_the_details_show_market_data_of_each_listed_bond() -> None:
    async with shown(ScriptedLink(snapshot()), "2", "enter", "enter", size=TALL) as (app, _):
        seen = flat(app)
        assert "1 113052.SH 兴业转债 121.734 0s 121.234" in seen
        assert "suspended, last traded at 115.480" in seen


async def test_a_failed_change_of_strategy_shows_a_sentence() -> None:
    link = ScriptedLink(snapshot())
    link.replies[RunStrategy] = Failed("the settings file is read-only")
    async with shown(link, "2", "enter", "u", "y") as (app, _):
        assert "The strategy was not changed: the settings file is read-only" in status_text(app)


async def test_cancel_asks_first_and_shows_the_result() -> None:
    link = ScriptedLink(snapshot())
    link.replies[CancelOrder] = Done("cancelled")
    async with shown(link, "5", "x") as (app, pilot):
        assert "It is not known yet whether this order is live" in status_text(app)
        await press(pilot, "down", "x")
        assert "This order is rejected: there is nothing to cancel." in status_text(app)
        await press(pilot, "down", "x", "enter")
        assert link.sent_of(CancelOrder) == []
        await press(pilot, "x", "y")
        assert link.sent_of(CancelOrder) == [CancelOrder("r260506-0002")]
        assert "110059.SH 浦发转债: cancelled." in status_text(app)


async def test_order_history() -> None:
    async with shown(ScriptedLink(snapshot()), "5", "down", "enter") as (app, pilot):
        for item in (
            "r260506-0003",
            "[61203] 委托价格超出涨跌停限制",
            "left the list of 2026-05-06",
            "taken as order 90001",
        ):
            assert item in flat(app)
        await press(pilot, "escape")
        assert len(app.screen_stack) == 1


async def test_filter_positions() -> None:
    async with shown(ScriptedLink(snapshot()), "4", "slash", *"suspended", "enter") as (app, pilot):
        assert "128136.SZ" in text(app)
        assert "113052.SH" not in text(app)
        await press(pilot, "escape")
        assert "113052.SH" in text(app)


async def test_log_follows_filters_and_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "_TICK_SECONDS", 0.1)
    link = ScriptedLink(snapshot())
    async with shown(link, "6") as (app, pilot):
        await until(pilot, lambda: len(link.sent_of(ReadLog)) >= 2)
        assert "90059 was settled as filled" in flat(app) and "cancellin" in flat(app)
        await press(pilot, "up")
        assert "paused" in flat(app)
        await press(pilot, "f", "l")
        assert link.sent_of(ReadLog)[-1] == ReadLog(limit=500, minimum=Level.WARNING)
        assert "cancellin" not in flat(app)
        await press(pilot, "1")
        count = len(link.sent_of(ReadLog))
        await pilot.pause(0.4)
        assert len(link.sent_of(ReadLog)) == count


@pytest.mark.parametrize(
    ("language", "width"),
    [
        pytest.param(language, width, marks=() if (language, width) in {("en", 80), ("zh", 120)} else pytest.mark.slow)
        for language in ("en", "zh")
        for width in (80, 100, 120, 160)
    ],
)
@pytest.mark.parametrize(("screen", "table"), [("4", "positions-table"), ("5", "orders-table")])
async def test_no_head_moves_when_rows_are_sorted(language: Language, width: int, screen: str, table: str) -> None:
    async with posed(language, (width, 24), STATES["normal"]) as (app, pilot):
        await press(pilot, screen)
        heads = app.query_one(f"#{table}", LiveTable)
        before, sorted_by = heads.render_line(0).text, 0
        for _ in heads.column_layout.slots:
            await press(pilot, "o")
            after = heads.render_line(0).text
            changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
            assert changed in ([(" ", "^")], [(" ", "v")]), after
            sorted_by += 1
        await press(pilot, "o")
        assert sorted_by > 5
        assert heads.render_line(0).text == before
