"""When a rebalance runs: days and times worked out from the settings and the exchanges' sessions."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Protocol

from core.i18n import say
from core.model.known import Known, Maybe, Unknown
from core.model.settings import ScheduleSettings

_FAR = timedelta(days=31)
"""Longer than any closure: a day that rolls lands within this."""

_HORIZON = 400
"""Days that are searched for the next run: skipped months may follow each other."""

_EACH_DAY = ("daily", "sessions")
"""Frequencies that name sessions only, so that nothing rolls."""

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")


class Sessions(Protocol):
    """What is known of the exchanges' trading days."""

    def is_session(self, day: date) -> Maybe[bool]: ...

    def previous_session(self, day: date) -> Maybe[date]: ...

    def next_session(self, day: date) -> Maybe[date]: ...


def run_days(
    schedule: ScheduleSettings, sessions: Sessions, first: date, last: date, last_run: date | None = None
) -> tuple[date, ...]:
    """The days from `first` to `last` on which the schedule runs, each once, ascending.

    Two dates that roll onto one session are one run. A date whose session is not known runs nowhere. A schedule that
    counts sessions does so from `last_run`, the day of the last run that was carried out; without one each session is
    due, until one is.
    """
    if schedule.frequency == "sessions" and last_run is not None:
        return tuple(day for day in _counted(sessions, last_run, schedule.every, last) if day >= first)
    reach = timedelta(0) if schedule.frequency in _EACH_DAY else _FAR
    landed = {_landing(day, schedule, sessions) for day in _dates(schedule, first - reach, last + reach)}
    return tuple(sorted(day for day in landed if day is not None and first <= day <= last))


def next_run(
    schedule: ScheduleSettings, sessions: Sessions, after: datetime, last_run: date | None = None
) -> Maybe[datetime | None]:
    """The first run after a moment, in the moment's zone; None where the schedule is off.

    `Unknown` where the calendar ends before one is found.
    """
    if schedule.frequency == "off":
        return Known(None)
    hour, start = time.fromisoformat(schedule.time), after.date()
    for offset in range(0, _HORIZON, 31):
        first = start + timedelta(days=offset)
        for day in run_days(schedule, sessions, first, first + timedelta(days=30), last_run):
            moment = datetime.combine(day, hour, after.tzinfo)
            if moment > after:
                return Known(moment)
        beyond = sessions.is_session(first + timedelta(days=30))
        if isinstance(beyond, Unknown):
            return beyond
    return Unknown(say("the schedule has no session within {HORIZON} days", HORIZON=_HORIZON))


def runs_between(
    schedule: ScheduleSettings, sessions: Sessions, after: datetime, until: datetime, last_run: date | None = None
) -> tuple[datetime, ...]:
    """The runs after one moment, up to and including another."""
    if schedule.frequency == "off" or until <= after:
        return ()
    hour = time.fromisoformat(schedule.time)
    days = run_days(schedule, sessions, after.date(), until.date(), last_run)
    moments = (datetime.combine(day, hour, until.tzinfo) for day in days)
    return tuple(moment for moment in moments if after < moment <= until)


def _dates(schedule: ScheduleSettings, first: date, last: date) -> Iterator[date]:
    """The dates that the settings name, whether or not they are sessions."""
    if schedule.frequency == "monthly":
        month = first.replace(day=1)
        while month <= last:
            yield month.replace(day=min(schedule.day, monthrange(month.year, month.month)[1]))
            month = (month + _FAR + timedelta(days=1)).replace(day=1)
        return
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if schedule.frequency in _EACH_DAY or day.weekday() == _WEEKDAYS.index(schedule.weekday):
            yield day


def _counted(sessions: Sessions, last_run: date, every: int, last: date) -> Iterator[date]:
    """Each `every`-th session after the last run, up to `last`."""
    day, passed = last_run, 0
    while day < last:
        found = sessions.next_session(day)
        if isinstance(found, Unknown) or found.value > last:
            return
        day, passed = found.value, passed + 1
        if passed % every == 0:
            yield day


def _landing(day: date, schedule: ScheduleSettings, sessions: Sessions) -> date | None:
    """The session on which a named date runs, None where there is none or it is not known."""
    open_day = sessions.is_session(day)
    if isinstance(open_day, Unknown):
        return None
    if open_day.value:
        return day
    if schedule.frequency in _EACH_DAY:
        return None
    lacking = schedule.frequency == "monthly" and day.day < schedule.day  # the month has no such day
    if lacking or schedule.roll == "previous":
        found = sessions.previous_session(day)
    elif schedule.roll == "next":
        found = sessions.next_session(day)
    else:
        return None
    return found.value if isinstance(found, Known) else None
