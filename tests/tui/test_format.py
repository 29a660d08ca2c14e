"""Numbers, times and cut text."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.cells import cell_len

from core.i18n import labelled, use_language
from core.model.parameter_names import parameter_name, plain_key
from tui import format as fmt
from tui.widgets.columns import Column, TableRow, arrange, cell, widen_last_cell


def test_numbers() -> None:
    assert fmt.money(Decimal("1234567.891")) == "1,234,567.89"
    assert fmt.signed_money(Decimal("-12.3")) == "-12.30"
    assert fmt.price(Decimal("101.2")) == "101.200"
    assert fmt.ratio(0.01234) == "+1.23%"
    assert fmt.share(0.61) == "61.0%"
    assert {show(None) for show in (fmt.money, fmt.signed_money, fmt.price, fmt.ratio, fmt.share, fmt.clock)} == {"--"}


def test_times() -> None:
    assert fmt.clock(datetime(2026, 5, 6, 6, 49, 32, tzinfo=UTC)) == "14:49:32"
    assert [fmt.age(seconds) for seconds in (-3, 4.9, 61, 7300, 200000)] == ["0s", "4s", "1m", "2h", "2d"]
    assert fmt.duration(88) == "1:28"


@pytest.mark.parametrize("text", ["abc", "兴业转债", "a兴b业c转债", ""])
@pytest.mark.parametrize("width", [0, 1, 2, 3, 5, 8, 12])
@pytest.mark.parametrize("right", [True, False])
def test_text_is_fitted_exactly_in_cells(text: str, width: int, right: bool) -> None:
    assert cell_len(fmt.fit(text, width, right=right)) == width


def test_words() -> None:
    assert [fmt.plural(count, "strategy") for count in (0, 1, 2)] == ["0 strategies", "1 strategy", "2 strategies"]
    assert fmt.plain_value({"a": [1, True, None], "b": {"c": 0.5}}) == "a 1, yes, --, b c 0.5"
    assert fmt.one_line("a\n\tb\x1b[31m") == "a  b [31m"
    assert fmt.plain_value(0.43576881750117247) == "0.435769"
    assert plain_key("stopLossRatio") == plain_key("stop_loss_ratio") == "stop loss ratio"


def test_parameters_of_the_platform_have_names() -> None:
    assert parameter_name("profitTargetRatio") == "profit target ratio"
    use_language("zh")
    try:
        assert parameter_name("profitTargetRatio") == "\u6b62\u76c8\u6bd4\u4f8b"
        assert parameter_name("holding_period") == "\u8c03\u4ed3\u5468\u671f"
        assert fmt.plain_value({"top_n": 10}) == "\u6301\u6709\u53ea\u6570 10"
        assert parameter_name("someFactor") == "some factor"  # an unknown one stays
        assert labelled(fmt.cny("1.00"), "x") == "1.00 \u5143\uff1ax"
    finally:
        use_language("en")
    assert labelled(fmt.cny("1.00"), "x") == "1.00 CNY: x"


COLUMNS = (Column("A", 4), Column("B", 10, rank=1), Column("C", 6, rank=2), Column("D", 8, flex=True))


@pytest.mark.parametrize(("width", "shown"), [(60, "ABCD"), (31, "ABCD"), (30, "ABD"), (23, "AD"), (3, "D")])
def test_columns_are_dropped_by_rank(width: int, shown: str) -> None:
    layout = arrange(COLUMNS, [], width)
    assert "".join(slot.column.label for slot in layout.slots) == shown


def test_flexible_column_takes_the_rest() -> None:
    rows = [TableRow("1", (cell("abcdef"), cell("b"), cell("c"), cell("d" * 90)))]
    layout = arrange(COLUMNS, rows, 60)
    assert layout.slots[0].width == 6
    assert sum(slot.width for slot in layout.slots) + 3 * layout.gap == 60


def test_long_last_text_uses_the_width_of_empty_cells() -> None:
    columns = (*COLUMNS[:3], Column("D", 8, flex=True))
    cells = (cell("abcd"), cell(""), cell(""), cell("e" * 40))
    layout = arrange(columns, [TableRow("1", cells)], 40)
    slots, shown = widen_last_cell(layout, cells)
    assert [content.text[:1] for content in shown] == ["a", "e"]
    assert sum(slot.width for slot in slots) + layout.gap == 40
    short = (*cells[:3], cell("e"))
    assert widen_last_cell(layout, short) == (layout.slots, short)
