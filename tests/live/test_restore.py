"""`rotor restore` between two runs: the next start reconciles before it trades, and says what it finds."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.infra.backups import backup_days
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


def backed_up(world: ProcessWorld, run: Running) -> str:
    """The day of the backup that the engine has made."""
    databases = database_files(Home(world.home), live_settings(world))
    until(lambda: backup_days(databases), lambda: run.said)
    return backup_days(databases)[0].isoformat()


def test_restored_books_that_fit_the_account_trade_again(world: ProcessWorld) -> None:
    with Running(world) as run:
        day = backed_up(world, run)
        refused = world.rotor("restore", day, "--yes")
        assert refused.returncode == 3, refused.stderr
        assert run.end(signal.SIGTERM) == 0, run.said
    done = world.rotor("restore", day, "--yes")
    assert done.returncode == 0, done.stderr
    with Running(world).follows() as run:
        run.wait_for(f"The books of {day} were restored. Positions reconciled, trading enabled.")
        world.control.set_quote(OWNED[0], 94.0, depth=100_000, volume_add=10)
        until(lambda: OWNED[0] not in ledger(world), lambda: run.said)
        assert run.end(signal.SIGTERM) == 0, run.said
    with Running(world) as run:
        assert "were restored" not in run.said
        assert run.end(signal.SIGTERM) == 0, run.said


def test_restored_books_that_do_not_fit_the_account_send_nothing_and_say_why(world: ProcessWorld) -> None:
    sold, others = OWNED[0], OWNED[1:]
    with Running(world).follows() as run:
        day = backed_up(world, run)
        world.control.set_quote(sold, 94.0, depth=100_000, volume_add=10)
        until(lambda: sold not in ledger(world), lambda: run.said)
        assert run.end(signal.SIGTERM) == 0, run.said
    sent = len(world.control.requests())
    assert world.rotor("restore", day, "--yes").returncode == 0
    assert sold in ledger(world)
    with Running(world).follows() as run:
        run.wait_for(f"The books of {day} were restored. They do not match the account: ")
        for code in others:
            world.control.set_quote(code, 94.0, depth=100_000, volume_add=10)
        run.wait_for(f"the stop of {others[-1]}")
        assert run.end(signal.SIGTERM) == 0, run.said
    assert sold in run.said
    assert len(world.control.requests()) == sent
