"""Quotes of Tencent's public service: all that is watched in a question or two, every three seconds."""

from collections.abc import Callable, Mapping, Sequence

import httpx

from core.i18n import say
from core.infra.clock import Clock
from core.model.bond import BondCode
from core.model.known import Maybe
from core.model.quote import Quote
from core.quotes.polling import PolledQuotes, SourceSilent
from core.quotes.tencent_lines import SOURCE, address_of, read_lines

EVERY = 3.0
"""Seconds: as often as the exchanges tell a bond's price."""

PATIENCE = 5.0
"""Seconds that an answer may take: some 0.15 s are usual for a hundred bonds."""

_MOST = 300
"""Bonds in one question; the service takes some 900."""

_FRESH = 1.0
_NONE = "v_pv_none_match"


class TencentQuotes(PolledQuotes):
    """A `QuoteFeed` over the service at `address`."""

    def __init__(self, clock: Clock, *, open_now: Callable[[], bool], address: str) -> None:
        super().__init__(SOURCE, self._lines, clock, every=EVERY, fresh=_FRESH, open_now=open_now)
        self._address = address
        self._client: httpx.AsyncClient | None = None

    async def stop(self) -> None:
        await super().stop()
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _lines(self, codes: Sequence[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        found: dict[BondCode, Maybe[Quote]] = {}
        for start in range(0, len(codes), _MOST):
            text = await self._text(codes[start : start + _MOST])
            found |= read_lines(text, self._clock.now())
        return found

    async def _text(self, codes: Sequence[BondCode]) -> str:
        """The service's lines. Raises `SourceSilent`."""
        if self._client is None:
            self._client = httpx.AsyncClient(base_url=self._address, timeout=PATIENCE)
        try:
            answer = await self._client.get("/", params={"q": ",".join(address_of(code) for code in codes)})
        except httpx.HTTPError as error:
            raise SourceSilent(str(error) or type(error).__name__) from None
        if not answer.is_success:
            raise SourceSilent(say("it answers with status {status}", status=answer.status_code))
        text = answer.content.decode("gbk", errors="replace")
        if "v_s" not in text and _NONE not in text:
            raise SourceSilent(say("its answer holds no quotes: {text}", text=repr(text[:40])))
        return text
