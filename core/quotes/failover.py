"""Several quote sources behind one feed: the best one that works is in use, the next one gives the second opinion.

A decision never mixes two sources: an answer comes from one source, and listeners get only the one in use.
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
from core.model.settings import Settings
from core.model.snapshot import SourceState
from core.quotes.feed import QuoteFeed, QuoteListener
from core.rules.cross_check import price_disagreement

log = logging.getLogger(__name__)

RETRY = 30.0
"""Seconds until a source that failed is asked again while another one answers."""

STALE_AFTER = 15.0
"""Seconds without a quote in a session after which the next source is asked for newer prices."""

STALE_BY = timedelta(seconds=20)
"""How far a silent source's newest price must lag behind the next source's to count as stale."""

SECOND_TIMEOUT = 8.0
"""Seconds that a second opinion may take: the prices in question grow old meanwhile."""

CONTRADICTION_AGE = 10.0
"""Maximum age in seconds of a second source's price that may contradict a price that triggers a stop."""


class QuoteSource(QuoteFeed, Protocol):
    """A feed that knows whether it works."""

    @property
    def trouble(self) -> str | None:
        """Why the source as a whole does not work, None where it does."""
        ...

    def latest(self, code: BondCode, within: float) -> Quote | None:
        """The bond's newest quote, where it came within that many seconds; asks nothing."""
        ...


class _SourceStatus:
    """A source, whether it works, and when it was last asked and heard."""

    def __init__(self, source: QuoteSource, clock: Clock) -> None:
        self.source = source
        self._clock = clock
        self.trouble: str | None = None
        self.since = clock.now()
        self.asked_at = -RETRY
        self.last_quote_at = clock.elapsed()

    def set_trouble(self, trouble: str | None) -> None:
        self.asked_at = self._clock.elapsed()
        if (trouble is None) != (self.trouble is None):
            self.since = self._clock.now()
        self.trouble = trouble

    @property
    def backing_off(self) -> bool:
        """Whether it failed and is not to be asked again yet."""
        return self.trouble is not None and self._clock.elapsed() - self.asked_at < RETRY

    def description(self) -> str:
        return say(
            "{name} since {since:%H:%M:%S}: {trouble}",
            name=self.source.name,
            since=self.since,
            trouble=self.trouble or say("ok"),
        )


