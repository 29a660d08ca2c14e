"""What a bond trader looks at on the screens: columns, filter and sorting, the card, and "unknown" where unknown."""

from dataclasses import replace

import pytest

from core.model.bond_metrics import BondFigures, BondMetrics, BondTerms, Dated
from core.model.redemption import RedemptionState
from tests.tui.samples import NOW, bonds_shown, code, metrics_of, plan, snapshot
from tests.tui.screen import flat, press, shown
from tests.tui.scripted import ScriptedLink
from tui.screens.metrics_text import METRIC_COUNT, metric_cells, metric_columns, metrics_block
from tui.screens.plan_rows import PLAN_COLUMNS, Market, market_of, plan_rows
from tui.widgets.columns import Sorting, TableRow, arrange

WIDE = (240, 40)
PREMIUM, DOUBLE_LOW, CALL, RATING, SIZE, SHARE, CHANGE, MATURES = range(METRIC_COUNT)


def row(metrics: BondMetrics | None, key: str = "") -> TableRow:
    return TableRow(key, metric_cells(metrics))


def bare() -> BondMetrics:
    return BondMetrics(BondTerms(code(0)), BondFigures(code(0)))


def test_a_bond_s_cells_are_as_a_trader_writes_them() -> None:
    texts = [cell.text for cell in metric_cells(metrics_of(1))]
    assert texts == ["14.46%", "133.37", "9/15", "AA+", "48.21", "中信特钢", "-0.41%", "2028-02-25"]


@pytest.mark.parametrize("metrics", [None, bare()], ids=["not told", "nothing known"])
def test_what_is_not_known_is_shown_as_such_and_sorted_last(metrics: BondMetrics | None) -> None:
    cells = metric_cells(metrics)
    assert [cell.text for cell in cells] == ["--"] * METRIC_COUNT
    assert [cell.value for cell in cells] == [None] * METRIC_COUNT
    for column in range(METRIC_COUNT):
        for descending in (True, False):
            rows = [row(metrics, "unknown"), row(metrics_of(1), "known")]
            assert [one.key for one in Sorting(column, descending).applied(rows)] == ["known", "unknown"]


def test_a_premium_of_a_table_is_marked_and_a_live_one_is_not() -> None:
    live, table = metric_cells(metrics_of(1)), metric_cells(metrics_of(4))
    assert not live[PREMIUM].text.startswith("~")
    assert table[PREMIUM].text == "~21.41%"
    assert table[DOUBLE_LOW].text.startswith("~")


def test_columns_are_sorted_by_numbers() -> None:
    rows = [row(one, str(place)) for place, one in enumerate(bonds_shown()) if one.figures.premium is not None]
    for column in (PREMIUM, DOUBLE_LOW, SIZE):
        values = [one.cells[column].value for one in Sorting(column, True).applied(rows)]
        assert values == sorted(values, reverse=True)  # type: ignore[type-var]


def test_ratings_are_sorted_by_their_rank() -> None:
    def rated(text: str) -> TableRow:
        terms = replace(metrics_of(1).terms, rating=Dated(text, "East Money", NOW))
        return row(replace(metrics_of(1), terms=terms), text)

    rows = [rated(text) for text in ("A+", "AAA", "BBB", "AA-", "AA+", "odd")]
    found = [one.key for one in Sorting(RATING, True).applied(rows)]
    assert found == ["AAA", "AA+", "AA-", "A+", "BBB", "odd"]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (RedemptionState.CALLED, "called"),
        (RedemptionState.MATURING, "ends"),
        (RedemptionState.DECLINED, "no call"),
        (RedemptionState.MET, "9/15"),
        (RedemptionState.NONE, "9/15"),
    ],
)
def test_a_call_goes_before_its_count(call: RedemptionState, text: str) -> None:
    terms = replace(metrics_of(1).terms, call=Dated(call, "jisilu", NOW))
    assert metric_cells(replace(metrics_of(1), terms=terms))[CALL].text == text


def test_the_nearest_call_is_sorted_first() -> None:
    found = Sorting(CALL, False).applied([row(metrics_of(number), str(number)) for number in (0, 1, 3, 7)])
    assert [one.key for one in found] == ["7", "3", "1", "0"]


def test_metrics_give_way_to_what_a_plan_must_show() -> None:
    rows = plan_rows(plan(), market_of(snapshot()))
    shown_at = {
        width: [slot.column.label for slot in arrange(PLAN_COLUMNS, rows, width).slots] for width in (78, 110, 190)
    }
    own = {"Code", "Name", "Volume", "Price", "Amount", "Reason"}
    assert all(own <= set(labels) for labels in shown_at.values())
    assert "Premium" not in shown_at[78]
    assert {"Premium", "Dbl-low", "Call"} <= set(shown_at[110])
    assert {str(column.label) for column in metric_columns(range(1, 9))} <= set(shown_at[190])


def test_a_plan_without_metrics_has_the_same_cells() -> None:
    rows = [one for one in plan_rows(plan(), Market({}, {})) if not one.heading]
    assert {len(one.cells) for one in rows} == {len(PLAN_COLUMNS)}


async def test_positions_show_and_find_them() -> None:
    async with shown(ScriptedLink(snapshot()), "4", size=WIDE) as (app, pilot):
        assert "14.46%" in flat(app)
        await press(pilot, "slash", *"中信特钢", "enter")
        found = flat(app)
        assert "127056.SZ" in found and "113052.SH" not in found


async def test_the_card_tells_each_value_with_its_source() -> None:
    async with shown(ScriptedLink(snapshot()), "4", "enter", size=(160, 60)) as (app, _):
        text = flat(app)
        for said in ("Bond figures", "39.79%", "by both prices, 05-06 14:49", "601166", "jisilu 05-06 13:02", "161.02"):
            assert said in text


def test_the_block_of_an_unknown_bond_says_unknown() -> None:
    text = metrics_block(bare(), NOW).plain
    assert text.count("unknown") == 8
    assert "None" not in text
