"""The schedule of one data folder, whose runs are noted down."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from core.calendar.calendar import Calendar
from core.engine.scheduler import RunScheduler
from core.infra.clock import SteppedClock
from core.model.known import Known, Maybe
from core.model.order import Origin
from core.model.platform import Selection
from core.model.settings import ScheduleSettings, Settings, StopSettings, StrategySettings
from core.model.time import SHANGHAI
from core.trading.state_store import StateStore
from tests import worlds
from tests.databases import trading_database

REBALANCE, REFILL = Origin.REBALANCE, Origin.REFILL
FOLLOWED = StrategySettings(strategy_id=4, history_id=403)
DAILY = Settings(schedule=ScheduleSettings(time="14:50"))
WITH_REFILL = Settings(schedule=ScheduleSettings(time="14:50"), stops=StopSettings(refill=True, refill_time="14:50"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


class Killed(BaseException):
    """The process ends here."""


class Brittle(StateStore):
    """Crashes at its nth write."""

    left: int | None = None

    def keep(self, key: str, value: str) -> None:
        if self.left is not None:
            if self.left == 0:
                raise Killed
            self.left -= 1
        super().keep(key, value)


class ScheduleWorld:
    """The schedule of one data folder; `again` is a restart over the same file."""

    def __init__(self, path: Path, settings: Settings = DAILY, now: str = "2026-05-14 20:00") -> None:
        self.settings = settings
        self.strategy = FOLLOWED
        self.carry_out: Callable[[Origin], Awaitable[str | None]] | None = None
        self.fetch: Callable[[], Awaitable[Maybe[Selection]]] | None = None
        self.clock = SteppedClock(at(now))
        self.db = trading_database(path)
        self.state_store = Brittle(self.db)
        self.ran: list[tuple[Origin, datetime]] = []
        self.refusals: list[str | None] = []
        self.listed: Maybe[Selection] = Known(worlds.selection("113001", "113002"))
        self.scheduler = self.again()

    def again(self, settings: Settings | None = None) -> RunScheduler:
        self.carry_out = self.fetch = None
        self.settings = (settings or self.settings).model_copy(update={"strategy": self.strategy})
        self.scheduler = RunScheduler(
            self.settings,
            self.clock,
            Calendar(),
            self.state_store,
            self,
        )
        self.scheduler.check_missed_runs()
        return self.scheduler

    def follow(self, strategy: StrategySettings) -> None:
        self.strategy = strategy
        self.settings = self.settings.model_copy(update={"strategy": strategy})
        self.scheduler.use_settings(self.settings)

    async def due(self, now: str) -> None:
        self.clock.move_to(at(now))
        await self.scheduler.rebalance_due()

    @property
    def runs(self) -> list[str]:
        return [f"{origin} {moment:%m-%d %H:%M}" for origin, moment in self.ran]

    @property
    def why(self) -> str:
        missed = self.scheduler.missed
        return f"{missed.planned_at:%m-%d %H:%M} {missed.why}" if missed else ""

    async def run(self, origin: Origin) -> str | None:
        if self.carry_out is not None:
            return await self.carry_out(origin)
        self.ran.append((origin, self.clock.now()))
        await asyncio.sleep(0)
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is None and origin is REBALANCE:
            self.scheduler.rebalanced()
        return refusal

    async def selection(self) -> Maybe[Selection]:
        return self.listed if self.fetch is None else await self.fetch()
