"""The engine through its link: commands, replies and snapshots."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.engine.engine import Engine, EngineFailed
from core.infra.config import load_settings
from core.infra.home import Home, HomeInUse
from core.model.command import (
    CancelOrder,
    Command,
    Done,
    ExecutePlan,
    ExportReport,
    Failed,
    ListRecords,
    ListStrategies,
    MakePlan,
    ReadLog,
    ReadReport,
    RunStrategy,
    ShowDetail,
    ShowRecord,
)
from core.model.known import Known
from core.model.order import OrderState
from core.model.settings import ScheduleSettings, Settings
from core.model.snapshot import Snapshot
from tests.waiting import PATIENCE
from tui.cli.offline import prepare_demo

FAST = 600.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    prepare_demo(home)
    return home


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    with started(Engine(home, load_settings(home.path, environ={}), speed=FAST)) as engine:
        engine.wait_ready()
        yield engine


def ask(engine: Engine, command: Command[Any]) -> Any:
    """The command's value."""
    reply = engine.send(command).result(60)
    assert isinstance(reply, Done), reply
    return reply.value


def refusal(engine: Engine, command: Command[Any]) -> Failed:
    reply = engine.send(command).result(60)
    assert isinstance(reply, Failed), reply
    return reply


def until(engine: Engine, seen: Callable[[Snapshot], bool], seconds: float = PATIENCE) -> Snapshot:
    """The first snapshot of which `seen` is true."""
    found: list[Snapshot] = []
    came = threading.Event()

    def listen(snapshot: Snapshot) -> None:
        if seen(snapshot):
            found.append(snapshot)
            came.set()

    end = engine.subscribe(listen)
    try:
        assert came.wait(seconds), engine.latest
    finally:
        end()
    return found[0]


@contextmanager
def started(engine: Engine) -> Generator[Engine]:
    """Starts it, and stops it at the end of the block."""
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def ended(plan_id: str) -> Callable[[Snapshot], bool]:
    """Whether a snapshot shows this rebalance as the last one, finished."""
    return lambda shown: (
        shown.rebalance is not None and shown.rebalance.plan_id == plan_id and not shown.rebalance.running
    )


def test_a_rebalance_shows_in_the_snapshots_from_plan_to_ledger(engine: Engine) -> None:
    plan = ask(engine, MakePlan())
    assert until(engine, lambda shown: shown.plan is not None).plan == plan
    result = ask(engine, ExecutePlan(plan.plan_id))
    assert result.unresolved == ()
    assert result.finished_at is not None
    shown = until(engine, ended(plan.plan_id))
    assert isinstance(shown.positions, Known)
    assert len(shown.positions.value) == 10
    assert all(row.ours == row.volume and row.last is not None for row in shown.positions.value)
    assert {order.intent.code for order in shown.orders} == {leg.code for leg in plan.legs}
    assert all(order.state in {OrderState.FILLED, OrderState.CANCELLED} for order in shown.orders)
    assert shown.plan is None
    report = ask(engine, ReadReport())
    assert sum(order.filled for order in report.orders) == sum(order.filled_volume for order in shown.orders)
    assert all(order.list_price is not None and order.arrival is not None for order in report.orders)
    assert {bond.code for bond in report.bonds} == {row.code for row in shown.positions.value}
    written = [Path(path) for path in ask(engine, ExportReport())]
    assert all(path.read_bytes().startswith(b"\xef\xbb\xbf") for path in written)
    assert any(report.orders[0].client_order_id in path.read_text("utf-8-sig") for path in written)


def test_of_two_plans_of_one_list_either_is_executed_and_only_one_once(engine: Engine) -> None:
    mine = ask(engine, MakePlan())
    theirs = ask(engine, MakePlan())
    ask(engine, ExecutePlan(mine.plan_id))
    for plan in (theirs, mine):
        refused = refusal(engine, ExecutePlan(plan.plan_id))
        assert (refused.refused, refused.text) == (True, f"run {mine.plan_id} has traded since: make a new plan")
    shown = until(engine, ended(mine.plan_id))
    assert {order.intent.plan_id for order in shown.orders} == {mine.plan_id}


def test_a_second_trigger_while_one_runs_is_refused(home: Home) -> None:
    at_a_limit = load_settings(home.path, {"orders.type": "limit"}, environ={})  # which stays open for a while
    with started(Engine(home, at_a_limit, speed=20)) as engine:
        engine.wait_ready()
        plan = ask(engine, MakePlan())
        first = engine.send(ExecutePlan(plan.plan_id))
        others = [engine.send(ExecutePlan(plan.plan_id)), engine.send(MakePlan()), engine.send(RunStrategy(2, 201))]
        for other in others:
            reply = other.result(30)
            assert isinstance(reply, Failed)
            assert reply.refused
            assert "wait for its end" in reply.text
        shown = until(engine, lambda shown: shown.rebalance is not None and shown.rebalance.running)
        assert shown.rebalance is not None
        assert len(shown.rebalance.legs) == len(plan.legs)
        assert isinstance(first.result(60), Done)
        orders = until(engine, ended(plan.plan_id)).orders
        assert len({(order.intent.code, order.intent.attempt) for order in orders}) == len(orders)


