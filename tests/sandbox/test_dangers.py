"""The recorded 15 May 2026: what a naive double-low would buy, and what of it must not be bought."""

from dataclasses import replace
from datetime import datetime

import pytest

from core.bonds.eligibility import Eligibility
from core.calendar.calendar import Calendar
from core.infra.clock import SteppedClock
from core.model.bond import BondCode
from core.model.known import Known
from core.model.plan import Plan
from core.model.settings import GuardSettings, Settings
from core.model.time import SHANGHAI
from core.rules.plan_input import PlanInput
from core.rules.planner import plan_rebalance
from core.sandbox.bonds import SandboxBondInfo
from core.sandbox.market import SandboxMarket
from core.sandbox.recorded import SandboxData
from core.sandbox.strategies import Family, Rule, rank
from tests.worlds import selection, situation

NOON = datetime(2026, 5, 15, 10, 30, tzinfo=SHANGHAI)
TOP = 20

MUST_NOT = {
    "128044.SZ": "its trading ended on 2024-08-08",  # in default, stale at 71.372
    "127033.SZ": "its trading ended on 2025-09-16",  # suspended
    "128121.SZ": "matures on 2026-07-17, in 63 days",
    "113588.SH": "matures on 2026-06-17, in 33 days",
    "127041.SZ": "matures on 2026-07-12, in 58 days",
    "111013.SH": "called: last trading day 2026-05-28",
}


def situation_of(data: SandboxData, guards: GuardSettings) -> PlanInput:
    clock = SteppedClock(NOON)
    market = SandboxMarket(clock, data)
    codes = rank(Rule(Family.DOUBLE_LOW), market.rows_for_ranking(NOON.date()), TOP)
    dangers = Eligibility(SandboxBondInfo(data), Calendar(), guards, clock)
    made = situation(selection(*codes, day=NOON.date()), {code: market.quote(code, NOON) for code in codes})
    return replace(made, now=NOON, barred=dangers.not_buyable(codes))


def plan_of(data: SandboxData, guards: GuardSettings | None = None) -> Plan:
    guards = guards or GuardSettings()
    made = situation_of(data, guards)
    return plan_rebalance(made, Settings(guards=guards))


def test_dangerous_bonds_of_the_naive_list_are_blocked_and_sound_ones_are_not(
    data: SandboxData,
) -> None:
    plan = plan_of(data)
    reasons = {str(row.code): row.reason for row in plan.blocked if "buys no lot" not in row.reason}
    assert set(reasons) >= set(MUST_NOT)
    for code, said in MUST_NOT.items():
        assert reasons[code].startswith(said)
        assert "[sandbox 2026-05-15 09:00]" in reasons[code]
    for code in set(reasons) - set(MUST_NOT):
        bond = data.bonds[BondCode(code)]
        assert bond.turnover == 0 or bond.called or (bond.matures - NOON.date()).days < 180, (code, reasons[code])
    for leg in plan.buys:
        bond = data.bonds[leg.code]
        assert bond.turnover > 0
        assert not bond.called
        assert (bond.matures - NOON.date()).days >= 180
    assert len(plan.buys) + len(plan.blocked) == TOP


@pytest.mark.parametrize("code", ["128121.SZ", "113588.SH", "127041.SZ", "111013.SH"])
def test_without_the_guard_a_dangerous_bond_is_bought(data: SandboxData, code: str) -> None:
    made = situation_of(data, GuardSettings())
    unguarded = plan_rebalance(replace(made, barred={}), Settings())
    assert code in {leg.code for leg in unguarded.buys}
    assert isinstance(made.quotes[BondCode(code)], Known)
