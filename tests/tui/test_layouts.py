"""How often the whole screen is laid out: that costs more than painting what has changed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from textual._compositor import Compositor

from core.model.command import Done, ListRecords, ShowDetail, ShowRecord
from core.model.known import Known
from core.model.platform import Page, Record
from core.model.snapshot import Snapshot
from tests.sampled import sampled
from tests.tui.samples import plan, snapshot
from tests.tui.screen import LARGE, SMALL, change, press, settle, shown, until
from tests.tui.scripted import ScriptedLink
from tests.tui.strategy_samples import record_detail, records_page
from tui.app import RotorApp
from tui.screens.strategies import StrategiesPane
from tui.widgets.bars import StatusBar
from tui.widgets.steady import LaidOutOnce

Layouts = list[object]


@pytest.fixture
def layouts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Layouts]:
    """One entry for each layout of a screen."""
    found: Layouts = []
    reflow = Compositor.reflow

    def counted(self: Compositor, *arguments: object) -> object:
        found.append(arguments)
        return reflow(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Compositor, "reflow", counted)
    yield found


def alike(command: ListRecords) -> Done[Page[Record]]:
    """Records that differ in their number only, as those of one strategy mostly do in what their cards say."""
    page = records_page(command)
    return Done(replace(page, items=tuple(replace(page.items[0], id=item.id) for item in page.items)))


def come(app: RotorApp) -> bool:
    return app.query_one(StrategiesPane)._data.at_rest


@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)])
async def test_a_move_of_the_cursor_lays_nothing_out_where_the_cards_are_alike(
    size: tuple[int, int], layouts: Layouts
) -> None:
    link = ScriptedLink(snapshot())
    link.replies[ListRecords] = alike
    async with shown(link, "2", "enter", size=size) as (app, pilot):
        await until(pilot, lambda: come(app))
        await press(pilot, "down")  # the first one after a layout learns how many lines each text takes
        await until(pilot, lambda: come(app))
        layouts.clear()
        for key in ("down", "down", "up"):
            await press(pilot, key)
            await until(pilot, lambda: come(app))
            await settle(pilot)
        assert len(link.sent_of(ShowRecord)) == len(link.sent_of(ShowDetail)) == 4
        assert len(layouts) == 0


def dearer(now: Snapshot, ticks: int) -> dict[str, object]:
    """The same day, `ticks` seconds later, at other prices."""
    assert isinstance(now.positions, Known)
    assert isinstance(now.asset, Known)
    more = Decimal(ticks) / 100
    rows = tuple(row if row.last is None else replace(row, last=row.last + more) for row in now.positions.value)
    asset = replace(now.asset.value, market_value=now.asset.value.market_value + more * 100)
    return {"at": now.at + timedelta(seconds=ticks), "positions": Known(rows), "asset": Known(asset)}


PANES = {"home": "1", "strategies": "2", "plan": "3", "positions": "4", "orders": "5", "log": "6", "report": "7"}


@pytest.mark.parametrize("size", [pytest.param(SMALL, marks=pytest.mark.slow), LARGE])
@pytest.mark.parametrize("pane", sampled(PANES, 4))
async def test_prices_lay_nothing_out(pane: str, size: tuple[int, int], layouts: Layouts) -> None:
    link = ScriptedLink(snapshot(plan=plan()))
    async with shown(link, PANES[pane], size=size) as (app, pilot):
        begun = link.latest
        assert begun is not None
        if pane == "strategies":
            await until(pilot, lambda: come(app))
        await change(app, pilot, link, **dearer(begun, 1))
        layouts.clear()
        for ticks in (2, 3, 4):
            await change(app, pilot, link, **dearer(begun, ticks))
        assert len(layouts) == 0


@pytest.mark.usefixtures("every_frame")
async def test_a_message_paints_its_own_lines_only(layouts: Layouts, monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[int] = []
    paint = Compositor.render_partial_update

    def counted(self: Compositor) -> object:
        painted.extend(line for region in self._dirty_regions for line in range(region.y, region.bottom))
        return paint(self)

    monkeypatch.setattr(Compositor, "render_partial_update", counted)
    async with shown(ScriptedLink(snapshot()), "5", size=LARGE) as (app, pilot):
        layouts.clear()
        painted.clear()
        app.show_message("one line of text " * 10)
        await settle(pilot)
        last = LARGE[1] - 2
        assert (len(layouts), set(painted)) == (1, {last - 1, last})
        painted.clear()
        app.query_one(StatusBar).clear()
        await settle(pilot)
        assert (len(layouts), set(painted)) == (2, {last - 1, last})
        painted.clear()
        await press(pilot, "1")
        assert len(set(painted)) > 2  # the control: another screen is painted whole


async def test_the_count_counts(layouts: Layouts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a card of another shape is laid out, and twice where a new size asks for a layout."""
    counts = list[int]()
    for once in (True, False):
        if not once:
            monkeypatch.delattr(LaidOutOnce, "virtual_size")
        link = ScriptedLink(snapshot())
        link.replies[ListRecords] = alike
        async with shown(link, "2", "enter", size=LARGE) as (app, pilot):
            await until(pilot, lambda app=app: come(app))
            link.replies[ShowDetail] = Done(record_detail(one=1, two=2, three=3))
            layouts.clear()
            await press(pilot, "down")
            await until(pilot, lambda app=app: come(app))
            counts.append(len(layouts))
    assert 1 <= counts[0] < counts[1]
