"""Live consent and the self-test, which detects a broker with other units."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from core.model.command import SelfTest
from core.model.order import Intent, OrderState
from core.model.quote import TradingState
from core.model.snapshot import Need
from core.trading.reconcile import reconcile
from core.trading.risk import LiveConsent, PreTradeRisk
from core.trading.self_test import self_test
from core.trading.state_store import StateStore
from tests import worlds
from tests.trading import hostile
from tests.trading.trading_world import BUY, TEN, A, B, C, D, TradingWorld, intent

Outcome = hostile.Outcome
Manner = Callable[[hostile.HostileBroker, Intent], Awaitable[Outcome]]

QUOTES = [replace(worlds.quote(code), at=TEN, name=f"bond {code[:6]}") for code in (A, B, C, D)]


def permits(world: TradingWorld, *, waived: bool = False) -> LiveConsent:
    made = LiveConsent(StateStore(world.db), "8880001", waived=waived)
    world.order_manager.risk = PreTradeRisk(world.settings, world.order_manager.risk.orders_allowed, (made,))
    return made


async def test_an_account_without_consent_takes_no_order(world: TradingWorld) -> None:
    granted = permits(world)
    assert granted.missing() == (Need.CONSENT, Need.SELF_TEST)
    assert "rotor consent 8880001" in (await world.order_manager.send([intent("k-1", A, BUY, 10)]))["k-1"]
    granted.consent()
    assert "rotor self-test" in (await world.order_manager.send([intent("k-2", A, BUY, 10)]))["k-2"]
    granted.record(SelfTest(False, TEN, ("SH: failed",)))
    assert "rotor self-test" in (await world.order_manager.send([intent("k-3", A, BUY, 10)]))["k-3"]
    assert world.broker.placed == []
    granted.record(SelfTest(True, TEN, ("SH: ok",)))
    assert await world.order_manager.send([intent("k-4", A, BUY, 10)]) == {}


async def test_consent_is_per_account_and_survives_a_restart(world: TradingWorld) -> None:
    permits(world).consent()
    again = world.again()
    assert permits(again).missing() == (Need.SELF_TEST,)
    assert LiveConsent(StateStore(again.db), "8880002", waived=True).missing() == (Need.CONSENT,)


async def test_a_waived_self_test_is_not_required(world: TradingWorld) -> None:
    granted = permits(world, waived=True)
    granted.consent()
    assert granted.missing() == ()
    assert await world.order_manager.send([intent("k-1", A, BUY, 10)]) == {}


async def test_the_self_test_buys_nothing_and_leaves_no_order(world: TradingWorld) -> None:
    granted = permits(world)
    granted.consent()
    for code in (A, C):
        world.broker.manners[code] = [hostile.works]
    test = await self_test(world.order_manager, QUOTES, granted.test_begun)
    assert test.passed, test.lines
    assert [(order.code, order.volume, order.price) for order in world.broker.placed] == [
        (A, 10, Decimal("80.000")),
        (C, 10, Decimal("80.000")),
    ]
    assert {row.state for row in world.broker.listed.values()} == {OrderState.CANCELLED}
    assert await reconcile(world.order_manager) == ()
    granted.testing = None
    assert "rotor self-test" in (await world.order_manager.send([intent("k-1", A, BUY, 10)]))["k-1"], (
        "it was not recorded yet"
    )


def lists(**changes: object) -> Manner:
    """The broker accepts the order and lists it with these changes."""

    async def manner(broker: hostile.HostileBroker, order: Intent) -> Outcome:
        order_id = broker.take(order, tell=False)
        broker.listed[order_id] = replace(broker.listed[order_id], **changes)  # type: ignore[arg-type]
        return hostile.Confirmed(order_id)

    return manner


async def freezes_ten_times_as_much(broker: hostile.HostileBroker, order: Intent) -> Outcome:
    order_id = broker.take(order)
    broker.money -= order.price * order.volume * 9
    return hostile.Confirmed(order_id)


async def freezes_nothing(broker: hostile.HostileBroker, order: Intent) -> Outcome:
    order_id = broker.take(order)
    broker.money += order.price * order.volume
    return hostile.Confirmed(order_id)


FAULTS: dict[str, tuple[Manner, str]] = {
    "lots where bonds are meant": (lists(volume=1), "10 张 were ordered, the account lists 1"),
    "ten times as many": (lists(volume=100), "10 张 were ordered, the account lists 100"),
    "ten times the money": (freezes_ten_times_as_much, "should freeze 800.00 CNY"),
    "no money at all": (freezes_nothing, "should freeze 800.00 CNY"),
    "a rejection": (hostile.rejects, "was rejected"),
    "an order that never arrives": (hostile.never_arrives, "does not list the order"),
    "a fill": (hostile.fills_at_once, "traded"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_unexpected_order_row_fails_the_self_test(world: TradingWorld, fault: str) -> None:
    manner, words = FAULTS[fault]
    world.broker.manners[A], world.broker.manners[C] = [manner], [hostile.works]
    test = await self_test(world.order_manager, QUOTES, lambda _: None)
    assert not test.passed
    assert words in test.lines[0] or fault == "a fill", test.lines
    assert test.lines[1].startswith("SZ: ")
    states = {row.state for row in world.broker.listed.values()}
    assert OrderState.WORKING not in states, "whatever was seen, the order is cancelled"


async def test_an_unconfirmed_cancel_fails_the_self_test(world: TradingWorld) -> None:
    world.broker.manners[A], world.broker.manners[C], world.broker.deaf = [hostile.works], [hostile.works], {A}
    test = await self_test(world.order_manager, QUOTES, lambda _: None)
    assert not test.passed
    assert "its cancel is not proven" in test.lines[0]


async def test_the_self_test_explains_that_it_lacks_a_bond_or_cash(world: TradingWorld) -> None:
    halted = [replace(quote, state=TradingState.HALTED) if quote.code in (A, B) else quote for quote in QUOTES]
    world.broker.manners[C] = [hostile.works]
    test = await self_test(world.order_manager, halted, lambda _: None)
    assert "no bond of this exchange trades now" in test.lines[0]
    world.broker.money = Decimal(100)
    test = await self_test(world.order_manager, QUOTES, lambda _: None)
    assert "CNY are needed for a moment, 100.00 are there" in test.lines[0]
    assert len(world.broker.placed) == 1


async def test_the_self_test_is_not_run_where_its_order_could_fill(world: TradingWorld) -> None:
    """At limit-down the lowest price of the day is the market price."""
    fallen = {"last": Decimal("80.1"), "bid": Decimal("80.1"), "ask": Decimal("80.2"), "prev_close": Decimal(100)}
    low = [replace(quote, **fallen) for quote in QUOTES]
    test = await self_test(world.order_manager, low, lambda _: None)
    assert not test.passed
    assert world.broker.placed == []
