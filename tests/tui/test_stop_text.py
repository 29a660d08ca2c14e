"""What guards a holding, and what an order was sent for."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from rich.cells import cell_len

from core.model.known import Known
from core.model.order import Order, OrderState, Origin, Side
from core.model.snapshot import PositionRow, StopRow, StopStatus
from tests.tui.samples import order, positions, snapshot, stop
from tests.tui.screen import LARGE, SMALL, change, flat, lines, press, resize, shown, text
from tests.tui.scripted import ScriptedLink
from tui.screens.stop_gauge import StopGauge
from tui.screens.stop_text import distance_cell, gauge_text, level_cells, state_cell, stop_line, stop_rows
from tui.widgets.theme import Tone

WIDE = (200, 50)
LEVELS: dict[str, Any] = {"loss": "112.575", "profit": "130.350", "cost": "118.500"}
UNSET = StopRow(None, None, "", armed=False, state="", status=StopStatus.NOT_SET)


def held(stop_row: StopRow | None, **changes: Any) -> PositionRow:
    return replace(positions()[0], stop=stop_row, **changes)


STATES = [
    (stop(**LEVELS), "armed", Tone.GOOD),
    (stop(**LEVELS, state=""), "armed", Tone.GOOD),
    (stop(**LEVELS, state="armed for the next hours of trading"), "armed", Tone.GOOD),
    (stop(**LEVELS, state="selling", status=StopStatus.SELLING), "selling", Tone.WARN),
    (stop(**LEVELS, state="suspended: fires when it trades", status=StopStatus.WAITING), "waits", Tone.WARN),
    (stop(**LEVELS, state="order r-1 is unknown: frozen", status=StopStatus.WAITING), "waits", Tone.WARN),
    (stop(**LEVELS, state="off: stops.enabled = false", armed=False, status=StopStatus.OFF), "off", Tone.WARN),
    (stop(**LEVELS, state="halted: no stop fires", armed=False, status=StopStatus.BLOCKED), "halted", Tone.WARN),
    (stop(**LEVELS, state="no price yet", armed=False, status=StopStatus.NO_PRICE), "no price", Tone.WARN),
    (stop(**LEVELS, state="unreconciled", armed=False, status=StopStatus.BLOCKED), "unreconc~", Tone.WARN),
    (stop(**LEVELS, state="the levels are odd", armed=False, status=StopStatus.BLOCKED), "the leve~", Tone.WARN),
    (replace(UNSET, state="neither is set"), "not set", Tone.DIM),
    (replace(UNSET, state="off: stops.enabled = false", status=StopStatus.OFF), "off", Tone.WARN),
    (stop(**LEVELS, state="", armed=False, status=StopStatus.BLOCKED), "not armed", Tone.WARN),
    (None, "none", Tone.WARN),
]


@pytest.mark.parametrize(("row", "word", "tone"), STATES)
def test_every_state_has_a_word(row: StopRow | None, word: str, tone: Tone) -> None:
    assert state_cell(held(row))[:2] == (word, tone)
    in_full = next(value for label, value, _ in stop_rows(held(row)) if label == "Guard")
    if row is not None and not row.armed and row.status is not StopStatus.NOT_SET:
        assert in_full.startswith("NOT armed")
    assert row is None or row.state in in_full


def test_holdings_not_managed_by_rotor_are_no_fault() -> None:
    assert state_cell(held(None, ours=0))[:2] == ("yours", Tone.DIM)


def test_a_stop_that_is_not_set_is_no_unknown_one() -> None:
    """A missing level is `not set` only where that is known."""
    row = replace(stop(**LEVELS), profit=None)
    shown_levels = [{label: value for label, value, _ in stop_rows(held(row))}["Take-profit"]]
    row = replace(row, not_set=(Origin.TAKE_PROFIT,))
    shown_levels += [{label: value for label, value, _ in stop_rows(held(row))}["Take-profit"]]
    assert shown_levels == ["--", "not set"]
    assert [found.text for found in level_cells(held(row))] == ["112.575", "not set"]
    assert "SL 112.575  TP not set" in stop_line(held(row)).plain


def test_distance_to_the_nearest_level() -> None:
    row = stop(**LEVELS)
    assert distance_cell(held(row)).text == "-7.14%"
    assert distance_cell(held(row, last=Decimal("129.000"))).text == "+1.05%"
    assert distance_cell(held(row, last=Decimal("112.575")))[:2] == ("through", Tone.WARN)
    assert distance_cell(held(row, last=Decimal("131.000"))).text == "through"
    assert distance_cell(held(row, last=None)).text == "--"
    assert distance_cell(held(replace(row, loss=None, profit=None))).text == "--"
    assert distance_cell(held(None)).text == ""


COLUMNS = {
    80: ["Code", "Name", "Held", "Last", "Age", "P/L%", "SL", "TP", "To SL/TP", "Guard"],
    160: ["Avail", "Ours", "Yours", "Cost", "Value", "P/L", "Day", "SL", "TP", "To SL/TP", "Guard", "State"],
    200: ["Avail", "Ours", "Yours", "Cost", "Value", "P/L", "Day", "SL", "TP", "To SL/TP", "Guard", "State"],
}


async def test_columns() -> None:
    async with shown(ScriptedLink(snapshot()), "4") as (app, pilot):
        for size in (SMALL, LARGE, WIDE):
            await resize(pilot, size)
            (header,) = [line for line in lines(app) if "Code" in line and "Held" in line]
            # What has no column stands in the panel beside the table.
            beside = {"Avail": "available", "Yours": "Yours", "Cost": "Cost", "Value": "Value"} if size != SMALL else {}
            shown_text = flat(app)
            lacking = [label for label in COLUMNS[size[0]] if label not in header]
            assert [label for label in lacking if beside.get(label, label) not in shown_text] == []
            (row,) = [line for line in lines(app) if line.startswith("│ 127056.SZ")]
            for item in ("840", "118.905", "-1.12%", "114.237", "-3.93%", "armed"):
                assert item in row.split()
            assert all(cell_len(line) == size[0] for line in lines(app))


async def test_a_narrow_table_keeps_the_stop_column() -> None:
    async with shown(ScriptedLink(snapshot()), "4") as (app, pilot):
        for width in (60, 70):
            await resize(pilot, (width, 24))
            (row,) = [line for line in lines(app) if line.startswith(" 128136.SZ")]
            assert "-5.39%" in row
            assert "waits" in row


async def test_row_and_details_show_the_stop_in_full() -> None:
    waiting = "order r-1 is unknown: frozen until that is settled"
    rows = Known(
        (held(stop(**LEVELS, state=waiting, status=StopStatus.WAITING), last=Decimal("112.000")), *positions()[1:])
    )
    async with shown(ScriptedLink(snapshot(positions=rows)), "4") as (app, pilot):
        assert "through waits" in flat(app)
        assert f"SL 112.575 TP 130.350 of cost 118.500 armed, {waiting}, checked 14:49:31" in flat(app)
        await press(pilot, "enter")
        for item in (
            "Stop-loss 112.575 CNY",
            "Take-profit 130.350 CNY",
            "Measured on cost 118.500",
            "reached: the price is beyond it",
            f"Guard armed, {waiting}",
            "Checked 14:49:31",
        ):
            assert item in flat(app), text(app)
        await press(pilot, "escape", "end", "enter")
        assert "NOT armed: no price yet" in flat(app)
        assert "not yet: no price was compared with the levels" in flat(app)


async def test_what_is_not_managed_says_so() -> None:
    rows = Known((held(None), held(None, code=positions()[3].code, ours=0)))
    async with shown(ScriptedLink(snapshot(positions=rows)), "4") as (app, pilot):
        assert "NOT guarded: the stop monitor does not watch it" in flat(app)
        await press(pilot, "down")
        assert "yours: no stop sells it" in flat(app)


async def test_an_order_s_reason_names_its_origin_once() -> None:
    sent = order(1, Side.SELL, OrderState.FILLED)
    async with shown(ScriptedLink(snapshot(orders=(sent,))), "5") as (app, _):
        assert "rebalance: left the list" in flat(app)
    sold = replace(sent, intent=replace(sent.intent, origin=Origin.FLATTEN, reason="flatten"))
    async with shown(ScriptedLink(snapshot(orders=(sold,))), "5") as (app, _):
        assert "flatten: flatten" not in flat(app)


async def test_orders_show_their_origin() -> None:
    link = ScriptedLink(snapshot(orders=()))
    sent = {origin: _sent_for(origin) for origin in Origin}
    async with shown(link, "5") as (app, pilot):
        for origin in Origin:
            await change(app, pilot, link, orders=(sent[origin],))
            assert f"{origin}: last 112.4 through 112.575" in flat(app)
            await press(pilot, "enter")
            assert f"Sent for {origin}" in flat(app)
            await press(pilot, "escape")
        await resize(pilot, LARGE)
        for origin in Origin:
            await change(app, pilot, link, orders=(sent[origin],))
            (row,) = [line for line in lines(app) if "127056.SZ" in line and "14:40:32" in line]
            assert f" {origin} " in row


def _sent_for(origin: Origin) -> Order:
    sent = order(1, Side.SELL, OrderState.FILLED, filled_volume=820, filled_amount=Decimal(97502))
    reason = f"{origin}: last 112.4 through 112.575"
    return replace(sent, intent=replace(sent.intent, origin=origin, reason=reason))


def test_the_gauge_says_in_words_when_a_stop_is_not_armed() -> None:
    armed = gauge_text(held(stop(**LEVELS)), 60).plain
    assert armed.startswith("Stops  armed\nSL 112.575")
    off = stop(**LEVELS, state="off: stops.enabled = false", armed=False, status=StopStatus.OFF)
    assert gauge_text(held(off), 60).plain.startswith("Stops  NOT armed: off")
    assert gauge_text(held(None, ours=100), 60).plain == "Stops  NOT guarded: the stop monitor does not watch it"
    assert gauge_text(held(replace(UNSET, state="neither is set")), 60).plain == "Stops  neither is set"
    half = replace(stop(**LEVELS), profit=None, not_set=(Origin.TAKE_PROFIT,))
    assert "not set" in gauge_text(held(half), 60).plain


async def test_the_card_and_the_details_show_the_gauge() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4", size=LARGE) as (app, pilot):
        detail = app.pane.query_one(".detail")
        assert "┼ cost 118.500" in flat(app)
        await press(pilot, *["less_than_sign"] * 8)
        bar = next(line for line in lines(app) if "┼─" in line)[detail.content_region.x :]
        assert len(bar.split("│")[0].strip()) == detail.content_region.width
        await press(pilot, "enter")
        gauge = app.screen.query_one(StopGauge)
        assert "SL 112.575" in gauge.text
        assert "┃ last 121.234" in gauge.text
        await change(app, pilot, link, positions=Known((held(stop(**LEVELS), last=Decimal("122.000")),)))
        assert "┃ last 122.000" in gauge.text
        await change(app, pilot, link, positions=Known(()))
        assert not gauge.display
