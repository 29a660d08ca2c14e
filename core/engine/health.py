"""The health of each component: its level, a sentence, and since when."""

import logging
import shutil
import tempfile
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
from core.rules.sessions import open_seconds, trading_seconds

log = logging.getLogger(__name__)

SILENCE = 10.0
"""Real seconds after which a silent feed is an alarm in a session."""

SKEW = 5.0
"""Seconds that a price may be from the future before the machine's clock counts as slow."""

_LAG = 90.0
"""Seconds that the newest of all prices may be old while prices keep coming: then the clock is fast."""

_SLEEP = 10.0
"""Real seconds between two checks from which on the machine has slept."""

LOW_MB, FULL_MB = 500, 50
"""MB left on the disk from which on it is a warning, and an error."""

_PROBE = bytes(65_536)
"""What is written to see whether the disk takes anything; about as much as an order and its fills."""


@dataclass(frozen=True, slots=True)
class _State:
    level: Level
    text: str


class HealthMonitor:
    """Broker, quotes, platform, clock, disk, the engine and the notifications."""

    def __init__(
        self,
        components: Components,
        folder: Path,
        supervisor: Supervisor,
        notifications: Callable[[], tuple[Level, str] | None] = lambda: None,
    ) -> None:
        """`notifications`: the state of their delivery, None where nobody is notified."""
        self._components = components
        self._folder = folder
        self._supervisor = supervisor
        self._pulse = Pulse(components.clock)
        self._reported: dict[str, Health] = {}
        self._was_silent = False
        self._disk = _State(Level.GOOD, say("ok"))
        self._checks = 0
        self._woke: tuple[datetime, float] | None = None
        self.platform: tuple[Level, str] = (Level.WARNING, say("not logged in"))
        self._notifications = notifications

    def rest(self) -> None:
        """A check is over: a sleep of the machine counts from here to the next one."""
        self._pulse.rest()

    @property
    def overslept(self) -> bool:
        """Whether the machine has slept and no check has noticed yet."""
        return self._pulse.overdue

    def check(self) -> float:
        """Once a second; returns for how many seconds the machine has slept since the check before, 0 for none."""
        if self._checks % 60 == 0:
            self._disk = _disk(self._folder)
        self._checks += 1
        slept = self._pulse.check()
        if slept:
            self._woke = (self._components.clock.now(), self._components.clock.real())
            log.warning("this program did not run for %.0f s: the machine slept, or it was stopped", slept)
        self.quote_silence()
        return slept

    def quote_silence(self) -> float | None:
        """For how many real seconds no quote has come in that should have, None where all is well.

        None should in the break: there is no silence before the market has been open as long.
        """
        components, state = self._components, self._components.state
        clock, now = components.clock, components.clock.now()
        since = state.last_quotes.at if state.last_quotes is not None else state.watched_at
        if since is None or state.watched_at is None:
            return None
        open_for = open_seconds(now.time()) / clock.speed
        silence = min(clock.real() - max(since, state.watched_at), open_for)
        silent = silence > SILENCE and components.calendar.orders_allowed(now) is None
        if silent != self._was_silent:
            self._was_silent = silent
            log.log(NUMBERS[Level.ERROR if silent else Level.GOOD], _alarm() if silent else say("quotes are back"))
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
        if (sending := self._notifications()) is not None:
            found["news"] = _State(*sending)
        return tuple(self._since(name, state, now) for name, state in found.items())

    def _broker(self) -> _State:
        connection, unanswered = (
            self._components.order_manager.broker.connection,
            self._components.rotation.account.unanswered,
        )
        if not connection.connected:
            return _State(Level.ERROR, connection.detail)
        return _State(Level.GOOD, connection.detail) if unanswered is None else _State(Level.ERROR, unanswered)

    def _quotes(self, now: datetime) -> _State:
        quotes = self._components.state.last_quotes
        if self._components.state.watched_at is None:
            return _State(Level.INFO, say("none watched"))
        level = Level.ERROR if self.quote_silence() is not None else Level.GOOD
        sources = self._components.feed.states() if isinstance(self._components.feed, FailoverQuotes) else ()
        troubled = [source for source in sources if not source.works]
        if sources and len(troubled) == len(sources):
            return _State(Level.ERROR, say("none since {since:%H:%M}", since=max(source.since for source in sources)))
        if quotes is None:
            return _State(level, say("none yet"))
        age = max((now - quotes.newest).total_seconds(), 0.0)
        age_text = f"{age:.1f}s" if age < 60 else f"{age / 60:.0f}min" if age < 3600 else f"{age / 3600:.0f}h"
        if not sources or sources[0].active:
            return _State(level, age_text)
        level = max(level, Level.WARNING, key=lambda one: one.severity)
        return _State(level, f"{self._components.feed.name} {age_text}")

    def _platform(self, now: datetime) -> _State:
        level, text = self.platform
        ends = self._components.platform.token_expires_at
        if level is Level.GOOD and ends is not None and ends < now and not self._components.platform.renews_itself:
            return _State(Level.WARNING, say("its login ended at {ends:%H:%M}", ends=ends))
        return _State(level, text)

    def _clock(self, now: datetime) -> _State:
        """The machine's clock compared with the newest quote's own time."""
        quotes, clock = self._components.state.last_quotes, self._components.clock
        if self._woke is not None and clock.real() - self._woke[1] < _LAG:
            return _State(Level.WARNING, say("woke at {woke:%H:%M:%S}", woke=self._woke[0]))
        closed = self._components.calendar.orders_allowed(now) is not None
        if quotes is None or closed or clock.real() - quotes.at > SILENCE or quotes.newest.date() < now.date():
            return _State(Level.GOOD, say("ok"))  # a price of yesterday tells nothing about today's clock
        ahead = (quotes.newest - now).total_seconds()
        if ahead > SKEW * clock.speed:
            return _State(
                Level.ERROR, say("slow by {ahead:.0f} s against the prices: set the machine's time", ahead=ahead)
            )
        fast = trading_seconds(quotes.newest.time(), now.time())  # after the break the newest price is that before it
        if fast > _LAG * clock.speed:
            return _State(Level.WARNING, say("fast by {value:.0f} s against the prices, or these are old", value=fast))
        return _State(Level.GOOD, say("ok"))

    def _engine(self) -> _State:
        failure = self._supervisor.latest_failure
        return (
            _State(Level.GOOD, say("ok"))
            if failure is None
            else _State(Level.WARNING, say("{part} restarted: {why}", part=failure.part, why=failure.why))
        )

    def _since(self, name: str, found: _State, now: datetime) -> Health:
        before = self._reported.get(name)
        since = before.since if before is not None and before.level is found.level else now
        if before is not None and before.level is not found.level and name in {"clock", "disk"}:
            log.log(NUMBERS[found.level], "%s: %s", name, found.text)
        told = Health(name, found.level, found.text, since)
        if told != before:
            self._reported[name] = told
        return self._reported[name]


