"""Several sources of quotes behind one feed: the best that is sound answers, alone; the next one is the second opinion.

A decision never mixes two sources: an answer is one source's, whole, and only the one in use is heard by listeners.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

from core.i18n import say
from core.infra.clock import Clock
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote
from core.model.snapshot import SourceState
from core.quotes.feed import QuoteFeed, QuoteListener
from core.rules.cross_check import price_disagreement

log = logging.getLogger(__name__)

RETRY = 30.0
"""Seconds until a source that was out of reach is asked again while another one answers."""

STUCK = 15.0
"""Seconds of silence in a session after which the next source is asked whether there is news."""

BEHIND = timedelta(seconds=20)
"""How far the newest price of a silent source must be behind the next one's for it to count as stuck."""

SECOND_PATIENCE = 8.0
"""Seconds that a second opinion may take: the prices that it is asked about grow old meanwhile."""

FRESH = 10.0
"""Seconds for which a second source's last answer may speak against a price that sets off a stop."""


class QuoteSource(QuoteFeed, Protocol):
    """A feed that knows whether it is within reach."""

    @property
    def trouble(self) -> str | None:
        """Why the source as a whole is out of reach, None where it is not."""
        ...

    def latest(self, code: BondCode, within: float) -> Quote | None:
        """What was heard of a bond in the last seconds; without asking."""
        ...


class _SourceStatus:
    """A source with its health."""

    def __init__(self, source: QuoteSource, clock: Clock) -> None:
        self.source = source
        self._clock = clock
        self.trouble: str | None = None
        self.since = clock.now()
        self.tried_at = -RETRY
        self.heard_at = clock.elapsed()

    def judge(self, trouble: str | None) -> None:
        self.tried_at = self._clock.elapsed()
        if (trouble is None) != (self.trouble is None):
            self.since = self._clock.now()
        self.trouble = trouble

    @property
    def resting(self) -> bool:
        """Out of reach, and not to be asked again yet."""
        return self.trouble is not None and self._clock.elapsed() - self.tried_at < RETRY

    def told(self) -> str:
        return say(
            "{name} since {since:%H:%M:%S}: {trouble}",
            name=self.source.name,
            since=self.since,
            trouble=self.trouble or say("ok"),
        )


