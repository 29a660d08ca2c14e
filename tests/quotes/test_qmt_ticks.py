"""Real MiniQMT ticks and the quotes made from them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.model.bond import BondCode
from core.model.bond_info import RedemptionState
from core.model.known import Known, Unknown
from core.model.order import Side
from core.model.quote import Quote, TradingState
from core.model.time import SHANGHAI
from core.quotes.qmt_ticks import Detail, read_bond, read_detail, read_tick
from core.rules.pricing import why_not_tradable

BOND = BondCode("123219")
AT = datetime(2026, 5, 15, 10, 0, 3, tzinfo=SHANGHAI)

# The shape of a vendor's sample for a Shenzhen convertible, with the noise of floats that real ticks carry.
DETAIL = {
    "InstrumentName": "宇瞳转债",
    "PreClose": 122.828,
    "UpStopPrice": 147.394,
    "DownStopPrice": 98.262,
    "PriceTick": 0.001,
    "InstrumentStatus": 0,
    "IsTrading": False,
}
TICK = {
    "time": int(AT.timestamp() * 1000),
    "lastPrice": 121.37000000000001,
    "lastClose": 122.828,
    "amount": 12_137_000.0,
    "volume": 10_000,
    "pvolume": 100_000,
    "stockStatus": 3,
    "openInt": 13,
    "askPrice": [121.38000000000001, 121.39, 0.0, 0.0, 0.0],
    "bidPrice": [121.36999999999999, 121.36, 0.0, 0.0, 0.0],
    "askVol": [5, 7, 0, 0, 0],
    "bidVol": [12, 1, 0, 0, 0],
}


def made(detail: dict[str, Any] | None = None, **changes: Any) -> Quote:
    found = read_tick(BOND, {**TICK, **changes}, read_detail(detail if detail is not None else DETAIL))
    assert isinstance(found, Known), found
    return found.value


def test_a_tick_becomes_a_quote_rounded_to_the_price_tick() -> None:
    assert made() == Quote(
        BOND,
        "宇瞳转债",
        Decimal("121.370"),
        AT,
        "QMT",
        TradingState.CONTINUOUS,
        prev_close=Decimal("122.828"),
        bid=Decimal("121.370"),
        ask=Decimal("121.380"),
        bid_volume=120,
        ask_volume=50,
        limit_up=Decimal("147.394"),
        limit_down=Decimal("98.262"),
        volume=100_000,
    )


@pytest.mark.parametrize(("volume", "unit"), [(10_000, 10), (100_000, 1)])
def test_the_volume_s_unit_is_derived_from_the_amount(volume: int, unit: int) -> None:
    quote = made(volume=volume)
    assert (quote.volume, quote.bid_volume) == (100_000, 12 * unit)


@pytest.mark.parametrize("changes", [{"amount": 0.0}, {"amount": 12_137_000.0 / 3}, {"volume": 0}, {"amount": None}])
def test_without_a_matching_unit_order_book_volumes_are_unknown(changes: dict[str, Any]) -> None:
    quote = made(**changes)
    assert (quote.bid_volume, quote.ask_volume) == (None, None)


def test_before_the_first_trade_the_previous_close_is_a_value_and_no_price_to_order_on() -> None:
    quote = made(lastPrice=0.0, volume=0, amount=0.0)
    assert (quote.last, quote.volume) == (Decimal("122.828"), 0)
    assert why_not_tradable(Side.BUY, quote, AT.date()) == "no turnover today"


def test_an_empty_order_book_side_is_none() -> None:
    limit_up = made(lastPrice=147.394, askPrice=[0.0] * 5)
    assert (limit_up.ask, limit_up.bid) == (None, Decimal("121.370"))
    assert "no sellers" in str(why_not_tradable(Side.BUY, limit_up, AT.date()))
    assert made(bidPrice=[], askPrice=None).bid is None


@pytest.mark.parametrize(
    ("number", "state"),
    [
        (13, TradingState.CONTINUOUS),
        (12, TradingState.AUCTION),
        (14, TradingState.BREAK),
        (15, TradingState.CLOSED),
        (17, TradingState.HALTED),
        (1, TradingState.HALTED),
        (20, TradingState.HALTED),
        (18, TradingState.CLOSING_CALL),
        (0, TradingState.UNKNOWN),
        (10, TradingState.UNKNOWN),
        (99, TradingState.UNKNOWN),
        (None, TradingState.UNKNOWN),
    ],
)
def test_the_trading_state_is_read_from_openint(number: int | None, state: TradingState) -> None:
    quote = made(openInt=number)
    assert quote.state is state
    assert (why_not_tradable(Side.SELL, quote, AT.date()) is None) is (state is TradingState.CONTINUOUS)


@pytest.mark.parametrize(("status", "halted"), [(0, False), (-1, False), (1, True), (7, True)])
def test_suspension_days_in_the_static_data_mark_a_bond_suspended(status: int, halted: bool) -> None:
    assert (made({**DETAIL, "InstrumentStatus": status}).state is TradingState.HALTED) is halted


@pytest.mark.parametrize("status", [2**31 - 1, -(2**31), 10**6, 20260515, float("nan"), "1"])
def test_a_status_that_nobody_documents_is_neither_a_suspension_nor_trading(status: Any) -> None:
    quote = made({**DETAIL, "InstrumentStatus": status})
    assert quote.state is TradingState.UNKNOWN
    assert why_not_tradable(Side.BUY, quote, AT.date()) is not None


@pytest.mark.parametrize("absent", [0, 0.0, -1, 1.7976931348623157e308, float("nan"), None, "147"])
def test_limits_that_are_absent_are_none(absent: Any) -> None:
    quote = made({**DETAIL, "UpStopPrice": absent, "DownStopPrice": absent})
    assert (quote.limit_up, quote.limit_down) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"lastPrice": 0.0, "lastClose": 0.0},
        {"lastPrice": float("nan"), "lastClose": float("inf")},
        {"lastPrice": 150.0},
        {"lastPrice": 98.0},
        {"time": 0},
        {"time": None, "timetag": "yesterday"},
        {"time": None, "timetag": "2026511 10:00:03"},
    ],
)
def test_an_impossible_price_is_unknown(changes: dict[str, Any]) -> None:
    detail = Detail("", None, Decimal("147.394"), Decimal("98.262"), halted=False)
    assert isinstance(read_tick(BOND, {**TICK, **changes}, detail), Unknown)


def test_the_time_may_come_as_text() -> None:
    tick = {name: value for name, value in TICK.items() if name != "time"} | {"timetag": "20260515 10:00:03"}
    found = read_tick(BOND, tick, None)
    assert isinstance(found, Known)
    assert found.value.at == AT


@pytest.mark.parametrize(
    "last", [float("nan"), float("inf"), -2.0, 2147483647, 1.7976931348623157e308, 1213.7, 12.137, "x"]
)
def test_a_last_price_that_cannot_be_is_no_price_and_not_the_previous_close(last: object) -> None:
    assert isinstance(read_tick(BOND, {**TICK, "lastPrice": last}, read_detail(DETAIL)), Unknown)


@pytest.mark.parametrize("last", [1213.7, 12.137])
def test_a_last_price_out_of_proportion_is_refused_without_limits_too(last: float) -> None:
    assert isinstance(read_tick(BOND, {**TICK, "lastPrice": last}, None), Unknown)


@pytest.mark.parametrize("field", ["bidPrice", "askPrice"])
@pytest.mark.parametrize("price", [float("nan"), float("inf"), -1, 0, 2147483647])
def test_a_best_price_that_cannot_be_is_an_empty_side(field: str, price: float) -> None:
    found = read_tick(BOND, {**TICK, field: [price]}, None)
    assert isinstance(found, Known)
    assert (found.value.bid if field == "bidPrice" else found.value.ask) is None


@pytest.mark.parametrize("changes", [{"time": 9e18}, {"time": 2147483647e9, "timetag": ""}, {"time": float("nan")}])
def test_a_time_that_cannot_be_is_no_price(changes: dict[str, Any]) -> None:
    assert isinstance(read_tick(BOND, {**TICK, **changes}, None), Unknown)


def test_a_price_of_a_later_day_is_refused() -> None:
    """It would outlast every price of today."""
    later = {**TICK, "time": int((AT + timedelta(days=1)).timestamp() * 1000)}
    assert isinstance(read_tick(BOND, later, None, AT), Unknown)
    assert isinstance(read_tick(BOND, TICK, None, AT), Known)


@pytest.mark.parametrize("close", [130.0, 122.0, 12.2828, 1228.28])
def test_a_previous_close_that_differs_from_the_static_data_is_not_known(close: float) -> None:
    quote = made(lastClose=close)
    assert quote.prev_close is None
    assert f"{close:.3f} and 122.828" in quote.doubt
    assert quote.last == Decimal("121.370"), "the price is as good as before"


@pytest.mark.parametrize("close", [122.828, 122.8280000001, 0.0, float("nan")])
def test_a_previous_close_that_agrees_or_is_silent_leaves_the_static_one(close: float) -> None:
    quote = made(lastClose=close)
    assert (quote.prev_close, quote.doubt) == (Decimal("122.828"), "")


@pytest.mark.parametrize("odd", [1e30, float("nan"), float("inf"), 1.7976931348623157e308, 10**300, "x", [1e30], {}])
def test_an_odd_value_is_no_price_and_raises_nothing(odd: object) -> None:
    """In any field, a tick gives a true price or none."""
    true = {Decimal("121.370"), Decimal("122.828")}
    for field in TICK:
        found = read_tick(BOND, {**TICK, field: odd}, None)
        assert isinstance(found, Unknown) or found.value.last in true
    for field in DETAIL:
        found = read_tick(BOND, TICK, read_detail({**DETAIL, field: odd}))
        assert isinstance(found, Known)
    assert isinstance(read_tick(BOND, None, None), Unknown)  # type: ignore[arg-type]


def test_odd_static_data_raise_nothing() -> None:
    class Odd:
        """As `pd.NA`, which has no truth."""

        def __bool__(self) -> bool:
            raise TypeError("ambiguous")

    names = ("InstrumentName", "OpenDate", "ExpireDate", "bondName", "redeemStatus", "forceRedeemTradeDate")
    for value in (Odd(), float("nan"), [], 2**63, "\x00"):
        told: dict[str, Any] = dict.fromkeys((*names, "forceRedeemPrice", "bondMaturityDate", "bondRemainSize"), value)
        assert read_bond(BOND, told, told, AT).call is None
        assert read_detail(told).prev_close is None


@pytest.mark.parametrize(
    ("day", "read"),
    [
        *((20260519, date(2026, 5, 19)), (20260519.0, date(2026, 5, 19)), ("20260519", date(2026, 5, 19))),
        *(("2026-05-19", date(2026, 5, 19)), ("2026/5/19", date(2026, 5, 19)), (1779120000000, date(2026, 5, 19))),
        *((2026112, None), ("2026-111", None), (1779120000001, None), (0, None), (99999999, None), (None, None)),
        *((46161, None), (float("nan"), None), (2**63, None), ("soon", None)),
    ],
)
def test_a_redemption_price_is_a_call_whatever_its_date_looks_like(day: object, read: date | None) -> None:
    facts = read_bond(BOND, {}, {"forceRedeemPrice": 100.05, "forceRedeemTradeDate": day}, AT)
    assert (facts.call, facts.last_trade) == (RedemptionState.CALLED, read)
    for none in (0.0, None, -1, "", "待定"):
        facts = read_bond(BOND, {}, {"forceRedeemPrice": none, "forceRedeemTradeDate": day}, AT)
        assert (facts.call, facts.last_trade) == (None, read)
