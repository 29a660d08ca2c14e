"""The commands of screens and scripts to the engine, and the form of its answers."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, TypeVar

from core.model.backtest import RecordDetail
from core.model.bond import BondCode
from core.model.bond_info import BondDetail
from core.model.figures import Units
from core.model.finding import Finding
from core.model.log_page import LogLine, LogPage
from core.model.order import Order
from core.model.plan import Plan
from core.model.platform import Page, Record, RecordRule, Strategy
from core.model.record_card import RecordCard
from core.model.report import CashFlow, Report
from core.model.series import Benchmark, DayLine, EquityLine
from core.model.settings import ScheduleSettings
from core.model.settings_rows import SecretName, SecretStored, SettingsTable
from core.model.snapshot import Adoption, AdoptionBasis, Followed, Level, Rebalance

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The command was carried out."""

    value: T


@dataclass(frozen=True, slots=True)
class Failed:
    """The command was not carried out. `text` says what happened and what to do; `refused`: nothing was sent."""

    text: str
    refused: bool = False


Reply = Done[T] | Failed


class Command(Generic[T]):
    """A request; T is what its `Done` carries."""

    __slots__ = ()


class Query(Command[T]):
    """A request that changes nothing: a viewer that only watches may send it.

    `MakePlan` is none: a new plan would replace the one that another viewer is about to execute.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Whose login it is. `trouble`: why the password, though it was to be remembered, is kept for this session only."""

    user: str
    trouble: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Login(Command[LoggedIn]):
    """Log in to the platform. Its repr shows nothing: it holds a password."""

    username: str
    password: str
    remember: bool


@dataclass(frozen=True, slots=True)
class Logout(Command[str]):
    """Forget the token and the remembered password; says what is deleted and what stays."""


@dataclass(frozen=True, slots=True)
class ListStrategies(Query[Page[Strategy]]):
    """One page of the user's strategies; `search` filters by name."""

    page: int = 1
    limit: int = 20
    search: str = ""


@dataclass(frozen=True, slots=True)
class ListRecords(Query[Page[Record]]):
    """One page of a strategy's backtest records."""

    strategy_id: int
    page: int = 1
    limit: int = 20


@dataclass(frozen=True, slots=True)
class ShowBond(Query[BondDetail]):
    """All that is known of a bond, each part with its source and its age."""

    code: BondCode


@dataclass(frozen=True, slots=True)
class ReadDayLine(Query[DayLine]):
    """A bond's prices of the session, minute by minute, with its previous close and the levels of its stop."""

    code: BondCode


@dataclass(frozen=True, slots=True)
class ShowRecord(Query[RecordCard]):
    """A record's parameters and today's list."""

    strategy_id: int
    history_id: int


@dataclass(frozen=True, slots=True)
class ReadRule(Query[RecordRule]):
    """The rule of a record: one small request, made for each row of a list of records."""

    strategy_id: int
    history_id: int


@dataclass(frozen=True, slots=True)
class ShowDetail(Query[RecordDetail]):
    """Whatever else the platform sends about a record; apart from its card, for it may be large, slow or missing.

    `page` is how the figures of the page were read that lists the record.
    """

    strategy_id: int
    history_id: int
    page: Units | None = None


@dataclass(frozen=True, slots=True)
class RunStrategy(Command[Followed]):
    """Follow this strategy's record from now on, by this schedule if given; written to the settings file."""

    strategy_id: int
    history_id: int
    strategy_name: str = ""
    schedule: ScheduleSettings | None = None


@dataclass(frozen=True, slots=True)
class MakePlan(Command[Plan]):
    """What a rebalance would do now. Sends nothing."""


@dataclass(frozen=True, slots=True)
class ExecutePlan(Command[Rebalance]):
    """Carry out the plan with this id, the newest one; answers when it has ended."""

    plan_id: str


@dataclass(frozen=True, slots=True)
class CancelOrder(Command[str]):
    """Cancel one open order; answers with its last state."""

    client_order_id: str


@dataclass(frozen=True, slots=True)
class DayOfOrders:
    """A trading day's orders, oldest first, and the nearest days before and after it that have some."""

    day: date
    orders: tuple[Order, ...]
    earlier: date | None
    later: date | None


@dataclass(frozen=True, slots=True)
class ReadOrders(Query[DayOfOrders]):
    """The orders of one trading day, from the journal."""

    day: date


@dataclass(frozen=True, slots=True)
class Reconcile(Command[tuple[str, ...]]):
    """Compare account and books now; answers with what keeps trading off, one row each."""


@dataclass(frozen=True, slots=True)
class SettleOrder(Command[str]):
    """Settle an order as the user says, where the broker's lists cannot; answers with its state.

    `filled`: all that was left of it was filled at its limit; else it is over with what is booked.
    """

    client_order_id: str
    filled: bool


@dataclass(frozen=True, slots=True)
class Adopt(Command[int]):
    """Put all that the account holds of a bond under management; answers with the 张 that are new.

    Declined where today's price is beyond a stop level already, unless the user has agreed that it is sold at once.
    """

    code: str
    basis: AdoptionBasis = "cost"
    sell_now: bool = False


@dataclass(frozen=True, slots=True)
class AskAdoption(Query[Adoption]):
    """What adopting a bond would mean: its stop levels, and whether it would be sold at once."""

    code: str


