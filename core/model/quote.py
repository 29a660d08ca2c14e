"""A price and all that is needed to judge it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.i18n import mark, say
from core.model.bond import BondCode


class TradingState(StrEnum):
    """What the exchange does with this bond right now."""

    PRE_OPEN = mark("pre-open")
    AUCTION = mark("auction")
    CONTINUOUS = mark("open")
    BREAK = mark("break")
    CLOSING_CALL = mark("closing call")
    CLOSED = mark("closed")
    HALTED = mark("suspended")
    UNKNOWN = mark("unknown")


_FACTOR = 3
"""No day moves a price by more: within 20 % of the previous close, on a listing day from -43.3 % to +57.3 % of it."""

HIGHEST_PRICE = 100_000
"""CNY per 张; no convertible bond has cost as much."""


@dataclass(frozen=True, slots=True)
class Quote:
    """One bond's market, in CNY per 张 (100 face); volumes in 张.

    `bid` and `ask` are None where that side is empty (limit-down, limit-up, suspended); their volumes, `limit_up` and
    `limit_down` are None where the source does not tell. `doubt` says on what two figures of the previous close
    disagree: it is None then.

    Raises `ValueError` for a price that cannot be: adapters turn such a record into `Unknown`.
    """

    code: BondCode
    name: str
    last: Decimal
    at: datetime
    source: str
    state: TradingState = TradingState.UNKNOWN
    prev_close: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_volume: int | None = None
    ask_volume: int | None = None
    limit_up: Decimal | None = None
    limit_down: Decimal | None = None
    volume: int = 0
    doubt: str = ""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a quote's time must carry its zone")
        told = (self.last, self.prev_close, self.bid, self.ask, self.limit_up, self.limit_down)
        prices = [price for price in told if price is not None]
        if not all([price.is_finite() and price > 0 for price in prices]):  # noqa: C419  (of each tick: half the time)
            raise ValueError(say("{code}: a price is not above zero", code=self.code))
        before = self.prev_close
        if before is not None and not before / _FACTOR <= self.last <= before * _FACTOR:
            raise ValueError(
                say(
                    "{code}: last {last} is out of all proportion to the previous close {before}",
                    code=self.code,
                    last=self.last,
                    before=before,
                )
            )
        if max(prices) > HIGHEST_PRICE:
            raise ValueError(
                say("{code}: a price is above {highest_price} CNY", code=self.code, highest_price=HIGHEST_PRICE)
            )
        if self.limit_up is not None and self.last > self.limit_up:
            raise ValueError(
                say(
                    "{code}: last {last} is above its limit-up {limit_up}",
                    code=self.code,
                    last=self.last,
                    limit_up=self.limit_up,
                )
            )
        if self.limit_down is not None and self.last < self.limit_down:
            raise ValueError(
                say(
                    "{code}: last {last} is below its limit-down {limit_down}",
                    code=self.code,
                    last=self.last,
                    limit_down=self.limit_down,
                )
            )


class SessionPhase(StrEnum):
    """What the exchanges are doing; UNKNOWN where the calendar does not know the day."""

    UNKNOWN = mark("unknown day")
    CLOSED_DAY = mark("closed day")
    PRE_OPEN = mark("pre-open")
    OPENING_CALL = mark("opening call")
    OPEN = mark("open")
    BREAK = mark("break")
    CLOSING_CALL = mark("closing call")
    CLOSED = mark("closed")
