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
        ("113053", RedemptionState.UNREADABLE, "redemption status unknown: it cannot be read"),
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
        (filled("转股价", "<b>12</b>", 0.01), "转股价 holds '<b>12</b>', which is no figure"),
        (filled("代码", "127001", 0.01), "127001.SZ twice"),
        (filled("代码", "登录", 0.01), "'登录', which is no code"),
        (filled("强赎状态", None, 0.2), "the state of 60 bonds cannot be read"),
        (filled("最后交易日", "2099-01-01", 0.01), "trades until 2099-01-01 and matures before"),
        (filled("到期日", "soon", 0.01), "'soon', which is no day"),
    ],
)
def test_an_incomplete_table_is_refused_entirely(table: Table, change: Callable[[Table], Table], said: str) -> None:
    with pytest.raises(TableRefused, match=said.replace("|", r"\|")):
        read_redemptions(change(table))


def test_a_table_limited_to_30_rows_for_guests_is_refused() -> None:
    guest = as_akshare_makes_it(raw_redemptions(count=30), REDEMPTION_TABLE)
    with pytest.raises(TableRefused, match="30 rows, 200 are the least"):
        read_redemptions(guest)


def test_a_bond_of_another_market_is_skipped() -> None:
    special: list[dict[str, Any]] = [*SPECIAL, raw_row("132026"), raw_row("404001"), raw_row("117186")]
    read = read_redemptions(as_akshare_makes_it(raw_redemptions(special=special), REDEMPTION_TABLE))
    assert len(read) == 297
