"""A data folder of rotor 0.1.0 is opened: everything in it is still read, and still in force."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from core.engine.engine import Engine
from core.infra.clock import RealClock
from core.infra.config import load_settings
from core.infra.credentials import Credentials
from core.infra.credentials_file import CredentialsFile
from core.infra.database import open_database
from core.infra.home import Home
from core.infra.updates import newer
from core.model.command import DayOfOrders, ReadOrders, ReadReport
from core.model.known import Known
from core.model.report import Report
from core.notify import delivery
from core.notify.channels import MailReceiver
from core.notify.delivery import Delivery
from core.notify.outbox import Outbox
from core.trading.journal import Journal
from core.trading.state_store import TRADING
from tests.engine.test_engine import ask
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
    assert "正常" in rotor(home, "config", "check")


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


def test_report_and_orders_screen_show_its_rows(home: Home) -> None:
    engine = Engine(home, load_settings(home.path, environ={}), by_itself=False)
    engine.start()
    try:
        engine.wait_ready()
        first: DayOfOrders = ask(engine, ReadOrders(date(2026, 5, 15)))
        second: DayOfOrders = ask(engine, ReadOrders(date(2026, 5, 18)))
        report: Report = ask(engine, ReadReport(None, date(2026, 5, 18)))
    finally:
        engine.stop()
    assert (len(first.orders), first.earlier, first.later) == (18, None, date(2026, 5, 18))
    assert (len(second.orders), second.earlier, second.later) == (5, date(2026, 5, 15), None)
    assert not any(order.unsent for order in (*first.orders, *second.orders))
    assert {order.client_order_id for order in report.orders} == {
        order.intent.client_order_id for order in (*first.orders, *second.orders)
    }
    filled = sum(order.filled_volume for order in (*first.orders, *second.orders))
    assert sum(row.filled for row in report.orders) == filled > 0
    assert len(report.stops) == 5
    assert sum(row.held > 0 for row in report.bonds) == HELD
    assert (report.first, report.last, len(report.equity) > 0) == (None, date(2026, 5, 18), True)


def test_orders_that_were_not_sent_are_recognised_once_by_their_old_text(home: Home) -> None:
    texts = {"a": "not sent: trading is halted", "b": "MiniQMT refused it: not sent: -1", "c": "refused"}
    with closing(sqlite3.connect(home.database)) as old, old:
        for key, text in texts.items():
            old.execute(
                "insert into orders (client_order_id, plan_id, trading_day, code, side, volume, price, reason, "
                "attempt, state, created_at, message) values (?, 'p', '2026-05-19', '110092.SH', 'buy', 10, '100', "
                "'', 1, 'refused', '2026-05-19T10:00:00+08:00', ?)",
                [key, text],
            )
    for _ in range(2):  # the second start finds the column
        with closing(open_database(home.database, TRADING)) as database:
            found = Journal(database).of_day(date(2026, 5, 19))
            assert {order.intent.client_order_id for order in found if order.unsent} == {"a"}


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
