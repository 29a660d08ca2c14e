"""The metrics against figures worked out by hand."""

from datetime import date
from decimal import Decimal
from math import sqrt

import pytest

from core.rules.performance import annualized_return, max_drawdown, sharpe, total_return

LINE = [
    (date(2024, 1, 1), 100.0),
    (date(2024, 1, 8), 110.0),
    (date(2024, 1, 15), 99.0),
    (date(2024, 1, 22), 104.5),
    (date(2024, 1, 29), 121.0),
]


def test_total_return_is_last_over_first() -> None:
    assert total_return(LINE) == pytest.approx(0.21)


def test_annualized_return_compounds_over_calendar_days() -> None:
    doubled = [(date(2023, 1, 1), 1.0), (date(2024, 1, 1), 2.0)]
    assert annualized_return(doubled) == pytest.approx(1.0)
    two_years = [(date(2021, 1, 1), 100.0), (date(2022, 6, 1), 3.0), (date(2023, 1, 1), 121.0)]
    assert annualized_return(two_years) == pytest.approx(0.1)
    half_a_year = [(date(2024, 1, 1), 100.0), (date(2024, 1, 1 + 28), 110.0)]
    assert annualized_return(half_a_year) == pytest.approx(1.1 ** (365 / 28) - 1)


def test_a_total_loss_is_minus_one_annualised() -> None:
    assert annualized_return([(date(2024, 1, 1), 5.0), (date(2024, 2, 1), 0.0)]) == -1


def test_max_drawdown_is_the_largest_fall_from_a_previous_high() -> None:
    assert max_drawdown(LINE) == pytest.approx(0.1)
    twice = [(date(2024, 1, day), value) for day, value in enumerate((100, 80, 120, 90, 130), 1)]
    assert max_drawdown(twice) == pytest.approx(0.25)


def test_a_curve_that_never_falls_has_no_drawdown() -> None:
    assert max_drawdown(LINE[:2]) == 0
    assert max_drawdown(LINE[:1]) == 0


def test_sharpe_is_annualised_by_the_curve_s_periods() -> None:
    returns = [0.1, -0.1, 104.5 / 99 - 1, 121 / 104.5 - 1]
    mean = sum(returns) / 4
    deviation = sqrt(sum((value - mean) ** 2 for value in returns) / 3)
    assert sharpe(LINE) == pytest.approx(mean / deviation * sqrt(4 / (28 / 365)))


def test_values_may_be_decimal() -> None:
    exact = [(day, Decimal(str(value))) for day, value in LINE]
    for metric in (total_return, annualized_return, max_drawdown, sharpe):
        assert metric(exact) == pytest.approx(metric(LINE))


def test_metrics_a_curve_cannot_give_are_none() -> None:
    one, none = LINE[:1], LINE[:0]
    for metric in (total_return, annualized_return, sharpe):
        assert metric(one) is None
        assert metric(none) is None
    assert max_drawdown(none) is None
    assert sharpe(LINE[:2]) is None
    flat = [(date(2024, 1, day), 100.0) for day in range(1, 6)]
    assert sharpe(flat) is None
    same_day = [(date(2024, 1, 1), 1.0), (date(2024, 1, 1), 2.0), (date(2024, 1, 1), 1.5)]
    assert annualized_return(same_day) is None
    assert sharpe(same_day) is None
    assert total_return([(date(2024, 1, 1), 0.0), (date(2024, 1, 2), 1.0)]) is None
    assert annualized_return([(date(2024, 1, 1), 1.0), (date(2024, 1, 2), 100.0)]) is None
