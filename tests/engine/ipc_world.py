"""The server of viewers over an engine that is scripted, and a viewer."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any

from core.engine.ipc.client import IpcClient
from core.engine.ipc.server import IpcServer
from core.infra.home import Home
from core.model.command import Command, Done, Failed, MakePlan
from core.model.snapshot import Snapshot
from tests.tui import samples
from tests.tui.samples import snapshot

SINCE = "2026-05-06T09:00:00+08:00"


class FakeEngine:
    """The engine as the server sees it."""

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
        """Replies on a thread of its own, once `may_answer` is set."""
        self.asked.append(command)
        answered: Future[Any] = Future()
        reply = Done(samples.plan()) if isinstance(command, MakePlan) else Failed("not now", refused=True)

        def answer() -> None:
            self.may_answer.wait(60)
            answered.set_result(reply)

        threading.Thread(target=answer, daemon=True).start()
        return answered

    def publish(self, shot: Snapshot) -> None:
        for listener in tuple(self.listeners):
            listener(shot)


@asynccontextmanager
async def hosted(home: Home) -> AsyncGenerator[tuple[FakeEngine, IpcClient]]:
    engine = FakeEngine()
    host = IpcServer(home, engine, SINCE, lambda: engine.pulse)
    await asyncio.to_thread(host.open)
    link = IpcClient(home)
    try:
        assert await asyncio.to_thread(link.open, 5.0)
        yield engine, link
    finally:
        link.close()
        await asyncio.to_thread(host.close)


def key_of(home: Home) -> str:
    return str(json.loads(home.endpoint.read_text("utf-8"))["key"])


def raw_reply(home: Home, first: bytes) -> bytes:
    """Everything that the server sends to a client whose first line is `first`."""
    port = json.loads(home.endpoint.read_text("utf-8"))["port"]
    with socket.create_connection(("127.0.0.1", port), 5) as visitor:
        visitor.sendall(first)
        visitor.settimeout(8)
        answer = b""
        while part := visitor.recv(65536):
            answer += part
        return answer
