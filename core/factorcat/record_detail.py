"""Reads the detail of a backtest record: each part by itself, so that one that cannot be read costs no other."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar, cast

from core.factorcat.days import day_in
from core.factorcat.errors import plain
from core.factorcat.pages import number_in
from core.i18n import say, say_many
from core.model.backtest import Holdings, Performance, RecordDetail
from core.model.figures import Figures, Units, UnitSetting
from core.model.known import Known, Maybe, Unknown
from core.rules.backtest_curve import Curve, performance
from core.rules.figure_units import in_ratios, units_of_one

T = TypeVar("T")

_FIGURES = {
    "strategy_return": ("total_return", "strategy_return"),
    "annualized_return": ("annualized_return",),
    "max_drawdown": ("max_drawdown",),
    "win_rate": ("win_rate",),
}
_EQUITY, _BENCHMARK, _POSITIONS = "equity_curve", "benchmark_equity_curve", "daily_positions"
_READ = frozenset({_EQUITY, _BENCHMARK, _POSITIONS, *(name for names in _FIGURES.values() for name in names)})
_MOST_OTHERS, _LONGEST_OTHER, _MOST_ENTRIES = 60, 120, 12
_MOST_BONDS = 60


def read_detail(detail: Mapping[str, Any], page: Units | None = None, wanted: UnitSetting = "auto") -> RecordDetail:
    """`page` is how the figures of the page were read that lists the record."""
    curve = _performance(detail)
    told = Figures(**{name: _first_number(detail, keys) for name, keys in _FIGURES.items()})
    units = units_of_one(told, curve.value.total if isinstance(curve, Known) else None, page, wanted)
    ratios, impossible = in_ratios(told, units)
    return RecordDetail(ratios, units, impossible, curve, _holdings(detail.get(_POSITIONS)), _others(detail))


def _first_number(detail: Mapping[str, Any], keys: Iterable[str]) -> float | None:
    return next((number for key in keys if (number := number_in(detail.get(key))) is not None), None)


def _performance(detail: Mapping[str, Any]) -> Maybe[Performance]:
    equity, equity_notes = _curve(detail.get(_EQUITY), say("equity curve"))
    if isinstance(equity, Unknown):
        return equity
    benchmark, benchmark_notes = _curve(detail.get(_BENCHMARK), say("benchmark"))
    return performance(equity.value, benchmark, (*equity_notes, *benchmark_notes))


def _curve(rows: object, name: str) -> tuple[Maybe[Curve], list[str]]:
    """The points by day, and a sentence for what was left out; of two values of a day the last one counts."""
    found = _by_day(rows, lambda row: number_in(row.get("value")))
    if isinstance(found, Unknown):
        return found, []
    points, left_out, repeated = found.value
    low = next((value for value in points.values() if value <= 0), None)
    if low is not None:
        return Unknown(say("it holds the value {value:g}, and a curve of values lies above zero", value=low)), []
    if len(points) < 2:
        return Unknown(say("it has fewer than two days")), []
    return Known(sorted(points.items())), _notes(name, left_out, repeated)


def _holdings(rows: object) -> Maybe[Holdings]:
    found = _by_day(rows, lambda row: _bonds(row.get("position")))
    if isinstance(found, Unknown):
        return found
    held, left_out, repeated = found.value
    counts, last = [len(bonds) for bonds in held.values()], max(held)
    return Known(
        Holdings(
            len(held),
            min(counts),
            max(counts),
            sum(counts) / len(counts),
            last,
            tuple(held[last][:_MOST_BONDS]),
            tuple(_notes(say("positions"), left_out, repeated)),
        )
    )


def _by_day(
    rows: object, value_of: Callable[[Mapping[str, Any]], T | None]
) -> Maybe[tuple[Mapping[date, T], int, int]]:
    """The value of each day, how many rows could not be read, and how many said something else of a day again."""
    if rows is None or rows == []:
        return Unknown(say("the platform gives none"))
    if not isinstance(rows, list):
        return Unknown(say("the platform gives it in a form that is not known"))
    found: dict[date, T] = {}
    repeated = left_out = 0
    for row in cast("list[object]", rows):
        pair = _dated(row, value_of)
        if pair is None:
            left_out += 1
            continue
        day, value = pair
        repeated += day in found and found[day] != value
        found[day] = value
    if not found:
        return Unknown(say("the platform gives it in a form that is not known"))
    return Known((found, left_out, repeated))


def _dated(row: object, value_of: Callable[[Mapping[str, Any]], T | None]) -> tuple[date, T] | None:
    if not isinstance(row, Mapping):
        return None
    fields = cast("Mapping[str, Any]", row)
    try:
        day, value = day_in(fields.get("date")), value_of(fields)
    except ValueError:
        return None
    return None if value is None else (day, value)


def _bonds(position: object) -> Sequence[str] | None:
    """What a day's positions are called: each a code, or an object with one."""
    if not isinstance(position, list):
        return None
    return [_bond(entry) for entry in cast("list[object]", position)]


def _bond(entry: object) -> str:
    if isinstance(entry, Mapping):
        fields = cast("Mapping[str, object]", entry)
        entry = next((told for key in ("name", "kzz_code", "code") if (told := fields.get(key))), "?")
    return plain(str(entry), 20)


def _notes(name: str, left_out: int, repeated: int) -> list[str]:
    notes: list[str] = []
    if left_out:
        rows = say_many("{count} row without a day or a value", "{count} rows without a day or a value", left_out)
        notes.append(say("{name}: {rows} left out", name=name, rows=rows))
    if repeated:
        days = say_many("{count} day with two values", "{count} days with two values", repeated)
        notes.append(say("{name}: {days}, the last one counts", name=name, days=days))
    return notes


def _others(detail: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that rotor does not know, as far as a few lines can show them."""
    others = [(key, value) for key, value in detail.items() if key not in _READ]
    return {plain(key, 40): _short(value) for key, value in others[:_MOST_OTHERS]}


def _short(value: object) -> str | int | float | bool | None:
    if isinstance(value, str):
        return plain(value, _LONGEST_OTHER)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, list | dict) and len(cast("Sequence[object]", value)) > _MOST_ENTRIES:
        return say("{count} entries", count=len(cast("Sequence[object]", value)))
    return plain(json.dumps(value, ensure_ascii=False), _LONGEST_OTHER)
