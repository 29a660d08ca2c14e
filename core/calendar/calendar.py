"""The trading calendar of the Shanghai and Shenzhen exchanges, which keep the same sessions."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Self

from core.calendar.session_file import (
    SessionListRefused,
    always_closed,
    later_sessions,
    read_session_file,
    session_file_text,
)
from core.i18n import say
from core.infra.home import Home, read_own, write_atomically
from core.model.bond import Exchange
from core.model.known import Known, Maybe, Unknown
from core.model.quote import SessionPhase
from core.model.time import SHANGHAI
from core.rules.sessions import MORNING, no_orders_at, phase_at, working_seconds

NOTICE_DAYS = 30
"""Days before its end from which on the calendar warns."""

_FILE = "xshg_sessions_2015_2026.csv"


@cache
def _shipped() -> tuple[date, ...]:
    text = files("core.calendar.data").joinpath(_FILE).read_text(encoding="utf-8")
    return tuple(date.fromisoformat(line) for line in text.split()[1:])


class Calendar:
    """The sessions from `verified_from` to `verified_through`.

    Days outside this span are unknown. In paper mode later weekdays may be guessed to be sessions; live mode must not.
    """

    def __init__(
        self, sessions: Iterable[date] | None = None, *, guess_weekdays: bool = False, trouble: str | None = None
    ) -> None:
        """`sessions`: None for the shipped list. `guess_weekdays`: after the end, weekdays count as sessions, fixed
        holidays excepted.
        """
        self._sessions = sorted(_shipped() if sessions is None else sessions)
        self._set = frozenset(self._sessions)
        self._guesses = guess_weekdays
        self.trouble = trouble
        """Why the file of further sessions is not used, as a sentence; None where it is used, or there is none."""
        if not self._sessions:
            raise ValueError("a calendar needs at least one session")

    @classmethod
    def of(cls, home: Home, mode: str) -> Self:
        """That of a data folder; only paper mode guesses."""
        return cls.with_file(home.calendar_file, home.calendar_copy, guess_weekdays=mode == "paper")

    @classmethod
    def with_file(cls, file: Path | None, copy: Path | None = None, *, guess_weekdays: bool = False) -> Self:
        """The shipped sessions and those of the file; one that cannot be used is ignored as a whole, see `trouble`.

        `copy`: the file as it was when it could be read last, which is then used in its place.
        """
        shipped = _shipped()
        try:
            later = later_sessions(file, shipped) if file is not None else ()
        except FileNotFoundError:
            return cls(shipped, guess_weekdays=guess_weekdays)
        except (OSError, SessionListRefused) as error:
            why = str(error)
            if isinstance(error, OSError):
                why = say("cannot be read: {why}", why=error.strerror or error)
            later = _kept_sessions(copy, shipped)
            effect = (
                say("What it listed before, to {day}, stays in force", day=later[-1])
                if later
                else say("It is not used")
            )
            trouble = say(
                "{file} {why}. {effect}: run rotor calendar update to write it anew, or delete it.",
                file=file,
                why=why,
                effect=effect,
            )
            return cls([*shipped, *later], guess_weekdays=guess_weekdays, trouble=trouble)
        return cls([*shipped, *later], guess_weekdays=guess_weekdays)

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
        if self._covers(day):
            return Known(day in self._set)
        return Known(_is_weekday_session(day)) if self._guessed(day) else self._beyond(day)

    def previous_session(self, day: date) -> Maybe[date]:
        """The last session before `day`."""
        before = day - timedelta(days=1)
        while self._guessed(before):
            if _is_weekday_session(before):
                return Known(before)
            before -= timedelta(days=1)
        if not self._covers(before):
            return self._beyond(before)
        return Known(self._sessions[bisect_right(self._sessions, before) - 1])

    def next_session(self, day: date) -> Maybe[date]:
        """The first session after `day`."""
        after = day + timedelta(days=1)
        if self._covers(after):
            return Known(self._sessions[bisect_left(self._sessions, after)])
        if not self._guessed(after):
            return self._beyond(after)
        while not _is_weekday_session(after):
            after += timedelta(days=1)
        return Known(after)

    def sessions_between(self, start: date, end: date) -> int:
        """How many sessions come after `start`, up to `end`; negative where `end` lies before.

        Beyond the list every weekday counts that is not always closed.
        """
        if end < start:
            return min(-self.sessions_between(end, start), -1)
        known = bisect_right(self._sessions, end) - bisect_right(self._sessions, start)
        beyond = max(start, self.verified_through)
        days = (beyond + timedelta(days=ahead) for ahead in range(1, (end - beyond).days + 1))
        return known + sum(_is_weekday_session(day) for day in days)

    def warning(self, day: date) -> str | None:
        """A sentence on the calendar's end for the user; None until `NOTICE_DAYS` before it."""
        end, left = self.verified_through, (self.verified_through - day).days
        if left > NOTICE_DAYS:
            return None
        if left >= 0:
            when = "today" if left == 0 else "tomorrow" if left == 1 else say("in {left} days", left=left)
            by = say("before then") if left else "now"
            return say(
                "the trading calendar ends on {end}, {when}: run rotor calendar update {by}; after it "
                "live mode sends nothing",
                end=end,
                when=when,
                by=by,
            )
        effect = say("Monday to Friday are taken for sessions") if self._guesses else say("nothing is sent")
        return say("the trading calendar ended on {end}: {told}; run rotor calendar update", end=end, told=effect)

    def phase(self, moment: datetime, exchange: Exchange | None = None) -> SessionPhase:
        """The phase at `moment`; without an exchange, `OPEN` means that both trade continuously."""
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
                return say("{local:%Y-%m-%d} is not a trading day", local=local)
            case Known():
                return no_orders_at(local.time())

    def _covers(self, day: date) -> bool:
        return self.verified_from <= day <= self.verified_through

    def _guessed(self, day: date) -> bool:
        return self._guesses and day > self.verified_through

    def _beyond(self, day: date) -> Unknown:
        first, last = self.verified_from, self.verified_through
        remedy = say(": run rotor calendar update") if day > last else ""
        text = say(
            "the trading calendar reaches from {verified_from} to {verified_through}, so whether "
            "{day} is a session is not known{remedy}",
            verified_from=first,
            verified_through=last,
            day=day,
            remedy=remedy,
        )
        return Unknown(text)


