"""How well each part is: the level, in words, and since when it has been so."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.engine.assembly import Components
from core.engine.supervisor import Supervisor
from core.i18n import say
from core.infra.clock import Clock, RealClock
from core.infra.logs import NUMBERS
from core.model.snapshot import Health, Level
from core.quotes.failover import FailoverQuotes

log = logging.getLogger(__name__)

SILENCE = 10.0
"""Real seconds after which a silent feed is an alarm in a session."""

SKEW = 5.0
"""Seconds that a price may be from the future before the machine's clock counts as slow."""

_LAG = 90.0
"""Seconds that the newest of all prices may be old while prices keep coming: then the clock is fast."""

_SLEEP = 10.0
"""Real seconds between two beats from which on the machine has slept."""

_GRAVITY = (Level.INFO, Level.GOOD, Level.WARNING, Level.ERROR)

_LITTLE, _HARDLY = 500, 50
"""MB that are left on the disk: little, and hardly any."""

_ALARM = f"no price has been heard for {SILENCE:.0f} s in a session: those on the screen may be old, stops do not fire"


@dataclass(frozen=True, slots=True)
class _Found:
    level: Level
    text: str


class HealthMonitor:
    """Broker, quotes, platform, clock, disk, the engine and the sending of news."""

    def __init__(self, components: Components, folder: Path, supervisor: Supervisor) -> None:
        self._components = components
        self._folder = folder
        self._supervisor = supervisor
        self._pulse = Pulse(components.clock)
        self._told: dict[str, Health] = {}
        self._silent = False
        self._disk = _Found(Level.GOOD, "ok")
        self._beats = 0
        self._woke: tuple[datetime, float] | None = None
        self.platform: tuple[Level, str] = (Level.WARNING, say("not logged in"))
        self.news: Callable[[], tuple[Level, str] | None] = lambda: None

    def rest(self) -> None:
        """A beat is over: only from here to the next one does the machine have to have slept."""
        self._pulse.rest()

    @property
    def overslept(self) -> bool:
        """Whether the machine has slept and no beat has noticed yet."""
        return self._pulse.overdue

    def beat(self) -> float:
        """Once a second; answers with how long the machine has slept since the beat before, 0 where it has not."""
        if self._beats % 60 == 0:
            self._disk = _disk(self._folder)
        self._beats += 1
        slept = self._pulse.beat()
        if slept:
            self._woke = (self._components.clock.now(), self._components.clock.real())
            log.warning("this program did not run for %.0f s: the machine slept, or it was stopped", slept)
        self.silent()
        return slept

    def silent(self) -> float | None:
        """For how many real seconds no price was heard that should have been, None where all is well."""
        components = self._components
        since = components.heard.at if components.heard is not None else components.watched_at
        if since is None or components.watched_at is None:
            return None
        silence = components.clock.real() - max(since, components.watched_at)
        silent = silence > SILENCE and components.calendar.orders_allowed(components.clock.now()) is None
        if silent != self._silent:
            self._silent = silent
            log.log(NUMBERS[Level.ERROR if silent else Level.GOOD], _ALARM if silent else say("prices are heard again"))
        return silence if silent else None

    def report(self, now: datetime) -> tuple[Health, ...]:
        found = {
            "QMT" if self._components.settings.mode == "live" else "broker": self._broker(),
            "quotes": self._quotes(now),
            "FactorCat": self._platform(now),
            "clock": self._clock(now),
            "disk": self._disk,
            "engine": self._engine(),
        }
        if (news := self.news()) is not None:
            found["news"] = _Found(*news)
        return tuple(self._since(name, state, now) for name, state in found.items())

    def _broker(self) -> _Found:
        connection, unanswered = (
            self._components.order_manager.broker.connection,
            self._components.rotation.account.unanswered,
        )
        if not connection.connected:
            return _Found(Level.ERROR, connection.detail)
        return _Found(Level.GOOD, connection.detail) if unanswered is None else _Found(Level.ERROR, unanswered)

    def _quotes(self, now: datetime) -> _Found:
        heard = self._components.heard
        if self._components.watched_at is None:
            return _Found(Level.INFO, say("none watched"))
        level = Level.ERROR if self.silent() is not None else Level.GOOD
        sources = self._components.feed.states() if isinstance(self._components.feed, FailoverQuotes) else ()
        troubled = [source for source in sources if source.trouble]
        if sources and len(troubled) == len(sources):
            return _Found(Level.ERROR, say("none since {since:%H:%M}", since=max(source.since for source in sources)))
        if heard is None:
            return _Found(level, say("none yet"))
        age = max((now - heard.newest).total_seconds(), 0.0)
        told = f"{age:.1f}s" if age < 60 else f"{age / 60:.0f}min" if age < 3600 else f"{age / 3600:.0f}h"
        if not sources or sources[0].active:
            return _Found(level, told)
        return _Found(max(level, Level.WARNING, key=_GRAVITY.index), f"{self._components.feed.name} {told}")

    def _platform(self, now: datetime) -> _Found:
        level, text = self.platform
        ends = self._components.platform.token_expires_at
        if level is Level.GOOD and ends is not None and ends < now:
            return _Found(Level.WARNING, say("its login ended at {ends:%H:%M}", ends=ends))
        return _Found(level, text)

    def _clock(self, now: datetime) -> _Found:
        """The machine's clock against the newest price's own time."""
        heard, clock = self._components.heard, self._components.clock
        if self._woke is not None and clock.real() - self._woke[1] < _LAG:
            return _Found(Level.WARNING, say("woke at {woke:%H:%M:%S}", woke=self._woke[0]))
        closed = self._components.calendar.orders_allowed(now) is not None
        if heard is None or closed or clock.real() - heard.at > SILENCE:
            return _Found(Level.GOOD, "ok")
        ahead = (heard.newest - now).total_seconds()
        if ahead > SKEW * clock.speed:
            return _Found(
                Level.ERROR, say("slow by {ahead:.0f} s against the prices: set the machine's time", ahead=ahead)
            )
        if -ahead > _LAG * clock.speed:
            return _Found(
                Level.WARNING, say("fast by {value:.0f} s against the prices, or these are old", value=-ahead)
            )
        return _Found(Level.GOOD, "ok")

    def _engine(self) -> _Found:
        fall = self._supervisor.latest
        return (
            _Found(Level.GOOD, "ok")
            if fall is None
            else _Found(Level.WARNING, say("{part} begun again: {why}", part=fall.part, why=fall.why))
        )

    def _since(self, name: str, found: _Found, now: datetime) -> Health:
        before = self._told.get(name)
        since = before.since if before is not None and before.level is found.level else now
        if before is not None and before.level is not found.level and name in {"clock", "disk"}:
            log.log(NUMBERS[found.level], "%s: %s", name, found.text)
        self._told[name] = Health(name, found.level, found.text, since)
        return self._told[name]


