"""The gate before a list is traded; each guard is shown to hold and, loosened, to let the same list pass."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from core.model.bond import BondCode
from core.model.platform import Selected, Selection
from core.model.settings import GuardSettings, Settings
from core.model.time import SHANGHAI
from core.rules.selection import check_selection

TODAY = date(2026, 5, 15)
YESTERDAY = date(2026, 5, 14)
BONDS = [f"{number}.SH" for number in range(113001, 113041)]


def make(codes: list[str], day: date = TODAY, strategy: int = 7, history: int = 42) -> Selection:
    bonds = tuple(Selected(BondCode(code), code, None) for code in codes)
    return Selection(strategy, history, day, bonds, datetime(2026, 5, 15, 14, 30, tzinfo=SHANGHAI))


def guards(turnover: str = "1", shortest: str = "0.5") -> GuardSettings:
    return GuardSettings(max_turnover_ratio=Decimal(turnover), min_list_ratio=Decimal(shortest))


def checked(selection: Selection, last: Selection | None, day: date, guarded: GuardSettings) -> str | None:
    """The check of a list that must have the date `day`."""
    return check_selection(selection, last, (day,), Settings(guards=guarded))


def test_a_fresh_list_passes() -> None:
    assert checked(make(BONDS[:20]), None, TODAY, guards()) is None
    assert checked(make(BONDS[:20]), make(BONDS[:20], YESTERDAY), TODAY, guards()) is None


def test_a_stale_list_names_both_dates() -> None:
    stale = make(BONDS[:20], date(2026, 4, 24))
    refusal = checked(stale, None, TODAY, guards())
    assert refusal is not None
    assert "stale" in refusal
    assert "2026-04-24" in refusal
    assert "2026-05-15" in refusal
    assert checked(stale, None, date(2026, 4, 24), guards()) is None


def test_a_list_from_the_future() -> None:
    refusal = checked(make(BONDS[:20], date(2026, 5, 18)), None, TODAY, guards())
    assert refusal is not None
    assert "later" in refusal
    assert "2026-05-18" in refusal


def test_a_truncated_list() -> None:
    last = make(BONDS[:20], YESTERDAY)
    refusal = checked(make(BONDS[:1]), last, TODAY, guards())
    assert refusal is not None
    assert "too short: 1 bonds, after 20" in refusal
    assert checked(make(BONDS[:9]), last, TODAY, guards()) is not None
    assert checked(make(BONDS[:10]), last, TODAY, guards()) is None, "exactly the share is enough"
    assert checked(make(BONDS[:1]), last, TODAY, guards(shortest="0")) is None


def test_a_list_that_changes_too_much() -> None:
    last = make(BONDS[:20], YESTERDAY)
    refusal = checked(make(BONDS[11:31]), last, TODAY, guards(turnover="0.5"))
    assert refusal is not None
    assert "11 of its 20 bonds (55.0%)" in refusal
    assert "allows 50.0%" in refusal
    assert checked(make(BONDS[10:30]), last, TODAY, guards(turnover="0.5")) is None, "exactly the share"
    assert checked(make(BONDS[20:40]), last, TODAY, guards()) is None, "the whole list may change by default"


@pytest.mark.parametrize(("strategy", "history"), [(8, 42), (7, 43)])
def test_the_list_of_another_record_is_not_compared(strategy: int, history: int) -> None:
    last = make(BONDS[:20], YESTERDAY, strategy, history)
    assert checked(make(BONDS[30:31]), last, TODAY, guards(turnover="0.1")) is None
    assert checked(make(BONDS[30:31], YESTERDAY), last, TODAY, guards()) is not None


def test_an_old_date_is_reported_first() -> None:
    refusal = checked(make(BONDS[:1], YESTERDAY), make(BONDS[:20], YESTERDAY), TODAY, guards())
    assert refusal is not None
    assert "stale" in refusal
