"""What an engine is made of, in each mode."""

import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Protocol

from core.akshare.client import AkshareClient
from core.bonds.book import AkshareBondInfo, BondInfoProvider
from core.bonds.eligibility import Eligibility
from core.bonds.overrides import FILE as OVERRIDES
from core.brokers.broker import Broker
from core.brokers.paper import PaperBroker
from core.calendar.calendar import Calendar, keep_copy, list_days, seconds_left
from core.engine.live import check_live, claim_account, qmt_broker, terminal_quotes
from core.factorcat.client import FactorCatClient
from core.infra.clock import Clock, RealClock, ScaledClock
from core.infra.database import open_database, wait_at_most
from core.infra.home import ExclusiveLock, Home, database_files
from core.model.bond import BondCode
from core.model.known import Maybe, Unknown
from core.model.quote import Quote, SessionPhase
from core.model.settings import Settings
from core.model.snapshot import Event, Snapshot
from core.quotes.akshare import AkshareQuotes
from core.quotes.day_lines import DayLines, PastMinutes
from core.quotes.failover import FailoverQuotes, QuoteSource
from core.quotes.feed import NoQuotes, QuoteFeed, Quotes
from core.quotes.index_history import TABLE as INDEX_TABLE
from core.quotes.index_history import BenchmarkSource, BondIndex
from core.quotes.qmt import QmtQuotes
from core.quotes.shares import NoShares, SharePrices, TencentShares
from core.quotes.tencent import TencentQuotes
from core.sandbox.dialects import Dialect
from core.trading.books import check_books
from core.trading.equity import EquityCurve
from core.trading.followed_record import FollowedRecord
from core.trading.journal import Journal
from core.trading.ledger import Ledger
from core.trading.order_manager import OrderManager
from core.trading.risk import LiveConsent, OrderLimits, PreTradeRisk, TradingControls
from core.trading.rotation import Rotation
from core.trading.runs import Runs
from core.trading.state_store import TRADING, StateStore
from core.trading.stop_monitor import StopMonitor
from core.trading.todays_list import TodaysList

if TYPE_CHECKING:
    from sqlite_utils import Database

    from core.sandbox.market import SandboxMarket

log = logging.getLogger(__name__)

PAPER_CAPITAL, SANDBOX_CAPITAL = Decimal(1_000_000), Decimal(100_000)
"""CNY that a new account begins with; in the sandbox so much that the default of 10,000 for each bond invests it."""

SANDBOX_TIME = "sandbox_time"

_PATIENCE = 1.0
"""Seconds that the engine waits for another process which writes to the books; nothing else goes on meanwhile."""


class SettingsUser(Protocol):
    """Something that works by the settings, and can change to others between two events."""

    def use_settings(self, settings: Settings) -> None:
        """Work by these settings from now on."""
        ...


@dataclass(frozen=True, slots=True)
class LastQuotes:
    """`newest` is the newest quote's own time, `at` the monotonic second when it came in."""

    newest: datetime
    at: float


@dataclass(slots=True)
class RunState:
    """What the engine has seen since it started, all of it in memory.

    `watched_at` is the monotonic second since when prices are followed, None while none are. `shown` is the newest
    snapshot.
    """

    events: deque[Event] = field(default_factory=lambda: deque[Event](maxlen=200))
    quotes: Quotes = field(default_factory=dict[BondCode, Maybe[Quote]])
    day_lines: DayLines = field(default_factory=DayLines)
    last_quotes: LastQuotes | None = None
    watched_at: float | None = None
    strategy_name: str = ""
    shown: Snapshot | None = None


MakeSources = Callable[[Settings], Sequence[QuoteSource]]
"""The sources of quotes that the settings name, best first."""