def keep_copy(file: Path, copy: Path) -> None:
    """Keep what the file lists, for a day on which it cannot be read. Raises `OSError`."""
    try:
        listed = read_session_file(file)
    except FileNotFoundError:
        copy.unlink(missing_ok=True)
        return
    text = session_file_text(listed.sessions, (), listed.source or file.name)
    if not copy.exists() or read_own(copy) != text:
        write_atomically(copy, text)


def _kept_sessions(copy: Path | None, shipped: Sequence[date]) -> tuple[date, ...]:
    try:
        return later_sessions(copy, shipped) if copy is not None else ()
    except (OSError, SessionListRefused):
        return ()


def _is_weekday_session(day: date) -> bool:
    return day.weekday() < 5 and not always_closed(day)


def _local(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return moment.astimezone(SHANGHAI)


def list_days(calendar: Calendar, now: datetime, max_age: int) -> Maybe[tuple[date, ...]]:
    """The dates that the strategy's list may have, newest first: the trading day's, then up to `max_age` sessions back.

    Before the open the list of the day cannot be expected yet, so the last session's is good whatever `max_age` is.
    On a closed day the last session counts as the trading day.
    """
    today = now.astimezone(SHANGHAI)
    session = calendar.is_session(today.date())
    if isinstance(session, Unknown):
        return session
    newest = Known(today.date()) if session.value else calendar.previous_session(today.date())
    before_the_open = session.value and today.time() < MORNING[0]
    days: list[date] = []
    for _ in range(1 + max(max_age, int(before_the_open))):
        if isinstance(newest, Unknown):
            return newest
        days.append(newest.value)
        newest = calendar.previous_session(newest.value)
    return Known(tuple(days))


def seconds_left(calendar: Calendar, now: datetime) -> float:
    """Seconds that an order sent now may stay open; 0 where none may be sent."""
    return working_seconds(now.astimezone(SHANGHAI).time()) if calendar.orders_allowed(now) is None else 0.0
