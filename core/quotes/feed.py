"""What every source of prices is to the rest of the program."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from core.model.bond import BondCode
from core.model.known import Maybe
from core.model.quote import Quote

Quotes = Mapping[BondCode, Maybe[Quote]]
QuoteListener = Callable[[Mapping[BondCode, Quote]], None]


class QuoteFeed(Protocol):
    """Prices of bonds. Listeners get what changed, on the engine's loop."""

    @property
    def name(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def watch(self, codes: Iterable[BondCode]) -> None:
        """The bonds whose changes listeners want to hear of; replaces the former set."""
        ...

    async def snapshot(self, codes: Iterable[BondCode]) -> Quotes:
        """The newest quote of each code asked for; `Unknown` with a sentence where there is none."""
        ...

    async def universe(self) -> Maybe[tuple[BondCode, ...]]:
        """Every bond that the source knows."""
        ...

    def subscribe(self, listener: QuoteListener) -> None: ...