@dataclass(frozen=True, slots=True)
class Components:
    """What the engine is made of. `live_consent` and `claim`, the lock on the account, are None but in live mode.
    `shares` are shown and decide nothing."""

    clock: Clock
    calendar: Calendar
    feed: QuoteFeed
    platform: FactorCatClient
    database: "Database"
    order_manager: OrderManager
    runs: Runs
    state_store: StateStore
    todays_list: TodaysList
    rotation: Rotation
    followed_record: FollowedRecord
    stops: StopMonitor
    bonds: BondInfoProvider
    eligibility: Eligibility
    limits: OrderLimits
    equity: EquityCurve
    state: RunState
    quote_sources: MakeSources
    shares: SharePrices
    live_consent: LiveConsent | None = None
    claim: ExclusiveLock | None = None
    benchmark: BenchmarkSource | None = None

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.rotation.settings

    def settings_users(self) -> tuple[SettingsUser, ...]:
        """Everything here that works by the settings."""
        kinds = (LiveConsent, PaperBroker, FailoverQuotes, AkshareBondInfo, TencentShares)
        others = (self.live_consent, self.order_manager.broker, self.feed, self.bonds, self.shares)
        found = (
            self.rotation,
            self.order_manager.risk,
            self.limits,
            self.eligibility,
            self.followed_record,
            self.stops,
            self.platform,
            self.todays_list,
        )
        return (*found, *(one for one in others if isinstance(one, kinds)))

    @property
    def why_no_permission(self) -> str | None:
        """Why this account takes no order yet in live mode, None where it does."""
        return self.live_consent.why_not() if self.live_consent else None

    async def close(self) -> None:
        """Close everything, also where closing some of it fails."""
        async with AsyncExitStack() as stack:
            if self.claim is not None:
                stack.callback(self.claim.release)
            stack.callback(self.database.close)
            stack.callback(self.state_store.backlog.close)
            stack.callback(self.store_sandbox_time)
            stack.callback(self.bonds.close)
            if self.benchmark is not None:
                stack.callback(self.benchmark.close)
            stack.push_async_callback(self.platform.aclose)
            stack.push_async_callback(self.order_manager.broker.stop)
            stack.push_async_callback(self.feed.stop)
            stack.push_async_callback(self.shares.stop)

    def skip_closed_hours(self) -> bool:
        """Move the sandbox's time from a closed market to the next session; whether that was done.

        Beyond the last day of the calendar there is no next session: the sandbox's market stays closed.
        """
        if not (isinstance(self.clock, ScaledClock) and self.settings.mode == "sandbox"):
            return False
        now = self.clock.now()
        if self.calendar.phase(now) not in {SessionPhase.BREAK, SessionPhase.CLOSED, SessionPhase.CLOSED_DAY}:
            return False
        if isinstance(self.calendar.next_session(now.date()), Unknown):
            return False
        from core.sandbox.prices import next_start

        self.clock.move_to(next_start(self.calendar.sessions, now))
        return True

    def store_sandbox_time(self) -> None:
        """Store the sandbox's time: its next run continues there."""
        if self.settings.mode == "sandbox":
            self.state_store.keep(SANDBOX_TIME, self.clock.now().isoformat())


