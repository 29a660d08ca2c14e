"""The report screen: a test for each key."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from core.model.command import Done, ExportReport, Failed, ReadReport
from core.model.report import CashFlow, DayResult
from core.rules.performance import TradeHistory, make_report
from tests.tui.samples import NOW, TODAY, snapshot
from tests.tui.screen import LARGE, flat, lines, press, shown, status_text, until
from tests.tui.scripted import ScriptedLink


async def test_profit_slippage_stops_and_equity_have_their_own_view() -> None:
    async with shown(ScriptedLink(snapshot()), "7", size=LARGE) as (app, pilot):
        for item in ("sandbox: no real money", "113052.SH", "127056.SZ", "realised", "-301.60"):
            assert item in flat(app), item
        await press(pilot, "v")
        assert "r-1" in flat(app) or "+200.00" in flat(app)
        await press(pilot, "v")
        assert "119.905" in flat(app)
        await press(pilot, "v")
        assert "max. drawdown" in flat(app)
        assert "1,014,000.00" in flat(app)
        await press(pilot, "v")
        for item in ("2/2 +200.00 +165.0 +150.00 +82.6", "Won | lost"):
            assert item in flat(app), item
        await press(pilot, "v")
        assert "127056.SZ" in flat(app)


async def test_the_equity_curve_is_drawn_if_it_fits() -> None:
    async with shown(ScriptedLink(snapshot()), "7", size=LARGE) as (app, pilot):
        assert app.query_one("#report-chart").display
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not app.query_one("#report-chart").display)
        await press(pilot, "v", "v", "v")
        assert app.query_one("#report-chart").display


@pytest.mark.parametrize(
    "size", [(120, 30), *(pytest.param(size, marks=pytest.mark.slow) for size in ((160, 45), (200, 60)))]
)
async def test_the_equity_curve_takes_the_lines_that_the_rows_leave(size: tuple[int, int]) -> None:
    async with shown(ScriptedLink(snapshot()), "7", size=size) as (app, pilot):
        table, chart = app.query_one("#report-table"), app.query_one("#report-chart")
        assert chart.display
        assert chart.region.y == table.region.bottom
        assert table.size.height == 5  # the head, two rows, and what a sentence in place of the rows would need
        await press(pilot, "v", "v", "v")
        assert table.size.height == 9
        assert table.region.bottom + chart.size.height == app.query_one("#report").region.bottom - 1


async def test_shorter_and_longer_periods() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "7") as (app, pilot):
        assert link.sent_of(ReadReport)[-1].first == date(2026, 5, 1)
        await press(pilot, "left_square_bracket")
        assert link.sent_of(ReadReport)[-1].first == date(2026, 5, 4)
        await press(pilot, "left_square_bracket")
        assert link.sent_of(ReadReport)[-1].first == TODAY
        await press(pilot, "left_square_bracket")
        assert "This is the shortest period already." in status_text(app)
        await press(pilot, *["right_square_bracket"] * 4)
        assert link.sent_of(ReadReport)[-1].first is None
        await press(pilot, "right_square_bracket")
        assert "This is the longest period already." in status_text(app)


async def test_sort_reverse_filter_and_details() -> None:
    async with shown(ScriptedLink(snapshot()), "7") as (app, pilot):

        def first() -> str:
            return next(line for line in lines(app) if line.startswith("│>"))[2:11]

        await press(pilot, "home")
        before = [line for line in lines(app) if ".S" in line]
        await press(pilot, "O")
        assert [line for line in lines(app) if ".S" in line] != before
        await press(pilot, "o")
        assert "open P/L" in flat(app)
        await press(pilot, "slash", *"127056", "enter")
        assert first() == "127056.SZ"
        assert "113052.SH" not in flat(app)
        await press(pilot, "enter")
        assert "Realised" in flat(app)
        await press(pilot, "escape", "escape")
        assert "113052.SH" in flat(app)


async def test_export_names_its_file_and_a_failure_its_reason() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ExportReport] = Done(("/home/x/report-bonds.csv", "/home/x/report-orders.csv"))
    async with shown(link, "7", "x") as (app, pilot):
        assert "2 files were written: /home/x/report-bonds.csv" in status_text(app)
        link.replies[ExportReport] = Failed("The disk is full.")
        await press(pilot, "x")
        assert "The report could not be written. The disk is full." in status_text(app)


async def test_nothing_traded_and_not_read() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ReadReport] = Done(make_report(TradeHistory("sandbox", "x", (), (), (), {}), None, TODAY, NOW))
    async with shown(link, "7") as (app, pilot):
        assert "No trades in this period" in flat(app)
        link.replies[ReadReport] = Failed("The books are locked.")
        await press(pilot, "r")
        await until(pilot, lambda: "The books are locked." in flat(app))


async def test_payments_stand_beside_the_change_and_are_not_in_it() -> None:
    line = ((NOW - timedelta(days=1), Decimal(100_000)), (NOW, Decimal(149_000)))
    flows = (CashFlow(1, NOW, Decimal(50_000), entered=False),)
    books = TradeHistory("sandbox", "x", (), (), line, {}, flows=flows)
    link = ScriptedLink(snapshot())
    link.replies[ReadReport] = Done(make_report(books, None, TODAY, NOW))
    async with shown(link, "7", "v", "v", "v", size=LARGE) as (app, _):
        for item in ("-1,000.00 -1.00%", "Paid in 50,000.00, paid out 0.00", "+50,000.00"):
            assert item in flat(app), item


async def test_the_home_screen_shows_the_day_without_what_was_paid() -> None:
    result = DayResult(NOW - timedelta(hours=20), Decimal("-1234.50"), -0.0123, Decimal(50_000))
    async with shown(ScriptedLink(snapshot(day=result)), "1", size=LARGE) as (app, _):
        for item in ("-1,234.50", "-1.23%", "+50,000.00"):
            assert item in flat(app), item
