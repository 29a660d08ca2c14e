"""The market as a benchmark: daily values of the index 中证转债 (000832), asked for by the report only."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from core.akshare.cells import parse_date, parse_number
from core.akshare.client import AkshareClient, Table, TableRefused, TableUnavailable, check_shape
from core.i18n import mark, say
from core.infra.clock import Clock
from core.infra.network import in_words
from core.model.errors import UnavailableError
from core.model.known import Known, Maybe
from core.quotes.tencent import SOURCE as TENCENT
from core.quotes.tencent import IndexQuote, fetch_index

log = logging.getLogger(__name__)

NAME = mark("CSI Convertible Bond Index")
SYMBOL = "sh000832"

TABLE = "stock_zh_index_daily"
"""akshare's daily history of an index, of Sina: the whole history in one answer, without the running day."""

RETRY = 600.0
"""Seconds until a history that could not be fetched is asked for again."""

_LEAST_ROWS = 200
_MOST_APART = Decimal("0.005")
"""By how much two sources of one close may differ, a ratio: both have the index's own two decimals or more."""


class BenchmarkUnavailable(UnavailableError):
    """No value of the benchmark is known; the message says why."""


@dataclass(frozen=True, slots=True)
class IndexValues:
    """Closes by session, and of the running one the newest value. `note` says what is missing, for people."""

    name: str
    source: str
    closes: Mapping[date, Decimal]
    note: str = ""


class BenchmarkSource(Protocol):
    """Daily values of the market."""

    async def values(self) -> IndexValues:
        """What is known now. Raises `BenchmarkUnavailable`."""
        ...

    def close(self) -> None: ...


class BondIndex:
    """A `BenchmarkSource`: the history of akshare, fetched once a day, and of Tencent the running day and the close
    before it."""

    def __init__(
        self,
        file: Path,
        tables: AkshareClient,
        clock: Clock,
        previous_session: Callable[[date], Maybe[date]],
        tencent: str,
        proxy: str,
    ) -> None:
        """`file` keeps the history; `tencent` is the address of the quote service."""
        self._file = file
        self._tables = tables
        self._clock = clock
        self._previous_session = previous_session
        self._tencent = tencent
        self._proxy = proxy
        self._lock = asyncio.Lock()
        self._table: Table | None = None
        self._failure: tuple[float, str] | None = None

    def close(self) -> None:
        """Kill a child that still fetches the history."""
        self._tables.close()

    async def values(self) -> IndexValues:
        async with self._lock:  # two reports ask once
            history, newest = await asyncio.gather(self._history(), self._newest())
        closes: dict[date, Decimal] = {}
        notes = [found for found in (history, newest) if isinstance(found, str)]
        if not isinstance(history, str):
            closes |= history
        if not isinstance(newest, str):
            self._add(closes, newest)
        if not closes:
            raise BenchmarkUnavailable("; ".join(notes))
        source = " + ".join(
            name for name, found in (("akshare", history), (TENCENT, newest)) if not isinstance(found, str)
        )
        return IndexValues(say(NAME), source, closes, "; ".join(notes))

    def _add(self, closes: dict[date, Decimal], newest: IndexQuote) -> None:
        """The newest value and the close before. Raises `BenchmarkUnavailable` where the sources contradict."""
        day = newest.at.date()
        before = self._previous_session(day)
        told = [(day, newest.last)]
        if isinstance(before, Known) and newest.prev_close is not None:
            told.append((before.value, newest.prev_close))
        for when, value in told:
            other = closes.setdefault(when, value)
            if abs(other - value) > _MOST_APART * value:
                raise BenchmarkUnavailable(
                    say(
                        "two sources disagree on the index of {day}: {one} and {other}",
                        day=when,
                        one=other,
                        other=value,
                    )
                )

    async def _history(self) -> dict[date, Decimal] | str:
        """Or why there is none."""
        if self._table is None:
            self._table = await asyncio.to_thread(self._load)
        if self._table is None or self._table.fetched_at.date() != self._clock.now().date():
            await self._fetch()
        if self._table is not None:
            return read_history(self._table)
        why = self._failure[1] if self._failure else ""
        return say("akshare's history of the index is not available: {why}", why=why)

    async def _fetch(self) -> None:
        """The table of today; where that fails, the last good one stays."""
        if self._failure is not None and self._clock.elapsed() - self._failure[0] < RETRY:
            return
        try:
            table = await self._tables.fetch(TABLE)
            read_history(table)
        except (TableUnavailable, TableRefused) as error:
            log.warning("the history of the index could not be fetched: %s", error)
            self._failure = (self._clock.elapsed(), str(error))
            return
        self._table, self._failure = table, None
        await asyncio.to_thread(self._save, table)

    async def _newest(self) -> IndexQuote | str:
        """Or why there is none."""
        try:
            return await fetch_index(self._tencent, self._proxy, SYMBOL)
        except Exception as error:
            return say("Tencent's value of the index is not available: {error}", error=in_words(error))

    def _load(self) -> Table | None:
        saved = Table.saved_in(self._file, read_history)
        return saved[0] if saved is not None else None

    def _save(self, table: Table) -> None:
        try:
            table.save(self._file)
        except OSError as error:
            log.warning("the history of the index could not be saved: %s", error)


def read_history(table: Table) -> dict[date, Decimal]:
    """Closes by day, before the one on which it was fetched: that one may not have been over. Raises `TableRefused`
    where a row cannot be read: one wrong close would bend the whole line."""
    check_shape(table, ("date", "close"), _LEAST_ROWS)
    found: dict[date, Decimal] = {}
    for row in table.rows:
        day, close = parse_date(row["date"], "date"), parse_number(row["close"], "close")
        if day is None or close is None or close <= 0 or day in found:
            raise TableRefused(say("its row of {day} has no close, or is there twice", day=row["date"]))
        found[day] = close
    return {day: close for day, close in found.items() if day < table.fetched_at.date()}
