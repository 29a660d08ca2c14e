"""A plan: what a rebalance would do, and why, row by row."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from core.i18n import joined, say, say_many, sentences
from core.model.bond import BondCode
from core.model.order import Origin, Side
from core.model.platform import SkippedRow


@dataclass(frozen=True, slots=True)
class Leg:
    """One order to send: `volume` in 张, `price` its limit in CNY per 张, `amount` and `fee` in CNY at that limit.

    `list_price` and `arrival` measure its fills: the platform's price, and the last one at the decision.
    """

    side: Side
    code: BondCode
    name: str
    volume: int
    price: Decimal
    amount: Decimal
    fee: Decimal
    reason: str
    list_price: Decimal | None = None
    arrival: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A holding that stays: `ours` tells the strategy's from the user's own."""

    code: BondCode
    name: str
    volume: int
    ours: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """A leg that is wanted and not possible; its slot stays empty. `suspended`: because the bond does not trade."""

    side: Side
    code: BondCode
    name: str
    reason: str
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The planner's result; `origin` is what its orders are sent for.

    `list_date` and `list_age` (in sessions) are None without a date, `list_notes` say what to know about the list.

    `refused` names why nothing at all may be sent; then there are no legs. `question` names why the plan is carried out
    only after the user has agreed to that. `cash` is what may be spent before the first
    leg, `cash_after` what is left when every leg fills at its limit; both None where the account did not answer.
    """

    plan_id: str
    mode: str
    trading_day: date
    made_at: datetime
    list_date: date | None
    codes: tuple[BondCode, ...]
    cash: Decimal | None
    cash_after: Decimal | None
    legs: tuple[Leg, ...] = ()
    kept: tuple[Kept, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    skipped_rows: tuple[SkippedRow, ...] = ()
    list_age: int | None = None
    list_notes: tuple[str, ...] = ()
    refused: str | None = None
    question: str | None = None
    origin: Origin = Origin.REBALANCE

    @property
    def follows_a_list(self) -> bool:
        return self.list_date is not None or bool(self.codes or self.list_notes)

    @property
    def listed(self) -> str:
        """The list that the plan follows, in words: its date, its size, its skipped rows."""
        if not self.follows_a_list:
            return say("no list")
        bonds = say_many("{count} bond", "{count} bonds", len(self.codes))
        of = (
            say("list of {list_date}, {codes}", list_date=self.list_date, codes=bonds)
            if self.list_date
            else say("list without a date, {codes}", codes=bonds)
        )
        rows = len(self.skipped_rows)
        return joined((of, say_many("{count} row skipped", "{count} rows skipped", rows))) if rows else of

    @property
    def list_words(self) -> str:
        """`listed` with what to know about the list."""
        return sentences((self.listed, *self.list_notes)) if self.list_notes else self.listed

    @property
    def sells(self) -> tuple[Leg, ...]:
        return tuple(leg for leg in self.legs if leg.side is Side.SELL)

    @property
    def buys(self) -> tuple[Leg, ...]:
        return tuple(leg for leg in self.legs if leg.side is Side.BUY)

    @property
    def fees(self) -> Decimal:
        return sum((leg.fee for leg in self.legs), Decimal(0))

    @property
    def turnover(self) -> Decimal:
        return sum((leg.amount for leg in self.legs), Decimal(0))
