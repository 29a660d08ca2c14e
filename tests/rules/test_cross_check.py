"""The second opinion, also on the kind of answer that was in production on 2026-10-09: its fields had shifted, so that
the open stood for the previous close and the change in percent for the volume, while every last price was right."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.rules.cross_check import disagreement, doubts, price_disagreement
from tests.worlds import DAY, quote

RATIO = Decimal("0.01")

SHIFTED = [  # code, last, what stands for the previous close, what for the volume; the truth of both
    ("113615", "723.100", "688.000", "4", "691.200", 184_230),
    ("118058", "293.900", "280.000", "4", "282.200", 96_110),
    ("123213", "264.000", "252.000", "4", "252.000", 70_440),  # opened where it had closed: the volume alone tells
]


@pytest.mark.parametrize(("code", "last", "said_close", "said_volume", "close", "volume"), SHIFTED)
def test_shifted_fields_are_detected_by_a_second_source(
    code: str, last: str, said_close: str, said_volume: str, close: str, volume: int
) -> None:
    wrong = quote(code, last, prev_close=Decimal(said_close), volume=int(said_volume), source="shifted")
    right = quote(code, last, prev_close=Decimal(close), volume=volume, source="second")
    for first, second in ((wrong, right), (right, wrong)):
        found = doubts({first.code: Known(first)}, {first.code: Known(second)}, DAY, RATIO)
        assert "two sources disagree" in found[first.code]
    agrees = replace(right, source="third")
    assert doubts({right.code: Known(right)}, {right.code: Known(agrees)}, DAY, RATIO) == {}


def test_a_source_never_confirms_itself() -> None:
    one = quote("113001")
    assert "both quotes come from test" in doubts({one.code: Known(one)}, {one.code: Known(one)}, DAY, RATIO)[one.code]


def test_last_prices_may_differ_by_the_ratio_and_no_more() -> None:
    first = quote("113001", "100")
    near, far = (quote("113001", last, prev_close=Decimal(100)) for last in ("101.000", "101.001"))
    assert disagreement(first, near, RATIO) is None
    assert "guards.cross_check_ratio = 0.01" in str(price_disagreement(first, far, RATIO))


def test_a_price_unknown_to_the_first_source_needs_no_second_source() -> None:
    code = BondCode("113001")
    assert doubts({code: Unknown("no price")}, {}, DAY, RATIO) == {}
    assert "there is none" in doubts({code: Known(quote(code))}, {}, DAY, RATIO)[code]
