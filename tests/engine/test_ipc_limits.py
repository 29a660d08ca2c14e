"""What strangers and viewers may take of the engine's socket: memory, time, places and commands."""

import asyncio
import contextlib
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.engine.ipc import server
from core.engine.ipc.client import IpcClient
from core.engine.ipc.protocol import (
    PROTOCOL,
    ClientHello,
)
from core.infra.home import Home
from core.model.command import Done, Failed, MakePlan, RunStrategy, SettleOrder
from tests.engine.ipc_world import hosted, key_of, raw_reply
from tests.waiting import until


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


def connected(home: Home, first: bytes = b"") -> socket.socket:
    visitor = socket.create_connection(("127.0.0.1", json.loads(home.endpoint.read_text("utf-8"))["port"]), 5)
    visitor.sendall(first)
    return visitor


def ended(visitor: socket.socket) -> bool:
    """Whether the server has closed the connection; what it sent before is thrown away."""
    visitor.setblocking(False)
    try:
        while visitor.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def resident() -> int:
    """Memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory as Linux reports it")
async def test_strangers_take_little_memory_and_do_not_keep_a_viewer_out(home: Home) -> None:
    flood = b"x" * 2_000_000

    def visit() -> socket.socket:
        visitor = connected(home)
        with contextlib.suppress(OSError):
            visitor.settimeout(0.2)
            visitor.sendall(flood)
        return visitor

    async with hosted(home) as (_, link):
        before = resident()
        with ThreadPoolExecutor(50) as pool:
            visits = [pool.submit(visit) for _ in range(200)]
            await until(lambda: sum(visit.done() for visit in visits) > 50)
            second = IpcClient(home)
            assert await asyncio.to_thread(second.open, 30.0)
            second.close()
            visitors = [await asyncio.wrap_future(visit) for visit in visits]
        assert resident() - before < 60_000_000
        await until(lambda: all(map(ended, visitors)))
        assert isinstance(await asyncio.wrap_future(link.send(MakePlan())), Done)
        for visitor in visitors:
            visitor.close()


async def test_a_stranger_who_says_nothing_is_disconnected_and_a_silent_viewer_is_not(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HANDSHAKE_SECONDS", 0.2)
    async with hosted(home) as (_, link):
        with connected(home) as stranger, connected(home, b'{"key": ') as half:
            await until(lambda: ended(stranger) and ended(half))
        assert link.trouble is None
        assert isinstance(await asyncio.wrap_future(link.send(MakePlan())), Done)


async def test_the_oldest_stranger_makes_room(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HANDSHAKE_SECONDS", 600.0)
    async with hosted(home):
        strangers = [connected(home) for _ in range(server._MAX_STRANGERS)]
        viewer = IpcClient(home)
        assert await asyncio.to_thread(viewer.open, 30.0)
        await until(lambda: ended(strangers[0]))
        assert not ended(strangers[-1])
        viewer.close()
        for stranger in strangers:
            stranger.close()


async def test_a_flood_of_rejections_is_one_line_in_the_log(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    async with hosted(home):
        for _ in range(5):
            await asyncio.to_thread(raw_reply, home, b"[" * 500 + b"\n")
    lines = [record.getMessage() for record in caplog.records if "rejected" in record.getMessage()]
    assert lines == ["rejected connections from this machine: 1, the last one: no valid handshake"]


async def test_more_viewers_than_allowed_are_refused_with_a_sentence(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_MAX_VIEWERS", 1)
    async with hosted(home) as (_, link):
        second = IpcClient(home)
        assert not await asyncio.to_thread(second.open, 30.0)
        assert second.trouble == "1 viewers are connected to the engine already: close one of them"
        link.close()
        await until(lambda: second.latest is not None and second.trouble is None)  # it tries again by itself
        second.close()


async def test_commands_of_one_viewer_wait_for_those_before(home: Home) -> None:
    async with hosted(home) as (engine, link):
        engine.may_answer.clear()
        sent = [link.send(MakePlan()) for _ in range(server._MAX_COMMANDS + 8)]
        await until(lambda: len(engine.asked) == server._MAX_COMMANDS)
        other = IpcClient(home)
        assert await asyncio.to_thread(other.open, 30.0)
        other.send(RunStrategy(1, 2))
        await until(lambda: len(engine.asked) == server._MAX_COMMANDS + 1)
        assert engine.asked[-1] == RunStrategy(1, 2)
        engine.may_answer.set()
        replies = await asyncio.gather(*map(asyncio.wrap_future, sent))
        assert all(isinstance(reply, Done) for reply in replies)
        other.close()


async def test_a_command_may_be_long_but_not_without_end(home: Home) -> None:
    async with hosted(home) as (engine, link):
        long = SettleOrder("x" * 100_000, filled=True)
        assert isinstance(await asyncio.wrap_future(link.send(long)), Failed)
        assert engine.asked == [long]
        refused = await asyncio.wrap_future(link.send(SettleOrder("x" * 300_000, filled=True)))
        assert refused == Failed("the entry is too long for the engine: nothing was sent", refused=True)
        with connected(home, ClientHello(key_of(home), PROTOCOL, "1").line()) as visitor:
            await asyncio.to_thread(visitor.sendall, b"x" * 300_000)
            await until(lambda: ended(visitor))
        assert engine.asked == [long]
        assert link.trouble is None
