"""Sparklines and gauges: what is drawn where, in how many cells."""

from decimal import Decimal
from unicodedata import east_asian_width

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.widgets.chart_marks import use_marks
from tui.widgets.gauge import long_gauge, short_gauge
from tui.widgets.sparkline import spark_tone, sparkline
from tui.widgets.theme import Tone

LEVELS = Decimal(95), Decimal(115)


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ((1, 2, 3, 4), "⣠⣾      "),
        ((4, 1), "⣇       "),
        ((2, 2, 2, 2), "⣤⣤      "),
        ((1, None, 4, 4), "⡀⣿      "),
        ((), "        "),
        ((None, None), "        "),
    ],
)
def test_a_sparkline_rises_with_its_values_and_begins_at_the_left(values: tuple[float, ...], drawn: str) -> None:
    assert sparkline(values) == drawn


def test_where_braille_is_missing_it_has_three_heights() -> None:
    use_marks("box")
    try:
        assert sparkline((1, 2, 3)) == "_-'     "
    finally:
        use_marks("braille")


@given(st.lists(st.none() | st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=100), st.integers(1, 20))
def test_a_sparkline_always_has_its_width(values: list[float | None], cells: int) -> None:
    drawn = sparkline(values, cells)
    assert cell_len(drawn) == len(drawn) == cells
    assert all(east_asian_width(char) in ("N", "Na") for char in drawn)


def test_its_tone_is_that_of_the_whole_way() -> None:
    assert spark_tone((Decimal(1), None, Decimal(2))) is Tone.UP
    assert spark_tone((Decimal(2), Decimal(3), Decimal(1))) is Tone.DOWN
    assert spark_tone(()) is Tone.DIM


@pytest.mark.parametrize(
    ("last", "drawn"),
    [
        ("95", "<──────────┤"),
        ("95.01", "├┃─────────┤"),
        ("105", "├─────┃────┤"),
        ("114.99", "├─────────┃┤"),
        ("120", "├──────────>"),
    ],
)
def test_a_gauge_has_its_mark_where_the_price_is_and_an_arrow_beyond_a_level(last: str, drawn: str) -> None:
    assert short_gauge(*LEVELS, Decimal(last)) == drawn


def test_the_long_gauge_says_what_its_ends_and_its_mark_are() -> None:
    above, line = long_gauge(*LEVELS, Decimal(105), 70).plain.splitlines()
    assert line.startswith("SL 95.000 -9.52% ├──")
    assert line.endswith("──┤ TP 115.000 +9.52%")
    assert above.index("last 105.000") + len("last 105.000") // 2 == line.index("┃")


@given(st.decimals(1, 300, places=3), st.integers(1, 160))
def test_a_gauge_stays_within_its_width(last: Decimal, width: int) -> None:
    assert all(cell_len(line) <= max(9, width) for line in long_gauge(*LEVELS, last, width).plain.splitlines())
