"""Each condition that blocks the execution of a plan in the engine."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.engine.engine import Engine
from core.engine.runtime import EngineRuntime
from core.infra.clock import ScaledClock
from core.infra.config import load_settings
from core.infra.home import Home
from core.model.command import ExecutePlan, MakePlan
from core.model.known import Known, Unknown
from core.model.order import OrderState
from core.model.snapshot import BlockKind, BlockReason
from core.trading.order_manager import OrderManager
from tests.engine.test_engine import ask, refusal, started, until
from tui.cli.offline import prepare_demo


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    home = Home(tmp_path)
    prepare_demo(home)
    with started(Engine(home, load_settings(home.path, environ={}), speed=1)) as engine:
        engine.wait_ready()
        yield engine


def shift_of(engine: Engine) -> EngineRuntime:
    shift = engine._runtime  # pyright: ignore[reportPrivateUsage]
    assert shift is not None
    return shift


def desk_of(engine: Engine) -> OrderManager:
    return shift_of(engine)._components.order_manager  # pyright: ignore[reportPrivateUsage]


def test_a_fault_turns_trading_off_until_it_is_resolved(engine: Engine) -> None:
    plan = ask(engine, MakePlan())
    desk_of(engine).status.add_fault("order 7: more was filled than ordered")
    shown = until(engine, lambda shown: not shown.ready)
    assert shown.blockers == (BlockReason(BlockKind.BOOKING_FAULT, "order 7: more was filled than ordered"),)
    assert "trading is off: order 7" in refusal(engine, ExecutePlan(plan.plan_id)).text
    assert desk_of(engine).journal.of_day(shown.at.date()) == ()


def test_an_unknown_account_turns_trading_off_and_is_reconciled_later(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.engine.runtime._RETRY", 1)
    broker = desk_of(engine).broker
    answers = broker.asset

    async def silent() -> Unknown:
        return Unknown("the cable is cut")

    monkeypatch.setattr(broker, "asset", silent)
    shown = until(engine, lambda shown: not shown.ready)
    assert "the cable is cut" in shown.blockers[0].text
    assert isinstance(shown.asset, Unknown)
    plan = ask(engine, MakePlan())
    assert plan.legs == ()
    assert plan.refused is not None
    monkeypatch.setattr(broker, "asset", answers)
    again = until(engine, lambda shown: shown.ready)
    assert isinstance(again.asset, Known)


def test_no_rebalance_starts_outside_trading_hours(engine: Engine) -> None:
    plan = ask(engine, MakePlan())
    clock = shift_of(engine)._components.clock  # pyright: ignore[reportPrivateUsage]
    assert isinstance(clock, ScaledClock)
    clock.move_to(clock.now().replace(hour=14, minute=58))
    refused = refusal(engine, ExecutePlan(plan.plan_id))
    assert refused.refused
    assert "orders are sent until 14:56:30 only" in refused.text
    with_orders = desk_of(engine).journal.of_day(clock.now().date())
    assert with_orders == ()


def test_yesterday_s_plan_is_not_executed(engine: Engine) -> None:
    plan = ask(engine, MakePlan())
    clock = shift_of(engine)._components.clock  # pyright: ignore[reportPrivateUsage]
    assert isinstance(clock, ScaledClock)
    clock.move_to(clock.now() + timedelta(days=3))
    assert refusal(engine, ExecutePlan(plan.plan_id)).refused
    assert desk_of(engine).journal.of_day(clock.now().date()) == ()


def test_an_order_left_open_by_a_rebalance_settles_by_itself(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cancel is confirmed only after the rebalance; no restart is needed then."""
    monkeypatch.setattr("core.engine.runtime._RETRY", 1)
    monkeypatch.setattr("core.trading.order_manager.CANCEL_PROOF", 0.2)
    components = shift_of(engine)._components  # pyright: ignore[reportPrivateUsage]
    quick = components.settings.orders.model_copy(update={"type": "limit", "timeout": 1, "reprices": 0})
    components.rotation.settings = components.rotation.settings.model_copy(update={"orders": quick})
    hear = components.order_manager.broker.cancel

    async def deaf(order_id: str) -> None: ...

    monkeypatch.setattr(components.order_manager.broker, "cancel", deaf)
    plan = ask(engine, MakePlan())
    result = ask(engine, ExecutePlan(plan.plan_id))
    monkeypatch.setattr(components.order_manager.broker, "cancel", hear)
    shown = until(engine, lambda shown: bool(shown.orders) and all(order.done for order in shown.orders))
    assert {order.state for order in shown.orders} <= {OrderState.FILLED, OrderState.CANCELLED}
    assert shown.rebalance is not None
    assert shown.rebalance.unresolved == ()
    assert shown.rebalance.plan_id == result.plan_id
