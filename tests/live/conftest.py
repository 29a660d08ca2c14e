"""A room of its own per test, at the terminal that the whole run shares or at one that may be killed."""

from collections.abc import AsyncGenerator, Callable
from itertools import count
from pathlib import Path

import pytest
from miniqmt_emulator.launch import TerminalProcess

from tests.live.terminal_world import LiveRoom
from tests.miniqmt.terminal import shared_terminal

_numbers = count(5000, 10)


@pytest.fixture
def sessions() -> Callable[[], int]:
    return lambda: next(_numbers)


@pytest.fixture
async def room(tmp_path: Path, sessions: Callable[[], int]) -> AsyncGenerator[LiveRoom]:
    room = LiveRoom(tmp_path, shared_terminal(), sessions)
    room.furnish()
    await room.open()
    yield room
    await room.close()


@pytest.fixture
async def mortal_room(
    tmp_path: Path, sessions: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[LiveRoom]:
    """A room at a terminal of its own, which the test may kill and start again."""
    shared_terminal()
    with TerminalProcess(tmp_path / "userdata_mini", state=tmp_path / "state.json") as terminal:
        monkeypatch.setenv("MINIQMT_EMULATOR_USERDATA", str(terminal.userdata))
        room = LiveRoom(tmp_path, terminal, sessions)
        room.furnish()
        await room.open()
        yield room
        await room.close()
