"""What was paid in and out, against accounts whose trades, market and payments are known."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.bond import BondCode
from core.model.report import CashFlow
from core.model.time import SHANGHAI
from core.rules.returns import Bond, MoneyReading, growth, paid_between

FEN, BOND = Decimal("0.01"), BondCode("113001")
OPEN = datetime(2026, 5, 15, 9, 30, tzinfo=SHANGHAI)


def minute(number: int) -> datetime:
    return OPEN + timedelta(minutes=number)


def flow(at: int, amount: int) -> CashFlow:
    return CashFlow(at, minute(at), Decimal(amount), entered=False)


def line(*totals: int) -> list[tuple[datetime, Decimal]]:
    return [(minute(number), Decimal(total)) for number, total in enumerate(totals)]


def reading(cash: int, holdings: int, traded: int = 0) -> MoneyReading:
    return MoneyReading(Decimal(cash), Decimal(holdings), Decimal(traded))


def test_a_deposit_on_a_flat_market_is_no_gain_and_a_withdrawal_no_loss() -> None:
    assert growth(line(100_000, 150_000), [flow(1, 50_000)]) == (1.0, 1.0)
    assert growth(line(100_000, 50_000), [flow(1, -50_000)]) == (1.0, 1.0)
    assert growth(line(100_000, 150_000), []) == (1.0, 1.5), "without the record it would be one"


def test_several_payments_of_a_day_each_count_at_their_point() -> None:
    found = growth(line(100_000, 110_000, 210_000, 105_000, 99_750), [flow(2, 100_000), flow(3, -105_000)])
    assert found == pytest.approx((1.0, 1.1, 1.1, 1.1, 1.1 * 0.95))


def test_payments_until_the_first_point_and_after_the_last_do_not_count() -> None:
    assert growth(line(100_000, 101_000), [flow(0, 100_000), flow(5, 7_000)]) == pytest.approx((1.0, 1.01))


def test_an_account_that_was_empty_begins_with_its_deposit() -> None:
    assert growth(line(0, 100_000, 90_000), [flow(1, 100_000)]) == pytest.approx((1.0, 1.0, 0.9))


@pytest.mark.parametrize(
    ("before", "after", "paid"),
    [
        (reading(50_000, 50_000), reading(100_000, 50_000), 50_000),
        (reading(50_000, 50_000), reading(20_000, 50_100), -30_000),
        (reading(50_000, 50_000), reading(0, 0), 0),
        (reading(50_000, 50_000), reading(40_000, 60_000, -10_000), 0),  # bought by rotor
        (reading(50_000, 50_000), reading(60_000, 40_010, 9_990), 0),  # sold by rotor
        (reading(50_000, 50_000), reading(40_000, 59_900), 0),  # bought outside rotor
        (reading(50_000, 50_000), reading(60_000, 39_900), 0),  # sold outside rotor
        (reading(50_000, 50_000), reading(90_000, 60_000, -10_000), 50_000),  # bought, and paid in
        (reading(50_000, 50_000), reading(50_000, 52_000), 0),  # the market alone
        (reading(50_000, 50_000), reading(50_150, 49_850), 0),  # a coupon
        (reading(0, 0), reading(100_000, 0), 100_000),
    ],
)
def test_cash_that_no_trade_explains_was_paid(before: MoneyReading, after: MoneyReading, paid: int) -> None:
    if after.total:  # an account without any money is not recorded
        assert paid_between(before, after) == paid


STEP = st.tuples(
    st.integers(-300_000, 300_000),  # paid
    st.integers(-5, 5),  # the market, %
    st.integers(-300, 300),  # 张 that rotor trades
    st.integers(-300, 300),  # 张 that the user trades
)


@given(st.integers(50_000, 1_000_000), st.lists(STEP, min_size=1, max_size=12))
def test_the_return_is_the_market_s_whatever_is_paid(capital: int, steps: list[tuple[int, int, int, int]]) -> None:
    """An account of one bond: its growth equals that of the same trades without any payment, and each is found."""
    cash, price, held, outside, traded = Decimal(capital), Decimal(100), 0, 0, Decimal(0)

    def read() -> MoneyReading:
        return MoneyReading(cash, held * price, traded, {BOND: Bond(held, outside, price)})

    points, flows, expected = [(minute(0), cash)], list[CashFlow](), [1.0]
    for number, (paid, market, rotor, user) in enumerate(steps, 1):
        before = read()
        price = (price * (100 + market) / 100).quantize(FEN)
        rotor, user = max(rotor, -held), max(user, -held - max(rotor, -held))
        spent = (rotor + user) * price
        grown = cash + held * price
        if spent + 100 > cash or cash - spent + paid < 100:
            paid = max(int(spent - cash), 0) + 1_000
        cash, held = cash - spent + paid, held + rotor + user
        outside, traded = outside + user, traded - rotor * price
        after = read()
        points.append((minute(number), after.total))
        if paid:
            flows.append(CashFlow(number, minute(number), Decimal(paid), entered=False))
        seen = abs(paid) >= max(before.total, after.total) / 200
        assert paid_between(before, after) == (paid if seen else 0)
        expected.append(expected[-1] * float(grown / before.total))
    assert growth(points, flows) == pytest.approx(expected, rel=1e-6)


@given(st.integers(1_000, 100_000), st.integers(-40, 40))
def test_a_trade_outside_rotor_is_no_payment(amount: int, moved: int) -> None:
    """A trade moves the value of the holdings by about as much, the other way."""
    before = reading(200_000, 200_000)
    for side in (1, -1):
        after = reading(200_000 - side * amount, 200_000 + side * amount * (100 + moved) // 100)
        assert paid_between(before, after) == 0
