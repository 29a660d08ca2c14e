"""The rehearsal against an independent recomputation, and the laws it checks on itself."""

import asyncio
import csv
import gzip
import json
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from core.brokers.paper import PaperBroker
from core.model.account import Asset
from core.model.bond import BondCode
from core.model.known import Known
from core.model.settings import Fee, Fees, Settings
from core.sandbox.panel import Panel, load_panel
from core.sandbox.rehearsal import RehearsalReport, rehearse
from core.trading.journal import Journal
from tests.cli.command import rotor
from tui.cli.offline import rehearse_panel

FREE = Fees(sh=Fee(rate=Decimal(0), minimum=Decimal(0)), sz=Fee(rate=Decimal(0), minimum=Decimal(0)))
SHIPPED = files("core.sandbox").joinpath("data/cb_weekly_2024_2026.csv.gz")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return load_panel()


def play(panel: Panel, capital: str, settings: Settings | None = None, end: date | None = None) -> RehearsalReport:
    return asyncio.run(rehearse(panel, settings or Settings(), top=10, capital=Decimal(capital), end=end))


@pytest.fixture(scope="module")
def whole_run(panel: Panel) -> RehearsalReport:
    """Every date of the shipped panel, without fees."""
    return play(panel, "100000000", Settings(fees=FREE))


def recomputed_equity(top: int, capital: float) -> dict[str, float]:
    """The rule of the rehearsal as a plain pandas loop, in fractions of a bond and without fees."""
    import pandas as pd

    with SHIPPED.open("rb") as file:
        frame: Any = pd.read_csv(file, compression="gzip")
    frame["score"] = frame["close"] + frame["premium_pct"]
    last_row = frame.groupby("code")["date"].max()
    cash = capital
    held: dict[str, float] = {}
    last_close: dict[str, float] = {}
    equity: dict[str, float] = {}
    for day, rows in frame.groupby("date"):
        close = rows.set_index("code")["close"]
        last_close.update(close.to_dict())
        for code in [code for code in held if last_row[code] < day]:
            cash += held.pop(code) * last_close[code]
        ranked = rows[(rows["years_to_maturity"] >= 0.5) & rows["score"].notna()]
        chosen = list(ranked.sort_values(["score", "code"])["code"][:top])
        for code in [code for code in held if code not in chosen and code in close.index]:
            cash += held.pop(code) * close[code]
        joined = [code for code in chosen if code not in held]
        for code in joined:
            held[code] = cash / len(joined) / close[code]
        cash = 0.0 if joined else cash
        equity[str(day)] = cash + sum(volume * last_close[code] for code, volume in held.items())
    return equity


@pytest.mark.slow
def test_the_equity_line_equals_an_independent_recomputation(whole_run: RehearsalReport) -> None:
    expected = recomputed_equity(10, 1e8)
    assert [day.isoformat() for day, _ in whole_run.equity] == list(expected)
    off = [abs(float(value) / expected[day.isoformat()] - 1) for day, value in whole_run.equity]
    assert max(off) < 0.003
    assert whole_run.left_market > 0


@pytest.mark.slow
def test_a_run_over_the_shipped_panel_breaks_no_law(whole_run: RehearsalReport) -> None:
    assert_lawful(whole_run, 119)


def test_a_run_over_thirty_dates_with_fees_breaks_no_law(panel: Panel) -> None:
    with_fees = play(panel, "1000000", end=panel.dates[29])
    assert_lawful(with_fees, 30)
    assert with_fees.fees > 0


def assert_lawful(report: RehearsalReport, dates: int) -> None:
    assert report.violations == []
    assert len(report.dates) == dates
    assert report.orders == report.fills
    assert report.rejected == 0


