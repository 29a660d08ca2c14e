"""What a screen is shown: one immutable picture of the whole engine at one moment."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from core.i18n import mark, say
from core.model.account import Asset
from core.model.bond import BondCode
from core.model.bond_metrics import BondFigures, BondMetrics, BondTerms
from core.model.known import Known, Maybe, Unknown
from core.model.order import Order, Origin, Side
from core.model.plan import Blocked, Plan
from core.model.platform import RecordRule
from core.model.quote import SessionPhase
from core.model.report import DayResult
from core.model.series import Spark
from core.model.settings import ScreenSettings

AdoptionBasis = Literal["cost", "last"]
"""What a holding's stops are measured from when it is adopted: its cost in the account, or today's price."""


@dataclass(frozen=True, slots=True)
class NewRelease:
    """`notes` is plain text, already without what could steer a terminal; `page` and `dated` may be empty."""

    version: str
    notes: str
    page: str = ""
    dated: str = ""


class Level(StrEnum):
    """How much something matters, ascending."""

    INFO = mark("info")
    GOOD = mark("good")
    WARNING = mark("warning")
    ERROR = mark("error")

    @property
    def severity(self) -> int:
        return list(Level).index(self)


class Need(StrEnum):
    """What live mode asks for once per account before its first order."""

    CONSENT = "consent"
    SELF_TEST = "self-test"


class BlockKind(StrEnum):
    """Why trading is off. Reconciliation ends each of them but a lost connection, a disk that
    refuses and an engine that failed."""

    NOT_RECONCILED = "not reconciled"  # since the start
    RECONNECTED = "reconnected"
    WOKE_UP = "woke up"  # the machine slept, or this program was stopped
    CONNECTION_LOST = "connection lost"
    ACCOUNT_SILENT = "account silent"  # connected, and a query was not answered
    MISMATCH = "mismatch"  # a row of the last reconciliation
    BOOKING_FAULT = "booking fault"  # an event of the broker that could not be booked
    BOOKS_UNWRITABLE = "books unwritable"  # locked by another process, or the disk is full or read-only
    ENGINE_FAILED = "engine failed"


@dataclass(frozen=True, slots=True)
class BlockReason:
    """One reason why trading is off; `text` is for people."""

    kind: BlockKind
    text: str


class Control(StrEnum):
    """A trading control: buying is paused, the breaker allows only safety and manual sales, or nothing new is sent."""

    PAUSED = mark("buys paused")
    TRIPPED = mark("breaker tripped")
    HALTED = mark("halted")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as one sentence for the user.

    `about` is the client order id of an order: of each there is only its newest state, and `folded` earlier lines have
    made place for it. The log file has them all.
    """

    number: int
    at: datetime
    level: Level
    text: str
    about: str = ""
    folded: int = 0

    @property
    def key(self) -> str:
        """The same for every state of one order."""
        return self.about or str(self.number)


@dataclass(frozen=True, slots=True)
class Health:
    """The state of one connection: broker, quotes or platform. `since` is when it came to be so."""

    name: str
    level: Level
    text: str
    since: datetime


HEALTH_NAMES = (
    *(mark("QMT", context="health"), mark("broker", context="health"), mark("quotes", context="health")),
    *(mark("FactorCat", context="health"), mark("clock", context="health"), mark("disk", context="health")),
    *(mark("engine", context="health"), mark("news", context="health")),
)
"""What the connections are called; `say(name, context="health")` shows one."""


@dataclass(frozen=True, slots=True)
class Followed:
    """The strategy and record that are followed; names are empty where the platform has not told them yet.

    `rule` is how the record trades, `differs` says where the schedule does not.
    """

    strategy_id: int
    history_id: int
    strategy_name: str = ""
    rule: RecordRule | None = None
    differs: tuple[str, ...] = ()


class StopStatus(StrEnum):
    """What a stop does now: WAITING is armed but cannot sell yet, BLOCKED is not armed, for the reason in `state`."""

    ARMED = mark("armed")
    SELLING = mark("selling")
    WAITING = mark("waits")
    OFF = mark("off")
    NOT_SET = mark("not set")
    NO_PRICE = mark("no price")
    BLOCKED = mark("not armed")


