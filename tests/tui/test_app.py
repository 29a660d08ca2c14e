"""The frame: snapshots in, keys, leaving, and staying safe."""

import logging
import threading
import time
from dataclasses import replace

import pytest

from core.model.command import ExecutePlan, Failed, MakePlan
from core.model.known import Known
from core.model.snapshot import Level
from tests.tui import samples
from tests.tui.samples import NOW, Event, rebalance, snapshot
from tests.tui.screen import LARGE, flat, lines, press, settle, shown, status_text, strike, until
from tests.tui.scripted import ScriptedLink
from tui import app as app_module
from tui.actions import ACTIONS, PANES
from tui.app import RotorApp
from tui.screens.home import HomePane


async def test_flood_never_blocks_the_engine() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link) as (app, pilot):
        applied: list[int] = []
        original = app._apply
        app._apply = lambda: (applied.append(1), original())[1]  # type: ignore[method-assign]
        took: list[float] = []

        def flood() -> None:
            for number in range(1000):
                start = time.perf_counter()
                link.change(events=(Event(number, NOW, Level.INFO, f"event {number}"),))
                took.append(time.perf_counter() - start)

        thread = threading.Thread(target=flood)
        thread.start()
        await until(pilot, lambda: not thread.is_alive())
        await until(pilot, lambda: "event 999" in flat(app))
        assert max(took) < 2.0  # one that waits for the screen takes seconds; a busy machine some tenths
        assert len(applied) < 20


async def test_prices_wait_for_the_next_tick_and_events_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "_TICK_SECONDS", 3600.0)
    link = ScriptedLink(snapshot())
    async with shown(link) as (app, pilot):
        link.change(events=(Event(9, NOW, Level.INFO, "something happened"),))
        await until(pilot, lambda: "something happened" in flat(app))
        link.change(session="break")
        await settle(pilot)
        assert "break" not in lines(app)[0]
        app._tick()
        await settle(pilot)
        assert "break" in lines(app)[0]


async def test_older_picture_is_dropped() -> None:
    link = ScriptedLink(snapshot(number=10))
    async with shown(link) as (app, pilot):
        link.publish(snapshot(number=3, events=(Event(1, NOW, Level.INFO, "long ago"),)))
        await pilot.pause(0.4)
        assert app.snapshot is not None
        assert app.snapshot.number == 10


async def test_stale_picture_says_so_and_stops_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "_STALE_SECONDS", 0.3)
    monkeypatch.setattr(app_module, "_TICK_SECONDS", 0.1)
    link = ScriptedLink(snapshot())
    async with shown(link, "3", "r") as (app, pilot):
        await until(pilot, lambda: "STALE no update from the engine" in flat(app))
        await press(pilot, "e")
        assert "No recent data" in status_text(app)
        await press(pilot, "y")
        assert link.sent_of(ExecutePlan) == []


async def test_quit() -> None:
    link = ScriptedLink(snapshot(session="closed", jobs=()))
    closed: list[int] = []
    app = RotorApp(link, on_close=lambda: closed.append(1))
    async with app.run_test() as pilot:
        strike(pilot, "q")
        await until(pilot, lambda: not app.is_running)
    assert link.listeners == []
    assert closed == [1]
    assert app.return_code == 0


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_quit_asks_while_a_rebalance_runs(key: str) -> None:
    link = ScriptedLink(snapshot(rebalance=rebalance(finished=False)))
    async with shown(link, key, "ctrl+q") as (app, pilot):
        assert "A rebalance is running. Quit anyway?" in flat(app)
        await press(pilot, "enter")
        assert len(app.screen_stack) == 1
        assert app.is_running
        await press(pilot, key, "y")
        assert not app.is_running


async def test_quit_asks_while_an_execution_is_awaited() -> None:
    link = ScriptedLink(snapshot())
    link.replies[ExecutePlan] = None
    async with shown(link, "3", "r", "e", "y", "q") as (app, pilot):
        assert "A rebalance is running. Quit anyway?" in flat(app)
        await press(pilot, "y")
    assert not link.open[-1][1].cancelled(), "leaving must not cancel what the engine has begun"


