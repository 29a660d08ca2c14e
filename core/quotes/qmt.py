"""Quotes of the MiniQMT terminal: pushed by a whole-quote subscription, or queried for a snapshot."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar, cast

from core.i18n import mark, say
from core.infra import xtquant_sdk
from core.infra.clock import Clock
from core.infra.network import in_words
from core.infra.tasks import end_tasks
from core.infra.worker_thread import CallTimedOut, WorkerThread
from core.model.bond import BondCode, CodeRefused
from core.model.bond_info import BondFacts
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote
from core.quotes.feed import QuotePublisher, goes_before
from core.quotes.polling import QuoteSourceUnavailable
from core.quotes.qmt_ticks import Detail, Tick, read_bond, read_detail, read_tick
from core.rules.sessions import OPENING_CALL_FROM

log = logging.getLogger(__name__)

T = TypeVar("T")

CALL_TIMEOUT = 5.0
"""Seconds that a call may take: the SDK's own limit is 150."""

SILENT_AFTER = 10.0
"""Seconds without a price in a session after which the subscription is renewed: old ones die silently."""

FIRST_TICK_TIMEOUT = 2.0
"""Seconds to wait for the first prices of bonds that were not subscribed to."""

_POLL = 0.1
"""Seconds between two looks for a first price."""

_PAUSE, _LONGEST_PAUSE = 2.5, 40.0
"""Seconds between two checks of the subscription, and their maximum while the terminal is away."""

_BATCH = 50
"""Ticks that are read at a time: 500 take some 10 ms, in which nothing else runs."""

_SECTOR = "沪深转债"
_NOT_CACHED = Unknown(mark("no price: MiniQMT does not list the bond today"))


