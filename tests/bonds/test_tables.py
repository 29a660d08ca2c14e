"""Real child processes that respond, fail, hang or print other output."""

import json
import sys
import time
from dataclasses import replace
from decimal import Decimal
from io import BytesIO, TextIOWrapper
from pathlib import Path
from types import ModuleType

import pytest

from core.akshare.child import main
from core.akshare.client import AkshareClient, Table, TableRefused, TableUnavailable
from core.bonds.tables import (
    RATING_ROWS,
    RATING_TABLE,
    TERMS_COLUMNS,
    TERMS_ROWS,
    TERMS_TABLE,
    read_ratings,
    read_terms,
)
from core.infra.clock import SteppedClock
from core.model.bond import BondCode
from core.retold import retold
from tests.bonds.payloads import FETCHED, answering_with, as_akshare_makes_it


def tables(code: str, timeout: float = 20.0) -> AkshareClient:
    return AkshareClient(SteppedClock(FETCHED), [sys.executable, "-c", code], timeout)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('no json')", "akshare ended without an answer"),
        ("import os; os._exit(3)", "akshare ended without an answer"),
        ("print('[]')", "akshare ended without an answer"),
        ("""print('{"error": "ValueError: Length mismatch\\\\nmore"}')""", "ValueError: Length mismatch"),
    ],
)
async def test_a_failing_child_process_says_why_in_one_line(code: str, said: str) -> None:
    with pytest.raises(TableUnavailable, match=said):
        await tables(code).fetch("any")


async def test_a_hanging_child_process_is_killed_at_its_deadline() -> None:
    begun = time.monotonic()
    with pytest.raises(TableUnavailable, match="did not answer within"):
        await tables("import time; time.sleep(60)", 0.3).fetch("any")
    assert time.monotonic() - begun < 30


async def test_a_missing_program_is_reported() -> None:
    with pytest.raises(TableUnavailable, match="akshare could not be run"):
        await AkshareClient(SteppedClock(FETCHED), ["/no/such/program"]).fetch("any")


async def test_akshare_s_other_output_is_not_part_of_the_table() -> None:
    document = '{"columns": ["a"], "rows": [["1"], [null]]}'
    code = f"import sys; print('bar'); print('50%', file=sys.stderr); print({document!r})"
    table = await tables(code).fetch("any")
    assert [row["a"] for row in table.rows] == ["1", None]
    assert table.fetched_at == FETCHED
    assert Table.from_document(json.loads(json.dumps(table.as_document()))) == table


