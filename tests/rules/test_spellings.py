"""Days and prices: one sure meaning or none."""

import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.rules.spellings import in_ascii, parse_day, parse_price


@pytest.mark.parametrize(
    "text",
    [
        *("2026-12-01", "2026-12-1", "2026/12/1", "2026/12/01 0:00", "2026-12-01 00:00:00", "2026-12-01T00:00:00.000"),
        *("2026-12-01 15:00", "20261201", "20261201.0", "20261201 09:30", "2026.12.1", "2026. 12. 1", "2026年12月1日"),
        *("２０２６／１２／１", "２０２６１２０１", "2026－12－01", " 2026-12-01\t"),
    ],
)
def test_a_day_is_read_as_people_and_programs_write_it(text: str) -> None:
    assert parse_day(text) == date(2026, 12, 1)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "12/1/2026",
            "26/12/1",
            "2026/13/1",
            "2026-02-30",
            "soon",
            "0026-12-01",
            "2026-12",
            "2026112",
            "2026-111",
        ),
        *("2026-1112", "202611-2", "1779120000000", "2026-12-01 24:00", "2026-12-01T00:00:00Z", "2026-12-011"),
        *("2026-12-01 2026-12-02", "2026-12-01至2026-12-05", "2026-12-01\0", "2026-1\0-12", "２０２６112"),
    ],
)
def test_an_unclear_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a day like 2026-09-29"):
        parse_day(text)


@pytest.mark.parametrize("text", ["46357", "46357.0", "４６３５７"])
def test_excel_s_number_of_a_day_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="format the column as a date"):
        parse_day(text)


@given(
    st.text(max_size=30)
    | st.text("0123456789-/.年月日 :T０１２", max_size=22)
    | st.builds("{}{}{}{}{}{}".format, *[st.integers(0, 9999), st.sampled_from(["-", "/", "", "年", "."])] * 3)
)
@example("2026-1-12")
@example("2026-111")
def test_whatever_the_text_no_other_day_is_read_than_the_one_in_it(text: str) -> None:
    try:
        day = parse_day(text)
    except ValueError:
        return
    found = re.findall(r"\d+", in_ascii(text))
    figures = [int(figure) for figure in found[:3]]
    if len(found[0]) == 8:
        figures = [int(found[0][:4]), int(found[0][4:6]), int(found[0][6:])]
    assert figures == [day.year, day.month, day.day]


@pytest.mark.parametrize(
    ("text", "price"),
    [
        *(("100.05", "100.05"), ("100.05元", "100.05"), ("¥100.05", "100.05"), ("￥ 100.05", "100.05")),
        *(("1,000.05", "1000.05"), ("１００．０５", "100.05"), ("100。05", "100.05"), ("100.05 元/张", "100.05")),
        *(("CNY 100", "100"), ("100.05RMB", "100.05")),
    ],
)
def test_a_price_is_read_as_people_write_it(text: str, price: str) -> None:
    assert parse_price(text) == Decimal(price)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "1e2",
        "-100",
        "100,05",
        "1,00",
        "100.05.1",
        "100-101",
        "待定",
        "nan",
        "100.05%",
        "$100",
        "100 05",
        "1万",
    ],
)
def test_an_unclear_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a price"):
        parse_price(text)
