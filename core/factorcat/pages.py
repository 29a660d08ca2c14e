"""Reads pages of strategies and of their backtest records: of an item only what identifies it has to be there."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StrictStr

from core.factorcat.errors import plain
from core.factorcat.schemas import WireModel, checked, decoded, object_of
from core.model.figures import Figures, UnitSetting
from core.model.platform import Page, Record, Strategy
from core.rules.figure_units import in_ratios, units_of
from core.rules.record_parameters import rule_told

T = TypeVar("T")

_LONGEST_TEXT = 200
"""Of a field that rotor does not know."""


def number_in(value: object) -> float | None:
    """`value` as a finite number, also where it is a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value.strip().rstrip("%％ ") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _count(value: object) -> int | None:
    number = number_in(value)
    return int(number) if number is not None and 0 <= number < 2**63 else None


def _line(value: object) -> str:
    return "" if value is None or isinstance(value, Mapping | list | bool) else plain(str(value))


def _lines(value: object) -> str:
    return "\n".join(plain(line, 2000) for line in value.splitlines()[:100]) if isinstance(value, str) else ""


Line = Annotated[str, BeforeValidator(_line)]
Lines = Annotated[str, BeforeValidator(_lines)]
"""Text for the screen, without what a terminal would obey; empty where there is none."""

Id = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[StrictStr, AfterValidator(plain)]
Count = Annotated[int | None, BeforeValidator(_count)]
Metric = Annotated[float | None, BeforeValidator(number_in)]


class StrategyItem(WireModel):
    id: Id
    name: Name
    description: Lines = ""
    backtest_count: Count = None
    created_at: Line = ""


class RecordItem(WireModel):
    model_config = ConfigDict(extra="allow")

    id: Id
    backtest_time: Line = ""
    strategy_return: Metric = None
    win_rate: Metric = None
    annualized_return: Metric = None
    max_drawdown: Metric = None
    sharpe_ratio: Metric = None

    @property
    def figures(self) -> Figures:
        return Figures(self.strategy_return, self.annualized_return, self.max_drawdown, self.win_rate)


class Envelope(WireModel, Generic[T]):
    items: list[T]
    total_count: Annotated[int, BeforeValidator(_count)]
    total_pages: Count = None
    page: Count = None
    limit: Count = None


class OlderEnvelope(WireModel):
    """The platform's former answer about strategies; their ids are texts."""

    strategies: list[StrategyItem]
    total: Count = None


def strategy_page(body: bytes, about: str, page: int, limit: int) -> Page[Strategy]:
    """The answer to a request for that page. Raises `BadAnswer`."""
    data = object_of(decoded(body, about), about)
    if "strategies" in data and "items" not in data:
        older = checked(OlderEnvelope, data, about)
        total = _counted(len(older.strategies), page, limit) if older.total is None else older.total
        envelope = Envelope(items=older.strategies, total_count=total)
    else:
        envelope = checked(Envelope[StrategyItem], data, about)
    strategies = [Strategy(**item.model_dump()) for item in envelope.items]
    return _page(envelope, strategies, page, limit)


def record_page(body: bytes, about: str, page: int, limit: int, wanted: UnitSetting) -> Page[Record]:
    """The answer to a request for that page, its figures as ratios. Raises `BadAnswer`."""
    envelope = checked(Envelope[RecordItem], decoded(body, about), about)
    units = units_of([item.figures for item in envelope.items], wanted)
    records: list[Record] = []
    for item in envelope.items:
        ratios, impossible = in_ratios(item.figures, units)
        records.append(
            Record(
                item.id,
                item.backtest_time,
                ratios.strategy_return,
                ratios.win_rate,
                ratios.annualized_return,
                ratios.max_drawdown,
                item.sharpe_ratio,
                units,
                impossible,
                _short_values(item.model_extra or {}),
                rule_told(item.model_extra or {}),
            )
        )
    return _page(envelope, records, page, limit)


def _counted(came: int, page: int, limit: int) -> int:
    """How many there are at least, where the platform does not say: after a full page there may be another."""
    return came if came > limit else (page - 1) * limit + came + (came == limit)


def _page(envelope: Envelope[Any], items: Sequence[T], page: int, limit: int) -> Page[T]:
    """What the envelope does not say follows from what was asked for, and from what came."""
    page, limit = envelope.page or page, envelope.limit or limit
    total = max(envelope.total_count, len(items))
    last = math.ceil(total / limit) if envelope.total_pages is None else envelope.total_pages
    if len(items) > limit and len(items) == total:  # a platform without pages: it sends all at once
        page = last = 1
    return Page(tuple(items), page, limit, total, last)


def _short_values(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields that rotor does not know, as far as a line can show them."""
    return {
        plain(name, _LONGEST_TEXT): plain(value, _LONGEST_TEXT) if isinstance(value, str) else value
        for name, value in extra.items()
        if isinstance(value, str | int | float)
    }