def build(home: Home, settings: Settings, speed: float = 1.0, dialects: Collection[Dialect] = ()) -> Components:
    """The components for the settings' mode. Of the sandbox: `speed`, its market seconds per second, and `dialects`.

    Raises `LiveUnavailable`, and `HomeUnusable` for books that cannot be used or are damaged.
    """
    check_live(settings)
    app_file, paper_file = database_files(home, settings)
    calendar = Calendar.of(home, settings.mode)
    if calendar.trouble is not None:
        log.warning("%s", calendar.trouble)
    else:
        _keep_calendar(home)
    with ExitStack() as opened:
        database = opened.enter_context(closing(open_database(app_file, TRADING)))
        check_books(database)
        wait_at_most(database, _PATIENCE)
        state_store = StateStore(database)
        quote_sources: MakeSources = _no_sources
        shares: SharePrices = NoShares()
        if settings.mode == "sandbox":
            settings = as_started(settings)
            clock, feed, platform, bonds, benchmark = _sandbox(state_store, settings, speed, dialects, calendar)
            past = feed
        else:
            clock = RealClock()
            terminal = terminal_quotes(settings, clock, calendar)
            feed, bonds = real_sources(home, settings, clock, calendar, terminal)
            quote_sources = partial(sources_of, clock=clock, calendar=calendar, terminal=terminal)
            platform = FactorCatClient.of(settings, clock)
            benchmark, past = _bond_index(home, settings, clock, calendar), None
            shares = TencentShares(clock, settings, open_now=lambda: calendar.orders_allowed(clock.now()) is None)
        broker: Broker
        claim = None
        if settings.mode == "live":
            claim = claim_account(settings, clock)
            opened.callback(claim.release)
            broker = qmt_broker(settings, clock, calendar, state_store)
        else:
            capital = SANDBOX_CAPITAL if settings.mode == "sandbox" else PAPER_CAPITAL
            broker = PaperBroker(paper_file, feed, clock, settings.fees, capital)
        components = compose(
            settings,
            clock,
            feed,
            platform,
            database,
            state_store,
            broker,
            bonds,
            calendar,
            quote_sources=quote_sources,
            shares=shares,
            claim=claim,
            benchmark=benchmark,
            past=past,
        )
        opened.pop_all()  # from here on the components close what they hold
    return components


def _bond_index(home: Home, settings: Settings, clock: Clock, calendar: Calendar) -> BondIndex:
    quotes, proxy = settings.quotes, settings.network.proxy
    file = home.data / "tables" / f"{INDEX_TABLE}.json"
    return BondIndex(file, AkshareClient(clock, proxy=proxy), clock, calendar.previous_session, quotes.tencent, proxy)


def _no_sources(settings: Settings) -> tuple[QuoteSource, ...]:
    """The sandbox's market is its only source."""
    return ()


def sources_of(
    settings: Settings, *, clock: Clock, calendar: Calendar, terminal: QmtQuotes | NoQuotes
) -> list[QuoteSource]:
    """The sources of quotes in the settings' order. Without a terminal, paper mode leaves MiniQMT out."""

    def open_now() -> bool:
        return calendar.orders_allowed(clock.now()) is None

    makers: dict[str, Callable[[], QuoteSource]] = {
        "qmt": lambda: terminal,
        "tencent": lambda: TencentQuotes(
            clock, open_now=open_now, address=settings.quotes.tencent, proxy=settings.network.proxy
        ),
        "akshare": lambda: AkshareQuotes(clock, AkshareClient(clock, proxy=settings.network.proxy), open_now=open_now),
    }
    wanted = dict.fromkeys(settings.quotes.sources)
    if settings.mode != "live" and isinstance(terminal, NoQuotes) and len(wanted) > 1:
        wanted.pop("qmt", None)
    return [makers[name]() for name in wanted]


def real_sources(
    home: Home, settings: Settings, clock: Clock, calendar: Calendar, terminal: QmtQuotes | NoQuotes
) -> tuple[FailoverQuotes, AkshareBondInfo]:
    """Quotes, best source first, and what is known of bonds."""
    feed = FailoverQuotes(
        sources_of(settings, clock=clock, calendar=calendar, terminal=terminal),
        clock,
        open_now=lambda: calendar.orders_allowed(clock.now()) is None,
        cross_check=settings.cross_checked,
        ratio=settings.guards.cross_check_ratio,
    )
    bonds = AkshareBondInfo(
        home.data / "tables",
        home.path / OVERRIDES,
        AkshareClient(clock, proxy=settings.network.proxy),
        clock,
        calendar.previous_session,
        terminal.facts if isinstance(terminal, QmtQuotes) else lambda code: None,
        required=settings.guards.redemption == "required",
        fetch=settings.guards.redemption != "off",
    )
    return feed, bonds


def _keep_calendar(home: Home) -> None:
    try:
        keep_copy(home.calendar_file, home.calendar_copy)
    except OSError as error:
        log.warning("the copy of %s could not be saved: %s", home.calendar_file.name, error)


