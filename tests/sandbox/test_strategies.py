"""The lists and the backtests against independent recomputations from the raw files."""

import csv
import gzip
import io
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib.resources import files

import pytest

from core.model.bond import BondCode
from core.sandbox.panel import Panel, load_panel
from core.sandbox.prices import RECORDED_DAY
from core.sandbox.recorded import SandboxData
from core.sandbox.strategies import SIZES, Backtest, Family, RecipeStops, Rule, backtest, catalogue, rank, rankings

Record = dict[str, str]
GOOD_RATINGS = ("AAA", "AA+", "AA", "AA-")


@pytest.fixture(scope="module")
def raw() -> dict[str, list[Record]]:
    """The lines of the shipped panel by date, as text."""
    packed = files("core.sandbox").joinpath("data/cb_weekly_2024_2026.csv.gz").read_bytes()
    by_date: dict[str, list[Record]] = {}
    for line in csv.DictReader(io.StringIO(gzip.decompress(packed).decode())):
        by_date.setdefault(line["date"], []).append(line)
    return by_date


def lowest(lines: list[Record], score: Callable[[Record], float], size: int) -> list[str]:
    known = [line for line in lines if line["premium_pct"]]
    return [line["code"] for line in sorted(known, key=lambda line: (score(line), line["code"]))[:size]]


SCORES: dict[Family, Callable[[Record], float]] = {
    Family.DOUBLE_LOW: lambda line: float(line["close"]) + float(line["premium_pct"]),
    Family.LOW_PREMIUM: lambda line: float(line["premium_pct"]),
    Family.LOW_PRICE: lambda line: float(line["close"]),
}


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("day", ["2024-04-26", "2025-06-13", "2026-05-15"])
def test_plain_lists(panel: Panel, raw: dict[str, list[Record]], family: Family, day: str) -> None:
    expected = lowest(raw[day], SCORES[family], 30)
    assert list(rank(Rule(family), panel.rows(date.fromisoformat(day)), 30)) == expected


@pytest.mark.parametrize("family", Family)
def test_filtered_lists(panel: Panel, raw: dict[str, list[Record]], family: Family) -> None:
    day = "2024-04-26"
    lines = [
        line
        for line in raw[day]
        if float(line["years_to_maturity"]) >= 0.5
        and line["rating"] in GOOD_RATINGS
        and float(line["close"]) < 130
        and line["premium_pct"]
        and float(line["premium_pct"]) < 30
    ]
    rule = Rule(family, min_years=0.5, rated=True, max_price=130, max_premium=30)
    assert list(rank(rule, panel.rows(date.fromisoformat(day)), 30)) == lowest(lines, SCORES[family], 30)


def test_ties_go_by_code(panel: Panel) -> None:
    day = panel.dates[0]
    row = next(iter(panel.rows(day).values()))
    codes = [BondCode(code) for code in ("123225", "110073", "127033")]
    assert rank(Rule(Family.DOUBLE_LOW), dict.fromkeys(codes, row), 2) == (codes[1], codes[0])


def test_an_unknown_figure_excludes_a_bond_from_filters_that_need_it(panel: Panel) -> None:
    row = next(iter(panel.rows(panel.dates[0]).values()))
    code = BondCode("110073")
    for family in Family:
        assert rank(Rule(family), {code: row._replace(premium=None)}, 5) == ()
    assert rank(Rule(Family.LOW_PRICE), {code: row._replace(years=None)}, 5) == (code,)
    assert rank(Rule(Family.LOW_PRICE, min_years=0.5), {code: row._replace(years=None)}, 5) == ()
    assert rank(Rule(Family.LOW_PRICE, rated=True), {code: row._replace(rating="")}, 5) == ()


def test_strategies_are_paged() -> None:
    strategies = catalogue()
    assert len(strategies) > 20
    assert strategies[0].id == 1
    assert strategies[0].rule == Rule(Family.DOUBLE_LOW)
    assert strategies[0].rule.name == "Double-low"
    assert len({strategy.rule for strategy in strategies}) == len(strategies)
    assert {strategy.rule.family for strategy in strategies} == set(Family)
    records = [record for strategy in strategies for record in strategy.records]
    assert len({record.id for record in records}) == len(records)
    for strategy in strategies:
        assert len(strategy.records) > 20
        assert {record.size for record in strategy.records} == set(SIZES)
        assert {record.stops is None for record in strategy.records} == {True, False}


def test_today_s_plain_double_low_contains_the_dangerous_bonds(data: SandboxData) -> None:
    rows = {code: bond.figures for code, bond in data.bonds.items()}
    listed = rank(catalogue()[0].rule, rows, 5)
    assert listed[0] == BondCode("128044")
    assert listed[2] == BondCode("127033")
    for code in (listed[0], listed[2]):
        assert data.bonds[code].turnover == 0
    assert data.traded_on(data.bonds[listed[0]]) < data.traded_on(data.bonds[listed[2]]) < RECORDED_DAY


