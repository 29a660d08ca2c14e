"""The demo as a new user drives it: on keys alone, in a real terminal."""

import os
import re
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.terminal.pty_app import PtyApp


def holdings(home: Path) -> dict[str, int]:
    with closing(sqlite3.connect(home / "data" / "paper.db")) as paper:
        return dict(paper.execute("select code, volume from holdings"))


def owned(home: Path) -> dict[str, int]:
    with closing(sqlite3.connect(home / "data" / "app.db")) as app:
        rows = app.execute(
            "select code, sum(case side when 'buy' then volume else -volume end) from ledger group by code"
        )
        return {code: volume for code, volume in rows if volume}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def is_restored(app: PtyApp) -> bool:
    return all(sequence in app.raw for sequence in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l"))


def rebalance(app: PtyApp) -> None:
    app.wait_for(r"trading enabled")
    app.press("3")
    app.wait_for("make a plan now")
    app.press("r")
    app.wait_for(r"list of 2026-05-15, 10 bonds")
    app.press("e")
    app.wait_for("Send 10 orders now")
    app.press("y")
    app.wait_for(r"Rebalance done")


def test_from_the_start_to_a_completed_rebalance_and_exit(home: Path) -> None:
    """The next start shows the same account. Each end, by a key or by a signal, restores the terminal."""
    with PtyApp(["--home", str(home), "demo"]) as app:
        rebalance(app)
        assert time.monotonic() - app.started < 60
        app.press("5")
        app.wait_for(r"113042\.SH")
        assert "filled" in app.text
        app.press("4")
        app.wait_for(r"113042\.SH")
        app.press("6")
        app.wait_for(r"rebalance .*: done")
        app.press("1")
        before = app.wait_for(r"Positions +10")
        app.quit()
        assert app.exit_code() == 0
        assert is_restored(app)
    assert holdings(home) == owned(home)
    assert len(holdings(home)) == 10
    with PtyApp(["--home", str(home)]) as app:
        app.wait_for(r"trading enabled")
        again = app.wait_for(r"Positions +10")
        cash = re.compile(r"Cash +([\d,.]+)")
        assert cash.search(again) is not None
        assert cash.findall(again) == cash.findall(before)
        app.press("5")
        app.wait_for(r"113042\.SH")
        os.kill(app.pid, signal.SIGTERM)
        assert app.exit_code() == 128 + signal.SIGTERM
        assert is_restored(app)
    assert not (home / "data" / "engine.json").exists()


@pytest.mark.slow
def test_a_second_engine_is_refused_and_names_the_first(home: Path) -> None:
    with PtyApp(["--home", str(home)]) as app:
        app.wait_for(r"trading enabled")
        with PtyApp(["--home", str(home), "run"]) as second:
            assert second.exit_code() == 3
            assert f"process {app.pid}" in second.raw.decode()


@pytest.mark.slow
def test_an_unread_screen_does_not_stop_the_engine(home: Path) -> None:
    """The reader stalls in the middle of a rebalance; the orders are carried out all the same."""
    with PtyApp(["--home", str(home), "demo"]) as app:
        app.wait_for(r"trading enabled")
        app.press("3")
        app.wait_for("make a plan now")
        app.press("r")
        app.wait_for("10 bonds")
        app.press("e")
        app.wait_for("Send 10 orders now")
        app.press("y")
        deadline = time.monotonic() + 30
        finished = None
        while finished is None and time.monotonic() < deadline:
            time.sleep(0.2)  # not reading is the point
            with closing(sqlite3.connect(home / "data" / "app.db")) as database:
                finished = next(iter(database.execute("select finished_at from runs")), (None,))[0]
        assert finished is not None
        assert len(holdings(home)) == 10
