"""The minutes of a session, its gaps, and a thinned line."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.time import SHANGHAI
from core.rules.day_line import GAP, SLOTS, SPARK, gaps, slot_at, slot_begins, thinned

DAY = date(2026, 5, 15)
PRICES = st.lists(
    st.none() | st.integers(1, 100_000).map(lambda ticks: Decimal(ticks).scaleb(-3)), min_size=1, max_size=SLOTS
)


def test_each_minute_of_the_session_has_a_slot_of_its_own() -> None:
    begins = [slot_begins(DAY, slot) for slot in range(SLOTS)]
    assert [slot_at(at.time()) for at in begins] == list(range(SLOTS))
    assert (begins[0].time(), begins[119].time(), begins[120].time(), begins[240].time()) == (
        time(9, 30),
        time(11, 29),
        time(13),
        time(15),
    )


@pytest.mark.parametrize(
    ("moment", "slot"),
    [(time(9, 29, 59), -1), (time(0), -1), (time(11, 30), 119), (time(12, 59, 59), 119), (time(23, 59), 240)],
)
def test_the_break_belongs_to_the_morning_and_the_evening_to_the_close(moment: time, slot: int) -> None:
    assert slot_at(moment) == slot


def test_a_pause_of_trading_is_a_gap_and_the_break_is_none() -> None:
    def moments(*hours: str) -> list[datetime]:
        return [datetime.combine(DAY, time.fromisoformat(hour), SHANGHAI) for hour in hours]

    assert gaps(moments("09:30", "09:33", "09:37", "11:29", "13:01")) == (2, 3)
    assert gaps(moments("11:29", "13:00", "13:03")) == ()
    assert gaps([]) == ()
    yesterday = datetime.combine(DAY - timedelta(days=1), time(15), SHANGHAI)
    assert gaps([yesterday, *moments("09:30")]) == (), "what lies between two days is no gap of a day"


@given(PRICES, st.integers(6, 40))
def test_a_thinned_line_keeps_its_ends_and_extremes_in_their_order(prices: list[Decimal | None], most: int) -> None:
    known = [price for price in prices if price is not None]
    found = thinned(prices, most)
    assert len(found) <= most
    left = [price for price in found if price is not None]
    if not known:
        assert found == ()
        return
    assert (left[0], left[-1], min(left), max(left)) == (known[0], known[-1], min(known), max(known))
    rest = iter(known)
    assert all(price in rest for price in left), "the order of the prices changed"


@given(PRICES)
def test_a_short_line_without_pauses_stays_as_it_is(prices: list[Decimal | None]) -> None:
    known = [price for price in prices if price is not None][:SPARK]
    assert thinned(known) == tuple(known)


@given(st.integers(GAP, 100), st.integers(1, 60), st.integers(1, 60))
def test_a_pause_is_one_empty_entry_between_what_came_before_and_after(pause: int, before: int, after: int) -> None:
    found = thinned([Decimal(1)] * before + [None] * pause + [Decimal(2)] * after)
    place = found.index(None)
    assert found.count(None) == 1
    assert set(found[:place]) == {Decimal(1)}
    assert set(found[place + 1 :]) == {Decimal(2)}


def test_minutes_without_a_trade_are_no_pause() -> None:
    assert None not in thinned([Decimal(1), *[None] * (GAP - 1), Decimal(2)])


def test_too_few_entries_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        thinned([Decimal(1)], 5)
