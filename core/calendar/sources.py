"""Who else knows the sessions: akshare online, the file that comes with akshare, the MiniQMT terminal, the user."""

import asyncio
import contextlib
import importlib
import importlib.util
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from core.calendar.session_file import SessionListContradicts, SessionListRefused, first_difference, read_session_file
from core.infra import xtquant_sdk
from core.infra.worker_thread import CallTimedOut, WorkerThread
from core.model.errors import UnavailableError

YEARS_COMPARED = 3
"""Shipped years that a source must list too, to be compared with them before it is believed about another."""

_AT_ONCE, _TERMINAL_SECONDS, _ONLINE_SECONDS = 5.0, 30.0, 60.0
"""Deadlines: the terminal downloads its holidays first, akshare has none of its own."""

_NO_MORE_YEARS = "超出现有节假日数据"
_CHINA = timedelta(hours=8)


class CalendarSourceUnavailable(UnavailableError):
    """A source is out of reach; the message says why."""


@dataclass(frozen=True, slots=True)
class CalendarSource:
    """`listed` blocks, for `seconds` at most before it is given up.

    Raises `CalendarSourceUnavailable`, `SessionListRefused`.
    """

    name: str
    seconds: float
    listed: Callable[[], Sequence[date]]


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """What a source lists, or why it lists nothing: `silent` where it could not be asked, `refused` where it is wrong.

    Exactly one of the three is not None.
    """

    name: str
    listed: tuple[date, ...] | None = None
    silent: str | None = None
    refused: SessionListRefused | None = None


def sources(shipped: Sequence[date], today: date) -> tuple[CalendarSource, ...]:
    """Every source but the user's file, in the order in which they are to be asked: one after the other.

    The terminal comes before akshare: while its SDK is imported, nobody else can import what that must not find.
    """
    since = date(shipped[-1].year - YEARS_COMPARED + 1, 1, 1)
    return (
        CalendarSource("akshare's file", _AT_ONCE, akshare_file),
        CalendarSource("MiniQMT", _TERMINAL_SECONDS, lambda: terminal(since, shipped[-1], today.year + 1)),
        CalendarSource("akshare online", _ONLINE_SECONDS, akshare_online),
    )


def own_file(path: Path) -> CalendarSource:
    """The user's own list, in the format of the home's file."""
    return CalendarSource(str(path), _AT_ONCE, lambda: read_session_file(path).sessions)


async def ask(source: CalendarSource) -> SourceAnswer:
    """What the source lists; never raises, and ends with its deadline."""
    caller = WorkerThread(f"calendar: {source.name}")
    try:
        return SourceAnswer(source.name, listed=tuple(await caller.call(source.listed, source.seconds)))
    except (CalendarSourceUnavailable, CallTimedOut) as error:
        return SourceAnswer(source.name, silent=str(error))
    except SessionListRefused as error:
        return SourceAnswer(source.name, refused=error)
    except OSError as error:  # of a file, or of the network: the texts of the latter name addresses and objects
        return SourceAnswer(source.name, silent=error.strerror or f"it was not reached ({type(error).__name__})")
    except Exception as error:
        return SourceAnswer(
            source.name, silent=f"its answer is not understood ({type(error).__name__}: {_short(error)})"
        )
    finally:
        caller.end()


def ask_all(asked: Iterable[CalendarSource]) -> list[SourceAnswer]:
    """The sources' answers, asked one after the other. For a thread without a loop."""

    async def run() -> list[SourceAnswer]:
        return [await ask(source) for source in asked]

    return asyncio.run(run())


def akshare_online() -> list[date]:
    """What akshare fetches from Sina: past sessions, and the current year's as far as Sina knows them."""
    try:
        akshare = importlib.import_module("akshare")  # late, since it brings pandas and a hundred modules with it
    except ImportError as error:
        raise CalendarSourceUnavailable(f"akshare does not load: {error}") from None
    return [date.fromisoformat(str(value)[:10]) for value in akshare.tool_trade_date_hist_sina()["trade_date"]]


def akshare_file() -> list[date]:
    """The list inside the akshare package, which is not imported for it."""
    spec = importlib.util.find_spec("akshare")
    folders = spec.submodule_search_locations if spec is not None else None
    if not folders:
        raise CalendarSourceUnavailable("akshare is not installed")
    text = Path(folders[0], "file_fold", "calendar.json").read_text(encoding="utf-8")
    return [_compact(day) for day in json.loads(text)]


def terminal(since: date, known_to: date, last_year: int) -> list[date]:
    """The terminal's list from `since` on, the same for both exchanges, to the last year whose holidays it knows.

    Years after that of `known_to` are asked for one by one up to `last_year`: the terminal refuses one that it does
    not know. It reads its dates in the machine's time zone.
    """
    try:
        sdk = xtquant_sdk.quote_sdk()
    except xtquant_sdk.SdkMissing as error:
        raise CalendarSourceUnavailable(str(error)) from None
    if _zone_differs(since) or _zone_differs(known_to):
        raise CalendarSourceUnavailable("it tells days in this machine's time zone, which must be China's for that")

    def listed(market: str) -> list[date]:
        try:
            days = list(sdk.get_trading_calendar(market, f"{since:%Y%m%d}", f"{known_to.year}1231"))
        except Exception as error:
            raise CalendarSourceUnavailable(_short(error)) from None
        for year in range(known_to.year + 1, last_year + 1):
            try:
                days += sdk.get_trading_calendar(market, f"{year}0101", f"{year}1231")
            except Exception as error:
                if _NO_MORE_YEARS not in str(error):
                    raise CalendarSourceUnavailable(_short(error)) from None
                break
        return [_compact(day) for day in days]

    try:
        shanghai, shenzhen = listed("SH"), listed("SZ")
    finally:
        with contextlib.suppress(Exception):
            sdk.disconnect()
    differs = first_difference(shanghai, shenzhen)
    if differs is not None:
        raise SessionListContradicts(f"contradicts itself: {differs} is a session of one exchange and not of the other")
    return min(shanghai, shenzhen, key=len)


def _compact(text: object) -> date:
    """A day such as '20270104'."""
    digits = str(text)
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        raise SessionListRefused(f"lists what is no day: {digits[:20]!r}")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise SessionListRefused(f"lists what is no day: {digits!r}") from None


def _zone_differs(day: date) -> bool:
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  (the machine's, as the SDK reads it)
    return midnight.astimezone().utcoffset() != _CHINA


def _short(error: Exception) -> str:
    """The first line of an error's text, as far as it fits a line of the screen."""
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return line if len(line) <= 120 else f"{line[:117]}..."
