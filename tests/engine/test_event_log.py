"""Events: one per order with its newest state, all others as they come. The log file has every line."""

import logging
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from core.engine.event_log import EventLog
from core.engine.ipc.protocol import changed, decode, encode, with_change
from core.infra.clock import SteppedClock
from core.infra.home import Home
from core.infra.logs import ABOUT, Logs
from core.model.snapshot import Event, Level
from core.model.time import SHANGHAI
from tests.tui.samples import snapshot

NOW = datetime(2026, 5, 15, 10, tzinfo=SHANGHAI)
LOG = logging.getLogger("core.test_event_log")


@pytest.fixture
def events() -> Iterator[deque[Event]]:
    found: deque[Event] = deque(maxlen=6)
    handler = EventLog(found, SteppedClock(NOW))
    LOG.addHandler(handler)
    level, LOG.level = LOG.level, logging.INFO
    yield found
    LOG.removeHandler(handler)
    LOG.setLevel(level)


def order(text: str, key: str) -> None:
    LOG.info("%s", text, extra={ABOUT: key})


def test_of_an_order_there_is_only_its_newest_state(events: deque[Event]) -> None:
    order("a working", "a")
    LOG.info("the list came")
    order("a 20 of 100", "a")
    order("b working", "b")
    order("a 100 of 100", "a")
    assert [(event.text, event.about, event.folded) for event in events] == [
        ("the list came", "", 0),
        ("b working", "b", 0),
        ("a 100 of 100", "a", 2),
    ]
    assert [event.number for event in events] == sorted(event.number for event in events)
    assert [event.key for event in events] == ["2", "b", "a"]


def test_other_events_are_never_folded(events: deque[Event]) -> None:
    for _ in range(3):
        LOG.warning("the same sentence")
    assert [(event.text, event.level) for event in events] == [("the same sentence", Level.WARNING)] * 3


def test_the_number_of_events_is_bounded(events: deque[Event]) -> None:
    for number in range(20):
        order(f"order {number}", str(number))
    assert [event.text for event in events] == [f"order {number}" for number in range(14, 20)]
    order("order 3 again", "3")
    assert (len(events), events[-1].folded) == (6, 0)


def test_the_log_file_keeps_every_state(events: deque[Event], tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    logs = Logs(home, SteppedClock(NOW), stderr=False)
    for volume in (20, 60, 100):
        order(f"filled {volume} of 100", "a")
    logs.close()
    text = "".join(path.read_text("utf-8") for path in home.logs.iterdir())
    assert [f"filled {volume} of 100" in text for volume in (20, 60, 100)] == [True] * 3
    assert [event.text for event in events] == ["filled 100 of 100"]


def test_a_moved_event_travels_as_one_row() -> None:
    many = tuple(Event(number, NOW, Level.INFO, f"event {number}", f"o{number}") for number in range(200))
    moved = Event(200, NOW, Level.INFO, "filled", "o60", 1)
    before = snapshot(number=1, events=many)
    after = snapshot(number=2, events=(*many[:60], *many[61:], moved))
    line = encode({"change": changed(before, after)})
    assert with_change(before, decode(line)["change"]) == after
    assert len(line) < 600


def test_any_change_of_rows_arrives_whole() -> None:
    rows = tuple(Event(number, NOW, Level.INFO, "x") for number in range(30))
    variants = [rows, rows[3:], rows[:-2], (*rows[:4], *rows[9:]), rows[::2], rows[::-1], (), (*rows[5:], *rows[:5])]
    variants += [(*rows[:7], Event(99, NOW, Level.INFO, str(Decimal(1))), *rows[8:])]
    for one in variants:
        for other in variants:
            before, after = snapshot(number=1, events=one), snapshot(number=2, events=other)
            assert with_change(before, decode(encode({"change": changed(before, after)}))["change"]) == after
