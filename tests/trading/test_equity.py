"""The equity curve and the payments that are seen in the account's cash, on a real database."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from core.engine.reports import read_report
from core.infra.database import rows
from core.model.account import Asset, Position
from core.model.bond import BondCode
from core.model.known import Known
from core.model.order import Fill, Intent, Side
from core.model.report import Report
from core.rules.performance import EntryKind
from core.trading.account import AccountState
from core.trading.equity import EquityCurve
from core.trading.state_store import TRADING, StateStore
from tests.trading.trading_world import BUY, SELL, TEN, TODAY, A, B, TradingWorld
from tests.worlds import quote


class Account:
    """The curve of a world whose account is moved by the test: `shares` is what is no bond, in CNY."""

    def __init__(self, world: TradingWorld) -> None:
        self.world = world
        self.cash, self.shares = Decimal(100_000), Decimal(0)
        self.held: Counter[BondCode] = Counter()
        self.prices = {A: Decimal(100), B: Decimal(50)}
        self.start()

    def start(self) -> None:
        self.curve = EquityCurve(StateStore(self.world.db), self.world.order_manager, self.world.clock)
        self.note()

    def passes(self, seconds: int = 60) -> None:
        """Time goes by; the account is read each second."""
        for _ in range(seconds):
            self.world.clock.move_to(self.world.clock.now() + timedelta(seconds=1))
            self.note()

    def next_day(self) -> None:
        self.world.clock.move_to(self.world.clock.now() + timedelta(days=1))

    @property
    def asset(self) -> Known[Asset]:
        bonds = sum((volume * self.prices[code] for code, volume in self.held.items()), Decimal(0))
        return Known(Asset(self.cash, Decimal(0), bonds + self.shares))

    def note(self) -> None:
        positions = Known(tuple(Position(code, volume, volume) for code, volume in self.held.items() if volume))
        at = self.world.clock.now()
        quotes = {code: Known(quote(code, str(price), at=at)) for code, price in self.prices.items()}
        self.curve.note(AccountState(self.asset, positions, 0.0), quotes)

    def trades(self, code: BondCode, volume: int) -> None:
        """Buy (below zero: sell) in the account, by rotor or by hand."""
        self.held[code] += volume
        self.cash -= volume * self.prices[code]

    def rotor_trades(self, volume: int, fee: str = "1") -> None:
        """As rotor does: the fill is booked."""
        side, key = (BUY if volume > 0 else SELL), f"T{len(self.world.ledger.entries())}"
        self.world.ledger.book(
            Fill(TODAY, "1", key, "key", A, side, abs(volume), self.prices[A], Decimal(fee), TEN), "key"
        )
        self.trades(A, volume)
        self.cash -= Decimal(fee)

    def report(self) -> Report:
        last = self.world.clock.now().date()
        return read_report(self.world.path, "paper", "x", {}, None, last, self.world.clock.now())

    @property
    def flows(self) -> list[Decimal]:
        return [flow.amount for flow in self.report().flows]

    @property
    def result(self) -> tuple[float, float]:
        """Return and drawdown, %."""
        sums = self.report().totals
        assert sums.change_ratio is not None
        assert sums.max_drawdown is not None
        return round(sums.change_ratio * 100, 4), round(sums.max_drawdown * 100, 4)


@pytest.fixture
def account(world: TradingWorld) -> Account:
    return Account(world)


def test_the_first_day_s_loss_counts_from_the_capital_before_it(account: Account) -> None:
    account.rotor_trades(900)
    account.passes()
    account.prices[A] = Decimal(89)
    account.passes()
    assert account.result == (-9.901, 9.901)
    account.next_day()
    account.note()
    assert account.result == (-9.901, 9.901)
    assert account.flows == []


def test_a_payment_while_rotor_runs_is_no_gain_and_no_loss(account: Account) -> None:
    account.rotor_trades(500)
    account.passes()
    account.cash += 50_000
    account.passes()
    account.cash -= 30_000
    account.passes()
    assert account.flows == [50_000, -30_000]
    assert account.result == (-0.001, 0.001)
    day = account.curve.day(account.asset)
    assert day is not None
    assert (day.profit, day.paid, round(day.ratio * 100, 4)) == (-1, 20_000, -0.001)


def test_a_payment_while_rotor_does_not_run_is_seen_at_the_next_start(account: Account) -> None:
    account.rotor_trades(500)
    account.passes()
    account.cash -= 40_000
    account.prices[A] = Decimal(110)
    account.next_day()
    account.start()
    assert account.flows == [-40_000]
    assert account.result == (4.999, 0.001)
    account.start()
    assert account.flows == [-40_000], "once"


def test_a_payment_beside_trades_by_hand_is_told_from_them(account: Account) -> None:
    account.rotor_trades(500)
    account.passes()
    account.cash += 50_000
    account.trades(B, 600)
    account.next_day()
    account.start()
    assert account.flows == [50_000]
    account.trades(B, -600)
    account.cash -= 30_000  # cash is as it was: the bonds tell it
    account.passes()
    assert account.flows == [50_000, -30_000]
    assert account.result == (-0.001, 0.001)


def test_a_payment_beside_a_rebalance_is_told_from_it(account: Account) -> None:
    account.rotor_trades(500, fee="0")
    account.cash += 50_000
    account.passes()
    account.rotor_trades(-500, fee="0")
    account.cash -= 20_000
    account.passes()
    assert (account.flows, account.result) == ([50_000, -20_000], (0.0, 0.0))


def test_what_trades_explain_is_no_payment(account: Account) -> None:
    account.rotor_trades(300)
    account.passes()
    account.trades(B, 400)
    account.passes()
    account.cash, account.shares = account.cash - 20_000, account.shares + 20_000
    account.passes()
    account.prices[A] = Decimal(130)
    account.shares -= 5_000
    account.passes()
    account.cash += 150  # a coupon
    account.passes()
    assert account.flows == []
    assert account.result == (4.149, 0.0)


def test_a_bond_that_is_put_under_management_or_sold_from_there_is_no_payment(account: Account) -> None:
    account.trades(A, 300)
    account.passes()
    account.world.ledger.move_by_hand(EntryKind.ADOPTED, A, BUY, 300, Decimal(100), TEN)
    account.passes()
    account.rotor_trades(-300, fee="0")
    account.passes()
    account.start()
    assert (account.flows, account.result) == ([], (0.0, 0.0))


@pytest.mark.parametrize("first", ["cash", "holding"])
def test_a_terminal_that_shows_one_half_of_a_trade_first_shows_no_payment(account: Account, first: str) -> None:
    account.passes()
    if first == "cash":
        account.cash -= 20_000
    else:
        account.shares += 20_000
    account.passes(8)
    account.cash, account.shares = Decimal(80_000), Decimal(20_000)
    account.passes()
    assert (account.flows, account.result) == ([], (0.0, 0.0))


def test_a_terminal_that_shows_no_money_at_all_changes_nothing(account: Account) -> None:
    account.cash = Decimal(0)
    account.passes(300)
    account.curve.note(AccountState(), {})
    account.cash = Decimal(100_000)
    account.passes()
    assert (account.flows, account.result) == ([], (0.0, 0.0))


def test_the_user_enters_and_takes_back_payments(account: Account) -> None:
    account.cash += 300  # below what is seen
    account.passes()
    flow = account.curve.enter(Decimal(300), TEN + timedelta(seconds=30))
    assert (account.flows, account.result) == ([300], (0.0, 0.0))
    with pytest.raises(ValueError, match="recorded already"):
        account.curve.enter(Decimal(300), TEN + timedelta(seconds=40))
    with pytest.raises(ValueError, match="no more than that"):
        account.curve.enter(Decimal(200_000), TEN + timedelta(seconds=30))
    with pytest.raises(ValueError, match="no more than that"):
        account.curve.enter(Decimal(200_000), account.world.clock.now())
    account.curve.remove(flow.number)
    assert (account.flows, account.result) == ([], (0.3, 0.0))
    with pytest.raises(ValueError, match="there is no payment"):
        account.curve.remove(flow.number)


def test_a_payment_that_was_entered_before_it_is_seen_counts_once(account: Account) -> None:
    account.passes()
    account.curve.enter(Decimal(50_000), account.world.clock.now())
    account.cash += 50_000
    account.passes()
    assert (account.flows, account.result) == ([50_000], (0.0, 0.0))


def test_a_payment_before_the_first_record_is_refused(account: Account) -> None:
    with pytest.raises(ValueError, match="opening capital"):
        account.curve.enter(Decimal(300), TEN - timedelta(days=1))


def test_a_database_of_an_older_version_is_read_and_goes_on(account: Account) -> None:
    account.passes()
    with account.world.db.conn:
        account.world.db.execute("delete from state")
        account.world.db.execute("drop table flows")
        account.world.db.execute("delete from _sqlite_migrations where name like 'payments%'")
    assert account.result == (0.0, 0.0)
    TRADING.apply(account.world.db)
    account.cash += 50_000
    account.start()
    account.passes()
    assert account.flows == [], "there is no reading to compare with"
    account.cash -= 50_000
    account.passes()
    assert account.flows == [-50_000]


def test_several_days_with_payments_chain_the_returns_between(account: Account) -> None:
    account.rotor_trades(1_000, fee="0")
    for price, paid in ((110, 110_000), (99, -99_000), (110, 0)):  # 10 %, -5 %, 10 %
        account.prices[A] = Decimal(price)
        account.passes()
        account.cash += paid
        account.passes()
        account.next_day()
        account.note()
    assert account.flows == [110_000, -99_000]
    assert account.result == (14.95, 5.0)
    points = len(rows(account.world.db, "equity"))
    StateStore(account.world.db).drop_minutes(account.world.clock.now().date())
    assert len(rows(account.world.db, "equity")) < points
    assert (account.flows, account.result) == ([110_000, -99_000], (14.95, 5.0)), "also without the minutes"


def test_a_payment_is_recorded_once_the_disk_is_back(account: Account) -> None:
    db = account.world.db
    account.passes()
    db.conn.execute("PRAGMA query_only = 1")
    account.cash += 50_000
    account.passes(180)
    assert account.flows == []
    day = account.curve.day(account.asset)
    assert day is not None
    assert (day.profit, day.paid) == (0, 50_000)
    db.conn.execute("PRAGMA query_only = 0")
    assert StateStore(db).backlog.flush()
    assert (account.flows, account.result) == ([50_000], (0.0, 0.0))
    account.start()
    account.passes()
    assert account.flows == [50_000]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_an_open_order_that_freezes_cash_is_no_payment(account: Account, side: Side) -> None:
    account.world.journal.intend(
        [Intent("k-1", "p", TODAY, A, "bond", side, 500, Decimal(100), "why")], account.world.clock.now()
    )
    account.cash -= 50_000  # the broker reports no frozen cash
    account.passes(90)
    assert account.flows == []
