"""The database locked by another process: what happens is kept and booked later, what has to come first is refused."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Generator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.infra.backlog import BooksUnwritable
from core.infra.database import wait_at_most
from core.model.order import OrderState, Side
from core.model.settings import StopSettings
from core.model.snapshot import BlockKind, Control, StopStatus
from core.rules.performance import EntryKind
from core.trading.runs import Runs
from core.trading.state_store import StateStore
from tests.trading import hostile
from tests.trading.trading_world import SELL, TEN, TODAY, A, B, C, D, TradingWorld, intent


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """A second connection holds the write lock, as a backup program or a database browser does."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.fixture
def ours(world: TradingWorld) -> TradingWorld:
    """A strategy with holdings, over books that wait for another writer as shortly as a test likes."""
    world.db.execute("PRAGMA busy_timeout=20")
    world.own(A=100, B=50)
    return world


def stored(world: TradingWorld) -> tuple[list[tuple[str, int]], list[tuple[str, str]]]:
    """The day's fills and the states of all orders on disk, read over a connection of their own."""
    with contextlib.closing(sqlite3.connect(world.path)) as other:
        fills = other.execute("select client_order_id, volume from ledger where client_order_id <> ''").fetchall()
        return fills, other.execute("select client_order_id, state from orders").fetchall()


async def test_every_fill_that_comes_while_the_books_are_locked_is_in_them_when_they_are_free(
    ours: TradingWorld,
) -> None:
    ours.broker.manners = {A: [hostile.works], B: [hostile.works]}
    await ours.order_manager.send([intent("s-1", A, SELL, 100), intent("s-2", B, SELL, 50)])
    with locked(ours.path):
        for key in ("s-1", "s-2"):
            ours.broker.trade(ours.broker.number(key), 20)
            ours.broker.trade(ours.broker.number(key), 30)
        assert ours.owned == {A: 50}
        assert [reason.kind for reason in ours.order_manager.status.reasons] == [BlockKind.BOOKS_UNWRITABLE]
        assert not ours.journal.backlog.flush()
        assert stored(ours)[0] == []
    assert ours.journal.backlog.flush()
    assert ours.order_manager.status.reasons == ()
    fills, states = stored(ours)
    assert fills == [("s-1", 20), ("s-1", 30), ("s-2", 20), ("s-2", 30)]
    assert states == [("s-1", OrderState.PART_FILLED), ("s-2", OrderState.FILLED)]
    again = ours.again()
    assert again.owned == {A: 50}
    assert [order.filled_volume for order in again.journal.of_day(TODAY)] == [50, 50]


async def test_a_stop_that_cannot_be_written_down_is_decided_at_once_and_fires_when_it_can(ours: TradingWorld) -> None:
    with locked(ours.path):
        begun = time.monotonic()
        await ours.ticked(A, "94")
        assert time.monotonic() - begun < 1
        assert ours.broker.placed == []
        row = ours.stops.rows()[A]
        assert (row.armed, row.status) == (False, StopStatus.BLOCKED)
        assert "the books cannot be written (database is locked)" in row.state
        await ours.ticked(A, "93.9")
        assert ours.broker.placed == []
    assert ours.journal.backlog.flush()
    assert ours.stops.rows()[A].armed
    await ours.ticked(A, "93.8")
    assert ours.sent(SELL) == [(A, 100)]


@pytest.mark.parametrize("first_seen_by", ["its own order", "another write"])
async def test_a_stop_decided_over_locked_books_is_sold_once_they_are_free_although_the_price_recovered(
    ours: TradingWorld, first_seen_by: str
) -> None:
    with locked(ours.path):
        if first_seen_by == "another write":
            StateStore(ours.db).keep("anything", "")
        await ours.ticked(A, "94")
        await ours.ticked(A, "100")
        assert "triggered" in ours.stops.rows()[A].state
        assert "triggered" not in ours.stops.rows()[B].state
    assert ours.journal.backlog.flush()
    await ours.stops.sweep()
    await ours.quiet()
    assert ours.sent(SELL) == [(A, 100)]


