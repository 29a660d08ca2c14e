"""Each screen shows its key data at 80x24 and at 160x45, in its four states."""

from decimal import Decimal

import pytest
from rich.cells import cell_len

from core.model.command import Done, Failed, ListStrategies, MakePlan, ReadLog, ShowRecord
from core.model.known import Known, Unknown
from core.model.log_page import LogPage
from core.model.platform import Page
from core.model.snapshot import Health, Level
from tests.tui import samples
from tests.tui.samples import blocked, snapshot
from tests.tui.screen import LARGE, SMALL, flat, lines, press, settle, shown, text
from tests.tui.scripted import ScriptedLink

SIZES = pytest.mark.parametrize("size", [pytest.param(SMALL, marks=pytest.mark.slow), LARGE])

KEY_DATA = {
    "home": (
        ("1",),
        [
            "双低轮动 10",
            "Strategy",
            "1,004,414.50",
            "312,000.10",
            "691,214.40",
            "rebalance 14:50",
            "broker",
            "FactorCat",
            "兴业转债 +0.94%",
            "warning",
            "立讯转债 is suspended: your 870 张",
        ],
    ),
    "strategies": (("2",), ["双低轮动 20 v2", "45 strategies"]),
    "records": (("2", "enter"), ["24 records", "+5.00%", "+12.00%", "-9.50%", "1.30"]),
    "card": (
        ("2", "enter"),
        ["Return -5.00%", "Win rate 51.0%", "+68.43%", "+25.23%", "-17.61%"],
    ),
    "plan": (
        ("3", "r"),
        [
            "Sell 1",
            "Buy 2",
            "Skipped 1",
            "Kept 2",
            "312,000.10 -> 211,234.56",
            "29.25",
            "298,596.20",
            "127056.SZ",
            "99,880.20",
            "joined the list, rank 3",
            "yours",
            "left the list",
        ],
    ),
    "positions": (
        ("4",),
        [
            "6 positions",
            "113052.SH",
            "兴业转债",
            "820",
            "121.234",
            "+2,241.88",
            "+2.31%",
            "+0.94%",
            "-1.12%",
            "112.575",
            "114.237",
            "-7.14%",
            "waits",
            "no price",
            "yours",
            "Armed 4/5",
            "1h",
            "118.500",
        ],
    ),
    "orders": (
        ("5",),
        [
            "4 orders today",
            "1 UNRESOLVED",
            "14:40:32",
            "sell",
            "part filled",
            "rejected",
            "UNKNOWN",
            "110059.SH",
            "no answer within 5 s",
            "13.05",
        ],
    ),
    "log": (("6",), ["following", "60 lines", "error", "90059 was settled as filled"]),
    "help": (("3", "question_mark"), ["Execute this plan.", "Work out what a rebalance would do now"]),
}


@SIZES
async def test_key_data(size: tuple[int, int]) -> None:
    async with shown(ScriptedLink(snapshot()), size=size) as (app, pilot):
        for name, (keys, expected) in KEY_DATA.items():
            await press(pilot, *keys)
            missing = [item for item in expected if item not in flat(app)]
            assert not missing, f"{name}: {missing} not in\n{text(app)}"
            assert all(cell_len(line) == size[0] for line in lines(app))


@SIZES
async def test_header(size: tuple[int, int]) -> None:
    async with shown(ScriptedLink(snapshot()), size=size) as (app, pilot):
        first, second = lines(app)[:2]
        for item in ("SANDBOX", "paper-1", "14:49:32", "open", "broker 2ms", "quotes 0.4s", "FactorCat ok"):
            assert item in first
        assert ("05-06" in first) is (size == LARGE)
        assert "[1 Home]" in second
        assert "5 Orders(2)" in second
        await press(pilot, "4")
        assert "[4 Positions]" in lines(app)[1]
        assert "q Quit" in lines(app)[-1]


async def test_narrow_header_keeps_what_is_wrong() -> None:
    health = (
        Health("QMT", Level.ERROR, "not connected", samples.NOW),
        Health("quotes", Level.GOOD, "0.4s", samples.NOW),
        Health("FactorCat", Level.GOOD, "ok", samples.NOW),
    )
    link = ScriptedLink(
        snapshot(mode="live", account="8880001234", session="closing call", health=health, controls=("halt",))
    )
    async with shown(link) as (app, _):
        first = lines(app)[0]
        for item in ("LIVE", "8880001234", "HALT", "! QMT not connected"):
            assert item in first


@SIZES
async def test_trading_off_is_prominent(size: tuple[int, int]) -> None:
    reasons = ("the ledger differs from the broker in 113052.SH: 820 here, 800 there", "no redemption table")
    async with shown(ScriptedLink(snapshot(blockers=blocked(*reasons))), "4", size=size) as (app, pilot):
        assert f"TRADING OFF {reasons[0]} (+1 more on Home)" in flat(app)
        await press(pilot, "1")
        assert f"- {reasons[0]} - {reasons[1]}" in flat(app)


