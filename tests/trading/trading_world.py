"""The trading core on a temporary file, with a scripted broker and a clock that runs scheduled calls."""

import asyncio
import heapq
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from core.bonds.eligibility import Eligibility
from core.calendar.calendar import Calendar
from core.infra.clock import SteppedClock
from core.model.bond import BondCode
from core.model.known import Known, Maybe
from core.model.order import Fill, Intent, Order, OrderState, Origin, Side
from core.model.plan import Plan
from core.model.platform import Selection
from core.model.quote import Quote
from core.model.settings import BuySettings, OrderSettings, Settings, StrategySettings
from core.model.time import SHANGHAI
from core.quotes.replay import ReplayFeed
from core.rules.sessions import no_orders_at, working_seconds
from core.rules.stops import Ratios
from core.trading.journal import Journal
from core.trading.ledger import Ledger
from core.trading.order_manager import OrderManager
from core.trading.risk import OrderLimits, PreTradeRisk, TradingControls
from core.trading.rotation import Rotation
from core.trading.runs import Runs
from core.trading.state_store import StateStore
from core.trading.stop_monitor import StopMonitor
from tests import worlds
from tests.books import ToldBook
from tests.databases import trading_database
from tests.trading.hostile import HostileBroker

A, B, C, D = (BondCode(code) for code in ("113001", "113002", "123001", "123002"))
TODAY = worlds.DAY
TEN = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)

BUY, SELL = Side.BUY, Side.SELL


class Agenda(SteppedClock):
    """A stepped clock with scheduled calls: waiting moves it from one to the next."""

    def __init__(self, now: datetime = TEN) -> None:
        super().__init__(now)
        self._due: list[tuple[datetime, int, Callable[[], object]]] = []
        self._numbers = count()

    def after(self, seconds: float, what: Callable[[], object]) -> None:
        heapq.heappush(self._due, (self.now() + timedelta(seconds=seconds), next(self._numbers), what))

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        end = self.now() + timedelta(seconds=max(0.0, seconds))
        while not await self._came(event):
            if not self._due or self._due[0][0] > end:
                self.move_to(max(end, self.now()))
                return event.is_set()
            at, _, what = heapq.heappop(self._due)
            self.move_to(max(at, self.now()))
            what()
        return True

    @staticmethod
    async def _came(event: asyncio.Event) -> bool:
        for _ in range(10):
            if event.is_set():
                return True
            await asyncio.sleep(0)
        return event.is_set()


