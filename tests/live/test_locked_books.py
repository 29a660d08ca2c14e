"""`rotor run` while another process holds the database's lock: over fills, ticks, and a stop that triggers."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.infra.home import Home, database_files
from tests.live.running import Running, ledger, live_settings, until, watched_by_stops
from tests.live.world import ProcessWorld, bonds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="it is ended with POSIX signals"),
]

OWNED = bonds(3)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with watched_by_stops(tmp_path, OWNED) as world:
        yield world


def test_a_fill_during_a_lock_in_which_the_engine_is_killed_is_booked_at_the_next_start(world: ProcessWorld) -> None:
    working, second, calm = OWNED
    books, _ = database_files(Home(world.home), live_settings(world))
    with Running(world).follows() as run, sqlite3.connect(books, isolation_level=None) as other:
        world.control.set_quote(working, 94.0, bids=[(93.999, 20)], volume_add=10)
        until(lambda: ledger(world).get(working) == 80, lambda: run.said)
        other.execute("BEGIN EXCLUSIVE")
        world.control.set_quote(working, 94.0, depth=100_000, volume_add=10)
        until(lambda: world.held().get(working, 0) == 0, lambda: run.said)
        run.wait_for("the books cannot be written")
        run.program.kill()
        run.program.wait()
        assert ledger(world)[working] == 80
    with Running(world) as run:
        until(lambda: ledger(world) == {second: 100, calm: 100}, lambda: run.said)
        assert run.end(signal.SIGTERM) == 0, run.said
    assert [request["code"] for request in world.control.requests()] == [working]


def test_fills_and_stops_during_a_lock_are_booked_and_fired_after_it(world: ProcessWorld) -> None:
    working, triggered, calm = OWNED
    books, _ = database_files(Home(world.home), live_settings(world))
    with Running(world).follows() as run:
        world.control.set_quote(working, 94.0, bids=[(93.999, 20)], volume_add=10)
        until(lambda: ledger(world).get(working) == 80, lambda: run.said)
        with sqlite3.connect(books, isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            world.control.set_quote(working, 94.0, depth=100_000, volume_add=10)
            until(lambda: world.held().get(working, 0) == 0, lambda: run.said)
            begun = time.monotonic()
            world.control.set_quote(triggered, 94.0, depth=100_000, volume_add=10)
            run.wait_for(f"the stop of {triggered}")
            assert time.monotonic() - begun < 5, run.said
            assert "the books cannot be written (database is locked)" in run.said
            for last in (93.9, 93.8, 100.0):
                world.control.set_quote(triggered, last, depth=100_000, volume_add=10)
            assert ledger(world)[working] == 80
            other.execute("ROLLBACK")
        run.wait_for("the books can be written again")
        until(lambda: ledger(world) == {calm: 100}, lambda: run.said)
        assert run.end(signal.SIGTERM) == 0, run.said
    assert "Traceback" not in run.said
    assert world.held() == ledger(world)
    assert [(request["code"], request["volume"]) for request in world.control.requests()] == [
        (working, 100),
        (triggered, 100),
    ]
