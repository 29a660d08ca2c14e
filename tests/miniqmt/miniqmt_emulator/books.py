"""Accounts, positions, orders and trades, as the counter keeps them.

Money is rounded to 0.001 yuan after every step, which is exact for prices on a 0.001 tick.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from miniqmt_emulator.behaviour import OrderBehaviour
from miniqmt_emulator.constants import (
    FINAL_STATUSES,
    STOCK_ACCOUNT,
    AccountStatus,
    OrderStatus,
    Side,
)


def money(amount: float) -> float:
    return round(amount, 3) + 0.0


@dataclass
class OrderRequest:
    """What a session asked for, before any check."""

    account_id: str
    account_type: int
    code: str
    side: int
    volume: int
    price_type: int
    price: float
    strategy: str = ""
    remark: str = ""
    """The 23-byte copy."""
    long_remark: str = ""
    """The 127-byte copy."""


@dataclass
class Position:
    code: str
    volume: int = 0
    usable: int = 0
    frozen: int = 0
    yesterday: int = 0
    cost: float = 0.0
    """Of the whole position, fees left out."""

    @property
    def average_price(self) -> float:
        return self.cost / self.volume if self.volume else 0.0


@dataclass
class Order:
    order_id: int
    account_id: str
    day: str
    time: int
    code: str
    side: int
    volume: int
    price_type: int
    price: float
    strategy: str
    remark: str
    long_remark: str
    session: int | None
    """None for an order placed by hand in the terminal."""
    accepted: float = 0.0
    """``time`` with its fraction of a second, by which a stale answer tells how old the order is."""
    status: int = OrderStatus.WAIT_REPORTING
    statuses: list[int] = field(default_factory=lambda: [int(OrderStatus.WAIT_REPORTING)])
    sysid: str = ""
    traded: int = 0
    amount: float = 0.0
    fee: float = 0.0
    frozen_cash: float = 0.0
    message: str = ""
    behaviour: OrderBehaviour = field(default_factory=OrderBehaviour)

    @property
    def left(self) -> int:
        return self.volume - self.traded

    @property
    def final(self) -> bool:
        return self.status in FINAL_STATUSES

    @property
    def average_price(self) -> float:
        return round(self.amount / self.traded, 6) if self.traded else 0.0

    def become(self, status: OrderStatus) -> None:
        self.status = int(status)
        self.statuses.append(int(status))


@dataclass
class Trade:
    trade_id: str
    order_id: int
    day: str
    time: int
    price: float
    volume: int
    fee: float


@dataclass
class Account:
    account_id: str
    cash: float = 100_000.0
    frozen_cash: float = 0.0
    account_type: int = STOCK_ACCOUNT
    status: int = AccountStatus.OK
    other_types: dict[str, int] = field(default_factory=dict)
    """Status by account type, of accounts of other types that are listed under the same number."""
    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    """Orders of today."""
    trades: list[Trade] = field(default_factory=list)
    """Trades of today."""

    def position(self, code: str) -> Position:
        return self.positions.setdefault(code, Position(code))

    def usable(self, code: str) -> int:
        position = self.positions.get(code)
        return position.usable if position else 0

    def set_position(self, code: str, volume: int, cost_price: float) -> None:
        """Replace a position by one held since yesterday."""
        if volume:
            self.positions[code] = Position(code, volume, volume, 0, volume, money(volume * cost_price))
        else:
            self.positions.pop(code, None)

    # -- what an order does to cash and positions -----------------------------------------------

    def reserve(self, order: Order, cash: float) -> None:
        """Freeze what a new order needs: ``cash`` for a buy, the bonds for a sale."""
        if order.side == Side.BUY:
            self._freeze(order, cash)
        else:
            position = self.position(order.code)
            position.usable -= order.volume
            position.frozen += order.volume

    def settle(self, order: Order, price: float, volume: int, fee: float, *, usable_today: bool) -> None:
        """Book one trade; ``fee`` is what this trade adds to the order's commission."""
        order.traded += volume
        order.amount = money(order.amount + price * volume)
        order.fee = money(order.fee + fee)
        position = self.position(order.code)
        if order.side == Side.BUY:
            self.cash = money(self.cash - price * volume - fee)
            position.volume += volume
            position.usable += volume if usable_today else 0
            position.cost = money(position.cost + price * volume)
        else:
            self.cash = money(self.cash + price * volume - fee)
            position.cost = money(position.cost - position.average_price * volume)
            position.frozen -= volume
            position.volume -= volume

    def refreeze(self, order: Order, cash: float) -> None:
        """Let a live buy order hold exactly ``cash``."""
        self._freeze(order, cash - order.frozen_cash)

    def release(self, order: Order) -> None:
        """Give back whatever an order that is over still holds."""
        if order.side == Side.BUY:
            self._freeze(order, -order.frozen_cash)
        else:
            position = self.position(order.code)
            position.frozen -= order.left
            position.usable += order.left

    def _freeze(self, order: Order, cash: float) -> None:
        order.frozen_cash = money(order.frozen_cash + cash)
        self.frozen_cash = money(self.frozen_cash + cash)
        self.cash = money(self.cash - cash)

    def start_day(self) -> None:
        """Nothing of yesterday is live any more; everything held may be sold."""
        self.orders.clear()
        self.trades.clear()
        self.positions = {
            code: Position(code, item.volume, item.volume, 0, item.volume, item.cost)
            for code, item in self.positions.items()
            if item.volume
        }
