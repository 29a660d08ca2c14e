"""What every snapshot asks for is kept where it was worked out, and is what a fresh reading of the file says."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.i18n import use_language
from core.infra.database import DatabaseUnusable, writing
from core.model.order import Fill, Order, OrderState
from core.trading.journal import Journal
from core.trading.ledger import Ledger
from core.trading.runs import Runs
from core.trading.state_store import StateStore
from tests.trading.trading_world import BUY, TEN, TODAY, A, B, C, D, TradingWorld, intent

STATES = (OrderState.WORKING, OrderState.CANCELLED, OrderState.REJECTED, OrderState.UNKNOWN)
PLANS = ("p", "q")


def told(orders: tuple[Order, ...]) -> list[tuple[object, ...]]:
    return [(one.intent, one.state, one.filled_volume, one.filled_amount, one.fee, one.log) for one in orders]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.sampled_from(STATES)), max_size=12))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_orders_are_those_on_disk_after_each_change(
    world: TradingWorld, steps: list[tuple[int, int, OrderState]]
) -> None:
    with writing(world.db):
        for table in ("ledger", "transitions", "orders"):
            world.db.conn.execute(f"delete from {table}")
    journal, ledger = Journal(world.db), Ledger(world.db)
    for number, (kind, which, state) in enumerate(steps):
        key = f"{PLANS[which % 2]}-{which}"
        if journal.get(key) is None:
            bond = (A, B, C, D)[which % 4]
            journal.intend([replace(intent(key, bond, BUY, 100), plan_id=PLANS[which % 2])], TEN)
        elif kind == 0:
            part = Fill(TODAY, "1", f"T{number}", key, A, BUY, 10, Decimal(100), Decimal(1), TEN)
            ledger.book(part, key)
            journal.filled(key, part.volume, part.price * part.volume, part.fee)
        elif kind == 1:
            journal.release(TODAY)
        else:
            journal.record(key, state, "", TEN)
        fresh = Journal(world.db)
        assert told(journal.of_day(TODAY)) == told(fresh.of_day(TODAY))
        assert [told(journal.of_plan(plan)) for plan in PLANS] == [told(fresh.of_plan(plan)) for plan in PLANS]
        assert ledger.bought_on(TODAY) == Ledger(world.db).bought_on(TODAY)


def test_an_answer_is_the_same_object_until_an_order_changes(world: TradingWorld) -> None:
    world.journal.intend([intent("p-1", A, BUY, 10)], TEN)
    before = world.journal.of_day(TODAY)
    assert world.journal.of_day(TODAY) is before
    world.journal.record("p-1", OrderState.WORKING, "", TEN)
    assert [order.state for order in world.journal.of_day(TODAY)] == [OrderState.WORKING]


async def test_the_newest_run_is_read_from_the_file_each_time(world: TradingWorld) -> None:
    plan, runs = await world.plan(C, D), Runs(world.db)
    assert runs.last(world.journal.of_plan) is None
    runs.begin(plan, None, TEN)
    begun = runs.last(world.journal.of_plan)
    assert begun is not None
    assert runs.last(world.journal.of_plan) is begun
    with closing(sqlite3.connect(world.path)) as other, other:
        other.execute("update runs set stage = 'elsewhere'")
    changed = runs.last(world.journal.of_plan)
    assert changed is not None
    assert changed.stage == "elsewhere"
    with closing(sqlite3.connect(world.path)) as other, other:
        other.execute("update runs set plan = '[{}]'")
    for _ in range(2):
        with pytest.raises(DatabaseUnusable, match="the column plan holds"):
            runs.last(world.journal.of_plan)


async def test_the_legs_of_the_newest_run_are_as_their_orders_are(world: TradingWorld) -> None:
    plan, runs = await world.plan(C, D), Runs(world.db)
    runs.begin(plan, None, TEN)
    leg = plan.legs[0]
    order = intent(f"{plan.plan_id}-1", leg.code, BUY, leg.volume)
    world.journal.intend([order], TEN)
    states: list[str] = []
    for state in (None, OrderState.WORKING, OrderState.CANCELLED):
        if state is not None:
            world.journal.record(order.client_order_id, state, "", TEN)
        run = runs.last(lambda _: (world.journal[order.client_order_id],))
        assert run is not None
        states += [row.status for row in run.legs if row.code == leg.code]
    assert states == ["intended", "working", "cancelled"]


def test_a_kept_value_that_is_damaged_meanwhile_is_refused(world: TradingWorld) -> None:
    store = StateStore(world.db)
    store.keep("control", "halted")
    assert store.recall("control") == "halted"
    with closing(sqlite3.connect(world.path)) as other, other:
        other.execute("update state set value = 'nonsense' where key = 'control'")
    for _ in range(2):
        with pytest.raises(DatabaseUnusable, match="control"):
            store.recall("control")
    with closing(sqlite3.connect(world.path)) as other, other:
        other.execute("delete from state")
    assert store.recall("control") is None


def test_levels_are_in_the_language_in_use(world: TradingWorld) -> None:
    world.own(A=100)
    world.stops.rows()
    try:
        use_language("zh")
        assert "成本" in world.stops.rows()[A].basis
    finally:
        use_language("en")
    assert "cost" in world.stops.rows()[A].basis