@dataclass(frozen=True, slots=True)
class Release(Command[int]):
    """Take a bond out of management; answers with the 张 that the strategy held."""

    code: str


@dataclass(frozen=True, slots=True)
class EnterFlow(Command[CashFlow]):
    """Record what was paid into the account, or out of it (below zero), CNY; at `at`, now where it is None."""

    amount: Decimal
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RemoveFlow(Command[CashFlow]):
    """Take back a payment that was none: it counts as gain or loss then."""

    number: int


@dataclass(frozen=True, slots=True)
class GiveConsent(Command[None]):
    """Agree to live orders in the account of the settings; `account` is its number as the user typed it."""

    account: str


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A self-test of the account's units, with a line per exchange."""

    passed: bool
    at: datetime
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunSelfTest(Command[SelfTest]):
    """Order one lot far below the market on each exchange, read it back and cancel it. Only in live mode."""


@dataclass(frozen=True, slots=True)
class PauseBuys(Command[None]):
    """Buy nothing until `Resume`; sells and stops go on. A restart does not end it."""


@dataclass(frozen=True, slots=True)
class Halt(Command[None]):
    """Send nothing new, stops included, until `Resume`; open orders stay at the broker. A restart does not end it."""


@dataclass(frozen=True, slots=True)
class Resume(Command[None]):
    """End `PauseBuys` and `Halt`."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The orders that a cancel was asked for, as client order ids."""

    proven: tuple[str, ...]
    open: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CancelWorking(Command[Cancelled]):
    """Cancel every open order and wait for the broker's confirmation. A running rebalance continues without them."""


@dataclass(frozen=True, slots=True)
class Flatten(Command[Rebalance]):
    """Halt, cancel open orders, confirm that, then sell all that the strategy holds; trading stays halted."""


@dataclass(frozen=True, slots=True)
class SellOne(Command[Rebalance]):
    """Sell all that the strategy owns of one bond now, through the bid; it is not bought again before tomorrow."""

    code: str


@dataclass(frozen=True, slots=True)
class DropMissed(Command[None]):
    """Drop the missed run."""


@dataclass(frozen=True, slots=True)
class EndEngine(Command[None]):
    """End an engine that runs without a screen: it sends nothing new and ends open orders as the settings say."""


@dataclass(frozen=True, slots=True)
class ReadSettings(Query[SettingsTable]):
    """Every setting, and which passwords are stored."""


@dataclass(frozen=True, slots=True)
class CheckSetting(Query[str]):
    """Why `text`, as typed, cannot be the value of `key`; empty where it can. Writes nothing."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class ChangeSetting(Command[str]):
    """Write the setting to the file; answers with when it takes effect."""

    key: str
    text: str


@dataclass(frozen=True, slots=True, repr=False)
class StoreSecret(Command[SecretStored]):
    """Store a password, in the system's keyring where possible. Its repr shows nothing."""

    name: SecretName
    secret: str


@dataclass(frozen=True, slots=True)
class ForgetSecret(Command[str]):
    """Delete a stored password."""

    name: SecretName


@dataclass(frozen=True, slots=True, repr=False)
class OpenSafe(Command[str]):
    """Open the encrypted file of passwords, or create one with what this session holds. Its repr shows nothing."""

    passphrase: str


@dataclass(frozen=True, slots=True)
class TryQmt(Command[str]):
    """Whether the SDK loads and qmt.userdata is a folder of MiniQMT; the settings as written."""


@dataclass(frozen=True, slots=True)
class TryNotify(Command[str]):
    """Send a test to every recipient, with the settings as written."""


@dataclass(frozen=True, slots=True)
class Examine(Query[tuple[Finding, ...]]):
    """Check everything that a trading day needs."""


@dataclass(frozen=True, slots=True)
class TryLogin(Command[str]):
    """Log in to Factor Cat with the settings as written and the stored password, beside the session of this run."""


@dataclass(frozen=True, slots=True)
class ReadLog(Query[LogPage]):
    """At most `limit` lines of a day's log file (None: today), at `minimum` or above.

    They begin before the byte `before` or after the byte `after` (-1: the first ones); without these, the newest.
    """

    limit: int = 500
    minimum: Level = Level.INFO
    day: date | None = None
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class FindInLog(Query[LogLine | None]):
    """The next line after (or before) the byte `start` whose text holds `text`, in either case."""

    text: str
    start: int
    forward: bool
    minimum: Level = Level.INFO
    day: date | None = None


@dataclass(frozen=True, slots=True)
class ReadReport(Query[Report]):
    """The results of trading from `first` (None: the beginning) to `last` (None: today), both included."""

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class ReadEquity(Query[EquityLine]):
    """The account's total from `first` (None: the opening capital) until now, and minute by minute of today."""

    first: date | None = None


@dataclass(frozen=True, slots=True)
class ReadBenchmark(Query[Benchmark]):
    """What the market did beside the equity of the report of the same days. It may ask a site, and take a minute.

    Fails with the reason where nothing is known.
    """

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class ExportReport(Command[tuple[str, ...]]):
    """Write the same report as CSV files into data/export of the data folder; answers with their paths."""

    first: date | None = None
    last: date | None = None
