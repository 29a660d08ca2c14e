"""`rotor run` without a screen: its stops, its schedule, trading controls from other processes, and its exit."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.command import Done, rotor
from tests.live import suspend
from tests.live.running import Running, free, furnished, ledger, status, until
from tests.live.world import ProcessWorld, bonds

pytestmark = pytest.mark.skipif(os.name == "nt", reason="it is ended with POSIX signals")

BUY, SELL = 23, 24
CANCELLED, WORKING = 54, 50
OWNED = bonds(4)
OWN = "128999.SZ"
"""A bond not managed by rotor."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with ProcessWorld(tmp_path, held=[*OWNED, OWN]) as world:
        world.furnish([*OWNED, OWN, *bonds(4, 101)])
        world.platform.listed = OWNED
        world.settings |= {"STOPS__STOP_LOSS": "0.05", "STOPS__TAKE_PROFIT": "0.10"}
        yield world


def sold(world: ProcessWorld, code: str) -> int:
    return sum(order["traded"] for order in world.control.orders(code=code, side=SELL))


def from_here(world: ProcessWorld, command: str) -> Done:
    """The command in this process, which is another one than the engine's."""
    return rotor("--home", str(world.home), command, **{f"ROTOR_{name}": text for name, text in world.settings.items()})


def is_marketable(request: dict[str, float], bid: float) -> bool:
    """On the tick, inside the limits of ±20 % of 100, and no dearer than the best bid."""
    price = Decimal(str(request["price"]))
    return price == round(price, 3) and 80 <= price <= 120 and price <= Decimal(str(bid))


def calls(world: ProcessWorld) -> Counter[str]:
    """Queries to the terminal so far, while none is running."""
    while (seen := world.control.dump()["calls"]) != (time.sleep(0.05) or world.control.dump()["calls"]):
        pass
    return Counter(seen)


@pytest.mark.slow
def test_triggered_stops_sell_the_strategy_s_holdings_only(world: ProcessWorld) -> None:
    furnished(world, OWNED)
    fallen, risen = OWNED[1], OWNED[2]
    with Running(world).follows() as run:
        for number, (code, last) in enumerate({fallen: 94.0, risen: 111.0}.items()):
            world.control.set_quote(OWN, last, depth=100_000, volume_add=10)
            world.control.set_quote(code, last, depth=100_000, volume_add=10)
            until(lambda code=code: code not in ledger(world), lambda: run.said)
            *_, request = requests = world.control.requests()
            assert len(requests) == number + 1
            assert (request["code"], request["side"], request["volume"]) == (code, SELL, 100)
            assert is_marketable(request, last - 0.001), request
        assert run.end(signal.SIGINT) == 0, run.said
    assert ("ended (SIGINT): nothing more is sent. No order is left open." in run.said, free(world)) == (True, True)
    assert "Traceback" not in run.said
    assert {**ledger(world), OWN: 100} == world.held()
    assert len(world.control.requests()) == 2


@pytest.mark.slow
def test_a_stop_in_a_thin_market_never_sells_more_than_owned(world: ProcessWorld) -> None:
    code = OWNED[0]
    furnished(world, [code], volume=60)  # of the 100 in the account: 40 are the user's own
    world.settings["ORDERS__TIMEOUT"] = "1"
    with Running(world).follows() as run:
        world.control.set_quote(code, 94.0, bids=[(93.999, 20)], volume_add=10)
        until(lambda: len(world.control.requests()) == 2, lambda: run.said)
        first, second = world.control.requests()
        assert (first["volume"], second["volume"]) == (60, 40)
        assert ledger(world) == {code: 40}
        world.control.set_quote(code, 93.9, depth=100_000, volume_add=10)
        until(lambda: not ledger(world), lambda: run.said)
        assert run.end(signal.SIGTERM) == 0, run.said
    assert sold(world, code) == 60
    assert {request["code"] for request in world.control.requests()} == {code}
    assert world.held() == {**dict.fromkeys([*OWNED, OWN], 100), code: 40}


@pytest.mark.slow
def test_a_sweep_of_a_hundred_positions_is_one_call(tmp_path: Path) -> None:
    many = bonds(100)
    with ProcessWorld(tmp_path, held=many) as world:
        world.furnish(many)
        world.control.set_clock("2026-05-15 10:00:50")  # the start has some seconds before the minute
        furnished(world, many)
        world.settings |= {"STOPS__STOP_LOSS": "0.05", "SCHEDULE__FREQUENCY": "off"}
        with Running(world).follows() as run:
            until(lambda: suspend.now(world).second >= 58, lambda: run.said)
            before, minute = calls(world), suspend.now(world).minute
            until(lambda: suspend.now(world).minute != minute and suspend.now(world).second >= 2, lambda: run.said)
            asked = calls(world) - before
    # Each reading of the account asks for the prices of its holdings too; one may be under way at either end.
    assert 0 <= asked["full_tick"] - asked["query_positions"] <= 2, asked
    assert asked["instrument_detail"] == 0


