"""Orders: days gone by, sorting, age; a test for each key that other files do not press."""

from datetime import date

from core.model.command import Done, Failed, ReadOrders
from core.model.order import OrderState, Side
from tests.tui.samples import TODAY, order, snapshot
from tests.tui.screen import LARGE, flat, lines, press, resize, shown, status_text
from tests.tui.scripted import ScriptedLink
from tui.app import RotorApp
from tui.widgets.panel import TextPanel


async def test_history_by_day() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "5", "left_square_bracket") as (app, pilot):
        assert [command.day for command in link.sent_of(ReadOrders)] == [TODAY, date(2026, 4, 30)]
        assert "1 order on 2026-04-30" in flat(app)
        await press(pilot, "left_square_bracket")
        assert "1 order on 2026-04-29" in flat(app)
        await press(pilot, "left_square_bracket")
        assert "There are no orders before 2026-04-29." in status_text(app)
        await press(pilot, "right_square_bracket")
        assert "1 order on 2026-04-30" in flat(app)
        await press(pilot, "right_square_bracket")
        assert "4 orders today" in flat(app)
        await press(pilot, "t")
        assert "These are today's orders." in status_text(app)


async def test_a_day_that_cannot_be_read_leaves_today_on_the_screen() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ReadOrders] = Failed("the disk is gone")
    async with shown(link, "5", "left_square_bracket") as (app, pilot):
        assert "The orders could not be read: the disk is gone" in status_text(app)
        assert "4 orders today" in flat(app)
        link.replies[ReadOrders] = lambda command: Done(_nothing_before(command))
        await press(pilot, "left_square_bracket")
        assert "There are no orders before today." in status_text(app)


def _nothing_before(command: ReadOrders) -> object:
    from core.model.command import DayOfOrders

    return DayOfOrders(command.day, (), None, None)


async def test_orders_are_sorted_and_back() -> None:
    async with shown(ScriptedLink(snapshot()), "5", *["o"] * 3) as (app, pilot):
        assert "Code^" in lines(app)[4]
        shown_codes = [line.split()[3] for line in lines(app)[5:9]]
        assert shown_codes == sorted(shown_codes)
        await press(pilot, "O")
        assert [line.split()[3] for line in lines(app)[5:9]] == sorted(shown_codes, reverse=True)


async def test_open_orders_show_their_age() -> None:
    orders = (order(1, Side.SELL, OrderState.WORKING), order(2, Side.BUY, OrderState.FILLED))
    async with shown(ScriptedLink(snapshot(orders=orders)), "5", size=LARGE) as (app, _):
        working = next(line for line in lines(app) if "working" in line and ".S" in line)
        filled = next(line for line in lines(app) if "filled" in line and ".S" in line)
        assert " 9m " in working
        assert " 8m " not in filled


def details(app: RotorApp, pane: str) -> str:
    return app.query_one(f"#{pane} .detail", TextPanel).text


async def test_the_details_have_the_figures_of_the_bond_where_there_is_room() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "5", size=LARGE) as (app, pilot):
        assert "Bond figures" in details(app, "orders")
        assert "Conversion value" in details(app, "orders")
        await resize(pilot, (160, 24))
        assert "History" in details(app, "orders")
        assert "Bond figures" not in details(app, "orders")
        await resize(pilot, LARGE)
        assert "Bond figures" in details(app, "orders")
        await press(pilot, "left_square_bracket")
        assert "History" in details(app, "orders")
        assert "Bond figures" not in details(app, "orders")  # they are today's
