"""The trading core on the SDK's real Python layer over an emulated terminal, at twenty times the speed."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from miniqmt_emulator.launch import TerminalProcess

from core.brokers.qmt import QmtBroker
from core.brokers.qmt_connection import SessionIds
from core.infra.clock import ScaledClock
from core.infra.database import open_database
from core.model.bond import BondCode
from core.model.known import Known, Maybe
from core.model.order import Order, Side
from core.model.plan import Plan
from core.model.platform import Selection
from core.model.settings import BuySettings, OrderSettings, QmtSettings, Settings, StrategySettings
from core.model.time import SHANGHAI
from core.quotes.qmt import QmtQuotes
from core.rules.performance import EntryKind
from core.trading.journal import Journal
from core.trading.ledger import Ledger
from core.trading.order_manager import OrderManager
from core.trading.reconcile import reconcile
from core.trading.risk import PreTradeRisk, TradingControls
from core.trading.rotation import Rotation
from core.trading.runs import Runs
from core.trading.state_store import TRADING, StateStore
from tests import waiting, worlds

ACCOUNT = "8880001"
OPENING = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)
OLD = tuple(BondCode(code) for code in ("113001", "113003", "123002", "123004"))
NEW = tuple(BondCode(code) for code in ("113011", "113013", "123012", "123014"))
HELD = 100
"""张 of each old bond that the strategy owns at the start."""

SPEED = 20.0
PATIENCE = 0.8
"""Real seconds that the terminal may take for an answer in these tests."""

SETTINGS = Settings(
    mode="live",
    strategy=StrategySettings(strategy_id=1, history_id=1, empty_list="sell"),
    buy=BuySettings(amount=Decimal(10_200)),
    orders=OrderSettings(type="market", timeout=6, reprices=1),
)


class TerminalWorld:
    """One account and one database. `again` is a restart: a new broker over the same files."""

    def __init__(
        self,
        folder: Path,
        terminal: TerminalProcess,
        sessions: Callable[[], int],
        *,
        old: Sequence[BondCode] = OLD,
        new: Sequence[BondCode] = NEW,
        speed: float = SPEED,
        patience: float = PATIENCE,
    ) -> None:
        self.terminal = terminal
        self.control = terminal.control
        self.clock = ScaledClock(OPENING, speed)
        self.settings = SETTINGS
        self._old, self._new = tuple(old), tuple(new)
        self._patience = patience
        self._path = folder / "app.db"
        self._sessions = sessions
        self._listed = self._new

    def furnish(self, cash: float = 100_000) -> None:
        """A fresh terminal; the strategy owns the old bonds, and the account one more of the user's own."""
        mine = [{"code": str(code), "volume": HELD, "cost_price": 100.0} for code in self._old]
        codes = (*self._old, *self._new)
        self.control.reset(
            {
                "clock": {"now": OPENING.isoformat(), "frozen": True},
                "accounts": [{"account_id": ACCOUNT, "cash": cash, "positions": mine}],
                "instruments": [{"code": str(code), "name": f"bond {code[:6]}", "prev_close": 100.0} for code in codes],
                "settings": {"latency": {"default": 0.001}, "session_reuse_gap": 0.0},
            }
        )
        for code in codes:
            self.control.set_quote(code, 100.0, depth=100_000, volume_add=5_000)

    async def open(self, *, durable: bool = False) -> "TerminalWorld":
        self.db = open_database(self._path, TRADING, durable=durable)
        self.journal, self.ledger = Journal(self.db), Ledger(self.db)
        qmt = QmtSettings(userdata=str(self.terminal.userdata), account=ACCOUNT)
        ids = SessionIds(self._sessions(), 1, None)
        self.broker = QmtBroker(qmt, self.clock, ids, is_day_off=lambda: False, timeout=self._patience)
        self.feed = QmtQuotes(self.clock, open_now=lambda: True, timeout=2.0)
        self.order_manager = OrderManager(
            self.broker, self.journal, self.ledger, PreTradeRisk(self.settings, lambda _: None), self.clock
        )
        self.rotation = Rotation(
            settings=self.settings,
            clock=self.clock,
            feed=self.feed,
            order_manager=self.order_manager,
            controls=TradingControls(StateStore(self.db)),
            runs=Runs(self.db),
            fetch=self._fetch,
            list_days=lambda now, _: Known((now.date(),)),
            seconds_left=lambda _: 60.0,
            dangers=None,
            second=None,
        )
        await self.feed.start()
        await self.broker.start()
        if not self.ledger.entries():
            for code in self._old:
                self.ledger.move_by_hand(EntryKind.ADOPTED, code, Side.BUY, HELD, Decimal(100), OPENING)
            assert await reconcile(self.order_manager) == ()
        return self

    async def close(self) -> None:
        await self.feed.stop()
        await self.broker.stop()
        self.db.close()

    async def next_day(self) -> None:
        """The terminal's next day: yesterday's lists are empty and order numbers restart."""
        day = self.control.advance_day()
        moment = OPENING.replace(year=int(day[:4]), month=int(day[4:6]), day=int(day[6:]))
        self.control.set_clock(moment.isoformat(), frozen=True)
        for code in (*self._old, *self._new):
            self.control.set_quote(code, 100.0, depth=100_000, volume_add=5_000)
        self.clock.move_to(moment)

    async def again(self) -> None:
        await self.close()
        await self.open()

    async def plan(self, codes: Iterable[BondCode] | None = None) -> Plan:
        self._listed = self._new if codes is None else tuple(codes)
        return await self.rotation.plan()

    async def rebalance(self, codes: Iterable[BondCode] | None = None) -> str:
        plan = await self.plan(codes)
        assert plan.refused is None, plan.refused
        return await self.rotation.execute(plan)

    async def link_is(self, *, up: bool) -> None:
        """Wait until the account is within reach, or out of it."""
        changed = asyncio.Event()
        self.broker.watch_connection(changed.set)
        while self.broker.connection.connected is not up:
            changed.clear()
            async with asyncio.timeout(waiting.PATIENCE):
                await changed.wait()

    async def reconciled(self) -> tuple[str, ...]:
        """What keeps trading off once the account has been asked."""
        await self.link_is(up=True)
        return await reconcile(self.order_manager)

    async def finish(self, codes: Sequence[BondCode] = NEW) -> None:
        """Rebalance as often as a user would until the account equals the list, checking every law each time."""
        for _ in range(3):
            assert await self.reconciled() == ()
            self.check()
            plan = await self.plan(codes)
            assert plan.refused is None, plan.refused
            if not plan.legs:
                break
            await self.rotation.execute(plan)
        assert set(self.held) == set(codes)
        self.check()

    def check(self) -> None:
        """Check that no order was sent twice and the ledger is right."""
        sent = Counter(request["remark"] for request in self.control.requests() if request["remark"])
        assert set(sent.values()) <= {1}, sent
        assert set(sent) <= {order.intent.client_order_id for order in self.journal.all()}
        held = self.held
        assert {code: row.volume for code, row in self.ledger.holdings().items()} == held
        bought = Counter[str]()
        for order in self.control.orders(side=23):
            bought[order["code"]] += order["traded"]
        assert all(volume <= 110 for volume in bought.values()), "more than one order's worth in a day"

    @property
    def held(self) -> dict[BondCode, int]:
        rows: list[dict[str, Any]] = self.control.account(ACCOUNT)["positions"]
        return {BondCode(row["code"]): row["volume"] for row in rows if row["volume"]}

    def orders(self, code: BondCode) -> list[Order]:
        return [order for order in self.journal.of_day(OPENING.date()) if order.intent.code == code]

    async def _fetch(self) -> Maybe[Selection]:
        return Known(worlds.selection(*self._listed, day=self.clock.now().date()))
