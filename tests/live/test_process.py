"""The real program in live mode: rotor as a process, the terminal as another, Factor Cat on loopback."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import kills
from tests.live.running import Running
from tests.live.world import ACCOUNT, ProcessWorld, bonds

OLD, NEW = bonds(20), bonds(20, 101)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with ProcessWorld(tmp_path, held=OLD) as world:
        world.furnish([*OLD, *NEW, *bonds(2, 301)])
        world.platform.listed = NEW
        yield world


@pytest.mark.slow
def test_a_rotation_of_twenty_sells_and_twenty_buys(world: ProcessWorld) -> None:
    world.permit()
    world.adopt(*OLD)
    tests = len(world.control.requests())
    code, document = world.json("rebalance", "--yes")
    assert code == 0, document
    assert document["mode"] == "live"
    assert {leg["status"] for leg in document["legs"]} == {"filled"}
    assert (document["unresolved"], len(document["legs"])) == ([], 40)
    assert set(world.held()) == set(NEW)
    assert world.ledger() == world.held()
    requests = world.control.requests()[tests:]
    assert [request["side"] for request in requests] == [24] * 20 + [23] * 20
    assert [request["code"] for request in requests[20:]] == NEW, "buys go in list order"
    assert set(Counter(request["remark"] for request in requests).values()) == {1}
    assert {request["price_type"] for request in requests} == {11}
    assert all(len(request["remark"].encode()) <= 23 for request in requests)
    code, again = world.json("rebalance", "--yes")
    assert (code, again["legs"]) == (0, [])
    assert len(world.control.requests()) == tests + 40


@pytest.mark.slow
def test_nothing_is_sent_before_consent_and_self_test(world: ProcessWorld) -> None:
    code, plan = world.json("plan")
    assert (code, len(plan["legs"])) == (0, 20)
    refused = world.rotor("rebalance", "--yes")
    assert refused.returncode == 3
    assert f"rotor consent {ACCOUNT}" in refused.stderr
    wrong = world.rotor("consent", "8880002", "--yes")
    assert wrong.returncode == 3
    assert "nothing was agreed to" in wrong.stderr
    assert world.rotor("consent", ACCOUNT).returncode == 3, "no answer is a no"
    early = world.rotor("self-test", "--yes")
    assert (early.returncode, "rotor consent" in early.stderr) == (3, True)
    assert world.rotor("consent", ACCOUNT, "--yes").returncode == 0
    refused = world.rotor("rebalance", "--yes")
    assert (refused.returncode, "rotor self-test" in refused.stderr) == (3, True)
    assert world.control.requests() == []

    code, test = world.json("self-test", "--yes")
    assert (code, test["passed"], len(test["lines"])) == (0, True, 2)
    orders = world.control.orders()
    assert [(order["volume"], order["price"], order["status"]) for order in orders] == [(10, 80.0, 54)] * 2
    assert world.rotor("rebalance", "--yes").returncode == 0
    assert set(NEW) <= set(world.held())


@pytest.mark.slow
def test_a_waived_self_test_is_not_asked_for(world: ProcessWorld) -> None:
    world.settings["GUARDS__SELF_TEST"] = "waived"
    assert world.rotor("consent", ACCOUNT, "--yes").returncode == 0
    assert world.rotor("rebalance", "--yes").returncode == 0


@pytest.mark.slow
def test_two_simultaneous_rebalances_are_executed_once(world: ProcessWorld) -> None:
    world.permit()
    world.adopt(*OLD)
    both = [world.start("rebalance", "--yes", "--json") for _ in range(2)]
    ended = [program.communicate(timeout=60) for program in both]
    codes = sorted(program.returncode for program in both)
    assert codes == [0, 3], ended
    assert world.held() == world.ledger()
    assert set(world.held()) == set(NEW)
    assert max(Counter(request["code"] for request in world.control.requests()[2:]).values()) == 1


@pytest.mark.slow
def test_a_second_data_folder_on_the_same_account_is_refused(world: ProcessWorld) -> None:
    with Running(world) as first:
        second = world.rotor("--home", str(world.folder / "other"), "rebalance", "--yes")
        assert second.returncode == 3
        holder = f"account {ACCOUNT} is traded by another rotor, in another data folder: process {first.program.pid}"
        assert holder in second.stderr
    assert world.control.requests() == []


@pytest.mark.slow
def test_an_unreachable_terminal_is_reported_in_one_sentence(world: ProcessWorld) -> None:
    world.control.drop_link("all")
    code, plan = world.json("plan")
    assert code == 3
    assert plan["legs"] == []
    assert "MiniQMT is not running, or not logged in" in plan["refused"]


@pytest.mark.slow
def test_the_user_settles_an_unknown_order(world: ProcessWorld) -> None:
    """A sale of yesterday that was open when rotor was killed: today's list does not show its outcome."""
    sold = OLD[0]
    world.permit()
    world.adopt(sold)
    world.control.next_order(code=sold, fill="none")
    program = world.start("rebalance", "--yes")
    key = world.control.wait_order(code=sold, status=50)["remark"]
    program.kill()
    program.communicate()
    world.next_day()

    code, plan = world.json("plan")
    assert code == 3
    assert key in plan["refused"]
    assert "The account holds 100 张, the ledger owns 100, which fits dead" in plan["refused"]
    assert world.rotor("settle", key, "dead").returncode == 3, "no answer is a no"
    unknown = world.rotor("settle", "no-such-order", "dead", "--yes")
    assert (unknown.returncode, "there is no order" in unknown.stderr) == (3, True)
    settled = world.rotor("settle", key, "dead", "--yes")
    assert settled.returncode == 0, settled.stderr
    code, status = world.json("status")
    assert (code, status["open_orders"]) == (0, [])
    assert world.ledger() == {sold: 100}
    assert world.json("rebalance", "--yes")[0] == 0
    assert world.ledger() == dict.fromkeys(NEW, 90)


