"""The forms in which a platform may answer where nobody knows the real one's: the embedded one speaks any of them."""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from enum import Enum, StrEnum, auto
from typing import Any, cast

Json = dict[str, Any]
Answer = Json | list[Json]


class Call(Enum):
    """What is asked of the platform."""

    LOGIN = auto()
    LONG_TERM_TOKEN = auto()
    STRATEGIES = auto()
    RECORDS = auto()
    DETAIL = auto()
    PARAMETERS = auto()
    LIST = auto()


class Dialect(StrEnum):
    """How one part of the answers differs from the plain form. Several go together."""

    CODES_ONLY = "codes-only"
    """Rows of the day's list have a code and a date, neither a name nor a price."""

    LAST_SESSION = "last-session"
    """The day's list is dated the session before."""

    COMPACT_DATES = "compact-dates"
    SLASHED_DATES = "slashed-dates"
    NUMERIC_DATES = "numeric-dates"
    DATES_WITH_TIMES = "dates-with-times"
    """Dates of the day's list as 20261127, 2026/11/27, the number 20261127, 2026-11-27 15:00:00."""

    TEXT_NUMBERS = "text-numbers"
    """Every number is a text."""

    PERCENT = "percent"
    """Figures of records are percentages, not ratios."""

    HOLDING_PERIOD = "holding-period"
    """Records say that they rebalance every fifth session, at the close."""

    OLDER_PAGES = "older-pages"
    """Strategies come in the envelope of the platform's former clients."""

    NO_DETAIL = "no-detail"
    """The detail of a record fails with status 500."""

    NO_LONG_TERM_TOKEN = "no-long-term-token"
    """There is no such call: status 404."""

    SLOW = "slow"
    """The day's list and details take `SLOW_SECONDS`."""


SLOW_SECONDS = 12.0
"""Market seconds."""

_SLOW_CALLS = frozenset({Call.LIST, Call.DETAIL})
_REFUSALS: Mapping[Dialect, tuple[Call, int, str]] = {
    Dialect.NO_DETAIL: (Call.DETAIL, 500, "Internal Server Error"),
    Dialect.NO_LONG_TERM_TOKEN: (Call.LONG_TERM_TOKEN, 404, "Not Found"),
}
_RATIOS = ("strategy_return", "total_return", "win_rate", "annualized_return", "max_drawdown")
_HOLDING_PERIOD = 5


def delay(dialects: Collection[Dialect], call: Call) -> float:
    """Market seconds before the answer."""
    return SLOW_SECONDS if Dialect.SLOW in dialects and call in _SLOW_CALLS else 0.0


def refusal(dialects: Collection[Dialect], call: Call) -> tuple[int, str] | None:
    """The status and the sentence instead of an answer."""
    refusals = (_REFUSALS[dialect] for dialect in dialects if dialect in _REFUSALS)
    return next(((status, detail) for refused, status, detail in refusals if refused is call), None)


def spoken(dialects: Collection[Dialect], call: Call, answer: Answer, session_before: date) -> Answer:
    """The plain answer in these forms."""
    if call is Call.LIST:
        for bond in cast("list[Json]", answer)[0]["selected_bonds"]:
            _tell_bond(dialects, bond, session_before)
    elif isinstance(answer, dict):
        answer = _told_record(dialects, call, answer)
    if Dialect.TEXT_NUMBERS in dialects and call not in (Call.LOGIN, Call.LONG_TERM_TOKEN):
        return cast(Answer, _with_texts(answer))
    return answer


def _tell_bond(dialects: Collection[Dialect], bond: Json, session_before: date) -> None:
    if Dialect.CODES_ONLY in dialects:
        del bond["name"], bond["price"]
    if Dialect.LAST_SESSION in dialects:
        bond["trade_date"] = session_before.isoformat()
    for dialect, form in _DATES.items():
        if dialect in dialects:
            bond["trade_date"] = form(date.fromisoformat(bond["trade_date"]))
            break


_DATES: Mapping[Dialect, Callable[[date], object]] = {
    Dialect.COMPACT_DATES: lambda day: f"{day:%Y%m%d}",
    Dialect.SLASHED_DATES: lambda day: f"{day:%Y/%m/%d}",
    Dialect.NUMERIC_DATES: lambda day: int(f"{day:%Y%m%d}"),
    Dialect.DATES_WITH_TIMES: lambda day: f"{day} 15:00:00",
}


def _told_record(dialects: Collection[Dialect], call: Call, answer: Json) -> Json:
    if Dialect.PERCENT in dialects and call in (Call.RECORDS, Call.DETAIL):
        for record in answer.get("items", [answer]):
            record |= {name: record[name] * 100 for name in _RATIOS if record.get(name) is not None}
    if Dialect.HOLDING_PERIOD in dialects and call is Call.PARAMETERS:
        parameters = answer["parameters"]
        parameters |= {"holding_period": _HOLDING_PERIOD, "tradeTiming": "close", "timingOption": 0}
        parameters["bond_selection_params"]["holding_days"] = _HOLDING_PERIOD
    if Dialect.OLDER_PAGES in dialects and call is Call.STRATEGIES:
        items = [{**item, "id": str(item["id"])} for item in answer["items"]]
        return {"strategies": items, "total": answer["total_count"]}
    return answer


def _with_texts(value: object) -> object:
    if isinstance(value, dict):
        return {name: _with_texts(each) for name, each in cast("Json", value).items()}
    if isinstance(value, list):
        return [_with_texts(each) for each in cast("list[object]", value)]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