@dataclass(frozen=True, slots=True)
class StopRow:
    """The stops of a position: trigger prices in CNY per 张, None where there is none.

    `armed`: the next price through a level sells. `status` decides how it is shown; `state` is the sentence for people:
    what the stop waits for, or why it cannot sell. `checked_at` is when a price was last compared with the levels.
    `not_set`: which of the two is not used, so that its missing level is no fault.
    """

    loss: Decimal | None
    profit: Decimal | None
    basis: str
    armed: bool
    state: str
    status: StopStatus
    checked_at: datetime | None = None
    not_set: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True)
class StopsSummary:
    """How many of the managed holdings are guarded; `note` says why not all are. `not_set` more are to have no stop."""

    armed: int
    managed: int
    note: str = ""
    not_set: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a limit is used: `used` of `most`."""

    name: str
    used: Decimal | int
    most: Decimal | int

    @property
    def reached(self) -> bool:
        return self.used >= self.most


class SourceStatus(StrEnum):
    """Whether a source of quotes works. STALE: it answers, and another source has clearly newer prices."""

    WORKING = "working"
    UNREACHABLE = "unreachable"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source of quotes: whether it is the one in use, its status and since when, and for people why it fails."""

    name: str
    active: bool
    status: SourceStatus
    since: datetime
    reason: str = ""

    @property
    def works(self) -> bool:
        return self.status is SourceStatus.WORKING


