"""Pre-trade risk: what it blocks, and the reason."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest

from core.model.account import Owned
from core.model.bond import BondCode
from core.model.order import UNLIMITED, Intent, OrderState, Origin, Side
from core.model.settings import GuardSettings, Settings
from core.model.snapshot import Control
from core.model.time import SHANGHAI
from core.rules.priority import COOLING
from core.rules.sessions import no_orders_at
from core.trading.risk import PreTradeRisk, RiskContext
from tests.trading.trading_world import BUY, SELL, TEN, A, B, TradingWorld, intent, meant_for

GATE = PreTradeRisk(
    Settings(guards=GuardSettings(max_order_amount=Decimal(20_000), max_daily_buys=Decimal(50_000))),
    lambda now: no_orders_at(now.time()),
)
OWNED = {A: Owned(A, 100, Decimal(100))}


def why_not(
    order: Intent, *, now: datetime = TEN, busy: frozenset[BondCode] = frozenset(), bought: str = "0"
) -> str | None:
    return GATE.why_not(order, now, RiskContext(busy, OWNED, Decimal(bought)))


@pytest.mark.parametrize("order", [intent("k", B, BUY, 100), intent("k", A, SELL, 100), intent("k", A, SELL, 7)])
def test_an_order_within_all_limits_passes(order: Intent) -> None:
    assert why_not(order) is None


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (intent("k", A, SELL, 101), "owns 100 张, not 101"),
        (intent("k", B, SELL, 10), "owns 0 张, not 10"),
        (intent("k", B, BUY, 15), "not a multiple of 10"),
        (intent("k", B, BUY, 0), "above zero"),
        (intent("k", A, SELL, -10), "above zero"),
        (intent("k", B, BUY, 10, "0"), "above zero"),
        (intent("k", B, BUY, 10, "100.0005"), "not on the tick"),
        (intent("k", B, BUY, 200), "20,002.00 CNY, guards.max_order_amount is 20,000.00"),
        (intent("k", B, BUY, 10, day=date(2026, 5, 14)), "planned for 2026-05-14"),
    ],
)
def test_an_order_beyond_a_limit_is_blocked_with_its_figure(order: Intent, reason: str) -> None:
    assert reason in (why_not(order) or "")


def test_daily_buys_are_capped() -> None:
    order = intent("k", B, BUY, 100)
    assert why_not(order, bought="39999") is None
    assert "guards.max_daily_buys" in (why_not(order, bought="39999.01") or "")
    assert why_not(intent("k", A, SELL, 100), bought="60000") is None


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_bond_with_a_live_or_unresolved_order_gets_no_second(side: str) -> None:
    order = replace(intent("k", A, BUY, 10), side=BUY if side == "buy" else SELL)
    assert "working or unresolved" in (why_not(order, busy=frozenset({A})) or "")
    assert why_not(order, busy=frozenset({B})) is None


@pytest.mark.parametrize(
    ("hour", "allowed"),
    [
        ("09:29:59", False),
        ("09:30:00", True),
        ("11:29:59", True),
        ("11:30:00", False),
        ("13:00:00", True),
        ("14:56:29", True),
        ("14:56:30", False),
    ],
)
def test_no_order_passes_outside_trading_hours(hour: str, allowed: bool) -> None:
    now = datetime.fromisoformat(f"2026-05-15T{hour}").replace(tzinfo=SHANGHAI)
    assert (why_not(intent("k", A, SELL, 10), now=now) is None) is allowed


@pytest.mark.parametrize("claim", [Origin.STOP_LOSS, Origin.TAKE_PROFIT, Origin.FLATTEN])
def test_a_claimed_bond_takes_no_rebalance_order(claim: Origin) -> None:
    standing = RiskContext(frozenset(), OWNED, claims={A: claim})
    assert GATE.why_not(intent("k", A, SELL, 10), TEN, standing) == f"its {claim} is running"
    assert GATE.why_not(intent("k", B, BUY, 10), TEN, standing) is None
    assert GATE.why_not(meant_for(Origin.FLATTEN, intent("k", A, SELL, 10)), TEN, standing) is None


def test_a_stopped_bond_is_not_bought_and_may_be_sold() -> None:
    standing = RiskContext(frozenset(), OWNED, stopped={A})
    assert GATE.why_not(intent("k", A, BUY, 10), TEN, standing) == COOLING
    assert GATE.why_not(meant_for(Origin.REFILL, intent("k", A, BUY, 10)), TEN, standing) == COOLING
    assert GATE.why_not(intent("k", A, SELL, 10), TEN, standing) is None


@pytest.mark.parametrize("origin", Origin)
@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("pulled", [None, *Control])
async def test_a_control_blocks_its_kind_of_order_only(
    world: TradingWorld, pulled: Control | None, side: Side, origin: Origin
) -> None:
    world.own(A=100)
    if pulled is not None:
        world.controls.engage(pulled)
    refused = await world.order_manager.send([meant_for(origin, intent("k", A, side, 10))])
    stands = {
        None: False,
        Control.PAUSED: side is BUY,
        Control.TRIPPED: origin not in UNLIMITED,
        Control.HALTED: origin is not Origin.FLATTEN,
    }[pulled]
    assert bool(refused) is stands
    assert bool(world.broker.placed) is not stands


async def test_a_control_engaged_during_sending_blocks_the_rest(world: TradingWorld) -> None:
    world.broker.before_place = lambda _: world.controls.engage(Control.HALTED)
    await world.order_manager.send([intent("p-B01-1", A, BUY, 10), intent("p-B02-1", B, BUY, 10)])
    assert [order.code for order in world.broker.placed] == [A]
    assert world.journal["p-B02-1"].state is OrderState.REFUSED
    assert "halted" in world.journal["p-B02-1"].message
