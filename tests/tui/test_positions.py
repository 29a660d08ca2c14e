"""Positions: sorting, the gauge, and what can be done with one holding; a test for each key."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from textual.pilot import Pilot

from core.model.command import Adopt, Done, ExecutePlan, Failed, Release, SellOne
from core.model.known import Known
from core.model.order import Origin
from core.model.snapshot import Adoption, AdoptionLevels, Control, PositionRow, Snapshot
from tests.tui.samples import blocked, positions, rebalance, snapshot
from tests.tui.screen import LARGE, flat, lines, press, shown, status_text, text, until
from tests.tui.scripted import ScriptedLink
from tui.app import RotorApp
from tui.screens.stop_text import gauge


def codes(app: RotorApp) -> list[str]:
    """The bonds from the top down."""
    firsts = [word for line in lines(app)[3:] for word in line.strip("│> ").split()[:1]]
    return [word for word in firsts if word[-3:] in (".SH", ".SZ")][:6]


async def _sort_until(app: RotorApp, pilot: Pilot[None], reached: Callable[[str], bool]) -> None:
    """Press the key that sorts, once per column at most, until the heads of the table say this."""
    for _ in range(40):
        if reached(lines(app)[4]):
            return
        await press(pilot, "o")
    raise AssertionError(lines(app)[4])


async def test_rows_are_sorted_by_value_with_unknown_values_last() -> None:
    async with shown(ScriptedLink(snapshot()), "4", size=LARGE) as (app, pilot):
        as_they_come, unsorted = codes(app), lines(app)[4]
        await _sort_until(app, pilot, lambda heads: "P/L%v" in heads)
        assert codes(app) == ["113052.SH", "110059.SH", "128136.SZ", "127056.SZ", "123107.SZ", "118031.SH"]
        await press(pilot, "O")
        assert "P/L%^" in lines(app)[4]
        assert codes(app)[:4] == ["127056.SZ", "128136.SZ", "110059.SH", "113052.SH"]
        assert codes(app)[4:] == ["123107.SZ", "118031.SH"]
        await _sort_until(app, pilot, lambda heads: heads == unsorted)
        assert codes(app) == as_they_come


async def test_a_click_on_a_header_sorts_and_a_second_one_reverses() -> None:
    async with shown(ScriptedLink(snapshot()), "4") as (app, pilot):
        await press(pilot, "O")
        assert "not sorted: press o" in status_text(app)
        at = lines(app)[4].index("Held") + 1
        await pilot.click("#positions-table", offset=(at, 0))
        assert codes(app)[0] == "118031.SH"
        await pilot.click("#positions-table", offset=(at, 0))
        assert codes(app)[0] == "123107.SZ"


async def test_the_cursor_stays_on_its_bond_while_prices_reorder_the_rows() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4", "o", "o", "o", "o", "o", size=LARGE) as (app, pilot):
        marked = next(line for line in lines(app) if line.startswith("│>"))[2:11]
        rows = tuple(
            replace(row, last=row.last + 100) if row.code == "128136" or row.code[:6] == "128136" else row  # type: ignore[operator]
            for row in positions()
        )
        link.change(positions=Known(rows))
        await until(pilot, lambda: "215.480" in text(app))
        assert next(line for line in lines(app) if line.startswith("│>"))[2:11] == marked


@pytest.mark.parametrize(
    ("last", "drawn"),
    [("112.575", "<──────────┤"), ("121.400", "├────┃─────┤"), ("130.350", "├──────────>"), ("200", "├──────────>")],
)
def test_the_gauge_shows_where_the_price_stands(last: str, drawn: str) -> None:
    assert gauge(replace(positions()[0], last=Decimal(last))) == drawn


def test_without_a_price_or_a_trigger_there_is_no_gauge() -> None:
    row = positions()[0]
    assert row.stop is not None
    assert gauge(replace(row, last=None)) == gauge(replace(row, stop=None)) == ""
    assert gauge(replace(row, stop=replace(row.stop, profit=None))) == ""


async def test_adopting_asks_with_the_amount_and_shows_the_result() -> None:
    link = ScriptedLink(snapshot())
    link.replies[Adopt] = Done(760)
    async with shown(link, "4", "end", "up", "up", "a") as (app, pilot):
        assert "760 张, worth 99,561.52 CNY" in flat(app)
        await press(pilot, "enter")
        assert link.sent_of(Adopt) == []
        await press(pilot, "a", "y")
        assert link.sent_of(Adopt) == [Adopt("123107.SZ")]
        assert "760 张 taken into the strategy's management" in status_text(app)
        await press(pilot, "home", "a")
        assert "The strategy manages all of it already." in status_text(app)


async def test_releasing_asks_first_and_shows_a_refusal() -> None:
    link = ScriptedLink(snapshot())
    link.replies[Release] = Failed("a rebalance is running: wait for its end", refused=True)
    async with shown(link, "4", "r") as (app, pilot):
        assert "820 张, worth 99,411.88 CNY" in flat(app)
        await press(pilot, "y")
        assert link.sent_of(Release) == [Release("113052.SH")]
        assert "was not released: a rebalance is running" in status_text(app)
        await press(pilot, "end", "up", "up", "r")
        assert "nothing to release" in status_text(app)


async def test_selling_one_bond_names_the_amount_and_defaults_to_no() -> None:
    sold = replace(rebalance(finished=True), legs=rebalance(finished=True).legs[:1], origin=Origin.SALE)
    link = ScriptedLink(snapshot())
    link.replies[SellOne] = Done(sold)
    async with shown(link, "4", "x") as (app, pilot):
        for item in (
            "113052.SH 兴业转债",
            "820 张, about 99,411.88 CNY",
            "+2,241.88 CNY",
            "not bought again",
            "no real money",
        ):
            assert item in flat(app)
        await press(pilot, "enter")
        assert link.sent_of(SellOne) == []
        await press(pilot, "x", "y")
        assert link.sent_of(SellOne) == [SellOne("113052.SH")]
        assert "840 of 840 张 were sold" in status_text(app)
        assert link.sent_of(ExecutePlan) == []


async def test_the_question_names_live_money() -> None:
    async with shown(ScriptedLink(snapshot(mode="live", account="8880001")), "4", "x") as (app, _):
        assert "8880001" in flat(app)
        assert "(real money)" in flat(app)


async def test_a_bond_that_cannot_be_sold_says_why() -> None:
    link = ScriptedLink(snapshot(controls=(Control.HALTED,)))
    async with shown(link, "4", "x") as (app, pilot):
        assert "Trading is halted" in status_text(app)
        link.change(controls=(), blockers=blocked("the ledger differs"))
        await until(pilot, lambda: "the ledger differs" in flat(app))
        await press(pilot, "x")
        assert "Trading is off: the ledger differs" in status_text(app)
        link.change(blockers=())
        await until(pilot, lambda: "the ledger differs" not in lines(app)[2])
        await press(pilot, "end", "up", "up", "x")
        assert "Press a to adopt it first" in status_text(app)
        link.change(positions=Known(()))
        await until(pilot, lambda: "holds nothing" in flat(app))
        await press(pilot, "x", "enter")
        assert "There is no holding here." in status_text(app)
    assert link.acted == []


async def test_pressing_twice_sells_once() -> None:
    link = ScriptedLink(snapshot())
    link.replies[SellOne] = None
    async with shown(link, "4", "x", "y") as (app, pilot):
        await press(pilot, "x")
        assert "Another action on this holding is still running." in status_text(app)
        assert len(link.sent_of(SellOne)) == 1


def test_rows_without_figures_can_be_sorted() -> None:
    bare = PositionRow(positions()[0].code, "", 0, 0, 0, None, None, None, None)
    assert bare.stop_distance is None


def adoptable(through: str) -> Snapshot:
    """The pictures' holdings, each of the user's own with what adopting it would mean."""

    def with_levels(row: PositionRow) -> PositionRow:
        cost = AdoptionLevels(Decimal(150), Decimal("142.5"), Decimal(165), "", through)
        last = AdoptionLevels(Decimal(130), Decimal("123.5"), Decimal(143))
        return replace(row, adoption=Adoption(row.code, 760, cost, Known(last)))

    return replace(snapshot(), positions=Known(tuple(map(with_levels, positions()))))


async def test_the_question_shows_the_levels_and_today_s_price_may_be_the_basis() -> None:
    link = ScriptedLink(adoptable(""))
    link.replies[Adopt] = Done(760)
    async with shown(link, "4", "end", "up", "up", "a", size=LARGE) as (app, pilot):
        assert "150.000: stop-loss 142.500, take-profit 165.000" in flat(app)
        assert "130.000: stop-loss 123.500, take-profit 143.000" in flat(app)
        await press(pilot, "t")
        assert link.sent_of(Adopt) == [Adopt("123107.SZ", "last")]


async def test_a_crossed_level_is_asked_about_again() -> None:
    link = ScriptedLink(adoptable("beyond the stop-loss already"))
    link.replies[Adopt] = Done(760)
    async with shown(link, "4", "end", "up", "up", "a", "y", size=LARGE) as (app, pilot):
        assert "Adopt it all the same?" in flat(app)
        assert "beyond the stop-loss already" in flat(app)
        await press(pilot, "enter")
        assert link.sent_of(Adopt) == []
        await press(pilot, "a", "y", "y")
        assert link.sent_of(Adopt) == [Adopt("123107.SZ", "cost", sell_now=True)]