@dataclass(frozen=True, slots=True)
class Job:
    """What the schedule does next, and when."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MissedRun:
    """A scheduled run that did not happen: offered, never made up for by itself.

    `why` it was missed; `advice` tells whether the list is still good and what can be done.
    """

    name: str
    planned_at: datetime
    why: str
    advice: str


@dataclass(frozen=True, slots=True)
class AdoptionLevels:
    """The stop levels of a holding that is adopted at `price`, all CNY per 张; None where there is none, for the reason
    in `note`. `through` says that today's price is beyond one of them already, or that it cannot be known: what is
    adopted so may be sold at once.
    """

    price: Decimal
    loss: Decimal | None = None
    profit: Decimal | None = None
    note: str = ""
    through: str = ""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What taking `volume` 张 more of a bond into management would mean, at their cost or at today's price."""

    code: BondCode
    volume: int
    at_cost: AdoptionLevels
    at_last: Maybe[AdoptionLevels]

    def on(self, basis: AdoptionBasis) -> Maybe[AdoptionLevels]:
        return Known(self.at_cost) if basis == "cost" else self.at_last


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A holding joined with the ledger and its newest quote.

    `volume`, `sellable` and `ours` (the strategy's part) in 张; `cost`, `last` and `prev_close` in CNY per 张, None
    where not known; `quoted_at` is the time of the quote, None without one; `stop` is None for what is not managed,
    `adoption` for what is managed whole.
    """

    code: BondCode
    name: str
    volume: int
    sellable: int
    ours: int
    cost: Decimal | None
    last: Decimal | None
    prev_close: Decimal | None
    quoted_at: datetime | None
    state: str = ""
    stop: StopRow | None = None
    adoption: Adoption | None = None

    @property
    def value(self) -> Decimal | None:
        """Market value in CNY."""
        return None if self.last is None else self.last * self.volume

    @property
    def profit(self) -> Decimal | None:
        """Open profit in CNY against the cost."""
        return None if self.last is None or not self.cost else (self.last - self.cost) * self.volume

    @property
    def our_profit(self) -> Decimal | None:
        """What the strategy's part has gained, CNY; None where a figure is not known."""
        return None if self.last is None or not self.cost else (self.last - self.cost) * self.ours

    @property
    def profit_ratio(self) -> Decimal | None:
        return None if self.last is None or not self.cost else self.last / self.cost - 1

    @property
    def day_change(self) -> Decimal | None:
        """Change against the previous close, a ratio."""
        return None if self.last is None or not self.prev_close else self.last / self.prev_close - 1

    def share(self, total: Decimal) -> Decimal | None:
        """Market value as a ratio of this total, CNY; None where either is not known."""
        return None if self.value is None or total <= 0 else self.value / total

    @property
    def stop_distance(self) -> Decimal | None:
        """How far the last price is from the nearest level of its stop, a ratio: negative where that is below it."""
        if self.last is None or self.stop is None:
            return None
        away = [level / self.last - 1 for level in (self.stop.loss, self.stop.profit) if level is not None]
        return min(away, key=abs, default=None)


@dataclass(frozen=True, slots=True)
class LegProgress:
    """How far one leg of the running (or last) rebalance is; volumes in 张, prices in CNY per 张, fee in CNY."""

    side: Side
    code: BondCode
    name: str
    volume: int
    price: Decimal
    reason: str
    status: str
    client_order_id: str | None = None
    filled_volume: int = 0
    average_price: Decimal | None = None
    fee: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Rebalance:
    """A rebalance (or what else `origin` says), running or ended.

    `finished_at` is None while it runs; `unresolved` holds client order ids; `listed` is the list that it follows, in
    words, empty where it follows none.
    """

    plan_id: str
    started_at: datetime
    finished_at: datetime | None
    stage: str
    legs: tuple[LegProgress, ...]
    unresolved: tuple[str, ...] = ()
    cash_after: Decimal | None = None
    origin: Origin = Origin.REBALANCE
    listed: str = ""

    @property
    def running(self) -> bool:
        return self.finished_at is None

    @property
    def complete(self) -> bool:
        """Whether every leg was filled in full."""
        return all(leg.filled_volume >= leg.volume for leg in self.legs)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a screen may know. `number` grows with each one, so the newest wins; `stops` tells what is armed.

    `platform_user` is whose login works, `username` the name in the settings.
    `needs` is what is still to be done before the first live order; `jobs` what the schedule does next, soonest first;
    `notices` what wants attention and does not keep trading off; `dangers` what threatens the holdings (calls, last
    days); `sources` where prices come from, best first; `limits` how far the day's limits are used; `suspended` the
    bonds of the list that today's newest plan could not buy for that reason; `language` and `look` are as set for every
    screen; `sparks` are small day lines of the bonds that are followed; `terms` and `figures` what the tables and the
    prices say of each bond that is held, planned or on order, in the order of their codes; `locked`: passwords wait in
    an encrypted file for its passphrase; `release` is a newer version of this program, None where none is known.
    """

    number: int
    at: datetime
    mode: str
    account: str
    session: SessionPhase
    trading_day: date | None
    ready: bool
    blockers: tuple[BlockReason, ...] = ()
    platform_user: str | None = None
    username: str = ""
    health: tuple[Health, ...] = ()
    followed: Followed | None = None
    asset: Maybe[Asset] = field(default_factory=lambda: Unknown(say("not read yet")))
    positions: Maybe[tuple[PositionRow, ...]] = field(default_factory=lambda: Unknown(say("not read yet")))
    orders: tuple[Order, ...] = ()
    plan: Plan | None = None
    suspended: tuple[Blocked, ...] = ()
    rebalance: Rebalance | None = None
    events: tuple[Event, ...] = ()
    day: DayResult | None = None
    controls: tuple[Control, ...] = ()
    needs: tuple[Need, ...] = ()
    jobs: tuple[Job, ...] = ()
    missed: MissedRun | None = None
    stops: StopsSummary | None = None
    notices: tuple[str, ...] = ()
    dangers: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    sources: tuple[SourceState, ...] = ()
    language: str = "en"
    look: ScreenSettings = ScreenSettings()
    locked: bool = False
    release: NewRelease | None = None
    sparks: tuple[Spark, ...] = ()
    terms: tuple[BondTerms, ...] = ()
    figures: tuple[BondFigures, ...] = ()

    def metrics(self) -> dict[BondCode, BondMetrics]:
        """What a bond trader looks at, by bond."""
        return {terms.code: BondMetrics(terms, one) for terms, one in zip(self.terms, self.figures, strict=True)}
