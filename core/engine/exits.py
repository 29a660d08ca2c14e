"""The exits: what is held and called or at its last days is told of once a day, and sold before its trading ends."""

import json
import logging
from collections.abc import Awaitable, Callable, Iterable

from core.infra.clock import Clock
from core.model.bond import BondCode
from core.rules.redemption import HeldDanger
from core.trading.state_store import Memory

log = logging.getLogger(__name__)

_TOLD = "dangers_told"


class Exits:
    """`held`: what threatens the holdings now; `owned`: the bonds of the strategy; `sell` sells those that have to go,
    and answers with why it did not."""

    def __init__(
        self,
        clock: Clock,
        memory: Memory,
        *,
        held: Callable[[], Iterable[HeldDanger]],
        owned: Callable[[], Iterable[BondCode]],
        closed: Callable[[], str | None],
        sell: Callable[[], Awaitable[str | None]],
    ) -> None:
        self._clock = clock
        self._memory = memory
        self._held = held
        self._owned = owned
        self._closed = closed
        self._sell = sell
        self._refusal: str | None = None

    async def look(self) -> None:
        """Once a minute: remind, then sell what has to go, again and again until it is gone."""
        dangers = tuple(self._held())
        self._remind(dangers)
        owned = frozenset(self._owned())
        if self._closed() is not None or not any(danger.sell and danger.code in owned for danger in dangers):
            return
        refusal = await self._sell()
        if refusal is not None and refusal != self._refusal:
            log.error("what has to be sold before its trading ends was not: %s (tried again each minute)", refusal)
        self._refusal = refusal

    def _remind(self, dangers: Iterable[HeldDanger]) -> None:
        """Say each danger once a day; a restart says none again."""
        today = self._clock.now().date().isoformat()
        told: dict[str, str] = json.loads(self._memory.recall(_TOLD) or "{}")
        now = {str(danger.code): today for danger in dangers}
        for danger in dangers:
            if told.get(danger.code) != today:
                log.warning("%s", danger.text)
        if now != told:
            self._memory.keep(_TOLD, json.dumps(now))
