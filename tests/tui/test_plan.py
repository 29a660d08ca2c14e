"""From a plan to its orders: once, after a yes, and watched to the end."""

from dataclasses import replace
from datetime import timedelta

from core.i18n import use_language
from core.model.command import Done, ExecutePlan, Failed, MakePlan
from core.model.known import Unknown
from core.model.series import Spark
from tests.tui.samples import blocked, code, plan, rebalance, snapshot
from tests.tui.screen import LARGE, SMALL, change, flat, lines, press, settle, shown, status_text, strike, until
from tests.tui.scripted import ScriptedLink
from tui.app import RotorApp
from tui.screens.plan import PlanPane
from tui.widgets.columns import TableRow, arranged, cell, heading
from tui.widgets.panel import TextPanel


async def test_question_names_mode_account_and_money() -> None:
    async with shown(ScriptedLink(snapshot(mode="live", account="8880001")), "3", "r", "e") as (app, _):
        seen = flat(app)
        for item in ("LIVE", "8880001", "99,880.20 CNY", "198,716.00 CNY", "312,000.10 CNY", "211,234.56 CNY"):
            assert item in seen
        assert "real money" in seen
        assert app.focused is not None
        assert app.focused.id == "no"


async def test_yes_sends_the_plan_once() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ExecutePlan] = None
    async with shown(link, "3", "r") as (app, pilot):
        strike(pilot, "e", "e")
        await settle(pilot)
        strike(pilot, "y", "y", "e", "y")
        await settle(pilot)
        assert link.sent_of(ExecutePlan) == [ExecutePlan("p-20260506-1")]
        link.change(plan=plan(), rebalance=rebalance(finished=False))
        await until(pilot, lambda: "Rebalance running: buying" in flat(app))
        await press(pilot, "e", "y", "r")
        assert len(link.sent_of(ExecutePlan)) == 1
        assert len(link.sent_of(MakePlan)) == 1


async def test_enter_and_other_keys_send_nothing() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "3", "r") as (app, pilot):
        for answer in (("enter",), ("n",), ("escape",), ("space", "enter"), ("tab", "enter"), ("e", "enter")):
            await press(pilot, "e", *answer)
            assert len(app.screen_stack) == 1, answer
        assert link.sent_of(ExecutePlan) == []


async def test_progress_and_result() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ExecutePlan] = None
    async with shown(link, "3", "r", "e", "y") as (app, pilot):
        link.change(plan=plan(), rebalance=rebalance(finished=False))
        await until(pilot, lambda: "Sells 1/1 filled" in flat(app))
        assert "300 830 119.600 part filled" in flat(app)
        assert "running 2/3" in flat(app)
        ended = rebalance(finished=True, unresolved=("r-7",))
        link.change(rebalance=ended)
        link.open[-1][1].set_result(Done(ended))
        await until(pilot, lambda: "1 order UNRESOLVED" in flat(app))
        assert "The rebalance ended with 1 order unresolved." in status_text(app)
        assert "UNRESOLVED part filled" in flat(app)


async def test_unfilled_orders_are_named() -> None:
    link = ScriptedLink(snapshot(plan=plan(), rebalance=rebalance(finished=True)))
    async with shown(link, "3") as (app, pilot):
        assert "Not filled: 113050.SH 530" in flat(app)
        await press(pilot, "e")
        assert "Make a new plan first: press r." in status_text(app)


async def test_refused_plan_is_large_and_cannot_be_executed() -> None:
    sentence = "The list is dated 2026-04-30, not today: try again after 09:20."
    link = ScriptedLink(snapshot())
    link.replies[MakePlan] = Done(plan(legs=(), refused=sentence))
    async with shown(link, "3", "r", "e") as (app, pilot):
        assert f"REFUSED: nothing can be sent {sentence}" in flat(app)
        assert "This plan is refused" in status_text(app)
        await press(pilot, "y")
        assert link.sent_of(ExecutePlan) == []


async def test_a_refused_execution_is_shown_and_can_be_retried() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ExecutePlan] = Failed("the market is closed", refused=True)
    async with shown(link, "3", "r", "e", "y", size=LARGE) as (app, pilot):
        assert "Nothing was sent: the market is closed" in flat(app)
        await press(pilot, "e", "y")
        assert len(link.sent_of(ExecutePlan)) == 2


async def test_failed_execution_asks_for_a_new_plan() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ExecutePlan] = Failed("the broker went away")
    async with shown(link, "3", "r", "e", "y", size=LARGE) as (app, pilot):
        assert "The rebalance failed: the broker went away" in flat(app)
        await press(pilot, "e", "y")
        assert len(link.sent_of(ExecutePlan)) == 1


