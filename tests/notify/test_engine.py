"""Alerts of an engine: a mail for each rebalance; an unresponsive mail server delays and loses nothing."""

import time
from pathlib import Path

import pytest

from core.engine.engine import Engine
from core.infra.config import write_setting
from core.infra.home import Home
from core.model.command import ExecutePlan, MakePlan
from core.model.snapshot import Level
from core.notify import delivery
from tests.engine.test_engine import FAST, ask, ended, until
from tests.notify.smtp import Server, smtp_server
from tests.waiting import PATIENCE
from tui.cli.context import settings_of
from tui.cli.offline import prepare_demo


def start(folder: Path, server: Server) -> Engine:
    home = Home(folder)
    if not home.config_file.exists():
        prepare_demo(home)
    mail = {"host": "127.0.0.1", "port": server.port, "sender": "rotor@example.com", "receiver": "me@example.com"}
    write_setting(home.path, {f"notify.email.{key}": value for key, value in mail.items()})
    engine = Engine(home, settings_of(home), speed=FAST)
    engine.start()
    engine.wait_ready()
    return engine


def rebalance(engine: Engine) -> float:
    """Seconds from the command to its end."""
    plan = ask(engine, MakePlan())
    begun = time.monotonic()
    ask(engine, ExecutePlan(plan.plan_id))
    until(engine, ended(plan.plan_id))
    return time.monotonic() - begun


def wait_for(server: Server, text: str, seconds: float = PATIENCE) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for told in server.texts():
            if text in told:
                return told
        time.sleep(0.02)
    raise AssertionError(server.texts())


def test_a_mail_about_a_rebalance_starts_with_the_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "GATHER", 0.05)
    with smtp_server() as server:
        engine = start(tmp_path, server)
        try:
            rebalance(engine)
            told = wait_for(server, "rebalance finished: ")
            shown = until(engine, lambda shown: any(one.name == "news" for one in shown.health))
        finally:
            engine.stop()
    assert told.startswith("rotor SANDBOX")
    assert "  buy 1" in told
    assert {one.name: one.level for one in shown.health}["news"] is Level.GOOD


def test_an_unresponsive_mail_server_delays_no_order_and_loses_no_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "GATHER", 0.05)
    monkeypatch.setattr("core.notify.channels._SECONDS", 60.0)
    monkeypatch.setattr("core.notify.delivery._LAST_WAIT", 0.2)
    with smtp_server() as server:
        server.hangs = True
        engine = start(tmp_path, server)
        try:
            took = rebalance(engine)
        finally:
            begun = time.monotonic()
            engine.stop()
        assert took < 40
        assert time.monotonic() - begun < 40
        assert server.mails == []
        server.hangs = False
        engine = start(tmp_path, server)  # the next start
        try:
            assert "rebalance finished: " in wait_for(server, "rebalance finished: ")
        finally:
            engine.stop()
    assert sum(text.count("rebalance finished: ") for text in server.texts()) == 1
