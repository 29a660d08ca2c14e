"""The interface of every broker: the account that orders go to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, auto
from typing import Protocol

from core.model.account import Asset, Position
from core.model.bond import BondCode
from core.model.known import Maybe
from core.model.order import BrokerOrder, Fill, Intent, Order, Outcome

BrokerEvent = BrokerOrder | Fill
BrokerListener = Callable[[BrokerEvent], None]


class ConnectionStatus(Enum):
    """Only CONNECTED can trade."""

    CONNECTED = auto()
    DISCONNECTED = auto()  # the terminal does not answer
    ACCOUNT_UNAVAILABLE = auto()  # the terminal answers, and does not offer this account or it is not ready


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """Whether the account can be reached, a `detail` for the user, and since when.

    `number` counts the connections made: events between two of them may have been missed.
    """

    status: ConnectionStatus
    number: int
    detail: str
    since: datetime

    @property
    def connected(self) -> bool:
        return self.status is ConnectionStatus.CONNECTED


class Broker(Protocol):
    """An account that takes limit orders.

    Queries return `Unknown` when the account did not answer: an empty tuple means that there really is nothing. Events
    may come before `place` returns, late, more than once and out of order. Listeners run on the engine's loop.
    """

    @property
    def account(self) -> str: ...

    @property
    def connection(self) -> ConnectionState: ...

    @property
    def frozen(self) -> Mapping[BondCode, str]:
        """Bonds of which the account's newest rows hold a figure that cannot be true, and what is wrong with it. Such a
        row is in no answer and no event; the bond is free again when the account lists the right figure."""
        ...

    def absence_proven_in(self, order: Order) -> float | None:
        """Seconds until `orders` not listing this order proves that it never arrived; None: it never proves it."""
        ...

    async def start(self) -> None:
        """Try once to connect; retries go on in the background. Never raises: read `connection`."""
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

        Orders reach the account in the order of the calls, even where an earlier call has not returned.
        """
        ...

    async def cancel(self, order_id: str) -> None:
        """Request a cancel. Only the order's later state proves it."""
        ...

    def subscribe(self, listener: BrokerListener) -> None: ...

    def watch_connection(self, listener: Callable[[], None]) -> None:
        """Call `listener`, on the engine's loop, whenever `connection` has changed."""
        ...
