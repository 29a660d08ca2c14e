"""A viewer in another process: what goes over the wire comes back as it was, and the door opens to its key only."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.engine.host import Host, door_of
from core.engine.remote import RemoteLink
from core.engine.wire import NotReadable, classes, read, written
from core.home import Home
from core.model.command import Command, Done, Failed, Login, MakePlan, ReadOrders, RunStrategy
from core.model.known import Known, Unknown
from core.model.snapshot import Snapshot
from tests.tui import scripted
from tests.tui.scripted import snapshot


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


@pytest.mark.parametrize(
    "value",
    [
        snapshot(plan=scripted.plan(), rebalance=scripted.rebalance(finished=False)),
        snapshot(positions=Unknown("the broker does not answer"), asset=Unknown("x")),
        Done(scripted.plan()),
        Done(scripted.records_page(scripted.ListRecords(1))),
        Done(scripted.record_card(scripted.ShowRecord(1, 11))),
        Done(scripted.preferences()),
        Done(scripted.report()),
        Done(scripted.log_page(scripted.ReadLog())),
        Done(scripted.day_of_orders(ReadOrders(date(2026, 5, 6)))),
        Failed("no", refused=True),
        Login("me", "hush", True),
        Known(()),
        Decimal("0.10"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    line = written(value)
    assert line.count(b"\n") == 1
    assert read(line) == value
    assert read(line) == value
    assert type(read(line)) is type(value)


def test_no_field_of_the_picture_is_lost() -> None:
    shown = snapshot(plan=scripted.plan())
    back = read(written(shown))
    assert {field.name: getattr(back, field.name) for field in fields(shown)} == {
        field.name: getattr(shown, field.name) for field in fields(shown)
    }


def test_every_command_can_go_over_the_wire() -> None:
    commands = [kind for kind in classes().values() if issubclass(kind, Command) and kind is not Command]
    assert len(commands) > 25
    assert all(is_dataclass(kind) for kind in commands)


@pytest.mark.parametrize("line", [b"", b"{", b'{"made":"Path","of":{}}', b'{"made":"Done","of":{"x":1}}', b'{"odd":1}'])
def test_what_is_no_value_is_refused(line: bytes) -> None:
    with pytest.raises(NotReadable):
        read(line)


class Desk:
    """An engine as the host sees it."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Snapshot], None]] = []
        self.asked: list[Command[Any]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        listener(snapshot())
        return lambda: self.listeners.remove(listener)

    async def answer(self, command: Command[Any]) -> Any:
        self.asked.append(command)
        await self.may_answer.wait()
        return Done(scripted.plan()) if isinstance(command, MakePlan) else Failed("not now", refused=True)

    def publish(self, shown: Snapshot) -> None:
        for listener in tuple(self.listeners):
            listener(shown)


@asynccontextmanager
async def hosted(home: Home) -> AsyncGenerator[tuple[Desk, RemoteLink]]:
    desk = Desk()
    host = Host(home, desk.subscribe, desk.answer)
    await host.open()
    link = RemoteLink(home)
    try:
        assert await asyncio.to_thread(link.open, 5.0)
        yield desk, link
    finally:
        link.close()
        await host.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110  (what is waited for happens on another thread)
            await asyncio.sleep(0.01)


async def test_pictures_out_and_commands_in(home: Home) -> None:
    async with hosted(home) as (desk, link):
        assert link.latest == snapshot()
        seen: list[int] = []
        stop = link.subscribe(lambda shown: seen.append(shown.number))
        desk.publish(snapshot(number=7))
        await until(lambda: 7 in seen)
        assert (await asyncio.wrap_future(link.send(MakePlan()))) == Done(scripted.plan())
        assert (await asyncio.wrap_future(link.send(RunStrategy(1, 2)))) == Failed("not now", refused=True)
        assert desk.asked == [MakePlan(), RunStrategy(1, 2)]
        stop()
        desk.publish(snapshot(number=8))
        await until(lambda: link.latest is not None and link.latest.number == 8)
        assert 8 not in seen


async def test_without_the_key_nothing_is_shown(home: Home) -> None:
    async with hosted(home) as (desk, _):
        port = json.loads(door_of(home).read_text("utf-8"))["port"]

        def knock() -> bytes:
            with socket.create_connection(("127.0.0.1", port), 5) as visitor:
                visitor.sendall(b"open sesame\n" + written({"number": 1, "command": MakePlan()}))
                visitor.settimeout(5)
                return visitor.recv(100)

        assert await asyncio.to_thread(knock) == b""
        assert desk.asked == []
        assert door_of(home).stat().st_mode & 0o077 == 0


async def test_a_viewer_that_does_not_read_holds_up_nobody_and_gets_the_newest(home: Home) -> None:
    async with hosted(home) as (desk, link):
        door = json.loads(door_of(home).read_text("utf-8"))
        idle = socket.create_connection(("127.0.0.1", door["port"]), 5)
        idle.sendall(door["key"].encode() + b"\n")
        await until(lambda: len(desk.listeners) == 2)
        for number in range(100, 400):
            desk.publish(snapshot(number=number))
            await asyncio.sleep(0)
        await until(lambda: link.latest is not None and link.latest.number == 399)
        assert isinstance(await asyncio.wrap_future(link.send(MakePlan())), Done)
        idle.close()


async def test_an_engine_that_goes_away_answers_what_was_asked_and_is_found_again(home: Home) -> None:
    desk = Desk()
    host = Host(home, desk.subscribe, desk.answer)
    await host.open()
    link = RemoteLink(home)
    assert await asyncio.to_thread(link.open, 5.0)
    desk.may_answer.clear()
    asked = link.send(MakePlan())
    await until(lambda: desk.asked == [MakePlan()])
    await host.close()
    reply = await asyncio.wrap_future(asked)
    assert isinstance(reply, Failed)
    assert "look at what became of this" in reply.text
    refused = await asyncio.wrap_future(link.send(MakePlan()))
    assert isinstance(refused, Failed)
    assert refused.refused
    assert not door_of(home).exists()
    other = Host(home, desk.subscribe, desk.answer)
    desk.may_answer.set()
    await other.open()
    desk.publish(snapshot(number=50))
    async with asyncio.timeout(5):
        while True:
            found = await asyncio.wrap_future(link.send(MakePlan()))
            if isinstance(found, Done):
                break
            await asyncio.sleep(0.05)
    link.close()
    await other.close()