class FailoverQuotes:
    """A `QuoteFeed`, best source first. `beside`: whether a second one is followed too, to speak against a price."""

    def __init__(
        self,
        sources: Sequence[QuoteSource],
        clock: Clock,
        *,
        open_now: Callable[[], bool],
        beside: bool,
        ratio: Decimal,
    ) -> None:
        self._seats = [_SourceStatus(source, clock) for source in sources]
        self._clock = clock
        self._open_now = open_now
        self._beside = beside
        self._ratio = ratio
        self._active = self._seats[0]
        self._watched: frozenset[BondCode] = frozenset()
        self._listeners: list[QuoteListener] = []
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._asking: set[asyncio.Task[Mapping[BondCode, Maybe[Quote]] | None]] = set()
        for seat in self._seats:
            seat.source.subscribe(self._listener(seat))

    @property
    def name(self) -> str:
        return self._active.source.name

    async def start(self) -> None:
        for seat in self._seats:
            await seat.source.start()
        self._stopping.clear()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="the sources of quotes")

    async def stop(self) -> None:
        self._stopping.set()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        for seat in self._seats:
            await seat.source.stop()

    def watch(self, codes: Iterable[BondCode]) -> None:
        self._watched = frozenset(codes)
        self._spread_watch()

    def subscribe(self, listener: QuoteListener) -> None:
        self._listeners.append(listener)

    async def snapshot(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        """One source's answer: the best one's that is within reach. Where none is, the reason names each of them."""
        wanted = tuple(codes)
        if not wanted:
            return {}
        for seat in self._in_turn():
            found = await self._ask(seat, wanted)
            if found is not None:
                self._use(seat)
                return found
        told = "; ".join(seat.told() for seat in self._seats)
        return dict.fromkeys(wanted, Unknown(say("no price, every source is out of reach: {told}", told=told)))

    async def second(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        """The same from the best source that is not in use; why there is none where there is none."""
        wanted = tuple(codes)
        others = [seat for seat in self._seats if seat is not self._active]
        for seat in others:
            found = None if seat.resting else await self._ask_in_time(seat, wanted)
            if found is not None:
                return found
        told = "; ".join(seat.told() for seat in others) or say("there is only one source")
        return dict.fromkeys(wanted, Unknown(told))

    async def universe(self) -> Maybe[tuple[BondCode, ...]]:
        return await self._seats[0].source.universe()

    def doubt(self, quote: Quote) -> str | None:
        """What a second source, heard within the last seconds, has against this price; None where it has nothing.

        A source that is silent has no say: it must not keep a stop from firing.
        """
        for seat in self._seats:
            if seat is not self._active and seat.source.name != quote.source:
                other = seat.source.latest(quote.code, FRESH)
                if other is not None and other.at.date() == quote.at.date():
                    return price_disagreement(quote, other, self._ratio)
        return None

    def states(self) -> tuple[SourceState, ...]:
        return tuple(
            SourceState(seat.source.name, seat is self._active, seat.trouble, seat.since) for seat in self._seats
        )

    def _in_turn(self) -> list[_SourceStatus]:
        """Best first; those that rest come last, and are asked only where no other answers."""
        return sorted(self._seats, key=lambda seat: seat.resting)

    async def _ask(self, seat: _SourceStatus, codes: Sequence[BondCode]) -> Mapping[BondCode, Maybe[Quote]] | None:
        found = await seat.source.snapshot(codes)
        seat.judge(seat.source.trouble)
        return found if seat.trouble is None else None

    async def _ask_in_time(
        self, seat: _SourceStatus, codes: Sequence[BondCode]
    ) -> Mapping[BondCode, Maybe[Quote]] | None:
        """The same where prices grow old meanwhile: one that takes longer has its answer ready for the next time."""
        asking = asyncio.create_task(self._ask(seat, codes))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        done, _ = await asyncio.wait({asking}, timeout=SECOND_PATIENCE)
        if done:
            return asking.result()
        seat.judge(say("no answer within {seconds:.0f} s", seconds=SECOND_PATIENCE))
        return None

    def _use(self, seat: _SourceStatus) -> None:
        if seat is not self._active:
            worse = self._seats.index(seat) > self._seats.index(self._active)
            before, self._active = self._active, seat
            log.log(
                logging.WARNING if worse else logging.INFO,
                "prices come from %s now (%s)",
                seat.source.name,
                before.told(),
            )
            self._spread_watch()

    def _spread_watch(self) -> None:
        """The source in use follows all, so do those before it, to be noticed when they are back, and the second."""
        place = self._seats.index(self._active)
        last = max(place, 1 if self._beside else 0)
        for number, seat in enumerate(self._seats):
            seat.source.watch(self._watched if number <= last else ())

    def _listener(self, seat: _SourceStatus) -> QuoteListener:
        def listen(quotes: Mapping[BondCode, Quote]) -> None:
            seat.heard_at = self._clock.elapsed()
            if seat is self._active:
                for listener in self._listeners:
                    listener(quotes)

        return listen

    async def _keep(self) -> None:
        """Look after the source in use: one that is out of reach, or stuck, gives way; a better one that is back takes
        over."""
        while not await self._clock.wait(self._stopping, 5.0):
            if not self._watched or not self._open_now():
                continue
            try:
                silent = self._clock.elapsed() - self._active.heard_at > STUCK
                if silent or self._active is not self._seats[0] or self._active.source.trouble:
                    await self._look_around()
            except Exception:
                log.exception("the sources of quotes could not be looked after")

    async def _look_around(self) -> None:
        before = self._active
        found = await self.snapshot(self._watched)
        if self._active is before and self._clock.elapsed() - before.heard_at > STUCK:
            await self._replace_stuck(found)

    async def _replace_stuck(self, found: Mapping[BondCode, Maybe[Quote]]) -> None:
        """Where the next source has clearly newer prices of the same bonds, the silent one is stuck."""
        newest = max((quote.value.at for quote in found.values() if isinstance(quote, Known)), default=None)
        for seat in self._seats[self._seats.index(self._active) + 1 :]:
            other = None if seat.resting else await self._ask(seat, tuple(self._watched))
            theirs = [quote.value.at for quote in (other or {}).values() if isinstance(quote, Known)]
            if theirs and (newest is None or max(theirs) - newest > BEHIND):
                self._active.judge(say("stuck: {other} has newer prices", other=seat.source.name))
                self._use(seat)
                return
