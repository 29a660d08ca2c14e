"""After the machine slept, nothing is sent before the account is reconciled; screen and alert say so."""

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from core.brokers.broker import ConnectionStatus
from core.brokers.paper import PaperBroker
from core.engine.engine import Engine
from core.infra.config import load_settings
from core.infra.home import Home
from core.model.command import ExecutePlan, MakePlan
from core.model.known import Known
from core.model.notification import NotificationKind
from core.model.order import Order, Origin
from core.model.snapshot import BlockKind, BlockReason, Control, Snapshot
from core.notify.alerts import find_conditions
from core.trading.status import TradingStatus
from tests.engine.test_engine import ask, ended, until
from tests.waiting import PATIENCE
from tui.cli.offline import prepare_demo

T = TypeVar("T")
ASLEEP = "the computer was asleep; positions are not reconciled yet"


def engine_at(folder: Path, speed: float) -> Engine:
    settings = load_settings(folder, environ={})
    stops = settings.stops.model_copy(update={"stop_loss": Decimal("0.04"), "take_profit": Decimal("0.5")})
    return Engine(Home(folder), settings.model_copy(update={"stops": stops}), speed=speed)


@pytest.fixture(scope="module")
def invested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after a rebalance, which at the market's own speed would take seconds."""
    folder = tmp_path_factory.mktemp("invested")
    prepare_demo(Home(folder))
    engine = engine_at(folder, speed=30)
    engine.start()
    try:
        engine.wait_ready()
        plan = ask(engine, MakePlan())
        ask(engine, ExecutePlan(plan.plan_id))
        until(engine, ended(plan.plan_id))
    finally:
        engine.stop()
    return folder


@pytest.fixture
def engine(tmp_path: Path, invested: Path) -> Iterator[Engine]:
    shutil.copytree(invested, tmp_path / "home")
    engine = engine_at(tmp_path / "home", speed=1)
    engine.start()
    try:
        engine.wait_ready()
        yield engine
    finally:
        engine.stop()


class SleepWorld:
    """A running engine with holdings, whose account responses can be held back."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        runtime = engine._runtime  # pyright: ignore[reportPrivateUsage]
        assert runtime is not None
        self.engine, self.runtime = engine, runtime
        self.components = runtime._components  # pyright: ignore[reportPrivateUsage]
        self.manager = self.components.order_manager
        self.code = min(self.manager.ledger.holdings())
        self.asked, self.answers = threading.Event(), threading.Event()
        positions = self.manager.broker.positions
        health = self.runtime._health  # pyright: ignore[reportPrivateUsage]
        check, sleeps = health.check, [60.0]

        async def slow_positions() -> Any:
            self.asked.set()
            await asyncio.to_thread(self.answers.wait, 30)
            return await positions()

        def fall_asleep() -> None:
            monkeypatch.setattr(self.manager.broker, "positions", slow_positions)
            monkeypatch.setattr(health, "check", lambda: check() or (sleeps.pop() if sleeps else 0.0))

        self.fall_asleep = fall_asleep

    def on_the_loop(self, work: Coroutine[Any, Any, T]) -> T:
        loop = self.engine._loop  # pyright: ignore[reportPrivateUsage]
        assert loop is not None
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    async def falls_through_its_stop(self, wait: float = 0.3) -> tuple[str, bool, tuple[str, ...]]:
        """Publish a price below the stop-loss; return the stop's row and the reasons trading is off."""
        found = (await self.components.feed.snapshot([self.code]))[self.code]
        assert isinstance(found, Known)
        cost = self.manager.ledger.holdings()[self.code].cost
        last = (cost * Decimal("0.95")).quantize(Decimal("0.001"))
        price = replace(found.value, last=last, at=self.components.clock.now())
        self.runtime._quotes.on_quotes({self.code: price})  # pyright: ignore[reportPrivateUsage]
        row = self.components.stops.rows()[self.code]
        await asyncio.sleep(wait)
        return row.state, row.armed, self.manager.status.texts

    def stop_orders(self) -> list[Order]:
        today = self.components.clock.now().date()
        orders = self.manager.journal.of_day(today)
        return [order for order in orders if order.intent.origin is Origin.STOP_LOSS]


def alert(shown: Snapshot) -> list[str]:
    found = find_conditions(shown, (), None, None)
    return [item.text for item in found if item.kind is NotificationKind.TRADING and item.key == "off"]