@SIZES
async def test_unknown_is_its_reason_and_never_zero(size: tuple[int, int]) -> None:
    reason = Unknown("the broker does not answer")
    async with shown(ScriptedLink(snapshot(asset=reason, positions=reason, events=())), size=size) as (app, pilot):
        seen = flat(app)
        assert "Money not known: the broker" in seen
        assert "Positions not known either" in seen
        assert "0.00" not in seen
        await press(pilot, "4")
        seen = flat(app)
        assert "The positions are not known: the broker does not answer" in seen
        assert "0 positions" not in seen


async def test_a_missing_quote_is_not_shown_as_a_price() -> None:
    async with shown(ScriptedLink(snapshot()), "4", size=LARGE) as (app, _):
        (row,) = [line for line in lines(app) if "118031.SH" in line]
        assert row.split()[1:4] == ["118031.SH", "天23转债", "1000"]
        assert row.split()[4:8] == ["--"] * 4
        assert "no quote" in row


async def test_columns_align_behind_chinese_names() -> None:
    async with shown(ScriptedLink(snapshot()), "4") as (app, _):
        rows = [line for line in lines(app) if ".SH " in line or ".SZ " in line][:5]
        prices = [next(word for word in line.split() if _price(word)) for line in rows]
        places = {cell_len(line[: line.index(last)]) for line, last in zip(rows, prices, strict=True)}
        assert len(places) == 1


def _price(word: str) -> bool:
    return len(word) == 7 and word[3] == "." and word.replace(".", "").isdigit() and word.count(".") == 1


EMPTY = {
    "home": (("1",), "No events yet."),
    "plan": (("3",), "r make a plan now"),
    "positions": (("4",), "3 to the plan: r makes one"),
    "orders": (("5",), "3 to the plan: r makes one"),
    "strategies": (("2",), "make one on its website, then press r"),
    "log": (("6",), "Nothing was logged on this day"),
}


async def test_empty_screens_say_which_key_to_press() -> None:
    link = ScriptedLink(snapshot(events=(), orders=(), positions=Known(())))
    link.replies[ListStrategies] = Done(Page((), 1, 20, 0, 0))
    link.replies[ReadLog] = Done(LogPage(samples.TODAY, ()))
    async with shown(link) as (app, pilot):
        for name, (keys, expected) in EMPTY.items():
            await press(pilot, *keys)
            assert expected in flat(app), name


STEPS = {
    "strategies": (("2",), ListStrategies, "Loading strategies", "The strategies were not loaded: 令牌已过期 [401]"),
    "plan": (("3", "r"), MakePlan, "Making a plan", "No plan was made: 令牌已过期 [401]"),
    "log": (("6",), ReadLog, "Reading the log", "The log could not be read: 令牌已过期 [401]"),
    "record": (("2", "enter", "enter"), ShowRecord, "Loading record 11", "The record was not loaded: 令牌已过期 [401]"),
}


async def test_loading_and_failure_are_shown_in_words() -> None:
    link = ScriptedLink(snapshot())
    answers = dict(link.replies)
    async with shown(link) as (app, pilot):
        for name, (keys, command, loading, failed) in STEPS.items():
            link.replies[command] = None
            await press(pilot, *keys)
            assert loading in flat(app), name
            link.open[-1][1].set_result(Failed("令牌已过期 [401]"))
            await settle(pilot)
            assert failed in flat(app), name
            link.replies = dict(answers)


async def test_nothing_before_the_first_snapshot() -> None:
    async with shown(ScriptedLink()) as (app, pilot):
        for key in "123456":
            await press(pilot, key)
        assert "waiting for the engine" in flat(app)


@pytest.mark.parametrize("size", [pytest.param((40, 10), marks=pytest.mark.slow), (1, 1)])
async def test_any_size(size: tuple[int, int]) -> None:
    async with shown(ScriptedLink(snapshot(blockers=blocked("x" * 200))), size=LARGE) as (app, pilot):
        await pilot.resize_terminal(*size)
        await press(pilot, "1", "2", "3", "r", "e", "escape", "4", "down", "5", "enter", "escape", "6", "question_mark")
        await pilot.resize_terminal(*LARGE)
        await settle(pilot)
        assert app.is_running


async def test_wide_values_do_not_break_rows() -> None:
    row = samples.positions()[0]
    rich = tuple(
        samples.replace(row, volume=99990, cost=Decimal("12.5"), name="特别长的转债名称一二三四") for _ in range(1)
    )
    async with shown(ScriptedLink(snapshot(positions=Known(rich))), "4") as (app, _):
        assert all(cell_len(line) == 80 for line in lines(app))
