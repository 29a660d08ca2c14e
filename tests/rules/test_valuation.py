"""Conversion value, premium and double-low, and by whose prices."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.bond import BondCode
from core.model.bond_info import BondFacts, BondInfo
from core.model.bond_metrics import SharePrice
from core.model.quote import Quote
from core.model.redemption import RedemptionState
from core.model.time import SHANGHAI
from core.rules.valuation import conversion_value, double_low, figures, premium, share_code, terms

CODE = BondCode("113052")
NOON = datetime(2026, 9, 18, 11, 0, tzinfo=SHANGHAI)
TABLED = datetime(2026, 9, 18, 9, 0, tzinfo=SHANGHAI)

prices = st.decimals(Decimal("0.01"), Decimal(9999), places=2)


def told(source: str = "jisilu", as_of: datetime = TABLED, **facts: Any) -> BondFacts:
    return BondFacts(CODE, source, as_of, **facts)


def known(**changes: Any) -> BondInfo:
    facts: dict[str, Any] = {
        "conversion_price": Decimal(10),
        "premium": Decimal("0.30"),
        "share_price": Decimal(9),
        "share_change": Decimal("0.01"),
        "share_code": "600000",
        "share": "浦发银行",
    }
    return BondInfo(CODE, (told(**(facts | changes)),))


def quote(last: str = "120", at: datetime = NOON) -> Quote:
    return Quote(CODE, "转债", Decimal(last), at, "test")


def share(price: str = "8", at: datetime = NOON) -> SharePrice:
    return SharePrice(Decimal(price), Decimal("-0.02"), "Tencent", at)


def test_the_arithmetic_by_hand() -> None:
    assert conversion_value(Decimal("8.00"), Decimal("10.00")) == 80
    assert premium(Decimal(120), Decimal(80)) == Decimal("0.5")
    assert double_low(Decimal(120), Decimal("0.5")) == 170


@pytest.mark.parametrize("price", [None, Decimal(0), Decimal(-1)])
def test_a_price_that_is_none_gives_no_conversion_value(price: Decimal | None) -> None:
    assert conversion_value(price, Decimal(10)) is None
    assert conversion_value(Decimal(10), price) is None


def test_a_conversion_value_beyond_all_bonds_is_unknown() -> None:
    assert conversion_value(Decimal(10) ** 15, Decimal("0.000001")) is None


@given(price=prices, share_price=prices, conversion_price=prices)
def test_premium_and_conversion_value_give_the_price_back(
    price: Decimal, share_price: Decimal, conversion_price: Decimal
) -> None:
    value = conversion_value(share_price, conversion_price)
    over = premium(price, value)
    if not value or over is None:
        return
    assert abs(value * (1 + over) - price) <= value * Decimal("0.000001")
    low = double_low(price, over)
    assert low is not None and abs(low - price - over * 100) <= Decimal("0.0001")


@given(price=prices, dearer=prices, value=prices)
def test_a_dearer_bond_has_never_the_lower_premium(price: Decimal, dearer: Decimal, value: Decimal) -> None:
    low, high = sorted((price, dearer))
    first, second = premium(low, value), premium(high, value)
    assert first is not None and second is not None and first <= second


def test_two_prices_of_the_same_minutes_give_a_live_premium() -> None:
    found = figures(known(), quote(), share())
    assert (found.conversion_value, found.premium, found.double_low) == (80, Decimal("0.5"), 170)
    assert (found.live, found.premium_source, found.premium_at) == (True, "", NOON)


def test_a_share_that_lags_gives_a_premium_with_the_share_s_time() -> None:
    late = NOON - timedelta(minutes=6)
    found = figures(known(), quote(), share(at=late))
    assert (found.premium, found.live, found.premium_at) == (Decimal("0.5"), False, late)


def test_a_share_of_another_day_gives_the_table_s_premium_and_the_live_price_s_double_low() -> None:
    found = figures(known(), quote(), share(at=NOON - timedelta(days=1)))
    assert (found.premium, found.premium_source, found.premium_at) == (Decimal("0.30"), "jisilu", TABLED)
    assert (found.live, found.double_low) == (False, 150)


def test_without_a_price_of_the_share_the_table_s_stand_with_their_time() -> None:
    found = figures(known(), quote(), None)
    assert (found.conversion_value, found.premium) == (90, Decimal("0.30"))
    assert found.share == SharePrice(Decimal(9), Decimal("0.01"), "jisilu", TABLED)


def test_without_a_price_of_the_bond_there_is_no_double_low() -> None:
    found = figures(known(), None, share())
    assert (found.price, found.double_low, found.premium) == (None, None, Decimal("0.30"))


def test_what_no_source_says_is_unknown() -> None:
    bare = BondInfo(CODE)
    assert figures(bare, None, None) == replace(figures(bare, None, None), premium=None, conversion_value=None)
    found = terms(bare)
    assert (found.rating, found.remaining_size, found.maturity, found.days_to_call) == (None, None, None, None)
    assert (found.share_code, found.years_left(NOON.date())) == ("", None)


def test_a_missing_premium_is_not_zero() -> None:
    found = figures(known(premium=None), quote(), None)
    assert (found.premium, found.double_low) == (None, None)


def test_the_newest_table_gives_the_conversion_price() -> None:
    """It is lowered overnight (下修): an older table's would give a premium that never was."""
    old = told("East Money", TABLED - timedelta(hours=12), conversion_price=Decimal(20), share_code="600000")
    info = BondInfo(CODE, (old, told(conversion_price=Decimal(10))))
    assert figures(info, quote(), share()).conversion_value == 80
    assert share_code(info) == "600000"


@pytest.mark.parametrize(
    ("call", "counted", "left"),
    [
        (RedemptionState.NONE, (9, 15), 6),
        (RedemptionState.MET, (17, 15), 0),
        (RedemptionState.DECLINED, (9, 15), None),
        (RedemptionState.NONE, None, None),
    ],
)
def test_days_to_a_call(call: RedemptionState, counted: tuple[int, int] | None, left: int | None) -> None:
    assert terms(known(call=call, counted=counted)).days_to_call == left


def test_years_left_are_of_365_days() -> None:
    found = terms(known(maturity=date(2027, 9, 18)))
    assert found.years_left(date(2026, 9, 18)) == 1
    assert found.years_left(date(2027, 3, 18)) == Decimal("0.50")
