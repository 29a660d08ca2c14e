"""The redemption table, as akshare's own code makes it from recorded responses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from core.akshare.client import Table, TableRefused
from core.bonds.tables import REDEMPTION_TABLE, read_redemptions
from core.calendar.calendar import Calendar
from core.model.bond import BondCode
from core.model.bond_info import BondFacts, BondInfo, RedemptionState
from core.model.settings import GuardSettings
from core.rules.redemption import why_not_bought
from tests.bonds.payloads import FETCHED, SPECIAL, as_akshare_makes_it, raw_redemptions, raw_row

TODAY = date(2026, 9, 11)


@pytest.fixture(scope="module")
def table() -> Table:
    return as_akshare_makes_it(raw_redemptions(), REDEMPTION_TABLE)


@pytest.fixture(scope="module")
def read(table: Table) -> dict[BondCode, BondFacts]:
    return read_redemptions(table)


def verdict(facts: BondFacts, today: date = TODAY) -> str:
    bond_info = BondInfo(facts.code, (facts,))
    return why_not_bought(bond_info, today, Calendar().sessions_between, GuardSettings()) or "sound"


@pytest.mark.parametrize(
    ("code", "call", "said"),
    [
        ("123112", RedemptionState.CALLED, "called: today is its last trading day"),
        ("123258", RedemptionState.CALLED, "called: last trading day 2026-09-29, 11 sessions away"),
        ("128134", RedemptionState.MATURING, "maturing"),
        ("123243", RedemptionState.NONE, "may be called in 3 sessions: 12 of 15 days counted"),
        ("113046", RedemptionState.CALLED, "called"),
        ("113050", RedemptionState.MET, "conditions met, undecided"),
        ("113051", RedemptionState.DECLINED, "sound"),
        ("113053", RedemptionState.UNREADABLE, "redemption status unknown: its 强赎状态 cannot be read (empty)"),
        ("127001", RedemptionState.NONE, "sound"),
    ],
)
def test_each_kind_of_row_gives_its_redemption_state(
    read: dict[BondCode, BondFacts], code: str, call: RedemptionState, said: str
) -> None:
    facts = read[BondCode(code)]
    assert facts.call is call
    assert verdict(facts).startswith(said)
    assert said == "sound" or "[jisilu 2026-09-11 23:12]" in verdict(facts)


def test_the_facts_read_for_a_called_bond(read: dict[BondCode, BondFacts]) -> None:
    facts = read[BondCode("123258")]
    assert facts.last_trade == date(2026, 9, 29)
    assert facts.maturity == date(2031, 8, 28)
    assert facts.redemption_price == Decimal("100.05")
    assert facts.counted == (17, 15)
    assert facts.balance == Decimal("449000000.00")
    assert (facts.name, facts.as_of) == ("胜例转02", FETCHED)


def test_html_is_removed_from_a_count(read: dict[BondCode, BondFacts]) -> None:
    assert read[BondCode("128134")].counted is None
    assert read[BondCode("123112")].counted == (27, 15)


COUNTS = [
    # (the count as jisilu shows it, what it says, what stands in the way of a buy)
    ("0/15 | 30", (0, 15), "sound"),
    ("至少还需15天<br>0/15｜30", (0, 15), "sound"),
    ("０／１５　｜　３０", (0, 15), "sound"),
    ("14/15｜30", (14, 15), "may be called in 1 sessions"),
    ("14／15 | 30", (14, 15), "may be called in 1 sessions"),
    ("0/15 | 30 18/20 | 30", (18, 20), "may be called in 2 sessions"),
    ("14/30", None, "redemption status unknown: its 强赎天计数 cannot be read ('14/30')"),
    ("14｜30", None, "redemption status unknown: its 强赎天计数 cannot be read"),
    ("14／30", None, "redemption status unknown"),
    ("14/0 | 30", None, "redemption status unknown"),
    ("0/150 | 30", None, "redemption status unknown"),
    ("99/15 | 30", None, "redemption status unknown"),
    ("-1/15 | 30", None, "redemption status unknown"),
    ("1.5/15 | 30", None, "redemption status unknown"),
    ("15", None, "redemption status unknown"),
    ("0", None, "redemption status unknown"),
    ("NaN", None, "redemption status unknown"),
    ("还需3天", None, "redemption status unknown"),
    ("", None, "redemption status unknown: its 强赎天计数 cannot be read (empty)"),
    (None, None, "redemption status unknown"),
    ("-", None, "redemption status unknown"),
    ("暂不公告强赎", None, "redemption status unknown"),
    ("公告不强赎", None, "redemption status unknown"),
    ("已公告强赎", None, "called"),
    ("公告要强赎<br>17/15 | 30", (17, 15), "called"),
    ("已公告提前赎回", None, "called"),
    ("已满足强赎条件", None, "conditions met, undecided"),
    ("临近到期<br>2026-09-28 最后交易", None, "maturing"),
    ("0/15 | 30 已公告 强赎", (0, 15), "called"),
    ("3/15 | 30 已公告<br>强赎", (3, 15), "called"),
    ("3/15 | 30 强赎公告已发布", (3, 15), "called"),
    ("0/15 | 30 最后交易日 2026-10-19", (0, 15), "called"),
    ("0/15 | 30 强制赎回", (0, 15), "redemption status unknown: its 强赎天计数 cannot be read ('0/15 | 30 强制赎回')"),
    ("0/15 | 30 无强赎公告", (0, 15), "redemption status unknown"),
    ("0/15 | 30 2026-10-19", (0, 15), "redemption status unknown"),
    ("0/15 | 30 call", (0, 15), "redemption status unknown"),
    ("2026-12-01 重新计<br>0/15 | 30", (0, 15), "sound"),
    ("公告不强赎<br>0/15 | 30", (0, 15), "sound"),
    ("至少 还需 15 天！<br>0/15 | 30", (0, 15), "sound"),
]


@pytest.mark.parametrize(("count", "counted", "said"), COUNTS)
def test_a_count_is_known_or_unknown_and_never_zero_by_silence(
    table: Table, count: str | None, counted: tuple[int, int] | None, said: str
) -> None:
    facts = read_redemptions(changed(table, "127001", 强赎天计数=count))[BondCode("127001")]
    assert facts.counted == counted
    assert verdict(facts).startswith(said)
    assert said == "sound" or "[jisilu 2026-09-11 23:12]" in verdict(facts)


@pytest.mark.parametrize(
    ("cells", "call"),
    [
        ({"强赎价": "100.05"}, RedemptionState.CALLED),
        ({"强赎价": "100.05", "强赎状态": None}, RedemptionState.CALLED),
        ({"强赎价": "100.05", "强赎状态": "公告不强赎"}, RedemptionState.CALLED),
        ({"最后交易日": "2026-11-20"}, RedemptionState.CALLED),
        ({"最后交易日": "2030-07-05"}, RedemptionState.MATURING),  # five days before its maturity
        ({"强赎状态": "已公告强赎（9月29日）"}, RedemptionState.CALLED),
        ({"强赎状态": "公告要强赎", "最后交易日": "9月29日"}, RedemptionState.CALLED),
        ({"强赎状态": "公告不强赎", "强赎天计数": "0/15 | 30 已公告 强赎"}, RedemptionState.CALLED),
        ({"强赎状态": "公告不强赎", "强赎天计数": "0/15 | 30 强制赎回"}, RedemptionState.UNREADABLE),
        ({"强赎状态": "公告不强赎", "强赎天计数": "已满足强赎条件! 18/15 | 30"}, RedemptionState.DECLINED),
        ({"强赎价": "0"}, RedemptionState.NONE),
        ({"强赎价": "-"}, RedemptionState.NONE),
    ],
)
def test_a_call_under_an_empty_icon_is_a_call(table: Table, cells: dict[str, Any], call: RedemptionState) -> None:
    facts = read_redemptions(changed(table, "127001", **cells))[BondCode("127001")]
    assert facts.call is call
    assert (verdict(facts) == "sound") == (call in (RedemptionState.NONE, RedemptionState.DECLINED))


def test_calls_are_known_where_no_count_can_be_read(table: Table) -> None:
    read = read_redemptions(filled("强赎天计数", None)(table))
    assert read[BondCode("123258")].call is RedemptionState.CALLED
    assert read[BondCode("123258")].last_trade == date(2026, 9, 29)
    assert read[BondCode("113051")].call is RedemptionState.DECLINED
    assert read[BondCode("127001")].call is RedemptionState.UNREADABLE


def changed(table: Table, code: str, **cells: str | None) -> Table:
    return replace(table, rows=tuple({**row, **cells} if row["代码"] == code else row for row in table.rows))


def shrunk(table: Table) -> Table:
    return replace(table, rows=table.rows[:199])


def without(column: str) -> Callable[[Table], Table]:
    def change(table: Table) -> Table:
        columns = tuple(name for name in table.columns if name != column)
        return replace(table, columns=columns, rows=tuple({n: row[n] for n in columns} for row in table.rows))

    return change


def filled(column: str, value: str | None, share: float = 1.0) -> Callable[[Table], Table]:
    def change(table: Table) -> Table:
        cut = int(len(table.rows) * share)
        rows = [{**row, column: value} if number < cut else dict(row) for number, row in enumerate(table.rows)]
        return replace(table, rows=tuple(rows))

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (shrunk, "199 rows"),
        (lambda table: replace(table, rows=table.rows[:30]), "30 rows"),
        (without("强赎状态"), "no column 强赎状态"),
        (filled("到期日", None, 0.1), "到期日 is filled in 270 of 300 rows only"),
        (filled("转股价", "<b>12</b>", 0.06), "转股价 holds '<b>12</b>', which is no figure"),
        (filled("代码", "127001", 0.01), "127001.SZ twice"),
        (filled("代码", "登录", 0.06), "'登录', which is no code"),
        (filled("强赎状态", None, 0.2), "the state of 60 bonds cannot be read"),
        (filled("最后交易日", "2099-01-01", 0.06), "trades until 2099-01-01 and matures before"),
        (filled("到期日", "soon", 0.06), "'soon', which is no day"),
    ],
)
def test_an_incomplete_table_is_refused_entirely(table: Table, change: Callable[[Table], Table], said: str) -> None:
    with pytest.raises(TableRefused, match=said.replace("|", r"\|")):
        read_redemptions(change(table))


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("强赎价", "待定", "its 强赎价 holds '待定', which is no figure"),
        ("强赎价", "1e30", "its 强赎价 holds '1e30', which is no figure"),
        ("转股价", "inf", "its 转股价 holds 'inf', which is no figure"),
        ("到期日", "soon", "its 到期日 holds 'soon', which is no day"),
        ("最后交易日", "2026-111", "its 最后交易日 holds '2026-111', which is no day"),
        ("最后交易日", "9月29日", "its 最后交易日 holds '9月29日', which is no day"),
        ("最后交易日", "2099-01-01", "127001.SZ trades until 2099-01-01 and matures before"),
        ("转股起始日", "20251301", "its 转股起始日 holds '20251301', which is no day"),
    ],
)
def test_one_cell_that_cannot_be_read_makes_its_bond_unknown_and_no_other(
    table: Table, column: str, text: str, said: str
) -> None:
    read = read_redemptions(changed(table, "127001", **{column: text}))
    assert verdict(read[BondCode("127001")]).startswith(f"redemption status unknown: {said}")
    assert verdict(read[BondCode("127002")]) == "sound"
    assert len(read) == 300


def test_a_called_bond_stays_called_where_a_cell_of_it_cannot_be_read(table: Table) -> None:
    facts = read_redemptions(changed(table, "123258", 最后交易日="9月29日"))[BondCode("123258")]
    assert (facts.call, facts.last_trade) == (RedemptionState.CALLED, None)


def test_a_row_without_a_code_is_dropped_alone(table: Table) -> None:
    assert len(read_redemptions(changed(table, "127001", 代码="登录"))) == 299


@pytest.mark.slow
def test_a_table_limited_to_30_rows_for_guests_is_refused() -> None:
    guest = as_akshare_makes_it(raw_redemptions(count=30), REDEMPTION_TABLE)
    with pytest.raises(TableRefused, match="30 rows, 200 are the least"):
        read_redemptions(guest)


def test_a_bond_of_another_market_is_skipped() -> None:
    special: list[dict[str, Any]] = [*SPECIAL, raw_row("132026"), raw_row("404001"), raw_row("117186")]
    read = read_redemptions(as_akshare_makes_it(raw_redemptions(special=special), REDEMPTION_TABLE))
    assert len(read) == 297
