"""The strategies of the embedded platform, and their backtests over the recorded panel.

Three rotation families, each with every combination of its three filters, and per strategy a record for each size of
the list and each pair of stops. Nothing here is advice: the metrics are what the recording gives, fees left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise, product
from statistics import fmean
from typing import NamedTuple

from core.i18n import mark, say
from core.model.bond import BondCode
from core.rules.performance import annualized_return, max_drawdown, sharpe, total_return
from core.sandbox.panel import Panel, PanelRow, Rows

MIN_YEARS = 0.5
MAX_PRICE = 130
MAX_PREMIUM = 30
AA_MINUS_OR_BETTER = frozenset({"AAA", "AA+", "AA", "AA-"})

SIZES = (5, 10, 15, 20, 30)
RECORDS_PER_STRATEGY = 100
"""Distance between the record ids of two strategies: record 101 is the first of strategy 1."""


class Family(StrEnum):
    """What bonds are ranked by, lowest first."""

    DOUBLE_LOW = mark("Double-low")
    LOW_PREMIUM = mark("Low premium")
    LOW_PRICE = mark("Low price")


_RANKED_BY = {
    Family.DOUBLE_LOW: mark("price + premium in percent"),
    Family.LOW_PREMIUM: mark("conversion premium"),
    Family.LOW_PRICE: mark("price", context="record"),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """Which bonds are ranked, and by what. A figure that is needed and unknown keeps a bond out.

    `min_years` to maturity, `max_price` in CNY and `max_premium` in percent (both exclusive) are None where they do not
    apply; `rated`: AA- or better; `suspended`: today's list names bonds that do not trade too. Words are in the
    language in use.
    """

    family: Family
    min_years: float | None = None
    rated: bool = False
    max_price: int | None = None
    max_premium: int | None = None
    suspended: bool = False

    @property
    def name(self) -> str:
        return say(", ").join((say(self.family), *self.filters))

    @property
    def ranked_by(self) -> str:
        return say(_RANKED_BY[self.family])

    @property
    def description(self) -> str:
        """What its lists are, in sentences."""
        among = say(", ").join(self.filters) or say("no filter")
        return say("Lowest {ranked_by} first; ties by code. Filter: {among}.", ranked_by=self.ranked_by, among=among)

    def admits(self, row: PanelRow) -> bool:
        return (
            row.premium is not None
            and (self.min_years is None or (row.years is not None and row.years >= self.min_years))
            and (not self.rated or row.rating in AA_MINUS_OR_BETTER)
            and (self.max_price is None or row.close < self.max_price)
            and (self.max_premium is None or row.premium < self.max_premium)
        )

    def score(self, row: PanelRow) -> float:
        """Lower is better; only of a row that is admitted."""
        premium = row.premium or 0.0
        match self.family:
            case Family.DOUBLE_LOW:
                return float(row.close) + premium
            case Family.LOW_PREMIUM:
                return premium
            case Family.LOW_PRICE:
                return float(row.close)

    @property
    def filters(self) -> tuple[str, ...]:
        chosen = (
            (self.min_years is not None, say("{years} years or more", years=self.min_years)),
            (self.rated, say("AA- or better")),
            (self.max_price is not None, say("price below {price}", price=self.max_price)),
            (self.max_premium is not None, say("premium below {premium}%", premium=self.max_premium)),
            (self.suspended, say("suspended bonds too")),
        )
        return tuple(words for applies, words in chosen if applies)


class RecipeStops(NamedTuple):
    """Ratios of the price at which a bond was bought."""

    take_profit: float
    stop_loss: float


STOPS = (None, RecipeStops(0.1, 0.05), RecipeStops(0.2, 0.1), RecipeStops(0.3, 0.15), RecipeStops(0.5, 0.2))


@dataclass(frozen=True, slots=True)
class Recipe:
    """One backtest record: a rule, how many bonds it holds, and its stops."""

    id: int
    rule: Rule
    size: int
    stops: RecipeStops | None


@dataclass(frozen=True, slots=True)
class RotationStrategy:
    id: int
    rule: Rule
    records: tuple[Recipe, ...]


@dataclass(frozen=True, slots=True)
class Backtest:
    """A backtest's line of equity, beginning at 1, how many of its closed holdings ended with a gain, and what it held
    at the end of each date."""

    equity: tuple[tuple[date, float], ...]
    closed: int
    won: int
    held: tuple[tuple[BondCode, ...], ...]

    @property
    def strategy_return(self) -> float | None:
        return total_return(self.equity)

    @property
    def win_rate(self) -> float | None:
        """Of closed holdings, those that ended above the price they were bought at; None while none is closed."""
        return self.won / self.closed if self.closed else None

    @property
    def annualized_return(self) -> float | None:
        return annualized_return(self.equity)

    @property
    def max_drawdown(self) -> float | None:
        return max_drawdown(self.equity)

    @property
    def sharpe_ratio(self) -> float | None:
        return sharpe(self.equity)


FIRST_STRATEGY, FIRST_RECORD = 10, 1012
"""What a sandbox follows until somebody chooses: the double-low of AA- or better with half a year or more to go, ten
bonds, take-profit 20 %, stop-loss 10 %."""


def catalogue() -> tuple[RotationStrategy, ...]:
    """Every strategy, the plain double-low first; the last one shows what suspended bonds do to a list."""
    rules = [
        Rule(
            family,
            min_years=MIN_YEARS if lasting else None,
            rated=rated,
            max_price=MAX_PRICE if cheap and family is not Family.LOW_PRICE else None,
            max_premium=MAX_PREMIUM if cheap and family is Family.LOW_PRICE else None,
        )
        for cheap, rated, lasting in product((False, True), repeat=3)
        for family in Family
    ]
    rules.append(Rule(Family.DOUBLE_LOW, suspended=True))
    return tuple(
        RotationStrategy(number, rule, _records(number * RECORDS_PER_STRATEGY, rule))
        for number, rule in enumerate(rules, 1)
    )


def rank(rule: Rule, rows: Rows, size: int) -> tuple[BondCode, ...]:
    """The `size` best bonds among `rows`, best first; ties by code."""
    scored = [(rule.score(row), code) for code, row in rows.items() if rule.admits(row)]
    return tuple(code for _, code in sorted(scored)[:size])


def rankings(panel: Panel, rule: Rule) -> tuple[tuple[BondCode, ...], ...]:
    """The list of each date of the panel, as long as the largest size needs it."""
    return tuple(rank(rule, panel.rows(day), max(SIZES)) for day in panel.dates)


def backtest(panel: Panel, lists: Sequence[Sequence[BondCode]], size: int, stops: RecipeStops | None) -> Backtest:
    """Hold the first `size` bonds of each date's list, at recorded closes and without fees.

    Every date sets each of the `size` slots back to the same share of the equity; an empty slot earns nothing. On each
    date, in this order: a bond whose rows have ended leaves at its last close, stops are checked against the price it
    was bought at, what is off the list is sold, what joined is bought, save what a stop has sold that day. A bond
    without a row on one date keeps its last price and cannot be traded. What is still held at the end is not closed.
    """
    run = _Run(panel, size, stops)
    equity: list[tuple[date, float]] = []
    held: list[tuple[BondCode, ...]] = []
    value = 1.0
    for day, listed in zip(panel.dates, lists, strict=True):
        value *= 1 + run.session(day, listed[:size])
        equity.append((day, value))
        held.append(run.held)
    return Backtest(tuple(equity), run.closed, run.won, tuple(held))


def benchmark(panel: Panel) -> tuple[tuple[date, float], ...]:
    """All bonds in equal weights, set back to them on each date, beginning at 1: the mean of the bonds' returns since
    the date before, of those that have a row on both."""
    line = [(panel.dates[0], 1.0)]
    for before, day in pairwise(panel.dates):
        old, new = panel.rows(before), panel.rows(day)
        returns = [float(row.close / old[code].close) - 1 for code, row in new.items() if code in old]
        line.append((day, line[-1][1] * (1 + (fmean(returns) if returns else 0.0))))
    return tuple(line)


@dataclass(slots=True)
class _Holding:
    bought_at: float
    last: float


class _Run:
    """What a backtest holds, from one date to the next."""

    def __init__(self, panel: Panel, size: int, stops: RecipeStops | None) -> None:
        self._panel = panel
        self._size = size
        self._stops = stops
        self._held: dict[BondCode, _Holding] = {}
        self.closed = 0
        self.won = 0

    @property
    def held(self) -> tuple[BondCode, ...]:
        return tuple(self._held)

    def session(self, day: date, listed: Sequence[BondCode]) -> float:
        """Trade one date; the return of the equity since the date before."""
        rows = self._panel.rows(day)
        earned = self._mark(rows) / self._size
        stopped = self._leave(day, rows)
        for code in [code for code in self._held if code in rows and code not in listed]:
            self._close(code)
        for code in listed:
            if code not in self._held and code not in stopped and len(self._held) < self._size:
                price = float(rows[code].close)
                self._held[code] = _Holding(price, price)
        return earned

    def _mark(self, rows: Mapping[BondCode, PanelRow]) -> float:
        """Move every holding to its close of the date; the sum of their returns."""
        earned = 0.0
        for code, holding in self._held.items():
            if code in rows:
                close = float(rows[code].close)
                earned += close / holding.last - 1
                holding.last = close
        return earned

    def _leave(self, day: date, rows: Mapping[BondCode, PanelRow]) -> set[BondCode]:
        """Close what has left the market and what a stop sells; the latter."""
        stopped = {code for code, holding in self._held.items() if code in rows and self._stops_at(holding)}
        gone = {code for code in self._held if code not in rows and self._panel.has_left(code, day)}
        for code in sorted(stopped | gone):
            self._close(code)
        return stopped

    def _stops_at(self, holding: _Holding) -> bool:
        if self._stops is None:
            return False
        change = round(holding.last / holding.bought_at - 1, 9)  # 90 after 100 is a loss of 0.1, not of 0.0999...
        return change <= -self._stops.stop_loss or change >= self._stops.take_profit

    def _close(self, code: BondCode) -> None:
        holding = self._held.pop(code)
        self.closed += 1
        self.won += holding.last > holding.bought_at


def _records(after: int, rule: Rule) -> tuple[Recipe, ...]:
    return tuple(
        Recipe(after + number, rule, size, stops) for number, (stops, size) in enumerate(product(STOPS, SIZES), 1)
    )
