"""The trading day's hours, as pure arithmetic on Shanghai time; which days are sessions is the calendar's to say."""

from datetime import time

from core.i18n import say
from core.model.bond import Exchange
from core.model.quote import SessionPhase, TradingState

OPENING_CALL_FROM = time(9, 15)
MORNING = (time(9, 30), time(11, 30))
AFTERNOON = (time(13, 0), time(15, 0))
CLOSING_CALL_FROM = time(14, 57)
"""Shenzhen ends continuous trading here; Shanghai has no closing auction for bonds."""

LAST_ORDER = time(14, 56, 30)
"""From here on nothing is sent: all is filled or cancelled before Shenzhen's closing call, which allows no cancel."""


def phase_at(moment: time, exchange: Exchange | None = None) -> SessionPhase:
    """The phase at a time of a session day; without an exchange, `OPEN` means that both trade continuously."""
    steps = [
        (OPENING_CALL_FROM, SessionPhase.PRE_OPEN),
        (MORNING[0], SessionPhase.OPENING_CALL),
        (MORNING[1], SessionPhase.OPEN),
        (AFTERNOON[0], SessionPhase.BREAK),
        (AFTERNOON[1] if exchange is Exchange.SH else CLOSING_CALL_FROM, SessionPhase.OPEN),
        (AFTERNOON[1], SessionPhase.CLOSING_CALL),
    ]
    return next((phase for until, phase in steps if moment < until), SessionPhase.CLOSED)


_STATES = {
    SessionPhase.PRE_OPEN: TradingState.PRE_OPEN,
    SessionPhase.OPENING_CALL: TradingState.AUCTION,
    SessionPhase.OPEN: TradingState.CONTINUOUS,
    SessionPhase.BREAK: TradingState.BREAK,
    SessionPhase.CLOSING_CALL: TradingState.CLOSING_CALL,
    SessionPhase.CLOSED: TradingState.CLOSED,
}


def trading_state(exchange: Exchange, moment: time) -> TradingState:
    """What the exchange does at that time of a session day; only Shenzhen ends with a call."""
    return _STATES[phase_at(moment, exchange)]


def no_orders_at(moment: time) -> str | None:
    """Why nothing may be sent at a time of a session day; None within 09:30:00-11:30:00 and 13:00:00-14:56:30."""
    if MORNING[0] <= moment < MORNING[1] or AFTERNOON[0] <= moment < LAST_ORDER:
        return None
    if moment < MORNING[0]:
        return say("it is {moment:%H:%M:%S} and trading opens at 09:30", moment=moment)
    if moment < AFTERNOON[0]:
        return say("it is {moment:%H:%M:%S}, the midday break; trading goes on at 13:00", moment=moment)
    return say("it is {moment:%H:%M:%S} and orders are sent until 14:56:30 only", moment=moment)


def working_seconds(moment: time) -> float:
    """How long an order that is sent at a time of a session day may work, in seconds: to the break or to LAST_ORDER."""
    if no_orders_at(moment) is not None:
        return 0.0
    end = MORNING[1] if moment < MORNING[1] else LAST_ORDER
    return _seconds(end) - _seconds(moment)


def open_seconds(moment: time) -> float:
    """For how long trading has gone on at a time of a session day, in seconds: since the open, or since the break."""
    return trading_seconds(AFTERNOON[0] if moment >= AFTERNOON[0] else MORNING[0], moment)


def trading_seconds(start: time, end: time) -> float:
    """Seconds of trading from one time of a session day to another: breaks do not count; 0 where `end` is earlier."""
    return max(_traded(end) - _traded(start), 0.0)


def _traded(moment: time) -> float:
    """Seconds of trading since the open, up to this time of the day."""
    return sum(
        min(max(_seconds(moment) - _seconds(begin), 0.0), _seconds(end) - _seconds(begin))
        for begin, end in (MORNING, AFTERNOON)
    )


def _seconds(moment: time) -> float:
    return moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
