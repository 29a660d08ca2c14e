"""The engine's server for viewers in other processes, on loopback TCP; its key is in the data folder.

A viewer gets the same snapshots as the screen in the engine's own process and sends the same commands, which pass the
same checks. The server runs in a thread of its own: slow or many viewers do not delay the engine's loop, and viewers
learn when that loop hangs.

Every user of this machine can connect to loopback. A Unix socket or a named pipe would keep them out, but on Windows,
where live trading runs, asyncio's pipes take no access list. So the key decides, and until it is shown a connection
gets little memory, little time and one of a few places. All come from one address: the places are not counted by peer.
"""

import asyncio
import contextlib
import hmac
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, cast

from core import __version__
from core.engine.ipc.link import EngineLink
from core.engine.ipc.protocol import (
    PROTOCOL,
    BadHandshake,
    ClientHello,
    ProtocolError,
    Refusal,
    ServerHello,
    SnapshotDeltas,
    decode,
    encode,
    read_client_hello,
)
from core.i18n import say
from core.infra.home import Home, write_own
from core.infra.tasks import end_tasks
from core.model.command import Command, Failed, Query
from core.model.snapshot import Snapshot

log = logging.getLogger(__name__)

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Limit for one line of the engine; a page of the log is the longest message."""

MAX_COMMAND_BYTES = 256 * 1024
"""Limit for one line of a viewer."""

HEARTBEAT_SECONDS = 1.0

_HANDSHAKE_SECONDS = 3.0
_MAX_HELLO_BYTES = 4096
_MAX_STRANGERS = 16
"""Connections without a valid handshake yet. One more ends the oldest: a viewer needs its place for some milliseconds
only, so that strangers who wait cannot keep it out."""

_MAX_VIEWERS = 32
_MAX_COMMANDS = 32
"""Commands of one viewer that wait for their reply; the next one is read when one of them has it."""

_LOG_PAUSE = 60.0
"""Seconds between two lines in the log about rejected connections, however many there are."""

_WRITE_BUFFER_BYTES = 64 * 1024
"""Unsent bytes from which a viewer counts as slow: it gets the newest snapshot only after it has read them."""

Pulse = Callable[[], tuple[float, str]]
"""Seconds since the engine's loop last made progress, and its last action."""


