"""Pause, halt, resume, cancel all, flatten, and the missed run: asked, sent once, refused with a reason, told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.i18n import use_language
from core.model.command import (
    Cancelled,
    CancelWorking,
    Command,
    Done,
    DropMissed,
    ExecutePlan,
    Failed,
    Flatten,
    Halt,
    MakePlan,
    PauseBuys,
    Resume,
)
from core.model.known import Known, Unknown
from core.model.order import OrderState, Origin, Side
from core.model.snapshot import LegProgress, MissedRun, Rebalance, Snapshot
from tests.sampled import sampled
from tests.tui import samples
from tests.tui.samples import NOW, order, rebalance, snapshot
from tests.tui.screen import LARGE, SMALL, flat, lines, press, settle, shown, status_text, strike, until
from tests.tui.scripted import ScriptedLink
from tui import app as app_module
from tui.widgets.bars import StatusBar
from tui.widgets.panel import TextPanel

TINY = (40, 10)
MISSED = MissedRun(
    "rebalance", NOW - timedelta(minutes=12), "rotor was not running", "the list of 2026-05-06 is still good: 8 bonds"
)


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    use_language("en")


def day(**changes: Any) -> Snapshot:
    """Everything can be asked for."""
    return snapshot(**{"controls": ("buys paused",), "missed": MISSED, **changes})


def flattened(*filled: int, unresolved: tuple[str, ...] = (), finished: bool = True) -> Rebalance:
    legs = tuple(
        LegProgress(
            *(Side.SELL, samples.code(number), samples.name(number), 100, samples.last(number), "flatten", "done"),
            *(f"f-{number}", volume, Decimal("100.00") if volume else None),
        )
        for number, volume in enumerate(filled)
    )
    return Rebalance("f-1", NOW, NOW if finished else None, "ended", legs, unresolved, None, Origin.FLATTEN)


CONFIRMED: dict[str, tuple[str, Command[Any], Snapshot]] = {
    "pause": ("b", PauseBuys(), day(controls=())),
    "halt": ("h", Halt(), day()),
    "resume": ("R", Resume(), day()),
    "drop": ("d", DropMissed(), day()),
}
TYPED: dict[str, tuple[str, str, Command[Any]]] = {
    "cancel": ("x", "cancel", CancelWorking()),
    "flatten": ("F", "flatten", Flatten()),
}


@pytest.mark.parametrize("name", sampled(CONFIRMED, 2))
async def test_a_trading_control_asks_first_and_is_sent_once(name: str) -> None:
    key, command, picture = CONFIRMED[name]
    link = ScriptedLink(picture)
    link.replies[type(command)] = None
    async with shown(link) as (app, pilot):
        for answer in ("enter", "escape", "n"):
            await press(pilot, key, answer)
            assert len(app.screen_stack) == 1
        assert link.sent_of(type(command)) == []
        strike(pilot, key, key)
        await settle(pilot)
        strike(pilot, "y", "y", key, "y")
        await settle(pilot)
        assert link.sent_of(type(command)) == [command]
        await press(pilot, key)
        assert "This was already asked for" in status_text(app)
        link.open[-1][1].set_result(Done(None))
        await until(pilot, lambda: "This was already asked for" not in status_text(app))
        await press(pilot, key, "y")
        assert link.sent_of(type(command)) == [command] * 2, "answered: it may be asked for again"


@pytest.mark.parametrize("name", CONFIRMED)
async def test_a_failed_trading_control_shows_the_whole_error(name: str) -> None:
    key, command, picture = CONFIRMED[name]
    link = ScriptedLink(picture)
    link.replies[type(command)] = Failed("the database is locked by pid 4711: close the other rotor first")
    async with shown(link, key, "y") as (app, _):
        assert "the database is locked by pid 4711: close the other rotor first" in status_text(app)
        assert "not" in status_text(app).lower()


async def test_questions_say_what_continues_and_what_stops() -> None:
    link = ScriptedLink(day(controls=(), mode="live", account="8880001"))
    async with shown(link, "b") as (app, pilot):
        for item in (
            "LIVE (real money)",
            "8880001",
            "any buy",
            "take-profit and stop-loss included",
            "1 order stays and may",
        ):
            assert item in flat(app)
        await press(pilot, "escape", "h")
        for item in (
            "any new order",
            "no stop fires, the 4 armed ones included",
            "1 order stays and may",
            "a restart",
        ):
            assert item in flat(app)
        link.change(controls=("halted",))
        await press(pilot, "escape")
        await until(pilot, lambda: "HALTED" in lines(app)[0])
        await press(pilot, "R")
        assert "the halt" in flat(app)
        assert "a bond beyond its trigger price is sold at once" in flat(app)


@pytest.mark.parametrize(("name", "size"), [("cancel", SMALL), ("flatten", TINY)])
async def test_large_actions_need_a_typed_word(name: str, size: tuple[int, int]) -> None:
    key, word, command = TYPED[name]
    link = ScriptedLink(day())
    link.replies[type(command)] = None
    async with shown(link, size=size) as (app, pilot):
        await press(pilot, key, *word, "escape")
        assert len(app.screen_stack) == 1
        for wrong in ("y", "", word[:-1], word.upper(), f"{word}s"):
            await press(pilot, key, *wrong, "enter")
            assert f"That is not '{word}': nothing was" in flat(app), wrong
            await press(pilot, "escape")
        assert link.sent_of(type(command)) == []
        strike(pilot, key, key)
        await settle(pilot)
        await press(pilot, *["backspace"] * 3)
        strike(pilot, *word, "enter", "enter")
        await settle(pilot)
        assert link.sent_of(type(command)) == [command]
        await press(pilot, "escape")  # the second enter has opened the event under the cursor, as it would later
        assert len(app.screen_stack) == 1
        await press(pilot, key)
        assert "This was already asked for" in status_text(app)


@pytest.mark.parametrize(
    ("name", "word"), [pytest.param("cancel", "撤单", marks=pytest.mark.slow), ("flatten", "清仓")]
)
async def test_the_word_is_asked_for_in_chinese_and_taken_in_english_too(name: str, word: str) -> None:
    key, english, command = TYPED[name]
    for entered, sent in ((word, 1), (english, 1), (word[:1], 0), ("我同意", 0)):
        link = ScriptedLink(day(language="zh"))
        link.replies[type(command)] = None
        async with shown(link, key, *entered, "enter") as (app, pilot):
            if not sent:
                assert f"这不是「{word}」" in flat(app)
                await press(pilot, "escape", key)
                assert f"输入「{word}」" in flat(app)
            assert len(link.sent_of(type(command))) == sent, entered


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("drop", "flatten") else pytest.mark.slow)
        for name in [*CONFIRMED, *TYPED]
    ],
)
async def test_every_question_fits_a_tiny_screen(name: str) -> None:
    key, _, picture = CONFIRMED[name] if name in CONFIRMED else (TYPED[name][0], "", day())
    async with shown(ScriptedLink(replace(picture, mode="live", account="8880001")), key, size=TINY) as (app, pilot):
        for scroll, item in (("up", "Dropped" if name == "drop" else "8880001"), ("down", "go back")):
            for _ in range(60):
                if item not in flat(app):
                    await press(pilot, scroll)
            assert item in flat(app)


async def test_flatten_names_the_amount() -> None:
    async with shown(ScriptedLink(day(mode="live", account="8880001")), "F") as (app, _):
        seen = flat(app)
        for item in (
            "LIVE (real money)",
            "5 bonds held by the strategy, 4130 张",
            "365,681.68 CNY (4 of 5 known)",
            "+2,591.68 CNY (4 of 5 known)",
            "1 open order, first",
            "your own bonds (2 holdings)",
            "stays HALTED, stops included, until you press R",
        ):
            assert item in seen


async def test_cancel_all_names_open_and_unknown_orders() -> None:
    async with shown(ScriptedLink(day()), "x") as (app, _):
        for item in ("1 order", "1, 57,132.40 CNY not filled yet", "1 order: looked up, not cancelled"):
            assert item in flat(app)


OUTCOMES = [
    ("cancel", Done(Cancelled(("a", "b"), ())), "2 orders cancelled, all confirmed."),
    ("cancel", Done(Cancelled((), ())), "No open orders."),
    ("cancel", Done(Cancelled(("a",), ("b",))), "1 of 2 orders cancelled; 1 not confirmed and may still fill"),
    ("cancel", Failed("the broker is away", refused=True), "Not cancelled: the broker is away"),
    ("cancel", Failed("the broker is away"), "The orders were not cancelled: the broker is away"),
    ("flatten", Done(flattened(100, 100)), "2 of 2 orders filled, 20,000.00 CNY before fees. Trading stays halted."),
    ("flatten", Done(flattened(100, 40)), "1 of 2 orders filled, 14,000.00 CNY before fees. 60 张 are NOT sold"),
    ("flatten", Done(flattened(100, 0, unresolved=("f-1",))), "1 order unresolved: see Orders (5). Trading stays"),
    ("flatten", Failed("the market is closed", refused=True), "Nothing was sent: the market is closed"),
    ("flatten", Failed("a cancel is not proven"), "The flatten failed: a cancel is not proven"),
]


async def test_the_result_is_shown_with_figures() -> None:
    link = ScriptedLink(day())
    async with shown(link) as (app, pilot):
        for name, reply, said in OUTCOMES:
            key, word, command = TYPED[name]
            link.replies[type(command)] = reply
            app.query_one(StatusBar).clear()
            link.change()  # on a slow machine the last picture is old by now, and nothing is decided on an old one
            await press(pilot, key, *word, "enter")
            assert said in status_text(app)


NOT_KNOWN = Unknown("the broker does not answer")
HALTED = {"controls": ("halted",)}
REFUSALS = [
    ("b", {"controls": ("buys paused",)}, "Buying is paused already."),
    ("b", HALTED, "buying is blocked already"),
    ("h", HALTED, "Trading is halted already."),
    ("R", {"controls": ()}, "Nothing to resume"),
    ("R", {**HALTED, "rebalance": flattened(0, finished=False)}, "trading stays halted until it ends"),
    ("x", {"orders": ()}, "No open orders: nothing to cancel."),
    (
        "x",
        {"orders": (order(1, Side.SELL, OrderState.UNKNOWN),)},
        "1 order with unknown outcome: being looked up, not cancelled",
    ),
    ("F", {"positions": Known(samples.positions()[3:4])}, "The strategy holds nothing"),
    ("F", {"positions": NOT_KNOWN}, "The strategy's holdings are not known: the broker does not answer"),
    ("F", {"rebalance": flattened(0, finished=False)}, "A flatten is running already."),
    ("m", {"missed": None}, "No run was missed."),
    ("d", {"missed": None}, "No run was missed."),
]


async def test_an_action_that_is_not_possible_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "_TICK_SECONDS", 0.05)
    link = ScriptedLink(day())
    async with shown(link) as (app, pilot):
        for key, changes, reason in REFUSALS:
            picture = replace(day(**changes), number=link.latest.number + 1 if link.latest else 1)
            link.publish(picture)
            await until(pilot, lambda expected=picture: app.snapshot is not None and app.snapshot is expected)
            app.query_one(StatusBar).clear()
            await press(pilot, key)
            assert reason in status_text(app)
            assert len(app.screen_stack) == 1
        assert link.acted == []


async def test_a_stale_snapshot_blocks_orders_but_not_trading_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "_STALE_SECONDS", 0.2)
    monkeypatch.setattr(app_module, "_TICK_SECONDS", 0.1)
    link = ScriptedLink(day(controls=()))
    link.replies |= {Halt: Done(None), PauseBuys: Done(None)}
    async with shown(link) as (app, pilot):
        await until(pilot, lambda: "STALE" in flat(app))
        for key in ("R", "x", "F", "m", "d"):
            app.query_one(StatusBar).clear()
            await press(pilot, key)
            assert "nothing is done on old data" in status_text(app), key
        assert link.acted == []
        await press(pilot, "b", "y", "h", "y")
        assert link.acted == [PauseBuys(), Halt()]


async def test_a_snapshot_that_becomes_stale_during_the_question_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    link = ScriptedLink(day())
    async with shown(link, "F", *"flatten") as (app, pilot):
        monkeypatch.setattr(app_module, "_STALE_SECONDS", 0)
        assert app.stale
        await press(pilot, "enter")
        assert "Nothing was done: No recent data" in status_text(app)
        assert link.acted == []


async def test_an_action_no_longer_possible_after_the_question_is_not_sent() -> None:
    link = ScriptedLink(day())
    async with shown(link, "x", *"cancel") as (app, pilot):
        link.change(orders=())
        await until(pilot, lambda: app.snapshot is not None and not app.snapshot.orders)
        await press(pilot, "enter")
        assert "Nothing was done: No open orders" in status_text(app)
        assert link.sent_of(CancelWorking) == []


async def test_no_question_is_asked_before_the_first_snapshot() -> None:
    link = ScriptedLink()
    async with shown(link, "h") as (app, _):
        assert "The engine has not answered yet." in status_text(app)
        assert link.acted == []


async def test_missed_run_is_planned_on_the_plan_screen() -> None:
    link = ScriptedLink(day())
    link.replies[ExecutePlan] = None
    async with shown(link) as (app, pilot):
        strike(pilot, "m", "m")
        await until(pilot, lambda: "[3 Plan]" in flat(app) and "Sell 1" in flat(app))
        assert len(link.sent_of(MakePlan)) == 1
        assert link.sent_of(ExecutePlan) == []
        await press(pilot, "e", "y")
        assert len(link.sent_of(ExecutePlan)) == 1


async def test_a_halt_blocks_executing_a_plan() -> None:
    link = ScriptedLink(day(controls=("halted",)))
    async with shown(link, "3", "r", "e") as (app, pilot):
        assert "Trading is halted: all new orders are blocked." in status_text(app)
        await press(pilot, "y")
        assert link.sent_of(ExecutePlan) == []


async def test_a_trading_control_is_shown_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "_TICK_SECONDS", 60)
    link = ScriptedLink(snapshot())
    async with shown(link, "4") as (app, pilot):
        link.change(controls=("halted",))
        await until(pilot, lambda: "HALTED" in lines(app)[0])
        link.change(missed=MISSED)
        await until(pilot, lambda: "MISSED RUN" in flat(app))
        link.change(notices=("the disk is nearly full",))
        await until(pilot, lambda: "the disk is nearly full" in flat(app))


async def test_a_running_rebalance_is_named() -> None:
    link = ScriptedLink(day(rebalance=flattened(100, 40, finished=False)))
    async with shown(link, size=LARGE) as (app, pilot):
        assert "flatten running 1/2" in lines(app)[0]
        assert "flatten since 14:49:32" in flat(app)
        await press(pilot, "3")
        assert "Flatten running: ended" in flat(app)
        await press(pilot, "r")
        assert "A flatten is running: wait until it ends." in status_text(app)


async def test_the_last_rebalance_names_its_kind() -> None:
    link = ScriptedLink(day())
    async with shown(link) as (app, pilot):
        for origin in (Origin.REBALANCE, Origin.REFILL, Origin.FLATTEN):
            link.change(rebalance=replace(rebalance(finished=True), origin=origin))
            today = app.query_one("#home-today", TextPanel)
            await until(pilot, lambda expected=f"14:49:32 {origin}, ended", today=today: expected in today.text)
