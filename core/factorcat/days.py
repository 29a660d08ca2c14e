"""Days in every form that the platform may write them in."""

from datetime import UTC, date, datetime

from core.i18n import say
from core.model.time import SHANGHAI
from core.rules.spellings import parse_day

_EPOCH_SECONDS, _EPOCH_MILLISECONDS = range(10**9, 10**10), range(10**12, 10**13)


def day_in(given: object) -> date:
    """A day as people write it (`parse_day`), as a text or a number, a time behind it or not, or a time stamp in
    seconds or milliseconds; of a moment with a zone, the day in Shanghai. Raises `ValueError`."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError(say("not a day"))
    text = str(int(given)) if isinstance(given, float) and given.is_integer() else str(given).strip()
    if text.isascii() and text.isdigit() and (day := _day_of_epoch(int(text))) is not None:
        return day
    written, _, clock = text.replace("T", " ").partition(" ")
    day = parse_day(written)
    if not clock:
        return day
    moment = datetime.fromisoformat(f"{day}T{clock.strip()}")
    return (moment.astimezone(SHANGHAI) if moment.tzinfo else moment).date()


def _day_of_epoch(number: int) -> date | None:
    """The day of a time stamp, as tables of dates are written by pandas."""
    if number in _EPOCH_MILLISECONDS:
        number //= 1000
    elif number not in _EPOCH_SECONDS:
        return None
    return datetime.fromtimestamp(number, UTC).astimezone(SHANGHAI).date()
