"""The feed of a mode whose quote source is not part of this version: it knows no price and says so."""

from collections.abc import Iterable, Mapping

from core.model.bond import BondCode
from core.model.known import Maybe, Unknown
from core.model.quote import Quote
from core.quotes.feed import QuoteListener

_NO_SOURCE = Unknown("no price: this version has no quote source outside the sandbox")


class NoQuotes:
    """A `QuoteFeed` without quotes, so that every order is blocked with the reason."""

    name = "no quotes"

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def watch(self, codes: Iterable[BondCode]) -> None: ...

    async def snapshot(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        return dict.fromkeys(codes, _NO_SOURCE)

    def subscribe(self, listener: QuoteListener) -> None: ...
