"""What every source of prices is to the rest of the program."""

import logging
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import timedelta
from typing import Protocol

from core.i18n import mark, say
from core.infra.clock import Clock
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote

log = logging.getLogger(__name__)

Quotes = Mapping[BondCode, Maybe[Quote]]
QuoteListener = Callable[[Mapping[BondCode, Quote]], None]

_AHEAD = timedelta(minutes=1)
"""How far the times of sound prices may be ahead of this machine's clock."""


class QuoteFeed(Protocol):
    """Prices of bonds. Listeners get what changed, on the engine's loop."""

    @property
    def name(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def watch(self, codes: Iterable[BondCode]) -> None:
        """The bonds whose changes listeners receive; replaces the former set."""
        ...

    async def snapshot(self, codes: Iterable[BondCode]) -> Quotes:
        """The newest quote of each code asked for; `Unknown` with a sentence where there is none."""
        ...

    async def universe(self) -> Maybe[tuple[BondCode, ...]]:
        """Every bond that the source knows."""
        ...

    def subscribe(self, listener: QuoteListener) -> None: ...


class QuotePublisher:
    """The half of a `QuoteFeed` that tells its listeners what has changed."""

    def __init__(self) -> None:
        self._listeners: list[QuoteListener] = []
        self._published: dict[BondCode, Quote] = {}

    def subscribe(self, listener: QuoteListener) -> None:
        self._listeners.append(listener)

    def _publish(self, found: Quotes, watched: Container[BondCode]) -> bool:
        """Tell the quotes of watched bonds that differ from those told before; whether there are any."""
        changed = {
            code: quote.value
            for code, quote in found.items()
            if isinstance(quote, Known) and code in watched and self._published.get(code) != quote.value
        }
        self._published |= changed
        for listener in self._listeners if changed else ():
            try:
                listener(changed)
            except Exception:  # one listener's fault must not keep the quotes from the others
                log.exception("a listener failed on %d quotes", len(changed))
        return bool(changed)


def goes_before(known: Quote, found: Quote, clock: Clock) -> bool:
    """Whether a lagging server sent an older price than one that is known. A time in the future proves nothing: one
    odd time must not hold back every later price."""
    return found.at < known.at <= clock.now() + _AHEAD


class SecondSource(Protocol):
    """Prices of another source than the one in use, to check those by."""

    async def second_opinion(self, codes: Iterable[BondCode]) -> Quotes:
        """Quotes of the best other source; `Unknown` with the reason where there is none."""
        ...

    def contradiction(self, quote: Quote) -> str | None:
        """What another source says against this quote, or that it is still to be heard; None where it agrees."""
        ...

    def other_prev_close(self, quote: Quote) -> str | None:
        """The same of the previous close."""
        ...


class NoQuotes:
    """A `QuoteFeed` without quotes, so that every order is blocked with the reason."""

    name = mark("no quotes")

    def __init__(self, reason: str) -> None:
        self._no_price = Unknown(say("no price: {reason}", reason=reason))

    @property
    def trouble(self) -> str | None:
        return self._no_price.reason

    def latest(self, code: BondCode, within: float) -> Quote | None:
        return None

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def watch(self, codes: Iterable[BondCode]) -> None: ...

    async def snapshot(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        return dict.fromkeys(codes, self._no_price)

    async def universe(self) -> Maybe[tuple[BondCode, ...]]:
        return self._no_price

    def subscribe(self, listener: QuoteListener) -> None: ...
