"""A web server on loopback with scripted replies, faulty ones included."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from core.factorcat.client import FactorCatClient

Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Seen:
    """A request as it came in; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """Answers each path with the replies given for it, in turn; the last one for ever. Counts what it is asked."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.hold: asyncio.Event | None = None
        self._arrived = asyncio.Event()
        self._replies: dict[str, list[Reply]] = {}
        self._handlers: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, path: str, *replies: Reply) -> None:
        self._replies[path] = list(replies)

    def count(self, path: str) -> int:
        return sum(seen.path == path for seen in self.seen)

    def last(self, path: str) -> Seen:
        return next(seen for seen in reversed(self.seen) if seen.path == path)

    async def until(self, path: str, count: int) -> None:
        """Returns as soon as `path` has been asked for `count` times, before the answer to the last goes out."""
        while self.count(path) < count:
            self._arrived.clear()
            await self._arrived.wait()

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        await self._listener.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            seen = await _read(reader)
            self.seen.append(seen)
            self._arrived.set()
            if self.hold is not None:
                await self.hold.wait()
            await self._next(seen.path)(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._handlers.discard(task)
            writer.close()

    def _next(self, path: str) -> Reply:
        replies = self._replies.get(path) or [answer(404, {"detail": f"nothing at {path}"})]
        return replies.pop(0) if len(replies) > 1 else replies[0]


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    request, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, target, _ = request.split(" ")
    return Seen(method, target, headers, body)


def _packet(status: int, body: bytes, length: int | None = None, headers: str = "") -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status} Said\r\nContent-Length: {size}\r\nConnection: close\r\n{headers}\r\n".encode() + body


def raw(status: int, body: bytes, headers: str = "") -> Reply:
    async def reply(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_packet(status, body, headers=headers))
        await writer.drain()

    return reply


def answer(status: int, value: object) -> Reply:
    return raw(status, json.dumps(value, ensure_ascii=False).encode())


def cut_off(value: object) -> Reply:
    """Announces the whole response and disconnects in the middle."""

    async def reply(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = json.dumps(value).encode()
        writer.write(_packet(200, body[: len(body) // 2], length=len(body)))
        await writer.drain()

    return reply


def silence() -> Reply:
    """Accepts the request and sends nothing until the client gives up."""

    async def reply(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    return reply


def drip(value: object) -> Reply:
    """Sends a byte each hundredth of a second: never idle, never done."""

    async def reply(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in _packet(200, json.dumps(value).encode() + b" " * 10_000):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.01)

    return reply


def reset() -> Reply:
    """Resets the connection (RST)."""

    async def reply(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return reply


def set_timeout(client: FactorCatClient, seconds: float) -> None:
    """Limit later requests; earlier ones may be slow on a loaded machine."""
    client._http._timeout = seconds  # pyright: ignore[reportPrivateUsage]


def free_port() -> int:
    """A port without a listener."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
