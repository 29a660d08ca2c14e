"""Which parts an engine is made of, in which mode."""

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core import __version__
from core.akshare.client import AkshareClient
from core.bonds.book import AkshareBondInfo, BondInfoProvider
from core.bonds.eligibility import Eligibility
from core.bonds.overrides import FILE as OVERRIDES
from core.brokers.broker import Broker
from core.brokers.paper import PaperBroker
from core.calendar.calendar import Calendar, expected_list, seconds_left
from core.engine.live import claim_for_mode, qmt_broker, require_mode, terminal_quotes
from core.factorcat import FactorCatClient, FactorCatError
from core.i18n import say
from core.infra.clock import Clock, RealClock, ScaledClock
from core.infra.database import open_database
from core.infra.home import ExclusiveLock, Home, database_files
from core.model.known import Known, Maybe, Unknown
from core.model.platform import Selection
from core.model.quote import SessionPhase
from core.model.settings import Settings, StrategySettings
from core.quotes.akshare import AkshareQuotes
from core.quotes.failover import FailoverQuotes, QuoteSource
from core.quotes.feed import NoQuotes, QuoteFeed
from core.quotes.qmt import QmtQuotes
from core.quotes.tencent import TencentQuotes
from core.trading.journal import Journal
from core.trading.ledger import Ledger
from core.trading.order_manager import OrderManager
from core.trading.risk import LiveConsent, OrderLimits, PreTradeRisk, TradingControls
from core.trading.rotation import Rotation
from core.trading.runs import Runs
from core.trading.state_store import TRADING, StateStore
from core.trading.stop_monitor import StopMonitor
from core.trading.stop_ratios import StopRatios

if TYPE_CHECKING:
    from sqlite_utils import Database

log = logging.getLogger(__name__)

PAPER_CAPITAL = Decimal(1_000_000)
"""CNY that a new paper account begins with."""

SANDBOX_TIME = "sandbox_time"


@dataclass(frozen=True, slots=True)
class LastQuotes:
    """The last quotes that came in: `newest` is the newest one's time, `at` the monotonic second of their coming."""

    newest: datetime
    at: float


@dataclass(slots=True)
class Components:
    """What the engine composes.

    `live_consent` are asked for, and `claim` is held on the account, in live mode only.
    `heard` is None until the feed has spoken; `watched_at` is the monotonic second since when prices are followed.
    """

    settings: Settings
    clock: Clock
    calendar: Calendar
    feed: QuoteFeed
    platform: FactorCatClient
    database: "Database"
    order_manager: OrderManager
    runs: Runs
    state_store: StateStore
    rotation: Rotation
    stop_ratios: StopRatios
    stops: StopMonitor
    bonds: BondInfoProvider
    dangers: Eligibility
    limits: OrderLimits
    live_consent: LiveConsent | None = None
    claim: ExclusiveLock | None = None
    strategy_name: str = ""
    heard: LastQuotes | None = None
    watched_at: float | None = None

    async def close(self) -> None:
        """Close every part, whatever becomes of the others."""
        async with AsyncExitStack() as stack:
            if self.claim is not None:
                stack.callback(self.claim.release)
            stack.callback(self.database.close)
            stack.callback(self.keep_time)
            stack.callback(self.bonds.close)
            stack.push_async_callback(self.platform.aclose)
            stack.push_async_callback(self.order_manager.broker.stop)
            stack.push_async_callback(self.feed.stop)

    def skip_closed_hours(self) -> bool:
        """Move the sandbox's time over a break or a night to the next hours of trading; whether that was done.

        At the end of the calendar there is nowhere to move to: the sandbox's market stays closed.
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

    def keep_time(self) -> None:
        """Keep the sandbox's time, from which its next run goes on."""
        if self.settings.mode == "sandbox":
            self.state_store.keep(SANDBOX_TIME, self.clock.now().isoformat())


def build(home: Home, settings: Settings, speed: float = 1.0) -> Components:
    """The parts for the settings' mode. `speed` is the sandbox's: market seconds per second.

    Raises `ModeUnavailable`.
    """
    require_mode(settings)
    app_file, paper_file = database_files(home, settings)
    calendar = Calendar.with_file(home.calendar_file, guess_weekdays=settings.mode == "paper")
    if calendar.trouble is not None:
        log.warning("%s", calendar.trouble)
    with ExitStack() as opened:
        database = opened.enter_context(closing(open_database(app_file, TRADING)))
        state_store = StateStore(database)
        if settings.mode == "sandbox":
            settings = _with_a_strategy(settings)
            clock, feed, platform, bonds = _sandbox(state_store, settings, speed, calendar)
        else:
            clock = RealClock()
            feed, bonds = real_sources(home, settings, clock, calendar)
            platform = FactorCatClient(settings.factorcat.base_url, version=__version__, clock=clock)
        broker: Broker
        claim = None
        if settings.mode == "live":
            claim = claim_for_mode(settings, clock)
            opened.callback(claim.release)
            broker = qmt_broker(settings, clock, calendar, state_store)
        else:
            broker = PaperBroker(paper_file, feed, clock, settings.fees, PAPER_CAPITAL)
        components = compose(settings, clock, feed, platform, database, state_store, broker, bonds, calendar)
        components.claim = claim
        opened.pop_all()  # from here on the parts close what they hold
    return components


