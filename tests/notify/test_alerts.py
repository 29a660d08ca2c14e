"""The alerts sent for a snapshot: each once, even after restarts, and when the condition ends."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.i18n import use_language
from core.infra.clock import SteppedClock
from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.model.notification import NotificationKind
from core.model.order import Order, OrderState, Origin, Side
from core.model.plan import Blocked
from core.model.report import DayResult
from core.model.settings import NotifyEvents
from core.model.snapshot import (
    BlockKind,
    Control,
    Health,
    Level,
    MissedRun,
    Snapshot,
    SourceState,
    SourceStatus,
    StopsSummary,
)
from core.notify.alerts import TRADE_KINDS, AlertFinder
from core.notify.digests import opening_check
from core.notify.outbox import Outbox
from core.rules.redemption import HeldDanger
from tests.tui.samples import NOW, blocked, order, positions, rebalance, snapshot

CALLED = HeldDanger(BondCode("113052"), "兴业转债 is called: 820 张 at stake", "called", sell=False)


class AlertWorld:
    """Alerts over an outbox on disk, and a clock set by the test."""

    def __init__(
        self, folder: Path, events: NotifyEvents | None = None, kinds: Any = frozenset(NotificationKind)
    ) -> None:
        self.path = folder / "outbox.db"
        self.clock = SteppedClock(NOW)
        self.events = events or NotifyEvents()
        self.kinds = kinds
        self.open()

    def open(self) -> None:
        self.outbox = Outbox(self.path)
        self.outbox.set_receivers(["box"])
        self.world = AlertFinder(self.outbox, self.events, self.clock, self.clock, self.kinds)

    def look(
        self, shown: Snapshot, *dangers: HeldDanger, failed_part: str | None = None, after: float = 0.0
    ) -> list[str]:
        """The alerts sent for the snapshot after these seconds."""
        before = len(self.texts())
        self.clock.move_to(self.clock.now() + timedelta(seconds=after))
        self.world.check_for_alerts(shown, dangers, failed_part)
        return self.texts()[before:]

    def texts(self) -> list[str]:
        return [one.news.text for one in self.outbox.waiting("box", Level.INFO)]

    def levels(self) -> list[Level]:
        return [one.news.level for one in self.outbox.waiting("box", Level.INFO)]


@pytest.fixture
def world(tmp_path: Path) -> AlertWorld:
    made = AlertWorld(tmp_path)
    made.look(quiet())  # the opening check is sent
    return made


def quiet(**changes: Any) -> Snapshot:
    """A snapshot without any alert except the daily checks."""
    held = tuple(row for row in positions() if row.state != "suspended")
    calm: dict[str, Any] = {"orders": (), "positions": Known(held), "stops": StopsSummary(5, 5), "rebalance": None}
    return snapshot(**{**calm, **changes})


def ill(name: str, text: str = "it is away") -> tuple[Health, ...]:
    return tuple(replace(one, level=Level.ERROR, text=text) if one.name == name else one for one in snapshot().health)


def stopped(state: OrderState, **changes: Any) -> Order:
    made = order(1, Side.SELL, state, **changes)
    return replace(made, intent=replace(made.intent, origin=Origin.STOP_LOSS, level=Decimal("112.5")))


def test_an_unchanged_snapshot_sends_no_alert_twice(world: AlertWorld) -> None:
    for _ in range(50):
        assert world.look(quiet(), after=1) == []


def test_a_rejected_order_is_reported_once_even_after_a_restart(world: AlertWorld) -> None:
    shown = quiet(orders=(order(3, Side.BUY, OrderState.REJECTED, message="beyond the day's limit"),))
    (told,) = world.look(shown)
    assert "order rejected: buy of 820 张 123107.SZ" in told
    assert "beyond the day's limit" in told
    assert world.levels()[-1] is Level.ERROR
    assert world.look(shown, after=1) == []
    world.open()
    assert world.look(shown, after=1) == []


def test_an_unknown_order_is_reported_when_it_stays_unknown_and_when_resolved(world: AlertWorld) -> None:
    shown = quiet(orders=(order(4, Side.BUY, OrderState.UNKNOWN),))
    assert world.look(shown) == []
    assert world.look(shown, after=10) == []  # the broker is still checked
    (told,) = world.look(shown, after=11)
    assert "order outcome unknown" in told
    (over,) = world.look(quiet(orders=(order(4, Side.BUY, OrderState.FILLED),)), after=1)
    assert "known again" in over


def test_an_unknown_order_resolved_at_once_sends_no_alert(world: AlertWorld) -> None:
    assert world.look(quiet(orders=(order(4, Side.BUY, OrderState.INTENDED),)), after=1) == []
    assert world.look(quiet(orders=(order(4, Side.BUY, OrderState.WORKING),)), after=30) == []


def test_a_stop_is_reported_when_it_fires_and_with_its_result(world: AlertWorld) -> None:
    (fired,) = world.look(quiet(orders=(stopped(OrderState.WORKING),)))
    assert fired == "stop-loss of 127056.SZ 中特转债 fired at 112.5: selling 820 张"
    done = stopped(OrderState.FILLED, filled_volume=820, filled_amount=Decimal(92250))
    assert world.look(quiet(orders=(done,)), after=1) == ["stop-loss of 127056.SZ 中特转债: 820 张 sold at 112.500"]
    assert world.look(quiet(orders=(done,)), after=1) == []


@pytest.mark.parametrize("name", ["QMT", "quotes", "FactorCat", "clock", "disk"])
def test_a_lost_and_a_restored_connection_are_reported(name: str, tmp_path: Path) -> None:
    world = AlertWorld(tmp_path)
    base = tuple(replace(one, name="QMT") if one.name == "broker" else one for one in snapshot().health)
    world.look(quiet(health=base))
    away = tuple(replace(one, level=Level.ERROR, text="away") if one.name == name else one for one in base)
    assert world.look(quiet(health=away)) == []
    (lost,) = world.look(quiet(health=away), after=10)
    assert lost.startswith(f"{name} has failed since ")
    world.open()  # a restart does not send it again, and still expects its end
    assert world.look(quiet(health=away), after=11) == []
    assert world.look(quiet(health=base), after=1) == [f"{name} works again"]


def test_a_short_connection_loss_sends_no_alert(world: AlertWorld) -> None:
    for _ in range(5):
        assert world.look(quiet(health=ill("quotes")), after=4) == []
        assert world.look(quiet(), after=4) == []


def test_a_terminal_closed_for_the_night_sends_no_alert(world: AlertWorld) -> None:
    night = quiet(health=ill("broker"), session="closed", at=NOW.replace(hour=22))
    world.look(night)  # the digest
    assert world.look(night, after=3600) == []


def test_a_disk_that_fails_in_the_night_is_reported_before_the_market_opens(world: AlertWorld) -> None:
    night = {"session": "closed", "at": NOW.replace(hour=22)}
    world.look(quiet(**night))  # the digest
    world.look(quiet(health=ill("disk", "Read-only file system"), **night), after=60)
    (alert,) = world.look(quiet(health=ill("disk", "Read-only file system"), **night), after=60)
    assert "Read-only file system" in alert
    assert world.look(quiet(**night), after=60) == ["disk works again"]


@pytest.mark.parametrize("session", ["closed", "open"])
def test_books_that_cannot_be_written_are_reported_at_once_at_any_hour(world: AlertWorld, session: str) -> None:
    at = NOW.replace(hour=22) if session == "closed" else NOW
    world.look(quiet(session=session, at=at))
    off = blocked("the books cannot be written", kind=BlockKind.BOOKS_UNWRITABLE)
    (alert,) = world.look(quiet(blockers=off, ready=False, session=session, at=at))
    assert "no order is sent and no stop fires: the books cannot be written" in alert


def test_a_connection_lost_in_the_session_is_not_restored_by_the_session_s_end(world: AlertWorld) -> None:
    world.look(quiet(health=ill("broker")))
    assert len(world.look(quiet(health=ill("broker")), after=10)) == 1
    evening = quiet(health=ill("broker"), session="closed", at=NOW.replace(hour=15, minute=0))
    world.look(evening)  # the digest
    assert world.look(evening, after=60) == []


def test_trading_blocked_by_the_connection_is_no_alert_while_the_market_is_closed(world: AlertWorld) -> None:
    lost = blocked("the terminal is closed", kind=BlockKind.CONNECTION_LOST)
    night = quiet(blockers=lost, ready=False, session="closed", at=NOW.replace(hour=22))
    world.look(night)  # the digest
    assert world.look(night, after=3600) == []
    assert (
        world.look(replace(night, blockers=blocked("113052 differs") + lost), after=60) == []
    )  # only a lasting loss is reported
    (told,) = world.look(replace(night, blockers=blocked("113052 differs") + lost), after=10)
    assert told == "trading is off, no order is sent and no stop fires: 113052 differs"
    assert world.look(night, after=60) == []  # still off: nothing has ended
    assert world.look(replace(night, blockers=()), after=60) == ["trading is on again"]


def test_trading_off_is_reported_once_although_reasons_change(world: AlertWorld) -> None:
    assert world.look(quiet(blockers=blocked("113052 differs"), ready=False)) == []
    (told,) = world.look(quiet(blockers=blocked("113052 differs"), ready=False), after=10)
    assert told == "trading is off, no order is sent and no stop fires: 113052 differs"
    assert world.look(quiet(blockers=blocked("127056 differs"), ready=False), after=1) == []
    assert world.look(quiet(), after=1) == ["trading is on again"]


@pytest.mark.parametrize(
    ("control", "told", "over"),
    [
        (Control.HALTED, "trading is halted", "the halt was ended"),
        (Control.TRIPPED, "the breaker tripped", "the breaker was reset"),
        (Control.PAUSED, "buys are paused", "the pause of buys was ended"),
    ],
)
def test_pause_halt_and_resume_are_reported(control: Control, told: str, over: str, world: AlertWorld) -> None:
    (begun,) = world.look(quiet(controls=(control,)))
    assert begun.startswith(told)
    assert world.look(quiet(), after=1) == [over]


def test_a_called_bond_is_reported_once(world: AlertWorld) -> None:
    assert world.look(quiet(), CALLED) == [CALLED.text]
    dearer = replace(CALLED, text="兴业转债 is called: another sum is at stake")
    assert world.look(quiet(), dearer, after=60) == []
    assert world.look(quiet(), replace(CALLED, sell=True), after=60) == [CALLED.text]  # now it must be sold


def test_suspension_and_resumption_of_a_bond_are_reported(world: AlertWorld) -> None:
    held = quiet(positions=Known(positions()))
    assert world.look(held) == []
    (told,) = world.look(held, after=10)
    assert "128136.SZ 立讯转债 is suspended: your 870 张 cannot be sold" in told
    assert world.look(quiet(), after=1) == ["128136.SZ 立讯转债 trades again"]


def test_neither_the_break_nor_an_unknown_account_ends_a_suspension(world: AlertWorld) -> None:
    held = {"positions": Known(positions()), "stops": StopsSummary(4, 5)}
    world.look(quiet(**held))
    assert len(world.look(quiet(**held), after=61)) == 2
    pause = NOW.replace(hour=11, minute=45)
    assert world.look(quiet(session="break", at=pause), after=1) == []
    assert world.look(quiet(positions=Unknown("no answer"), stops=None), after=1) == []
    assert world.look(quiet(**held), after=1) == []
    assert len(world.look(quiet(), after=1)) == 2


def test_stops_that_are_not_set_are_no_alarm(world: AlertWorld) -> None:
    """Nor does a mail call them unarmed; one that should be armed and is not raises it."""
    assert world.look(quiet(stops=StopsSummary(0, 0, not_set=5)), after=61) == []
    assert "  stops: not set" in opening_check(quiet(stops=StopsSummary(0, 0, not_set=5)))
    world.look(quiet(stops=StopsSummary(4, 5)))
    assert len(world.look(quiet(stops=StopsSummary(4, 5)), after=61)) == 1


def test_a_lost_and_a_restored_quote_source_are_reported(world: AlertWorld) -> None:
    away = SourceState("qmt", False, SourceStatus.UNREACHABLE, NOW, "it hung up")
    here = SourceState("tencent", True, SourceStatus.WORKING, NOW)
    assert world.look(quiet(sources=(away, here))) == []
    assert world.look(quiet(sources=(away, here)), after=10) == ["no quotes from qmt: it hung up"]
    back = replace(away, status=SourceStatus.WORKING, reason="")
    assert world.look(quiet(sources=(back, here)), after=1) == ["quotes from qmt are back"]


def test_a_missed_run_is_reported(world: AlertWorld) -> None:
    missed = MissedRun("rebalance", datetime(2026, 5, 6, 10, 0, tzinfo=NOW.tzinfo), "rotor was not running", "")
    (told,) = world.look(quiet(missed=missed))
    assert "the rebalance of 2026-05-06 10:00 was missed: rotor was not running." in told
    assert world.look(quiet(missed=replace(missed, advice="the list is still good")), after=60) == []


def test_a_finished_rebalance_is_reported_with_each_leg(world: AlertWorld) -> None:
    assert world.look(quiet(rebalance=rebalance(finished=False))) == []
    (told,) = world.look(quiet(rebalance=rebalance(finished=True)), after=1)
    first, *legs = told.splitlines()
    assert first == "rebalance finished: ended"
    assert len(legs) == 4
    assert "buy 113050.SH 南银转债 300/830 @ 119.600  part filled, cancelled after 30 s" in told
    assert "cash afterwards: 211,234.56 CNY" in told


def test_a_finished_rebalance_names_the_list_that_it_followed(world: AlertWorld) -> None:
    followed = "list of 2026-05-14, 4 bonds. The list is 1 session old: it is not today's"
    (told,) = world.look(quiet(rebalance=replace(rebalance(finished=True), listed=followed)))
    assert f"\n  {followed}\n" in told


def test_a_failed_engine_component_is_reported(world: AlertWorld) -> None:
    (told,) = world.look(quiet(), failed_part="the checks")
    assert "the checks" in told
    assert world.look(quiet(), after=1) == ["the engine runs steadily again"]


def test_a_restart_after_a_crash_is_reported_once(world: AlertWorld) -> None:
    back = "rotor is back: its run of 05-06 09:00:00 ended unexpectedly"
    world.world.check_for_alerts(quiet(), (), None, back)
    assert world.texts()[-1] == back
    before = len(world.texts())
    world.open()
    world.world.check_for_alerts(quiet(), (), None, back)
    assert len(world.texts()) == before


def test_the_opening_check_waits_for_the_account_and_names_what_is_missing(tmp_path: Path) -> None:
    world = AlertWorld(tmp_path)
    morning = NOW.replace(hour=9, minute=21)
    shown = quiet(at=morning, session="opening call", ready=False, blockers=blocked("positions are not reconciled yet"))
    assert world.look(replace(shown, at=morning.replace(minute=10), session="pre-open")) == []
    assert world.look(shown) == []
    (told,) = world.look(replace(shown, ready=True, blockers=()), after=1)
    assert told.startswith("Ready for 2026-05-06.")
    assert "follows 双低轮动 10, record 11" in told
    assert "stops armed: 5 of 5" in told
    world.open()
    assert world.look(replace(shown, ready=True, blockers=()), after=1) == []


def test_the_opening_check_waits_for_the_login_and_the_stops(tmp_path: Path) -> None:
    world = AlertWorld(tmp_path)
    logged_in = quiet(at=NOW.replace(hour=9, minute=21), session="opening call")
    assert logged_in.stops is not None
    unarmed = replace(logged_in, stops=replace(logged_in.stops, armed=0))
    assert world.look(replace(unarmed, platform_user=None)) == []
    assert world.look(unarmed, after=1) == []
    (told,) = world.look(logged_in, after=1)
    assert told.startswith("Ready for 2026-05-06.")
    assert "stops armed: 5 of 5" in told


def test_the_opening_check_is_not_ready_while_nobody_is_logged_in(tmp_path: Path) -> None:
    world = AlertWorld(tmp_path)
    shown = quiet(at=NOW.replace(hour=9, minute=21), session="opening call", platform_user=None)
    world.look(shown)
    assert any(text.startswith("NOT ready for 2026-05-06.") for text in world.look(shown, after=61))


def test_the_opening_check_reports_an_unknown_account(tmp_path: Path) -> None:
    world = AlertWorld(tmp_path)
    shown = quiet(at=NOW.replace(hour=9, minute=21), session="opening call", ready=False, blockers=blocked("away"))
    world.look(shown)
    told = world.look(shown, after=61)
    assert any(text.startswith("NOT ready for 2026-05-06.\n  trading is off: away") for text in told)


def test_the_closing_digest_is_sent_once_and_only_for_a_day_rotor_ran(world: AlertWorld, tmp_path: Path) -> None:
    done = order(
        1, Side.SELL, OrderState.FILLED, filled_volume=820, filled_amount=Decimal("97502.10"), fee=Decimal("9.75")
    )
    result = DayResult(NOW.replace(hour=9, minute=30), Decimal("4414.50"), 0.0044145, Decimal(-50_000))
    evening = quiet(at=NOW.replace(hour=15, minute=2), session="closed", orders=(done,), day=result)
    (told,) = world.look(evening)
    assert told.splitlines() == [
        "The close of 2026-05-06.",
        "  assets 1,004,414.50 CNY (+0.44%)",
        "  paid in or out -50,000.00 CNY: no gain, no loss",
        "  cash 312,000.10 CNY",
        "  bought: 0 张 for 0.00 CNY",
        "  sold: 820 张 for 97,502.10 CNY",
        "  orders 1, rejected 0, fees 9.75 CNY",
        "  holds 5 bonds",
        "  next: rebalance 05-06 14:50",
    ]
    assert world.look(evening, after=60) == []
    fresh = AlertWorld(tmp_path / "another")
    assert fresh.look(evening) == []


def test_no_digest_on_a_closed_day(tmp_path: Path) -> None:
    world = AlertWorld(tmp_path)
    assert world.look(quiet(session="closed day", trading_day=date(2026, 5, 9), at=NOW.replace(day=9))) == []


def test_a_disabled_alert_is_not_sent_now_or_later(tmp_path: Path) -> None:
    world = AlertWorld(tmp_path, NotifyEvents(order="off", opening="off"))
    shown = quiet(orders=(order(3, Side.BUY, OrderState.REJECTED),))
    assert world.look(shown) == []
    world.events = NotifyEvents(opening="off")
    world.open()
    assert world.look(shown, after=1) == []


def test_a_one_shot_command_reports_only_its_trades(tmp_path: Path) -> None:
    world = AlertWorld(tmp_path, kinds=TRADE_KINDS)
    shown = quiet(health=ill("broker"), controls=(Control.HALTED,), rebalance=rebalance(finished=True))
    assert [text.partition("\n")[0] for text in world.look(shown, CALLED, after=100)] == ["rebalance finished: ended"]


def test_each_mode_remembers_its_own_alerts(world: AlertWorld) -> None:
    halted = quiet(controls=(Control.HALTED,))
    assert len(world.look(halted)) == 1
    # A start in paper mode neither ends the sandbox's alerts nor takes them over.
    other = world.look(quiet(mode="paper", account="paper"), after=1)
    assert [text.partition(".")[0] for text in other] == ["Ready for 2026-05-06"]
    assert world.look(halted, after=1) == []


def test_alerts_are_in_the_user_s_language(world: AlertWorld) -> None:
    use_language("zh")
    try:
        (told,) = world.look(quiet(controls=(Control.HALTED,)))
    finally:
        use_language("en")
    assert "halted" not in told


def test_a_suspended_bond_of_the_list_is_reported_once_a_day(tmp_path: Path) -> None:
    world = AlertWorld(tmp_path)
    row = Blocked(Side.BUY, BondCode("113052"), "兴业转债", "suspended; cannot be bought (rank 1)", suspended=True)
    shown = replace(snapshot(), suspended=(row,))
    text = "113052.SH 兴业转债 is on the list and suspended: not bought, its slot stays empty"
    assert any(text in told for told in world.look(shown))
    assert not any("suspended: not bought" in told for told in world.look(shown, after=600))