class TradingWorld:
    """The trading core of one data folder. `again` is a restart over the same file and broker."""

    def __init__(self, path: Path, broker: HostileBroker, clock: Agenda, settings: Settings) -> None:
        self._path = path
        self.broker = broker
        self.clock = clock
        self.settings = settings
        self.listed: Maybe[Selection] = Known(worlds.selection())
        self.feed = ReplayFeed()
        self.show(*(worlds.quote(code) for code in (A, B, C, D)))
        self._next: TradingWorld | None = None
        self.db = trading_database(path)
        self.journal = Journal(self.db)
        self.ledger = Ledger(self.db)
        self.controls = TradingControls(StateStore(self.db))
        self.limits = OrderLimits(self.journal, StateStore(self.db), self.controls, settings.guards)
        risk = PreTradeRisk(
            settings,
            lambda now: no_orders_at(now.time()),
            (self.controls, self.limits),
        )
        self.order_manager = OrderManager(broker, self.journal, self.ledger, risk, clock, self.limits.order_rejected)
        status = self.order_manager.status
        status.end_reconciliation(status.begin_reconciliation(), ())
        self.book = ToldBook()
        self.second: dict[BondCode, Maybe[Quote]] = {}
        self.doubts: dict[BondCode, str] = {}
        self.prev_close_doubts: dict[BondCode, str] = {}
        self.rotation = Rotation(
            settings=settings,
            clock=clock,
            feed=self.feed,
            order_manager=self.order_manager,
            controls=self.controls,
            runs=Runs(self.db),
            fetch=self._fetch,
            list_days=lambda now, _: Known((now.date(),)),
            seconds_left=lambda now: working_seconds(now.time()),
            dangers=Eligibility(self.book, Calendar(), settings.guards, clock),
            second=self if settings.guards.cross_check == "always" else None,
        )
        self.ratios = Ratios(profit=Known(Decimal("0.1")), loss=Known(Decimal("0.05")))
        self.stops = StopMonitor(
            *(self.order_manager, self.rotation.account, self.feed, self.controls, settings, self),
            second=self,
        )

    async def second_opinion(self, codes: Iterable[BondCode]) -> dict[BondCode, Maybe[Quote]]:
        return self.second

    def contradiction(self, quote: Quote) -> str | None:
        return self.doubts.get(quote.code)

    def other_prev_close(self, quote: Quote) -> str | None:
        return self.prev_close_doubts.get(quote.code)

    @property
    def path(self) -> Path:
        return self._path

    @property
    def owned(self) -> dict[BondCode, int]:
        return {code: row.volume for code, row in self.ledger.holdings().items()}

    def show(self, *quotes: worlds.Quote) -> None:
        self.feed.show(TODAY, {quote.code: quote for quote in quotes})

    def own(self, **volumes: int) -> None:
        """The strategy owns this much, and the account holds it: `own(A=100)`."""
        for name, volume in volumes.items():
            code = {"A": A, "B": B, "C": C, "D": D}[name]
            fill = Fill(
                date(2026, 5, 14), "1", f"own-{name}", "", code, BUY, volume, Decimal(100), Decimal(0), worlds.NOW
            )
            self.ledger.book(fill, "")
            self.broker.held[code] = self.broker.held.get(code, 0) + volume

    def tick(self, code: BondCode, last: str, **changes: Any) -> worlds.Quote:
        """Publish a price of now; the previous close is 100."""
        quote = worlds.quote(code, last, **{"at": self.clock.now(), "prev_close": Decimal(100), **changes})
        self.stops.on_quotes({code: quote})
        return quote

    async def quiet(self) -> None:
        """Wait until no stop is being carried out."""
        idle = 0
        for _ in range(20_000):
            await asyncio.sleep(0)
            idle = 0 if self.order_manager.claims else idle + 1
            if idle == 4:
                return
        raise AssertionError("a stop does not come to its end")

    async def ticked(self, code: BondCode, last: str, **changes: Any) -> None:
        """Publish a price and wait until the stops it triggers are done."""
        self.tick(code, last, **changes)
        await self.quiet()

    async def placed(self, count: int) -> None:
        """Wait until so many orders have reached the broker."""
        for _ in range(1000):
            if len(self.broker.placed) >= count:
                return
            await asyncio.sleep(0)
        raise AssertionError(f"{len(self.broker.placed)} orders were placed")

    async def plan(self, *codes: BondCode) -> Plan:
        """The plan that follows a list of these bonds."""
        self.listed = Known(worlds.selection(*codes))
        plan = await self.rotation.plan()
        assert plan.refused is None, plan.refused
        return plan

    async def rebalance(self, *codes: BondCode) -> str:
        return await self.rotation.execute(await self.plan(*codes))

    def orders(self, code: BondCode) -> list[Order]:
        return [order for order in self.journal.of_day(self.clock.now().date()) if order.intent.code == code]

    def states(self, code: BondCode) -> list[OrderState]:
        return [order.state for order in self.orders(code)]

    def sent(self, side: Side) -> list[tuple[BondCode, int]]:
        """What reached the broker's `place`, in order."""
        return [(intent.code, intent.volume) for intent in self.broker.placed if intent.side is side]

    def again(self, broker: HostileBroker | None = None) -> "TradingWorld":
        self.close()
        self.broker.hang_up()
        self._next = TradingWorld(self._path, broker or self.broker, self.clock, self.settings)
        return self._next

    def close(self) -> None:
        """Close the file, also that of a restarted world."""
        self.db.close()
        if self._next is not None:
            self._next.close()

    async def _fetch(self) -> Maybe[Selection]:
        return self.listed


def settings(*, amount: int = 10_100, balance: bool = False, timeout: int = 30, reprices: int = 2) -> Settings:
    return Settings(
        strategy=StrategySettings(strategy_id=1, history_id=1, empty_list="sell"),
        buy=BuySettings(amount_type="balance") if balance else BuySettings(amount=Decimal(amount)),
        orders=OrderSettings(timeout=timeout, reprices=reprices),
    )


def intent(
    key: str, code: BondCode, side: Side, volume: int, price: str = "100", day: date = TODAY, plan: str = "plan"
) -> Intent:
    return Intent(key, plan, day, code, "", side, volume, Decimal(price), "test")


def meant_for(origin: Origin, order: Intent) -> Intent:
    return replace(order, origin=origin)
