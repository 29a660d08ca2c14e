"""The detail of a record: every part is read by itself, whatever the others are like."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.ipc.protocol import decode, encode
from core.factorcat.client import FactorCatClient
from core.factorcat.days import day_in
from core.factorcat.record_detail import read_detail
from core.model.backtest import Holdings, Performance, RecordDetail
from core.model.figures import Basis, Unit, Units
from core.model.known import Known, Unknown
from tests.factorcat.conftest import RECORD
from tests.factorcat.server import Server, answer

EQUITY = [
    {"date": "2026-01-05", "value": 1_000_000, "return": 0},
    {"date": "2026-01-06", "value": 1_200_000, "return": 0.2},
    {"date": "2026-01-07", "value": 1_080_000, "return": 0.08},
]
BENCHMARK = [{"date": "2026-01-05", "value": 10}, {"date": "2026-01-07", "value": 11}]
POSITIONS = [
    {"date": "2026-01-05", "position": []},
    {"date": "2026-01-06", "position": ["113052.SH", {"code": "127056.SZ"}, {"name": "浦发转债", "code": "110059.SH"}]},
]
DETAIL: dict[str, Any] = {
    "initial_cash": 1_000_000,
    "start_date": "2026-01-05",
    "total_return": 0.08,
    "max_drawdown": 0.1,
    "win_rate": 0.61,
    "calmar_ratio": 1.5,
    "equity_curve": EQUITY,
    "benchmark_equity_curve": BENCHMARK,
    "daily_positions": POSITIONS,
}


def curve_of(detail: RecordDetail) -> Performance:
    assert isinstance(detail.performance, Known)
    return detail.performance.value


def held_by(detail: RecordDetail) -> Holdings:
    assert isinstance(detail.holdings, Known)
    return detail.holdings.value


def reason(part: object) -> str:
    assert isinstance(part, Unknown)
    return part.reason


def test_a_whole_detail() -> None:
    found = read_detail(DETAIL)
    assert curve_of(found).growth == pytest.approx((1.0, 1.2, 1.08))
    assert curve_of(found).benchmark == Known((1.0, 1.0, pytest.approx(1.1)))
    assert curve_of(found).max_drawdown == pytest.approx(0.1)
    assert held_by(found) == Holdings(2, 0, 3, 1.5, date(2026, 1, 6), ("113052.SH", "127056.SZ", "浦发转债"))
    assert found.figures.win_rate == 0.61
    assert found.units == Units(Unit.RATIO, Unit.RATIO, Basis.CURVE)
    assert found.others == {"initial_cash": 1_000_000, "start_date": "2026-01-05", "calmar_ratio": 1.5}


def test_percentages_are_recognised_by_the_curve() -> None:
    found = read_detail({**DETAIL, "total_return": 8.0, "max_drawdown": 10.0, "win_rate": 61})
    assert found.figures.strategy_return == pytest.approx(0.08)
    assert found.units == Units(Unit.PERCENT, Unit.PERCENT, Basis.CURVE)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, "gives none"),
        ([], "gives none"),
        ("none", "form that is not known"),
        (7, "form that is not known"),
        ({"2026-01-05": 1.0}, "form that is not known"),
        ([[1, 2], [3, 4]], "form that is not known"),
        ([{"day": "2026-01-05", "value": 1}], "form that is not known"),
        ([{"date": "2026-01-05", "return": 0.1}, {"date": "2026-01-06", "return": 0.2}], "form that is not known"),
        (EQUITY[:1], "fewer than two days"),
        ([EQUITY[0], EQUITY[0]], "fewer than two days"),
        ([*EQUITY, {"date": "2026-01-08", "value": 0}], "holds the value 0"),
        ([{"date": "2026-01-02", "value": -0.05}, *EQUITY], "holds the value -0.05"),
        ([*EQUITY, {"date": "2026-01-08", "value": 1e30}], "differ too much"),
    ],
)
def test_an_equity_curve_that_cannot_be_drawn_costs_its_own_panel_only(rows: object, words: str) -> None:
    found = read_detail({**DETAIL, "equity_curve": rows})
    assert words in reason(found.performance)
    assert held_by(found).days == 2
    assert found.figures.win_rate == 0.61
    assert found.others["calmar_ratio"] == 1.5


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, "gives none"),
        ({}, "form that is not known"),
        (["x"], "form that is not known"),
        ([{"date": "2019-01-05", "value": 1}, {"date": "2019-01-06", "value": 1}], "no days in common"),
        ([{"date": "2026-01-05", "value": -1}, {"date": "2026-01-06", "value": 1}], "holds the value -1"),
        ([{"date": "2026-01-05", "value": 1e-300}, {"date": "2026-01-07", "value": 1e300}], "differ too much"),
    ],
)
def test_a_benchmark_that_cannot_be_read_costs_the_benchmark_only(rows: object, words: str) -> None:
    curve = curve_of(read_detail({**DETAIL, "benchmark_equity_curve": rows}))
    assert words in reason(curve.benchmark)
    assert curve.total == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, "gives none"),
        ([], "gives none"),
        ("x", "form that is not known"),
        ([{"date": "2026-01-05"}], "form that is not known"),
        ([{"date": "2026-01-05", "position": 3}], "form that is not known"),
        ([{"date": "x", "position": []}], "form that is not known"),
    ],
)
def test_positions_that_cannot_be_read_cost_their_own_line_only(rows: object, words: str) -> None:
    found = read_detail({**DETAIL, "daily_positions": rows})
    assert words in reason(found.holdings)
    assert curve_of(found).total == pytest.approx(0.08)


@pytest.mark.parametrize(
    "bad",
    [
        {"date": "2026-01-08", "value": None},
        {"date": "2026-01-08", "value": "n/a"},
        {"date": "2026-01-08", "value": float("nan")},
        {"date": "2026-01-08", "value": float("inf")},
        {"date": "2026-01-08", "value": 10**400},
        {"date": "2026-01-08", "value": True},
        {"date": "2026-01-08"},
        {"date": None, "value": 1},
        {"date": "2026-02-30", "value": 1},
        {"date": "soon", "value": 1},
        {"date": [1], "value": 1},
        {"value": 1},
        {},
        None,
        7,
        "2026-01-08",
    ],
)
def test_a_row_that_cannot_be_read_is_left_out_and_counted(bad: object) -> None:
    curve = curve_of(read_detail({**DETAIL, "equity_curve": [bad, *EQUITY, bad]}))
    assert curve.growth == pytest.approx((1.0, 1.2, 1.08))
    assert curve.notes == ("equity curve: 2 rows without a day or a value left out",)


def test_days_are_sorted_and_of_two_values_the_last_one_counts() -> None:
    again = {"date": "2026-01-06", "value": 1_100_000}
    curve = curve_of(read_detail({**DETAIL, "equity_curve": [*reversed(EQUITY), EQUITY[0], again]}))
    assert curve.growth == pytest.approx((1.0, 1.1, 1.08))
    assert curve.notes == ("equity curve: 1 day with two values, the last one counts",)


def test_values_as_texts_and_days_in_other_forms() -> None:
    rows = [{"date": 20260105, "value": "1.0"}, {"date": "2026/1/6", "value": " 1.2 "}]
    assert curve_of(read_detail({"equity_curve": rows})).total == pytest.approx(0.2)


@pytest.mark.parametrize(
    "given",
    [
        *(
            "2026-11-27",
            "20261127",
            "2026/11/27",
            "2026/11/27 14:50",
            "2026-11-27T14:50:00+08:00",
            20261127,
            20261127.0,
        ),
        *("2026-11-26T20:00:00+00:00", 1795708800, 1795708800000, "1795708800", " 2026-11-27 "),
    ],
)
def test_forms_of_a_day(given: object) -> None:
    assert day_in(given) == date(2026, 11, 27)


@pytest.mark.parametrize(
    "given", [None, True, "", "x", "2026-13-01", "2026-1127", 0, -1, 1e300, float("nan"), "9" * 5000, []]
)
def test_what_is_no_day(given: object) -> None:
    with pytest.raises(ValueError, match=r".*"):
        day_in(given)


async def test_ten_thousand_points_reach_a_viewer(alice: FactorCatClient, server: Server) -> None:
    days = [date(1999, 1, 1) + timedelta(days=number) for number in range(10_000)]
    rows = [{"date": f"{day}", "value": 1 + number % 500 / 1000} for number, day in enumerate(days)]
    server.on(RECORD, answer(200, {**DETAIL, "equity_curve": rows, "benchmark_equity_curve": rows}))
    found = read_detail(await alice.detail(7, 42))
    assert len(curve_of(found).days) < 600
    assert curve_of(found).max_drawdown == pytest.approx(1 - 1 / 1.499)
    sent = encode(found)
    assert len(sent) < 200_000
    assert decode(sent) == found


def test_other_fields_are_short() -> None:
    told = {
        "note": "a\x1b[2J" + "b" * 900,
        "rows": list(range(10_000)),
        "pair": {"a": [1, 2]},
        "none": None,
        "k" * 99: 1,
    }
    others = read_detail(told).others
    assert others["rows"] == "10000 entries"
    assert others["pair"] == '{"a": [1, 2]}'
    assert all(len(str(key)) <= 40 and len(str(value)) <= 120 for key, value in others.items())
    assert str(others["note"]).isprintable()
    assert len(read_detail({f"field {number}": number for number in range(500)}).others) <= 60


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["2026-01-05", "1.5"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["date", "value", "position", "x"]), inner)
    ),
    max_leaves=12,
)
ROWS = st.lists(st.fixed_dictionaries({}, optional={"date": VALUES, "value": VALUES, "position": VALUES}), max_size=6)


@given(st.dictionaries(st.sampled_from([*DETAIL, "other"]), VALUES | ROWS))
def test_whatever_comes_is_read_and_can_be_sent(detail: dict[str, Any]) -> None:
    json.loads(encode(read_detail(detail)))
