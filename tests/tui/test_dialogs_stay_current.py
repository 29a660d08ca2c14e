"""What a dialog or a card shows goes on with the market: its prices, levels and ages are not those of its opening."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from textual.widgets import Input, Static

from core.model.bond_info import BondDetail, BondInfo, SourcePrice
from core.model.command import Done, ShowBond
from core.model.known import Known
from core.model.snapshot import Snapshot
from tests.tui.samples import NOW, plan, snapshot
from tests.tui.screen import LARGE, flat, press, settle, shown, until
from tests.tui.scripted import ScriptedLink
from tests.worlds import quote
from tui.app import RotorApp
from tui.screens.dialogs import Dialog
from tui.widgets.text import TextBlock

LATER = timedelta(minutes=9)


async def beat(app: RotorApp, pilot: Any, times: int = 1) -> None:
    """As many beats of the app, each a second long."""
    await settle(pilot)
    for _ in range(times):
        app._tick()
        await settle(pilot)


def later(now: Snapshot) -> dict[str, Any]:
    """Nine minutes on, a tenth more for every price, and every open order filled by half."""
    assert isinstance(now.positions, Known)
    rows = [replace(row, last=None if row.last is None else row.last * Decimal("1.1")) for row in now.positions.value]
    orders = [replace(each, filled_volume=each.filled_volume + each.remaining // 2) for each in now.orders]
    return {"at": now.at + LATER, "positions": Known(tuple(rows)), "orders": tuple(orders)}


def link() -> ScriptedLink:
    scripted = ScriptedLink(snapshot(plan=plan()))
    scripted.replies[ShowBond] = lambda command: Done(_card(command, "241.5"))
    return scripted


def _card(command: ShowBond, price: str) -> BondDetail:
    prices = (SourcePrice("QMT", True, Known(quote(str(command.code), price, source="QMT", at=NOW))),)
    return BondDetail(command.code, "胜例转02", prices, BondInfo(command.code), "", "")


def card(app: RotorApp) -> str:
    """What the card says, also what has to be scrolled to."""
    return "\n".join(block.text for block in app.screen.query(TextBlock))


@pytest.mark.parametrize("keys", [("3", "down"), ("4",), ("5",)], ids=["plan", "position", "order"])
async def test_the_card_of_a_bond_ages_and_is_loaded_again(keys: tuple[str, ...]) -> None:
    scripted = link()
    async with shown(scripted, *keys, "enter", size=LARGE) as (app, pilot):
        await until(pilot, lambda: "(0s old)" in card(app))
        scripted.change(at=NOW + LATER)
        await beat(app, pilot)
        assert "(9m old)" in card(app)
        scripted.replies[ShowBond] = lambda command: Done(_card(command, "250.5"))
        await beat(app, pilot, 5)
        await until(pilot, lambda: "250.500" in card(app))


async def test_a_card_that_cannot_be_loaded_again_keeps_what_it_has_with_its_age() -> None:
    scripted = link()
    async with shown(scripted, "4", "enter", size=LARGE) as (app, pilot):
        await until(pilot, lambda: "(0s old)" in card(app))
        del scripted.replies[ShowBond]
        scripted.change(at=NOW + LATER)
        await beat(app, pilot, 5)
        await until(pilot, lambda: "could not be loaded: not in the script" in card(app))
        assert "241.500" in card(app)
        assert "(9m old)" in card(app)


async def test_the_card_of_a_record_ages() -> None:
    scripted = ScriptedLink(snapshot())
    async with shown(scripted, "2", "enter", "enter", size=LARGE) as (app, pilot):
        before = flat(app)
        scripted.change(at=NOW + LATER)
        await beat(app, pilot)
        assert " 9m" in flat(app)
        assert " 9m" not in before


QUESTIONS = {
    "execute": ("3", "e"),
    "sell": ("4", "x"),
    "release": ("4", "r"),
    "cancel an order": ("5", "down", "down", "x"),
    "flatten": ("1", "F"),
    "cancel all": ("1", "x"),
    "details": ("4", "enter"),
    "settle": ("5", "s"),
    "history": ("5", "down", "down", "enter"),
}


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(keys, marks=() if name in ("execute", "sell", "details") else pytest.mark.slow)
        for name, keys in QUESTIONS.items()
    ],
    ids=QUESTIONS,
)
async def test_a_question_shows_the_market_as_it_is_by_now(keys: tuple[str, ...]) -> None:
    scripted = link()
    async with shown(scripted, *keys, size=LARGE) as (app, pilot):
        assert isinstance(app.screen, Dialog)
        before = _dialog_text(app)
        scripted.change(**later(scripted.latest or snapshot()))
        await beat(app, pilot)
        assert _dialog_text(app) != before


async def test_what_is_typed_in_a_question_stays() -> None:
    scripted = link()
    async with shown(scripted, "1", "F", *"flat", size=LARGE) as (app, pilot):
        scripted.change(**later(scripted.latest or snapshot()))
        await beat(app, pilot)
        assert app.screen.query_one(Input).value == "flat"


async def test_without_the_beat_a_question_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(Dialog, "tick", lambda self, snapshot: None)
    scripted = link()
    async with shown(scripted, "4", "x", size=LARGE) as (app, pilot):
        before = _dialog_text(app)
        scripted.change(**later(scripted.latest or snapshot()))
        await beat(app, pilot)
        assert _dialog_text(app) == before


async def test_quit_counts_what_is_armed_by_now() -> None:
    scripted = link()
    async with shown(scripted, "q", size=LARGE) as (app, pilot):
        assert scripted.latest is not None
        assert scripted.latest.stops is not None
        armed = scripted.latest.stops.armed
        assert f"{armed} armed" in flat(app)
        scripted.change(stops=replace(scripted.latest.stops, armed=armed - 1))
        await beat(app, pilot)
        assert f"{armed - 1} armed" in flat(app)
        await press(pilot, "n")
        assert len(app.screen_stack) == 1


def _dialog_text(app: RotorApp) -> str:
    """The words of the open dialog alone."""
    texts = [block.text for block in app.screen.query(TextBlock)]
    return "\n".join(texts + [str(part.render()) for part in app.screen.query(Static)])