async def test_a_plan_that_changed_during_the_question_is_not_sent() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "3", "r", "e") as (app, pilot):
        newer = plan(plan_id="p-2", made_at=replace(plan()).made_at.replace(second=59))
        link.change(plan=newer)
        await until(pilot, lambda: app.snapshot is not None and app.snapshot.plan is not None)
        await press(pilot, "y")
        assert link.sent_of(ExecutePlan) == []
        assert "The plan has changed" in status_text(app)


async def test_trading_off_says_so() -> None:
    link = ScriptedLink(snapshot(blockers=blocked("no redemption table")))
    async with shown(link, "3", "r", "e") as (app, pilot):
        assert "Trading is off: no redemption table" in status_text(app)
        await press(pilot, "y")
        assert link.sent_of(ExecutePlan) == []


async def test_a_plan_with_all_bonds_skipped_is_not_called_equal() -> None:
    link = ScriptedLink(snapshot())
    link.replies[MakePlan] = Done(plan(legs=()))
    async with shown(link, "3", "r", "e") as (app, pilot):
        assert "No row of this plan can be traded now" in status_text(app)
        assert "matches the list" not in status_text(app)
        await press(pilot, "y")
        assert link.sent_of(ExecutePlan) == []


async def test_messages_do_not_cover_a_question() -> None:
    link = ScriptedLink(snapshot(rebalance=rebalance(finished=True)))
    async with shown(link, "3", "e", "e") as (app, pilot):
        assert status_text(app) == "Make a new plan first: press r."
        link.change(rebalance=None)
        await press(pilot, "r")
        await until(pilot, lambda: "Sell 1" in flat(app))
        await press(pilot, "e")
        assert "made 14:49:20, 12s ago" in flat(app)


def pane(app: RotorApp) -> PlanPane:
    return app.query_one(PlanPane)


def bonds_on(app: RotorApp) -> list[str]:
    """The bonds from top to bottom, `-` for a heading."""
    return ["-" if row.heading else row.cells[1].text[:6] for row in pane(app).table.rows]


def columns_on(app: RotorApp) -> list[str]:
    return [slot.column.label for slot in pane(app).table.column_layout.slots]


def two_groups() -> list[TableRow]:
    def row(text: str) -> TableRow:
        return TableRow(text, (cell(text),))

    return [row("z"), heading("first", "a heading"), row("b1"), row("a1"), heading("second", "a heading"), row("a2")]


def test_rows_stay_below_their_heading_and_an_empty_heading_goes() -> None:
    assert [row.key for row in arranged(two_groups())] == ["z", "first", "b1", "a1", "second", "a2"]
    assert [row.key for row in arranged(two_groups(), "a")] == ["first", "a1", "second", "a2"]
    assert [row.key for row in arranged(two_groups(), "b")] == ["first", "b1"]
    assert arranged(two_groups(), "heading") == []


async def test_rows_come_in_the_order_of_sending_until_they_are_sorted_which_the_screen_says() -> None:
    async with shown(ScriptedLink(snapshot()), "3", "r", size=LARGE) as (app, pilot):
        sending = bonds_on(app)
        assert sending == ["-", "127056", "-", "127045", "113050", "-", "128136", "-", "113052", "123107"]
        assert "not in the order of sending" not in flat(app)
        await press(pilot, "o")
        assert "Sorted by Code, not in the order of sending." in flat(app)
        assert bonds_on(app) == ["-", "127056", "-", "113050", "127045", "-", "128136", "-", "113052", "123107"]
        await press(pilot, "O")
        assert bonds_on(app) == ["-", "127056", "-", "127045", "113050", "-", "128136", "-", "123107", "113052"]
        await press(pilot, *"o" * len([label for label in columns_on(app) if label]))
        assert "not in the order of sending" not in flat(app)
        assert bonds_on(app) == sending


async def test_a_click_on_a_head_sorts_by_numbers() -> None:
    async with shown(ScriptedLink(snapshot()), "3", "r", size=LARGE) as (app, pilot):
        table = pane(app).table
        head = lines(app)[table.content_region.y]
        x = head.index("Premium") - table.content_region.x + 2
        await pilot.click("#plan-table", offset=(x, 0))
        await settle(pilot)
        assert "Sorted by Premium" in flat(app)
        assert bonds_on(app)[3:5] == ["127045", "113050"]
        await pilot.click("#plan-table", offset=(x, 0))
        await settle(pilot)
        assert bonds_on(app)[3:5] == ["113050", "127045"]


async def test_a_filter_shows_some_rows_and_all_are_sent() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ExecutePlan] = None
    async with shown(link, "3", "r", "slash", *"rank 7", "enter", size=LARGE) as (app, pilot):
        assert bonds_on(app) == ["-", "113050"]
        await press(pilot, "e")
        assert "Send 3 orders now" in flat(app)
        await press(pilot, "n", "escape")
        assert len(bonds_on(app)) == 10


