"""Prices of underlying shares (正股), from Tencent's public service.

They are for the eye: nothing is ordered by them. So they have a connection and a task of their own, apart from the
quotes of bonds: a share whose price does not come, or cannot be read, holds back no bond's price and no stop.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import httpx

from core.i18n import mark, say
from core.infra.clock import Clock
from core.infra.network import async_client, in_words, read_body
from core.model.bond_metrics import SharePrice
from core.model.settings import Settings
from core.model.time import SHANGHAI

log = logging.getLogger(__name__)

SOURCE = mark("Tencent")

INTERVAL = 10.0
"""Seconds between two requests in a session."""

LONGEST_PAUSE = 120.0
"""Seconds between two requests while the service does not answer, and outside sessions."""

TIMEOUT = 4.0
"""Seconds that an answer may take."""

WAIT = 1.0
"""Seconds that a card waits for shares that are not followed."""

_FRESH = 5.0
_MOST = 300
_LONGEST = 1024 * 1024
_MARKETS = {"6": "sh", "0": "sz", "3": "sz"}
"""By the first digit of an A-share; others are not asked for."""

_LINE = re.compile(r'v_(?:sh|sz)(\d{6})="([^"]*)"')
_CODE, _LAST, _PREV_CLOSE, _TIME, _CHANGE = 2, 3, 4, 30, 31
_LEAST_FIELDS = 50
_TOLERANCE = Decimal("0.011")
_HIGHEST = 100_000
"""CNY; no share has cost as much."""


class SharePrices(Protocol):
    """The newest prices of shares, by their six digits."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def watch(self, codes: Iterable[str]) -> None:
        """The shares to follow; replaces the former set."""
        ...

    def latest(self, code: str) -> SharePrice | None:
        """The newest price that came, None where none did; asks nothing."""
        ...

    async def refresh(self, codes: Collection[str]) -> None:
        """Ask for these once, and wait for it `WAIT` seconds at most; raises nothing."""
        ...


class NoShares:
    """A `SharePrices` without a source: the tables' prices are used."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def watch(self, codes: Iterable[str]) -> None: ...

    def latest(self, code: str) -> SharePrice | None:
        return None

    async def refresh(self, codes: Collection[str]) -> None: ...


def read_shares(text: str) -> dict[str, SharePrice]:
    """Every line that can be read; an odd one is left out."""
    found: dict[str, SharePrice] = {}
    for code, line in _LINE.findall(text):
        with contextlib.suppress(ValueError, ArithmeticError, IndexError):
            found[code] = _share(code, line.split("~"))
    return found


def _share(code: str, fields: Sequence[str]) -> SharePrice:
    """Raises `ValueError`, `ArithmeticError`: for another share's line, moved fields, or a price that cannot be."""
    if len(fields) < _LEAST_FIELDS or fields[_CODE] != code:
        raise ValueError(say("another line"))
    last, before, change = (Decimal(fields[place].strip()) for place in (_LAST, _PREV_CLOSE, _CHANGE))
    if not (last.is_finite() and before.is_finite() and 0 < last <= _HIGHEST):
        raise ValueError(say("no price"))
    if before > 0 and not abs(last - before - change) <= _TOLERANCE:
        raise ValueError(say("its fields have moved"))
    if len(fields[_TIME]) != 14:
        raise ValueError(say("no time"))
    at = datetime.strptime(fields[_TIME], "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
    return SharePrice(last, round(last / before - 1, 6) if before > 0 else None, SOURCE, at)


class TencentShares:
    """A `SharePrices` over the service at `settings.quotes.tencent`; it rests where the settings do not use Tencent."""

    def __init__(self, clock: Clock, settings: Settings, *, open_now: Callable[[], bool]) -> None:
        self._clock = clock
        self._open_now = open_now
        self._watched: frozenset[str] = frozenset()
        self._newest: dict[str, SharePrice] = {}
        self._asked_at: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self._client: tuple[tuple[str, str], httpx.AsyncClient] | None = None
        self._trouble: str | None = None
        self.use_settings(settings)

    def use_settings(self, settings: Settings) -> None:
        """Ask at this address from now on, or not at all."""
        self._way = (settings.quotes.tencent, settings.network.proxy)
        self._used = "tencent" in settings.quotes.sources
        self._rests_until = 0.0

    async def start(self) -> None:
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll(), name="prices of shares")

    async def stop(self) -> None:
        tasks = [*self._asking, *([self._poller] if self._poller is not None else [])]
        self._poller = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close_client()

    def watch(self, codes: Iterable[str]) -> None:
        wanted = frozenset(code for code in codes if code[:1] in _MARKETS)
        if wanted - self._watched:
            self._wake.set()
        self._watched = wanted

    def latest(self, code: str) -> SharePrice | None:
        return self._newest.get(code)

    async def refresh(self, codes: Collection[str]) -> None:
        now = self._clock.elapsed()
        wanted = [
            code for code in codes if code[:1] in _MARKETS and now - self._asked_at.get(code, now - _FRESH) >= _FRESH
        ]
        if not wanted or not self._used or now < self._rests_until:
            return
        asking = asyncio.create_task(self._ask(wanted), name="prices of shares for a card")
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        await asyncio.wait({asking}, timeout=WAIT)

    async def _poll(self) -> None:
        pause = INTERVAL
        while True:
            await self._clock.wait(self._wake, pause)
            self._wake.clear()
            if self._watched and self._used and self._clock.elapsed() >= self._rests_until:
                await self._ask(sorted(self._watched))
            pause = INTERVAL if self._open_now() else LONGEST_PAUSE

    async def _ask(self, codes: Sequence[str]) -> None:
        """Ask for these shares; a service that fails is left alone for a while. Raises nothing."""
        now = self._clock.elapsed()
        self._asked_at.update(dict.fromkeys(codes, now))
        try:
            for start in range(0, len(codes), _MOST):
                found = read_shares(await self._text(codes[start : start + _MOST]))
                self._newest |= {code: share for code, share in found.items() if self._is_newer(code, share)}
        except Exception as error:  # whatever it is, shares alone have no price
            self._set_trouble(in_words(error))
            self._rests_until = self._clock.elapsed() + LONGEST_PAUSE
        else:
            self._set_trouble(None)

    def _is_newer(self, code: str, share: SharePrice) -> bool:
        known = self._newest.get(code)
        return known is None or share.at >= known.at

    async def _text(self, codes: Sequence[str]) -> str:
        if self._client is None or self._client[0] != self._way:
            await self._close_client()
            self._client = (self._way, async_client(*self._way))
        params = {"q": ",".join(f"{_MARKETS[code[0]]}{code}" for code in codes)}
        async with asyncio.timeout(TIMEOUT), self._client[1].stream("GET", "/", params=params) as answer:
            answer.raise_for_status()
            return (await read_body(answer, _LONGEST)).decode("gbk", errors="replace")

    async def _close_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client[1].aclose()

    def _set_trouble(self, trouble: str | None) -> None:
        if trouble is None and self._trouble is not None:
            log.info("prices of shares are back")
        elif trouble is not None and self._trouble is None:
            log.warning("no prices of shares, premiums are those of the tables: %s", trouble)
        self._trouble = trouble
