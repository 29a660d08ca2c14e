"""Sparklines and gauges: what is drawn where, in how many cells."""

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unicodedata import east_asian_width

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui import format as fmt
from tui.widgets.chart_marks import use_marks
from tui.widgets.gauge import GaugeLevels, long_gauge, short_gauge
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


def levels(**changes: Any) -> GaugeLevels:
    return replace(GaugeLevels(*LEVELS, cost=Decimal(100), last=Decimal(105)), **changes)


def long(width: int, **changes: Any) -> list[str]:
    return long_gauge(levels(**changes), width).plain.splitlines()


def test_the_long_gauge_says_what_its_ends_and_its_marks_are() -> None:
    ends, bar, below = long(70)
    assert ends.split() == ["SL", "95.000", "TP", "115.000"]
    assert (bar[0], bar[-1], bar.index("┼"), bar.index("┃")) == ("├", "┤", 18, 35)
    assert below.split() == ["-9.52%", "┼", "cost", "100.000", "┃", "last", "105.000", "+9.52%"]


@pytest.mark.parametrize(
    ("changes", "said", "not_said"),
    [
        ({"last": None}, ["last not known", "┼ cost"], ["┃", "%"]),
        ({"cost": None}, ["cost not known", "┃ last"], ["┼"]),
        ({"cost": Decimal(105)}, ["╂", "┼ cost", "┃ last"], []),
        ({"cost": Decimal(90)}, ["cost 90.000"], ["┼"]),
        ({"profit": None, "no_profit": "not set"}, ["not set", "last 105.000"], ["├", "┃", "┼"]),
        ({"profit": None}, ["not known", "last 105.000"], ["├"]),
        ({"last": Decimal(94)}, ["<──"], ["┃"]),
        ({"last": Decimal(115)}, ["──>"], ["┃"]),
    ],
)
def test_what_is_not_known_or_not_between_the_levels_has_no_mark(
    changes: dict[str, Any], said: list[str], not_said: list[str]
) -> None:
    drawn = "\n".join(long(70, **changes))
    assert [part for part in said if part not in drawn] == []
    assert [part for part in not_said if part in drawn] == []


PRICES = st.none() | st.decimals("0.001", "9999", places=3)


@given(PRICES, PRICES, PRICES, PRICES, st.integers(20, 160))
def test_no_label_of_a_gauge_is_cut_or_over_another_one(
    loss: Decimal | None, profit: Decimal | None, cost: Decimal | None, last: Decimal | None, width: int
) -> None:
    drawn = long_gauge(GaugeLevels(loss, profit, cost, last), width).plain
    assert all(cell_len(line) <= width for line in drawn.splitlines())
    for label, price in (("SL", loss), ("TP", profit), ("cost", cost), ("last", last)):
        assert re.search(rf"(?<!\S){label} +{'not known' if price is None else fmt.price(price)}(?!\S)", drawn)


@pytest.mark.parametrize("width", [26, 42, 84])
def test_nothing_moves_when_a_number_changes_its_width(width: int) -> None:
    def places(**changes: Any) -> list[tuple[int, int]]:
        rows = long(width, **changes)
        return [(y, row.find(label)) for label in ("SL", "TP", "cost", "last") for y, row in enumerate(rows)]

    wide = {name: Decimal("1234.567") + number for number, name in enumerate(("loss", "cost", "last", "profit"))}
    assert places() == places(**wide) == places(last=Decimal(96)) == places(cost=None)
