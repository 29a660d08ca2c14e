"""Dangers on the screen: the card of a bond behind a row, limits, the breaker, what threatens the holdings."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from core.model.bond import BondCode
from core.model.bond_info import BondDetail, BondFacts, BondInfo, RedemptionState, SourcePrice
from core.model.command import Done, Failed, Resume, ShowBond
from core.model.known import Known, Unknown
from core.model.snapshot import Control, Limit
from tests.tui.samples import NOW, snapshot
from tests.tui.screen import LARGE, SMALL, flat, press, settle, shown, status_text, text, until
from tests.tui.scripted import ScriptedLink
from tests.worlds import quote
from tui.widgets.alerts import AlertBar
from tui.widgets.panel import TextPanel

AT_STAKE = "123258.SZ 胜例转02: called, last trading day 2026-09-29; 141,450.00 CNY at stake on 1000 张"


def card(command: ShowBond) -> BondDetail:
    told = BondFacts(
        command.code,
        "jisilu",
        NOW - timedelta(hours=3),
        name="胜例转02",
        call=RedemptionState.CALLED,
        counted=(17, 15),
        last_trade=date(2026, 9, 29),
        redemption_price=Decimal("100.05"),
    )
    price = quote(str(command.code), "241.5", source="QMT", at=NOW - timedelta(seconds=4))
    prices = (
        SourcePrice("QMT", True, Known(price)),
        SourcePrice("Tencent", False, Unknown("Tencent is out of reach")),
    )
    return BondDetail(
        command.code, "胜例转02", prices, BondInfo(command.code, (told,)), "called: last trading day", "called"
    )


def link() -> ScriptedLink:
    scripted = ScriptedLink(snapshot())
    scripted.replies[ShowBond] = lambda command: Done(card(command))
    return scripted


@pytest.mark.parametrize("keys", [("3", "r", "down"), *(pytest.param((key,), marks=pytest.mark.slow) for key in "45")])
async def test_enter_on_a_row_shows_bond_details_and_their_age(keys: tuple[str, ...]) -> None:
    scripted = link()
    async with shown(scripted, *keys, size=LARGE) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "Would not be bought now: called: last trading day" in flat(app))
        asked = [command.code for command in scripted.sent if isinstance(command, ShowBond)]
        assert len(asked) == 1
        assert isinstance(asked[0], BondCode)
        await until(pilot, lambda: "prev. close" in flat(app))
        seen = flat(app)
        for _ in range(30):
            await press(pilot, "down")
        seen += flat(app)
        assert "Price by QMT, in use" in seen
        assert "241.500" in seen
        assert "(4s old)" in seen
        assert "Tencent is out of reach" in seen
        assert "(3h old)" in flat(app)
        assert "Last trading day 2026-09-29" in flat(app)
        assert "17 / 15" in flat(app)


async def test_missing_bond_details_are_reported_below_the_row() -> None:
    scripted = link()
    scripted.replies[ShowBond] = Failed("the engine is busy")
    async with shown(scripted, "4", size=SMALL) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "could not be loaded: the engine is busy" in flat(app))


async def test_a_danger_to_a_holding_is_shown_on_every_screen_and_in_full_on_home() -> None:
    async with shown(ScriptedLink(snapshot(dangers=(AT_STAKE,))), "4", size=LARGE) as (app, pilot):
        assert "141,450.00 CNY at stake" in flat(app)
        await press(pilot, "1")
        assert flat(app).count("141,450.00 CNY at stake") == 1
        assert not app.query_one(AlertBar).display
        await press(pilot, "z")  # the events alone: the panel that lists it is out of sight
        app._tick()
        await settle(pilot)
        assert flat(app).count("141,450.00 CNY at stake") == 1
        assert app.query_one(AlertBar).display


async def test_home_shows_the_use_of_daily_limits() -> None:
    limits = (Limit("rejects in a row", 0, 5), Limit("orders", 12, 500))
    async with shown(ScriptedLink(snapshot(limits=limits)), size=LARGE) as (app, _):
        today = app.query_one("#home-today", TextPanel)
        assert "orders 12/500  rejects in a row 0/5" in today.text


async def test_the_breaker_is_shown_on_every_screen_and_resume_ends_it() -> None:
    scripted = ScriptedLink(snapshot(controls=(Control.TRIPPED,)))
    scripted.replies[Resume] = Done(None)
    async with shown(scripted, "5", size=LARGE) as (app, pilot):
        assert "BREAKER TRIPPED" in text(app)
        assert "too many orders were rejected in a row" in flat(app)
        await press(pilot, "1", "b")
        assert "buying is blocked already" in status_text(app)
        await press(pilot, "R")
        assert "the circuit breaker" in flat(app)
        await press(pilot, "y")
        await until(pilot, lambda: any(isinstance(command, Resume) for command in scripted.sent))
