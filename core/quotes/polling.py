"""A feed over a source that is polled: one request for all watched bonds per interval."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import httpx

from core.i18n import say
from core.infra.clock import Clock
from core.infra.network import in_words
from core.infra.tasks import end_tasks
from core.model.bond import BondCode
from core.model.errors import UnavailableError
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote
from core.quotes.feed import QuotePublisher, goes_before

log = logging.getLogger(__name__)

LONGEST_PAUSE = 60.0
"""Seconds between two requests to a source that does not answer: they double up to this."""


class QuoteSourceUnavailable(UnavailableError):
    """A source did not answer, or not with quotes; the message says why."""


Ask = Callable[[Sequence[BondCode]], Awaitable[Mapping[BondCode, Maybe[Quote]]]]
"""One request for these bonds. Raises `QuoteSourceUnavailable`."""


class PolledQuotes(QuotePublisher):
    """A `QuoteFeed` over requests. `interval`: seconds between two; `max_age`: seconds for which an answer is reused.

    `open_now`: whether prices are expected now; else the source is asked rarely.
    """

    def __init__(
        self,
        name: str,
        ask: Ask,
        clock: Clock,
        *,
        interval: float,
        max_age: float,
        open_now: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._name = name
        self._ask = ask
        self._clock = clock
        self._interval = interval
        self._max_age = max_age
        self._open_now = open_now
        self._watched: tuple[BondCode, ...] = ()
        self._more_watched = asyncio.Event()
        self._newest: dict[BondCode, tuple[float, Maybe[Quote]]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._trouble: str | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def trouble(self) -> str | None:
        return self._trouble

    async def start(self) -> None:
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll(), name=f"quotes of {self._name}")

    async def stop(self) -> None:
        await end_tasks(self._poller)
        self._poller = None

    def watch(self, codes: Iterable[BondCode]) -> None:
        wanted = tuple(sorted(set(codes)))
        if set(wanted) - set(self._watched):
            self._more_watched.set()
        self._watched = wanted

    async def universe(self) -> Maybe[tuple[BondCode, ...]]:
        return Unknown(say("{name} has no list of bonds", name=self._name))

    async def snapshot(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        wanted = tuple(dict.fromkeys(codes))
        if not wanted:
            return {}
        now = self._clock.elapsed()
        stale = [code for code in wanted if now - self._newest.get(code, (now - 1e9, None))[0] > self._max_age]
        if stale:
            try:
                await self._fetch(wanted)
            except QuoteSourceUnavailable as error:
                silent = Unknown(say("no price: cannot reach {name}: {error}", name=self._name, error=error))
                return dict.fromkeys(wanted, silent)
        return {code: self._newest[code][1] for code in wanted}

    def latest(self, code: BondCode, within: float) -> Quote | None:
        """The quote of the last answer, where that is no older than `within` seconds; asks nothing."""
        asked_at, found = self._newest.get(code, (0.0, None))
        recent = self._clock.elapsed() - asked_at <= within
        return found.value if isinstance(found, Known) and recent else None

    async def _poll(self) -> None:
        pause = self._interval
        while True:
            await self._clock.wait(self._more_watched, pause)
            self._more_watched.clear()
            if not self._watched:
                continue
            try:
                self._publish(await self._fetch(self._watched), self._watched)
                pause = self._interval if self._open_now() else LONGEST_PAUSE
            except QuoteSourceUnavailable:
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception:
                log.exception("the quotes of %s could not be passed on", self._name)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _fetch(self, codes: Sequence[BondCode]) -> dict[BondCode, Maybe[Quote]]:
        try:
            answer = await self._ask(codes)
        except Exception as error:  # whatever it is, this source alone falls silent
            if not isinstance(error, UnavailableError | httpx.HTTPError) and in_words(error) != self._trouble:
                log.exception("the quotes of %s could not be read", self._name)
            self._set_trouble(in_words(error))
            raise QuoteSourceUnavailable(in_words(error)) from None
        self._set_trouble(None)
        unknown = Unknown(say("no price: {name} does not list the bond", name=self._name))
        at = self._clock.elapsed()
        found = {code: self._keep_newer(code, answer.get(code, unknown)) for code in codes}
        self._newest.update({code: (at, quote) for code, quote in found.items()})
        return found

    def _keep_newer(self, code: BondCode, found: Maybe[Quote]) -> Maybe[Quote]:
        """A lagging server may send an older price than one that came before: the newer one counts."""
        before = self._newest.get(code, (0.0, None))[1]
        if (
            isinstance(found, Known)
            and isinstance(before, Known)
            and goes_before(before.value, found.value, self._clock)
        ):
            return before
        return found

    def _set_trouble(self, trouble: str | None) -> None:
        if trouble is None and self._trouble is not None:
            log.info("quotes from %s are back", self._name)
        elif trouble is not None and self._trouble is None:
            log.warning("no quotes from %s: %s", self._name, trouble)
        self._trouble = trouble
