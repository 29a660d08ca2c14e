"""The engine's life cycle: separate modes, slow platforms, failing components, a clean exit."""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import keyring
import pytest
from pydantic import SecretStr

from core.engine.engine import Engine, EngineFailed
from core.engine.runtime import EngineRuntime
from core.infra.clock import RealClock, ScaledClock
from core.infra.config import load_settings
from core.infra.home import Home, HomeInUse, HomeLock, database_files
from core.infra.logs import hide
from core.model.command import Done, ExecutePlan, Failed, LoggedIn, Login, Logout, MakePlan, RunStrategy
from core.model.known import Known
from core.model.settings import QmtSettings, Settings
from core.model.snapshot import Level, Snapshot
from core.model.time import SHANGHAI
from tests.engine.test_engine import FAST, ask, ended, started, until
from tests.factorcat.server import Server, answer, silence
from tests.infra.keyrings import MemoryKeyring
from tui.cli.offline import prepare_demo

Serve = Callable[[Callable[[Server], None]], str]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    prepare_demo(home)
    return home


@pytest.fixture
def serve() -> Any:
    """A platform on loopback with its own loop: `serve(prepare)` returns its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers: list[Server] = []

    def start(prepare: Callable[[Server], None]) -> str:
        server = Server()
        prepare(server)
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(60)
        servers.append(server)
        return server.url

    yield start
    for server in servers:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()


@pytest.fixture
def credentials() -> Any:
    before = keyring.get_keyring()
    credentials = MemoryKeyring()
    keyring.set_keyring(credentials)
    yield credentials
    keyring.set_keyring(before)


def takes_logins(server: Server) -> None:
    token = {"access_token": "header.payload.signature", "token_type": "bearer", "username": "bob"}
    server.on("/auth/login", answer(200, token))
    server.on("/auth/generate-long-term-token", answer(404, {"detail": "none"}))


def paper(url: str, **more: Any) -> Settings:
    """Without the guards that ask other sites: nothing here is about them."""
    guards = {"cross_check": "off", "redemption": "off"}
    return Settings.model_validate({"mode": "paper", "factorcat": {"base_url": url}, "guards": guards, **more})


def test_a_ready_engine_has_a_snapshot(home: Home) -> None:
    """`rotor run` takes the account in its first sentence from it."""
    with started(Engine(home, load_settings(home.path))) as engine:
        engine.wait_ready()
        assert engine.latest is not None
        assert engine.latest.account


def test_sandbox_holdings_are_not_owned_in_another_mode(home: Home) -> None:
    sandbox = Engine(home, load_settings(home.path, environ={}), speed=FAST)
    sandbox.start()
    sandbox.wait_ready()
    plan = ask(sandbox, MakePlan())
    ask(sandbox, ExecutePlan(plan.plan_id))
    until(sandbox, ended(plan.plan_id))
    sandbox.stop()
    other = Engine(home, paper("http://127.0.0.1:9"))
    other.start()
    try:
        other.wait_ready()
        shown = until(other, lambda shown: isinstance(shown.positions, Known))
    finally:
        other.stop()
    assert shown.positions == Known(())
    assert shown.rebalance is None
    assert shown.orders == ()


def test_a_stale_endpoint_of_a_crashed_engine_is_ignored(home: Home) -> None:
    home.prepare()
    home.endpoint.write_text('{"port": 9, "key": "old", "pid": 1}', encoding="utf-8")
    with started(Engine(home, load_settings(home.path), by_itself=False)) as engine:
        engine.wait_ready()
        assert not home.endpoint.exists()


def test_each_account_has_its_own_database(home: Home) -> None:
    modes = [Settings(), Settings(mode="paper")]
    modes += [Settings(mode="live", qmt=QmtSettings(account=account)) for account in ("8880001", "8880002")]
    files = [file for settings in modes for file in database_files(home, settings)]
    assert len(set(files)) == len(files)


def test_an_unresponsive_platform_does_not_delay_the_account(
    home: Home, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve(lambda server: server.on("/auth/login", silence()))
    monkeypatch.setenv("ROTOR_FACTORCAT__PASSWORD", "a-long-password")
    with started(Engine(home, paper(url, factorcat={"base_url": url, "username": "bob"}))) as engine:
        began = time.monotonic()
        engine.wait_ready(5)
        assert time.monotonic() - began < 5
        assert until(engine, lambda shown: shown.ready).platform_user is None


def test_a_plan_asked_for_before_the_login_has_begun_waits_for_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    reconcile, reached, go_on = EngineRuntime._reconcile, threading.Event(), threading.Event()

    async def held(self: EngineRuntime) -> bool:
        reached.set()
        await asyncio.to_thread(go_on.wait)
        return await reconcile(self)

    monkeypatch.setattr(EngineRuntime, "_reconcile", held)
    engine = Engine(home, load_settings(home.path), speed=FAST)
    engine.start()
    try:
        assert reached.wait(60)
        asked = engine.send(MakePlan())
        go_on.set()
        made = asked.result(60)
        assert isinstance(made, Done)
        assert made.value.refused is None
    finally:
        go_on.set()
        engine.stop()


def test_a_plan_refused_without_a_login_is_made_again_after_it(
    home: Home, serve: Serve, credentials: MemoryKeyring
) -> None:
    with started(Engine(home, paper(serve(takes_logins), strategy={"strategy_id": 1, "history_id": 1}))) as engine:
        engine.wait_ready()
        refused = ask(engine, MakePlan())
        assert refused.refused is not None
        assert until(engine, lambda shown: shown.plan is not None).plan == refused
        engine.send(Login("bob", "a-long-password", remember=False)).result(60)
        again = until(engine, lambda shown: shown.plan is not None and shown.plan.plan_id != refused.plan_id).plan
        assert again is not None
        assert again.refused != refused.refused  # this platform has no list, which is another reason


def test_a_login_is_kept_although_strategies_cannot_be_listed(
    home: Home, serve: Serve, credentials: MemoryKeyring
) -> None:
    url = serve(takes_logins)
    with started(Engine(home, paper(url, strategy={"strategy_id": 1, "history_id": 1}))) as engine:
        engine.wait_ready()
        account = f"bob@{url.removeprefix('http://')}"
        assert engine.send(Login("bob", "a-long-password", remember=True)).result(60) == Done(LoggedIn("bob"))
        assert credentials.kept == {
            ("rotor", f"factorcat:{account}"): "a-long-password",
            ("rotor", f"token:{account}"): "header.payload.signature",
        }
        logged_out = ask(engine, Logout())
        assert "no password and no token of bob is stored here now" in logged_out
        assert "Stops go on" in logged_out
        assert credentials.kept == {}
        assert until(engine, lambda shown: shown.platform_user is None).username == "bob"
        engine.send(Login("bob", "a-long-password", remember=True)).result(60)
        engine.send(Login("bob", "a-long-password", remember=False)).result(60)
        assert credentials.kept == {}


def test_a_stopping_engine_leaves_no_open_order(home: Home) -> None:
    engine = Engine(home, load_settings(home.path, {"orders.type": "limit"}, environ={}), speed=1)
    engine.start()
    engine.wait_ready()
    plan = ask(engine, MakePlan())
    running = engine.send(ExecutePlan(plan.plan_id))
    until(engine, lambda shown: any(order.live for order in shown.orders))
    engine.stop()
    reply = running.result(60)
    assert isinstance(reply, Failed)
    with closing(sqlite3.connect(home.paper_database)) as books:
        states = {state for (state,) in books.execute("select state from orders")}
    assert states <= {"filled", "cancelled"}
    with closing(sqlite3.connect(home.database)) as journal:
        assert journal.execute("select stage from runs").fetchall()[0][0].startswith("interrupted")


@pytest.mark.parametrize("file", ["app.db", "paper.db"])
def test_an_unreadable_database_is_named_and_not_changed(home: Home, file: str) -> None:
    home.prepare()
    broken = home.data / file
    broken.write_bytes(b"this was never a database, " * 100)
    refused = pytest.raises(EngineFailed, match=r"cannot be opened, nothing was sent.*rotor restore")
    with started(Engine(home, Settings())) as engine, refused:
        engine.wait_ready()
    assert broken.read_bytes().startswith(b"this was never")
    assert "the books cannot be opened" in "".join(log.read_text(encoding="utf-8") for log in home.logs.iterdir())


def test_a_data_folder_stays_locked_while_its_engine_runs(home: Home) -> None:
    engine = Engine(home, load_settings(home.path, environ={}), speed=FAST)
    engine.start()
    engine.wait_ready()
    engine.stop(seconds=0.0)
    try:
        if engine._thread.is_alive():  # pyright: ignore[reportPrivateUsage]
            with pytest.raises(HomeInUse):
                HomeLock(home).acquire("sandbox", datetime.now(SHANGHAI))
    finally:
        engine.stop()
    HomeLock(home).acquire("sandbox", datetime.now(SHANGHAI)).release()


def test_a_failing_viewer_does_not_affect_the_others(home: Home) -> None:
    engine = Engine(home, load_settings(home.path, environ={}), speed=FAST)
    seen: list[Snapshot] = []

    def broken(_: Snapshot) -> None:
        raise RuntimeError("this viewer is broken")

    engine.subscribe(broken)
    engine.subscribe(seen.append)
    engine.start()
    try:
        engine.wait_ready()
        until(engine, lambda shown: shown.number > 2)
        assert seen
    finally:
        engine.stop()


def test_subscribed_prices_that_never_arrive_are_an_alarm(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.engine.health.SILENCE", 0.2)
    monkeypatch.setattr("core.sandbox.market.SandboxMarket._tell", lambda self: None)
    with started(Engine(home, load_settings(home.path, environ={}), speed=1)) as engine:
        engine.wait_ready()
        ask(engine, MakePlan())
        shown = until(engine, lambda shown: any(h.name == "quotes" and h.level is Level.ERROR for h in shown.health))
        assert next(health.text for health in shown.health if health.name == "quotes") == "none yet"


async def test_deadlines_hold_if_the_machine_s_time_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = RealClock()
    before = clock.elapsed()
    monkeypatch.setattr(clock, "now", lambda: datetime.now(SHANGHAI) - timedelta(hours=1))
    await asyncio.sleep(0.01)
    assert 0 < clock.elapsed() - before < 5


def test_a_complete_engine_run_logs_no_error(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        engine = Engine(home, load_settings(home.path, environ={}), speed=FAST)
        engine.start()
        engine.wait_ready()
        plan = ask(engine, MakePlan())
        ask(engine, ExecutePlan(plan.plan_id))
        shown = until(engine, ended(plan.plan_id))
        engine.stop()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert isinstance(shown.asset, Known)
    assert shown.asset.value.frozen == Decimal(0)


def test_after_a_crash_during_a_rebalance_a_new_plan_can_be_made(home: Home) -> None:
    settings = load_settings(home.path, environ={})
    engine = Engine(home, settings, speed=FAST)
    engine.start()
    engine.wait_ready()
    plan = ask(engine, MakePlan())
    ask(engine, ExecutePlan(plan.plan_id))
    engine.stop()
    with closing(sqlite3.connect(home.database)) as journal, journal:
        journal.execute("update runs set finished_at = null, stage = 'begun'")
    again = Engine(home, settings, speed=FAST)
    again.start()
    try:
        again.wait_ready()
        shown = until(again, lambda shown: shown.ready)
        assert shown.rebalance is not None
        assert not shown.rebalance.running
        assert shown.rebalance.stage.startswith("interrupted")
        assert shown.rebalance.unresolved == ()
        assert ask(again, MakePlan()).refused is None
    finally:
        again.stop()


def test_the_sandbox_skips_the_night(home: Home) -> None:
    with started(Engine(home, load_settings(home.path, environ={}), speed=3600)) as engine:
        engine.wait_ready()
        shown = until(engine, lambda shown: shown.at.date() > datetime(2026, 5, 15, tzinfo=SHANGHAI).date())
        assert shown.at.date().isoformat() == "2026-05-18"
        assert shown.session == "open"
        assert ask(engine, MakePlan()).refused is None


def test_events_contain_no_secrets_and_no_control_characters(home: Home) -> None:
    hide(SecretStr("hunter2-secret"))
    with started(Engine(home, load_settings(home.path, environ={}), speed=FAST)) as engine:
        engine.wait_ready()
        try:
            raise RuntimeError("inside hunter2-secret")
        except RuntimeError:
            logging.getLogger("core.test").exception("oops hunter2-secret \x1b[2J")
        shown = until(engine, lambda shown: any("oops" in event.text for event in shown.events))
    assert [event.text for event in shown.events if "oops" in event.text] == ["oops *** \\x1b[2J"]


def test_after_the_calendar_s_end_the_sandbox_stays_closed_and_keeps_running(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    with started(Engine(home, load_settings(home.path, environ={}), speed=1)) as engine:
        engine.wait_ready()
        shift = engine._runtime  # pyright: ignore[reportPrivateUsage]
        assert shift is not None
        clock = shift._components.clock  # pyright: ignore[reportPrivateUsage]
        assert isinstance(clock, ScaledClock)
        clock.move_to(datetime(2026, 12, 31, 15, 1, tzinfo=SHANGHAI))
        first = until(engine, lambda shown: shown.at.year == 2026 and shown.at.month == 12)
        shown = until(engine, lambda shown: shown.at > first.at + timedelta(seconds=2))
    assert shown.session == "closed"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_strategy_whose_name_cannot_be_fetched_is_not_stored(home: Home, serve: Serve) -> None:
    url = serve(takes_logins)
    with started(Engine(home, paper(url))) as engine:
        engine.wait_ready()
        engine.send(Login("bob", "a-long-password", remember=False)).result(60)
        assert isinstance(engine.send(RunStrategy(7, 703)).result(60), Failed)
        assert load_settings(home.path, environ={}).strategy.history_id == 0
        assert isinstance(engine.send(RunStrategy(7, 703, "known by name")).result(60), Done)
        assert load_settings(home.path, environ={}).strategy.history_id == 703
