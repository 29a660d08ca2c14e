"""Exits: a danger is reported once a day, and the bond is sold, with retries until it is sold."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.calendar.calendar import Calendar
from core.engine.scheduler import ExitScheduler
from core.infra.clock import SteppedClock
from core.model.bond import BondCode
from core.model.order import Side
from core.model.time import SHANGHAI
from core.rules.performance import EntryKind
from core.rules.redemption import HeldDanger
from core.trading.ledger import Ledger
from core.trading.state_store import StateStore
from tests.databases import trading_database

A, B = BondCode("113001"), BondCode("127001")
MORNING = datetime(2026, 5, 15, 9, 31, tzinfo=SHANGHAI)


class ExitWorld:
    def __init__(self, folder: Path) -> None:
        self.clock = SteppedClock(MORNING)
        self.db = trading_database(folder / "app.db")
        self.state_store = StateStore(self.db)
        self.held: list[HeldDanger] = []
        self.ledger = Ledger(self.db)
        self.ledger.move_by_hand(EntryKind.ADOPTED, A, Side.BUY, 100, Decimal(100), MORNING)
        self.refusal: str | None = None
        self.sold = 0
        self.exit_scheduler = self.begin()

    def begin(self) -> ExitScheduler:
        return ExitScheduler(self.clock, Calendar(), self.state_store, self.ledger, self, self)

    async def leave(self) -> str | None:
        self.sold += 1
        return self.refusal

    def dangers(self) -> list[HeldDanger]:
        return self.held

    def threatens(self, code: BondCode = A, *, sell: bool = False) -> None:
        self.held.append(HeldDanger(code, f"{code}: called, 1,000 CNY at stake", "called", sell))


@pytest.fixture
def world(tmp_path: Path) -> ExitWorld:
    return ExitWorld(tmp_path)


async def test_a_danger_is_reported_once_a_day_even_after_restarts(
    world: ExitWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.threatens()
    await world.exit_scheduler.check()
    await world.exit_scheduler.check()
    await world.begin().check()
    assert caplog.text.count("at stake") == 1
    world.clock.move_to(MORNING + timedelta(days=1))
    await world.exit_scheduler.check()
    assert caplog.text.count("at stake") == 2
    world.threatens(B)
    await world.exit_scheduler.check()
    assert caplog.text.count("at stake") == 3
    assert world.sold == 0


async def test_an_exit_is_repeated_until_the_bond_is_sold(world: ExitWorld, caplog: pytest.LogCaptureFixture) -> None:
    world.threatens(sell=True)
    world.refusal = "no buyers"
    for _ in range(3):
        await world.exit_scheduler.check()
    assert world.sold == 3
    assert caplog.text.count("were not sold: no buyers") == 1
    world.ledger.leave(A, Decimal(100), MORNING.date(), MORNING)
    await world.exit_scheduler.check()
    assert world.sold == 3


async def test_a_danger_to_the_user_s_own_holding_is_reported_and_never_sold(
    world: ExitWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.threatens(B, sell=True)
    await world.exit_scheduler.check()
    assert world.sold == 0
    assert "at stake" in caplog.text


async def test_no_exit_is_sold_outside_trading_hours(world: ExitWorld) -> None:
    world.threatens(sell=True)
    world.clock.move_to(MORNING.replace(hour=12))
    await world.exit_scheduler.check()
    assert world.sold == 0
