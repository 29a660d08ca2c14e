"""A rebalance to kill and restart: real files, the paper broker, a market that moves with the clock."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.brokers.paper import PaperBroker
from core.infra.database import open_database
from core.model.bond import BondCode
from core.model.known import Known, Maybe
from core.model.platform import Selection
from core.model.quote import Quote
from core.model.settings import BuySettings, OrderSettings, Settings, StrategySettings
from core.model.time import SHANGHAI
from core.quotes.replay import ReplayFeed
from core.rules.sessions import no_orders_at, working_seconds
from core.trading.journal import Journal
from core.trading.ledger import Ledger
from core.trading.order_manager import OrderManager
from core.trading.reconcile import reconcile
from core.trading.risk import PreTradeRisk, TradingControls
from core.trading.rotation import Rotation
from core.trading.runs import Runs
from core.trading.state_store import TRADING, StateStore
from tests import worlds
from tests.trading.trading_world import Agenda

OLD = (BondCode("113001"), BondCode("123001"))
NEW = (BondCode("113002"), BondCode("123002"))
TARGET = 100
"""What the amount buys of each bond at 100 CNY, 张."""

MORNING = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)
LATER = datetime(2026, 5, 15, 10, 30, tzinfo=SHANGHAI)
SETTINGS = Settings(
    strategy=StrategySettings(strategy_id=1, history_id=1, empty_list="sell"),
    buy=BuySettings(amount=Decimal(10_100)),
    orders=OrderSettings(timeout=30, reprices=2),
)


class CrashWorld:
    """The components of a rebalance over the files of one folder."""

    def __init__(self, folder: Path, start: datetime, *, durable: bool) -> None:
        self.clock = Agenda(start)
        self.feed = ReplayFeed()
        self.db = open_database(folder / "app.db", TRADING, durable=durable)
        self.broker = PaperBroker(
            folder / "paper.db", self.feed, self.clock, SETTINGS.fees, Decimal(50_000), durable=durable
        )
        self.journal, self.ledger = Journal(self.db), Ledger(self.db)
        risk = PreTradeRisk(SETTINGS, lambda now: no_orders_at(now.time()))
        self.order_manager = OrderManager(self.broker, self.journal, self.ledger, risk, self.clock)
        self.listed: tuple[BondCode, ...] = NEW
        self.rotation = Rotation(
            settings=SETTINGS,
            clock=self.clock,
            feed=self.feed,
            order_manager=self.order_manager,
            controls=TradingControls(StateStore(self.db)),
            runs=Runs(self.db),
            fetch=self._fetch,
            list_days=lambda now, _: Known((now.date(),)),
            seconds_left=lambda now: working_seconds(now.time()),
            dangers=None,
            second=None,
        )
        self.feed.watch([*OLD, *NEW])

    async def start(self) -> tuple[str, ...]:
        """Start as an engine does: feed, broker, reconciliation; return what keeps trading off."""
        await self.feed.start()
        await self.broker.start()
        return await reconcile(self.order_manager)

    async def rebalance(self, codes: Iterable[BondCode] = NEW) -> str:
        self.listed = tuple(codes)
        plan = await self.rotation.plan()
        assert plan.refused is None, plan.refused
        return await self.rotation.execute(plan)

    async def stop(self) -> None:
        await self.feed.stop()
        await self.broker.stop()
        self.db.close()

    def show(self, shown: int | None, thin: int | None = None, thin_codes: Iterable[BondCode] = ()) -> None:
        """Every bond at 100 with this volume on both sides; of the thin ones less."""
        quotes: dict[BondCode, Quote] = {}
        for code in (*OLD, *NEW):
            volume = thin if code in tuple(thin_codes) else shown
            quotes[code] = worlds.quote(
                code, at=self.clock.now(), bid=Decimal(100), ask=Decimal(100), bid_volume=volume, ask_volume=volume
            )
        self.feed.show(self.clock.now().date(), quotes)

    async def _fetch(self) -> Maybe[Selection]:
        return Known(worlds.selection(*self.listed))


async def furnish(folder: Path) -> None:
    """The strategy owns both old bonds."""
    world = CrashWorld(folder, MORNING, durable=False)
    world.show(None)
    assert await world.start() == ()
    assert await world.rebalance(OLD) == "done"
    await world.stop()


async def rotate(folder: Path) -> None:
    """Sell the old bonds and buy the new ones.

    The first sell is partly filled, times out and is repriced; the first buy is filled in two parts.
    """
    world = CrashWorld(folder, MORNING.replace(minute=10), durable=True)
    world.show(500, 70, [OLD[0]])
    world.clock.after(33, lambda: world.show(500, 60, [NEW[0]]))
    world.clock.after(50, lambda: world.show(500))
    assert await world.start() == ()
    ending = await world.rebalance()
    assert ending == "done", ending
    await world.stop()


def paper_rows(folder: Path, query: str) -> list[Any]:
    """Rows of the paper broker's file."""
    connection = sqlite3.connect(folder / "paper.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