def real_sources(
    home: Home, settings: Settings, clock: Clock, calendar: Calendar
) -> tuple[FailoverQuotes, AkshareBondInfo]:
    """Prices, best source first, and what is known of bonds. Without a terminal the others do alone in paper mode."""

    def open_now() -> bool:
        return calendar.orders_allowed(clock.now()) is None

    terminal = terminal_quotes(settings, clock, calendar)
    makers: dict[str, Callable[[], QuoteSource]] = {
        "qmt": lambda: terminal,
        "tencent": lambda: TencentQuotes(clock, open_now=open_now, address=settings.quotes.tencent),
        "akshare": lambda: AkshareQuotes(clock, AkshareClient(clock), open_now=open_now),
    }
    wanted = dict.fromkeys(settings.quotes.sources)
    if settings.mode != "live" and isinstance(terminal, NoQuotes) and len(wanted) > 1:
        wanted.pop("qmt", None)
    feed = FailoverQuotes(
        [makers[name]() for name in wanted],
        clock,
        open_now=open_now,
        cross_check=cross_checked(settings),
        ratio=settings.guards.cross_check_ratio,
    )
    bonds = AkshareBondInfo(
        home.data / "tables",
        home.path / OVERRIDES,
        AkshareClient(clock),
        clock,
        calendar.previous_session,
        terminal.facts if isinstance(terminal, QmtQuotes) else lambda code: None,
        required=settings.guards.redemption == "required",
        fetch=settings.guards.redemption != "off",
    )
    return feed, bonds


def cross_checked(settings: Settings) -> bool:
    """Whether a plan's prices need a second source."""
    wanted = settings.guards.cross_check
    return wanted == "always" or (wanted == "live" and settings.mode == "live")


def _with_a_strategy(settings: Settings) -> Settings:
    """A sandbox in which nothing was chosen yet follows a double-low strategy's record of ten bonds."""
    from core.sandbox.strategies import FIRST_RECORD, FIRST_STRATEGY

    if settings.strategy.history_id:
        return settings
    first = StrategySettings(strategy_id=FIRST_STRATEGY, history_id=FIRST_RECORD)
    return settings.model_copy(update={"strategy": first})


def _sandbox(
    state_store: StateStore, settings: Settings, speed: float, calendar: Calendar
) -> tuple[Clock, QuoteFeed, FactorCatClient, BondInfoProvider]:
    from core.sandbox.bonds import SandboxBondInfo
    from core.sandbox.market import SandboxMarket
    from core.sandbox.platform import EmbeddedPlatform
    from core.sandbox.prices import next_start
    from core.sandbox.recorded import load_sandbox_data

    start = next_start(calendar.sessions, state_store.latest(SANDBOX_TIME))
    clock = ScaledClock(start, speed)
    market = SandboxMarket(clock, load_sandbox_data(calendar.sessions))
    transport = EmbeddedPlatform(market, clock)
    platform = FactorCatClient(settings.factorcat.base_url, version=__version__, clock=clock, transport=transport)
    return clock, market, platform, SandboxBondInfo(market.data)


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
) -> Components:
    """An engine's parts around these; without a calendar, on the shipped one."""
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
    dangers = Eligibility(bonds, calendar, settings.guards, clock)
    sources = feed if isinstance(feed, FailoverQuotes) else None
    runs = Runs(database)

    async def fetch() -> Maybe[Selection]:
        chosen = rotation.settings.strategy
        if not chosen.history_id:
            return Unknown(say("no strategy is followed yet: choose one on the Strategies screen"))
        try:
            return Known(await platform.selection(chosen.strategy_id, chosen.history_id))
        except FactorCatError as error:
            return Unknown(str(error))

    rotation = Rotation(
        settings=settings,
        clock=clock,
        feed=feed,
        order_manager=order_manager,
        controls=controls,
        runs=runs,
        fetch=fetch,
        expected_list=lambda now: expected_list(calendar, now),
        seconds_left=lambda now: seconds_left(calendar, now),
        dangers=dangers,
        second=sources.second_opinion if sources is not None and cross_checked(settings) else None,
    )
    stop_ratios = StopRatios(settings, platform, state_store, lambda: rotation.settings.strategy)
    stops = StopMonitor(
        order_manager,
        rotation.account,
        feed,
        controls,
        settings,
        lambda: stop_ratios.ratios,
        live_consent,
        sources.contradiction if sources is not None else lambda quote: None,
    )
    return Components(
        *(
            settings,
            clock,
            calendar,
            feed,
            platform,
            database,
            order_manager,
            runs,
            state_store,
            rotation,
            stop_ratios,
            stops,
        ),
        *(bonds, dangers, limits, live_consent),
    )