@pytest.mark.slow
def test_holdings_can_be_adopted_and_released(world: ProcessWorld) -> None:
    world.permit()
    world.adopt(OLD[0])
    assert world.ledger() == {OLD[0]: 100}
    again = world.rotor("adopt", OLD[0], "--yes")
    assert (again.returncode, "nothing to adopt" in again.stderr) == (3, True)
    world.control.manual_order(ACCOUNT, OLD[0], 24, 60, 99.0)
    world.control.settle()
    code, plan = world.json("plan")
    assert (code, f"{OLD[0]}: the ledger owns 100" in plan["refused"]) == (3, True)
    released = world.rotor("release", OLD[0], "--yes")
    assert released.returncode == 0, released.stderr
    assert world.ledger() == {}
    assert world.json("plan")[0] == 0
    nonsense = world.rotor("adopt", "600000", "--yes")
    assert (nonsense.returncode, "not a convertible bond" in nonsense.stderr) == (3, True)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a POSIX signal")
def test_a_rebalance_killed_at_random_moments_ends_equal_to_the_list(tmp_path: Path) -> None:
    """A few of those that the command in the README makes; the seed is fixed, the moments are not."""
    counts = kills.run(tmp_path, times=2, seed=7)
    assert counts.kills == 2


@pytest.mark.slow
def test_paper_mode_trades_on_the_terminal_s_prices_and_sends_it_nothing(world: ProcessWorld) -> None:
    world.settings["MODE"] = "paper"
    code, document = world.json("rebalance", "--yes")
    assert (code, document["mode"]) == (0, "paper"), document
    assert {leg["average_price"] for leg in document["legs"]} == {100.001}
    assert set(world.ledger()) == set(NEW)
    assert world.control.requests() == []
    assert set(world.held()) == set(OLD)


@pytest.mark.slow
def test_native_output_is_in_the_log_and_not_in_json_output(world: ProcessWorld) -> None:
    world.control.configure(latency={"query_asset": 0.3})
    program = world.start("plan", "--json")
    world.control.wait_for(lambda: world.control.dump()["sessions"], 60)
    world.control.chatter("2026-05-15 [ERROR] 心跳超时 heartbeat timeout")
    out, err = program.communicate(timeout=30)
    assert json.loads(out)["mode"] == "live"
    assert "the SDK writes: 2026-05-15 [ERROR] 心跳超时" in (world.home / "logs" / "2026-05-15.log").read_text("utf-8")
    assert not any(line.startswith("2026-05-15 [ERROR]") for line in err.splitlines())
