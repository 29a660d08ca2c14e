"""Records the account's equity, and what was paid into the account or out of it."""

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from core.i18n import say
from core.infra.clock import Clock
from core.model.account import Asset, Position
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote
from core.model.report import CashFlow, DayResult
from core.rules.returns import Bond, MoneyReading, alike, growth, paid_between, sum_between
from core.trading.account import AccountState
from core.trading.order_manager import OrderManager
from core.trading.state_store import StateStore

log = logging.getLogger(__name__)

_LEAST_PAYMENT, _MOST_PAYMENT = Decimal("0.01"), Decimal(10**12)
"""CNY that the user can name."""

_STEADY = 10.0
"""Seconds that what moved must stay before it is judged: a terminal may show one half of a trade first."""


class EquityCurve:
    """One point of the equity a minute, and one more at each payment that is seen in the cash."""

    def __init__(self, store: StateStore, order_manager: OrderManager, clock: Clock) -> None:
        self._store = store
        self._order_manager = order_manager
        self._clock = clock
        self._base = store.kept_reading()
        self._odd_since: float | None = None
        self._first = True
        self._line = store.equity_of(clock.now().date())
        """The day's points after the last one before it."""
        self._take(store.flows())

    def note(
        self, account: AccountState, quotes: Mapping[BondCode, Maybe[Quote]], *, each_minute: bool = False
    ) -> None:
        """Record the account's newest reading; one without any money is none.

        `each_minute`: also where the total has not changed, since the prices that it is made of are of now.
        """
        if isinstance(account.asset, Unknown) or account.asset.value.total <= 0:
            return
        now, money = self._clock.now().replace(microsecond=0), account.asset.value
        reading, base = self._reading(money, account.positions, quotes), self._base
        odd = base is not None and reading is not None and not alike(base, reading)
        if odd and not self._steady():
            return
        self._first = False
        self._odd_since = None
        paid = paid_between(base, reading) if base is not None and reading is not None else Decimal(0)
        self._base = reading or base
        minute = now.replace(second=0)
        if paid:
            log.info("the account's cash changed by %+.2f CNY without a trade: a payment, not a gain or loss", paid)
            self._forget_entered(paid, now.date())
            self._add(now, money.total, self._new_flow(now, paid, entered=False))
        elif odd or self._is_news(minute, money.total, each_minute=each_minute):
            self._add(now if odd else minute, money.total)

    def day(self, asset: Maybe[Asset]) -> DayResult | None:
        """Today's result; None where the account's money is not known."""
        if isinstance(asset, Unknown) or not self._line:
            return None
        (since, start), (last_at, last) = self._line[0], self._line[-1]
        total = asset.value.total
        paid = sum_between(self._flows, since, last_at)
        ratio = self._grown * float(total / last) - 1 if last > 0 else 0.0
        return DayResult(since, total - start - paid, ratio, paid)

    def enter(self, amount: Decimal, at: datetime) -> CashFlow:
        """Record a payment that the user names. Raises `ValueError` for one that cannot be."""
        if not _LEAST_PAYMENT <= abs(amount) < _MOST_PAYMENT:
            raise ValueError(say("{amount} CNY cannot be a payment", amount=amount))
        day = [flow for flow in self._flows if flow.at.date() == at.date()]
        if any(flow.amount == amount for flow in day):
            raise ValueError(say("it is recorded already, see rotor flows"))
        begin, point = self._store.first_point(), self._store.point_from(at)
        if begin is None or at <= begin:
            raise ValueError(say("it was before rotor's first record, so it is a part of the opening capital"))
        if point is None:
            point = self._line[-1][1]
        if point <= amount:
            raise ValueError(say("the account's total was {total:,.2f} CNY then, no more than that", total=point))
        flow = self._new_flow(at, amount, entered=True)
        self._store.add_flow(flow)
        self._take(sorted([*self._flows, flow], key=lambda one: one.at))
        return flow

    def remove(self, number: int) -> CashFlow:
        """Take a payment back: it counts as gain or loss then. Raises `ValueError` where there is none."""
        flow = next((flow for flow in self._flows if flow.number == number), None)
        if flow is None:
            raise ValueError(say("there is no payment {number}, see rotor flows", number=number))
        self._store.remove_flow(flow)
        self._take([other for other in self._flows if other is not flow])
        return flow

    def _reading(
        self, money: Asset, positions: Maybe[Sequence[Position]], quotes: Mapping[BondCode, Maybe[Quote]]
    ) -> MoneyReading | None:
        """The account to compare with; None while an order is open, since brokers freeze its cash in several ways."""
        if isinstance(positions, Unknown) or self._order_manager.journal.open():
            return None
        ledger, held = self._order_manager.ledger, {position.code: position for position in positions.value}
        known: Mapping[BondCode, Bond] = self._base.bonds if self._base is not None else {}
        bonds: dict[BondCode, Bond] = {}
        for code in {*held, *ledger.filled}:
            quote, position = quotes.get(code), held.get(code)
            volume = position.volume if position else 0
            last = quote.value.last if isinstance(quote, Known) else known[code].price if code in known else None
            if volume or volume != ledger.filled[code]:
                price = last or (position.cost if position else Decimal(0))
                bonds[code] = Bond(volume, volume - ledger.filled[code], price)
        return MoneyReading(money.cash + money.frozen, money.market_value, ledger.cash_from_fills, bonds)

    def _steady(self) -> bool:
        if self._first:  # what was paid while rotor did not run
            return True
        now = self._clock.elapsed()
        self._odd_since = now if self._odd_since is None else self._odd_since
        return now - self._odd_since >= _STEADY

    def _is_news(self, minute: datetime, total: Decimal, *, each_minute: bool) -> bool:
        """Whether the point says more than the last two: in the night and at weekends it seldom does."""
        of_today = [(at, before) for at, before in self._line[-2:] if at.date() == minute.date()]
        if not of_today:
            return True
        changed = [before for _, before in of_today] != [total, total]
        return of_today[-1][0] < minute and (each_minute or changed)

    def _add(self, at: datetime, total: Decimal, flow: CashFlow | None = None) -> None:
        self._store.add_equity(at, total, self._base, flow)
        if self._line and self._line[-1][0].date() < at.date():
            self._line = self._line[-1:]
        self._line.append((at, total))
        self._take(self._flows if flow is None else [*self._flows, flow])

    def _new_flow(self, at: datetime, amount: Decimal, *, entered: bool) -> CashFlow:
        return CashFlow(max((flow.number for flow in self._flows), default=0) + 1, at, amount, entered)

    def _forget_entered(self, amount: Decimal, day: date) -> None:
        """A payment that is seen takes the place of the same one that the user entered that day."""
        for flow in tuple(self._flows):
            if flow.entered and flow.amount == amount and flow.at.date() == day:
                self.remove(flow.number)

    def _take(self, flows: Sequence[CashFlow]) -> None:
        self._flows = list(flows)
        self._grown = growth(self._line, self._flows)[-1] if self._line else 1.0
