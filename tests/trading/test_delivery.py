"""Repeated, delayed, reordered or lost events give the same ledger as events received once and in order."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.brokers.broker import BrokerEvent
from core.model.bond import BondCode
from core.model.order import DONE_STATES, Confirmed, Intent, OrderState, Outcome, Refused, Side, Unresolved
from core.trading.reconcile import reconcile
from tests.trading import trading_world
from tests.trading.hostile import HostileBroker
from tests.trading.trading_world import BUY, SELL, A, Agenda, B, C, D, TradingWorld, intent

ANSWERS = ("confirmed", "unresolved", "refused", "raises")


@dataclass(frozen=True)
class Life:
    """What really happens to one order: its fills in 张, then its end. The rest is cancelled."""

    code: BondCode
    side: Side
    fills: tuple[int, ...]
    left: int
    answer: str

    @property
    def volume(self) -> int:
        return sum(self.fills) + self.left


@dataclass(frozen=True)
class Delivery:
    """The events' numbers in order of arrival; the first `early` arrive before the first response."""

    lives: tuple[Life, ...]
    sequence: tuple[int, ...]
    early: int
    restart: int | None


@st.composite
def lives(draw: st.DrawFn) -> tuple[Life, ...]:
    made: list[Life] = []
    for code, side in ((A, BUY), (B, BUY), (C, SELL), (D, SELL))[draw(st.integers(0, 2)) :]:
        fills = tuple(draw(st.lists(st.integers(1, 60), max_size=3)))
        left = draw(st.integers(0 if fills else 1, 50))
        made.append(Life(code, side, fills, left, draw(st.sampled_from(ANSWERS))))
    return tuple(made)


@st.composite
def deliveries(draw: st.DrawFn, *, lossy: bool) -> Delivery:
    chosen = draw(lives())
    count = sum(len(_events_of(life)) for life in chosen)
    if lossy:
        numbers = draw(st.lists(st.integers(0, count - 1), max_size=2 * count))
    else:
        numbers = list(range(count)) + draw(st.lists(st.integers(0, count - 1), max_size=count))
    sequence = tuple(draw(st.permutations(numbers)))
    early = draw(st.integers(0, len(sequence)))
    return Delivery(chosen, sequence, early, draw(st.none() | st.integers(0, len(sequence))))


def _events_of(life: Life) -> Sequence[str]:
    return ["working", *("fill", "state") * len(life.fills), *(["end"] if life.left else [])]


def _live(broker: HostileBroker, order: Intent, life: Life) -> list[BrokerEvent]:
    """Run the order at the broker without events; return the events it would have sent."""
    number = broker.take(order, tell=False)
    events: list[BrokerEvent] = [broker.listed[number]]
    for volume in life.fills:
        events += [broker.trade(number, volume, tell=False), broker.listed[number]]
    if life.left:
        events.append(broker.end(number, OrderState.CANCELLED, tell=False))
    return events


async def _played(folder: Path, delivery: Delivery) -> TradingWorld:
    """Send the batch and deliver its events as given; return the world at the end."""
    clock = Agenda()
    world = TradingWorld(folder / "app.db", HostileBroker(clock), clock, trading_world.settings())
    world.own(C=1000, D=1000)
    batch = [intent(f"p-{n}", life.code, life.side, life.volume) for n, life in enumerate(delivery.lives)]
    events: list[BrokerEvent] = []

    def begin(_: Intent) -> None:
        if not events:
            for order, life in zip(batch, delivery.lives, strict=True):
                events.extend(_live(world.broker, order, life))
            for number in delivery.sequence[: delivery.early]:
                world.broker.tell(events[number])

    async def answer(broker: HostileBroker, order: Intent) -> Outcome:
        life = next(life for life in delivery.lives if life.code == order.code)
        if life.answer == "raises":
            raise ConnectionResetError("gone")
        answers = {"unresolved": Unresolved("no answer"), "refused": Refused("-1")}
        return answers.get(life.answer, Confirmed(broker.number(order.client_order_id)))

    world.broker.before_place = begin
    world.broker.manners = {life.code: [answer] for life in delivery.lives}
    await _send_past_the_gate(world, batch)
    for place, number in enumerate(delivery.sequence[delivery.early :]):
        if place == delivery.restart:
            world = world.again()
        world.broker.tell(events[number])
    return world


async def _send_past_the_gate(world: TradingWorld, batch: list[Intent]) -> None:
    """Pre-trade risk would block odd volumes; this tests what comes after it."""
    world.journal.intend(batch, world.clock.now())
    for order in batch:
        await world.order_manager._place(order)  # pyright: ignore[reportPrivateUsage]


def _true_ledger(delivery: Delivery) -> dict[BondCode, int]:
    owned = {C: 1000, D: 1000}
    for life in delivery.lives:
        owned[life.code] = owned.get(life.code, 0) + (1 if life.side is BUY else -1) * sum(life.fills)
    return {code: volume for code, volume in owned.items() if volume}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(delivery=deliveries(lossy=False))
def test_reordered_and_repeated_events_give_the_same_ledger(delivery: Delivery) -> None:
    async def check() -> None:
        with tempfile.TemporaryDirectory() as folder:
            world = await _played(Path(folder), delivery)
            try:
                assert world.order_manager.status.faults == ()
                assert world.owned == _true_ledger(delivery)
                if (
                    delivery.restart is not None
                ):  # a final state that waits for its fills is not on disk: it is read from the list
                    await world.order_manager.sync_with_broker()
                for number, life in enumerate(delivery.lives):
                    order = world.journal[f"p-{number}"]
                    assert order.state is (OrderState.CANCELLED if life.left else OrderState.FILLED)
                    assert order.filled_volume == sum(life.fills)
                assert world.again().owned == world.owned
            finally:
                world.close()

    asyncio.run(check())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(delivery=deliveries(lossy=True))
def test_lost_events_are_recovered_from_the_broker_s_lists(delivery: Delivery) -> None:
    async def check() -> None:
        with tempfile.TemporaryDirectory() as folder:
            world = await _played(Path(folder), delivery)
            try:
                truth = _true_ledger(delivery)
                for code, volume in world.owned.items():
                    low, high = sorted((truth.get(code, 0), 1000 if code in (C, D) else 0))
                    assert low <= volume <= high
                assert await reconcile(world.order_manager) == ()
                assert world.owned == truth
                assert all(world.journal[f"p-{n}"].state in DONE_STATES for n in range(len(delivery.lives)))
            finally:
                world.close()

    asyncio.run(check())
