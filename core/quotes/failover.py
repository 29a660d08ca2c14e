"""Several quote sources behind one feed: the best one that works is in use, the next one gives the second opinion.

A decision never mixes two sources: an answer comes from one source, and listeners get only the one in use.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from core.i18n import reasons, say
from core.infra.clock import Clock
from core.infra.network import in_words
from core.infra.tasks import end_tasks
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote
from core.model.settings import Settings
from core.model.snapshot import SourceState, SourceStatus
from core.quotes.feed import QuoteFeed, QuoteListener
from core.rules.cross_check import prev_close_disagreement, price_disagreement

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

FIRST_ANSWER = 30.0
"""Seconds for which a second source that works may let a day's first quote of a bond wait for its own."""

_DAY = 86_400.0


class QuoteSource(QuoteFeed, Protocol):
    """A feed that knows whether it works."""

    @property
    def trouble(self) -> str | None:
        """Why the source as a whole does not work, None where it does."""
        ...

    def latest(self, code: BondCode, within: float) -> Quote | None:
        """The bond's newest quote, where it came within that many seconds; asks nothing."""
        ...


class _Source:
    """A source, its status and why, and when it was last asked and last sent a quote."""

    def __init__(self, feed: QuoteSource, clock: Clock) -> None:
        self.feed = feed
        self._clock = clock
        self.status = SourceStatus.WORKING
        self.reason = ""
        self.since = clock.now()
        self.asked_at = -RETRY
        self.last_quote_at = clock.elapsed()

    def set_status(self, status: SourceStatus, reason: str = "") -> None:
        """`since` is when it began to work, or began to fail."""
        working = SourceStatus.WORKING
        self.asked_at = self._clock.elapsed()
        if (status is working) != (self.status is working):
            self.since = self._clock.now()
        self.status, self.reason = status, reason

    @property
    def backing_off(self) -> bool:
        """Whether it failed and is not asked again yet."""
        return self.status is not SourceStatus.WORKING and self._clock.elapsed() - self.asked_at < RETRY

    def description(self) -> str:
        name, why = self.feed.name, self.reason or say("ok")
        return say("{name} since {since:%H:%M:%S}: {trouble}", name=name, since=self.since, trouble=why)


