"""The sandbox's benchmark: an equal-weight index of its bonds, computed from their closes."""

from core.i18n import mark, say
from core.quotes.index_history import IndexValues
from core.sandbox.market import SandboxMarket

NAME = mark("Equal-weight index of the sandbox's bonds")
_NOTE = mark("Closes of 2026-05-14 and 2026-05-15 are recorded, later ones are invented.")


class SandboxIndex:
    """A `BenchmarkSource` over the market: it needs no site."""

    def __init__(self, market: SandboxMarket) -> None:
        self._market = market

    async def values(self) -> IndexValues:
        """Never raises."""
        return IndexValues(say(NAME), "sandbox", await self._market.equal_weight_index(), say(_NOTE))

    def close(self) -> None: ...