class Pulse:
    """Notices that this program did not run for a while. A sleeping machine may stop its monotonic clock, but not the
    time of day; a stopped program keeps both."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: tuple[float, datetime] | None = None
        self._resting = False

    def rest(self) -> None:
        """Count from now on: the time that a check takes is no sleep."""
        self._last = (self._clock.real(), self._clock.now())
        self._resting = True

    @property
    def overdue(self) -> bool:
        """Whether the next check will find that the machine has slept."""
        return self._resting and self._gap() > _SLEEP

    def check(self) -> float:
        """Real seconds that were slept since the last rest or check; 0 for none."""
        gap = self._gap()
        self._last, self._resting = (self._clock.real(), self._clock.now()), False
        return gap if gap > _SLEEP else 0.0

    def _gap(self) -> float:
        before, now = self._last, (self._clock.real(), self._clock.now())
        if before is None:
            return 0.0
        steady = now[0] - before[0]
        by_day = (now[1] - before[1]).total_seconds() if isinstance(self._clock, RealClock) else steady
        return max(steady, by_day)


def _disk(folder: Path) -> _State:
    """Room, and whether it can be written: a disk turns read-only when it fails."""
    try:
        free = shutil.disk_usage(folder).free // 1_000_000
        if free >= FULL_MB:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(_PROBE)
    except OSError as error:
        return _State(
            Level.ERROR,
            say(
                "{folder} cannot be written ({strerror}): no order can be sent until it can",
                folder=folder,
                strerror=error.strerror or error,
            ),
        )
    if free < FULL_MB:
        return _State(
            Level.ERROR, say("{free} MB left: orders cannot be written down without room for them", free=free)
        )
    return (
        _State(Level.WARNING, say("{free} MB left", free=free))
        if free < LOW_MB
        else _State(Level.GOOD, say("{free:.0f} GB free", free=free / 1000))
    )


def _alarm() -> str:
    return say(
        "no price has been heard for {seconds:.0f} s in a session: those on the screen may be old, stops do not fire",
        seconds=SILENCE,
    )
