"""Days in every form that the platform may write them in."""

import re
from datetime import UTC, date, datetime

from core.model.time import SHANGHAI

_DAY = re.compile(r"([0-9]{4})([-/]?)([0-9]{1,2})\2([0-9]{1,2})(?:[T ]+([0-9].*))?")
_EPOCH_SECONDS, _EPOCH_MILLISECONDS = range(10**9, 10**10), range(10**12, 10**13)


def day_in(given: object) -> date:
    """A day, or the day in Shanghai of a moment: 2026-11-27, 20261127 or 2026/11/27, a time behind it or not, as a text
    or a number, or a time stamp in seconds or milliseconds. Raises `ValueError`."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError("not a day")
    text = str(int(given)) if isinstance(given, float) and given.is_integer() else str(given).strip()
    try:
        if text.isascii() and text.isdigit() and (day := _day_of_epoch(int(text))) is not None:
            return day
        if (found := _DAY.fullmatch(text)) is not None:
            return _day(found)
    except OverflowError:
        pass
    raise ValueError("not a day")


def _day(found: re.Match[str]) -> date:
    year, separator, month, day, clock = found.groups()
    if not separator and len(month + day) != 4:
        raise ValueError("not a day")
    on = date(int(year), int(month), int(day))
    if clock is None:
        return on
    moment = datetime.fromisoformat(f"{on}T{clock}")
    return moment.astimezone(SHANGHAI).date() if moment.tzinfo else moment.date()


def _day_of_epoch(number: int) -> date | None:
    """The day of a time stamp, as tables of dates are written by pandas."""
    if number in _EPOCH_MILLISECONDS:
        number //= 1000
    elif number not in _EPOCH_SECONDS:
        return None
    return datetime.fromtimestamp(number, UTC).astimezone(SHANGHAI).date()
