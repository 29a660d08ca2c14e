"""A paper account of 100,000 CNY that follows the list of a real HTTP server at tradable prices."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.brokers.paper import PaperBroker
from core.engine.assembly import Components, compose
from core.factorcat.client import FactorCatClient
from core.infra.clock import SteppedClock
from core.model.plan import Plan
from core.model.settings import GuardSettings, Settings, StrategySettings
from core.quotes.replay import ReplayFeed
from core.trading.state_store import StateStore
from tests.books import ToldBook
from tests.databases import trading_database
from tests.factorcat.server import Reply, Server, answer
from tests.worlds import DAY, NOW, quote

SELECT = "/bond-selection/today-bond-selection"
PARAMETERS = "/strategies/1/histories/1/parameters"
CODES = ("113001", "113002", "123003", "127004")
QUOTED = (*CODES, "127005", "127006", "127007")


def row(code: str, **changes: Any) -> dict[str, Any]:
    return {"kzz_code": code, "name": f"bond {code}", "price": 100.0, "trade_date": "2026-05-15"} | changes


def listed(*rows: object) -> Reply:
    return answer(200, [{"selected_bonds": list(rows)}])


GOOD = listed(*[row(code) for code in CODES])


@dataclass
class ListWorld:
    server: Server
    components: Components
    clock: SteppedClock

    def use(self, settings: Settings) -> None:
        self.components.rotation.use_settings(settings)

    async def plan(self, reply: Reply) -> Plan:
        self.server.on(SELECT, reply)
        return await self.components.rotation.plan()

    async def follow(self, reply: Reply = GOOD) -> Plan:
        """Carry out what the list asks for."""
        await self.components.rotation.reconcile()
        plan = await self.plan(reply)
        await self.components.rotation.execute(plan)
        return plan


@asynccontextmanager
async def list_world(folder: Path, guards: GuardSettings | None = None) -> AsyncIterator[ListWorld]:
    server = Server()
    server.on(
        "/auth/login",
        answer(200, {"access_token": "header.payload.signature", "token_type": "bearer", "username": "u"}),
    )
    server.on("/auth/generate-long-term-token", answer(404, {"detail": "none"}))
    await server.start()
    clock, feed = SteppedClock(NOW), ReplayFeed()
    settings = Settings(
        mode="paper",
        strategy=StrategySettings(strategy_id=1, history_id=1),
        guards=guards or GuardSettings(),
    )
    database = trading_database(folder / "app.db")
    broker = PaperBroker(folder / "paper.db", feed, clock, settings.fees, Decimal(100_000), durable=False)
    platform = FactorCatClient(server.url, version="test", clock=clock)
    components = compose(settings, clock, feed, platform, database, StateStore(database), broker, ToldBook())
    await feed.start()
    feed.show(DAY, {one.code: one for one in (quote(code, bid=Decimal(100), ask=Decimal(100)) for code in QUOTED)})
    await platform.login("user", "a-long-password")
    try:
        yield ListWorld(server, components, clock)
    finally:
        await components.close()
        await server.stop()
