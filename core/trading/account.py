"""Reads the account, and keeps the last reading."""

import asyncio
from dataclasses import dataclass, field

from core.brokers.broker import Broker
from core.i18n import say
from core.infra.clock import Clock
from core.model.account import Asset, Position
from core.model.bond import BondCode
from core.model.known import Implausible, Known, Maybe, Unknown


def _not_read() -> Unknown:
    return Unknown(say("not read yet"))


@dataclass(frozen=True, slots=True)
class AccountState:
    """One reading of the account; `at` is the clock's `elapsed` then, None before the first reading."""

    asset: Maybe[Asset] = field(default_factory=_not_read)
    positions: Maybe[tuple[Position, ...]] = field(default_factory=_not_read)
    at: float | None = None

    @property
    def codes(self) -> tuple[BondCode, ...]:
        """The bonds that it holds; none where they are not known."""
        return tuple(row.code for row in self.positions.value) if isinstance(self.positions, Known) else ()

    def position(self, code: str) -> Position | None:
        rows = self.positions.value if isinstance(self.positions, Known) else ()
        return next((row for row in rows if row.code == code), None)


class AccountReader:
    """A disconnected account may list no positions without an error, so the asset is queried before and after: its
    answer proves the connection."""

    def __init__(self, broker: Broker, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self.latest = AccountState()

    async def read(self) -> AccountState:
        broker = self._broker
        before, positions, after = await asyncio.gather(broker.asset(), broker.positions(), broker.asset())
        unanswered = silence(before) or silence(after)
        self.latest = AccountState(unanswered or after, unanswered or positions, self._clock.elapsed())
        return self.latest

    @property
    def unanswered(self) -> str | None:
        """Why the account did not answer when it was read last, None when it did."""
        silent = silence(self.latest.asset)
        return None if silent is None else silent.reason

    def age(self) -> float | None:
        """Seconds since the last answer, None where there is none."""
        return None if self.latest.at is None else self._clock.elapsed() - self.latest.at


def silence(asset: Maybe[Asset]) -> Unknown | None:
    """Why nobody answered, None where somebody did: money that cannot be true proves the connection all the same."""
    return asset if isinstance(asset, Unknown) and not isinstance(asset, Implausible) else None
