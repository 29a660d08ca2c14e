"""Lines and bars of characters: what is drawn where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from tui.widgets.chart import ChartData, Line, plot, plot_dashes, render_chart
from tui.widgets.theme import Tone
from tui.widgets.year_bars import YearRow, render_years


def test_a_line_rises_and_falls() -> None:
    assert plot([0, 1, 0], 3, 2, 0, 1) == [" ┌┐", "─┘└"]


def test_a_line_that_never_moves_lies_in_the_middle() -> None:
    assert plot([5, 5], 2, 3, 5, 5) == ["  ", "──", "  "]


def test_the_highest_and_the_lowest_are_drawn_however_narrow_the_chart_is() -> None:
    values = [0.0] * 1000
    values[333], values[777] = 1.0, -1.0
    rows = plot(values, 10, 5, -1, 1)
    assert rows[0].strip()
    assert rows[-1].strip()


def test_dashes_leave_a_gap_where_there_is_no_value() -> None:
    assert plot_dashes([None, 0, 1, None], 4, 2, 0, 1) == ["  ╌ ", " ╌  "]


def chart(values: list[float], beside: tuple[float | None, ...] = ()) -> ChartData:
    line = Line(tuple(values), min(values), max(values), "low", "high", Tone.UP, 3, beside)
    return ChartData(Text("heading"), (line, line), "first", "last")


def test_the_benchmark_is_told_from_the_strategy_by_its_form() -> None:
    drawn = render_chart(chart([0, 0, 9, 9], (0, 3, 3, 3)), 40, 14).plain
    assert "─" in drawn
    assert "╌" in drawn


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80),
    st.lists(st.none() | st.floats(-1e6, 1e6), max_size=80),
    st.integers(1, 120),
    st.integers(1, 30),
)
def test_a_chart_stays_within_its_size(
    values: list[float], beside: list[float | None], width: int, height: int
) -> None:
    low, high = min(values), max(values)
    inside = tuple(None if value is None else min(max(value, low), high) for value in beside)
    rows = render_chart(chart(values, inside), width, height).plain.splitlines()
    if len(rows) > 1:
        assert len(rows) == height
        assert all(cell_len(row) <= width for row in rows)


def test_bars_lie_left_of_the_axis_for_a_loss_and_right_of_it_for_a_gain() -> None:
    rows = (YearRow("2024", "", 0.2, None), YearRow("2025", "", -0.1, None), YearRow("2026", "to 05-15", 0.0, None))
    _, gain, loss, none = render_years(rows, 60).plain.splitlines()
    assert gain.index("│") == loss.index("│") == none.index("│")
    assert gain.split("│")[1].count("━") == pytest.approx(2 * loss.split("│")[0].count("━"), abs=1)
    assert "━" not in gain.split("│")[0] + loss.split("│")[1] + none


def test_without_a_benchmark_there_is_no_column_for_it() -> None:
    row = YearRow("2024", "", 0.2, None)
    assert "Benchmark" not in render_years([row], 60).plain
    both = render_years([row, YearRow("2025", "", 0.1, 0.04)], 60).plain
    assert "Benchmark" in both
    assert "+6.00%" in both


@given(
    st.lists(
        st.builds(YearRow, st.just("2024"), st.sampled_from(["", "from 11-03"]), st.floats(-1, 9), st.none()),
        min_size=1,
    ),
    st.integers(30, 160),
)
def test_bars_stay_within_their_width(rows: list[YearRow], width: int) -> None:
    assert all(cell_len(line) <= width for line in render_years(rows, width).plain.splitlines())