class Pulse:
    """Notices from one beat to the next that this machine did not run. A machine that sleeps may stop its steady clock
    but not the time of day; a program that is stopped keeps both."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: tuple[float, datetime] | None = None
        self._resting = False

    def rest(self) -> None:
        """Count from now on: what a beat itself takes is no sleep."""
        self._last = (self._clock.real(), self._clock.now())
        self._resting = True

    @property
    def overdue(self) -> bool:
        """Whether the next beat will find that the machine has slept."""
        return self._resting and self._gap() > _SLEEP

    def beat(self) -> float:
        """Real seconds that were slept since the rest, or the beat, before; 0 where none were."""
        gap = self._gap()
        self._last, self._resting = (self._clock.real(), self._clock.now()), False
        return gap if gap > _SLEEP else 0.0

    def _gap(self) -> float:
        before, now = self._last, (self._clock.real(), self._clock.now())
        if before is None:
            return 0.0
        steady = now[0] - before[0]
        told = (now[1] - before[1]).total_seconds() if isinstance(self._clock, RealClock) else steady
        return max(steady, told)


def _disk(folder: Path) -> _Found:
    try:
        free = shutil.disk_usage(folder).free // 1_000_000
    except OSError as error:
        return _Found(
            Level.ERROR,
            say("{folder} cannot be looked at: {strerror}", folder=folder, strerror=error.strerror or error),
        )
    if free < _HARDLY:
        return _Found(
            Level.ERROR, say("{free} MB left: orders cannot be written down without room for them", free=free)
        )
    return (
        _Found(Level.WARNING, say("{free} MB left", free=free))
        if free < _LITTLE
        else _Found(Level.GOOD, say("{free:.0f} GB free", free=free / 1000))
    )
