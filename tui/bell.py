"""The terminal's bell and title: an alarm is heard and seen where the window is not looked at."""

from textual.app import App

from core.i18n import say
from core.model.snapshot import Level, Snapshot

_RESTORE_TITLE = "\x1b[23;0t"
_SAVE_TITLE = "\x1b[22;0t"


class Bell:
    """Rings once for each alarm: what keeps trading off, a connection that fails, an event that is an error."""

    def __init__(self, app: "App[None]") -> None:
        self._app = app
        self._known: frozenset[str] = frozenset()
        self._title = ""
        self._first = True

    def heard(self, snapshot: Snapshot) -> None:
        alarms = _alarms(snapshot)
        # What was so before the screen opened is on the screen; nobody has to be called.
        if alarms - self._known and not self._first and snapshot.look.bell:
            self._app.bell()
        self._known, self._first = alarms, False
        standing = any(not alarm.startswith("event ") for alarm in alarms)
        self._show(f"rotor {snapshot.mode.upper()}" + (f" ! {say('alarm')}" if standing else ""))

    def end(self) -> None:
        """Give the window its title back."""
        if self._title:
            self._write(_RESTORE_TITLE)

    def _show(self, title: str) -> None:
        if title != self._title:
            self._write(f"{'' if self._title else _SAVE_TITLE}\x1b]2;{title}\x07")
            self._title = title

    def _write(self, sequence: str) -> None:
        driver = self._app._driver  # pyright: ignore[reportPrivateUsage]
        if driver is not None and not self._app.is_headless:
            driver.write(sequence)


def _alarms(snapshot: Snapshot) -> frozenset[str]:
    failing = {f"health {health.name}" for health in snapshot.health if health.level is Level.ERROR}
    events = {f"event {event.number}" for event in snapshot.events if event.level is Level.ERROR}
    return frozenset({*snapshot.blockers, *failing, *events})
