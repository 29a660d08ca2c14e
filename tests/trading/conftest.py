"""A room per test; its file is closed whatever happens in it."""

from collections.abc import Generator
from pathlib import Path
from typing import Protocol

import pytest

from core.model.settings import Settings
from tests.trading.hostile import HostileBroker
from tests.trading.trading_world import Agenda, Room, settings


class MakeRoom(Protocol):
    def __call__(
        self, rules: Settings | None = None, *, cash: int = 100_000, lists_every_order: bool = True
    ) -> Room: ...


@pytest.fixture
def make_room(tmp_path: Path) -> Generator[MakeRoom]:
    made: list[Room] = []

    def make(rules: Settings | None = None, *, cash: int = 100_000, lists_every_order: bool = True) -> Room:
        clock = Agenda()
        broker = HostileBroker(clock, cash=cash, lists_every_order=lists_every_order)
        made.append(Room(tmp_path / f"app-{len(made)}.db", broker, clock, rules or settings()))
        return made[-1]

    yield make
    for room in made:
        room.close()


@pytest.fixture
def room(make_room: MakeRoom) -> Room:
    return make_room()
