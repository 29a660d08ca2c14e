"""What every broker is to the rest of the program."""

from collections.abc import Callable
from datetime import date
from typing import Protocol

from core.model.account import Asset, Position
from core.model.known import Maybe
from core.model.order import BrokerOrder, Fill, Intent, Outcome

BrokerEvent = BrokerOrder | Fill
BrokerListener = Callable[[BrokerEvent], None]


class Broker(Protocol):
    """An account that takes limit orders.

    Queries answer `Unknown` when the account did not answer: an empty tuple means that there really is nothing. Events
    may come before `place` answers, late, more than once and out of order; listeners are called on the engine's loop.
    """

    @property
    def account(self) -> str: ...

    @property
    def lists_every_order(self) -> bool:
        """Whether an order that is absent from `orders` is proven never to have arrived."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def asset(self) -> Maybe[Asset]: ...

    async def positions(self) -> Maybe[tuple[Position, ...]]: ...

    async def orders(self, since: date) -> Maybe[tuple[BrokerOrder, ...]]:
        """Orders of the account from `since` on, as far back as this broker lists them."""
        ...

    async def fills(self, since: date) -> Maybe[tuple[Fill, ...]]:
        """Fills of the account from `since` on, as far back as this broker lists them."""
        ...

    async def place(self, intent: Intent) -> Outcome:
        """Send one order, with its client order id as the remark. Never raises, never sends twice."""
        ...

    async def cancel(self, order_id: str) -> None:
        """Ask for a cancel. Only the order's later state proves one."""
        ...

    def subscribe(self, listener: BrokerListener) -> None: ...
