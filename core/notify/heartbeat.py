"""Tells a service on the internet, such as healthchecks.io, that the engine still works: a dead machine sends no mail.

The service raises the alarm when nothing comes, and at once for a ping to `/fail`. There is no timer here: the engine
calls `beat` at the end of each of its checks, so nothing is sent while it hangs.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import httpx
from pydantic import SecretStr

from core import __version__
from core.i18n import listed, reasons, say
from core.infra.logs import hide
from core.infra.network import ServiceUnavailable, ask_service
from core.infra.tasks import end_tasks
from core.model.known import Known
from core.model.settings import Settings
from core.model.snapshot import Control, SessionPhase, Snapshot, StopStatus
from core.notify.alerts import faults_of

log = logging.getLogger(__name__)

_RETRY = 30.0
"""Seconds after which a ping that failed is sent again."""

_FAULT_HOLD, _STOP_HOLD = 10.0, 60.0
"""Seconds that trading must be off, or a stop not armed, before that is a failure: a reconnection and the first seconds
of a session pass by themselves."""

_STALE = 60.0
"""Seconds without a new snapshot after which the engine no longer counts as working."""

_NOT_FOUND = b"OK (not found)"
"""The answer of healthchecks.io, with status 200, for an address that it does not know."""

MINUTE = 60.0


class Signal(StrEnum):
    """What a ping means; the value is added to the path of the address. LOG does not change the service's state."""

    OK = ""
    FAIL = "/fail"
    LOG = "/log"


async def ping(address: str, signal: Signal, text: str, proxy: str) -> None:
    """Send one line to the service. Raises `ServiceUnavailable`."""
    url = httpx.URL(address)
    url = url.copy_with(path=url.path.rstrip("/") + signal)
    for secret in (address, str(url)):
        hide(SecretStr(secret))
    body = await ask_service(str(url), proxy, post=text)
    if body.strip().startswith(_NOT_FOUND):
        raise ServiceUnavailable(say("it does not know this address"))


class Heartbeat:
    """Idle without an address, and in the sandbox: practice must not hide that live trading is down."""

    def __init__(self, settings: Settings, real: Callable[[], float] = time.monotonic) -> None:
        """`real`: seconds of the machine."""
        self._settings = settings
        self._real = real
        self._due_at = 0.0
        self._sent: Signal = Signal.OK
        self._wrong_since: float | None = None
        self._newest = (0, 0.0)
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""

    def use_settings(self, settings: Settings) -> None:
        """Ping as these settings say, from now on."""
        if settings.notify.heartbeat_url != self._settings.notify.heartbeat_url:
            self._due_at, self._trouble = 0.0, ""
        self._settings = settings

    def notices(self) -> tuple[str, ...]:
        """Why the service does not hear from the engine, for the user."""
        return (say("the heartbeat is not delivered: {why}", why=self._trouble),) if self._trouble else ()

    def beat(self, shown: Snapshot | None) -> None:
        """The engine has just completed a check, and this is its newest snapshot. Does not wait, raises nothing."""
        address, now = self._settings.notify.heartbeat_url, self._real()
        if not address or self._settings.mode == "sandbox" or shown is None:
            return
        if shown.number != self._newest[0]:
            self._newest = (shown.number, now)
        wrong = dict(_what_is_wrong(shown))
        if now - self._newest[1] > _STALE:
            wrong[say("the screen's data are not renewed")] = 0.0
        self._wrong_since = (self._wrong_since or now) if wrong else None
        if self._wrong_since is not None and now - self._wrong_since < min(wrong.values()):
            return  # neither well nor a failure yet
        signal = Signal.FAIL if wrong else Signal.OK
        if (now >= self._due_at or signal is not self._sent) and (self._task is None or self._task.done()):
            self._due_at, self._sent = now + MINUTE * self._settings.notify.heartbeat_minutes, signal
            self._task = asyncio.create_task(self._ping(address, signal, _line(shown, wrong)))

    async def close(self) -> None:
        """Stop a ping that is on its way."""
        await end_tasks(self._task)

    async def _ping(self, address: str, signal: Signal, text: str) -> None:
        try:
            await ping(address, signal, text, self._settings.network.proxy)
        except ServiceUnavailable as error:
            self._due_at = min(self._due_at, self._real() + _RETRY)
            if self._trouble != str(error):
                log.warning("the heartbeat is not delivered: %s", error)
            self._trouble = str(error)
        except Exception:
            log.exception("the heartbeat failed")
        else:
            if self._trouble:
                log.info("the heartbeat is delivered again")
            self._trouble = ""


def _what_is_wrong(shown: Snapshot) -> Iterator[tuple[str, float]]:
    """In words without numbers of accounts and money, since the service belongs to somebody else; and the seconds that
    it must last.
    """
    if faults := faults_of(shown):
        yield (
            say("trading is off ({kinds})", kinds=listed(dict.fromkeys(str(one.kind) for one in faults))),
            _FAULT_HOLD,
        )
    for control in shown.controls:
        if control is not Control.PAUSED:
            yield say(control), 0.0
    if shown.session is SessionPhase.OPEN and isinstance(shown.positions, Known):
        stops = [row.stop for row in shown.positions.value if row.stop is not None]
        if any(not stop.armed and stop.status not in _NOT_WANTED for stop in stops):
            armed = sum(stop.armed for stop in stops)
            yield say("{armed} of {managed} stops are armed", armed=armed, managed=len(stops)), _STOP_HOLD


_NOT_WANTED = frozenset({StopStatus.OFF, StopStatus.NOT_SET})
"""No stop is missing where the user, or the strategy, has none."""


def _line(shown: Snapshot, wrong: Iterable[str]) -> str:
    state = reasons(wrong) or say("trading is on")
    return say("rotor {version}, {mode}: {state}", version=__version__, mode=shown.mode, state=state)
