"""Log lines as events for the screen: of each order only the newest line."""

import logging
from collections import deque
from itertools import count

from core.infra.clock import Clock
from core.infra.logs import ABOUT, NUMBERS, text_of
from core.model.snapshot import Event, Level

_LEVELS = {number: level for level, number in NUMBERS.items()}


class EventLog(logging.Handler):
    """Shows log lines as events on the screen.

    A line about an order is the newest event, and replaces the earlier one about the same order.
    """

    def __init__(self, events: deque[Event], clock: Clock) -> None:
        super().__init__(logging.INFO)
        self._events = events
        self._clock = clock
        self._numbers = count(1)

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("core.") and record.levelno < logging.WARNING:
            return
        level = _LEVELS.get(record.levelno, Level.ERROR)
        # In English, redacted and escaped as in the file, where a traceback stays.
        text = text_of(record).partition("\\n")[0]
        about = str(getattr(record, ABOUT, ""))
        folded = self._fold(about) if about else 0
        self._events.append(Event(next(self._numbers), self._clock.now(), level, text, about, folded))

    def _fold(self, about: str) -> int:
        """Remove the event about this order; how many lines are folded then."""
        for place in range(len(self._events) - 1, -1, -1):
            if self._events[place].about == about:
                folded = self._events[place].folded + 1
                del self._events[place]
                return folded
        return 0
