"""What the screen may write and draw: a look of seconds; `python -m tests.bench.screen` is the whole measure."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.model.known import Known
from tests.bench.screen import holdings, mouse_move, page_down, watched
from tests.tui.samples import snapshot
from tests.tui.screen import LARGE, settle, shown
from tests.tui.scripted import ScriptedLink
from tui.widgets.table import LiveTable

pytestmark = pytest.mark.slow


def test_bytes_while_prices_tick_and_a_page_is_turned() -> None:
    with watched(ticking=True) as app:
        assert app.read(2.0) < 2 * 20_000
        assert 0 < page_down(app) < 40_000


def test_an_idle_screen_writes_nothing_and_mouse_moves_almost_nothing() -> None:
    with watched(ticking=False) as app:
        assert app.read(2.0) == 0
        assert mouse_move(app) < 2_000


async def test_a_changed_price_repaints_only_its_row() -> None:
    rows = holdings()
    link = ScriptedLink(snapshot(positions=Known(tuple(rows))))
    async with shown(link, "4", size=LARGE) as (app, pilot):
        table = app.query_one("#positions-table", LiveTable)
        painted: list[str] = []
        paint = table._row_strip
        table._row_strip = lambda row, *more: painted.append(row.key) or paint(row, *more)  # type: ignore[method-assign]
        for number in (5, 150):
            rows[number] = replace(rows[number], last=Decimal("121.300"))
        app.pane.show(snapshot(positions=Known(tuple(rows))))
        await settle(pilot)
        assert painted == [rows[5].code], "the other one is not on the screen"
        painted.clear()
        app.pane.show(snapshot(positions=Known(tuple(rows))))
        await settle(pilot)
        assert painted == []
        table.repaint()
        await settle(pilot)
        assert len(painted) > 20, "the count does count"
