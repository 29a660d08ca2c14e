"""Pages of strategies and records, and a record's card and curve, for the screens to show."""

from datetime import date, timedelta
from decimal import Decimal
from math import sin
from typing import Any

from core.model.backtest import RecordDetail
from core.model.command import ListRecords, ListStrategies, ShowRecord
from core.model.figures import Basis, Unit, Units
from core.model.known import Known, Unknown
from core.model.platform import Page, Record, RecordRule, Selected, Selection, Strategy, TradeTiming
from core.model.record_card import ListedBond, RecordCard
from tests.tui.samples import NOW, TODAY, code, last, metrics_of, name

_NAMES = ("双低轮动 10", "双低轮动 20", "低溢价 10", "低价 10", "高息 5")


def strategies_page(command: ListStrategies) -> Page[Strategy]:
    found = [
        Strategy(number, f"{_NAMES[(number - 1) % len(_NAMES)]} v{number}", "", number * 3, "2026-01-02 10:00:00")
        for number in range(1, 46)
    ]
    return _page([item for item in found if command.search in item.name], command.page, command.limit)


def records_page(command: ListRecords) -> Page[Record]:
    found = [
        Record(
            id=10 + number,
            backtest_time=f"2026-04-{number:02d} 10:11:12",
            strategy_return=None if number == 4 else 0.05 * number - 0.1,
            win_rate=0.5 + number / 100,
            annualized_return=0.04 * number,
            max_drawdown=-0.08 - number / 200,
            sharpe_ratio=1.0 + number / 10,
            units=Units(Unit.RATIO, Unit.RATIO, Basis.VALUES),
        )
        for number in range(1, 25)
    ]
    return _page(found, command.page, command.limit)


def record_card(command: ShowRecord, *, none_because: str = "") -> RecordCard:
    listed = Selection(
        command.strategy_id,
        command.history_id,
        TODAY,
        tuple(Selected(code(number), name(number), last(number)) for number in range(8)),
        NOW,
    )
    parameters: dict[str, Any] = {"profitTargetRatio": 0.1, "stopLossRatio": 0.05, "top_n": 10}
    stops = Known(Decimal("0.05")), Known(Decimal("0.1"))
    rule = RecordRule(Known(5), Known(10), Known(TradeTiming.CLOSE), Known(False), *stops)
    if none_because:
        return RecordCard(command.strategy_id, command.history_id, Known(parameters), rule, Unknown(none_because))
    market = tuple(
        ListedBond(
            *(code(number), name(number), last(number), last(number) + Decimal("0.5"), NOW - timedelta(seconds=number)),
            blocked="suspended, last traded at 115.480 on 2026-05-05 (tencent)" if number == 4 else "",
            metrics=metrics_of(number),
        )
        for number in range(8)
    )
    return RecordCard(command.strategy_id, command.history_id, Known(parameters), rule, Known(listed), market)


def record_detail(**changes: Any) -> RecordDetail:
    """Two and a half years of weeks, with a benchmark, and two fields that rotor does not know."""
    days = [date(2023, 11, 3) + timedelta(weeks=week) for week in range(130)]
    equity = [1 + week / 200 + sin(week / 6) / 12 - (0.15 if 60 < week < 75 else 0) for week in range(130)]
    benchmark = [2000 + week * 3 + 120 * sin(week / 9) for week in range(130)]
    held = [
        [{"code": str(code(number)), "name": name(number)} for number in range(6 + week % 3)] for week in range(130)
    ]

    def curve(values: list[float]) -> list[dict[str, Any]]:
        return [{"date": f"{day}", "value": value} for day, value in zip(days, values, strict=True)]

    detail = {
        "total_return": equity[-1] / equity[0] - 1,
        "equity_curve": curve(equity),
        "benchmark_equity_curve": [
            {"date": f"{day}", "value": value} for day, value in zip(days, benchmark, strict=True)
        ],
        "daily_positions": [{"date": f"{day}", "position": those} for day, those in zip(days, held, strict=True)],
        "initial_capital": 1000000,
        "sessions": 119,
    }
    # Here: the screen that a test starts must not have the platform's client with it.
    from core.factorcat.record_detail import read_detail

    return read_detail(detail | changes)


def _page(items: list[Any], page: int, limit: int) -> Page[Any]:
    start = (page - 1) * limit
    return Page(tuple(items[start : start + limit]), page, limit, len(items), -(-len(items) // limit))
