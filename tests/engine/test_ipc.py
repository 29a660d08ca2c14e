"""A viewer in another process: what goes over the wire comes back as it was, and the door opens to its key only."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.engine.ipc.client import IpcClient
from core.engine.ipc.protocol import (
    ONLY_LOOKS,
    PROTOCOL,
    ClientHello,
    ProtocolError,
    changed,
    classes,
    read,
    read_welcome,
    with_change,
    written,
)
from core.engine.ipc.server import IpcServer
from core.infra.home import Home
from core.model.command import (
    Command,
    Done,
    ExecutePlan,
    Failed,
    Login,
    MakePlan,
    ReadOrders,
    ReadSettings,
    RunStrategy,
    SellOne,
    SettleOrder,
)
from core.model.known import Known, Unknown
from core.model.snapshot import Snapshot
from tests.tui import scripted
from tests.tui.scripted import snapshot
from tests.waiting import until

SINCE = "2026-05-06T09:00:00+08:00"


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
    with pytest.raises(ProtocolError):
        read(line)


class Desk:
    """An engine as the host sees it."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Snapshot], None]] = []
        self.asked: list[Command[Any]] = []
        self.may_answer = threading.Event()
        self.pulse: tuple[float, str] = (0.1, "10:00:00 the last thing")
        self.may_answer.set()

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        listener(snapshot())
        return lambda: self.listeners.remove(listener)

    @property
    def latest(self) -> Snapshot | None:
        return snapshot()

    @property
    def trouble(self) -> str | None:
        return None

    def send(self, command: Command[Any]) -> "Future[Any]":
        """On whatever thread: answered on one of its own, when it may be."""
        self.asked.append(command)
        answered: Future[Any] = Future()
        reply = Done(scripted.plan()) if isinstance(command, MakePlan) else Failed("not now", refused=True)

        def answer() -> None:
            self.may_answer.wait(20)
            answered.set_result(reply)

        threading.Thread(target=answer, daemon=True).start()
        return answered

    def publish(self, shown: Snapshot) -> None:
        for listener in tuple(self.listeners):
            listener(shown)


@asynccontextmanager
async def hosted(home: Home) -> AsyncGenerator[tuple[Desk, IpcClient]]:
    order_manager = Desk()
    host = IpcServer(home, order_manager, SINCE, lambda: order_manager.pulse)
    await asyncio.to_thread(host.open)
    link = IpcClient(home)
    try:
        assert await asyncio.to_thread(link.open, 5.0)
        yield order_manager, link
    finally:
        link.close()
        await asyncio.to_thread(host.close)


async def test_pictures_out_and_commands_in(home: Home) -> None:
    async with hosted(home) as (order_manager, link):
        assert link.latest == snapshot()
        seen: list[int] = []
        stop = link.subscribe(lambda shown: seen.append(shown.number))
        order_manager.publish(snapshot(number=7))
        await until(lambda: 7 in seen)
        assert (await asyncio.wrap_future(link.send(MakePlan()))) == Done(scripted.plan())
        assert (await asyncio.wrap_future(link.send(RunStrategy(1, 2)))) == Failed("not now", refused=True)
        assert order_manager.asked == [MakePlan(), RunStrategy(1, 2)]
        stop()
        order_manager.publish(snapshot(number=8))
        await until(lambda: link.latest is not None and link.latest.number == 8)
        assert 8 not in seen


def knock(home: Home, first: bytes) -> bytes:
    """What whoever says that first is told, to the end."""
    port = json.loads(home.endpoint.read_text("utf-8"))["port"]
    with socket.create_connection(("127.0.0.1", port), 5) as visitor:
        visitor.sendall(first)
        visitor.settimeout(8)
        told = b""
        while part := visitor.recv(65536):
            told += part
        return told


def key_of(home: Home) -> str:
    return str(json.loads(home.endpoint.read_text("utf-8"))["key"])


