"""The lines for charts, asked of a running sandbox: over the link of another process, and after a restart."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.engine.assembly import SANDBOX_CAPITAL
from core.engine.engine import Engine
from core.engine.ipc.client import IpcClient
from core.infra.config import load_settings
from core.infra.home import Home
from core.model.bond import BondCode
from core.model.command import Command, Done, ExecutePlan, MakePlan, ReadBenchmark, ReadDayLine, ReadEquity, ReadReport
from core.model.series import Benchmark, DayLine, EquityLine
from tests.engine.test_engine import FAST, ask, started, until
from tests.waiting import wait_until
from tui.cli.offline import prepare_demo


def sandbox(home: Home) -> Engine:
    return Engine(home, load_settings(home.path, environ={}), speed=FAST / 10, viewer_may_end=True)


def bought(engine: Engine) -> BondCode:
    """A bond of the list, after it was bought."""
    engine.wait_ready()
    plan = ask(engine, MakePlan())
    ask(engine, ExecutePlan(plan.plan_id))
    return plan.buys[0].code


@dataclass(frozen=True)
class Day:
    """A running sandbox that has bought; the tests only read it."""

    home: Home
    engine: Engine
    code: BondCode


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    home = Home(tmp_path_factory.mktemp("home"))
    prepare_demo(home)
    with started(sandbox(home)) as engine:
        yield Day(home, engine, bought(engine))


@pytest.fixture
def engine(day: Day) -> Engine:
    return day.engine


def test_a_bought_bond_has_a_day_line_with_its_levels(day: Day) -> None:
    engine, code = day.engine, day.code
    until(engine, lambda shown: any(spark.code == code and len(spark.prices) > 3 for spark in shown.sparks))
    line: DayLine = ask(engine, ReadDayLine(code))
    assert (line.code, line.day) == (code, line.points[0].at.date())
    assert [point.at for point in line.points] == sorted({point.at for point in line.points})
    assert all(point.at.second == 0 for point in line.points)
    assert line.prev_close is not None
    assert line.cost is not None
    assert line.name


def test_todays_equity_begins_with_the_opening_capital(engine: Engine) -> None:
    def several_minutes() -> EquityLine | None:
        line: EquityLine = ask(engine, ReadEquity())
        return line if line.day is not None and len(line.day.points) > 4 else None

    line = wait_until(several_minutes)
    assert line.day.points[0].value == line.points[0].value == SANDBOX_CAPITAL
    assert line.day.points[0].growth == 1
    assert len(line.points) == 2
    assert len({point.at for point in line.day.points}) == len(line.day.points)
    report = ask(engine, ReadReport())
    assert [day.day for day in report.slippage] == [line.day.day]
    assert report.slippage[0].by_arrival.measured == report.totals.by_arrival.measured > 0


def test_the_sandbox_s_benchmark_is_named_so(engine: Engine) -> None:
    until(engine, lambda shown: shown.day is not None)

    def as_long_as_the_equity() -> Benchmark | None:
        benchmark: Benchmark = ask(engine, ReadBenchmark())
        return benchmark if len(benchmark.points) == len(ask(engine, ReadReport()).equity) else None

    found = wait_until(as_long_as_the_equity)
    assert found.name == "Equal-weight index of the sandbox's bonds"
    assert found.points[0].growth == 1
    assert found.change is not None
    assert abs(found.change) < 0.1


def test_a_viewer_in_another_process_gets_the_same_lines(day: Day) -> None:
    engine, code = day.engine, day.code
    until(engine, lambda shown: any(spark.code == code for spark in shown.sparks))
    link = IpcClient(day.home, watch=True)
    try:
        assert link.open(10)
        assert link.latest is not None
        assert any(spark.code == code for spark in link.latest.sparks)
        commands: list[Command[Any]] = [ReadDayLine(code), ReadEquity(), ReadBenchmark()]
        for command in commands:
            reply = link.send(command).result(60)
            assert isinstance(reply, Done), reply
            assert type(reply.value) in {DayLine, EquityLine, Benchmark}
    finally:
        link.close()


def test_a_restart_keeps_todays_lines(tmp_path: Path) -> None:
    home = Home(tmp_path)
    prepare_demo(home)
    with started(sandbox(home)) as first:
        code = bought(first)
        until(first, lambda shown: any(spark.code == code and len(spark.prices) > 5 for spark in shown.sparks))
        before, equity = ask(first, ReadDayLine(code)), ask(first, ReadEquity())
    with started(sandbox(home)) as again:
        again.wait_ready()
        line, later = ask(again, ReadDayLine(code)), ask(again, ReadEquity())
    assert later.day.points[: len(equity.day.points)] == equity.day.points
    hours = {point.at for point in line.points}  # a sandbox may go on some minutes before its end
    assert {point.at for point in before.points if point.at <= max(hours)} <= hours
    assert len(hours) > 1


def test_the_sandbox_knows_the_day_line_of_a_bond_that_was_not_followed(engine: Engine) -> None:
    until(engine, lambda shown: (shown.at.hour, shown.at.minute) > (9, 35))
    line: DayLine = ask(engine, ReadDayLine(BondCode("113042")))
    assert [f"{point.at:%H:%M}" for point in line.points[:5]] == ["09:30", "09:31", "09:32", "09:33", "09:34"]
    assert line.gaps == ()
    suspended: DayLine = ask(engine, ReadDayLine(BondCode("127033")))
    assert suspended.points == ()