class FailoverQuotes:
    """A `QuoteFeed`, best source first. `cross_check`: whether a second source is watched too, to check prices."""

    def __init__(
        self,
        feeds: Sequence[QuoteSource],
        clock: Clock,
        *,
        open_now: Callable[[], bool],
        cross_check: bool,
        ratio: Decimal,
    ) -> None:
        self._clock = clock
        self._open_now = open_now
        self._cross_check = cross_check
        self._ratio = ratio
        self._watched: frozenset[BondCode] = frozenset()
        self._asked_about: dict[BondCode, tuple[date, float]] = {}
        """The day of the newest quote that was to be checked, and the second in which the first one was."""
        self._listeners: list[QuoteListener] = []
        self._monitoring: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._pending: set[asyncio.Task[Mapping[BondCode, Maybe[Quote]] | None]] = set()
        self._changing = asyncio.Lock()
        self._sources = [self._add(feed) for feed in feeds]
        self._active = self._sources[0]

    def use_settings(self, settings: Settings) -> None:
        """Compare prices by these settings from now on."""
        self._cross_check, self._ratio = settings.cross_checked, settings.guards.cross_check_ratio
        self._update_watched()

    async def use_sources(self, feeds: Sequence[QuoteSource]) -> None:
        """Take quotes from these sources from now on; those that were there before go on, the others are stopped."""
        async with self._changing:  # a source that is still being stopped must not be started again meanwhile
            removed = {id(source.feed): source for source in self._sources}
            kept = {id(feed): source for feed in feeds if (source := removed.pop(id(feed), None))}
            self._sources = [kept.get(id(feed)) or self._add(feed) for feed in feeds]
            self._active = self._by_preference()[0]
            self._update_watched()
            for source in self._sources:
                if self._monitoring is not None and id(source.feed) not in kept:
                    await source.feed.start()
            for source in removed.values():
                await source.feed.stop()

    @property
    def name(self) -> str:
        return self._active.feed.name

    async def start(self) -> None:
        for source in self._sources:
            await source.feed.start()
        self._stopping.clear()
        if self._monitoring is None:
            self._monitoring = asyncio.create_task(self._monitor(), name="quote sources")

    async def stop(self) -> None:
        self._stopping.set()
        await end_tasks(self._monitoring)
        self._monitoring = None
        for source in self._sources:
            await source.feed.stop()

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
        for source in self._by_preference():
            found = await self._ask(source, wanted)
            if found is not None:
                self._switch_to(source)
                return found
        told = reasons(source.description() for source in self._sources)
        return dict.fromkeys(wanted, Unknown(say("no price, no quote source can be reached: {told}", told=told)))

    async def second_opinion(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        """Quotes of the best source that is not in use; `Unknown` with the reason where there is none."""
        wanted = tuple(codes)
        others = [source for source in self._sources if source is not self._active]
        for source in others:
            found = None if source.backing_off else await self._ask_with_timeout(source, wanted)
            if found is not None:
                return found
        told = reasons(source.description() for source in others) or say("there is no second source")
        return dict.fromkeys(wanted, Unknown(told))

    async def universe(self) -> Maybe[tuple[BondCode, ...]]:
        """The list of the first source that has one; the reasons of all where none has."""
        told: list[str] = []
        for source in self._sources:
            found = await source.feed.universe()
            if isinstance(found, Known):
                return found
            told.append(found.reason)
        return Unknown(reasons(told))

    def contradiction(self, quote: Quote) -> str | None:
        """How a second source's recent price contradicts this quote, as a sentence; None where it does not.

        A source that is silent contradicts for `FIRST_ANSWER` seconds only: it must not keep a stop from firing.
        """
        other = self._other(quote, CONTRADICTION_AGE)
        return self._why_unchecked(quote) if other is None else price_disagreement(quote, other, self._ratio)

    def other_prev_close(self, quote: Quote) -> str | None:
        """How a second source's previous close of the same day differs from this quote's; None where it does not.

        That figure does not move all day, so any answer of today counts.
        """
        other = self._other(quote, _DAY)
        return self._why_unchecked(quote) if other is None else prev_close_disagreement(quote, other)

    def _why_unchecked(self, quote: Quote) -> str | None:
        """Which second source is still to be heard of the bond today: that it agrees is not known before."""
        now, day = self._clock.elapsed(), quote.at.date()
        known = self._asked_about.get(quote.code)
        since = known[1] if known is not None and known[0] == day else now
        self._asked_about[quote.code] = (day, since)
        if now - since >= FIRST_ANSWER:
            return None
        for source in self._sources[: self._last_watched + 1]:
            if source.feed.name != quote.source and source is not self._active and source.feed.trouble is None:
                other = source.feed.latest(quote.code, _DAY)
                if other is None or other.at.date() != day:
                    return say("{source} has not answered yet, to check the price by", source=source.feed.name)
        return None

    def _other(self, quote: Quote, within: float) -> Quote | None:
        """A second source's quote of the same bond and day, no older than `within` seconds."""
        for source in self._sources:
            if source is not self._active and source.feed.name != quote.source:
                other = source.feed.latest(quote.code, within)
                if other is not None and other.at.date() == quote.at.date():
                    return other
        return None

    def states(self) -> tuple[SourceState, ...]:
        return tuple(
            SourceState(source.feed.name, source is self._active, source.status, source.since, source.reason)
            for source in self._sources
        )

    def _by_preference(self) -> list[_Source]:
        """Best first; those that back off come last, and are asked only where no other answers."""
        return sorted(self._sources, key=lambda source: source.backing_off)

    async def _ask(self, source: _Source, codes: Sequence[BondCode]) -> Mapping[BondCode, Maybe[Quote]] | None:
        try:
            found = await source.feed.snapshot(codes)
        except Exception as error:
            log.exception("the quote source %s failed", source.feed.name)
            source.set_status(SourceStatus.UNREACHABLE, in_words(error))
            return None
        trouble = source.feed.trouble
        source.set_status(SourceStatus.WORKING if trouble is None else SourceStatus.UNREACHABLE, trouble or "")
        return found if trouble is None else None

    async def _ask_with_timeout(
        self, source: _Source, codes: Sequence[BondCode]
    ) -> Mapping[BondCode, Maybe[Quote]] | None:
        """The same with a deadline; a late answer still updates the source, ready for the next time."""
        pending = asyncio.create_task(self._ask(source, codes))
        self._pending.add(pending)
        pending.add_done_callback(self._pending.discard)
        done, _ = await asyncio.wait({pending}, timeout=SECOND_TIMEOUT)
        if done:
            return pending.result()
        late = say("no answer within {seconds:.0f} s", seconds=SECOND_TIMEOUT)
        source.set_status(SourceStatus.UNREACHABLE, late)
        return None

    def _switch_to(self, source: _Source) -> None:
        if source is not self._active and source in self._sources:  # else the settings have just removed it
            worse = self._sources.index(source) > self._sources.index(self._active)
            before, self._active = self._active, source
            log.log(
                logging.WARNING if worse else logging.INFO,
                "quotes now come from %s (%s)",
                source.feed.name,
                before.description(),
            )
            self._update_watched()

    def _update_watched(self) -> None:
        """Watch the source in use, those before it (to notice that they work again), and the second where needed."""
        for number, source in enumerate(self._sources):
            source.feed.watch(self._watched if number <= self._last_watched else ())

    @property
    def _last_watched(self) -> int:
        return max(self._sources.index(self._active), 1 if self._cross_check else 0)

    def _add(self, feed: QuoteSource) -> _Source:
        source = _Source(feed, self._clock)

        def on_quotes(quotes: Mapping[BondCode, Quote]) -> None:
            source.last_quote_at = self._clock.elapsed()
            if source is self._active:
                for listener in self._listeners:
                    listener(quotes)

        feed.subscribe(on_quotes)
        return source

    async def _monitor(self) -> None:
        """Switch away from a source that fails or is stale, and back to a better one that works again."""
        while not await self._clock.wait(self._stopping, 5.0):
            if not self._watched or not self._open_now():
                continue
            try:
                silent = self._clock.elapsed() - self._active.last_quote_at > STALE_AFTER
                if silent or self._active is not self._sources[0] or self._active.feed.trouble:
                    await self._check_sources()
            except Exception:
                log.exception("the quote sources could not be checked")

    async def _check_sources(self) -> None:
        active = self._active
        found = await self.snapshot(self._watched)
        if self._active is active and self._clock.elapsed() - active.last_quote_at > STALE_AFTER:
            await self._replace_stale(active, found)

    async def _replace_stale(self, active: _Source, found: Mapping[BondCode, Maybe[Quote]]) -> None:
        """Where a later source has clearly newer prices of the same bonds, the silent source is stale: switch."""
        newest = max((quote.value.at for quote in found.values() if isinstance(quote, Known)), default=None)
        for source in self._sources[self._sources.index(active) + 1 :]:
            other = None if source.backing_off else await self._ask(source, tuple(self._watched))
            theirs = [quote.value.at for quote in (other or {}).values() if isinstance(quote, Known)]
            if self._active is not active:  # replaced meanwhile, by another check or by changed settings
                return
            if theirs and (newest is None or max(theirs) - newest > STALE_BY):
                stale = say("stale: {other} has newer prices", other=source.feed.name)
                active.set_status(SourceStatus.STALE, stale)
                self._switch_to(source)
                return
