"""`rotor plan --json` and `rotor status --json` say of a bond what the Plan and Positions screens show of it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.model.bond import BondCode
from core.model.redemption import RedemptionState
from tests.cli.command import rotor
from tests.tui.samples import NOW, code, plan, snapshot
from tests.tui.screen import press, shown
from tests.tui.scripted import ScriptedLink
from tui.cli.bond_figures import bonds_document, bonds_of_plan
from tui.screens.metrics_text import METRIC_COUNT
from tui.widgets.table import LiveTable

_CALLS = {RedemptionState.CALLED: "called", RedemptionState.MATURING: "ends", RedemptionState.DECLINED: "no call"}


def as_shown(row: Mapping[str, Any]) -> list[str]:
    """The eight figures of a row of JSON as the columns write them."""

    def text(key: str, form: str, factor: int = 1) -> str:
        return "--" if row[key] is None else format(Decimal(str(row[key])) * factor, form)

    count = "--" if row["days_met"] is None else f"{row['days_met']}/{row['days_needed']}"
    mark = "" if row["premium_live"] else "~"
    return [
        "--" if row["premium"] is None else f"{mark}{text('premium', ',.2f', 100)}%",
        "--" if row["double_low"] is None else f"{mark}{text('double_low', ',.2f')}",
        _CALLS.get(row["redemption"], count),
        row["rating"] or "--",
        "--" if row["remaining_size"] is None else format(Decimal(row["remaining_size"]) / 10**8, ",.2f"),
        row["share_name"] or "--",
        "--" if row["share_change"] is None else f"{Decimal(str(row['share_change'])) * 100:+.2f}%",
        row["maturity"] or "--",
    ]


@pytest.mark.parametrize(("table", "keys"), [("plan-table", ("3", "r")), ("positions-table", ("4",))])
async def test_the_screen_and_json_agree(table: str, keys: tuple[str, ...]) -> None:
    rows = {row["code"]: row for row in bonds_document(snapshot())["rows"]}
    async with shown(ScriptedLink(snapshot())) as (app, pilot):
        await press(pilot, *keys)
        seen = app.query_one(f"#{table}", LiveTable)
        labels = [str(column.label) for column in seen.columns]
        first, code_at = labels.index("Premium"), labels.index("Code")
        bonds = [row for row in seen.rows if not row.heading]
        for bond in bonds:
            told = [cell.text for cell in bond.cells[first : first + METRIC_COUNT]]
            assert told == as_shown(rows[bond.cells[code_at].text])
        assert len(bonds) >= 6


def test_what_is_not_known_is_null() -> None:
    """Of the sixth bond of the samples no table says anything."""
    (row,) = bonds_document(snapshot(), [code(5)])["rows"]
    known = {key: value for key, value in row.items() if value is not None}
    assert known == {"code": str(code(5)), "premium_live": False}


def test_a_premium_that_is_not_live_names_its_source() -> None:
    (table, live) = bonds_document(snapshot(), [code(4), code(0)])["rows"]
    assert (table["premium"], table["premium_live"], table["premium_source"]) == (0.2141, False, "jisilu")
    assert table["premium_at"] == "2026-05-06T13:02:00+08:00"
    assert (live["premium_live"], live["premium_source"]) == (True, None)


def test_a_bond_without_figures_is_named() -> None:
    document = bonds_document(snapshot(), [code(0), BondCode("113999")])
    assert [row["code"] for row in document["rows"]] == [str(code(0))]
    assert document["why"] == "no figures yet of 113999.SH"
    assert document["at"] == NOW.isoformat()


def test_the_figures_are_those_of_the_snapshot_that_has_the_plan() -> None:
    link = ScriptedLink(snapshot(plan=plan()))
    document = bonds_of_plan(link, plan())
    assert document["why"] is None
    assert [row["code"] for row in document["rows"]] == [str(bond) for bond in plan().codes]


def test_a_plan_that_the_engine_does_not_show_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.cli.bond_figures._PLAN_SECONDS", 0.1)
    link = ScriptedLink(replace(snapshot(), terms=(), figures=()))
    assert bonds_of_plan(link, plan())["rows"] == []


def test_without_an_engine_the_reason_is_told(tmp_path: Path) -> None:
    assert rotor("--home", str(tmp_path), "config", "init").returncode == 0
    status = json.loads(rotor("--home", str(tmp_path), "status", "--json", ROTOR_LANGUAGE="zh").stdout)
    assert status["bonds"]["rows"] is None
    assert status["bonds"]["why"] == "no running engine answers: premiums need its prices"


def test_a_plan_of_the_sandbox_has_its_figures(tmp_path: Path) -> None:
    made = json.loads(rotor("--home", str(tmp_path), "--mode", "sandbox", "plan", "--json").stdout)
    rows = {row["code"]: row for row in made["bonds"]["rows"]}
    assert made["bonds"]["why"] is None
    assert {leg["code"] for leg in made["legs"]} <= set(rows)
    assert all(row["premium"] is not None and row["maturity"] for row in rows.values())
