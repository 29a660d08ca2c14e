"""Log lines as events for the screen, in the user's language."""

import logging
from collections import deque
from itertools import count

from core.i18n import say
from core.infra.clock import Clock
from core.infra.logs import NUMBERS, text_of
from core.model.snapshot import Event, Level

_LEVELS = {number: level for level, number in NUMBERS.items()}


class EventLog(logging.Handler):
    """Shows log lines as events on the screen."""

    def __init__(self, events: deque[Event], clock: Clock) -> None:
        super().__init__(logging.INFO)
        self._events = events
        self._clock = clock
        self._numbers = count(1)

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("core.") and record.levelno < logging.WARNING:
            return
        level = _LEVELS.get(record.levelno, Level.ERROR)
        # Redacted and escaped as in the file, where a traceback stays.
        text = text_of(_translated(record)).partition("\\n")[0]
        self._events.append(Event(next(self._numbers), self._clock.now(), level, text))


def _translated(record: logging.LogRecord) -> logging.LogRecord:
    """The record in the user's language; the file has it in English."""
    translated = logging.makeLogRecord(record.__dict__)
    translated.msg = say(str(record.msg))
    if isinstance(record.args, tuple):
        translated.args = tuple(say(word) if isinstance(word, str) else word for word in record.args)
    return translated