def plain_loop(
    raw: dict[str, list[Record]], size: int, stops: tuple[float, float] | None
) -> tuple[list[float], list[float]]:
    """The double-low backtest once more, from text: the line of equity and the gains of the closed holdings."""
    last_seen = {line["code"]: day for day, lines in raw.items() for line in lines}
    equity, gains = [1.0], []
    bought: dict[str, float] = {}
    price: dict[str, float] = {}
    for number, (day, lines) in enumerate(sorted(raw.items())):
        today = {line["code"]: float(line["close"]) for line in lines}
        if number:
            equity.append(
                equity[-1] * (1 + sum(today.get(code, price[code]) / price[code] - 1 for code in bought) / size)
            )
        price |= today
        out = {code for code in bought if last_seen[code] < day}
        hit = set()
        if stops is not None:
            up, down = 1 + Decimal(str(stops[0])), 1 - Decimal(str(stops[1]))
            exact = {code: Decimal(str(price[code])) / Decimal(str(bought[code])) for code in bought if code in today}
            hit = {code for code, ratio in exact.items() if ratio >= up or ratio <= down}
        chosen = lowest(lines, SCORES[Family.DOUBLE_LOW], size)
        out |= hit | {code for code in bought if code in today and code not in chosen}
        gains += [price[code] / bought.pop(code) - 1 for code in sorted(out)]
        for code in chosen:
            if code not in bought and code not in hit and len(bought) < size:
                bought[code] = today[code]
    return equity, gains


@pytest.mark.parametrize(
    ("size", "stops"), [(10, None), (30, None), (5, RecipeStops(0.1, 0.05)), (20, RecipeStops(0.3, 0.15))]
)
def test_the_backtest_equals_a_simple_loop(
    panel: Panel, raw: dict[str, list[Record]], size: int, stops: RecipeStops | None
) -> None:
    result = backtest(panel, rankings(panel, Rule(Family.DOUBLE_LOW)), size, stops)
    equity, gains = plain_loop(raw, size, stops)
    assert [day.isoformat() for day, _ in result.equity] == sorted(raw)
    assert [value for _, value in result.equity] == pytest.approx(equity)
    assert result.closed == len(gains)
    assert result.win_rate == pytest.approx(sum(gain > 0 for gain in gains) / len(gains))
    assert result.strategy_return == pytest.approx(equity[-1] - 1)
    days = (date(2026, 5, 15) - date(2024, 1, 5)).days
    assert result.annualized_return == pytest.approx(equity[-1] ** (365 / days) - 1)
    assert result.max_drawdown == pytest.approx(
        1 - min(value / max(equity[: at + 1]) for at, value in enumerate(equity))
    )


def tiny(tmp_path_factory: pytest.TempPathFactory, *closes: tuple[str, dict[str, float]]) -> Panel:
    path = tmp_path_factory.mktemp("panel") / "tiny.csv"
    lines = ["date,code,close,premium_pct,conversion_value,years_to_maturity,rating"]
    lines += [f"{day},{code},{close},0,100,3,AA" for day, prices in closes for code, close in prices.items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    return load_panel(path)


def lows(panel: Panel, size: int, stops: RecipeStops | None = None) -> Backtest:
    return backtest(panel, rankings(panel, Rule(Family.LOW_PRICE)), size, stops)


def test_a_bond_whose_rows_end_is_sold_at_its_last_close(tmp_path_factory: pytest.TempPathFactory) -> None:
    panel = tiny(
        tmp_path_factory,
        ("2024-01-05", {"110001": 100, "110002": 102, "110003": 120}),
        ("2024-01-12", {"110001": 110, "110002": 102, "110003": 120}),
        ("2024-01-19", {"110002": 102, "110003": 132}),
    )
    result = lows(panel, 2)
    assert [value for _, value in result.equity] == pytest.approx([1, 1.05, 1.05])
    assert (result.closed, result.won) == (1, 1)


def test_a_gap_in_the_rows_is_not_their_end(tmp_path_factory: pytest.TempPathFactory) -> None:
    panel = tiny(
        tmp_path_factory,
        ("2024-01-05", {"110001": 100, "110002": 120}),
        ("2024-01-12", {"110002": 120}),
        ("2024-01-19", {"110001": 110, "110002": 120}),
    )
    result = lows(panel, 1)
    assert [value for _, value in result.equity] == pytest.approx([1, 1, 1.1])
    assert result.closed == 0
    assert result.win_rate is None


def test_a_stopped_bond_is_not_bought_back_the_same_day(tmp_path_factory: pytest.TempPathFactory) -> None:
    panel = tiny(
        tmp_path_factory,
        ("2024-01-05", {"110001": 100, "110002": 120}),
        ("2024-01-12", {"110001": 90, "110002": 120}),
        ("2024-01-19", {"110001": 99, "110002": 120}),
        ("2024-01-26", {"110001": 108.9, "110002": 120}),
    )
    result = lows(panel, 1, RecipeStops(take_profit=0.5, stop_loss=0.1))
    assert [value for _, value in result.equity] == pytest.approx([1, 0.9, 0.9, 0.99])
    assert (result.closed, result.won) == (1, 0)


def test_one_record_is_computed_fast(panel: Panel) -> None:
    rule = replace(catalogue()[0].rule, min_years=0.5)
    began = time.process_time()
    backtest(panel, rankings(panel, rule), 30, RecipeStops(0.1, 0.05))
    assert time.process_time() - began < 0.5  # about 0.03 s where nothing else runs
