"""What every broker does, tested through the `Broker` protocol only."""

from dataclasses import replace
from decimal import Decimal
from itertools import groupby

import pytest

from core.model.account import Asset
from core.model.known import Known
from core.model.order import BrokerOrder, Intent, OrderState, Side
from core.model.quote import TradingState
from tests.contract.venue import CAPITAL, OPENING, SH, SZ, Account, fills_of, intent, known, quote

BUY, SELL = Side.BUY, Side.SELL


class TestANewAccount:
    async def test_has_its_capital_and_nothing_else(self, account: Account) -> None:
        broker = account.venue.broker
        assert await broker.asset() == Known(Asset(CAPITAL, Decimal(0), Decimal(0)))
        assert await broker.positions() == Known(())
        assert await broker.orders(OPENING.date()) == Known(())
        assert await broker.fills(OPENING.date()) == Known(())

    async def test_has_a_name(self, account: Account) -> None:
        assert account.venue.broker.account


class TestABuy:
    async def test_fills_at_the_ask_and_pays_amount_and_fee(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING))
        order = await account.send(intent("b-1", SH, BUY, 100, "100.01"))
        assert (order.state, order.filled_volume) == (OrderState.FILLED, 100)
        assert (await account.position(SH)).volume == 100
        asset = await account.asset()
        assert asset.cash == CAPITAL - Decimal("10001.00") - Decimal("1.00")
        assert asset.frozen == 0

    async def test_gets_a_better_price_than_its_limit_if_available(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING))
        await account.send(intent("b-1", SH, BUY, 100, "101"))
        (fill,) = await account.fills("b-1")
        assert fill.price == Decimal("100.01")
        assert (await account.asset()).frozen == 0

    async def test_carries_its_remark_into_order_fill_and_events(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING))
        order = await account.send(intent("260515-a1b2c3-B01-1", SH, BUY, 10, "100.01"))
        (fill,) = await account.fills("260515-a1b2c3-B01-1")
        assert {order.remark, fill.remark} == {"260515-a1b2c3-B01-1"}
        assert {event.remark for event in account.venue.events} == {"260515-a1b2c3-B01-1"}
        assert (fill.order_id, fill.trading_day) == (order.order_id, OPENING.date())

    async def test_waits_below_the_ask_with_its_money_frozen(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING))
        order = await account.send(intent("b-1", SH, BUY, 100, "99"))
        assert (order.state, order.filled_volume) == (OrderState.WORKING, 0)
        asset = await account.asset()
        assert asset.frozen >= Decimal(9900)
        assert asset.cash + asset.frozen == CAPITAL
        assert asset.total == CAPITAL

    async def test_that_waits_fills_when_the_ask_falls_to_it(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING))
        await account.send(intent("b-1", SH, BUY, 100, "99"))
        await account.venue.show(quote(SH, OPENING, last="98.99", bid="98.98", ask="99"))
        await account.venue.settled()
        assert (await account.order("b-1")).state is OrderState.FILLED
        asset = await account.asset()
        assert (asset.cash, asset.frozen) == (CAPITAL - Decimal(9900) - 1, 0)

    async def test_fills_only_the_displayed_volume_and_the_rest_stays_open(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING, ask_volume=30))
        order = await account.send(intent("b-1", SH, BUY, 100, "100.01"))
        assert (order.state, order.filled_volume) == (OrderState.PART_FILLED, 30)
        later = OPENING.replace(second=3)
        await account.venue.show(quote(SH, later, ask_volume=50))
        assert (await account.order("b-1")).filled_volume == 80
        await account.venue.show(quote(SH, later.replace(second=6), ask_volume=50))
        assert (await account.order("b-1")).state is OrderState.FILLED
        assert [fill.volume for fill in await account.fills("b-1")] == [30, 50, 20]

    async def test_does_not_take_the_same_displayed_volume_twice(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING, ask_volume=30))
        await account.send(intent("b-1", SH, BUY, 20, "100.01"))
        second = await account.send(intent("b-2", SH, BUY, 20, "100.01"))
        assert (second.state, second.filled_volume) == (OrderState.PART_FILLED, 10)

    async def test_at_an_empty_ask_waits(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING, last="120", bid="120", ask=None))
        assert (await account.send(intent("b-1", SH, BUY, 10, "120"))).state is OrderState.WORKING


