"""A world per test, at the terminal all tests share or at its own terminal, which may be killed."""

from collections.abc import AsyncGenerator, Callable
from itertools import count
from pathlib import Path

import pytest
from miniqmt_emulator.launch import TerminalProcess

from tests.live.terminal_world import TerminalWorld
from tests.miniqmt.terminal import shared_terminal

_numbers = count(5000, 10)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the emulated terminal."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.live)


@pytest.fixture
def sessions() -> Callable[[], int]:
    return lambda: next(_numbers)


@pytest.fixture
async def terminal_world(tmp_path: Path, sessions: Callable[[], int]) -> AsyncGenerator[TerminalWorld]:
    terminal_world = TerminalWorld(tmp_path, shared_terminal(), sessions)
    terminal_world.furnish()
    await terminal_world.open()
    yield terminal_world
    await terminal_world.close()


@pytest.fixture
async def mortal_room(
    tmp_path: Path, sessions: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[TerminalWorld]:
    """A world with its own terminal, which the test may kill and restart."""
    shared_terminal()
    with TerminalProcess(tmp_path / "userdata_mini", state=tmp_path / "state.json") as terminal:
        monkeypatch.setenv("MINIQMT_EMULATOR_USERDATA", str(terminal.userdata))
        terminal_world = TerminalWorld(tmp_path, terminal, sessions)
        terminal_world.furnish()
        await terminal_world.open()
        yield terminal_world
        await terminal_world.close()
