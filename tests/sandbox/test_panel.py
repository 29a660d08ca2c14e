"""The panel is read completely or refused with a sentence."""

import csv
import gzip
import io
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from core.model.bond import BondCode
from core.model.known import Known
from core.model.order import Side
from core.model.settings import OrderSettings
from core.model.time import SHANGHAI
from core.rules.pricing import order_price
from core.sandbox.panel import COLUMNS, Panel, PanelError, PanelRow, load_panel, panel_quotes

HEADER = ",".join(COLUMNS)
GOOD = "2024-01-05,110043.SH,105.801,13.762,93.0018,0.0712,AA+"


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_every_row_of_the_shipped_file_is_there(panel: Panel) -> None:
    packed = files("core.sandbox").joinpath("data/cb_weekly_2024_2026.csv.gz").read_bytes()
    lines = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))
    assert len(lines) == sum(len(panel.rows(day)) for day in panel.dates) == 56155
    for line in lines:
        row = panel.rows(date.fromisoformat(line["date"]))[BondCode(line["code"])]
        assert str(row.close) == line["close"]
        assert row.premium == (float(line["premium_pct"]) if line["premium_pct"] else None)
        assert row.years == float(line["years_to_maturity"])
        assert row.rating == line["rating"]


def test_the_shipped_file_reads_like_one_of_the_user(panel: Panel, tmp_path: Path) -> None:
    own = tmp_path / "own.csv.gz"
    own.write_bytes(files("core.sandbox").joinpath("data/cb_weekly_2024_2026.csv.gz").read_bytes())
    read = load_panel(own)
    assert (read.dates, read.names, read.rounded, read.left_out) == (panel.dates, panel.names, 0, 0)
    assert dict(read.by_date) == dict(panel.by_date)


def test_a_bond_has_left_after_its_last_row(panel: Panel) -> None:
    assert panel.has_left(BondCode("127033"), date(2025, 9, 12))
    assert not panel.has_left(BondCode("127033"), date(2025, 9, 5))
    assert not panel.has_left(BondCode("119999"), date(2025, 9, 5))


def test_dates_ascend_and_span_the_recording(panel: Panel) -> None:
    assert list(panel.dates) == sorted(panel.dates)
    assert (len(panel.dates), panel.dates[0], panel.dates[-1]) == (119, date(2024, 1, 5), date(2026, 5, 15))


def test_twelve_premiums_are_unknown_and_their_rows_still_priced(panel: Panel) -> None:
    unknown = [row for day in panel.dates for row in panel.rows(day).values() if row.premium is None]
    assert len(unknown) == 12
    assert all(row.close > 0 for row in unknown)


def test_a_delisted_bond_ends_on_its_last_row(panel: Panel) -> None:
    assert panel.last_date(BondCode("127033")) == date(2025, 9, 5)
    assert panel.last_date(BondCode("110073")) == panel.dates[-1]
    assert panel.last_date(BondCode("119999")) is None
    assert panel.names[BondCode("127033")] == "中装转2"


def test_a_date_that_is_not_recorded_has_no_rows(panel: Panel) -> None:
    assert panel.rows(date(2024, 1, 6)) == {}


def test_plain_text_compressed_and_reordered_files_read_alike(tmp_path: Path) -> None:
    plain = load_panel(written(tmp_path / "a.csv", HEADER, GOOD))
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    columns = (*reversed(COLUMNS), "note")
    reordered = written(tmp_path / "c.csv", "\ufeff" + ",".join(columns), ",".join([*GOOD.split(",")[::-1], "x"]), "")
    day, code = date(2024, 1, 5), BondCode("110043")
    row = PanelRow(Decimal("105.801"), 13.762, 93.0018, 0.0712, "AA+")
    for panel in (plain, load_panel(packed), load_panel(reordered)):
        assert panel.dates == (day,)
        assert panel.rows(day) == {code: row}