async def test_without_the_key_nothing_is_shown(home: Home) -> None:
    async with hosted(home) as (order_manager, _):
        order = written({"number": 1, "command": MakePlan()})
        told = await asyncio.to_thread(knock, home, ClientHello("open sesame", PROTOCOL, "1").line() + order)
        assert read_welcome(told).refused == "the key is not that of this engine"
        assert read_welcome(told).pid == 0
        assert order_manager.asked == []
        assert home.endpoint.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "first", [b"open sesame\n", b"{}\n", b"[1]\n", b'{"key": 1}\n', b"\xff\xfe\n", b"[" * 9999 + b"\n"]
)
async def test_what_is_no_greeting_is_told_nothing(first: bytes, home: Home) -> None:
    async with hosted(home) as (order_manager, link):
        assert await asyncio.to_thread(knock, home, first) == b""
        assert isinstance(await asyncio.wrap_future(link.send(MakePlan())), Done)
        assert len(order_manager.asked) == 1


async def test_another_version_is_told_in_a_sentence_on_both_sides(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hosted(home):
        told = await asyncio.to_thread(knock, home, ClientHello(key_of(home), PROTOCOL + 1, "9.9").line())
        assert "this is rotor 9.9: they do not understand each other" in read_welcome(told).refused
        monkeypatch.setattr("core.engine.ipc.client.PROTOCOL", PROTOCOL - 1)
        old = IpcClient(home)
        assert not await asyncio.to_thread(old.open, 5.0)
        assert "do not understand each other" in (old.trouble or "")
        old.close()


@pytest.mark.parametrize("line", [b"half a mess", b"{}\n", b'{"number": 3, "command": 7}\n', b"nonsense\n"])
async def test_half_a_message_or_none_is_a_sentence_and_no_hole(line: bytes, home: Home) -> None:
    def send() -> bytes:
        port = json.loads(home.endpoint.read_text("utf-8"))["port"]
        with socket.create_connection(("127.0.0.1", port), 5) as visitor:
            visitor.sendall(ClientHello(key_of(home), PROTOCOL, "1").line() + line)
            visitor.settimeout(5)
            if not line.endswith(b"\n"):
                visitor.shutdown(socket.SHUT_WR)
            told = b""
            while b"does not understand this viewer" not in told and (part := visitor.recv(65536)):
                told += part
            return told

    async with hosted(home) as (order_manager, link):
        told = await asyncio.to_thread(send)
        if line.endswith(b"\n"):
            assert b"does not understand this viewer" in told
        assert order_manager.asked == []
        assert isinstance(await asyncio.wrap_future(link.send(MakePlan())), Done)


async def test_one_that_only_watches_can_do_nothing(home: Home) -> None:
    async with hosted(home) as (order_manager, _):
        watcher = IpcClient(home, watch=True)
        assert await asyncio.to_thread(watcher.open, 5.0)
        for command in _every_command():
            if not isinstance(command, ONLY_LOOKS):
                reply = await asyncio.wrap_future(watcher.send(command))
                assert isinstance(reply, Failed)
                assert "only watches" in reply.text
        assert order_manager.asked == []
        assert await asyncio.wrap_future(watcher.send(ReadSettings())) == Failed("not now", refused=True)
        assert order_manager.asked == [ReadSettings()]
        watcher.close()


def _every_command() -> list[Command[Any]]:
    """One of each that needs nothing, and those that would cost money."""
    kinds = [kind for kind in classes().values() if issubclass(kind, Command) and kind is not Command]
    plain: list[Command[Any]] = [kind() for kind in kinds if not fields(kind)]  # type: ignore[arg-type]
    assert len(plain) > 10
    return [*plain, ExecutePlan("x"), SettleOrder("x", filled=True), Login("a", "b", remember=True), SellOne("x")]


async def test_only_what_has_changed_goes_over_the_wire(home: Home) -> None:
    async with hosted(home) as (order_manager, link):
        before = snapshot()
        after = replace(before, number=2, notices=("a new one",))
        assert changed(before, after) == {"number": {"to": 2}, "notices": {"to": ("a new one",)}}
        order_manager.publish(after)
        await until(lambda: link.latest == after)
        assert link.latest is not None
        assert link.latest.positions is not after.positions


def test_a_change_makes_the_picture_that_it_was_taken_of() -> None:
    rows = scripted.positions()
    events = snapshot().events
    orders = snapshot().orders
    pictures = [
        snapshot(),
        snapshot(positions=Known((rows[0], replace(rows[1], last=Decimal(1)), *rows[2:]))),
        snapshot(positions=Known(rows[1:])),
        snapshot(positions=Unknown("no answer")),
        snapshot(positions=Known(())),
        snapshot(events=(*events, replace(events[0], number=9))),
        snapshot(events=(*events[1:], replace(events[0], number=9))),
        snapshot(events=()),
        snapshot(orders=(replace(orders[0], message="x"), *orders[1:])),
        snapshot(orders=tuple(reversed(orders))),
        snapshot(plan=scripted.plan(), stops=None, followed=None),
    ]
    for before in pictures:
        for after in pictures:
            assert with_change(before, read(written(changed(before, after)))) == after
    few = changed(pictures[0], pictures[1])
    assert len(written(few)) < len(written(pictures[1].positions)) / 2


async def test_a_viewer_that_does_not_read_holds_up_nobody_and_gets_the_newest(home: Home) -> None:
    async with hosted(home) as (order_manager, link):
        port = json.loads(home.endpoint.read_text("utf-8"))["port"]
        idle = socket.create_connection(("127.0.0.1", port), 5)
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.sendall(ClientHello(key_of(home), PROTOCOL, "1").line())
        for number in range(100, 400):
            order_manager.publish(snapshot(number=number))
            await asyncio.sleep(0)
        await until(lambda: link.latest is not None and link.latest.number == 399)
        assert isinstance(await asyncio.wrap_future(link.send(MakePlan())), Done)

        def last_picture() -> int:
            """Of the idle one, when it reads at last."""
            number = 0
            idle.settimeout(5)
            with idle.makefile("rb") as lines:
                lines.readline()
                for line in lines:
                    said = read(line)
                    change = said.get("change", {}).get("number", {"to": number})
                    number = said["snapshot"].number if "snapshot" in said else change["to"]
                    if number == 399:
                        return number
            return number

        assert await asyncio.to_thread(last_picture) == 399
        idle.close()


async def test_of_pictures_that_come_at_once_the_last_one_arrives(home: Home) -> None:
    """From a thread, as the engine's come, while the door takes them: none may get stuck between the two."""
    async with hosted(home) as (order_manager, link):
        for first in range(1000, 21_000, 1000):
            last = first + 200

            def flood(first: int = first, last: int = last) -> None:
                for number in range(first, last + 1):
                    order_manager.publish(snapshot(number=number))

            await asyncio.to_thread(flood)
            await until(lambda last=last: link.latest is not None and link.latest.number == last)


async def test_an_engine_that_stands_still_is_told_of_with_what_it_did_last(home: Home) -> None:
    async with hosted(home) as (order_manager, link):
        await until(lambda: link.beat_age is not None)
        assert link.trouble is None
        order_manager.pulse = (42.0, "10:00:00 stop-loss of 113052")
        await until(lambda: link.trouble is not None)
        assert "stood still for 42 s" in (link.trouble or "")
        assert "stop-loss of 113052" in (link.trouble or "")
        order_manager.pulse = (0.2, "10:01:00 goes on")
        await until(lambda: link.trouble is None)


async def test_an_engine_that_goes_away_answers_what_was_asked_and_is_found_again(home: Home) -> None:
    order_manager = Desk()
    host = IpcServer(home, order_manager, SINCE, lambda: order_manager.pulse)
    await asyncio.to_thread(host.open)
    link = IpcClient(home)
    assert await asyncio.to_thread(link.open, 5.0)
    order_manager.may_answer.clear()
    asked = link.send(MakePlan())
    await until(lambda: order_manager.asked == [MakePlan()])
    await asyncio.to_thread(host.close)
    reply = await asyncio.wrap_future(asked)
    assert isinstance(reply, Failed)
    assert "look at what became of this" in reply.text
    assert "the engine is gone since" in (link.trouble or "")
    refused = await asyncio.wrap_future(link.send(MakePlan()))
    assert isinstance(refused, Failed)
    assert refused.refused
    assert not home.endpoint.exists()
    other = IpcServer(home, order_manager, SINCE, lambda: order_manager.pulse)
    order_manager.may_answer.set()
    await asyncio.to_thread(other.open)
    order_manager.publish(snapshot(number=50))
    before = link.latest
    assert before is not None
    async with asyncio.timeout(5):
        while True:
            found = await asyncio.wrap_future(link.send(MakePlan()))
            if isinstance(found, Done):
                break
            await asyncio.sleep(0.05)
    # The other engine counts anew; for a viewer the newest still has the highest number.
    assert link.latest is not None
    assert link.latest.number > before.number
    link.close()
    await asyncio.to_thread(other.close)
