"""The day line of a bond: which prices it holds, and which it does not."""

import itertools
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from core.model.bond import BondCode
from core.model.quote import Quote, TradingState
from core.model.time import SHANGHAI
from core.quotes.day_lines import MOST_BONDS, DayLines
from core.rules.day_line import SLOTS, gaps, slot_begins
from tests.worlds import quote

A, B = BondCode("113001"), BondCode("127045")
DAY = date(2026, 5, 15)


def at(hour: str, day: date = DAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(hour), SHANGHAI)


def come(lines: DayLines, *told: Quote) -> None:
    for one in told:
        lines.on_quotes({one.code: one})


def shown(lines: DayLines, code: BondCode = A) -> dict[str, str]:
    return {f"{point.at:%H:%M}": str(point.price) for point in lines.points(code)}


def test_each_minute_has_its_last_price() -> None:
    lines = DayLines(DAY)
    come(lines, quote(A, "100.1", at=at("09:30:03")), quote(A, "100.2", at=at("09:30:57")))
    come(lines, quote(A, "100.3", at=at("09:31:00")), quote(A, "101", at=at("15:00:00")))
    assert shown(lines) == {"09:30": "100.200", "09:31": "100.300", "15:00": "101.000"}


def test_prices_of_another_day_before_the_open_or_of_a_suspended_bond_are_not_kept() -> None:
    lines = DayLines(DAY)
    come(lines, quote(A, at=at("14:59", DAY - timedelta(days=1))), quote(A, at=at("10:00", DAY + timedelta(days=1))))
    come(lines, quote(A, at=at("09:25")), quote(A, at=at("10:00"), state=TradingState.HALTED))
    assert shown(lines) == {}


def test_where_nothing_comes_there_is_a_gap_and_no_flat_line() -> None:
    lines = DayLines(DAY)
    come(lines, quote(A, "100", at=at("10:00")), quote(B, "90", at=at("10:00")))
    come(lines, quote(A, "101", at=at("10:20")))
    assert shown(lines) == {"10:00": "100.000", "10:20": "101.000"}
    assert gaps([point.at for point in lines.points(A)]) == (1,)
    assert shown(lines, B) == {"10:00": "90.000"}, "its price of twenty minutes ago is not that of now"
    assert next(spark.prices for spark in lines.sparks(at("10:21"))) == (Decimal(100), None, Decimal(101))


def test_a_bond_that_does_not_trade_keeps_its_price_while_others_come() -> None:
    lines = DayLines(DAY)
    come(lines, quote(B, "90", at=at("10:00")))
    come(lines, *(quote(A, "100", at=at("10:00") + timedelta(minutes=minute)) for minute in range(30)))
    assert list(shown(lines, B)) == [f"10:{minute:02}" for minute in range(11)], "not for ever, either"


def test_the_next_session_begins_without_points() -> None:
    lines = DayLines(DAY)
    come(lines, quote(A, at=at("10:00")))
    lines.begin(DAY)
    assert shown(lines)
    lines.begin(DAY + timedelta(days=3))
    assert (shown(lines), lines.sparks(at("09:31", DAY + timedelta(days=3)))) == ({}, ())


def test_a_small_line_changes_once_in_five_minutes() -> None:
    lines, fifths = DayLines(DAY), [BondCode(f"{113050 + number}") for number in range(5)]
    come(lines, *(quote(code, "100", at=at("10:00")) for code in fifths))
    shown_at = [lines.sparks(at("10:00") + timedelta(minutes=minute)) for minute in range(6)]
    for number in range(5):
        changes = [one[number] is not other[number] for one, other in itertools.pairwise(shown_at)]
        assert changes.count(True) == 1, "each once within five minutes"
    assert lines.sparks(at("10:05:30")) is shown_at[-1]


def test_another_bond_has_a_small_line_at_once() -> None:
    lines = DayLines(DAY)
    come(lines, quote(A, "100", at=at("10:00")))
    first = lines.sparks(at("10:00:10"))
    come(lines, quote(B, "90", at=at("10:00:20")))
    assert [spark.code for spark in lines.sparks(at("10:00:21"))] == [A, B]
    assert lines.sparks(at("10:00:21"))[0] is first[0]


def test_memory_is_bounded() -> None:
    lines = DayLines(DAY)
    codes = [BondCode(f"{113000 + number}") for number in range(MOST_BONDS + 5)]
    for slot in range(SLOTS):
        lines.on_quotes({code: quote(code, at=slot_begins(DAY, slot)) for code in codes[:: MOST_BONDS // 2]})
    lines.on_quotes({code: quote(code, at=at("15:00")) for code in codes})
    assert len(lines.points(codes[0])) == SLOTS
    assert sum(bool(lines.points(code)) for code in codes) == MOST_BONDS