async def test_ctrl_c_does_not_quit() -> None:
    async with shown(ScriptedLink(snapshot()), "ctrl+c") as (app, _):
        assert app.is_running
        assert "Press q to quit." in status_text(app)


async def test_palette_runs_actions_of_every_screen() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "ctrl+p") as (app, pilot):
        await press(pilot, *"make", "enter")
        await until(pilot, lambda: len(link.sent_of(MakePlan)) == 1)
        assert len(app.screen_stack) == 1
        assert "[3 Plan]" in flat(app)


async def test_link_that_raises_becomes_words(caplog: pytest.LogCaptureFixture) -> None:
    link = ScriptedLink(snapshot())

    def break_down(_: MakePlan) -> Failed:
        raise RuntimeError("broken")

    link.replies[MakePlan] = break_down
    async with shown(link, "3", "r") as (app, _):
        assert "No plan was made: the engine did not answer" in flat(app)
    assert "MakePlan" in caplog.text


async def test_crash_tells_nothing_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(_: HomePane) -> None:
        password = "hunter2-secret"
        raise ValueError(f"crashed with {len(password)} letters at hand")

    monkeypatch.setattr(HomePane, "action_open", crash)
    app = RotorApp(ScriptedLink(snapshot()))
    with pytest.raises(ValueError, match="letters at hand"):
        async with app.run_test() as pilot:
            strike(pilot, "enter")
            await settle(pilot)
    said = capsys.readouterr()
    assert "hunter2" not in said.err + said.out + caplog.text.replace('password = "hunter2-secret"', "")
    assert "rotor's screen stopped" in said.err
    assert app.return_code == 1
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)


async def test_an_error_while_the_app_leaves_keeps_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise an app that the user has ended would go on without its screen."""

    def crash(_: RotorApp) -> None:
        raise ValueError("too late")

    monkeypatch.setattr(RotorApp, "on_unmount", crash)
    app = RotorApp(ScriptedLink(snapshot()))
    with pytest.raises(ValueError, match="too late"):
        async with app.run_test():
            app.exit(return_code=143)
    app.close()
    assert app.return_code == 143
    assert "rotor's screen stopped" not in capsys.readouterr().err


async def test_a_click_on_the_head_of_an_empty_table_does_nothing() -> None:
    async with shown(ScriptedLink(snapshot(orders=())), "5") as (app, pilot):
        await pilot.click("#orders-table", offset=(10, 0))
        await settle(pilot)
        assert app._exception is None
        assert len(app.screen_stack) == 1


async def test_mouse_works_too() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link) as (app, pilot):
        await pilot.click("#tab-bar", offset=(lines(app)[1].index("3 Plan"), 0))
        await settle(pilot)
        assert "[3 Plan]" in lines(app)[1]
        await pilot.click("#key-bar", offset=(1, 0))
        await settle(pilot)
        assert len(link.sent_of(MakePlan)) == 1
        await press(pilot, "4")
        await pilot.click("#positions-table", offset=(5, 3))
        await settle(pilot)
        assert any(line.startswith("│>110059") for line in lines(app))


@pytest.mark.usefixtures("every_frame")
async def test_each_line_repaints_only_when_it_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "_TICK_SECONDS", 0.1)
    link = ScriptedLink(snapshot())
    async with shown(link, "4", size=LARGE) as (app, pilot):
        table = app.query_one("#positions-table")
        painted: list[int] = []
        original = table.render_line
        table.render_line = lambda y: (painted.append(y), original(y))[1]  # type: ignore[method-assign]
        rows = samples.positions()
        third = replace(rows[2], volume=rows[2].volume - 10)
        link.change(positions=Known((*rows[:2], third, *rows[3:])))
        await until(pilot, lambda: 3 in painted)
        await settle(pilot)
        assert set(painted) == {3}


def test_registry_is_sound() -> None:
    panes = {pane.id for pane in PANES} | {"app"}
    assert {action.pane for action in ACTIONS} == panes
    for pane in panes:
        keys = [key for action in ACTIONS if action.pane in (pane, "app") for key in action.key.split(",")]
        assert len(keys) == len(set(keys)), f"two actions share a key on {pane}"
        assert not {key for key in keys if key in {"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m"} or "alt" in key}