@pytest.mark.slow
def test_an_open_order_is_cancelled_at_exit(world: ProcessWorld) -> None:
    furnished(world, OWNED)
    world.control.next_order(code=OWNED[0], fill="none")
    with Running(world).follows() as run:
        world.control.set_quote(OWNED[0], 94.0, depth=100_000, volume_add=10)
        key = world.control.wait_order(code=OWNED[0], status=WORKING)["remark"]
        run.wait_for(": working, ")
        assert run.end(signal.SIGTERM) == 0, run.said
    assert f"cancelled when stopping: {key}" in run.said
    assert "ended (SIGTERM): nothing more is sent. No order is left open." in run.said
    assert [order["status"] for order in world.control.orders()] == [CANCELLED]
    assert ("Traceback" not in run.said, free(world), status(world)["open_orders"]) == (True, True, [])


@pytest.mark.slow
def test_an_order_left_open_at_exit_is_settled_by_the_next_start(world: ProcessWorld) -> None:
    furnished(world, OWNED)
    world.settings["ORDERS__AT_EXIT"] = "leave"
    world.control.next_order(code=OWNED[0], fill="none")
    with Running(world).follows() as run:
        world.control.set_quote(OWNED[0], 94.0, depth=100_000, volume_add=10)
        key = world.control.wait_order(code=OWNED[0], status=WORKING)["remark"]
        run.wait_for(": working, ")
        assert run.end(signal.SIGHUP) == 4, run.said
    assert f"open orders stay at the broker and are checked at the next start: {key}" in run.said
    assert (
        f"ended (SIGHUP): nothing more is sent. Orders still open, checked at the next start: {key} (working)."
        in run.said
    )
    assert [order["status"] for order in world.control.orders()] == [WORKING]
    assert ("Traceback" not in run.said, free(world)) == (True, True)
    world.control.set_quote(OWNED[0], 100.0, depth=100_000, volume_add=10)
    assert world.json("plan")[0] == 0
    assert (status(world)["open_orders"], ledger(world)) == ([], {code: world.held()[code] for code in OWNED})


@pytest.mark.slow
def test_halt_and_resume_from_another_process_take_effect_at_once(world: ProcessWorld) -> None:
    furnished(world, OWNED)
    code = OWNED[0]
    with Running(world).follows() as run:
        assert from_here(world, "pause").returncode == 0
        assert status(world)["controls"] == ["buys paused"]
        assert world.rotor("halt").returncode == 0
        world.control.set_quote(code, 94.0, depth=100_000, volume_add=10)
        run.wait_for("is through its level and stays armed: halted")
        assert status(world)["controls"] == ["halted"]
        assert world.control.requests() == []
        assert from_here(world, "resume").returncode == 0
        world.control.set_quote(code, 93.9, depth=100_000, volume_add=10)
        until(lambda: code not in ledger(world), lambda: run.said)
        assert [request["volume"] for request in world.control.requests()] == [100]
        assert run.end(signal.SIGTERM) == 0, run.said


@pytest.mark.slow
def test_a_scheduled_run_is_executed_once_in_its_minute(world: ProcessWorld) -> None:
    furnished(world, OWNED)
    world.platform.listed = [*OWNED[:3], *bonds(1, 101)]
    world.settings["SCHEDULE__TIME"] = "14:50"
    suspend.at(world, suspend.DUE - timedelta(seconds=suspend.AHEAD))
    with Running(world) as run:
        assert suspend.now(world) < suspend.DUE, f"it took too long to start:\n{run.said}"
        assert world.control.requests() == []
        run.wait_for("starting the scheduled rebalance of 14:50")
        until(lambda: (status(world)["last_rebalance"] or {}).get("finished_at"), lambda: run.said)
        assert run.end(signal.SIGTERM) == 0, run.said
    assert [request["side"] for request in world.control.requests()] == [SELL, BUY]
    assert {*ledger(world), OWN} == set(world.held()) == {*world.platform.listed, OWN}
    assert suspend.now(world) < suspend.DUE + timedelta(minutes=1)
    with Running(world).follows() as again:
        assert again.end(signal.SIGTERM) == 0, again.said
    assert "the scheduled rebalance" not in again.said
    assert (len(world.control.requests()), status(world)["missed"]) == (2, None)


@pytest.mark.slow
def test_a_manual_plan_leaves_a_due_run_to_the_scheduler(world: ProcessWorld) -> None:
    """The run of 14:50 is due: a one-shot command neither starts it nor removes the offer."""
    furnished(world, OWNED)
    world.platform.listed = bonds(4, 101)
    world.settings["SCHEDULE__TIME"] = "14:50"
    suspend.at(world, suspend.DUE - timedelta(minutes=10))
    with Running(world) as run:
        assert run.end(signal.SIGTERM) == 0, run.said
    suspend.at(world, suspend.DUE + timedelta(seconds=1))
    code, plan = world.json("plan")
    assert (code, len(plan["legs"])) == (0, 8)
    assert (world.control.requests(), status(world)["missed"]) == ([], None)
    with Running(world) as run:
        run.wait_for("the rebalance of 2026-05-15 14:50 did not run: rotor was not running")
        assert run.end(signal.SIGTERM) == 0, run.said
    assert world.json("status")[1]["missed"]["planned_at"].startswith("2026-05-15T14:50")
    assert world.control.requests() == []


@pytest.mark.slow
def test_a_run_missed_during_sleep_is_offered_and_not_started(tmp_path: Path) -> None:
    told: list[str] = []
    with ProcessWorld(tmp_path) as world:
        world.furnish(suspend.LISTED)
        suspend.slept_over(world, seconds=3.5, late=1.0, tell=told.append)
    assert len(told) == 5, told
