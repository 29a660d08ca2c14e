"""Sources of further sessions: akshare online, the file inside the akshare package, MiniQMT, the user's list."""

import contextlib
import importlib
import importlib.util
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from core.calendar.session_file import SessionListContradicts, SessionListRefused, first_difference, read_session_file
from core.i18n import say
from core.infra import xtquant_sdk
from core.infra.network import limit_requests
from core.infra.worker_thread import CallTimedOut, call_with_deadline
from core.model.errors import UnavailableError

YEARS_COMPARED = 3
"""Shipped years that a source must list too: it is compared with them before it is believed about a new year."""

_FILE_TIMEOUT, _TERMINAL_TIMEOUT, _ONLINE_TIMEOUT = 5.0, 30.0, 60.0
"""Seconds: the terminal downloads its holidays first, akshare has no timeout of its own."""

_NO_MORE_YEARS = "超出现有节假日数据"


class CalendarSourceUnavailable(UnavailableError):
    """A source cannot be reached; the message says why."""


@dataclass(frozen=True, slots=True)
class CalendarSource:
    """`fetch` blocks, and is abandoned after `timeout` seconds.

    It raises `CalendarSourceUnavailable`, `SessionListRefused`, `OSError`.
    """

    name: str
    timeout: float
    fetch: Callable[[], Sequence[date]]


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """The source's list, or why there is none: `unavailable` without an answer, `invalid` where the list is wrong.

    Exactly one of the three is not None.
    """

    name: str
    sessions: tuple[date, ...] | None = None
    unavailable: str | None = None
    invalid: SessionListRefused | None = None


def sources(shipped: Sequence[date], today: date) -> tuple[CalendarSource, ...]:
    """Every source but the user's file.

    MiniQMT comes before akshare: while its SDK is imported, some modules are hidden from every other import.
    """
    since = date(shipped[-1].year - YEARS_COMPARED + 1, 1, 1)
    return (
        CalendarSource("akshare's file", _FILE_TIMEOUT, akshare_file),
        CalendarSource("MiniQMT", _TERMINAL_TIMEOUT, lambda: terminal(since, shipped[-1], today.year + 1)),
        CalendarSource("akshare online", _ONLINE_TIMEOUT, akshare_online),
    )


def own_file(path: Path) -> CalendarSource:
    """The user's own list, in the format of `calendar.csv` in the data folder."""
    return CalendarSource(str(path), _FILE_TIMEOUT, lambda: read_session_file(path).sessions)


def ask_all(asked: Iterable[CalendarSource]) -> list[SourceAnswer]:
    """Ask one after the other; never raises."""
    return [_ask(source) for source in asked]


def _ask(source: CalendarSource) -> SourceAnswer:
    try:
        sessions = call_with_deadline(f"calendar: {source.name}", source.fetch, source.timeout)
        return SourceAnswer(source.name, tuple(sessions))
    except SessionListRefused as error:
        return SourceAnswer(source.name, invalid=error)
    except (CalendarSourceUnavailable, CallTimedOut) as error:
        why = str(error)
    except OSError as error:  # of a file, or of the network, whose texts name addresses and objects
        why = error.strerror or say("it was not reached ({kind})", kind=type(error).__name__)
    except Exception as error:
        why = say("its answer is not understood ({error})", error=f"{type(error).__name__}: {_first_line(error)}")
    return SourceAnswer(source.name, unavailable=why)


def akshare_online() -> list[date]:
    """What akshare fetches from Sina: past sessions, and this year's as far as Sina knows them."""
    try:
        akshare = importlib.import_module("akshare")  # here because it imports pandas and a hundred modules
    except ImportError as error:
        raise CalendarSourceUnavailable(say("akshare does not load: {error}", error=error)) from None
    limit_requests()
    return [date.fromisoformat(str(value)[:10]) for value in akshare.tool_trade_date_hist_sina()["trade_date"]]


def akshare_file() -> list[date]:
    """The list inside the akshare package, without importing that."""
    spec = importlib.util.find_spec("akshare")
    folders = spec.submodule_search_locations if spec is not None else None
    if not folders:
        raise CalendarSourceUnavailable(say("akshare is not installed"))
    text = Path(folders[0], "file_fold", "calendar.json").read_text(encoding="utf-8")
    return [_parse_compact(day) for day in json.loads(text)]


def terminal(since: date, known_to: date, last_year: int) -> list[date]:
    """MiniQMT's list from `since` on, to the last year whose holidays it knows, at most `last_year`.

    Years after that of `known_to` are asked for one by one: MiniQMT refuses a year that it does not know. The SDK reads
    dates in this machine's time zone.
    """
    try:
        sdk = xtquant_sdk.quote_sdk()
    except xtquant_sdk.SdkMissing as error:
        raise CalendarSourceUnavailable(str(error)) from None
    if not (_is_china_time(since) and _is_china_time(known_to)):
        raise CalendarSourceUnavailable(say("it gives dates in this machine's time zone, which must be China's"))

    def fetch(market: str) -> list[date]:
        days: list[object] = []
        for year in range(known_to.year, max(known_to.year, last_year) + 1):
            start = f"{since:%Y%m%d}" if year == known_to.year else f"{year}0101"
            try:
                days += sdk.get_trading_calendar(market, start, f"{year}1231")
            except Exception as error:
                if year > known_to.year and _NO_MORE_YEARS in str(error):
                    break
                raise CalendarSourceUnavailable(_first_line(error)) from None
        return [_parse_compact(day) for day in days]

    try:
        shanghai, shenzhen = fetch("SH"), fetch("SZ")
    finally:
        with contextlib.suppress(Exception):
            sdk.disconnect()
    day = first_difference(shanghai, shenzhen)
    if day is not None:
        text = say("contradicts itself: {day} is a session of one exchange and not of the other", day=day)
        raise SessionListContradicts(text)
    return min(shanghai, shenzhen, key=len)


def _parse_compact(text: object) -> date:
    """A date such as '20270104'. Raises `SessionListRefused`."""
    digits = str(text)
    try:
        if len(digits) == 8 and digits.isascii() and digits.isdigit():
            return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        pass
    raise SessionListRefused(say("lists something that is not a date: {text!r}", text=digits[:20]))


def _is_china_time(day: date) -> bool:
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  (the machine's zone, as the SDK reads it)
    return midnight.astimezone().utcoffset() == timedelta(hours=8)


def _first_line(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return line if len(line) <= 120 else f"{line[:117]}..."
