"""The feed of a machine without a source of quotes: it knows no price and says why."""

from collections.abc import Iterable, Mapping

from core.i18n import mark, say
from core.model.bond import BondCode
from core.model.known import Maybe, Unknown
from core.model.quote import Quote
from core.quotes.feed import QuoteListener


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
