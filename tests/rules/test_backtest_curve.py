"""The equity curve of a backtest: growth, drawdown, the returns of its years, and the benchmark beside it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.backtest import Performance
from core.model.known import Known, Maybe, Unknown
from core.rules.backtest_curve import MOST_POINTS, Curve, performance

NONE = Unknown("none")


def curve(*points: tuple[str, float]) -> list[tuple[date, float]]:
    return [(date.fromisoformat(day), value) for day, value in points]


def daily(*values: float, start: date = date(2026, 1, 5)) -> list[tuple[date, float]]:
    return [(start + timedelta(days=number), value) for number, value in enumerate(values)]


def drawn(equity: Curve, benchmark: Maybe[Curve] = NONE) -> Performance:
    found = performance(equity, benchmark)
    assert isinstance(found, Known)
    return found.value


def test_growth_and_drawdown_are_ratios_of_the_first_value_and_of_the_high() -> None:
    found = drawn(daily(1_000_000, 1_200_000, 900_000, 1_100_000))
    assert found.growth == pytest.approx((1.0, 1.2, 0.9, 1.1))
    assert found.falls == pytest.approx((0, 0, 0.25, 1 / 12))
    assert (found.total, found.max_drawdown) == pytest.approx((0.1, 0.25))


def test_a_year_runs_from_the_last_point_before_it() -> None:
    found = drawn(
        curve(
            ("2023-06-01", 1.0), ("2023-12-29", 1.1), ("2024-03-01", 1.3), ("2024-12-31", 1.21), ("2025-05-15", 1.331)
        ),
        Known(curve(("2023-01-01", 9.0), ("2023-06-01", 10.0), ("2023-12-29", 12.0), ("2025-01-02", 15.0))),
    )
    assert [(year.year, str(year.first), str(year.last)) for year in found.years] == [
        (2023, "2023-06-01", "2023-12-29"),
        (2024, "2023-12-29", "2024-12-31"),
        (2025, "2024-12-31", "2025-05-15"),
    ]
    assert [year.strategy for year in found.years] == pytest.approx([0.1, 0.1, 0.1])
    assert [year.benchmark for year in found.years] == [pytest.approx(0.2), pytest.approx(0.0), None]


def test_a_lone_first_day_is_no_year() -> None:
    found = drawn(curve(("2023-12-29", 1.0), ("2024-06-01", 1.1)))
    assert [(year.year, year.strategy) for year in found.years] == [(2024, pytest.approx(0.1))]


def test_the_benchmark_starts_where_the_equity_is() -> None:
    found = drawn(daily(1.0, 2.0, 3.0, 2.5), Known(daily(50, 60, 40, start=date(2026, 1, 6))))
    assert found.benchmark == Known((None, 2.0, pytest.approx(2.4), pytest.approx(1.6)))
    assert found.benchmark_total == pytest.approx(-0.2)


def test_a_day_without_a_benchmark_has_the_value_before() -> None:
    found = drawn(daily(1.0, 1.1, 1.2), Known(curve(("2026-01-05", 10.0), ("2026-01-07", 11.0))))
    assert found.benchmark == Known((1.0, 1.0, pytest.approx(1.1)))


@pytest.mark.parametrize(
    "benchmark", [daily(1, 2, start=date(2020, 1, 1)), daily(1, 2, start=date(2027, 1, 1)), daily(1e-300, 1e300)]
)
def test_a_benchmark_that_cannot_be_compared_costs_the_benchmark_only(benchmark: Curve) -> None:
    found = drawn(daily(1.0, 1.1), Known(benchmark))
    assert isinstance(found.benchmark, Unknown)
    assert found.benchmark_total is None
    assert [year.benchmark for year in found.years] == [None]


@pytest.mark.parametrize("values", [(1e-300, 1e300), (1.0, 1e12), (5e-324, 1.0)])
def test_a_curve_beyond_any_figure_is_not_drawn(values: tuple[float, ...]) -> None:
    assert isinstance(performance(daily(*values), NONE), Unknown)


def test_a_long_curve_is_thinned_and_keeps_its_extremes() -> None:
    values = [1.0 + (number % 97) / 1000 for number in range(10_000)]
    values[1234], values[5678] = 3.0, 0.2
    found = drawn(daily(*values, start=date(1995, 1, 1)))
    assert len(found.days) <= MOST_POINTS + 3
    assert (max(found.growth), min(found.growth), max(found.falls)) == pytest.approx((3.0, 0.2, 1 - 0.2 / 3))
    assert found.max_drawdown == max(found.falls)
    assert len(found.years) == 28


VALUES = st.lists(st.floats(0.01, 1e4), min_size=2, max_size=60)


@given(VALUES, st.integers(1, 90))
def test_the_years_compound_to_the_whole(values: list[float], step: int) -> None:
    days = [date(2019, 11, 3) + timedelta(days=step * number) for number in range(len(values))]
    found = drawn(list(zip(days, values, strict=True)))
    product = 1.0
    for year in found.years:
        product *= 1 + year.strategy
    assert product == pytest.approx(values[-1] / values[0])
    assert product == pytest.approx(1 + found.total)


@given(VALUES)
def test_a_benchmark_that_is_the_strategy_is_never_apart_from_it(values: list[float]) -> None:
    line = daily(*values)
    found = drawn(line, Known([(day, value * 7) for day, value in line]))
    assert isinstance(found.benchmark, Known)
    assert found.benchmark.value == pytest.approx(found.growth)
    assert found.benchmark_total == pytest.approx(found.total)
    assert all(0 <= fall < 1 for fall in found.falls)