def test_strategies_and_records_are_paged_and_searched(engine: Engine) -> None:
    first = ask(engine, ListStrategies(page=1, limit=5))
    assert (len(first.items), first.page, first.total_pages) == (5, 1, -(-first.total_count // 5))
    found = ask(engine, ListStrategies(search="premium"))
    assert 0 < found.total_count < first.total_count
    assert all("premium" in strategy.name.lower() for strategy in found.items)
    records = ask(engine, ListRecords(first.items[0].id, page=2, limit=10))
    assert (records.page, len(records.items)) == (2, 10)
    card = ask(engine, ShowRecord(1, 102))
    assert isinstance(card.selection, Known)
    assert len(card.selection.value.codes) == 10
    assert isinstance(card.parameters, Known)
    assert card.rule.top_n == Known(10)
    detail = ask(engine, ShowDetail(1, 102))
    assert detail.others["fees"] == "not included"
    assert isinstance(detail.performance, Known)
    assert isinstance(detail.holdings, Known)
    assert "HTTP 404" in refusal(engine, ListRecords(999)).text


def test_choosing_another_strategy_is_stored_and_changes_the_plan(engine: Engine, home: Home) -> None:
    before = ask(engine, MakePlan())
    followed = ask(engine, RunStrategy(2, 202))
    assert followed.strategy_name
    assert load_settings(home.path, environ={}).strategy.history_id == 202
    assert "# " in home.config_file.read_text(encoding="utf-8")
    assert ask(engine, MakePlan()).codes != before.codes


def test_a_record_is_followed_by_the_schedule_that_fits_it(engine: Engine, home: Home) -> None:
    schedule = ScheduleSettings(frequency="sessions", every=5, time="09:35")
    ask(engine, RunStrategy(2, 202, "low premium", schedule))
    assert load_settings(home.path, environ={}).schedule == schedule
    assert 'frequency = "sessions"' in home.config_file.read_text(encoding="utf-8")
    shown = until(engine, lambda shown: shown.followed is not None and shown.followed.rule is not None)
    assert any(job.at.strftime("%H:%M") == "09:35" for job in shown.jobs)


def test_an_order_that_cannot_be_cancelled_is_reported(engine: Engine) -> None:
    assert "there is no order" in refusal(engine, CancelOrder("260515-000000-B01-1")).text


def test_the_log_can_be_read_back(engine: Engine) -> None:
    lines = ask(engine, ReadLog())
    assert any("trading enabled" in line.text for line in lines.lines)


def test_a_second_engine_on_the_data_folder_is_refused(engine: Engine, home: Home) -> None:
    with pytest.raises(HomeInUse, match="in use by another rotor"):
        Engine(home, Settings()).start()


def test_commands_to_a_stopped_engine_fail_with_a_sentence(home: Home) -> None:
    engine = Engine(home, load_settings(home.path, environ={}), speed=FAST)
    engine.start()
    engine.wait_ready()
    engine.stop()
    assert "ended" in refusal(engine, MakePlan()).text


def test_live_mode_names_what_is_missing(tmp_path: Path) -> None:
    with started(Engine(Home(tmp_path), Settings(mode="live"))) as engine:
        with pytest.raises(EngineFailed, match=r"set qmt\.account"):
            engine.wait_ready()
        assert engine.latest is not None
        assert not engine.latest.ready
        assert "set qmt.account" in engine.latest.blockers[0].text


def test_a_slow_listener_delays_only_itself(engine: Engine) -> None:
    """Snapshots are coalesced: a burst of changes makes few of them."""
    seen: list[float] = []
    end = engine.subscribe(lambda _: seen.append(time.monotonic()))
    plan = ask(engine, MakePlan())
    started = time.monotonic()
    ask(engine, ExecutePlan(plan.plan_id))
    took = time.monotonic() - started
    end()
    assert len(seen) <= (took + 1) / 0.2 + 3


def nothing_frozen(shown: Snapshot) -> bool:
    """Whether the account was read after the last order had ended."""
    return isinstance(shown.asset, Known) and shown.asset.value.frozen == 0


def test_a_restart_shows_the_same_account(home: Home) -> None:
    settings = load_settings(home.path, environ={})
    first = Engine(home, settings, speed=FAST)
    first.start()
    first.wait_ready()
    plan = ask(first, MakePlan())
    ask(first, ExecutePlan(plan.plan_id))
    before = until(first, lambda shown: ended(plan.plan_id)(shown) and nothing_frozen(shown))
    first.stop()
    second = Engine(home, settings, speed=1)
    second.start()
    try:
        second.wait_ready()
        after = until(second, ended(plan.plan_id))
    finally:
        second.stop()
    assert isinstance(before.asset, Known)
    assert isinstance(after.asset, Known)
    assert before.asset.value.cash == after.asset.value.cash > Decimal(0)
    assert after.at >= before.at
    assert {order.intent.client_order_id for order in before.orders} <= {
        order.intent.client_order_id for order in after.orders
    }


@pytest.mark.slow
def test_a_whole_plan_loads_neither_pandas_nor_akshare(home: Home) -> None:
    """Both are installed, and sqlite_utils alone would load pandas."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from core.engine.engine import Engine\n"
        "from tui.cli.context import home_at, settings_of\n"
        "from core.model.command import MakePlan\n"
        "import tui.app\n"
        "home = home_at(Path(sys.argv[1]))\n"
        "engine = Engine(home, settings_of(home))\n"
        "engine.start(); engine.wait_ready()\n"
        "print(engine.send(MakePlan()).result(30).value.refused)\n"
        "engine.stop()\n"
        "print(sorted({'pandas', 'numpy', 'akshare', 'keyring'} & set(sys.modules)))\n"
        "import pandas\n"
        "print(pandas.Series([1]).sum())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(home.path)], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.stdout.split("\n")[:3] == ["None", "[]", "1"], done.stderr