def test_dates_are_sorted_whatever_their_order_in_the_file(tmp_path: Path) -> None:
    later = GOOD.replace("2024-01-05", "2024-01-12")
    panel = load_panel(written(tmp_path / "a.csv", HEADER, later, GOOD))
    assert panel.dates == (date(2024, 1, 5), date(2024, 1, 12))
    assert panel.last_date(BondCode("110043")) == date(2024, 1, 12)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ((HEADER.replace(",premium_pct", ""), GOOD), "lacks the column premium_pct"),
        ((HEADER,), "no rows"),
        ((), "lacks the column date, code"),
        ((HEADER, GOOD, GOOD.replace("105.801", "abc")), "line 3: close is 'abc', not a price"),
        ((HEADER, GOOD.replace("105.801", "")), "line 2: close is '', not a price"),
        ((HEADER, GOOD.replace("105.801", "0")), "line 2: close is '0', not a price above zero"),
        ((HEADER, GOOD.replace("105.801", "NaN")), "line 2: close is 'NaN', not a price"),
        ((HEADER, GOOD.replace("105.801", "0.0004")), "line 2: close is '0.0004', not a price above zero"),
        ((HEADER, GOOD, GOOD.replace("105.801", "100000.01")), "line 3: close is '100000.01', not a price"),
        ((HEADER, GOOD.replace("105.801", "-0.0004")), "line 2: close is '-0.0004', not a price above zero"),
        ((HEADER, GOOD.replace("105.801", "1e30")), "line 2: close is '1e30', not a price"),
        ((HEADER, GOOD.replace("13.762", "n/a")), "line 2: premium_pct is 'n/a', not a figure"),
        ((HEADER, GOOD.replace("0.0712", "inf")), "line 2: years_to_maturity is 'inf', not a figure"),
        ((HEADER, GOOD.replace("2024-01-05", "5.1.2024")), "line 2: date is '5.1.2024'"),
        ((HEADER, GOOD.replace("110043.SH", "132024.SH")), "line 2: 132024 is an exchangeable bond"),
        ((HEADER, GOOD, GOOD), "line 3: 110043.SH has a second row on 2024-01-05"),
        ((HEADER, GOOD, GOOD.replace("110043.SH", "110043")), "line 3: 110043.SH has a second row"),
        ((HEADER, "2024-01-05,110043.SH,105.801"), "line 2: 3 fields are fewer than the header's"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, lines: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(PanelError) as refused:
        load_panel(written(tmp_path / "bad.csv", *lines))
    assert "bad.csv" in str(refused.value)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gbk"])
def test_a_file_saved_by_excel_is_read(tmp_path: Path, encoding: str) -> None:
    rows = [HEADER.upper(), GOOD.replace("2024-01-05", "2024/1/5").replace("110043.SH", "110043.0"), ",,,,,,", ""]
    for separator in "," if encoding == "gbk" else ",\t":
        (tmp_path / "a.csv").write_bytes("\r\n".join(rows).replace(",", separator).encode(encoding))
        assert BondCode("110043") in load_panel(tmp_path / "a.csv").rows(date(2024, 1, 5))


@pytest.mark.parametrize("close", ["105", "105.8", "105.8010", "0.001"])
def test_a_close_with_other_decimals_is_read_if_on_the_price_tick(tmp_path: Path, close: str) -> None:
    panel = load_panel(written(tmp_path / "a.csv", HEADER, GOOD.replace("105.801", close)))
    assert panel.rows(date(2024, 1, 5))[BondCode("110043")].close == Decimal(close)


@pytest.mark.parametrize(
    ("close", "read"),
    [("100.1234", "100.123"), ("100.1235", "100.124"), ("105.80100000000002", "105.801"), ("0.0005", "0.001")],
)
def test_closes_off_the_tick_are_rounded_and_counted(tmp_path: Path, close: str, read: str) -> None:
    lines = [GOOD.replace("2024-01-05", f"2024-01-{day:02}").replace("105.801", close) for day in (8, 9)]
    panel = load_panel(written(tmp_path / "a.csv", HEADER, GOOD, *lines))
    assert panel.rows(date(2024, 1, 8))[BondCode("110043")].close == Decimal(read)
    assert panel.rounded == 2


def test_no_close_of_the_shipped_panel_is_rounded(panel: Panel) -> None:
    assert panel.rounded == 0


def test_rows_of_other_securities_are_left_out_and_counted(tmp_path: Path) -> None:
    others = [GOOD.replace("110043.SH", code) for code in ("132024.SH", "404001", "600000.SH", "登录")]
    panel = load_panel(written(tmp_path / "a.csv", HEADER, *others, GOOD))
    assert (panel.left_out, list(panel.rows(date(2024, 1, 5)))) == (4, [BondCode("110043")])


def test_rows_of_commas_at_the_end_are_none(tmp_path: Path) -> None:
    panel = load_panel(written(tmp_path / "a.csv", HEADER, GOOD, ",,,,,,", "  ", ""))
    assert sum(len(panel.rows(day)) for day in panel.dates) == 1


@pytest.mark.parametrize(
    "content", [None, b"\x1f\x8bnot gzip", gzip.compress(b"x" * 1000, mtime=0)[:20], b"date,\xff\xfe"]
)
def test_an_unreadable_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PanelError, match=r"bad\.csv"):
        load_panel(path)


def test_quotes_of_a_date_trade_at_the_recorded_close(panel: Panel) -> None:
    day = date(2026, 5, 8)
    quotes = panel_quotes(panel, day)
    assert quotes.keys() == panel.rows(day).keys()
    for code, quote in quotes.items():
        close = panel.rows(day)[code].close
        assert quote.at == datetime(2026, 5, 8, 14, 50, tzinfo=SHANGHAI)
        for side in Side:
            assert order_price(side, Known(quote), OrderSettings(), day) == Known(close)
            assert order_price(side, Known(quote), OrderSettings(type="market", slippage=Decimal(0)), day) == Known(
                close
            )
