"""Quotes that the caller sets: the recorded prices of a rehearsal, one date after the other."""

from collections.abc import Iterable, Mapping
from datetime import date

from core.i18n import say
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote
from core.quotes.feed import QuoteListener

_NOT_RECORDED = Unknown(say("no recorded price on that date"))


class ReplayFeed:
    """A `QuoteFeed` that shows the set of quotes it was last given."""

    name = "replay"

    def __init__(self) -> None:
        self._quotes: dict[BondCode, Quote] = {}
        self._watched: frozenset[BondCode] = frozenset()
        self._listeners: list[QuoteListener] = []
        self._running = False
        self.day: date | None = None

    async def start(self) -> None:
        self._running = True

    async def stop(self) -> None:
        """Listeners receive nothing more; the quotes can still be read."""
        self._running = False

    def watch(self, codes: Iterable[BondCode]) -> None:
        self._watched = frozenset(codes)

    def subscribe(self, listener: QuoteListener) -> None:
        self._listeners.append(listener)

    async def snapshot(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        return {code: self._quote(code) for code in codes}

    async def universe(self) -> Maybe[tuple[BondCode, ...]]:
        return Known(tuple(sorted(self._quotes)))

    def show(self, day: date, quotes: Mapping[BondCode, Quote]) -> None:
        """From now on it is `day`, and these are all its prices; listeners receive the watched ones that changed.

        A bond of an earlier date that is absent here has no price any more: a date's prices are never carried over.
        """
        before, self._quotes, self.day = self._quotes, dict(quotes), day
        changed = {
            code: quotes[code] for code in sorted(self._watched & quotes.keys()) if before.get(code) != quotes[code]
        }
        if self._running and changed:
            for listener in self._listeners:
                listener(changed)

    def _quote(self, code: BondCode) -> Maybe[Quote]:
        quote = self._quotes.get(code)
        return _NOT_RECORDED if quote is None else Known(quote)
