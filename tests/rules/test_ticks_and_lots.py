"""Codes, ticks, lots, limits and fees."""

from decimal import Decimal

import pytest

from core.model.bond import BondCode, CodeRefused, Exchange
from core.model.order import Side
from core.model.settings import Fee, Fees
from core.rules.sizing import affordable, cost, fee
from core.rules.ticks_and_lots import DayLimits, day_limits, to_tick
from tests.worlds import quote


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("113052", "113052.SH"),
        ("110043.SH", "110043.SH"),
        ("118003.sh", "118003.SH"),
        (" 123085 ", "123085.SZ"),
        ("128044.SZ", "128044.SZ"),
        ("111007", "111007.SH"),
    ],
)
def test_a_code_gives_its_market(text: str, code: str) -> None:
    assert BondCode(text) == code
    assert BondCode(text).exchange in Exchange


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("132026.SH", "exchangeable"),
        ("120001", "exchangeable"),
        ("137001", "private"),
        ("145001", "restricted"),
        ("404001", "delisting"),
        ("600000.SH", "not a convertible bond"),
        ("000001.SZ", "not a convertible bond"),
        ("113052.SZ", "names market SZ"),
        ("11305", "six digits"),
        ("1130521", "six digits"),
        ("１１３０５２", "six digits"),
        ("", "six digits"),
    ],
)
def test_every_other_code_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(CodeRefused, match=words):
        BondCode(text)


def test_buys_round_down_and_sells_up_to_the_tick() -> None:
    assert to_tick(Decimal("124.69157"), Side.BUY) == Decimal("124.691")
    assert to_tick(Decimal("124.69157"), Side.SELL) == Decimal("124.692")
    assert to_tick(Decimal("124.691"), Side.SELL) == Decimal("124.691")


def test_price_limits_come_from_the_source_or_the_previous_close() -> None:
    told = quote("113001", limit_up=Decimal("110.0005"), limit_down=Decimal("90.0005"))
    assert day_limits(told) == DayLimits(Decimal("90.001"), Decimal("110.000"))
    assert day_limits(quote("113001", "122.828")) == DayLimits(Decimal("98.262"), Decimal("147.394"))
    assert day_limits(quote("113001", prev_close=None)) is None
    for one_side in ({"limit_up": Decimal(140)}, {"limit_down": Decimal(100)}):
        half = quote("113001", "122.828", **one_side)
        assert day_limits(half) == DayLimits(Decimal("98.262"), Decimal("147.394")), "half a pair is no pair"


def test_each_exchange_has_its_rate_and_its_minimum() -> None:
    fees = Fees(
        sh=Fee(rate=Decimal("0.0001"), minimum=Decimal(1)), sz=Fee(rate=Decimal("0.0002"), minimum=Decimal("0.1"))
    )
    assert fee(Exchange.SH, Decimal(5_000), fees) == Decimal("1.00")
    assert fee(Exchange.SH, Decimal(50_000), fees) == Decimal("5.00")
    assert fee(Exchange.SZ, Decimal(400), fees) == Decimal("0.10")
    assert fee(Exchange.SZ, Decimal(12_345), fees) == Decimal("2.47")


def test_the_cost_of_a_lot_includes_the_fee() -> None:
    price, fees = Decimal(100), Fees()
    assert affordable(Decimal("1000.99"), price, Exchange.SH, fees) == 0
    assert affordable(Decimal("1001.00"), price, Exchange.SH, fees) == 10
    assert cost(10, price, Exchange.SH, fees) == Decimal("1001.00")
