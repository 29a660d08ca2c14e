"""Line charts: where values and moments lie, what is drawn where, and how often."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from math import sin
from unicodedata import east_asian_width

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text
from textual.app import App, ComposeResult
from textual.widgets import Input

from core.i18n import use_language
from core.model.time import SHANGHAI
from tui.widgets.chart import LineChart
from tui.widgets.chart_data import ChartData, ChartUnit, LevelLine, Plot, Point, Series, drawdown_of, line_of
from tui.widgets.chart_drawing import Drawing, draw, legend, value_at
from tui.widgets.chart_marks import sample, thinned, use_marks
from tui.widgets.chart_scale import compact, nice_ticks, time_axis, value_label

DAY = date(2026, 5, 4)
OPEN = datetime(2026, 5, 6, 9, 30, tzinfo=SHANGHAI)
VALUES = st.floats(-1e6, 1e6, allow_subnormal=False)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    use_marks("braille")
    use_language("en")


def days(*values: float | None, name: str = "", first: date = DAY) -> Series:
    return line_of(name, [first + timedelta(days=number) for number in range(len(values))], values)


def minutes(*values: float | None, start: datetime = OPEN) -> Series:
    return line_of("", [start + timedelta(minutes=number) for number in range(len(values))], values)


def of(
    *series: Series,
    unit: ChartUnit = ChartUnit.NUMBER,
    baseline: LevelLine | None = None,
    levels: tuple[LevelLine, ...] = (),
) -> ChartData:
    return ChartData(Plot(series, unit, baseline, levels))


def picture(data: ChartData, width: int, height: int) -> list[str]:
    return [row.plain.rstrip() for row in draw(data, width, height).rows]


# -- the axis of values ----------------------------------------------------------------------------------------------


@given(VALUES, VALUES, st.integers(1, 12))
def test_ticks_are_round_within_the_values_and_few(one: float, other: float, most: int) -> None:
    low, high = min(one, other), max(one, other)
    ticks, step = nice_ticks(low, high, most)
    room = step * 1e-6 + abs(high) * 1e-9 + abs(low) * 1e-9
    assert all(low - room <= tick <= high + room for tick in ticks)
    assert 1 <= len(ticks) <= max(most + 1, 6)
    if len(ticks) > 1:
        mantissa = float(f"{step:e}".split("e")[0])
        assert mantissa in (1.0, 2.0, 2.5, 5.0)


@given(VALUES, VALUES, st.integers(1, 12))
def test_labels_tell_ticks_apart(one: float, other: float, most: int) -> None:
    low, high = min(one, other), max(one, other)
    if high - low < 1e-3:
        return
    ticks, step = nice_ticks(low, high, most)
    for unit in (ChartUnit.PERCENT, ChartUnit.PRICE, ChartUnit.NUMBER):
        labels = [value_label(tick, unit, step) for tick in ticks]
        assert len(set(labels)) == len(labels), labels


@pytest.mark.parametrize(
    ("value", "unit", "step", "label"),
    [
        (0.1, ChartUnit.PERCENT, 0.1, "+10%"),
        (0.025, ChartUnit.PERCENT, 0.025, "+2.5%"),
        (-0.0, ChartUnit.PERCENT, 0.1, "0%"),
        (1_002_500, ChartUnit.MONEY, 2500, "1.0025M"),
        (990_000, ChartUnit.MONEY, 10_000, "990k"),
        (500, ChartUnit.MONEY, 100, "500"),
        (120.5, ChartUnit.PRICE, 0.5, "120.5"),
        (120, ChartUnit.PRICE, 20, "120"),
    ],
)
def test_a_label_has_the_decimals_that_its_step_needs(value: float, unit: ChartUnit, step: float, label: str) -> None:
    assert value_label(value, unit, step) == label


def test_money_is_counted_in_ten_thousands_in_chinese() -> None:
    assert compact(1_234_500) == "1.23M"
    use_language("zh")
    assert compact(1_234_500) == "123.45万"
    assert compact(-230_000_000) == "-2.30亿"


# -- the axis of time ------------------------------------------------------------------------------------------------


def test_days_lie_as_far_apart_as_in_the_calendar() -> None:
    axis = time_axis([DAY, DAY + timedelta(days=1), DAY + timedelta(days=4)])
    assert axis.places == (0, 0.25, 1)
    assert axis.label(2) == "2026-05-08"


def test_the_midday_break_and_the_night_take_no_room() -> None:
    axis = time_axis([OPEN.replace(hour=hour, minute=minute) for hour, minute in ((9, 30), (11, 0), (13, 0), (15, 0))])
    assert axis.places == (0, 0.375, 0.5, 1)
    night = time_axis([OPEN.replace(hour=15, minute=0), OPEN + timedelta(days=1), OPEN + timedelta(days=1, hours=1)])
    assert night.places == (0, 0, 1)


def test_times_outside_of_the_sessions_are_drawn_as_they_are() -> None:
    evening = datetime(2026, 5, 6, 20, 0, tzinfo=SHANGHAI)
    axis = time_axis([evening, evening + timedelta(hours=1), evening + timedelta(hours=4)])
    assert axis.places == (0, 0.25, 1)
    assert axis.label(1) == "05-06 21:00"


@pytest.mark.parametrize(
    ("length", "first", "last"), [(6, "05-04", "05-09"), (60, "05-04", "06-29"), (4000, "2027", "2037")]
)
def test_ticks_of_time_are_days_mondays_or_years(length: int, first: str, last: str) -> None:
    labels = [label for _, label in time_axis([DAY + timedelta(days=number) for number in range(length)]).ticks(100)]
    assert labels[0] == first
    assert labels[-1] == last or length == 4000


@given(st.integers(2, 5000), st.integers(10, 200))
def test_ticks_of_time_have_room(length: int, columns: int) -> None:
    axis = time_axis([DAY + timedelta(days=number) for number in range(length)])
    ticks = axis.ticks(columns)
    assert sum(len(label) + 2 for _, label in ticks) <= columns
    assert all(0 <= place <= 1 for place, _ in ticks)


def test_ticks_within_a_day_are_round_times() -> None:
    times = [label for _, label in time_axis([at for at, _ in minutes(*range(120)).points]).ticks(60)]
    assert times == ["09:30", "10:00", "10:30", "11:00"]


# -- lines -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300), st.integers(2, 40), st.integers(2, 40))
def test_thinning_keeps_the_highest_and_the_lowest(values: list[float], columns: int, rows: int) -> None:
    path = [(number / max(1, len(values) - 1), value) for number, value in enumerate(values)]
    dots = [dot for dot in thinned(path, columns, rows) if dot is not None]
    heights = [round(value * (rows - 1)) for value in values]
    assert min(row for _, row in dots) == min(heights)
    assert max(row for _, row in dots) == max(heights)
    assert dots[0][1] == heights[0]
    assert dots[-1][1] == heights[-1]
    assert len(dots) <= 4 * columns
    assert [column for column, _ in dots] == sorted(column for column, _ in dots)


def test_a_line_is_drawn_between_its_axes() -> None:
    assert picture(of(days(0, 1, 0)), 24, 6) == [
        "2026-05-06  ⠤⠤⠤⠤ 0.00",
        "1 ┤        ⡠⠒⠑⠢⡀",
        "  │     ⣀⠔⠊    ⠈⠑⠤⡀",
        "  │  ⢀⡠⠊          ⠈⠒⢄⡀",
        "0 ┤⡠⠒⠁               ⠈⠢⢄",
        "   05-04           05-06",
    ]


def test_box_characters_draw_the_same() -> None:
    use_marks("box")
    rows = picture(of(days(0, 1, 0)), 24, 6)
    assert "┌" in rows[1]
    assert not any("\u2800" <= char <= "\u28ff" for row in rows for char in row)


def test_missing_values_are_a_gap() -> None:
    whole, broken = (picture(of(days(1, 1, *middle, 1, 2)), 60, 8)[-2] for middle in ((1, 1, 1), (None, None, None)))
    assert "      " in broken[6:40]
    assert "      " not in whole[6:40]


@pytest.mark.parametrize("marks", ["braille", "box"])
def test_lines_differ_by_more_than_their_colour(marks: str) -> None:
    use_marks(marks)
    assert len({sample(place) for place in range(4)}) == 4


def test_from_three_lines_on_each_has_a_number_at_its_end() -> None:
    rows = picture(of(*(days(0, number, name=f"r{number}") for number in (1, 2, 3))), 80, 16)
    assert [row[-1] for row in rows if row.endswith((" 1", " 2", " 3"))] == ["3", "2", "1"]
    assert "2 ⠤⠤⠄  r2" in rows[0]


def test_the_second_panel_lies_over_the_same_time() -> None:
    equity = days(*(1 + sin(number / 5) / 10 for number in range(60)), name="equity")
    data = ChartData(Plot((equity,), ChartUnit.NUMBER), Plot((drawdown_of(equity, "drawdown"),), ChartUnit.PERCENT))
    rows = picture(data, 70, 16)
    assert sum("0%" in row.split("┤")[0] for row in rows if "┤" in row) >= 1
    assert len({row.index(char) for row in rows for char in "┤│" if char in row}) == 1
    assert "drawdown" in rows[0]


def test_a_drawdown_is_measured_from_the_highest_until_then() -> None:
    assert [value for _, value in drawdown_of(days(1, 2, 1, None, 4), "").points] == [0, 0, -0.5, None, 0]


def test_a_near_level_is_drawn_and_a_far_one_stands_at_the_edge() -> None:
    levels = (LevelLine(99.5, "SL"), LevelLine(150, "TP"))
    rows = picture(of(days(100, 101, 100.5), unit=ChartUnit.PRICE, levels=levels), 60, 12)
    assert any(row.endswith("┈ SL") for row in rows)
    assert rows[1].endswith("TP ^")
    assert "┈" not in rows[1]


@pytest.mark.parametrize(
    ("series", "sentence"),
    [
        (Series("", ()), "There is nothing to draw yet."),
        (days(None, None), "There is nothing to draw yet."),
        (days(float("nan")), "There is nothing to draw yet."),
        (days(2.0), "Only one value yet: 2.00 at 2026-05-04. The chart appears with the second one."),
        (days(2.0, 2.0, 2.0), "Unchanged at 2.00 since 2026-05-04."),
    ],
)
def test_where_there_is_no_line_a_sentence_says_why(series: Series, sentence: str) -> None:
    assert " ".join(picture(of(series), 90, 10)) == sentence


def test_what_is_no_number_is_a_gap() -> None:
    assert picture(of(days(1, float("nan"), float("inf"), 2, 3)), 60, 9) == picture(
        of(days(1, None, None, 2, 3)), 60, 9
    )


LISTS = st.lists(st.none() | st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=60)


@given(
    st.lists(LISTS, min_size=1, max_size=5), LISTS, st.integers(1, 150), st.integers(1, 40), st.sampled_from(ChartUnit)
)
def test_a_chart_stays_within_its_size(
    values: list[list[float | None]], below: list[float | None], width: int, height: int, unit: ChartUnit
) -> None:
    series = tuple(days(*line, name=f"纪录 {number}") for number, line in enumerate(values))
    panels = Plot(series, unit, LevelLine(0.0, "起点")), Plot((days(*below),), ChartUnit.PERCENT)
    for marks in ("braille", "box"):
        use_marks(marks)
        drawing = draw(ChartData(*panels, heading=Text("标题 with words")), width, height)
        assert len(drawing.rows) <= height
        assert all(row.cell_len <= width for row in drawing.rows) or width < 2
        assert not drawing.plot or len(drawing.rows) == height
        assert all(column < width for column in drawing.columns_of)


def test_a_chart_too_narrow_for_its_words_has_room_for_the_numbers_of_its_lines() -> None:
    lines = tuple(days(value, value + 1, name=str(value)) for value in (1, 2, 3))
    data = ChartData(Plot(lines, ChartUnit.MONEY, LevelLine(0.0, "a long word")))
    drawn = [draw(data, width, 16) for width in range(10, 40)]
    assert all(row.cell_len <= width for width, drawing in enumerate(drawn, 10) for row in drawing.rows)
    narrow = next(drawing for drawing in drawn if drawing.plot)
    assert [row.plain[-2:] for row in narrow.plot if row.plain[-1].isdigit()] == [" 3", " 2", " 1"]


def test_a_line_that_moves_by_nothing_that_counts_is_told_in_a_sentence() -> None:
    assert "Unchanged at" in picture(of(days(0.0, 5e-324), unit=ChartUnit.PERCENT), 60, 9)[0]


def test_no_character_is_of_ambiguous_width_but_box_drawing() -> None:
    for char in "".join(picture(of(days(1, 3, 2), days(2, 1, 4), days(3, 4, 4), days(1, 2, 0)), 80, 20)):
        assert east_asian_width(char) != "A" or "\u2500" <= char <= "\u257f", char


# -- legend and cursor -----------------------------------------------------------------------------------------------


def test_the_legend_has_the_last_values_or_those_at_the_cursor() -> None:
    data = of(days(0.1, 0.2, 0.3, name="a"), days(0.5, None, name="b"), unit=ChartUnit.PERCENT)
    axis = draw(data, 80, 12).axis
    assert legend(data, axis, None, 80)[0].plain == "2026-05-06  ⠤⠤⠤⠤ a +30.00%  ⠤⠤⠄  b +50.00%"
    assert legend(data, axis, 1, 80)[0].plain == "2026-05-05  ⠤⠤⠤⠤ a +20.00%  ⠤⠤⠄  b      --"


@given(st.lists(VALUES, min_size=2, max_size=20), st.integers(20, 100))
def test_the_legend_keeps_its_size_under_the_cursor(values: list[float], width: int) -> None:
    data = of(days(*values, name="equity"), days(*values[1:], name="其他"), unit=ChartUnit.PERCENT)
    axis: Drawing = draw(data, width, 20)
    sizes = {
        tuple(row.cell_len for row in legend(data, axis.axis, index, width)) for index in range(len(axis.axis.moments))
    }
    assert len(sizes) == 1


def test_between_its_points_a_series_has_the_value_of_the_last_one() -> None:
    points: tuple[Point, ...] = ((DAY, 1.0), (DAY + timedelta(days=7), 2.0))
    assert value_at(Series("", points), DAY + timedelta(days=3)) == 1.0
    assert value_at(Series("", points), DAY - timedelta(days=1)) is None
    assert value_at(Series("", points), DAY + timedelta(days=8)) is None


class OneChart(App[None]):
    CSS = "LineChart { height: 12; }"

    def compose(self) -> ComposeResult:
        yield Input()
        yield LineChart()


@pytest.mark.usefixtures("every_frame")
async def test_it_is_drawn_when_its_data_or_its_size_changes_and_not_for_the_cursor() -> None:
    async with OneChart().run_test(size=(80, 20)) as pilot:
        chart = pilot.app.query_one(LineChart)
        chart.show(of(days(1, 3, 2, name="a")))
        await pilot.pause()
        assert chart.drawings == 1
        chart.show(of(days(1, 3, 2, name="a")))
        chart.refresh()
        await pilot.pause()
        assert chart.drawings == 1
        chart.focus()
        await pilot.press("left", "left", "home", "end", "tab")
        await pilot.hover(LineChart, (20, 5))
        assert chart.drawings == 1
        chart.show(of(days(1, 3, 5, name="a")))
        await pilot.pause()
        assert chart.drawings == 2
        await pilot.resize_terminal(70, 20)
        await pilot.pause()
        assert chart.drawings == 3


async def test_keys_and_mouse_move_the_cursor_while_it_is_there() -> None:
    async with OneChart().run_test(size=(80, 20)) as pilot:
        chart = pilot.app.query_one(LineChart)
        chart.show(of(days(1, 3, 2, name="a")))
        await pilot.pause()
        assert "2026-05-06  ⠤⠤⠤⠤ a 2.00" in chart.text
        chart.focus()
        await pilot.press("left")
        assert "2026-05-05  ⠤⠤⠤⠤ a 3.00" in chart.text
        await pilot.press("home", "left")
        assert chart.cursor == 0
        await pilot.press("tab")
        assert chart.cursor is None
        assert "2026-05-06" in chart.text
        await pilot.hover(LineChart, (6, 5))
        assert "2026-05-04  ⠤⠤⠤⠤ a 1.00" in chart.text
        await pilot.hover(Input)
        assert chart.cursor is None


def test_every_row_is_as_wide_as_the_terminal_draws_it() -> None:
    for row in picture(of(days(1, 3, 2, name="净值")), 40, 10):
        assert cell_len(row) == sum(2 if east_asian_width(char) in "WF" else 1 for char in row)