class FailoverQuotes:
    """A `QuoteFeed`, best source first. `cross_check`: whether a second source is watched too, to check prices."""

    def __init__(
        self,
        sources: Sequence[QuoteSource],
        clock: Clock,
        *,
        open_now: Callable[[], bool],
        cross_check: bool,
        ratio: Decimal,
    ) -> None:
        self._sources = [_SourceStatus(source, clock) for source in sources]
        self._clock = clock
        self._open_now = open_now
        self._cross_check = cross_check
        self._ratio = ratio
        self._active = self._sources[0]
        self._watched: frozenset[BondCode] = frozenset()
        self._listeners: list[QuoteListener] = []
        self._monitoring: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._pending: set[asyncio.Task[Mapping[BondCode, Maybe[Quote]] | None]] = set()
        for status in self._sources:
            status.source.subscribe(self._listener(status))

    def use_settings(self, settings: Settings) -> None:
        """Compare prices by these settings from now on."""
        self._cross_check, self._ratio = settings.cross_checked, settings.guards.cross_check_ratio
        self._update_watched()

    async def use_sources(self, sources: Sequence[QuoteSource]) -> None:
        """Ask these sources from now on; one that was there before goes on, the others are stopped."""
        before = {id(status.source): status for status in self._sources}
        statuses = [before.pop(id(source), None) or _SourceStatus(source, self._clock) for source in sources]
        fresh = [status for status in statuses if status not in self._sources]
        for status in fresh:
            status.source.subscribe(self._listener(status))
        self._sources, self._active = statuses, statuses[0]
        self._update_watched()
        if self._monitoring is not None:
            for status in fresh:
                await status.source.start()
        for status in before.values():
            await status.source.stop()

    @property
    def name(self) -> str:
        return self._active.source.name

    async def start(self) -> None:
        for status in self._sources:
            await status.source.start()
        self._stopping.clear()
        if self._monitoring is None:
            self._monitoring = asyncio.create_task(self._monitor(), name="quote sources")

    async def stop(self) -> None:
        self._stopping.set()
        if self._monitoring is not None:
            self._monitoring.cancel()
            await asyncio.gather(self._monitoring, return_exceptions=True)
            self._monitoring = None
        for status in self._sources:
            await status.source.stop()

    def watch(self, codes: Iterable[BondCode]) -> None:
        self._watched = frozenset(codes)
        self._update_watched()

    def subscribe(self, listener: QuoteListener) -> None:
        self._listeners.append(listener)

    async def snapshot(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        """The quotes of the best source that works. Where none does, the reason names each of them."""
        wanted = tuple(codes)
        if not wanted:
            return {}
        for status in self._by_preference():
            found = await self._ask(status, wanted)
            if found is not None:
                self._switch_to(status)
                return found
        told = "; ".join(status.description() for status in self._sources)
        return dict.fromkeys(wanted, Unknown(say("no price, every source is out of reach: {told}", told=told)))

    async def second_opinion(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        """Quotes of the best source that is not in use; `Unknown` with the reason where there is none."""
        wanted = tuple(codes)
        others = [status for status in self._sources if status is not self._active]
        for status in others:
            found = None if status.backing_off else await self._ask_with_timeout(status, wanted)
            if found is not None:
                return found
        told = "; ".join(status.description() for status in others) or say("there is only one source")
        return dict.fromkeys(wanted, Unknown(told))

    async def universe(self) -> Maybe[tuple[BondCode, ...]]:
        return await self._sources[0].source.universe()

    def contradiction(self, quote: Quote) -> str | None:
        """How a second source's recent price contradicts this quote, as a sentence; None where it does not.

        A silent source never contradicts: it must not keep a stop from firing.
        """
        for status in self._sources:
            if status is not self._active and status.source.name != quote.source:
                other = status.source.latest(quote.code, CONTRADICTION_AGE)
                if other is not None and other.at.date() == quote.at.date():
                    return price_disagreement(quote, other, self._ratio)
        return None

    def states(self) -> tuple[SourceState, ...]:
        return tuple(
            SourceState(status.source.name, status is self._active, status.trouble, status.since)
            for status in self._sources
        )

    def _by_preference(self) -> list[_SourceStatus]:
        """Best first; those that back off come last, and are asked only where no other answers."""
        return sorted(self._sources, key=lambda status: status.backing_off)

    async def _ask(self, status: _SourceStatus, codes: Sequence[BondCode]) -> Mapping[BondCode, Maybe[Quote]] | None:
        found = await status.source.snapshot(codes)
        status.set_trouble(status.source.trouble)
        return found if status.trouble is None else None

    async def _ask_with_timeout(
        self, status: _SourceStatus, codes: Sequence[BondCode]
    ) -> Mapping[BondCode, Maybe[Quote]] | None:
        """The same with a deadline; a late answer still updates the source, ready for the next time."""
        pending = asyncio.create_task(self._ask(status, codes))
        self._pending.add(pending)
        pending.add_done_callback(self._pending.discard)
        done, _ = await asyncio.wait({pending}, timeout=SECOND_TIMEOUT)
        if done:
            return pending.result()
        status.set_trouble(say("no answer within {seconds:.0f} s", seconds=SECOND_TIMEOUT))
        return None

    def _switch_to(self, status: _SourceStatus) -> None:
        if status is not self._active and status in self._sources:  # else the settings have just removed it
            worse = self._sources.index(status) > self._sources.index(self._active)
            before, self._active = self._active, status
            log.log(
                logging.WARNING if worse else logging.INFO,
                "prices come from %s now (%s)",
                status.source.name,
                before.description(),
            )
            self._update_watched()

    def _update_watched(self) -> None:
        """Watch the source in use, those before it (to notice that they work again), and the second where needed."""
        place = self._sources.index(self._active)
        last = max(place, 1 if self._cross_check else 0)
        for number, status in enumerate(self._sources):
            status.source.watch(self._watched if number <= last else ())

    def _listener(self, status: _SourceStatus) -> QuoteListener:
        def listen(quotes: Mapping[BondCode, Quote]) -> None:
            status.last_quote_at = self._clock.elapsed()
            if status is self._active:
                for listener in self._listeners:
                    listener(quotes)

        return listen

    async def _monitor(self) -> None:
        """Switch away from a source that fails or is stale, and back to a better one that works again."""
        while not await self._clock.wait(self._stopping, 5.0):
            if not self._watched or not self._open_now():
                continue
            try:
                silent = self._clock.elapsed() - self._active.last_quote_at > STALE_AFTER
                if silent or self._active is not self._sources[0] or self._active.source.trouble:
                    await self._check_sources()
            except Exception:
                log.exception("the quote sources could not be checked")

    async def _check_sources(self) -> None:
        before = self._active
        found = await self.snapshot(self._watched)
        if self._active is before and self._clock.elapsed() - before.last_quote_at > STALE_AFTER:
            await self._replace_stale(found)

    async def _replace_stale(self, found: Mapping[BondCode, Maybe[Quote]]) -> None:
        """Where a later source has clearly newer prices of the same bonds, the silent one is stale: switch."""
        newest = max((quote.value.at for quote in found.values() if isinstance(quote, Known)), default=None)
        for status in self._sources[self._sources.index(self._active) + 1 :]:
            other = None if status.backing_off else await self._ask(status, tuple(self._watched))
            theirs = [quote.value.at for quote in (other or {}).values() if isinstance(quote, Known)]
            if theirs and (newest is None or max(theirs) - newest > STALE_BY):
                self._active.set_trouble(say("stale: {other} has newer prices", other=status.source.name))
                self._switch_to(status)
                return
