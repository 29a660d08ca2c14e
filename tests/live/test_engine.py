"""An engine in live mode in this process: its snapshots while the terminal is lost and comes back."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from miniqmt_emulator.control import Control

from core.engine.engine import Engine
from core.infra.clock import RealClock
from core.infra.home import Home
from core.model.command import Done, ExecutePlan, Failed, GiveConsent, MakePlan, RunSelfTest
from core.model.known import Known, Unknown
from core.model.settings import (
    BuySettings,
    FactorCatSettings,
    GuardSettings,
    OrderSettings,
    QmtSettings,
    Settings,
    StrategySettings,
)
from core.model.snapshot import Level, Need, Snapshot
from core.model.time import SHANGHAI
from tests.live.factorcat import PASSWORD, RECORD, STRATEGY, USER, LoopbackPlatform
from tests.live.world import ACCOUNT, bonds
from tests.miniqmt.terminal import shared_terminal
from tests.waiting import PATIENCE

OPENING = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)
LISTED = bonds(4)


@pytest.fixture
def control() -> Control:
    control = shared_terminal().control
    control.reset(
        {
            "clock": "2026-05-15 10:00:00",
            "accounts": [{"account_id": ACCOUNT, "cash": 100_000.0}],
            "instruments": [{"code": code, "name": f"bond {code[:6]}", "prev_close": 100.0} for code in LISTED],
            "settings": {"latency": {"default": 0.001}, "session_reuse_gap": 0.0},
        }
    )
    for code in LISTED:
        control.set_quote(code, 100.0, depth=100_000, volume_add=5_000)
    return control


@pytest.fixture
def engine(tmp_path: Path, control: Control, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    shift = OPENING - datetime.now(SHANGHAI)
    monkeypatch.setattr(RealClock, "now", lambda _: datetime.now(SHANGHAI) + shift)
    monkeypatch.setenv("ROTOR_FACTORCAT__PASSWORD", PASSWORD)
    monkeypatch.setattr("core.brokers.qmt_connection.RETRY_GAP", 0.2)
    monkeypatch.setattr("core.brokers.qmt_connection._BACKOFF", (0.2,))
    platform = LoopbackPlatform(f"{OPENING:%Y-%m-%d}")
    platform.listed = LISTED
    settings = Settings(
        mode="live",
        factorcat=FactorCatSettings(base_url=platform.url, username=USER),
        qmt=QmtSettings(userdata=str(shared_terminal().userdata), account=ACCOUNT),
        guards=GuardSettings(redemption="off", cross_check="off"),
        strategy=StrategySettings(strategy_id=STRATEGY, history_id=RECORD),
        buy=BuySettings(),
        orders=OrderSettings(type="market", timeout=5),
    )
    engine = Engine(Home(tmp_path), settings)
    engine.start()
    try:
        engine.wait_ready()
        yield engine
    finally:
        engine.stop()
        platform.close()


def until(engine: Engine, true: Callable[[Snapshot], bool], seconds: float = PATIENCE) -> Snapshot:
    deadline = time.monotonic() + seconds
    while engine.latest is None or not true(engine.latest):
        assert time.monotonic() < deadline, engine.latest
        time.sleep(0.02)
    return engine.latest


def health(shown: Snapshot) -> tuple[Level, str]:
    return next((one.level, one.text) for one in shown.health if one.name == "QMT")


@pytest.mark.slow
def test_consent_and_self_test_are_requested_before_the_first_order(engine: Engine) -> None:
    assert until(engine, lambda shown: shown.ready).needs == (Need.CONSENT, Need.SELF_TEST)
    early = engine.send(RunSelfTest()).result(30)
    assert isinstance(early, Failed)
    assert early.refused
    assert isinstance(engine.send(GiveConsent("1")).result(30), Failed)
    assert isinstance(engine.send(GiveConsent(ACCOUNT)).result(30), Done)
    tested = engine.send(RunSelfTest()).result(60)
    assert isinstance(tested, Done)
    assert tested.value.passed, tested.value.lines
    assert until(engine, lambda shown: not shown.needs).needs == ()
    made = engine.send(MakePlan()).result(60)
    assert isinstance(made, Done)
    done = engine.send(ExecutePlan(made.value.plan_id)).result(60)
    assert isinstance(done, Done)
    assert done.value.complete, done


def test_a_lost_terminal_turns_trading_off_and_its_return_is_reconciled_first(engine: Engine, control: Control) -> None:
    shown = until(engine, lambda shown: shown.ready and health(shown)[0] is Level.GOOD)
    assert health(shown)[1].endswith("ms")
    assert isinstance(shown.asset, Known)
    control.drop_link("trade")
    away = until(engine, lambda shown: bool(shown.blockers))
    assert "connection lost since 05-15 10:0" in away.blockers[0].text
    assert isinstance(until(engine, lambda shown: isinstance(shown.asset, Unknown)).asset, Unknown)
    plan = engine.send(MakePlan()).result(30)
    assert isinstance(plan, Done)
    assert plan.value.refused is not None
    control.restore_link("trade")
    back = until(engine, lambda shown: shown.ready and isinstance(shown.asset, Known))
    texts = [event.text for event in back.events]
    assert sum("is connected" in text for text in texts) == 2
    assert texts.index("Positions reconciled, trading enabled") < len(texts) - 1


@pytest.mark.slow
def test_prices_that_stop_are_an_alarm(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.engine.health.SILENCE", 0.5)
    engine.send(MakePlan()).result(30)
    shown = until(engine, lambda shown: any(one.name == "quotes" and one.level is Level.ERROR for one in shown.health))
    assert any("no price has been heard" in event.text for event in shown.events)
