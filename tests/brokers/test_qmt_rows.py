"""Figures that cannot be true are refused where MiniQMT's rows are read, each with its bond."""

import math
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from core.brokers.qmt_rows import DoubtfulRow, UnreadableRow, read_asset, read_fill, read_order, read_position
from core.model.account import Position, summed
from core.model.bond import BondCode
from core.model.time import SHANGHAI

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)
CODE = BondCode("113001")
NONE = [math.nan, math.inf, -math.inf, 1.7976931348623157e308, 2147483647, -2147483648, None, "100"]
"""What stands where a number was never set, or is none."""


def row(**changes: Any) -> Any:
    fields: dict[str, Any] = {
        "stock_code": str(CODE),
        "order_type": 23,
        "order_id": 7,
        "order_time": NOW.timestamp(),
        "order_volume": 100,
        "price": 100.0,
        "order_status": 56,
        "traded_volume": 100,
        "status_msg": "",
        "order_remark": "x-1",
        "traded_time": NOW.timestamp(),
        "traded_id": "T1",
        "traded_price": 100.0,
        "commission": 1.0,
        "volume": 100,
        "can_use_volume": 100,
        "avg_price": 100.0,
        "cash": 1000.0,
        "frozen_cash": 0.0,
        "market_value": 0.0,
    }
    return SimpleNamespace(**(fields | changes))


@pytest.mark.parametrize("figure", [*NONE, 0, -1, 10.5, 5_000_000_000])
def test_a_fill_of_no_volume_is_refused_with_its_bond(figure: object) -> None:
    with pytest.raises(DoubtfulRow) as refused:
        read_fill(row(traded_volume=figure), NOW)
    assert refused.value.code == CODE


@pytest.mark.parametrize("figure", [*NONE, 0, 0.0001, -100, 1e6])
def test_a_fill_at_no_price_is_refused_with_its_bond(figure: object) -> None:
    with pytest.raises(DoubtfulRow) as refused:
        read_fill(row(traded_price=figure), NOW)
    assert refused.value.code == CODE


@pytest.mark.parametrize("fee", [20_000.0, 5000.0, 600.0, 100.01, -5, -0.01, 1e299, -1e299])
def test_a_fill_with_a_commission_that_no_broker_takes_is_refused_with_its_bond(fee: float) -> None:
    with pytest.raises(DoubtfulRow, match="commission") as refused:
        read_fill(row(commission=fee), NOW)
    assert refused.value.code == CODE


@pytest.mark.parametrize(("fee", "volume"), [(0.0, 100), (-0.0, 100), (0.5, 10), (5.0, 10), (20.0, 1), (10.0, 100)])
def test_the_commissions_that_brokers_take_are_read(fee: float, volume: int) -> None:
    fill = read_fill(row(commission=fee, traded_volume=volume), NOW)
    assert fill is not None
    assert fill.fee == Decimal(repr(fee))


@pytest.mark.parametrize("figure", [figure for figure in NONE if figure != "100"])
def test_a_commission_that_was_never_set_is_none(figure: object) -> None:
    fill = read_fill(row(commission=figure), NOW)
    assert fill is not None
    assert fill.fee == 0


@pytest.mark.parametrize("changes", [{"traded_id": ""}, {"traded_time": 1.77e12}])
def test_a_fill_with_an_impossible_number_or_time_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(DoubtfulRow):
        read_fill(row(**changes), NOW)


@pytest.mark.parametrize(
    "changes", [{"volume": -10}, {"can_use_volume": -10}, {"can_use_volume": 110}, {"volume": 9.5}]
)
def test_a_holding_that_cannot_be_is_refused_with_its_bond(changes: dict[str, object]) -> None:
    with pytest.raises(DoubtfulRow) as refused:
        read_position(row(**changes))
    assert refused.value.code == CODE


@pytest.mark.parametrize("figure", NONE)
def test_a_holding_without_a_volume_is_no_empty_holding(figure: object) -> None:
    for name in ("volume", "can_use_volume"):
        with pytest.raises(DoubtfulRow):
            read_position(row(**{name: figure}))


@pytest.mark.parametrize("figure", [-10, 110, 10.5, math.nan])
def test_an_order_whose_filled_volume_cannot_be_is_refused(figure: object) -> None:
    with pytest.raises(DoubtfulRow):
        read_order(row(traded_volume=figure), NOW.date())


@pytest.mark.parametrize("name", ["cash", "frozen_cash", "market_value"])
@pytest.mark.parametrize("figure", [*NONE, -1.0, 1e13])
def test_money_that_cannot_be_is_refused(name: str, figure: object) -> None:
    with pytest.raises(UnreadableRow):
        read_asset(row(**{name: figure}))


def test_ordinary_rows_are_read() -> None:
    fill, order, position = read_fill(row(), NOW), read_order(row(), NOW.date()), read_position(row())
    assert fill is not None
    assert (fill.price, fill.volume, fill.fee) == (Decimal("100.000"), 100, Decimal("1.0000"))
    assert order is not None
    assert (order.volume, order.filled_volume) == (100, 100)
    assert position == Position(CODE, 100, 100, Decimal("100.0000"))
    assert read_asset(row()).cash == 1000


def test_rows_of_shares_with_odd_figures_concern_nobody() -> None:
    assert read_fill(row(stock_code="600000.SH", traded_price=0), NOW) is None
    assert read_position(row(stock_code="600000.SH", can_use_volume=-10)) is None


def test_a_cost_may_be_below_zero_and_one_that_is_no_figure_is_unknown() -> None:
    below = read_position(row(avg_price=-12.5))
    assert below is not None
    assert below.cost == Decimal("-12.5")
    for figure in (*NONE, 1e7):
        unknown = read_position(row(avg_price=figure))
        assert unknown is not None
        assert unknown.cost == 0


def test_rows_of_one_bond_are_summed_and_kept() -> None:
    other = BondCode("127002")
    rows = (
        Position(CODE, 105, 100, Decimal(100)),
        Position(other, 10, 10, Decimal(90)),
        Position(CODE, 95, 95, Decimal(120)),
    )
    both, single = summed(rows)
    assert (both.volume, both.sellable, both.cost) == (200, 195, Decimal("109.5000"))
    assert both.parts == (rows[0], rows[2])
    assert single is rows[1]


def test_the_cost_of_a_sum_is_unknown_where_one_part_has_none() -> None:
    (both,) = summed((Position(CODE, 100, 100, Decimal(100)), Position(CODE, 100, 100)))
    assert both.cost == 0
