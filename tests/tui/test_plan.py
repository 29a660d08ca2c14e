"""From a plan to its orders: once, after a yes, and watched to the end."""

from dataclasses import replace

from core.model.command import Done, ExecutePlan, Failed, MakePlan
from tests.tui.samples import blocked, plan, rebalance, snapshot
from tests.tui.screen import LARGE, flat, press, settle, shown, status_text, strike, until
from tests.tui.scripted import ScriptedLink


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
    async with shown(link, "3", "r", "e", "y") as (app, _):
        assert f"REFUSED: nothing can be sent {sentence}" in flat(app)
        assert "This plan is refused" in status_text(app)
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
    async with shown(link, "3", "r", "e", "y") as (app, _):
        assert "Trading is off: no redemption table" in status_text(app)
        assert link.sent_of(ExecutePlan) == []


async def test_a_plan_with_all_bonds_skipped_is_not_called_equal() -> None:
    link = ScriptedLink(snapshot())
    link.replies[MakePlan] = Done(plan(legs=()))
    async with shown(link, "3", "r", "e", "y") as (app, _):
        assert "No row of this plan can be traded now" in status_text(app)
        assert "matches the list" not in status_text(app)
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
