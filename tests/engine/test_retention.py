"""What is old is removed while the market is closed; what is traded on stays."""

import os
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from core.infra.database import rows
from core.model.bond import BondCode
from core.model.command import Done, ExecutePlan, MakePlan
from core.model.order import Intent, OrderState, Side
from core.model.settings import StorageSettings
from tests.day.loop import SimulatedLoop, simulate
from tests.day.world import DAY, SETTINGS, DayWorld

SHORT = SETTINGS.model_copy(update={"storage": StorageSettings(history_days=30, log_days=7)})
LONG_AGO = DAY.replace(hour=14) - timedelta(days=40)
Story = Callable[[DayWorld], Awaitable[None]]


def play(folder: Path, story: Story) -> None:
    loop = SimulatedLoop()
    world = DayWorld(folder, loop, settings=SHORT)

    async def day() -> None:
        await world.open()
        await story(world)
        await world.close()

    simulate(day(), loop)


def write_order(world: DayWorld, key: str, state: OrderState, at: datetime) -> None:
    code = BondCode("110059.SH")
    journal = world.components.order_manager.journal
    journal.intend([Intent(key, key, at.date(), code, "浦发转债", Side.BUY, 10, Decimal(100), "on the list")], at)
    journal.record(key, state, "and so it stands", at)


def steps(world: DayWorld) -> set[str]:
    return {row["client_order_id"] for row in rows(world.db, "transitions")}


def test_the_steps_of_old_orders_go_and_the_orders_stay(tmp_path: Path) -> None:
    async def story(world: DayWorld) -> None:
        write_order(world, "old", OrderState.CANCELLED, LONG_AGO)
        write_order(world, "yesterday", OrderState.CANCELLED, DAY - timedelta(days=3))
        await world.until("09:17")
        assert steps(world) == {"yesterday"}
        assert [order.intent.client_order_id for order in world.components.order_manager.journal.all()] == [
            "old",
            "yesterday",
        ]

    play(tmp_path, story)


def test_of_an_old_day_the_last_equity_stays_and_the_opening_capital(tmp_path: Path) -> None:
    old = [LONG_AGO + timedelta(minutes=minute) for minute in range(3)]
    minutes = [*old, DAY - timedelta(days=3), DAY - timedelta(days=3, minutes=-1)]

    async def story(world: DayWorld) -> None:
        for number, moment in enumerate(minutes):
            world.components.state_store.add_equity(moment, Decimal(number))
        await world.until("09:17")
        kept = [row["at"] for row in rows(world.components.database, "equity") if row["at"] < DAY.isoformat()]
        assert kept == [at.isoformat() for at in (old[0], *minutes[2:])]

    play(tmp_path, story)


def test_old_logs_go_at_the_start_and_other_files_stay(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for name, days in (("2026-01-05.log", 8), ("2026-01-06.log", 6), ("my notes.txt", 99)):
        (logs / name).write_text("a line", "utf-8")
        written = time.time() - days * 86400
        os.utime(logs / name, (written, written))

    async def story(world: DayWorld) -> None:
        assert sorted(path.name for path in logs.iterdir()) == ["2026-01-06.log", "my notes.txt"]

    play(tmp_path, story)


def test_nothing_is_removed_while_orders_may_be_sent(tmp_path: Path) -> None:
    async def story(world: DayWorld) -> None:
        await world.until("09:31")
        write_order(world, "old", OrderState.CANCELLED, LONG_AGO)
        write_order(world, "new", OrderState.CANCELLED, DAY - timedelta(days=3))
        world.shift._retention._done = None
        await world.until("09:34")
        assert steps(world) == {"old", "new"}

    play(tmp_path, story)


def test_the_memory_keeps_open_orders_and_those_of_the_day(tmp_path: Path) -> None:
    async def story(world: DayWorld) -> None:
        write_order(world, "old", OrderState.CANCELLED, LONG_AGO)
        write_order(world, "in doubt", OrderState.UNKNOWN, LONG_AGO)
        journal = world.components.order_manager.journal
        before = journal["old"]
        journal.release(DAY.date())
        assert set(journal._orders) == {"in doubt"}
        assert set(journal.of_day(LONG_AGO.date())) == {before, journal["in doubt"]}

    play(tmp_path, story)


def test_a_plan_of_the_same_day_is_still_carried_out_once(tmp_path: Path) -> None:
    async def story(world: DayWorld) -> None:
        await world.until("09:31")
        made = await world.ask(MakePlan())
        assert isinstance(made, Done)
        await world.ask(ExecutePlan(made.value.plan_id))
        held = world.held
        world.components.runs.drop(DAY.date())
        world.components.order_manager.journal.release(DAY.date())
        assert not isinstance(await world.ask(ExecutePlan(made.value.plan_id)), Done)
        assert world.held == held

    play(tmp_path, story)