class TestASell:
    async def test_of_what_was_bought_the_same_day_fills(self, account: Account) -> None:
        await account.own(SH, 100)
        order = await account.send(intent("s-1", SH, SELL, 100, "99.99"))
        assert order.state is OrderState.FILLED
        assert (await account.position(SH)).volume == 0
        assert (await account.asset()).cash == CAPITAL - Decimal(10001) - 1 + Decimal(9999) - 1

    async def test_that_is_open_freezes_its_bonds(self, account: Account) -> None:
        await account.own(SH, 100)
        await account.send(intent("s-1", SH, SELL, 60, "101"))
        position = await account.position(SH)
        assert (position.volume, position.sellable) == (100, 40)

    async def test_of_an_odd_remainder_goes_in_one_order(self, account: Account) -> None:
        """A part fill of another size than a lot leaves 47 张."""
        await account.venue.show(quote(SH, OPENING, ask_volume=47))
        await account.send(intent("b-1", SH, BUY, 100, "100.01"))
        await account.venue.broker.cancel((await account.order("b-1")).order_id)
        await account.venue.settled()
        assert (await account.position(SH)).sellable == 47
        order = await account.send(intent("s-1", SH, SELL, 47, "99.99"))
        assert order.state is OrderState.FILLED


class TestACancel:
    async def test_is_confirmed_by_the_state_and_releases_the_cash(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING))
        order = await account.send(intent("b-1", SH, BUY, 100, "99"))
        await account.venue.broker.cancel(order.order_id)
        await account.venue.settled()
        assert (await account.order("b-1")).state is OrderState.CANCELLED
        assert await account.asset() == Asset(CAPITAL, Decimal(0), Decimal(0))

    async def test_keeps_what_was_filled(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING, ask_volume=30))
        order = await account.send(intent("b-1", SH, BUY, 100, "100.01"))
        await account.venue.broker.cancel(order.order_id)
        await account.venue.settled()
        order = await account.order("b-1")
        assert (order.state, order.filled_volume) == (OrderState.CANCELLED, 30)
        asset = await account.asset()
        assert (asset.cash, asset.frozen) == (CAPITAL - Decimal("3000.30") - 1, 0)

    async def test_of_a_sell_releases_the_bonds(self, account: Account) -> None:
        await account.own(SH, 100)
        order = await account.send(intent("s-1", SH, SELL, 60, "101"))
        await account.venue.broker.cancel(order.order_id)
        await account.venue.settled()
        assert (await account.position(SH)).sellable == 100

    async def test_of_a_filled_or_unknown_order_changes_nothing(self, account: Account) -> None:
        await account.own(SH, 100)
        before = await account.asset()
        await account.venue.broker.cancel((await account.order("own-113052")).order_id)
        await account.venue.broker.cancel("987654")
        await account.venue.settled()
        assert (await account.order("own-113052")).state is OrderState.FILLED
        assert await account.asset() == before

    async def test_order_gets_no_more_fills(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING))
        order = await account.send(intent("b-1", SH, BUY, 100, "99"))
        await account.venue.broker.cancel(order.order_id)
        await account.venue.settled()
        await account.venue.show(quote(SH, OPENING, last="98.99", bid="98.98", ask="99"))
        await account.venue.settled()
        assert await account.fills("b-1") == []


