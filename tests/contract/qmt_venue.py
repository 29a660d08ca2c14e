"""The MiniQMT broker on the SDK's real Python layer, at an emulated terminal in a process of its own."""

from datetime import datetime
from itertools import count
from pathlib import Path

from core.brokers.broker import Broker, BrokerEvent
from core.brokers.qmt import QmtBroker
from core.brokers.qmt_connection import SessionIds
from core.infra.clock import ScaledClock
from core.model.quote import Quote, TradingState
from core.model.settings import QmtSettings
from core.model.time import SHANGHAI
from tests.contract.venue import CAPITAL, OPENING, SH, SZ
from tests.miniqmt.terminal import shared_terminal

ACCOUNT = "8880001"
_PHASES = {
    TradingState.HALTED: 1,
    TradingState.PRE_OPEN: 11,
    TradingState.AUCTION: 12,
    TradingState.BREAK: 14,
    TradingState.CLOSED: 15,
    TradingState.CLOSING_CALL: 18,
    TradingState.UNKNOWN: 21,
}
_ENOUGH = 1_000_000
"""张 at a price for which the test tells no volume."""

_sessions = count(100)


class QmtVenue:
    def __init__(self) -> None:
        self._terminal = shared_terminal()
        self._control = self._terminal.control
        self._control.reset(
            {
                "clock": {"now": OPENING.isoformat(), "frozen": True},
                "accounts": [{"account_id": ACCOUNT, "cash": float(CAPITAL)}],
                "instruments": [
                    {"code": str(code), "name": f"bond {code[:6]}", "prev_close": 100.0} for code in (SH, SZ)
                ],
                "settings": {
                    "latency": {"default": 0.0},
                    "min_fee": {"SH": 1.0, "SZ": 0.1},
                    "session_reuse_gap": 0.0,
                },
            }
        )
        self._clock = ScaledClock(OPENING)
        self.events: list[BrokerEvent] = []
        self._quotes: dict[str, Quote] = {}

    @classmethod
    async def opened(cls, folder: Path) -> "QmtVenue":
        venue = cls()
        await venue._open()
        return venue

    @property
    def now(self) -> datetime:
        return self._clock.now().replace(minute=0, second=0, microsecond=0)

    async def show(self, *quotes: Quote) -> None:
        for quote in quotes:
            if quote.state is not TradingState.CONTINUOUS:
                self._control.suspend(quote.code, _PHASES[quote.state])
                continue
            if quote.code in self._quotes and self._quotes[quote.code].state is not TradingState.CONTINUOUS:
                self._control.resume(quote.code)
            bids = [] if quote.bid is None else [(float(quote.bid), _volume(quote.bid_volume))]
            asks = [] if quote.ask is None else [(float(quote.ask), _volume(quote.ask_volume))]
            self._control.set_quote(quote.code, float(quote.last), bids=bids, asks=asks, volume_add=quote.volume)
        self._quotes |= {quote.code: quote for quote in quotes}
        await self.settled()

    async def settled(self) -> None:
        """Wait until the terminal is idle and its earlier events have arrived."""
        assert self._control.settle()
        await self.broker.asset()

    async def next_day(self) -> None:
        day = self._control.advance_day()
        moment = datetime.strptime(day, "%Y%m%d").replace(hour=OPENING.hour, tzinfo=SHANGHAI)
        self._control.set_clock(moment.isoformat(), frozen=True)
        self._clock.move_to(moment)
        for code in (SH, SZ):
            self._control.set_quote(code, bids=[], asks=[])
        await self.settled()

    async def reopen(self) -> None:
        await self.close()
        await self._open()

    async def close(self) -> None:
        await self.broker.stop()

    async def _open(self) -> None:
        number = next(_sessions)
        broker = QmtBroker(
            QmtSettings(userdata=str(self._terminal.userdata), account=ACCOUNT),
            self._clock,
            SessionIds(number, 1, None),
            is_day_off=lambda: False,
        )
        broker.subscribe(self.events.append)
        self.broker: Broker = broker
        await broker.start()
        assert broker.connection.connected, broker.connection


def _volume(shown: int | None) -> int:
    return _ENOUGH if shown is None else shown