def test_after_a_wake_up_no_stop_fires_until_the_account_is_reconciled(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = SleepWorld(engine, monkeypatch)
    world.fall_asleep()
    try:
        assert world.asked.wait(PATIENCE)
        shown = until(engine, lambda shown: not shown.ready)
        state, armed, reasons = world.on_the_loop(world.falls_through_its_stop())
        orders = world.stop_orders()
    finally:
        world.answers.set()
    assert orders == []
    assert tuple(reason.text for reason in shown.blockers) == reasons == (ASLEEP,)
    assert (state, armed) == (f"trading is off: {ASLEEP}", False)
    assert alert(shown) == [f"trading is off, no order is sent and no stop fires: {ASLEEP}"]
    assert alert(until(engine, lambda shown: shown.ready)) == []
    world.on_the_loop(world.falls_through_its_stop())
    assert world.stop_orders()[0].intent.code == world.code


def test_the_first_price_after_a_sleep_sells_nothing_before_the_sleep_is_detected(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = SleepWorld(engine, monkeypatch)
    health = world.runtime._health  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(type(health), "overslept", True)
    state, armed, _ = world.on_the_loop(world.falls_through_its_stop())
    assert (world.stop_orders(), armed, state) == ([], False, f"trading is off: {ASLEEP}")


def _lose_connection(world: SleepWorld) -> None:
    broker = world.manager.broker
    assert isinstance(broker, PaperBroker)
    broker.connection = replace(broker.connection, status=ConnectionStatus.DISCONNECTED, detail="the terminal is away")


def _reconnect(world: SleepWorld) -> None:
    broker = world.manager.broker
    assert isinstance(broker, PaperBroker)
    broker.connection = replace(broker.connection, number=broker.connection.number + 1)


def _find_a_mismatch(world: SleepWorld) -> None:
    status = world.manager.status
    status.end_reconciliation(status.begin_reconciliation(), (BlockReason(BlockKind.MISMATCH, "a row differs"),))


def _lock_the_books(world: SleepWorld) -> None:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    world.manager.journal.backlog.note(error)


_BLOCK: dict[BlockKind, Callable[[SleepWorld], object]] = {
    BlockKind.NOT_RECONCILED: lambda world: setattr(
        world.manager, "status", TradingStatus(world.manager.broker, world.manager.journal.backlog)
    ),
    BlockKind.RECONNECTED: _reconnect,
    BlockKind.WOKE_UP: lambda world: world.manager.status.woke_up(),
    BlockKind.CONNECTION_LOST: _lose_connection,
    BlockKind.ACCOUNT_SILENT: lambda world: world.manager.status.account_silent("no answer within 5 s"),
    BlockKind.MISMATCH: _find_a_mismatch,
    BlockKind.BOOKING_FAULT: lambda world: world.manager.status.add_fault("a fill could not be booked"),
    BlockKind.BOOKS_UNWRITABLE: _lock_the_books,
}


@pytest.mark.parametrize("kind", [Control.HALTED, *_BLOCK], ids=str)
def test_whatever_blocks_orders_the_stop_the_screen_and_the_alert_say_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, kind: BlockKind | Control
) -> None:
    world = SleepWorld(engine, monkeypatch)

    async def check() -> tuple[str, bool, Snapshot]:
        if isinstance(kind, Control):
            world.components.rotation.controls.engage(kind)
        else:
            _BLOCK[kind](world)
        state, armed, _ = await world.falls_through_its_stop(wait=0)
        return state, armed, world.runtime._snapshots.snapshot()  # pyright: ignore[reportPrivateUsage]

    state, armed, shown = world.on_the_loop(check())
    alerts = [item.text for item in find_conditions(shown, (), None, None) if item.kind is NotificationKind.TRADING]
    assert (world.stop_orders(), armed) == ([], False)
    if isinstance(kind, Control):
        assert shown.controls == (kind,)
        assert "halted" in state
        assert any("halted: no order is sent and no stop fires" in text for text in alerts)
        return
    reason = next(reason for reason in shown.blockers if reason.kind is kind)
    assert not shown.ready
    assert state.startswith(f"trading is off: {reason.text}")
    assert any(reason.text in text and "no stop fires" in text for text in alerts)
