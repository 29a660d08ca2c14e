"""A broker under test together with the market that it trades in: what a contract test may move."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Protocol, TypeVar

from core.brokers.broker import Broker, BrokerEvent
from core.brokers.paper import PaperBroker
from core.infra.clock import SteppedClock
from core.model.account import Asset, Position
from core.model.bond import BondCode
from core.model.known import Known, Maybe
from core.model.order import BrokerOrder, Confirmed, Fill, Intent, OrderState, Side
from core.model.quote import Quote, TradingState
from core.model.settings import Fees
from core.model.time import SHANGHAI
from core.quotes.replay import ReplayFeed

T = TypeVar("T")

SH, SZ = BondCode("113052"), BondCode("123107")
CAPITAL = Decimal(100_000)
OPENING = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)
TODAY = OPENING.date()


class Venue(Protocol):
    """What a suite needs beside the `Broker`: to set quotes, to let a day pass, to close and open again.

    The account begins with `CAPITAL` in cash and nothing else, at the fees of the default settings.
    """

    broker: Broker
    events: list[BrokerEvent]

    @property
    def now(self) -> datetime: ...

    async def show(self, *quotes: Quote) -> None:
        """Change the market of these bonds; return when all resulting events were sent."""
        ...

    async def settled(self) -> None:
        """Return when every pending event was sent."""
        ...

    async def next_day(self) -> None:
        """The next session, at the same hour."""
        ...

    async def reopen(self) -> None:
        """Close the broker and open the account anew."""
        ...

    async def close(self) -> None: ...


class PaperVenue:
    """The paper broker on quotes that tests set."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "paper.db"
        self._clock = SteppedClock(OPENING)
        self._quotes: dict[BondCode, Quote] = {}
        self.events: list[BrokerEvent] = []

    @classmethod
    async def opened(cls, folder: Path) -> "PaperVenue":
        venue = cls(folder)
        await venue._open()
        return venue

    @property
    def now(self) -> datetime:
        return self._clock.now()

    async def show(self, *quotes: Quote) -> None:
        self._quotes |= {quote.code: quote for quote in quotes}
        self._feed.show(self.now.date(), self._quotes)

    async def settled(self) -> None:
        await asyncio.sleep(0)

    async def next_day(self) -> None:
        self._clock.move_to(self.now + timedelta(days=1))

    async def reopen(self) -> None:
        await self.close()
        await self._open()

    async def close(self) -> None:
        await self.broker.stop()
        await self._feed.stop()

    async def _open(self) -> None:
        self._feed = ReplayFeed()
        await self._feed.start()
        self._feed.show(self.now.date(), self._quotes)
        self._feed.watch([SH, SZ])
        self.broker: Broker = PaperBroker(self._path, self._feed, self._clock, Fees(), CAPITAL, durable=False)
        self.broker.subscribe(self.events.append)
        await self.broker.start()


def quote(
    code: BondCode,
    at: datetime,
    *,
    last: str = "100",
    bid: str | None = "99.99",
    ask: str | None = "100.01",
    bid_volume: int | None = 1000,
    ask_volume: int | None = 1000,
    state: TradingState = TradingState.CONTINUOUS,
) -> Quote:
    """A bond around 100 CNY with its limits at 80 and 120."""
    return Quote(
        code,
        f"bond {code[:6]}",
        Decimal(last),
        at,
        "test",
        state,
        prev_close=Decimal(100),
        bid=Decimal(bid) if bid else None,
        ask=Decimal(ask) if ask else None,
        bid_volume=bid_volume if bid else None,
        ask_volume=ask_volume if ask else None,
        limit_up=Decimal(120),
        limit_down=Decimal(80),
        volume=10_000,
    )


def intent(
    remark: str, code: BondCode, side: Side, volume: int, price: str, day: date = TODAY, attempt: int = 1
) -> Intent:
    return Intent(remark, "plan", day, code, "", side, volume, Decimal(price), "test", attempt)


class Account:
    """The value of a broker's response, which must be known."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    async def asset(self) -> Asset:
        return known(await self.venue.broker.asset())

    async def position(self, code: BondCode) -> Position:
        rows = known(await self.venue.broker.positions())
        return next((row for row in rows if row.code == code), Position(code, 0, 0))

    async def order(self, remark: str) -> BrokerOrder:
        (found,) = [row for row in known(await self.venue.broker.orders(OPENING.date())) if row.remark == remark]
        return found

    async def fills(self, remark: str) -> list[Fill]:
        return [row for row in known(await self.venue.broker.fills(OPENING.date())) if row.remark == remark]

    async def send(self, order: Intent) -> BrokerOrder:
        """Place an order the broker accepts and return its current state."""
        outcome = await self.venue.broker.place(order)
        assert isinstance(outcome, Confirmed), outcome
        await self.venue.settled()
        listed = await self.order(order.client_order_id)
        assert listed.order_id == outcome.order_id
        return listed

    async def own(self, code: BondCode, volume: int) -> None:
        """Buy this much at the ask of a fresh market."""
        await self.venue.show(quote(code, self.venue.now))
        bought = await self.send(intent(f"own-{code[:6]}", code, Side.BUY, volume, "100.01", self.venue.now.date()))
        assert bought.state is OrderState.FILLED


def known(answer: Maybe[T]) -> T:
    assert isinstance(answer, Known), answer
    return answer.value


Opener = Callable[[Path], Awaitable[Venue]]


def fills_of(events: Iterable[BrokerEvent]) -> list[Fill]:
    return [event for event in events if isinstance(event, Fill)]