def as_started(settings: Settings) -> Settings:
    """What an engine runs on: a sandbox in which no strategy was chosen follows a double-low record of ten bonds."""
    if settings.mode != "sandbox" or settings.strategy.history_id:
        return settings
    from core.sandbox.strategies import FIRST_RECORD, FIRST_STRATEGY

    first = settings.strategy.model_copy(update={"strategy_id": FIRST_STRATEGY, "history_id": FIRST_RECORD})
    return settings.model_copy(update={"strategy": first})


def _sandbox(
    state_store: StateStore, settings: Settings, speed: float, dialects: Collection[Dialect], calendar: Calendar
) -> "tuple[Clock, SandboxMarket, FactorCatClient, BondInfoProvider, BenchmarkSource]":
    from core.sandbox.bonds import SandboxBondInfo
    from core.sandbox.index import SandboxIndex
    from core.sandbox.market import SandboxMarket
    from core.sandbox.platform import EmbeddedPlatform
    from core.sandbox.prices import next_start
    from core.sandbox.recorded import load_sandbox_data

    start = next_start(calendar.sessions, state_store.latest(SANDBOX_TIME))
    clock = ScaledClock(start, speed)
    market = SandboxMarket(clock, load_sandbox_data(calendar.sessions))
    transport = EmbeddedPlatform(market, clock, dialects)
    platform = FactorCatClient.of(settings, clock, transport)
    return clock, market, platform, SandboxBondInfo(market.data), SandboxIndex(market)


def compose(
    settings: Settings,
    clock: Clock,
    feed: QuoteFeed,
    platform: FactorCatClient,
    database: "Database",
    state_store: StateStore,
    broker: Broker,
    bonds: BondInfoProvider,
    calendar: Calendar | None = None,
    *,
    quote_sources: MakeSources = _no_sources,
    shares: SharePrices | None = None,
    claim: ExclusiveLock | None = None,
    benchmark: BenchmarkSource | None = None,
    past: PastMinutes | None = None,
) -> Components:
    """Build the other components around these; without a calendar, on the shipped one."""
    calendar = calendar or Calendar()
    live_consent = None
    if settings.mode == "live":
        live_consent = LiveConsent(state_store, broker.account, waived=settings.guards.self_test == "waived")
    controls = TradingControls(state_store)
    journal = Journal(database)
    limits = OrderLimits(journal, state_store, controls, settings.guards)
    checks = (controls, live_consent, limits) if live_consent else (controls, limits)
    risk = PreTradeRisk(settings, calendar.orders_allowed, checks)
    order_manager = OrderManager(broker, journal, Ledger(database), risk, clock, limits.order_rejected)
    eligibility = Eligibility(bonds, calendar, settings.guards, clock)
    sources = feed if isinstance(feed, FailoverQuotes) else None
    runs = Runs(database)
    todays_list = TodaysList(settings, platform, clock)
    rotation = Rotation(
        settings=settings,
        clock=clock,
        feed=feed,
        order_manager=order_manager,
        controls=controls,
        runs=runs,
        fetch=todays_list.fetch,
        list_days=partial(list_days, calendar),
        seconds_left=lambda now: seconds_left(calendar, now),
        dangers=eligibility,
        second=sources,
    )
    followed_record = FollowedRecord(settings, platform, state_store)
    stops = StopMonitor(
        order_manager,
        rotation.account,
        feed,
        controls,
        settings,
        followed_record,
        live_consent,
        sources,
    )
    return Components(
        clock=clock,
        calendar=calendar,
        feed=feed,
        platform=platform,
        database=database,
        order_manager=order_manager,
        runs=runs,
        state_store=state_store,
        todays_list=todays_list,
        rotation=rotation,
        followed_record=followed_record,
        stops=stops,
        bonds=bonds,
        eligibility=eligibility,
        limits=limits,
        equity=EquityCurve(state_store, order_manager, clock),
        state=RunState(day_lines=DayLines(past=past)),
        quote_sources=quote_sources,
        shares=shares or NoShares(),
        live_consent=live_consent,
        claim=claim,
        benchmark=benchmark,
    )
