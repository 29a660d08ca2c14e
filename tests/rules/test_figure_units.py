"""Ratios and percentages: which of them a page of records is written in."""

from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.figures import Basis, Figures, Unit, Units, UnitSetting
from core.rules.figure_units import in_ratios, units_of, units_of_one

RATIO, PERCENT = Unit.RATIO, Unit.PERCENT
VALUES, ASSUMED, SETTING, CURVE = Basis.VALUES, Basis.ASSUMED, Basis.SETTING, Basis.CURVE


def won(*rates: float | None) -> list[Figures]:
    return [Figures(win_rate=rate) for rate in rates]


def fell(*drawdowns: float | None) -> list[Figures]:
    return [Figures(max_drawdown=depth) for depth in drawdowns]


def earned(*returns: float | None) -> list[Figures]:
    return [Figures(strategy_return=value) for value in returns]


def yearly(*returns: float | None) -> list[Figures]:
    return [Figures(annualized_return=value) for value in returns]


RATIOS = Figures(0.352, 0.121, -0.083, 0.61)
PERCENTAGES = Figures(35.2, 12.1, -8.3, 61.0)


@pytest.mark.parametrize(
    ("page", "unit", "basis"),
    [
        ([RATIOS], RATIO, VALUES),
        ([PERCENTAGES], PERCENT, VALUES),
        (won(0.5, 0.6, 0.4), RATIO, VALUES),
        (won(50, 61.5, 44), PERCENT, VALUES),
        (won(61.5, None, None), PERCENT, VALUES),
        (won(1.01), PERCENT, VALUES),
        (won(100.0), PERCENT, VALUES),
        (won(1.0), RATIO, ASSUMED),
        (won(1.0, 1.0, 61.5), PERCENT, VALUES),
        (won(1.0, 0.7), RATIO, VALUES),
        (won(1.0000000001, 0.7), RATIO, VALUES),
        (won(0.0), RATIO, ASSUMED),
        (won(0.0, 61.5), PERCENT, VALUES),
        (won(0.5, 0.6, 0.7, 61.5), RATIO, VALUES),
        (won(55, 60, 0.6), PERCENT, VALUES),
        (won(0.6, 55), PERCENT, VALUES),
        (won(5500.0), RATIO, ASSUMED),
        (won(-0.5), RATIO, ASSUMED),
        (fell(0.08, 0.12), RATIO, ASSUMED),
        (fell(-0.08, -0.12), RATIO, ASSUMED),
        (fell(8, 12), PERCENT, VALUES),
        (fell(-8, -12), PERCENT, VALUES),
        (fell(-1.0), RATIO, ASSUMED),
        (fell(-8, None, -0.4), PERCENT, VALUES),
        (fell(0.08, 0.12, 0.3, 1.2), RATIO, ASSUMED),
        (fell(0, 0), RATIO, ASSUMED),
        (earned(-12.5, 40), PERCENT, VALUES),
        (earned(-1.0, 0.4), RATIO, ASSUMED),
        (earned(0.4, 0.2, 15.3), RATIO, ASSUMED),
        (earned(12.5, 40, 8), PERCENT, ASSUMED),
        (earned(4.5), RATIO, ASSUMED),
        (yearly(0.2, 0.15, 0.3), RATIO, ASSUMED),
        (yearly(12.5, 8, 3), PERCENT, ASSUMED),
        (yearly(-12.5, 8), PERCENT, VALUES),
        ([Figures(annualized_return=0.3, strategy_return=12.0)], RATIO, ASSUMED),
        ([Figures(15.3, None, -0.2, 0.6)], RATIO, VALUES),
        ([Figures()], RATIO, ASSUMED),
        ([Figures(), Figures()], RATIO, ASSUMED),
        ([], RATIO, ASSUMED),
        ([*[RATIOS] * 19, PERCENTAGES], RATIO, VALUES),
        ([*[PERCENTAGES] * 19, RATIOS], PERCENT, VALUES),
    ],
)
def test_a_page_is_in_one_unit(page: list[Figures], unit: Unit, basis: Basis) -> None:
    assert units_of(page) == Units(unit, unit, basis)


def test_percentage_returns_beside_ratio_win_rates() -> None:
    page = [Figures(35.2, 12.1, -8.3, 0.61), Figures(20.1, 9.0, -11.0, 0.55)]
    assert units_of(page) == Units(PERCENT, RATIO, VALUES)
    assert in_ratios(page[0], units_of(page)) == (Figures(35.2 / 100, 12.1 / 100, -8.3 / 100, 0.61), {})


@pytest.mark.parametrize("unit", [RATIO, PERCENT])
@pytest.mark.parametrize("page", [[RATIOS], [PERCENTAGES], [Figures()], []])
def test_the_setting_decides_against_the_values(unit: Unit, page: list[Figures]) -> None:
    wanted: UnitSetting = "ratio" if unit is RATIO else "percent"
    assert units_of(page, wanted) == Units(unit, unit, SETTING)


