"""Every quote source with settable prices: QMT at the emulated terminal, Tencent's service on loopback,
akshare's table from a child, the replay, and several of them behind one feed."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from core.akshare.client import Table, TableUnavailable
from core.infra.clock import ScaledClock
from core.model.bond import BondCode
from core.model.time import SHANGHAI
from core.quotes.akshare import COLUMNS, AkshareQuotes
from core.quotes.failover import FailoverQuotes
from core.quotes.feed import QuoteFeed
from core.quotes.qmt import QmtQuotes
from core.quotes.replay import ReplayFeed
from core.quotes.tencent import TencentQuotes
from tests.miniqmt.terminal import shared_terminal
from tests.quotes.tencent_service import line, served
from tests.worlds import quote

START = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)
A, B, STRANGER = (BondCode(code) for code in ("113001", "127002", "118999"))
SPEED = 50.0


class FeedVenue(Protocol):
    """A feed and the control of its prices. `fail` makes the source unreachable, where possible."""

    feed: QuoteFeed

    def show(self, code: BondCode, last: str) -> None: ...

    def fail(self) -> None: ...


class _Qmt:
    def __init__(self) -> None:
        self._control = shared_terminal().control
        known = [{"code": str(code), "name": f"bond {code[:6]}", "prev_close": 100.0} for code in (A, B)]
        self._control.reset({"clock": f"{START:%Y-%m-%d %H:%M:%S}", "instruments": known})
        self.feed: QuoteFeed = QmtQuotes(ScaledClock(START, SPEED), open_now=lambda: True, timeout=10.0)

    def show(self, code: BondCode, last: str) -> None:
        self._control.set_quote(code, float(last), volume_add=1000)

    def fail(self) -> None: ...


class _Tencent:
    def __init__(self, service: Any) -> None:
        self._service = service
        self._clock = ScaledClock(START, SPEED)
        self.feed: QuoteFeed = TencentQuotes(self._clock, open_now=lambda: True, address=service.url)

    def show(self, code: BondCode, last: str) -> None:
        price = Decimal(last)
        told = {"f4": "100.000", "f31": f"{price - 100:.3f}", "f30": f"{self._clock.now():%Y%m%d%H%M%S}"}
        volume = {"f6": "1000", "f35": f"{last}/1000/{price * 10_000:.0f}", "f47": "120.000", "f48": "80.000"}
        self._service.show(line(code, f"{price:.3f}", **told, **volume))

    def fail(self) -> None:
        self._service.status = 503


class _Rows:
    """`AkshareClient` over rows that are set here."""

    def __init__(self, clock: ScaledClock) -> None:
        self._clock = clock
        self.rows: dict[str, dict[str, str | None]] = {}
        self.silent = False
        for number in range(200):
            self.put(f"128{number:03d}", "100")

    def put(self, digits: str, last: str) -> None:
        told: dict[str, str | None] = {"code": digits, "name": f"bond {digits}", "trade": last, "settlement": "100"}
        book = {"buy": last, "sell": last, "volume": "10000", "amount": f"{Decimal(last) * 10_000:.0f}"}
        self.rows[digits] = {**told, **book}

    async def fetch(self, name: str) -> Table:
        if self.silent:
            raise TableUnavailable("banned")
        at = self._clock.now()
        rows = tuple({**row, "ticktime": f"{at:%H:%M:%S}"} for row in self.rows.values())
        return Table(name, at, COLUMNS, rows)

    def close(self) -> None: ...


class _Akshare:
    def __init__(self) -> None:
        clock = ScaledClock(START, 1000.0)  # it is requested once a minute
        self._rows = _Rows(clock)
        self.feed: QuoteFeed = AkshareQuotes(clock, self._rows, open_now=lambda: True)  # type: ignore[arg-type]

    def show(self, code: BondCode, last: str) -> None:
        self._rows.put(code[:6], last)

    def fail(self) -> None:
        self._rows.silent = True


class _Replay:
    def __init__(self) -> None:
        self._replay = ReplayFeed()
        self.feed: QuoteFeed = self._replay
        self._shown: dict[BondCode, Any] = {}

    def show(self, code: BondCode, last: str) -> None:
        self._shown[code] = quote(code, last)
        self._replay.show(START.date(), self._shown)

    def fail(self) -> None: ...


class _Several(_Tencent):
    """Tencent first, akshare behind it."""

    def __init__(self, service: Any) -> None:
        super().__init__(service)
        self._other = _Akshare()
        sources: list[Any] = [self.feed, self._other.feed]
        clock = ScaledClock(START, SPEED)
        self.feed: QuoteFeed = FailoverQuotes(
            sources, clock, open_now=lambda: True, cross_check=False, ratio=Decimal("0.01")
        )

    def fail(self) -> None:
        super().fail()
        self._other.fail()


@asynccontextmanager
async def _qmt() -> AsyncGenerator[FeedVenue]:
    yield _Qmt()


@asynccontextmanager
async def _tencent() -> AsyncGenerator[FeedVenue]:
    with served() as service:
        yield _Tencent(service)


@asynccontextmanager
async def _akshare() -> AsyncGenerator[FeedVenue]:
    yield _Akshare()


@asynccontextmanager
async def _replay() -> AsyncGenerator[FeedVenue]:
    yield _Replay()


@asynccontextmanager
async def _several() -> AsyncGenerator[FeedVenue]:
    """Tencent first, akshare behind it."""
    with served() as service:
        yield _Several(service)


VENUES = {"qmt": _qmt, "tencent": _tencent, "akshare": _akshare, "replay": _replay, "sources": _several}
