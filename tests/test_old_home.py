"""A data folder of rotor 0.1.0 is opened: everything in it is still read, and still in force."""

import asyncio
import json
import shutil
import sqlite3
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from core.infra.clock import RealClock
from core.infra.config import load_settings
from core.infra.credentials import Credentials
from core.infra.credentials_file import CredentialsFile
from core.infra.home import Home
from core.infra.updates import newer
from core.model.known import Known
from core.notify import delivery
from core.notify.channels import MailReceiver
from core.notify.delivery import Delivery
from core.notify.outbox import Outbox
from tests.notify.smtp import email_at, smtp_server
from tests.waiting import until
from tui.cli.main import main

OLD = Path(__file__).parent / "data" / "home-0.1.0"
ORDERS, FILLS, HELD, NEWS = 23, 33, 13, 13
"""What the folder's tables hold."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    shutil.copytree(OLD, tmp_path / "home")
    return Home(tmp_path / "home")


def rotor(home: Home, *arguments: str) -> str:
    """What the command prints; it must succeed."""
    done = CliRunner().invoke(main, ["--home", str(home.path), *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def rows(database: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_every_old_setting_is_read(home: Home) -> None:
    settings = load_settings(home.path, environ={})
    assert (settings.mode, settings.language, settings.strategy.strategy_id, settings.strategy.history_id) == (
        *("sandbox", "zh"),
        *(4, 403),
    )
    assert (settings.buy.amount_type, settings.buy.reserve) == ("balance", 5000)
    assert (settings.orders.type, settings.orders.timeout, settings.orders.reprices) == ("market", 40, 1)
    stops = settings.stops
    assert (stops.take_profit, stops.stop_loss) == (Decimal("0.06"), Decimal("0.025"))
    assert (stops.basis, stops.refill, stops.refill_time) == ("both", True, "14:52")
    assert (settings.schedule.frequency, settings.schedule.time) == ("daily", "14:45")
    assert settings.guards.max_daily_buys == 3_000_000
    notify = settings.notify
    assert (notify.push_level, notify.per_hour, notify.events.rebalance, notify.events.stop) == (
        *("error", 15),
        *("warning", "error"),
    )
    assert (notify.email.host, notify.email.port, notify.email.sender) == ("127.0.0.1", 9, "rotor@example.com")
    assert (settings.screen.theme, settings.screen.bell) == ("light", False)
    assert "ok" in rotor(home, "config", "check")


def test_the_old_halt_is_in_force_and_account_and_ledger_agree(home: Home) -> None:
    status = json.loads(rotor(home, "status", "--json"))
    assert status["controls"] == ["halted"]
    assert (status["last_rebalance"]["plan_id"], status["last_rebalance"]["result"]) == ("260518-42273f", "done")
    assert status["open_orders"] == status["unresolved"] == []
    held = dict(rows(home.paper_database, "select code, volume from holdings"))
    assert {row["code"]: row["volume"] for row in status["ledger"]} == held
    assert len(held) == HELD


def test_a_plan_is_made_on_old_data(home: Home) -> None:
    plan = json.loads(rotor(home, "plan", "--json"))
    assert plan["refused"] is None
    assert plan["trading_day"] >= "2026-05-18"
    assert rows(home.database, "select count(*) from orders") == [(ORDERS,)]
    assert "halted" in rotor(home, "status", "--json")


def test_orders_and_ledger_and_equity_are_exported(home: Home) -> None:
    orders = json.loads(rotor(home, "export", "orders", "--json"))
    assert len(orders) == ORDERS
    assert {order["trading_day"] for order in orders} == {"2026-05-15", "2026-05-18"}
    assert sum(order["client_order_id"].startswith("260515-SL-") for order in orders) == 5
    assert len(json.loads(rotor(home, "export", "fills", "--json"))) == FILLS
    assert len(json.loads(rotor(home, "export", "ledger", "--json"))) == HELD
    assert len(json.loads(rotor(home, "export", "equity", "--json"))) > 50


def test_the_encrypted_file_opens_with_its_passphrase(home: Home) -> None:
    credentials = Credentials(CredentialsFile(home.credentials_file), {})
    credentials.open(SecretStr("correct horse battery staple"))
    found = credentials.read("rotor@example.com", "email")
    assert isinstance(found, Known)
    assert found.value is not None
    assert found.value.get_secret_value() == "mail-password-of-0.1.0"


async def test_undelivered_alerts_are_delivered(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "GATHER", 0.01)
    with smtp_server() as server:
        outbox = Outbox(home.outbox)
        receiver = MailReceiver(email_at(server), Credentials(CredentialsFile(home.path / "none.json"), {}))
        assert len(outbox.waiting("mail", receiver.least)) == NEWS
        outbox.mark_failed("mail", "as before", RealClock().now(), RealClock().now())
        carrier = Delivery(outbox, [receiver], 20, RealClock())
        task = asyncio.create_task(carrier.run())
        await until(lambda: not outbox.waiting("mail", receiver.least))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        told = "\n".join(server.texts())
    assert "rebalance has ended: done" in told
    assert "110092.SH 三房转债 910/910" in told


def test_the_stored_calendar_and_version_document_are_read(home: Home) -> None:
    assert "2027" in rotor(home, "calendar", "show")
    document = json.loads((home.data / "update.json").read_text("utf-8"))["document"]
    release = newer(document, "0.1.0")
    assert release is not None
    assert (release.version, date.fromisoformat(release.dated).year) == ("0.2.0", 2026)
