"""Keeps the session's prices of the bonds that are followed, one a minute, in memory.

241 whole numbers of 4 bytes a bond: 300 bonds take some 0.4 MB.
"""

from array import array
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from core.model.bond import BondCode
from core.model.quote import Quote, TradingState
from core.model.series import PricePoint, Spark
from core.rules.day_line import SLOT_OF_MINUTE, SLOTS, slot_at, slot_begins, thinned

MOST_BONDS = 500
"""Further bonds of a day are not kept."""

SPARK_MINUTES = 5
"""Minutes of trading between two changes of the small lines."""

_CARRIED = 10
"""Minutes for which a bond's price stands without a newer one of its own, while others still come."""

_PLACES = -3
_UNITS = 1000
"""Ticks of 0.001 CNY in 1 CNY."""

_HALTED = TradingState.HALTED


class DayLines:
    """One session at a time: `begin` drops what is there of an earlier one. Quotes of another day are not kept."""

    def __init__(self, day: date = date.min) -> None:
        self.day: date = day
        self._ordinal = day.toordinal()
        self._lines: dict[BondCode, array[int]] = {}
        self._heard = bytearray(SLOTS)
        """Whether any price came within a minute: without one, the sources were silent."""
        self._sparks: tuple[Spark, ...] = ()
        self._sparks_made: tuple[date, int, int] | None = None

    def on_quotes(self, quotes: Mapping[BondCode, Quote]) -> None:
        """Note each price in its own minute. Called with every tick: it does nothing else."""
        for code, quote in quotes.items():
            at = quote.at
            if at.toordinal() != self._ordinal or quote.state is _HALTED:
                continue
            slot = SLOT_OF_MINUTE[at.hour * 60 + at.minute]
            if slot < 0:
                continue
            line = self._lines.get(code)
            if line is None:
                line = self._new_line(code)
                if line is None:
                    continue
            line[slot] = int(quote.last * _UNITS)
            self._heard[slot] = 1

    def begin(self, day: date) -> None:
        """Drop the lines of an earlier day."""
        if day != self.day:
            self.day, self._ordinal = day, day.toordinal()
            self._lines, self._heard = {}, bytearray(SLOTS)

    def points(self, code: BondCode) -> tuple[PricePoint, ...]:
        """The bond's line, oldest first. A minute in which no price of any bond came has no point."""
        return tuple(
            PricePoint(slot_begins(self.day, slot), price)
            for slot, price in enumerate(self._prices(code))
            if price is not None
        )

    def sparks(self, now: datetime) -> tuple[Spark, ...]:
        """The lines in small. The same object until `SPARK_MINUTES` are over or another bond has a line."""
        made = (self.day, slot_at(now.time()) // SPARK_MINUTES if now.date() == self.day else SLOTS, len(self._lines))
        if made != self._sparks_made:
            self._sparks_made = made
            self._sparks = tuple(Spark(code, thinned(self._prices(code))) for code in sorted(self._lines))
        return self._sparks

    def _new_line(self, code: BondCode) -> "array[int] | None":
        if len(self._lines) >= MOST_BONDS:
            return None
        line = self._lines[code] = array("i", bytes(4 * SLOTS))
        return line

    def _prices(self, code: BondCode) -> list[Decimal | None]:
        """The price of each minute; None before the first one, and where nothing was heard."""
        prices: list[Decimal | None] = []
        before, age = 0, 0
        for own, heard in zip(self._lines.get(code, ()), self._heard, strict=False):
            before, age = (own, 0) if own else (before, age + 1)
            known = before and (own or (heard and age <= _CARRIED))
            prices.append(Decimal(before).scaleb(_PLACES) if known else None)
        return prices