REJECTED = {
    "off the tick": intent("x-1", SH, BUY, 10, "100.0005"),
    "not whole lots": intent("x-1", SH, BUY, 15, "100.01"),
    "nothing at all": intent("x-1", SH, BUY, 0, "100.01"),
    "no price": intent("x-1", SH, BUY, 10, "0"),
    "above limit-up": intent("x-1", SH, BUY, 10, "120.001"),
    "below limit-down": intent("x-1", SH, SELL, 10, "79.999"),
    "more than the cash": intent("x-1", SH, BUY, 2000, "100.01"),
    "more than is held": intent("x-1", SH, SELL, 110, "99.99"),
    "an odd lot that does not clear": intent("x-1", SH, SELL, 15, "99.99"),
    "a bond that is not held": intent("x-1", SZ, SELL, 10, "99.99"),
}


class TestARejection:
    @pytest.mark.parametrize("order", REJECTED.values(), ids=REJECTED.keys())
    async def test_says_why_and_changes_nothing(self, account: Account, order: Intent) -> None:
        await account.own(SH, 100)
        await account.venue.show(quote(SZ, OPENING))
        before = await account.asset()
        await self._is_rejected(account, order)
        assert await account.asset() == before
        assert (await account.position(SH)).sellable == 100

    async def test_follows_if_another_sell_has_frozen_the_bonds(self, account: Account) -> None:
        await account.own(SH, 100)
        await account.send(intent("s-1", SH, SELL, 60, "101"))
        await self._is_rejected(account, intent("x-1", SH, SELL, 50, "101"))

    async def test_follows_if_another_buy_has_frozen_the_cash(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING), quote(SZ, OPENING))
        await account.send(intent("b-1", SH, BUY, 600, "99"))
        await self._is_rejected(account, intent("x-1", SZ, BUY, 600, "99"))

    async def test_counts_the_fee(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING, last="99.99", bid="99.99", ask="100"))
        await self._is_rejected(account, intent("x-1", SH, BUY, 1000, "100"))

    async def _is_rejected(self, account: Account, order: Intent) -> None:
        listed = await account.send(order)
        assert listed.state is OrderState.REJECTED
        assert listed.filled_volume == 0
        assert len(listed.message) > 8
        assert await account.fills(order.client_order_id) == []


class TestOutsideContinuousTrading:
    @pytest.mark.parametrize("side", [BUY, SELL])
    @pytest.mark.parametrize("state", [state for state in TradingState if state is not TradingState.CONTINUOUS])
    async def test_an_order_is_rejected_or_waits(self, account: Account, state: TradingState, side: Side) -> None:
        await account.own(SH, 100)
        before = await account.asset()
        await account.venue.show(quote(SH, OPENING, state=state))
        order = await account.send(intent("x-1", SH, side, 10, "100"))
        assert order.state in {OrderState.REJECTED, OrderState.WORKING}
        assert order.filled_volume == 0
        after = await account.asset()
        assert after.cash + after.frozen == before.cash

    @pytest.mark.parametrize("side", [BUY, SELL])
    async def test_a_suspended_bond_takes_no_order(self, account: Account, side: Side) -> None:
        await account.own(SH, 100)
        await account.venue.show(quote(SH, OPENING, state=TradingState.HALTED))
        order = await account.send(intent("x-1", SH, side, 10, "100"))
        assert order.state is OrderState.REJECTED


class TestFees:
    @pytest.mark.parametrize(("code", "minimum"), [(SH, "1.00"), (SZ, "0.10")])
    async def test_have_the_exchange_s_minimum_per_order(self, account: Account, code: str, minimum: str) -> None:
        bond = SH if code == SH else SZ
        for second in range(3):
            await account.venue.show(quote(bond, OPENING.replace(second=3 * second), ask_volume=10, ask="100"))
            if second == 0:
                await account.send(intent("b-1", bond, BUY, 30, "100"))
        assert len(await account.fills("b-1")) == 3
        charged = max(Decimal(minimum), Decimal("0.30"))
        assert (await account.asset()).cash == CAPITAL - 3000 - charged

    async def test_above_the_minimum_follow_the_amount(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING, ask="100"))
        await account.send(intent("b-1", SH, BUY, 300, "100"))
        assert (await account.asset()).cash == CAPITAL - 30_000 - Decimal("3.00")


