"""A `TradingWorld` per test, closed afterwards."""

from collections.abc import Generator
from pathlib import Path
from typing import Protocol

import pytest

from core.model.settings import Settings
from tests.trading.hostile import HostileBroker
from tests.trading.trading_world import Agenda, TradingWorld, settings


class MakeWorld(Protocol):
    def __call__(
        self, rules: Settings | None = None, *, cash: int = 100_000, lists_every_order: bool = True
    ) -> TradingWorld: ...


@pytest.fixture
def make_world(tmp_path: Path) -> Generator[MakeWorld]:
    made: list[TradingWorld] = []

    def make(rules: Settings | None = None, *, cash: int = 100_000, lists_every_order: bool = True) -> TradingWorld:
        clock = Agenda()
        broker = HostileBroker(clock, cash=cash, lists_every_order=lists_every_order)
        made.append(TradingWorld(tmp_path / f"app-{len(made)}.db", broker, clock, rules or settings()))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> TradingWorld:
    return make_world()
