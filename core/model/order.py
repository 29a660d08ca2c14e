"""Orders: the intention, the broker's order, the fills."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from core.i18n import mark
from core.model.bond import BondCode


class Side(StrEnum):
    BUY = mark("buy")
    SELL = mark("sell")


class Origin(StrEnum):
    """What an order was sent for."""

    FLATTEN = mark("flatten")
    STOP_LOSS = mark("stop-loss")
    TAKE_PROFIT = mark("take-profit")
    EXIT = mark("exit")
    SALE = mark("hand sale")
    REBALANCE = mark("rebalance")
    REFILL = mark("refill")
    SELF_TEST = mark("self-test")


STOP_ORIGINS = frozenset({Origin.STOP_LOSS, Origin.TAKE_PROFIT})
SALES_ALONE = frozenset({Origin.FLATTEN, Origin.EXIT, Origin.SALE})
"""Plans that only sell, and follow no list."""
UNLIMITED = STOP_ORIGINS | SALES_ALONE
"""No limit on the number of orders blocks what sells for safety or by hand."""
SOLD_FOR_TODAY = STOP_ORIGINS | {Origin.SALE}
"""A bond that was sold for one of these is not bought again before tomorrow."""


class OrderState(StrEnum):
    """An order's life as the journal knows it."""

    INTENDED = mark("intended")  # on disk; may or may not have been sent
    UNKNOWN = mark("unknown", context="order")  # sent, outcome not known: this bond is frozen until it is settled
    WORKING = mark("working")
    PART_FILLED = mark("part filled")
    CANCELLING = mark("cancelling")
    FILLED = mark("filled")
    CANCELLED = mark("cancelled")  # what was filled before stays filled
    REJECTED = mark("rejected")  # by the exchange or the broker's counter, after it took the order
    REFUSED = mark("refused")  # never taken
    LAPSED = mark("lapsed")  # the trading day ended before the order did

    @property
    def context(self) -> str:
        """In which `say` translates it."""
        return "order"


LIVE_STATES = frozenset({OrderState.WORKING, OrderState.PART_FILLED, OrderState.CANCELLING})
UNRESOLVED_STATES = frozenset({OrderState.INTENDED, OrderState.UNKNOWN})
DONE_STATES = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.REFUSED, OrderState.LAPSED}
)


@dataclass(frozen=True, slots=True)
class Intent:
    """An order as it is written down before it is sent: `volume` in 张, `price` a limit in CNY per 张.

    `client_order_id` is at most 23 ASCII bytes (what MiniQMT's order_remark keeps) and never used twice. What its fills
    are measured by, CNY per 张, None where not known: `list_price` is the platform's for the bond, `arrival` the last
    price when the order was first decided, before it was priced again; `level` is the one that a stop went through.
    """

    client_order_id: str
    plan_id: str
    trading_day: date
    code: BondCode
    name: str
    side: Side
    volume: int
    price: Decimal
    reason: str
    attempt: int = 1
    origin: Origin = Origin.REBALANCE
    list_price: Decimal | None = None
    arrival: Decimal | None = None
    level: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """One step in an order's life."""

    at: datetime
    state: OrderState
    text: str


@dataclass(frozen=True, slots=True)
class Order:
    """An order and everything that happened to it; amounts and fees in CNY, volumes in 张.

    `unsent`: refused before it was handed to the broker, so it counts as no order of the day and no reject.
    """

    intent: Intent
    state: OrderState
    created_at: datetime
    order_id: str | None = None
    filled_volume: int = 0
    filled_amount: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    message: str = ""
    log: tuple[Transition, ...] = ()
    unsent: bool = False

    @property
    def live(self) -> bool:
        return self.state in LIVE_STATES

    @property
    def unresolved(self) -> bool:
        return self.state in UNRESOLVED_STATES

    @property
    def done(self) -> bool:
        return self.state in DONE_STATES

    @property
    def remaining(self) -> int:
        return self.intent.volume - self.filled_volume

    @property
    def average_price(self) -> Decimal | None:
        """Mean fill price in CNY per 张, None while nothing is filled."""
        return self.filled_amount / self.filled_volume if self.filled_volume else None


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker lists it; `remark` carries our client order id, or whatever else placed it."""

    order_id: str
    remark: str
    trading_day: date
    code: BondCode
    side: Side
    volume: int
    price: Decimal
    state: OrderState
    filled_volume: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade of one of the account's orders. (trading_day, order_id, trade_id) is its identity.

    `volume` in 张, `price` in CNY per 张, `fee` in CNY (0 where the broker does not give it with the fill).
    """

    trading_day: date
    order_id: str
    trade_id: str
    remark: str
    code: BondCode
    side: Side
    volume: int
    price: Decimal
    fee: Decimal
    at: datetime

    @property
    def key(self) -> str:
        return f"{self.trading_day}/{self.order_id}/{self.trade_id}"

    @property
    def amount(self) -> Decimal:
        return self.price * self.volume


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The broker took the order under this id. It says nothing about a fill."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker certainly did not take the order. `sent`: it was asked to."""

    reason: str
    sent: bool = True


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Outcome unknown: the order may be live. It is looked up, never sent again."""

    reason: str


Outcome = Confirmed | Refused | Unresolved