class TestEvents:
    async def test_report_every_state_of_the_order(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING, ask_volume=30))
        order = await account.send(intent("b-1", SH, BUY, 100, "100.01"))
        await account.venue.broker.cancel(order.order_id)
        await account.venue.settled()
        fills = fills_of(account.venue.events)
        told = [event.state for event in account.venue.events if isinstance(event, BrokerOrder)]
        states = [state for state, _ in groupby(told) if state is not OrderState.CANCELLING]
        assert fills == await account.fills("b-1")
        assert states == [OrderState.WORKING, OrderState.PART_FILLED, OrderState.CANCELLED]

    async def test_reach_every_listener(self, account: Account) -> None:
        heard: list[object] = []
        account.venue.broker.subscribe(heard.append)
        await account.own(SH, 10)
        assert heard == account.venue.events

    async def test_identify_each_fill_once(self, account: Account) -> None:
        for second in range(4):
            await account.venue.show(quote(SH, OPENING.replace(second=3 * second), ask_volume=10))
            if second == 0:
                await account.send(intent("b-1", SH, BUY, 40, "100.01"))
        fills = fills_of(account.venue.events)
        assert len({fill.key for fill in fills}) == len(fills) == 4


class TestTheDaysEnd:
    async def test_ends_open_orders_and_releases_what_they_froze(self, account: Account) -> None:
        await account.own(SZ, 100)
        left = await account.asset()
        await account.venue.show(quote(SH, OPENING))
        await account.send(intent("b-1", SH, BUY, 100, "99"))
        await account.send(intent("s-1", SZ, SELL, 100, "101"))
        await account.venue.next_day()
        assert await account.asset() == left
        assert (await account.position(SZ)).sellable == 100
        listed = known(await account.venue.broker.orders(OPENING.date()))
        assert {row.state for row in listed if row.remark in ("b-1", "s-1")} <= {OrderState.LAPSED}

    async def test_lists_at_least_today(self, account: Account) -> None:
        await account.own(SZ, 10)
        await account.venue.next_day()
        await account.venue.show(quote(SH, account.venue.now))
        order = await account.send(intent("b-1", SH, BUY, 10, "100.01", account.venue.now.date()))
        assert (order.state, order.trading_day) == (OrderState.FILLED, account.venue.now.date())


class TestOpeningAgain:
    async def test_finds_everything_unchanged(self, account: Account) -> None:
        await account.own(SZ, 100)
        await account.venue.show(quote(SH, OPENING, ask_volume=30))
        await account.send(intent("b-1", SH, BUY, 100, "100.01"))
        await account.send(intent("s-1", SZ, SELL, 50, "101"))
        before = await self._all_of(account)
        await account.venue.reopen()
        assert await self._all_of(account) == before

    async def test_keeps_open_orders_open(self, account: Account) -> None:
        await account.venue.show(quote(SH, OPENING))
        await account.send(intent("b-1", SH, BUY, 100, "99"))
        await account.venue.reopen()
        await account.venue.show(quote(SH, OPENING, last="98.99", bid="98.98", ask="99"))
        await account.venue.settled()
        assert (await account.order("b-1")).state is OrderState.FILLED

    async def test_never_reuses_the_number_of_an_order_or_a_fill(self, account: Account) -> None:
        await account.own(SH, 10)
        await account.venue.reopen()
        await account.own(SZ, 10)
        keys = [fill.key for fill in fills_of(account.venue.events)]
        ids = {(await account.order(key)).order_id for key in ("own-113052", "own-123107")}
        assert len(set(keys)) == len(ids) == 2

    async def _all_of(self, account: Account) -> tuple[object, ...]:
        broker, since = account.venue.broker, OPENING.date()
        return await account.asset(), await broker.positions(), await broker.orders(since), await broker.fills(since)


async def test_the_value_of_a_holding_follows_its_last_price(account: Account) -> None:
    await account.own(SH, 100)
    before = await account.asset()
    await account.venue.show(quote(SH, OPENING, last="105", bid="104.99", ask="105.01"))
    after = await account.asset()
    assert after == replace(before, market_value=Decimal(10_500))