async def test_progress_is_sorted_and_filtered_too_and_begins_in_the_order_of_sending() -> None:
    link = ScriptedLink(snapshot(plan=plan()))
    async with shown(link, "3", "o", size=LARGE) as (app, pilot):
        await change(app, pilot, link, rebalance=rebalance(finished=False))
        assert "not in the order of sending" not in flat(app)
        assert bonds_on(app)[:3] == ["127056", "127045", "113050"]
        await press(pilot, "o")
        assert bonds_on(app)[:3] == ["113050", "127045", "127056"]
        await press(pilot, "slash", *"part filled", "enter")
        assert bonds_on(app) == ["113050"]


async def test_the_day_s_line_is_shown_where_there_is_room_and_may_be_chosen() -> None:
    sparks = (Spark(code(7), tuple(plan().legs[0].price + step for step in range(16))),)
    async with shown(ScriptedLink(snapshot(sparks=sparks)), "3", "r", size=SMALL) as (app, pilot):
        assert "Intraday" not in columns_on(app)
        await pilot.resize_terminal(120, 30)
        await settle(pilot)
        assert "Intraday" in columns_on(app)
        place = [column.label for column in pane(app).table.columns].index("Intraday")
        drawn = {row.cells[1].text[:6]: row.cells[place].text for row in pane(app).table.rows if not row.heading}
        assert drawn["113050"].strip()
        assert not drawn["127045"].strip()
        await press(pilot, "c")
        assert "Intraday" in flat(app)


async def test_beside_the_table_stand_the_reason_and_the_bond_s_figures() -> None:
    async with shown(ScriptedLink(snapshot()), "3", "r", size=LARGE) as (app, pilot):
        told = pane(app).detail.text
        assert "127056.SZ 中特转债" in told
        assert told.index("left the list") < told.index("Bond figures")
        for figure in ("Premium", "14.46%", "103.88 CNY", "133.37", "AA+", "48.21", "中信特钢", "-0.41%", "2028-02-25"):
            assert figure in told, figure
        await pilot.resize_terminal(120, 30)
        await settle(pilot)
        assert pane(app).detail.text == "127056.SZ 中特转债  left the list of 2026-05-06"


async def test_what_ran_stays_on_the_screen_with_what_became_of_each_row_until_r() -> None:
    link = ScriptedLink(snapshot(plan=plan()))
    async with shown(link, "3", size=LARGE) as (app, pilot):
        # The engine drops a plan once it was carried out.
        await change(app, pilot, link, plan=None, rebalance=rebalance(finished=True))
        text = flat(app)
        assert "Rebalance ended 14:49:32, took 0:28" in text
        assert "113050.SH 南银转债 300 830" in text
        assert "part filled, cancelled after 30" in text
        assert "the bond is suspended" in text
        assert "Kept 2" in text and "on the list, rank 1" in text
        await press(pilot, "down", "down", "down")
        assert "not sent" in pane(app).detail.text
        newer = plan(plan_id="p-20260506-2", made_at=plan().made_at + timedelta(minutes=1))
        link.replies[MakePlan] = Done(newer)
        await press(pilot, "r")
        assert "p-20260506-2" in flat(app)
        assert "Rebalance ended" not in flat(app)


async def test_rows_of_another_plan_never_stand_below_a_run() -> None:
    link = ScriptedLink(snapshot(plan=plan(plan_id="p-other")))
    async with shown(link, "3", size=LARGE) as (app, pilot):
        await change(app, pilot, link, plan=None, rebalance=rebalance(finished=True))
        assert bonds_on(app) == ["127056", "127045", "113050"]


async def test_a_run_of_another_day_is_shown_with_its_day() -> None:
    ended = rebalance(finished=True)
    link = ScriptedLink(snapshot(rebalance=ended))
    async with shown(link, "3", size=LARGE) as (app, pilot):
        assert "ended 14:49:32, took 0:28" in flat(app)
        await change(app, pilot, link, at=snapshot().at + timedelta(days=1))
        assert "ended Wed 05-06 14:49, took 0:28" in flat(app)


async def test_the_run_is_named_in_the_language_of_the_screen() -> None:
    use_language("zh")
    async with shown(ScriptedLink(snapshot(language="zh", rebalance=rebalance(finished=True))), "3") as (app, _):
        assert "Rebalance" not in flat(app)


async def test_the_details_of_a_bond_that_is_held_have_the_holding_and_its_gauge() -> None:
    link = ScriptedLink(snapshot(plan=plan()))
    async with shown(link, "3", size=LARGE) as (app, pilot):
        details = app.query_one("#plan .detail", TextPanel)
        for item in ("Held  840 张, 840 available", "Cost  120.250 CNY", "P/L   -1,129.80 CNY", "SL 114.237", "armed"):
            assert item in details.text, item
        await press(pilot, "down")
        assert "127045.SZ" in details.text
        for item in ("Position", "SL "):  # a bond to be bought
            assert item not in details.text
        await change(app, pilot, link, positions=Unknown("not read yet"))
        assert "Position\nnot known" in details.text
