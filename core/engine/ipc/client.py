"""The `EngineLink` of a viewer: a connection to the engine that runs in another process on the same data folder."""

import contextlib
import dataclasses
import json
import logging
import socket
import threading
import time
from concurrent.futures import Future
from typing import Any, TypeVar

from core import __version__
from core.engine.ipc.link import SnapshotSource
from core.engine.ipc.protocol import (
    PROTOCOL,
    BadHandshake,
    ClientHello,
    ProtocolError,
    ServerHello,
    decode,
    encode,
    read_server_hello,
    with_change,
)
from core.engine.ipc.server import MAX_COMMAND_BYTES, MAX_LINE_BYTES
from core.i18n import say
from core.infra.home import Home, read_own
from core.model.command import Command, Failed, Reply
from core.model.snapshot import Snapshot

log = logging.getLogger(__name__)

T = TypeVar("T")
_RECONNECT_SECONDS = 0.5
_CONNECT_SECONDS = 3.0

_SILENCE_SECONDS = 3.0
"""Seconds without a line from the server, which sends a heartbeat each second, until the connection counts as lost."""

_HANGING_SECONDS = 5.0
"""Seconds without progress of the engine's own loop after which it counts as hanging."""


class IpcClient(SnapshotSource):
    """An `EngineLink` over loopback TCP that reconnects until it is closed.

    Without a connection a command fails at once, and `trouble` says why and since when.
    `watch`: a read-only viewer; the engine refuses its other commands.
    """

    def __init__(self, home: Home, *, watch: bool = False) -> None:
        super().__init__()
        self._home = home
        self._watch = watch
        self._pending: dict[int, Future[Any]] = {}
        self._last_number = 0
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = threading.Event()
        self._has_snapshot = threading.Event()
        self._has_heartbeat = threading.Event()
        self._disconnect_reason: str | None = None
        self._disconnected_at = time.time()
        self._heartbeat: tuple[float, str, float] | None = None
        self._thread = threading.Thread(target=self._run, name="rotor-ipc-client", daemon=True)
        self._engine_snapshot: Snapshot | None = None
        self._number_offset = 0
        self.server_hello: ServerHello | None = None

    def start(self) -> None:
        """Start connecting in the background."""
        self._thread.start()

    def wait_for_snapshot(self, seconds: float) -> bool:
        """Whether a snapshot has arrived within these seconds."""
        return self._has_snapshot.wait(seconds)

    def open(self, seconds: float = 10.0) -> bool:
        """Connect; whether a snapshot arrived within these seconds. False at once if the engine rejects this viewer."""
        self.start()
        deadline = time.monotonic() + seconds
        while not self._has_snapshot.wait(0.05):
            if time.monotonic() > deadline or (self.server_hello is not None and self.server_hello.refusal is not None):
                return False
        return True

    def close(self) -> None:
        """Disconnect. The engine keeps running."""
        self._closed.set()
        with self._lock:
            connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def trouble(self) -> str | None:
        """Why there is no connection, or that the engine hangs, as a sentence; None if all is well."""
        if self.server_hello is not None and self.server_hello.refusal is not None:
            return self.server_hello.refused
        if self._disconnect_reason is not None:
            since = time.strftime("%H:%M:%S", time.localtime(self._disconnected_at))
            return say(
                "no connection to the engine since {since} ({why}): nothing is monitored and no stop fires until it "
                "runs again; this screen reconnects by itself then",
                since=since,
                why=self._disconnect_reason,
            )
        heartbeat, age = self._heartbeat, self.heartbeat_age
        if heartbeat is None or age is None or age < _HANGING_SECONDS:
            return None
        return say(
            "the engine has not responded for {age:.0f} s, no stop fires; its last action: {doing}",
            age=age,
            doing=heartbeat[1],
        )

    @property
    def heartbeat_age(self) -> float | None:
        """Seconds since the engine's loop last made progress, None if unknown."""
        heartbeat = self._heartbeat
        return None if heartbeat is None else heartbeat[0] + time.monotonic() - heartbeat[2]

    @property
    def last_action(self) -> str | None:
        """The engine's last action, as a sentence of its own; None if unknown."""
        return None if self._heartbeat is None else self._heartbeat[1]

    def wait_for_heartbeat(self, seconds: float) -> bool:
        """Whether a heartbeat has arrived within these seconds."""
        return self._has_heartbeat.wait(seconds)

    def send(self, command: Command[T]) -> "Future[Reply[T]]":
        future: Future[Reply[T]] = Future()
        with self._lock:
            self._last_number += 1
            number = self._last_number
        line = encode({"number": number, "command": command})
        if len(line) > MAX_COMMAND_BYTES:
            future.set_result(Failed(say("the entry is too long for the engine: nothing was sent"), refused=True))
            return future
        with self._lock:
            connection = self._socket
            if connection is not None:
                self._pending[number] = future
        if connection is None:
            future.set_result(Failed(say("cannot reach the engine: the command was not sent"), refused=True))
            return future
        try:
            with self._send_lock:  # commands of two threads must not mix within a line
                connection.sendall(line)
        except OSError:
            self._resolve(number, Failed(_answer_lost()))
        return future

    def _run(self) -> None:
        while not self._closed.is_set():
            why = say("the engine closed the connection")
            try:
                self._run_connection()
            except TimeoutError:
                why = say("no heartbeat received")
            except (OSError, ValueError, KeyError, TypeError, ProtocolError) as error:
                log.info("cannot reach the engine: %s", error)
                why = say("the engine was stopped or crashed") if isinstance(error, OSError) else str(error)
            self._disconnected(why)
            self._closed.wait(_RECONNECT_SECONDS)

    def _run_connection(self) -> None:
        """One connection, from the handshake to its end."""
        endpoint = json.loads(read_own(self._home.endpoint))
        with socket.create_connection(("127.0.0.1", int(endpoint["port"])), _CONNECT_SECONDS) as connection:
            connection.settimeout(_SILENCE_SECONDS)
            connection.sendall(ClientHello(str(endpoint["key"]), PROTOCOL, __version__, self._watch).line())
            with connection.makefile("rb") as lines:
                self.server_hello = _checked_hello(lines.readline(MAX_LINE_BYTES))
                if self.server_hello.refusal is not None:
                    return
                with self._lock:
                    self._socket = connection
                while line := lines.readline(MAX_LINE_BYTES):
                    if not line.endswith(b"\n"):
                        raise ProtocolError(say("the connection ended within a message"))
                    self._handle_message(decode(line))

    def _handle_message(self, message: dict[str, Any]) -> None:
        if "snapshot" in message:
            self._received(message["snapshot"])
        elif "change" in message:
            if self._engine_snapshot is None:
                raise ProtocolError(say("a change arrived before the first snapshot"))
            self._received(with_change(self._engine_snapshot, message["change"]))
        elif "heartbeat" in message:
            heartbeat = message["heartbeat"]
            self._heartbeat = (float(heartbeat["age"]), str(heartbeat["doing"]), time.monotonic())
            self._has_heartbeat.set()
        else:
            self._resolve(int(message["number"]), message["reply"])

    def _received(self, received: Snapshot) -> None:
        before, self._engine_snapshot = self._engine_snapshot, received
        if before is not None and self.latest is not None and received.number <= before.number:
            # A restarted engine counts from 1 again; for the listeners here the newest keeps the highest number.
            self._number_offset = self.latest.number + 1 - received.number
        number = received.number + self._number_offset
        self._disconnect_reason = None
        self._publish(dataclasses.replace(received, number=number) if self._number_offset else received)
        self._has_snapshot.set()

    def _resolve(self, number: int, reply: Any) -> None:  # noqa: ANN401  (any reply)
        with self._lock:
            future = self._pending.pop(number, None)
        if future is not None and not future.done():
            future.set_result(reply)

    def _disconnected(self, why: str) -> None:
        with self._lock:
            self._socket = None
            pending, self._pending = self._pending, {}
        self._heartbeat = None
        if self._disconnect_reason is None and self.latest is not None:
            self._disconnect_reason, self._disconnected_at = why, time.time()
        for future in pending.values():
            if not future.done():
                future.set_result(Failed(_answer_lost()))


def _checked_hello(line: bytes) -> ServerHello:
    try:
        return read_server_hello(line)
    except BadHandshake as error:
        raise ProtocolError(
            say("the program that answered is not an engine of this version ({error})", error=error)
        ) from None


def _answer_lost() -> str:
    return say("the connection broke before the engine answered: check the outcome before you try again")
