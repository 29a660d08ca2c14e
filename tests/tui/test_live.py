"""Live mode on the screen: what is wanted before the first order, and what the user settles."""

from dataclasses import replace
from datetime import timedelta

from core.model.command import Done, ExecutePlan, Failed, GiveConsent, RunSelfTest, SelfTest, SettleOrder
from core.model.order import OrderState, Side
from core.model.snapshot import Need, Snapshot
from tests.tui.samples import NOW, order, snapshot
from tests.tui.screen import flat, press, settle, shown, status_text, until
from tests.tui.scripted import ScriptedLink


def live(*needs: Need) -> Snapshot:
    return snapshot(mode="live", account="8880001", needs=needs)


PASSED = SelfTest(True, NOW, ("SH: 113052.SH: 10 张 at 80.000 listed, frozen, cancelled",))
FAILED = SelfTest(False, NOW, ("SH: failed: 10 张 were ordered, the account lists 100",))


async def test_the_first_order_needs_typed_consent() -> None:
    link = ScriptedLink(live(Need.CONSENT))
    link.replies |= {GiveConsent: Done(None), ExecutePlan: None}
    async with shown(link, "3", "r") as (app, pilot):
        assert "NO LIVE ORDERS YET consent needed first" in flat(app)
        await press(pilot, "e")
        assert "sends real orders to account 8880001" in flat(app)
        await press(pilot, "y", "e", "s", "enter")
        assert "nothing was agreed to" in flat(app)
        assert link.sent_of(GiveConsent) == []
        await press(pilot, *["backspace"] * 3, "I", "space", *"agree", "enter")
        await until(pilot, lambda: link.sent_of(GiveConsent) == [GiveConsent("8880001")])
        await until(pilot, lambda: "real money" in flat(app))
        await press(pilot, "y")
        await until(pilot, lambda: len(link.sent_of(ExecutePlan)) == 1)


async def test_without_consent_nothing_is_sent() -> None:
    link = ScriptedLink(live(Need.CONSENT, Need.SELF_TEST))
    async with shown(link, "3", "r", "e", "escape") as (app, pilot):
        await settle(pilot)
        assert "you did not agree to live trading" in status_text(app)
        assert link.sent_of(GiveConsent) == link.sent_of(RunSelfTest) == link.sent_of(ExecutePlan) == []


async def test_a_passed_self_test_continues_to_the_plan() -> None:
    link = ScriptedLink(live(Need.SELF_TEST))
    link.replies |= {RunSelfTest: Done(PASSED), ExecutePlan: None}
    async with shown(link, "3", "r", "e") as (app, pilot):
        assert "10 张 on each exchange, at the day's lowest price" in flat(app)
        await press(pilot, "y")
        await until(pilot, lambda: "Execute this plan" in flat(app))
        assert link.sent_of(ExecutePlan) == []


async def test_a_failed_self_test_is_shown_and_sends_nothing() -> None:
    link = ScriptedLink(live(Need.SELF_TEST))
    link.replies[RunSelfTest] = Done(FAILED)
    async with shown(link, "3", "r", "e", "y") as (app, pilot):
        await until(pilot, lambda: "The self-test FAILED" in flat(app))
        assert "the account lists 100" in flat(app)
        await press(pilot, "escape")
        assert link.sent_of(ExecutePlan) == []


async def test_a_refused_self_test_says_why() -> None:
    link = ScriptedLink(live(Need.SELF_TEST))
    link.replies[RunSelfTest] = Failed("no order may be sent now: it is 15:10", refused=True)
    async with shown(link, "3", "r", "e", "y") as (app, pilot):
        await until(pilot, lambda: "no order may be sent now" in status_text(app))
        assert link.sent_of(ExecutePlan) == []


async def test_settling_an_unknown_order_shows_the_evidence() -> None:
    unknown = order(1, Side.SELL, OrderState.UNKNOWN, message="MiniQMT did not answer in time")
    link = ScriptedLink(snapshot(mode="live", account="8880001", orders=(unknown,)))
    link.replies[SettleOrder] = Done("refused")
    async with shown(link, "5") as (app, pilot):
        await press(pilot, "s")
        seen = flat(app)
        assert "MiniQMT did not answer in time" in seen
        assert "What happened to this order?" in seen
        await press(pilot, "enter")
        assert link.sent_of(SettleOrder) == []
        await press(pilot, "s", "d")
        await until(pilot, lambda: link.sent_of(SettleOrder) == [SettleOrder("r260506-0001", False)])
        await press(pilot, "s", "f")
        await until(pilot, lambda: link.sent_of(SettleOrder)[-1:] == [SettleOrder("r260506-0001", True)])


async def test_an_order_the_broker_settles_cannot_be_settled_by_the_user() -> None:
    working = order(1, Side.SELL, OrderState.WORKING)
    old = order(2, Side.SELL, OrderState.WORKING)
    old = replace(old, intent=replace(old.intent, trading_day=working.intent.trading_day - timedelta(days=1)))
    async with shown(ScriptedLink(snapshot(orders=(working,))), "5", "s") as (app, pilot):
        assert "This order is working: there is nothing to settle." in status_text(app)
    async with shown(ScriptedLink(snapshot(orders=(old,))), "5", "s") as (app, pilot):
        await until(pilot, lambda: "What happened to this order?" in flat(app))
