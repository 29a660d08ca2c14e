"""What the trading came to over a span of days. Money in CNY, volumes in 张, prices in CNY per 张, ratios plain.

None is a figure that is not known, never a nought: an order from before its prices were kept, a bond without a quote.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from core.model.bond import BondCode
from core.model.order import Origin, Side


@dataclass(frozen=True, slots=True)
class Slippage:
    """How much worse fills were than a price to measure them by: `cost` above zero is money lost, below it money won.

    `base` is the same volume at the price measured by. `measured` of the filled `orders` have such a price; without one
    that has, `cost` is None.
    """

    cost: Decimal | None
    base: Decimal
    measured: int
    orders: int

    @property
    def ratio(self) -> Decimal | None:
        return None if self.cost is None or not self.base else self.cost / self.base

    @property
    def basis_points(self) -> Decimal | None:
        return None if self.ratio is None else self.ratio * 10_000


@dataclass(frozen=True, slots=True)
class SlippageDay:
    """The slippage of one trading day's orders; `Slippage.basis_points` is the cost in 1/10,000 of what was traded."""

    day: date
    by_list: Slippage
    by_arrival: Slippage


@dataclass(frozen=True, slots=True)
class OrderResult:
    """An order of the span, and how far its fills were from the list's price and from the price at the decision."""

    client_order_id: str
    at: datetime
    trading_day: date
    code: BondCode
    name: str
    side: Side
    origin: Origin
    state: str
    ordered: int
    filled: int
    limit: Decimal
    average: Decimal | None
    fee: Decimal
    list_price: Decimal | None
    arrival: Decimal | None
    by_list: Slippage
    by_arrival: Slippage

    @property
    def amount(self) -> Decimal:
        """What was traded, CNY, without fees."""
        return Decimal(0) if self.average is None else self.average * self.filled


@dataclass(frozen=True, slots=True)
class BondResult:
    """One bond: what its sells of the span brought over their average cost, and what the rest would bring now.

    `realised` counts the fees of both sides; `fees` are those that were paid within the span. `held`, `cost` (average,
    fees included), `last` and `open` are of now, whatever the span.
    """

    code: BondCode
    name: str
    bought: int
    sold: int
    turnover: Decimal
    realised: Decimal
    fees: Decimal
    held: int
    cost: Decimal | None
    last: Decimal | None
    by_list: Slippage
    by_arrival: Slippage

    @property
    def open(self) -> Decimal | None:
        """Open profit; None where something is held and its price is not known."""
        if not self.held:
            return Decimal(0)
        return None if self.last is None or self.cost is None else (self.last - self.cost) * self.held


@dataclass(frozen=True, slots=True)
class StopResult:
    """A stop's order: the level, the price that went through it, and what came of the sale.

    `realised` is None while nothing was filled.
    """

    client_order_id: str
    at: datetime
    code: BondCode
    name: str
    origin: Origin
    state: str
    level: Decimal | None
    price: Decimal | None
    ordered: int
    filled: int
    average: Decimal | None
    realised: Decimal | None


@dataclass(frozen=True, slots=True)
class CashFlow:
    """Money paid into the account, or out of it (below zero), CNY. `entered` by the user, else seen in its cash."""

    number: int
    at: datetime
    amount: Decimal
    entered: bool


@dataclass(frozen=True, slots=True)
class DayResult:
    """What the day brought since the last close (`since`), or since the first reading of an account without one.

    `paid` in CNY was paid in less what was paid out; it is in neither figure.
    """

    since: datetime
    profit: Decimal
    ratio: float
    paid: Decimal


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """The account's total at a moment. `paid` was paid in since the point before, less what was paid out.

    `growth` is what 1 CNY of the first point has become without what was paid; `drawdown` is how far that is below its
    highest until then, a ratio of that.
    """

    at: datetime
    value: Decimal
    paid: Decimal
    growth: float
    drawdown: float


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the bonds. `open` adds what is known; `unpriced` holdings are not in it.

    `change` and `change_ratio` are of the account's equity from its opening capital on, without what was paid in and
    out; `change_ratio` and `max_drawdown` are time-weighted. `turnover_ratio` is the turnover over the mean equity.
    """

    realised: Decimal
    open: Decimal | None
    unpriced: int
    fees: Decimal
    turnover: Decimal
    turnover_ratio: Decimal | None
    by_list: Slippage
    by_arrival: Slippage
    change: Decimal | None
    change_ratio: float | None
    max_drawdown: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything of a span of trading days: `first` None is since the beginning.

    The equity has one point a day, its last; of a single day one for each minute in which it changed. It begins with
    the last one before the span, else with the first one that there is: the capital before the first trade. `flows` are
    those within it. `slippage` has the days with filled orders, oldest first.
    """

    mode: str
    account: str
    first: date | None
    last: date
    made_at: datetime
    bonds: tuple[BondResult, ...]
    orders: tuple[OrderResult, ...]
    stops: tuple[StopResult, ...]
    equity: tuple[EquityPoint, ...]
    flows: tuple[CashFlow, ...]
    totals: Totals
    slippage: tuple[SlippageDay, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.bonds or self.orders or self.equity)