def test_the_run_detects_a_broker_whose_holdings_differ(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a broker that books one lot too few of each buy must be reported as a violation."""
    trade = PaperBroker._trade

    def lose_a_lot(self: PaperBroker, fill: Any, released: Decimal) -> None:
        trade(self, fill, released)
        holding = self._store.holdings.get(fill.code)
        if holding is not None and holding.volume > 10:
            self._store.set_holding(fill.code, type(holding)(holding.volume - 10, holding.cost, holding.last))

    monkeypatch.setattr(PaperBroker, "_trade", lose_a_lot)
    assert "ledger and the broker differ in [('" in the_breach(panel)


def test_the_run_detects_negative_cash(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    async def poor(_: PaperBroker) -> Known[Asset]:
        return Known(Asset(Decimal(-1), Decimal(0), Decimal(0)))

    monkeypatch.setattr(PaperBroker, "asset", poor)
    assert the_breach(panel) == "2024-01-05: cash is below zero: -1, frozen 0"


def test_the_run_detects_a_bond_ordered_twice(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    of_day = Journal.of_day
    monkeypatch.setattr(Journal, "of_day", lambda self, day: of_day(self, day) * 2)
    assert the_breach(panel) == "2024-01-05: 123096.SZ was ordered twice"


def test_the_run_detects_an_order_not_filled_completely(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    change_matches(monkeypatch, lambda volume, price: (10, price))
    assert the_breach(panel) == "2024-01-05: 123096.SZ: 10 filled of 9790"


def test_the_run_detects_a_fill_at_another_price(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    change_matches(monkeypatch, lambda volume, price: (volume, price - Decimal("0.001")))
    assert the_breach(panel) == "2024-01-05: 123096.SZ: not filled at the recorded close"


def the_breach(panel: Panel) -> str:
    """The one violation of a first date on which one bond is bought."""
    report = asyncio.run(rehearse(panel, Settings(), top=1, capital=Decimal(1_000_000), end=panel.dates[0]))
    (breach,) = report.violations
    return breach


def change_matches(monkeypatch: pytest.MonkeyPatch, change: Callable[[int, Decimal], tuple[int, Decimal]]) -> None:
    available = PaperBroker._available

    def changed(self: PaperBroker, order: Any, quote: Any) -> Any:
        match = available(self, order, quote)
        return match and change(*match)

    monkeypatch.setattr(PaperBroker, "_available", changed)


@pytest.mark.slow
def test_time_grows_linearly_with_dates(panel: Panel) -> None:
    """Twice the dates in at most three times the time: a quadratic step would take four."""

    def seconds(end: date) -> float:
        started = time.process_time()
        play(panel, "1000000", end=end)
        return time.process_time() - started

    half, whole = panel.dates[len(panel.dates) // 2 - 1], panel.dates[-1]
    play(panel, "1000000", end=panel.dates[3])
    assert seconds(whole) < 3 * seconds(half)


def write_panel(path: Path, rows: list[tuple[str, str, str, str, str]]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("date", "code", "close", "premium_pct", "conversion_value", "years_to_maturity", "rating"))
        writer.writerows((day, code, close, premium, "90", years, "AA") for day, code, close, premium, years in rows)
    return path


def test_delistings_gaps_ties_and_new_bonds_follow_the_rule(tmp_path: Path) -> None:
    rows = [
        ("2026-05-08", "113001.SH", "100", "10", "2"),
        ("2026-05-08", "123001.SZ", "105", "5", "2"),  # ties with 113001 at 110: the lower code wins
        ("2026-05-08", "127001.SZ", "90", "10", "0.4"),  # lowest of all, too near its maturity
        ("2026-05-11", "123001.SZ", "110", "5", "2"),
        ("2026-05-12", "113001.SH", "120", "10", "2"),
        ("2026-05-12", "123001.SZ", "111", "5", "2"),
        ("2026-05-13", "123001.SZ", "112", "5", "2"),
    ]
    panel = load_panel(write_panel(tmp_path / "small.csv.gz", rows))
    report = asyncio.run(rehearse(panel, Settings(fees=FREE), top=1, capital=Decimal(100_000)))
    traded = [(str(fill.trading_day), fill.side, fill.code, fill.volume) for fill in report.fill_rows]
    assert traded == [
        ("2026-05-08", "buy", "113001.SH", 1000),
        # 05-11: 113001 has no row, so it cannot be sold, and no cash is left for 123001
        ("2026-05-12", "sell", "113001.SH", 1000),
        ("2026-05-12", "buy", "123001.SZ", 1080),
    ]
    assert report.violations == []
    assert report.equity[1][1] == Decimal(100_000)
    assert report.equity[-1][1] == Decimal(120_000) + 1080


def test_a_holding_whose_rows_end_is_closed_at_its_last_close(tmp_path: Path) -> None:
    rows = [
        ("2026-05-08", "113001.SH", "100", "10", "2"),
        ("2026-05-11", "113001.SH", "104", "10", "2"),
        ("2026-05-12", "123001.SZ", "111", "5", "2"),
    ]
    panel = load_panel(write_panel(tmp_path / "small.csv.gz", rows))
    report = asyncio.run(rehearse(panel, Settings(fees=FREE), top=1, capital=Decimal(100_000)))
    assert report.left_market == 1
    assert [(fill.side, fill.code) for fill in report.fill_rows] == [("buy", BondCode("113001")), ("buy", "123001.SZ")]
    assert report.equity[-1][1] == Decimal(104_000)


def test_the_command_prints_one_json_document_and_exports(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = rotor("rehearse", "--to", "2024-02-29", "--json", "--export", str(out))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["violations"] == []
    assert document["sessions"] == len(document["equity"])
    assert {"from", "to", "orders", "fills", "rejected", "turnover", "fees", "capital", "equity_end"} <= set(document)
    assert {"total_return", "annualized_return", "max_drawdown", "sharpe"} <= set(document)
    assert document["total_return"] == pytest.approx(document["equity_end"] / document["capital"] - 1)
    fills = (out / "fills.csv").read_text(encoding="utf-8").splitlines()
    assert len(fills) == document["fills"] + 1


def test_closes_off_the_tick_are_rounded_and_said(tmp_path: Path) -> None:
    rows = [("2026-05-08", "113001.SH", "100.0004", "10", "2"), ("2026-05-11", "113001.SH", "104.00049", "10", "2")]
    panel = write_panel(tmp_path / "vendor.csv.gz", rows)
    said = rotor("rehearse", "--panel", str(panel), "--top", "1")
    assert said.returncode == 0, said.stderr
    assert "2 closes of the panel were off the tick of 0.001 CNY and were rounded to it." in said.stdout
    document = json.loads(rotor("rehearse", "--panel", str(panel), "--top", "1", "--json").stdout)
    assert (document["rounded_closes"], document["orders"], document["violations"]) == (2, 1, [])


def test_a_file_that_is_no_panel_is_refused_with_its_line(tmp_path: Path) -> None:
    bad = write_panel(tmp_path / "bad.csv.gz", [("2026-05-08", "600000.SH", "100", "10", "2")])
    done = rotor("rehearse", "--panel", str(bad))
    assert done.returncode == 1
    assert "line 2" in done.stderr
    assert "600000" in done.stderr


@pytest.mark.parametrize("capital", ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-1", "1e300"])
def test_an_invalid_capital_is_refused(capital: str) -> None:
    with pytest.raises(ValueError, match=r"the capital is .*: it must be above zero and at most 1,000,000,000,000 CNY"):
        rehearse_panel(
            Settings(),
            panel_file=None,
            top=1,
            capital=Decimal(capital),
            start=None,
            end=date(2024, 1, 5),
            advance=lambda done, total: None,
            export=None,
        )


def test_a_run_over_no_date_is_refused(panel: Panel) -> None:
    with pytest.raises(ValueError, match="reaches from 2024-01-05 to 2026-05-15: no date of it was asked for"):
        play(panel, "1000000", end=date(2024, 1, 4))


def test_dates_outside_the_panel_are_refused() -> None:
    done = rotor("rehearse", "--from", "2030-01-01")
    assert done.returncode == 1
    assert "the panel reaches from 2024-01-05 to 2026-05-15" in done.stderr