@pytest.mark.slow
async def test_a_site_that_answers_with_a_web_page_is_reported(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html>banned</html>", encoding="utf-8")
    with pytest.raises(TableUnavailable, match="JSONDecodeError"):
        await answering_with(page).fetch("bond_cb_redeem_jsl")


@pytest.mark.slow
async def test_only_known_tables_are_fetched(tmp_path: Path) -> None:
    with pytest.raises(TableUnavailable, match="there is no table 'rm'"):
        await AkshareClient(SteppedClock(FETCHED)).fetch("rm")


@pytest.mark.parametrize("document", [{}, {"columns": ["a"], "rows": [["1", "2"]], "name": "n", "fetched_at": "x"}])
def test_output_that_is_no_table_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(TableRefused, match="it is no table"):
        Table.from_document(document)


def eastmoney(count: int) -> dict[str, object]:
    """East Money's list of `count` bonds, on as many pages as akshare asks for."""
    fields = [f"f{number}" for number in (1, 2, 3, 12, 13, 14, 26, 152, *range(227, 244))]
    rows = []
    for number in range(count):
        row: dict[str, object] = dict.fromkeys(fields, "-")
        row |= {"f12": f"{127000 + number}", "f14": f"转债{number}", "f26": 20250120, "f2": 112.5, "f3": 0.4}
        row |= {"f235": 12.34, "f236": 95.1, "f237": 25.5, "f234": "正股"}
        rows.append(row)
    return {"data": {"total": count, "diff": rows}}


def test_bond_terms_are_read_from_east_money() -> None:
    """akshare names the columns by position, so its own code has to make the table."""
    table = as_akshare_makes_it(eastmoney(TERMS_ROWS), TERMS_TABLE)
    assert set(TERMS_COLUMNS) <= set(table.columns)
    assert table.rows[0]["转债代码"] == "127000"
    assert len(read_terms(table)) == TERMS_ROWS
    assert read_terms(table)[BondCode("127000")].name == "转债0"


def test_a_listing_date_that_cannot_be_read_is_unknown_for_its_bond_alone() -> None:
    table = as_akshare_makes_it(eastmoney(TERMS_ROWS), TERMS_TABLE)
    odd = {**table.rows[0], "上市日期": "soon", "转股溢价率": "1e30"}
    read = read_terms(replace(table, rows=(odd, *table.rows[1:])))
    assert (read[BondCode("127000")].listed, read[BondCode("127000")].premium) == (None, None)
    assert read[BondCode("127001")].listed is not None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionError("HTTPSConnectionPool(...)"), "无法连接其网站（ConnectionError）"),
        (ValueError("Length mismatch"), "应答无法识别（ValueError: Length mismatch）"),
    ],
)
def test_what_the_child_process_says_is_read_in_chinese(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    akshare = ModuleType("akshare")
    vars(akshare)[TERMS_TABLE] = fail
    monkeypatch.setitem(sys.modules, "akshare", akshare)
    with TextIOWrapper(BytesIO()) as printed:
        monkeypatch.setattr(sys, "stdout", printed)
        assert main([TERMS_TABLE]) == 1
        printed.seek(0)
        assert retold(json.load(printed)["error"], "zh") == told


def test_each_empty_value_of_pandas_is_an_empty_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    values = [pd.NA, pd.NaT, None, float("nan"), Decimal("NaN"), 1.5, "x"]
    akshare = ModuleType("akshare")
    vars(akshare)[TERMS_TABLE] = lambda: pd.DataFrame({"a": pd.Series(values, dtype=object)})
    monkeypatch.setitem(sys.modules, "akshare", akshare)
    with TextIOWrapper(BytesIO()) as printed:
        monkeypatch.setattr(sys, "stdout", printed)
        assert main([TERMS_TABLE]) == 0
        printed.seek(0)
        document = json.load(printed)
    assert [cell for (cell,) in document["rows"]] == [None, None, None, None, None, "1.5", "x"]


@pytest.mark.slow
def test_bond_terms_truncated_to_two_pages_are_refused() -> None:
    with pytest.raises(TableRefused, match="200 rows"):
        read_terms(as_akshare_makes_it(eastmoney(200), TERMS_TABLE))


@pytest.mark.slow
def test_the_underlying_share_is_read_from_east_money() -> None:
    raw = eastmoney(TERMS_ROWS)
    raw["data"]["diff"][0] |= {"f232": "600000", "f229": 9.07, "f230": -1.25}  # type: ignore[index]
    first = read_terms(as_akshare_makes_it(raw, TERMS_TABLE))[BondCode("127000")]
    assert (first.share_code, first.share_price) == ("600000", Decimal("9.07"))
    assert first.share_change == Decimal("-0.0125")


@pytest.mark.parametrize(
    "odd",
    [
        {"正股代码": None, "正股最新价": None, "正股涨跌幅": None},
        {"正股代码": "60000", "正股最新价": "0", "正股涨跌幅": "soon"},
        {"正股代码": "六〇〇〇〇〇", "正股最新价": "-9", "正股涨跌幅": "1e40"},
        {"正股代码": "<b>", "正股最新价": "9,07", "正股涨跌幅": "nan"},
    ],
)
def test_an_odd_cell_that_is_only_shown_leaves_the_row_good(odd: dict[str, str | None]) -> None:
    table = as_akshare_makes_it(eastmoney(TERMS_ROWS), TERMS_TABLE)
    told = read_terms(replace(table, rows=tuple({**row, **odd} for row in table.rows)))[BondCode("127000")]
    assert (told.share_code, told.share_price, told.share_change, told.unreadable) == (None, None, None, "")
    assert told.listed is not None


def test_terms_without_the_columns_that_are_only_shown_are_read() -> None:
    table = as_akshare_makes_it(eastmoney(TERMS_ROWS), TERMS_TABLE)
    rows = tuple({column: row[column] for column in TERMS_COLUMNS} for row in table.rows)
    assert len(read_terms(Table(TERMS_TABLE, FETCHED, TERMS_COLUMNS, rows))) == TERMS_ROWS


def ratings(*cells: str | None) -> Table:
    columns = ("债券代码", "信用评级", "债现价")
    many = [(f"{127000 + number}", cell, "100") for number, cell in enumerate([*cells, *["AA-"] * RATING_ROWS])]
    rows: tuple[dict[str, str | None], ...] = tuple({**dict(zip(columns, row, strict=True))} for row in many)
    return Table(RATING_TABLE, FETCHED, columns, rows)


def test_ratings_are_read_and_what_is_none_is_unknown() -> None:
    read = read_ratings(ratings("AAA", "AA+", " A ", "-", None, "AAAA", "1.5", "2026-01-05", "BBB+"))
    found = [read[code].rating if (code := BondCode(f"{127000 + number}")) in read else None for number in range(9)]
    assert found == ["AAA", "AA+", "A", None, None, None, None, None, "BBB+"]


def test_a_table_whose_columns_have_moved_gives_no_ratings() -> None:
    with pytest.raises(TableRefused, match="have a rating"):
        read_ratings(ratings(*["3.50"] * RATING_ROWS))


def test_ratings_skip_what_is_no_bond_of_the_two_exchanges() -> None:
    table = ratings()
    other = {"债券代码": "404001", "信用评级": "C", "债现价": "100"}
    assert len(read_ratings(replace(table, rows=(other, *table.rows)))) == RATING_ROWS
