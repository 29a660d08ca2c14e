"""Every key of the registry, pressed where it is offered: it does its own action there, and no other."""

from collections.abc import Callable

import pytest

from tests.sampled import sampled
from tests.tui.samples import snapshot
from tests.tui.screen import LARGE, press, shown
from tests.tui.scripted import ScriptedLink
from tui.actions import ACTIONS, PANES, actions_of
from tui.app import RotorApp

_KEYS = {pane.id: pane.key for pane in PANES}


@pytest.mark.parametrize("pane", sampled((pane.id for pane in PANES), 4))
async def test_each_key_reaches_its_action(pane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown(ScriptedLink(snapshot()), _KEYS[pane], size=LARGE) as (app, pilot):
        assert app.pane.id == pane
        done: list[str] = []
        monkeypatch.setattr(app.pane, "why_not", lambda action: "")
        for action in actions_of(pane):
            assert callable(getattr(app.pane, f"action_{action.name}")), action.id
            monkeypatch.setattr(app.pane, f"action_{action.name}", _noting(done, action.name))
        for action in actions_of(pane):
            for key in action.key.split(","):
                done.clear()
                app.pane.focus_target().focus()
                await press(pilot, key)
                assert done == [action.name], (action.id, key)


def _noting(done: list[str], name: str) -> Callable[[], None]:
    return lambda: done.append(name)


async def test_the_keys_of_the_whole_app_work_on_every_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(RotorApp, "action_run", lambda self, name: done.append(name))
    async with shown(ScriptedLink(snapshot())) as (_, pilot):
        for pane in PANES:
            await press(pilot, pane.key)
            for action in actions_of("app"):
                done.clear()
                await press(pilot, action.key.split(",")[0])
                assert done == [action.name], (pane.id, action.id)


def test_no_key_means_two_things_on_a_screen() -> None:
    for pane in PANES:
        keys = [key for action in (*actions_of(pane.id), *actions_of("app")) for key in action.key.split(",")]
        assert len(keys) == len(set(keys)), pane.id
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
