"""The real program, killed with SIGKILL during a rebalance, then started again."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="kill -9 is a POSIX signal")]


def rotor(home: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tui.cli", "--home", str(home), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ROTOR_BUY__AMOUNT_TYPE": "balance"}
    return subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def answer(home: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    program = rotor(home, *arguments)
    out, err = program.communicate(timeout=PATIENCE)
    assert out, err
    return program.returncode, json.loads(out)


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of a database file; none while it or its tables do not exist yet."""
    if not database.exists():
        return []
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []
    finally:
        connection.close()


def kill_when(program: "subprocess.Popen[str]", ready: Callable[[], object]) -> None:
    """Kill the program as soon as `ready`; it must not have ended by itself before."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert program.poll() is None, program.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=PATIENCE)
    assert program.returncode == -signal.SIGKILL


STORIES = {
    "the first order is at the broker": ("paper.db", "select 1 from orders"),
    "the first fill is booked": ("app.db", "select 1 from ledger"),
}


@pytest.mark.parametrize("story", STORIES)
def test_after_a_kill_ledger_and_account_agree_and_the_next_rebalance_completes(tmp_path: Path, story: str) -> None:
    file, query = STORIES[story]
    app, paper = tmp_path / "data" / "app.db", tmp_path / "data" / "paper.db"
    program = rotor(tmp_path, "rebalance", "--yes")
    kill_when(program, lambda: rows(tmp_path / "data" / file, query))

    code, status = answer(tmp_path, "status", "--json")
    assert code in (0, 4), "4 where an order was on its way"
    assert status["running"] is None

    code, done = answer(tmp_path, "rebalance", "--yes", "--json")
    assert code in (0, 1), "1 where the market did not come to a limit in time"
    assert (done["refused"], done["unresolved"]) == (None, [])

    code, status = answer(tmp_path, "status", "--json")
    held = rows(paper, "select code, volume from holdings order by code")
    assert (code, status["open_orders"]) == (0, [])
    assert [(row["code"], row["volume"]) for row in status["ledger"]] == held
    assert {code for code, _ in held} <= set(done["selection"]["codes"])
    assert held

    remarks = Counter(remark for (remark,) in rows(paper, "select remark from orders"))
    assert set(remarks.values()) == {1}
    assert set(remarks) <= {key for (key,) in rows(app, "select client_order_id from orders")}
    assert rows(paper, "select * from orders where state in ('working', 'part filled')") == []
    ((cash, frozen),) = rows(paper, "select cash, frozen from account")
    assert float(cash) >= 0 == float(frozen)