@pytest.mark.parametrize("instead", ["halted", "doubted", "stops off", "next day"])
async def test_nothing_is_sold_later_that_was_not_to_be_sold_then(ours: TradingWorld, instead: str) -> None:
    if instead == "halted":
        ours.controls.engage(Control.HALTED)
    if instead == "doubted":
        ours.doubts[A] = "another source says 100"
    with locked(ours.path):
        StateStore(ours.db).keep("anything", "")
        await ours.ticked(A, "94")
    assert ours.journal.backlog.flush()
    ours.controls.release()
    ours.doubts.clear()
    if instead == "stops off":
        ours.stops.use_settings(ours.settings.model_copy(update={"stops": StopSettings(enabled=False)}))
    ours.clock.move_to(TEN + timedelta(days=1 if instead == "next day" else 0, minutes=1))
    await ours.ticked(A, "100", at=ours.clock.now())
    assert ours.sent(SELL) == []


async def test_a_stop_over_free_books_fires_on_the_first_price(ours: TradingWorld) -> None:
    await ours.ticked(A, "94")
    assert ours.sent(SELL) == [(A, 100)]
    assert not ours.journal.backlog.flush()


async def test_an_order_is_never_sent_that_is_not_on_disk(ours: TradingWorld) -> None:
    with locked(ours.path):
        refused = await ours.order_manager.send([intent("s-1", A, SELL, 100)])
    assert "the books cannot be written" in refused["s-1"]
    assert ours.broker.placed == []
    assert ours.journal.get("s-1") is None


async def test_a_rebalance_over_locked_books_is_refused(ours: TradingWorld) -> None:
    plan = await ours.plan(C, D)
    with locked(ours.path), pytest.raises(BooksUnwritable):
        await ours.rotation.execute(plan)
    assert ours.broker.placed == []


async def test_a_halt_over_locked_books_holds_at_once_and_after_a_restart(ours: TradingWorld) -> None:
    with locked(ours.path):
        ours.controls.engage(Control.HALTED)
        assert ours.controls.halted
    assert ours.controls.halted
    assert ours.journal.backlog.flush()
    assert ours.again().controls.halted


async def test_adopting_over_locked_books_is_refused(ours: TradingWorld) -> None:
    with locked(ours.path), pytest.raises(BooksUnwritable):
        ours.ledger.move_by_hand(EntryKind.ADOPTED, C, Side.BUY, 10, Decimal(100), TEN)
    assert C not in ours.owned


async def test_a_run_that_ends_over_locked_books_is_not_taken_for_one_that_was_broken_off(ours: TradingWorld) -> None:
    runs, plan = Runs(ours.db), await ours.plan(C, D)
    runs.begin(plan, None, TEN)
    with locked(ours.path):
        runs.finish(plan.plan_id, "done", None, TEN)
        assert runs.unfinished() == ()
    assert ours.journal.backlog.flush()
    last = runs.last(ours.journal.of_plan)
    assert last is not None
    assert last.stage == "done"


@pytest.mark.parametrize("limit", ["max_page_count", "query_only"], ids=["full", "read-only"])
async def test_a_full_or_read_only_disk_is_named_and_waited_for(ours: TradingWorld, limit: str) -> None:
    ours.broker.manners = {A: [hostile.works], B: [hostile.works]}
    await ours.order_manager.send([intent("s-1", A, SELL, 100)])
    pages = ours.db.execute("PRAGMA page_count").fetchone()[0]
    free = ours.db.execute(f"PRAGMA {limit}").fetchone()[0]
    ours.db.execute(f"PRAGMA {limit}={pages if limit == 'max_page_count' else 1}")
    backlog = ours.journal.backlog
    number = 0
    while backlog.trouble is None:  # the last page has some room
        number += 1
        StateStore(ours.db).keep(f"filler-{number}", "x" * 1000)
    ours.broker.trade(ours.broker.number("s-1"), 100)
    assert ours.owned == {B: 50}
    assert "full" in backlog.trouble or "readonly" in backlog.trouble
    assert not backlog.flush()
    ours.db.execute(f"PRAGMA {limit}={free}")
    assert backlog.flush()
    assert stored(ours)[0] == [("s-1", 100)]


def test_an_error_that_is_not_the_disk_s_is_raised(world: TradingWorld) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        world.journal.backlog.store(lambda: world.db.execute("insert into absent values (1)"))
    assert world.journal.backlog.trouble is None


async def test_a_lock_shorter_than_the_patience_of_the_books_is_waited_for(ours: TradingWorld) -> None:
    wait_at_most(ours.db, 30)
    taken = threading.Event()

    def lock() -> None:
        with locked(ours.path):
            taken.set()
            time.sleep(0.2)

    other = threading.Thread(target=lock)
    other.start()
    taken.wait()
    await ours.ticked(A, "94")
    other.join()
    assert ours.sent(SELL) == [(A, 100)]
    assert not ours.journal.backlog.flush()
