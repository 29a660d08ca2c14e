"""What every broker is to the rest of the program."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from core.model.account import Asset, Position
from core.model.known import Maybe
from core.model.order import BrokerOrder, Fill, Intent, Order, Outcome

BrokerEvent = BrokerOrder | Fill
BrokerListener = Callable[[BrokerEvent], None]


@dataclass(frozen=True, slots=True)
class LinkState:
    """Whether the account is within reach, in words, and since when.

    `number` grows each time the account comes within reach: what was told before may have been missed since.
    """

    up: bool
    number: int
    text: str
    since: datetime


class Broker(Protocol):
    """An account that takes limit orders.

    Queries answer `Unknown` when the account did not answer: an empty tuple means that there really is nothing. Events
    may come before `place` answers, late, more than once and out of order; listeners are called on the engine's loop.
    """

    @property
    def account(self) -> str: ...

    @property
    def link(self) -> LinkState: ...

    def absence_proves(self, order: Order) -> float | None:
        """Seconds until an order that `orders` does not list has proven never to have arrived; None: never."""
        ...

    async def start(self) -> None:
        """Try once to reach the account; go on trying behind that. Never fails: `link` tells."""
        ...

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
        """Send one order, with its client order id as the remark. Never raises, never sends twice.

        Calls that are begun one after the other reach the account in that order, whether or not the first has ended.
        """
        ...

    async def cancel(self, order_id: str) -> None:
        """Ask for a cancel. Only the order's later state proves one."""
        ...

    def subscribe(self, listener: BrokerListener) -> None: ...

    def watch_link(self, listener: Callable[[], None]) -> None:
        """Call `listener`, on the engine's loop, whenever `link` has changed."""
        ...
