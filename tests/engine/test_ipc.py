"""Viewers in other processes: values survive encoding, and the server accepts only clients that have its key."""

import asyncio
import json
import socket
from dataclasses import fields, is_dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.engine.ipc.client import IpcClient
from core.engine.ipc.protocol import (
    PROTOCOL,
    ClientHello,
    ProtocolError,
    Refusal,
    ServerHello,
    changed,
    classes,
    decode,
    encode,
    read_server_hello,
    with_change,
)
from core.engine.ipc.server import IpcServer
from core.infra.home import Home
from core.model.command import (
    Command,
    Done,
    ExecutePlan,
    Failed,
    ListRecords,
    Login,
    MakePlan,
    Query,
    ReadOrders,
    ReadSettings,
    RunStrategy,
    SellOne,
    SettleOrder,
    ShowRecord,
)
from core.model.known import Known, Unknown
from tests.engine.ipc_world import SINCE, FakeEngine, hosted, key_of, raw_reply
from tests.tui import samples, strategy_samples
from tests.tui.samples import snapshot
from tests.waiting import until


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


@pytest.mark.parametrize(
    "value",
    [
        snapshot(plan=samples.plan(), rebalance=samples.rebalance(finished=False)),
        snapshot(positions=Unknown("the broker does not answer"), asset=Unknown("x")),
        Done(samples.plan()),
        Done(strategy_samples.records_page(ListRecords(1))),
        Done(strategy_samples.record_card(ShowRecord(1, 11))),
        Done(samples.preferences()),
        Done(samples.report()),
        Done(samples.log_page(samples.ReadLog())),
        Done(samples.day_of_orders(ReadOrders(date(2026, 5, 6)))),
        Failed("no", refused=True),
        Login("me", "hush", True),
        Known(()),
        Decimal("0.10"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_survive_encoding(value: Any) -> None:
    line = encode(value)
    assert line.count(b"\n") == 1
    assert decode(line) == value
    assert decode(line) == value
    assert type(decode(line)) is type(value)


def test_encoding_keeps_every_field_of_a_snapshot() -> None:
    shot = snapshot(plan=samples.plan())
    back = decode(encode(shot))
    assert {field.name: getattr(back, field.name) for field in fields(shot)} == {
        field.name: getattr(shot, field.name) for field in fields(shot)
    }


def test_every_command_can_be_sent() -> None:
    commands = [kind for kind in classes().values() if issubclass(kind, Command) and kind not in (Command, Query)]
    assert len(commands) > 25
    assert all(is_dataclass(kind) for kind in commands)


@pytest.mark.parametrize("line", [b"", b"{", b'{"made":"Path","of":{}}', b'{"made":"Done","of":{"x":1}}', b'{"odd":1}'])
def test_invalid_line_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(line)


async def test_snapshots_out_and_commands_in(home: Home) -> None:
    async with hosted(home) as (engine, link):
        assert link.latest == snapshot()
        seen: list[int] = []
        stop = link.subscribe(lambda shot: seen.append(shot.number))
        engine.publish(snapshot(number=7))
        await until(lambda: 7 in seen)
        assert (await asyncio.wrap_future(link.send(MakePlan()))) == Done(samples.plan())
        assert (await asyncio.wrap_future(link.send(RunStrategy(1, 2)))) == Failed("not now", refused=True)
        assert engine.asked == [MakePlan(), RunStrategy(1, 2)]
        stop()
        engine.publish(snapshot(number=8))
        await until(lambda: link.latest is not None and link.latest.number == 8)
        assert 8 not in seen


async def test_wrong_key_is_refused_without_data(home: Home) -> None:
    async with hosted(home) as (engine, _):
        order = encode({"number": 1, "command": MakePlan()})
        answer = await asyncio.to_thread(raw_reply, home, ClientHello("open sesame", PROTOCOL, "1").line() + order)
        hello = read_server_hello(answer)
        assert (hello.refusal, hello.refused) == (Refusal.WRONG_KEY, "the access key is not valid for this engine")
        assert hello.pid == 0
        assert engine.asked == []
        assert home.endpoint.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "first", [b"open sesame\n", b"{}\n", b"[1]\n", b'{"key": 1}\n', b"\xff\xfe\n", b"[" * 9999 + b"\n"]
)
async def test_invalid_handshake_gets_no_reply(first: bytes, home: Home) -> None:
    async with hosted(home) as (engine, link):
        assert await asyncio.to_thread(raw_reply, home, first) == b""
        assert isinstance(await asyncio.wrap_future(link.send(MakePlan())), Done)
        assert len(engine.asked) == 1


async def test_other_protocol_version_is_refused_with_a_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hosted(home):
        answer = await asyncio.to_thread(raw_reply, home, ClientHello(key_of(home), PROTOCOL + 1, "9.9").line())
        hello = read_server_hello(answer)
        assert hello.refusal is Refusal.OTHER_VERSION
        assert "this is rotor 9.9: these versions cannot work together" in hello.refused
        monkeypatch.setattr("core.engine.ipc.client.PROTOCOL", PROTOCOL - 1)
        old = IpcClient(home)
        assert not await asyncio.to_thread(old.open, 5.0)
        assert "cannot work together" in (old.trouble or "")
        old.close()


def test_hello_of_an_older_engine_is_a_refusal() -> None:
    """It sends no kind, and its sentence may be in any language, or empty."""
    fields = json.loads(ServerHello("0.1.0", PROTOCOL - 1, 7, "").line())
    del fields["refusal"]
    assert read_server_hello(json.dumps(fields).encode()).refusal is Refusal.OTHER_VERSION


@pytest.mark.parametrize(
    "line", [b"half a mess", b"{}\n", b'{"number": 3, "command": 7}\n', b"nonsense\n", b"[" * 99999 + b"\n"]
)
async def test_invalid_message_is_refused_and_others_are_accepted(line: bytes, home: Home) -> None:
    def send() -> bytes:
        port = json.loads(home.endpoint.read_text("utf-8"))["port"]
        with socket.create_connection(("127.0.0.1", port), 5) as visitor:
            visitor.sendall(ClientHello(key_of(home), PROTOCOL, "1").line() + line)
            visitor.settimeout(5)
            if not line.endswith(b"\n"):
                visitor.shutdown(socket.SHUT_WR)
            answer = b""
            while b"does not understand this viewer" not in answer and (part := visitor.recv(65536)):
                answer += part
            return answer

    async with hosted(home) as (engine, link):
        answer = await asyncio.to_thread(send)
        if line.endswith(b"\n"):
            assert b"does not understand this viewer" in answer
        assert engine.asked == []
        assert isinstance(await asyncio.wrap_future(link.send(MakePlan())), Done)


async def test_read_only_viewer_cannot_send_commands(home: Home) -> None:
    async with hosted(home) as (engine, _):
        watcher = IpcClient(home, watch=True)
        assert await asyncio.to_thread(watcher.open, 5.0)
        for command in _every_command():
            if not isinstance(command, Query):
                reply = await asyncio.wrap_future(watcher.send(command))
                assert isinstance(reply, Failed)
                assert "read-only view" in reply.text
        assert engine.asked == []
        assert await asyncio.wrap_future(watcher.send(ReadSettings())) == Failed("not now", refused=True)
        assert engine.asked == [ReadSettings()]
        watcher.close()


def test_queries_are_those_that_change_nothing() -> None:
    kinds = {kind.__name__ for kind in classes().values() if issubclass(kind, Query) and kind is not Query}
    shown = {"ListRecords", "ListStrategies", "ShowBond", "ShowDetail", "ShowRecord"}
    read = {
        "FindInLog",
        "ReadDayLine",
        "ReadBenchmark",
        "ReadEquity",
        "ReadLog",
        "ReadOrders",
        "ReadReport",
        "ReadRule",
        "ReadSettings",
    }
    assert kinds == {"AskAdoption", "CheckSetting", "Examine"} | shown | read


def _every_command() -> list[Command[Any]]:
    """Every command without fields, and those that could cost money."""
    kinds = [kind for kind in classes().values() if issubclass(kind, Command) and is_dataclass(kind)]
    plain: list[Command[Any]] = [kind() for kind in kinds if not fields(kind)]  # type: ignore[arg-type]
    assert len(plain) > 10
    return [*plain, ExecutePlan("x"), SettleOrder("x", filled=True), Login("a", "b", remember=True), SellOne("x")]


async def test_only_changes_are_sent(home: Home) -> None:
    async with hosted(home) as (engine, link):
        before = snapshot()
        after = replace(before, number=2, notices=("a new one",))
        assert changed(before, after) == {"number": {"to": 2}, "notices": {"to": ("a new one",)}}
        engine.publish(after)
        await until(lambda: link.latest == after)
        assert link.latest is not None
        assert link.latest.positions is not after.positions


def test_applying_a_delta_gives_the_next_snapshot() -> None:
    rows = samples.positions()
    events = snapshot().events
    orders = snapshot().orders
    snapshots = [
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
        snapshot(plan=samples.plan(), stops=None, followed=None),
    ]
    for before in snapshots:
        for after in snapshots:
            assert with_change(before, decode(encode(changed(before, after)))) == after
    few = changed(snapshots[0], snapshots[1])
    assert len(encode(few)) < len(encode(snapshots[1].positions)) / 2


async def test_slow_viewer_delays_nobody_and_gets_the_newest(home: Home) -> None:
    async with hosted(home) as (engine, link):
        port = json.loads(home.endpoint.read_text("utf-8"))["port"]
        idle = socket.create_connection(("127.0.0.1", port), 5)
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.sendall(ClientHello(key_of(home), PROTOCOL, "1").line())
        for number in range(100, 400):
            engine.publish(snapshot(number=number))
            await asyncio.sleep(0)
        await until(lambda: link.latest is not None and link.latest.number == 399)
        assert isinstance(await asyncio.wrap_future(link.send(MakePlan())), Done)

        def last_number() -> int:
            """Number of the idle viewer's last snapshot once it reads."""
            number = 0
            idle.settimeout(5)
            with idle.makefile("rb") as lines:
                lines.readline()
                for line in lines:
                    message = decode(line)
                    change = message.get("change", {}).get("number", {"to": number})
                    number = message["snapshot"].number if "snapshot" in message else change["to"]
                    if number == 399:
                        return number
            return number

        assert await asyncio.to_thread(last_number) == 399
        idle.close()


async def test_last_snapshot_of_a_burst_arrives(home: Home) -> None:
    """From a thread, as the engine publishes them: the server must not lose the last of a burst."""
    any_one = snapshot()
    async with hosted(home) as (engine, link):
        for first in range(1000, 21_000, 1000):
            last = first + 200

            def flood(first: int = first, last: int = last) -> None:
                for number in range(first, last + 1):
                    engine.publish(replace(any_one, number=number))

            await asyncio.to_thread(flood)
            await until(lambda last=last: link.latest is not None and link.latest.number == last)


async def test_hanging_engine_is_reported_with_its_last_action(home: Home) -> None:
    async with hosted(home) as (engine, link):
        await until(lambda: link.heartbeat_age is not None)
        assert link.trouble is None
        engine.pulse = (42.0, "10:00:00 stop-loss of 113052")
        await until(lambda: link.trouble is not None)
        assert "not responded for 42 s" in (link.trouble or "")
        assert "stop-loss of 113052" in (link.trouble or "")
        engine.pulse = (0.2, "10:01:00 goes on")
        await until(lambda: link.trouble is None)


async def test_lost_engine_fails_pending_commands_and_reconnects(home: Home) -> None:
    engine = FakeEngine()
    host = IpcServer(home, engine, SINCE, lambda: engine.pulse)
    await asyncio.to_thread(host.open)
    link = IpcClient(home)
    assert await asyncio.to_thread(link.open, 5.0)
    engine.may_answer.clear()
    asked = link.send(MakePlan())
    await until(lambda: engine.asked == [MakePlan()])
    await asyncio.to_thread(host.close)
    reply = await asyncio.wrap_future(asked)
    assert isinstance(reply, Failed)
    assert "check the outcome" in reply.text
    assert "no connection to the engine since" in (link.trouble or "")
    refused = await asyncio.wrap_future(link.send(MakePlan()))
    assert isinstance(refused, Failed)
    assert refused.refused
    assert not home.endpoint.exists()
    other = IpcServer(home, engine, SINCE, lambda: engine.pulse)
    engine.may_answer.set()
    await asyncio.to_thread(other.open)
    engine.publish(snapshot(number=50))
    before = link.latest
    assert before is not None
    async with asyncio.timeout(60):
        while True:
            found = await asyncio.wrap_future(link.send(MakePlan()))
            if isinstance(found, Done):
                break
            await asyncio.sleep(0.05)
    # The restarted engine counts from 1; a viewer still numbers the newest snapshot highest.
    assert link.latest is not None
    assert link.latest.number > before.number
    link.close()
    await asyncio.to_thread(other.close)
