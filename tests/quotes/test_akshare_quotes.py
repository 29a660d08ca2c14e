"""Sina's table through akshare: counts as today's only while it changes."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.akshare.client import Table, TableRefused
from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.model.quote import TradingState
from core.model.time import SHANGHAI
from core.quotes.akshare import COLUMNS, read_spot

NOW = datetime(2026, 9, 18, 10, 30, 10, tzinfo=SHANGHAI)
CODE = BondCode("113001")


def row(code: str, **changes: str) -> dict[str, str | None]:
    told = {
        "code": code,
        "name": f"转债{code[-3:]}",
        "trade": "112.500",
        "buy": "112.499",
        "sell": "112.501",
        "settlement": "112.000",
        "volume": "142360",
        "amount": "15987028",
        "ticktime": "10:30:05",
    }
    return {**told, **changes}


def table(*first: dict[str, str | None], count: int = 200, **changes: str) -> Table:
    rows = [*first, *(row(f"127{number:03d}", **changes) for number in range(count))]
    return Table("spot", NOW, COLUMNS, tuple(rows))


def test_a_table_row_becomes_a_quote() -> None:
    found = read_spot(table(row("113001")), NOW, open_now=True)[CODE]
    assert isinstance(found, Known)
    quote = found.value
    assert (quote.last, quote.bid, quote.ask) == (Decimal("112.500"), Decimal("112.499"), Decimal("112.501"))
    assert (quote.volume, quote.state, quote.source) == (142360, TradingState.CONTINUOUS, "akshare")
    assert quote.at == NOW.replace(second=5)


@pytest.mark.parametrize(
    ("now", "open_now", "said"),
    [
        (NOW.replace(hour=9, minute=0), False, "its prices are of another day: the newest is of 10:30:05"),
        (NOW + timedelta(minutes=10), True, "its prices have not changed since 10:30:05"),
    ],
)
def test_a_table_without_a_date_counts_as_today_s_only_while_it_changes(
    now: datetime, open_now: bool, said: str
) -> None:
    with pytest.raises(TableRefused, match=said):
        read_spot(table(), now, open_now=open_now)


def test_an_incomplete_table_is_refused() -> None:
    with pytest.raises(TableRefused, match="149 rows"):
        read_spot(table(count=149), NOW, open_now=True)
    with pytest.raises(TableRefused, match="trade is filled in 0 of 200"):
        read_spot(table(trade=""), NOW, open_now=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"amount": "46996"}, "match no unit"),
        ({"buy": "x"}, "buy holds 'x', which is no figure"),
        ({"trade": "0.000"}, "reports no trade yet"),
    ],
)
def test_an_unreadable_row_gives_no_price(changes: dict[str, Any], said: str) -> None:
    found = read_spot(table(row("113001", **changes)), NOW, open_now=True)[CODE]
    assert isinstance(found, Unknown)
    assert said in found.reason


def test_a_bond_without_turnover_and_order_book_is_suspended() -> None:
    still = row("113001", buy="0.000", sell="0.000", volume="0", amount="0", ticktime="09:15:00")
    found = read_spot(table(still), NOW, open_now=True)[CODE]
    assert isinstance(found, Known)
    assert found.value.state is TradingState.HALTED


@pytest.mark.parametrize("odd", ["15:00:00", "10:32:00", "23:59:59", "", "x", "25:00:00", "10:30", "10:30:05+09:00"])
def test_a_row_with_another_time_is_dropped_alone(odd: str) -> None:
    found = read_spot(table(row("113001", ticktime=odd)), NOW, open_now=True)
    assert isinstance(found[CODE], Unknown) == (odd not in {"10:30", "10:30:05+09:00"})
    assert all(isinstance(quote, Known) for code, quote in found.items() if code != CODE)


@pytest.mark.parametrize(("odd", "refused"), [(10, False), (11, True)])
def test_a_table_whose_rows_are_ahead_of_the_clock_is_of_another_day(odd: int, refused: bool) -> None:
    rows = [row(f"113{number:03d}", ticktime="15:00:00") for number in range(odd)]
    spot = table(*rows, count=200 - odd)
    if refused:
        with pytest.raises(TableRefused, match="of another day: the newest is of 15:00:00"):
            read_spot(spot, NOW, open_now=True)
    else:
        assert sum(isinstance(quote, Known) for quote in read_spot(spot, NOW, open_now=True).values()) == 190


def test_a_table_that_stands_still_is_refused_whatever_one_row_says() -> None:
    with pytest.raises(TableRefused, match="have not changed since 10:30:05"):
        read_spot(table(row("113001", ticktime="15:00:00")), NOW + timedelta(minutes=10), open_now=True)
