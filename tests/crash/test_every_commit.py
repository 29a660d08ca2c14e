"""A rebalance killed before any commit ends, after a restart, like an uninterrupted one."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from core.model.known import Known
from core.model.order import Side
from tests.crash import victim
from tests.crash.world import LATER, NEW, OLD, TARGET, CrashWorld, furnish, paper_rows

ROOT = Path(__file__).parents[2]


def _run(*arguments: str | Path, check: bool = True) -> str:
    command = [sys.executable, "-m", "tests.crash.victim", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout if done.returncode == 0 else ""


@pytest.fixture(scope="module")
def victims(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A folder with one data folder killed before each commit, and the number of commits."""
    folder = tmp_path_factory.mktemp("crash")
    (folder / "furnished").mkdir()
    asyncio.run(furnish(folder / "furnished"))
    if hasattr(os, "fork"):
        return folder, int(_run(folder, "all"))
    total = int(_run(folder, victim.WHOLE))
    for number in range(1, total + 1):
        _run(folder, str(number), check=False)
    return folder, total


async def _recovers(folder: Path) -> None:
    """Restart on the files the killed process left, check, rebalance again, check again."""
    world = CrashWorld(folder, LATER, durable=False)
    try:
        world.show(None)
        assert await world.start() == ()
        assert world.journal.open() == ()
        await _agrees(world)
        await world.rebalance()
        assert world.journal.open() == ()
        await _agrees(world)
        assert set(world.ledger.holdings()) == set(NEW)
        _nothing_twice(folder)
    finally:
        await world.stop()


async def _agrees(world: CrashWorld) -> None:
    """Check that ledger and account agree and no order is open."""
    positions, asset = await world.broker.positions(), await world.broker.asset()
    assert isinstance(positions, Known)
    assert isinstance(asset, Known)
    held = {row.code: row.volume for row in positions.value}
    assert {code: row.volume for code, row in world.ledger.holdings().items()} == held
    assert asset.value.frozen == 0
    assert asset.value.cash >= 0


def _nothing_twice(folder: Path) -> None:
    """Check in the broker's file: no client order id twice, and no bond traded beyond its target."""
    remarks = Counter(remark for (remark,) in paper_rows(folder, "select remark from orders"))
    assert set(remarks.values()) == {1}
    traded = {
        (code, side): volume
        for code, side, volume in paper_rows(folder, "select code, side, sum(volume) from fills group by code, side")
    }
    assert set(traded) <= {(code, Side.BUY) for code in (*OLD, *NEW)} | {(code, Side.SELL) for code in OLD}
    assert all(isinstance(volume, int) and volume <= TARGET for volume in traded.values())
    assert all(traded[code, Side.SELL] == TARGET for code in OLD)


@pytest.mark.slow
def test_the_uninterrupted_run_has_a_part_fill_and_a_reprice(victims: tuple[Path, int]) -> None:
    folder, total = victims
    orders = paper_rows(
        folder / victim.WHOLE, "select side, volume, filled_volume, state from orders order by cast(order_id as int)"
    )
    assert orders[2:] == [
        ("sell", 100, 70, "cancelled"),
        ("sell", 100, 100, "filled"),
        ("sell", 30, 30, "filled"),
        ("buy", 100, 100, "filled"),
        ("buy", 100, 100, "filled"),
    ]
    assert paper_rows(folder / victim.WHOLE, "select count(*) from fills where code = '113002.SH'") == [(2,)]
    assert total > 25


@pytest.mark.slow
def test_a_rebalance_killed_before_any_commit_ends_the_same(victims: tuple[Path, int]) -> None:
    folder, total = victims
    for number in range(1, total + 1):
        home = folder / f"{number} restarted"
        shutil.copytree(folder / str(number), home)
        try:
            asyncio.run(_recovers(home))
        except BaseException as error:
            error.add_note(f"killed before commit {number} of {total}")
            raise


@pytest.mark.slow
def test_a_rebalance_killed_repeatedly_ends_the_same(victims: tuple[Path, int]) -> None:
    """Each restart gets a few commits further than the one before."""
    folder, total = victims
    home = folder / "restless"
    shutil.copytree(folder / "furnished", home)
    for number in range(1, total + 10, 4):
        _run(folder, "again", "restless", str(number), check=False)
    asyncio.run(_recovers(home))


def test_some_kills_leave_ledger_and_account_different(victims: tuple[Path, int]) -> None:
    """Negative control: before the restart some of these ledgers do differ from the account."""
    folder, total = victims
    uneven = 0
    for number in range(1, total + 1):
        ledger = _volumes(folder / str(number))
        held = dict(paper_rows(folder / str(number), "select code, volume from holdings"))
        uneven += ledger != held
    assert uneven > 0


def _volumes(folder: Path) -> dict[object, object]:
    from core.infra.database import open_database
    from core.trading.ledger import Ledger
    from core.trading.state_store import TRADING

    database = open_database(folder / "app.db", TRADING, durable=False)
    try:
        return {str(code): row.volume for code, row in Ledger(database).holdings().items()}
    finally:
        database.close()
