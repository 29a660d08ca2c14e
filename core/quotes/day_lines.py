"""Keeps the session's prices of the bonds that are followed, one a minute, in memory.

241 whole numbers of 4 bytes a bond: 300 bonds take some 0.4 MB.
"""

from array import array
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from core.i18n import say
from core.model.bond import BondCode
from core.model.quote import HIGHEST_PRICE, Quote, TradingState
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


class PastMinutes(Protocol):
    """A market that knows its own past."""

    def minutes(self, code: BondCode, day: date) -> Sequence[int]:
        """The last price of each minute that is over, in ticks of 0.001 CNY; none of a bond that does not trade."""
        ...


class DayLines:
    """One session at a time: `begin` drops what is there of an earlier one. Quotes of another day are not kept."""

    def __init__(self, day: date = date.min, past: PastMinutes | None = None) -> None:
        """`past` knows the prices of today's minutes that were not followed."""
        self.day: date = day
        self._past = past
        self._ordinal = day.toordinal()
        self._lines: dict[BondCode, array[int]] = {}
        self._heard = bytearray(SLOTS)
        """Whether any price came within a minute: without one, the sources were silent."""
        self._sparks: tuple[Spark, ...] = ()
        self._small: dict[BondCode, tuple[int, Spark]] = {}
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

    def minute(self, slot: int) -> dict[str, int]:
        """The prices that came in this minute, by code, in ticks of 0.001 CNY."""
        return {str(code): line[slot] for code, line in self._lines.items() if line[slot]}

    def restore(self, slot: int, prices: Mapping[BondCode, int]) -> None:
        """Put back what `minute` gave. Raises `ValueError` for a price that is none."""
        for code, price in prices.items():
            if not 0 < price <= HIGHEST_PRICE * _UNITS:
                raise ValueError(say("{code}: {price} is no price", code=code, price=price))
            line = self._lines.get(code) or self._new_line(code)
            if line is not None:
                line[slot] = price
                self._heard[slot] = 1

    def points(self, code: BondCode) -> tuple[PricePoint, ...]:
        """The bond's line, oldest first. A minute in which no price of any bond came has no point."""
        return tuple(
            PricePoint(slot_begins(self.day, slot), Decimal(ticks).scaleb(_PLACES))
            for slot, ticks in enumerate(self._ticks(code))
            if ticks is not None
        )

    def sparks(self, now: datetime) -> tuple[Spark, ...]:
        """The lines in small. Each is the same object for `SPARK_MINUTES`, and all of them where none has changed.

        A fifth of them changes in each minute: all at once would take some 80 ms of 300 bonds.
        """
        slot = slot_at(now.time()) if now.date() == self.day else SLOTS
        made = (self.day, slot, len(self._lines))
        if made != self._sparks_made:
            before = self._small if self._sparks_made is not None and self._sparks_made[0] == self.day else {}
            self._sparks_made = made
            self._small = {code: self._small_line(code, slot, before.get(code)) for code in sorted(self._lines)}
            self._sparks = tuple(spark for _, spark in self._small.values())
        return self._sparks

    def _small_line(self, code: BondCode, slot: int, before: tuple[int, Spark] | None) -> tuple[int, Spark]:
        """With the five minutes that it is of, which begin in another minute for each fifth of the bonds."""
        period = (slot + int(code[:6])) // SPARK_MINUTES
        if before is not None and before[0] == period:
            return before
        return period, Spark(code, self._thinned(code))

    def _thinned(self, code: BondCode) -> tuple[Decimal | None, ...]:
        return tuple(None if ticks is None else Decimal(ticks).scaleb(_PLACES) for ticks in thinned(self._ticks(code)))

    def _new_line(self, code: BondCode) -> "array[int] | None":
        if len(self._lines) >= MOST_BONDS:
            return None
        line = self._lines[code] = array("i", bytes(4 * SLOTS))
        return line

    def _ticks(self, code: BondCode) -> list[int | None]:
        """The price of each minute, in ticks of 0.001 CNY; None before the first one, and where nothing was heard."""
        prices: list[int | None] = []
        before, age = 0, 0
        line = self._lines.get(code) or bytes(SLOTS)
        past = self._past.minutes(code, self.day) if self._past is not None else ()
        if past:
            line = [own or then for own, then in zip(line, [*past, *[0] * SLOTS], strict=False)]
        for own, heard in zip(line, self._heard, strict=True):
            before, age = (own, 0) if own else (before, age + 1)
            known = before and (own or (heard and age <= _CARRIED))
            prices.append(before if known else None)
        return prices
