"""A bond around its listing: bought only when it has traded for long enough."""

from datetime import date, datetime, timedelta

import pytest

from core.model.bond import BondCode
from core.model.bond_info import BondFacts, BondInfo, RedemptionState
from core.model.settings import GuardSettings
from core.model.time import SHANGHAI
from core.rules.redemption import why_not_bought

CODE, TODAY = BondCode("113001.SH"), date(2026, 5, 15)
GUARDS = GuardSettings(min_days_listed=5)


def verdict(listed: date) -> str | None:
    asked = datetime(2026, 5, 15, 9, tzinfo=SHANGHAI)
    facts = BondFacts(CODE, "test", asked, call=RedemptionState.NONE, listed=listed)
    return why_not_bought(BondInfo(CODE, (facts,)), TODAY, lambda first, last: (last - first).days, GUARDS)


@pytest.mark.parametrize(
    ("days_ago", "told"),
    [
        (-3, "listed only from 2026-05-18"),
        (0, "listed on 2026-05-15, 0 sessions ago (guards.min_days_listed = 5)"),
        (5, "listed on 2026-05-10, 5 sessions ago"),
        (6, None),
    ],
)
def test_a_bond_before_and_after_its_listing(days_ago: int, told: str | None) -> None:
    found = verdict(TODAY - timedelta(days=days_ago))
    assert found is None if told is None else str(found).startswith(told)
