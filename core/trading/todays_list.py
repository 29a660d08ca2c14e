"""The day's list of the followed record: as it is now, and fetched ahead of a scheduled run."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.factorcat.client import FactorCatClient
from core.factorcat.errors import FactorCatError
from core.i18n import say
from core.infra.clock import Clock
from core.model.known import Known, Maybe, Unknown
from core.model.platform import Selection
from core.model.settings import Settings, StrategySettings

log = logging.getLogger(__name__)

_PATIENCE = 3.0
"""Real seconds that a run waits for the newest list while it has one that was fetched ahead."""

_SPARE = 10.0
"""Real seconds between the latest answer and the run that it is for."""

_KEPT = 90.0
"""Real seconds after the time of the run during which its list may be used."""


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A list with whom it was fetched for; `until` is in real seconds of the clock."""

    selection: Selection
    followed: StrategySettings
    user: str | None
    at: datetime
    until: float

    @property
    def day(self) -> date:
        return self.at.date()


class TodaysList:
    """Asks the platform. A list that was fetched ahead counts only where the platform is slow or away when the run
    begins: the newest one goes first, because a platform may publish its list in the very minute of the run."""

    def __init__(self, settings: Settings, platform: FactorCatClient, clock: Clock) -> None:
        self._platform = platform
        self._clock = clock
        self._ahead: _Ahead | None = None
        self.use_settings(settings)

    def use_settings(self, settings: Settings) -> None:
        """Follow this record from now on."""
        self._followed = settings.strategy
        self._lead = settings.factorcat.timeout + _SPARE

    def next_fetch(self, after: datetime, *runs: Callable[[datetime], datetime | None]) -> datetime | None:
        """When to fetch the list for the next run: early enough for the slowest answer. `runs` give the next time."""
        lead = timedelta(seconds=self._lead * self._clock.speed)
        times = [moment for run in runs if (moment := run(after + lead)) is not None]
        return min(times) - lead if times else None

    async def fetch_ahead(self) -> None:
        """Fetch it for the next run; without an answer that run asks for itself."""
        self._ahead, followed = None, self._followed
        if not followed.history_id or self._platform.user is None:
            return
        try:
            selection = await self._platform.selection(followed.strategy_id, followed.history_id)
        except FactorCatError as error:
            log.info("the list could not be fetched ahead of the run, which asks again: %s", error.brief)
            return
        if not selection.rows:
            return  # it may not be published yet, and must not count as empty once the platform is away
        until = self._clock.real() + self._lead + _KEPT
        self._ahead = _Ahead(selection, followed, self._platform.user, self._clock.now(), until)

    async def fetch(self) -> Maybe[Selection]:
        """The list of the followed record; else why there is none."""
        followed = self._followed
        if not followed.history_id:
            return Unknown(say("no strategy is followed yet: choose one on the Strategies screen"))
        ahead = self._usable()
        try:
            async with asyncio.timeout(_PATIENCE if ahead else None):
                return Known(await self._platform.selection(followed.strategy_id, followed.history_id))
        except TimeoutError:
            why = say("Factor Cat has not answered within {seconds:.0f} s", seconds=_PATIENCE)
        except FactorCatError as error:
            if ahead is None or not error.retryable:
                return Unknown(str(error))
            why = error.brief
        if ahead is None or ahead != self._usable():  # another record, or another user, was chosen meanwhile
            return Unknown(why)
        log.warning("the list fetched at %s is used: %s", f"{ahead.at:%H:%M:%S}", why)
        return Known(ahead.selection)

    def _usable(self) -> _Ahead | None:
        """The list that was fetched ahead, where it is still that of the followed record, of this user and day."""
        ahead = self._ahead
        if (
            ahead is None
            or ahead.followed != self._followed
            or ahead.user != self._platform.user
            or ahead.day != self._clock.now().date()
            or self._clock.real() > ahead.until
        ):
            return None
        return ahead
