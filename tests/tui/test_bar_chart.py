"""Bars of characters: what is drawn where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.widgets.bar_chart import YearRow, render_years


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
