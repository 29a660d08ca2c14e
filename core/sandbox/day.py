"""The sandbox's time: its sessions, the hours of a trading day, and where a run begins."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from core.infra.clock import SHANGHAI
from core.rules.sessions import AFTERNOON, MORNING

RECORDED_DAY = date(2026, 5, 15)
"""The day of the live snapshot: the sandbox's first session."""

OPEN, BREAK = MORNING
RESUMED, CLOSE = AFTERNOON
LAST_START = time(14, 56)
"""From here on too little is left of a session to trade in."""

FIRST_START = datetime.combine(RECORDED_DAY, OPEN, SHANGHAI)


def next_start(sessions: Sequence[date], last: datetime | None) -> datetime:
    """The market time at which a sandbox begins, Asia/Shanghai; `last` is where an earlier run of it ended, if any.

    A run goes on where it ended, as long as that is inside a session with time left to trade; else at the next
    opening: the afternoon's or the next session's. `sessions` ascend. Raises `ValueError` where they end before that.
    """
    if last is None:
        return FIRST_START
    if last.tzinfo is None:
        raise ValueError("the time where an earlier run ended must carry its zone")
    last = max(last.astimezone(SHANGHAI), FIRST_START)
    hour = last.time()
    if last.date() not in sessions or hour >= LAST_START:
        return _opening_after(sessions, last.date())
    if hour < OPEN:
        return datetime.combine(last, OPEN, SHANGHAI)
    if BREAK <= hour < RESUMED:
        return datetime.combine(last, RESUMED, SHANGHAI)
    return last


def seconds_traded(moment: time) -> float:
    """Seconds of trading up to that time of a session, 0 to 14,400; the break counts nothing."""
    morning = min(_since(OPEN, moment), _since(OPEN, BREAK))
    return max(morning, 0.0) + min(max(_since(RESUMED, moment), 0.0), _since(RESUMED, CLOSE))


def moment_of(day: date, seconds: float, afternoon: bool) -> datetime:
    """The inverse of `seconds_traded`; `afternoon` tells 13:00 from 11:30."""
    morning = _since(OPEN, BREAK)
    if afternoon:
        return datetime.combine(day, RESUMED, SHANGHAI) + timedelta(seconds=seconds - morning)
    return datetime.combine(day, OPEN, SHANGHAI) + timedelta(seconds=seconds)


def _opening_after(sessions: Sequence[date], day: date) -> datetime:
    place = bisect_right(sessions, day)
    if place == len(sessions):
        raise ValueError(f"the trading calendar ends on {sessions[-1]}: the sandbox cannot go on after {day}")
    return datetime.combine(sessions[place], OPEN, SHANGHAI)


def _since(start: time, end: time) -> float:
    return (datetime.combine(RECORDED_DAY, end) - datetime.combine(RECORDED_DAY, start)).total_seconds()
