"""The trading calendar of the Shanghai and Shenzhen exchanges, which keep the same sessions."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from importlib.resources import files

from core.clock import SHANGHAI
from core.model.bond import Exchange
from core.model.known import Known, Maybe, Unknown
from core.rules.sessions import SessionPhase, no_orders_at, phase_at

_FILE = "xshg_sessions_2015_2026.csv"


def _shipped() -> list[date]:
    text = files("core.data").joinpath(_FILE).read_text(encoding="utf-8")
    return [date.fromisoformat(line) for line in text.split()[1:]]


class Calendar:
    """Which days are sessions, from `verified_from` to `verified_through`; beyond them nothing is guessed."""

    def __init__(self, sessions: Iterable[date] | None = None) -> None:
        """`sessions`: every session of a span of days; None for the list that is shipped."""
        self._sessions = sorted(_shipped() if sessions is None else sessions)
        self._set = frozenset(self._sessions)
        if not self._sessions:
            raise ValueError("a calendar needs at least one session")

    @property
    def sessions(self) -> tuple[date, ...]:
        """Every session that is known, ascending."""
        return tuple(self._sessions)

    @property
    def verified_from(self) -> date:
        return self._sessions[0]

    @property
    def verified_through(self) -> date:
        return self._sessions[-1]

    def is_session(self, day: date) -> Maybe[bool]:
        if not self.verified_from <= day <= self.verified_through:
            return self._beyond(day)
        return Known(day in self._set)

    def previous_session(self, day: date) -> Maybe[date]:
        """The last session before `day`."""
        before = day - timedelta(days=1)
        if not self.verified_from <= before <= self.verified_through:
            return self._beyond(before)
        return Known(self._sessions[bisect_left(self._sessions, day) - 1])

    def next_session(self, day: date) -> Maybe[date]:
        """The first session after `day`."""
        after = day + timedelta(days=1)
        if not self.verified_from <= after <= self.verified_through:
            return self._beyond(after)
        return Known(self._sessions[bisect_right(self._sessions, day)])

    def phase(self, moment: datetime, exchange: Exchange | None = None) -> SessionPhase:
        """What the exchange does at `moment`; without one, `OPEN` means that both trade continuously."""
        local = _local(moment)
        match self.is_session(local.date()):
            case Unknown():
                return SessionPhase.UNKNOWN
            case Known(value=False):
                return SessionPhase.CLOSED_DAY
            case Known():
                return phase_at(local.time(), exchange)

    def orders_allowed(self, moment: datetime) -> str | None:
        """Why no order may be sent at `moment`, as part of a sentence; None where orders are allowed."""
        local = _local(moment)
        match self.is_session(local.date()):
            case Unknown(reason):
                return reason
            case Known(value=False):
                return f"{local:%Y-%m-%d} is not a trading day"
            case Known():
                return no_orders_at(local.time())

    def _beyond(self, day: date) -> Unknown:
        return Unknown(
            f"the trading calendar reaches from {self.verified_from} to {self.verified_through}, so whether {day} is a "
            "session is not known: install a version of rotor whose calendar covers it"
        )


def _local(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs its time zone: without one it would be read as this machine's")
    return moment.astimezone(SHANGHAI)