class QmtQuotes(QuotePublisher):
    """`open_now`: whether prices are expected now.

    One thread makes all SDK calls: the SDK keeps its connection in module globals without a lock. A call that hangs
    blocks that thread for good; the next call uses a new thread and a new connection.
    """

    name = "QMT"

    def __init__(self, clock: Clock, *, open_now: Callable[[], bool], timeout: float = CALL_TIMEOUT) -> None:
        super().__init__()
        self._clock = clock
        self._open_now = open_now
        self._timeout = timeout
        self._watched: frozenset[BondCode] = frozenset()
        self._requested: dict[BondCode, float] = {}
        """Bonds without a price that a snapshot asked for today, and until when it waits for one: some terminals price
        only what is subscribed to."""
        self._subscribed: frozenset[BondCode] = frozenset()
        self._subscription: int | None = None
        self._details: dict[BondCode, Detail] = {}
        self._doubtful: set[BondCode] = set()
        """Bonds whose static data contradict their ticks: one of the two is old, so they are read again."""
        self._facts: dict[BondCode, BondFacts] = {}
        self._paid_data = True
        self._period: tuple[date, bool] | None = None
        self._newest: dict[BondCode, Quote] = {}
        self._worker: WorkerThread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._maintaining: asyncio.Task[None] | None = None
        self._last_quote_at = 0.0
        self._trouble: str | None = None
        self._resubscribing = False

    @property
    def trouble(self) -> str | None:
        return self._trouble

    def latest(self, code: BondCode, within: float) -> Quote | None:
        """The bond's newest pushed quote, if any bond's quote came within that many seconds."""
        return self._published.get(code) if self._clock.elapsed() - self._last_quote_at <= within else None

    async def start(self) -> None:
        """Begin to connect in the background; without a terminal there are no prices, and nothing is raised."""
        self._loop = asyncio.get_running_loop()
        self._last_quote_at = self._clock.elapsed()
        self._maintaining = asyncio.create_task(self._maintain_subscription())

    async def stop(self) -> None:
        """Disconnect and forget the subscription, so that `start` can make a new one."""
        await end_tasks(self._maintaining)
        if self._worker is not None:
            with contextlib.suppress(Exception):
                await self._call(lambda sdk: sdk.disconnect())
            self._worker.end()
        self._worker = self._loop = None
        self._forget_subscription()

    def watch(self, codes: Iterable[BondCode]) -> None:
        wanted = frozenset(codes)
        if wanted != self._watched:
            self._watched = wanted
            self._wake.set()

    async def snapshot(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        wanted = tuple(codes)
        if not wanted:
            return {}
        try:
            await self._read_details(wanted)
            ticks = await self._full_tick(wanted)
            if self._maintaining is not None:
                ticks |= await self._first_ticks([code for code in wanted if code not in ticks])
        except Exception as error:
            why = in_words(error)
            self._set_trouble(why)
            return dict.fromkeys(wanted, Unknown(say("no price: no quotes from MiniQMT: {error}", error=why)))
        self._set_trouble(None)
        found: dict[BondCode, Maybe[Quote]] = {}
        for code in wanted:
            found[code] = self._read(code, ticks[code]) if code in ticks else _NOT_CACHED
            if len(found) % _BATCH == 0:
                await asyncio.sleep(0)  # lets a pushed price, which may trigger a stop, come first
        return {code: Known(self._newest[code]) if isinstance(one, Known) else one for code, one in found.items()}

    async def _full_tick(self, codes: Iterable[BondCode]) -> dict[str, Tick]:
        return dict(await self._call(lambda sdk: sdk.get_full_tick([str(code) for code in codes])))

    async def _first_ticks(self, codes: Sequence[BondCode]) -> dict[str, Tick]:
        """Subscribe to these bonds, and wait for their first prices; once a day for each."""
        ticks: dict[str, Tick] = {}
        end = self._clock.elapsed() + FIRST_TICK_TIMEOUT
        if not self._requested.keys() >= set(codes):
            self._requested = dict.fromkeys(codes, end) | self._requested
            self._wake.set()
        while any(code not in ticks and self._clock.elapsed() < self._requested.get(code, 0) for code in codes):
            await self._clock.sleep(_POLL)
            ticks = await self._full_tick(codes)
        return ticks

    async def universe(self) -> Maybe[tuple[BondCode, ...]]:
        """Every convertible bond that the terminal lists."""
        try:
            await self._call(lambda sdk: sdk.download_sector_data())
            members: Sequence[str] = await self._call(lambda sdk: sdk.get_stock_list_in_sector(_SECTOR))
            codes: list[BondCode] = []
            for member in members:
                with contextlib.suppress(CodeRefused):
                    codes.append(BondCode(member))
        except Exception as error:
            return Unknown(say("MiniQMT's list of bonds cannot be read: {error}", error=in_words(error)))
        return Known(tuple(codes)) if codes else Unknown(say("MiniQMT lists no convertible bonds"))

    @property
    def _wanted(self) -> frozenset[BondCode]:
        return self._watched.union(self._requested)

    async def _maintain_subscription(self) -> None:
        """Keep one subscription to the watched bonds, and renew it when expected quotes do not come."""
        pause = _PAUSE
        while True:
            await self._clock.wait(self._wake, pause)
            self._wake.clear()
            silent = self._clock.elapsed() - self._last_quote_at > SILENT_AFTER
            # A bond less needs no new subscription, which would bring every price again at once.
            enough = self._wanted <= self._subscribed
            if enough and not (silent and self._watched and self._open_now()):
                continue
            try:
                await self._subscribe(silent and enough)
                self._set_trouble(None)
                pause = _PAUSE
            except Exception as error:
                self._set_trouble(in_words(error))
                self._subscribed = frozenset()
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _subscribe(self, again: bool) -> None:
        if again and not self._resubscribing:
            log.warning("no price for %.0f s: subscribing to quotes again until one arrives", SILENT_AFTER)
        self._resubscribing = again
        wanted, old = self._wanted, self._subscription
        self._subscription = None
        if wanted:
            await self._read_details(wanted)
            codes = [str(code) for code in sorted(wanted)]
            await self._call(lambda sdk: sdk.watch_xtquant_status(self._on_status))
            number: int = await self._call(lambda sdk: sdk.subscribe_whole_quote(codes, self._on_ticks))
            if number <= 0:
                raise QuoteSourceUnavailable(
                    say("MiniQMT did not subscribe to {wanted} bonds ({number})", wanted=len(wanted), number=number)
                )
            self._subscription = number
        self._subscribed = wanted
        self._last_quote_at = self._clock.elapsed()
        if old is not None:
            with contextlib.suppress(Exception):
                await self._call(lambda sdk: sdk.unsubscribe_quote(old))

    async def _read_details(self, codes: Iterable[BondCode]) -> None:
        """Read the static data of these bonds once a day, and once more after the opening call begins: the terminal
        renews its price limits only in the morning."""
        now = self._clock.now()
        period = (now.date(), now.time() >= OPENING_CALL_FROM)
        if self._period != period:
            self._period = period
            self._details.clear()
            self._requested.clear()
            self._paid_data = True
        missing = [code for code in codes if code not in self._details or code in self._doubtful]
        if missing:
            natives = await self._call(lambda sdk: _each(missing, sdk.get_instrument_detail))
            self._details |= {code: read_detail(native) for code, native in natives.items()}
            await self._read_bond_facts(natives)

    async def _read_bond_facts(self, natives: Mapping[BondCode, Mapping[str, Any]]) -> None:
        """Read the paid bond data, where the account has them; after one refusal no more requests that day."""
        infos: Mapping[BondCode, Mapping[str, Any]] = {}
        if self._paid_data and natives:
            try:
                infos = await self._call(lambda sdk: _cb_infos(sdk, tuple(natives)))
            except Exception as error:
                log.info("MiniQMT provides no redemption data: %s", error)
            self._paid_data = any(infos.values())
        now = self._clock.now()
        for code, native in natives.items():
            known = self._facts.get(code)
            if code in infos or known is None or known.call is None:  # else a call stays known without an answer
                self._facts[code] = read_bond(code, native, infos.get(code, {}), now)

    def facts(self, code: BondCode) -> BondFacts | None:
        """The bond's facts as read with its last snapshot."""
        return self._facts.get(code)

    def _on_ticks(self, ticks: Mapping[str, Tick]) -> None:
        """On an SDK thread: hand the ticks to the loop."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError, TypeError, ValueError):
                loop.call_soon_threadsafe(self._apply_ticks, dict(ticks))

    def _on_status(self, status: Mapping[str, Any]) -> None:
        """On an SDK thread: a lost connection ends its subscriptions silently."""
        loop = self._loop
        if loop is not None and status.get("status") == "disconnected":
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._forget_subscription)

    def _forget_subscription(self) -> None:
        self._subscribed, self._subscription = frozenset(), None
        self._details.clear()  # after a restart they may be of another day
        self._wake.set()

    def _apply_ticks(self, ticks: Mapping[str, Tick]) -> None:
        found: dict[BondCode, Maybe[Quote]] = {}
        for text, tick in ticks.items():
            with contextlib.suppress(CodeRefused):
                code = BondCode(text)
                found[code] = self._read(code, tick)
        if self._publish(found, self._watched):
            self._last_quote_at, self._resubscribing = self._clock.elapsed(), False

    def _read(self, code: BondCode, tick: Tick) -> Maybe[Quote]:
        """The newer one of this tick and the quote known before."""
        found = read_tick(code, tick, self._details.get(code), self._clock.now())
        if isinstance(found, Unknown):
            return found
        (self._doubtful.add if found.value.doubt else self._doubtful.discard)(code)
        before = self._newest.get(code)
        if before is not None and goes_before(before, found.value, self._clock):
            return Known(before)
        self._newest[code] = found.value
        return found

    async def _call(self, call: Callable[[Any], T]) -> T:
        """The result of an SDK call, made on the one thread. Raises also `CallTimedOut`."""
        if self._worker is None:
            self._worker = WorkerThread("qmt-quotes")
        worker = self._worker
        try:
            return await worker.call(lambda: call(xtquant_sdk.quote_sdk()), self._timeout)
        except CallTimedOut:
            if self._worker is worker:
                worker.end()
                self._worker = WorkerThread("qmt-quotes")
                self._subscribed = frozenset()
                with contextlib.suppress(Exception):
                    await self._worker.call(lambda: xtquant_sdk.quote_sdk().disconnect(), self._timeout)
            raise

    def _set_trouble(self, trouble: str | None) -> None:
        """Log once when the quotes fail, and once when they work again."""
        if (trouble is None) != (self._trouble is None):
            log.log(
                logging.INFO if trouble is None else logging.WARNING,
                "%s",
                say("MiniQMT's quotes are back")
                if trouble is None
                else say("no quotes from MiniQMT: {trouble}", trouble=trouble),
            )
        self._trouble = trouble


def _cb_infos(sdk: Any, codes: Iterable[BondCode]) -> dict[BondCode, Mapping[str, Any]]:  # noqa: ANN401  (the SDK)
    """On the SDK's thread. The data are empty until they are downloaded."""
    sdk.download_cb_data()
    return _each(codes, sdk.get_cb_info)


def _each(codes: Iterable[BondCode], ask: Callable[[str], object]) -> dict[BondCode, Mapping[str, Any]]:
    """The data of each bond that has any. Raises what the SDK does, unless it is for some of the bonds only."""
    found: dict[BondCode, Mapping[str, Any]] = {}
    answered, error = False, None
    for code in codes:
        try:
            data = ask(str(code))
        except Exception as failure:
            log.info("MiniQMT has no data of %s: %s", code, failure)
            error = failure
        else:
            answered = True
            if isinstance(data, Mapping) and data:
                found[code] = cast("Mapping[str, Any]", data)
    if error is not None and not answered:
        raise error
    return found