class IpcServer:
    """`since`: when the engine started, as text."""

    def __init__(self, home: Home, link: EngineLink, since: str, pulse: Pulse) -> None:
        self._endpoint = home.endpoint
        self._link = link
        self._since = since
        self._pulse = pulse
        self._key = secrets.token_urlsafe(32)
        self._deltas = SnapshotDeltas()
        self._next_snapshot: Snapshot | None = None
        self._snapshot_lock = threading.Lock()
        self._viewers: set[_Viewer] = set()
        self._strangers: dict[asyncio.Task[Any], None] = {}
        self._rejected = _Rejections()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._opened = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="rotor-ipc", daemon=True)

    def open(self) -> None:
        """Listen on a free loopback port and write it to the endpoint file. Raises `OSError`."""
        self._thread.start()
        self._opened.wait()
        if self._failure is not None:
            raise self._failure

    def close(self, seconds: float = 3.0) -> None:
        """Disconnect every viewer."""
        with contextlib.suppress(OSError):
            self._endpoint.unlink(missing_ok=True)
        if self._loop is not None and self._closing is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except OSError as error:
            self._failure = error
        except Exception:
            log.exception("the IPC server failed: no viewer can connect")
        finally:
            self._opened.set()

    async def _main(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._on_connect, "127.0.0.1", 0, limit=_MAX_HELLO_BYTES)
        port = server.sockets[0].getsockname()[1]
        # Readable by this user only, from the moment the file exists.
        write_own(self._endpoint, json.dumps({"port": port, "key": self._key, "pid": os.getpid()}))
        unsubscribe = self._link.subscribe(self._on_snapshot)
        heartbeats = asyncio.create_task(self._send_heartbeats())
        self._opened.set()
        try:
            await self._closing.wait()
        finally:
            unsubscribe()
            server.close()
            await end_tasks(heartbeats, *self._strangers, *(viewer.task for viewer in self._viewers))

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        """Called on the engine's thread: pass the newest snapshot on without waiting."""
        with self._snapshot_lock:  # else a snapshot that arrives during _update would never be sent, nor any after it
            first, self._next_snapshot = self._next_snapshot is None, snapshot
        if first and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is already closed
                self._loop.call_soon_threadsafe(self._update)

    def _update(self) -> None:
        with self._snapshot_lock:
            snapshot, self._next_snapshot = self._next_snapshot, None
        if snapshot is not None:
            self._deltas.update(snapshot)
            for viewer in self._viewers:
                viewer.has_update.set()

    async def _send_heartbeats(self) -> None:
        while True:
            age, doing = self._pulse()
            line = encode({"heartbeat": {"age": round(age, 1), "doing": doing}})
            for viewer in self._viewers:
                viewer.send_if_idle(line)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _on_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        viewer: _Viewer | None = None
        try:
            hello = await self._as_stranger(task, reader, writer)
            if hello is not None:
                viewer = _Viewer(self._link, self._deltas, reader, writer, task, watch=hello.watch)
                self._viewers.add(viewer)
                if not hello.watch:
                    log.info("viewer connected")
                await viewer.serve()
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            if viewer is not None:
                self._viewers.discard(viewer)
                if not viewer.watch:
                    log.info("viewer disconnected")
            writer.close()

    async def _as_stranger(
        self, task: "asyncio.Task[Any]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> ClientHello | None:
        if len(self._strangers) >= _MAX_STRANGERS:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.cancel()
            self._rejected.note("too many connections without a handshake")
        self._strangers[task] = None
        try:
            async with asyncio.timeout(_HANDSHAKE_SECONDS):
                return await self._handshake(reader, writer)
        except (TimeoutError, BadHandshake, ValueError):
            self._rejected.note("no valid handshake")
            return None
        finally:
            self._strangers.pop(task, None)

    async def _handshake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> ClientHello | None:
        """The client's hello, None if it is rejected. A client with a wrong key learns nothing about the engine.

        Raises `BadHandshake`, and `ValueError` for a line that is too long.
        """
        hello = read_client_hello(await reader.readline())
        if not hmac.compare_digest(hello.key.encode("utf-8"), self._key.encode("ascii")):
            self._rejected.note("wrong access key")
            refused = say("the access key is not valid for this engine")
            writer.write(ServerHello("", 0, 0, "", refused, Refusal.WRONG_KEY).line())
            await writer.drain()
            return None
        refused, refusal = "", None
        if hello.protocol != PROTOCOL:
            refusal = Refusal.OTHER_VERSION
            refused = say(
                "the engine is rotor {engine}, this is rotor {viewer}: these versions cannot work together. Stop the "
                "engine and start it with this version, or use the other version here.",
                engine=__version__,
                viewer=hello.version,
            )
        elif len(self._viewers) >= _MAX_VIEWERS:
            refusal = Refusal.TOO_MANY
            refused = say("{count} viewers are connected to the engine already: close one of them", count=_MAX_VIEWERS)
        writer.write(ServerHello(__version__, PROTOCOL, os.getpid(), self._since, refused, refusal).line())
        await writer.drain()
        return hello if refusal is None else None


class _Rejections:
    """Logs rejected connections: the first at once, then their number each minute. A flood must not fill the disk."""

    def __init__(self) -> None:
        self._unsaid = 0
        self._next = 0.0

    def note(self, why: str) -> None:
        self._unsaid += 1
        if (now := time.monotonic()) >= self._next:
            log.warning("rejected connections from this machine: %d, the last one: %s", self._unsaid, why)
            self._unsaid, self._next = 0, now + _LOG_PAUSE


async def _read_line(reader: asyncio.StreamReader, most: int) -> bytes:
    """The next line, empty at the end of the stream; the reader's own limit is that of a handshake.

    Raises `ValueError` for a line of more than `most` bytes.
    """
    line = b""
    while len(line) <= most:
        try:
            return line + await reader.readuntil()
        except asyncio.LimitOverrunError as part:
            line += await reader.readexactly(part.consumed)
        except asyncio.IncompleteReadError:
            return b""
    raise ValueError("the line is too long")


class _Viewer:
    """One connection: snapshots and replies out, commands in. Each line is sent whole."""

    def __init__(
        self,
        link: EngineLink,
        deltas: SnapshotDeltas,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        task: "asyncio.Task[Any]",
        *,
        watch: bool,
    ) -> None:
        self.has_update = asyncio.Event()
        self.task = task
        self._link = link
        self._deltas = deltas
        self._reader = reader
        self._writer = writer
        self.watch = watch
        self._sent_number: int | None = None
        self._write_lock = asyncio.Lock()
        self._replies: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(_MAX_COMMANDS)
        writer.transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)

    async def serve(self) -> None:
        """Run until the viewer disconnects."""
        self.has_update.set()
        sender = asyncio.create_task(self._send_snapshots())
        try:
            while line := await _read_line(self._reader, MAX_COMMAND_BYTES):
                await self._places.acquire()
                task = asyncio.create_task(self._reply(line))
                self._replies.add(task)
                task.add_done_callback(self._replied)
        finally:
            # Commands in progress are completed, even if nobody waits for their reply.
            sender.cancel()

    def _replied(self, task: "asyncio.Task[None]") -> None:
        self._replies.discard(task)
        self._places.release()

    def send_if_idle(self, line: bytes) -> None:
        """Skipped while another line is being sent: a slow viewer already has enough to read."""
        if not self._write_lock.locked():
            self._writer.write(line)

    async def _send_snapshots(self) -> None:
        while True:
            await self.has_update.wait()
            self.has_update.clear()
            async with self._write_lock:
                number = self._deltas.number
                self._writer.write(self._deltas.line_for(self._sent_number))
                self._sent_number = number
                await self._writer.drain()

    async def _reply(self, line: bytes) -> None:
        number = -1
        try:
            request = decode(line)
            number, command = request["number"], request["command"]
            if not isinstance(command, Command):
                raise ProtocolError("not a command")
            reply = await self._result_of(cast("Command[Any]", command))
        except (ProtocolError, KeyError, TypeError):
            reply = Failed(
                say("the engine does not understand this viewer: both must be the same version of rotor"), refused=True
            )
        answer = await asyncio.to_thread(encode, {"number": number, "reply": reply})
        if len(answer) > MAX_LINE_BYTES:  # the viewer would end the connection
            answer = encode({"number": number, "reply": Failed(say("the answer is too large to be shown"))})
        with contextlib.suppress(OSError):
            async with self._write_lock:
                self._writer.write(answer)
                await self._writer.drain()

    async def _result_of(self, command: Command[Any]) -> Any:  # noqa: ANN401  (a reply)
        if self.watch and not isinstance(command, Query):
            return Failed(say("read-only view: start rotor without --watch to make changes"), refused=True)
        # Shielded: a viewer that disconnects must not cancel a command in progress.
        return await asyncio.shield(asyncio.wrap_future(self._link.send(command)))