@pytest.mark.parametrize(
    ("figures", "unit", "impossible"),
    [
        (Figures(win_rate=61.5), RATIO, {"win_rate": 61.5}),
        (Figures(win_rate=-0.1), RATIO, {"win_rate": -0.1}),
        (Figures(win_rate=100.0000001), PERCENT, {}),
        (Figures(win_rate=101.0), PERCENT, {"win_rate": 101.0}),
        (Figures(max_drawdown=-1.2), RATIO, {"max_drawdown": -1.2}),
        (Figures(max_drawdown=-1.0), RATIO, {}),
        (
            Figures(strategy_return=-3.0, annualized_return=-2.0),
            RATIO,
            {"strategy_return": -3.0, "annualized_return": -2.0},
        ),
        (Figures(strategy_return=-100.0), PERCENT, {}),
        (Figures(strategy_return=1e9), RATIO, {}),
    ],
)
def test_what_no_backtest_can_have_is_left_out(figures: Figures, unit: Unit, impossible: dict[str, float]) -> None:
    ratios, wrong = in_ratios(figures, Units(unit, unit, VALUES))
    assert wrong == impossible
    assert all(getattr(ratios, name) is None for name in impossible)


@pytest.mark.parametrize(
    ("told", "grown", "otherwise", "units"),
    [
        (35.2, 0.352, RATIO, Units(PERCENT, PERCENT, CURVE)),
        (0.352, 0.352, PERCENT, Units(RATIO, RATIO, CURVE)),
        (0.36, 0.352, PERCENT, Units(RATIO, RATIO, CURVE)),
        (0.005, 0.005, PERCENT, Units(PERCENT, PERCENT, VALUES)),
        (0.9, 0.1, PERCENT, Units(PERCENT, PERCENT, VALUES)),
        (None, 0.352, PERCENT, Units(PERCENT, PERCENT, VALUES)),
        (35.2, None, PERCENT, Units(PERCENT, PERCENT, VALUES)),
        (-35.2, None, RATIO, Units(PERCENT, PERCENT, VALUES)),
    ],
)
def test_a_record_is_read_by_its_curve_then_by_its_values_then_by_its_page(
    told: float | None, grown: float | None, otherwise: Unit, units: Units
) -> None:
    page = Units(otherwise, otherwise, VALUES)
    assert units_of_one(Figures(strategy_return=told), grown, page) == units


def test_without_a_page_the_unit_of_a_record_is_assumed() -> None:
    assert units_of_one(Figures(strategy_return=0.3), None, None) == Units(RATIO, RATIO, ASSUMED)
    assert units_of_one(Figures(strategy_return=0.3), 0.3, None, "percent") == Units(PERCENT, PERCENT, SETTING)


BACKTESTS = st.builds(
    Figures,
    st.none() | st.floats(-0.9, 5),  # above +500 % a page of bare drawdowns is taken for percentages
    st.none() | st.floats(-0.6, 0.9),
    st.none() | st.floats(-0.7, -0.02) | st.floats(0.02, 0.7),
    st.none() | st.floats(0.02, 0.98),
)


@given(st.lists(BACKTESTS, max_size=20), st.booleans())
def test_plausible_backtests_come_back_as_they_were(page: list[Figures], percent: bool) -> None:
    """Where a win rate or a drawdown is given at all."""
    sent = [_times(each, 100) for each in page] if percent else page
    telling = any(each.win_rate is not None or each.max_drawdown is not None for each in page)
    units = units_of(sent)
    if telling:
        assert units.returns is units.win_rate is (PERCENT if percent else RATIO)
        for was, told in zip(page, sent, strict=True):
            ratios, impossible = in_ratios(told, units)
            assert not impossible
            assert astuple(ratios) == pytest.approx(astuple(was))


ANY = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.builds(Figures, ANY, ANY, ANY, ANY), max_size=12))
def test_nothing_that_is_shown_is_impossible(page: list[Figures]) -> None:
    units = units_of(page)
    for told in page:
        ratios, impossible = in_ratios(told, units)
        assert ratios.win_rate is None or -1e-5 < ratios.win_rate < 1.00001
        assert ratios.max_drawdown is None or abs(ratios.max_drawdown) < 1.00001
        assert ratios.strategy_return is None or ratios.strategy_return > -1.00001
        given_names = {name for name, value in zip(Figures.__slots__, astuple(told), strict=True) if value is not None}
        kept = {name for name, value in zip(Figures.__slots__, astuple(ratios), strict=True) if value is not None}
        assert kept | set(impossible) == given_names


@given(st.lists(BACKTESTS, min_size=1, max_size=20))
def test_the_order_of_the_records_does_not_matter(page: list[Figures]) -> None:
    assert units_of(page[::-1]) == units_of(page)


@given(st.lists(BACKTESTS, min_size=3, max_size=20))
def test_one_record_out_of_line_changes_no_other(page: list[Figures]) -> None:
    page = [replace(each, win_rate=0.5) for each in page]
    assert units_of([*page, PERCENTAGES]).win_rate is RATIO


def _times(figures: Figures, factor: float) -> Figures:
    return Figures(*(None if value is None else value * factor for value in astuple(figures)))
