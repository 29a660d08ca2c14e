"""A link to an engine that runs in another process of this home."""

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from core.engine.host import door_of
from core.engine.link import SnapshotListener
from core.engine.wire import NotReadable, read, written
from core.home import Home
from core.language import say
from core.model.command import Command, Failed, Reply
from core.model.snapshot import Snapshot

log = logging.getLogger(__name__)

T = TypeVar("T")
_PAUSE = 1.0
_CONNECT_SECONDS = 3.0


class RemoteLink:
    """An `EngineLink` over loopback. It goes on trying to reach the engine for as long as it is open.

    While there is none, a command is answered at once with the reason, and no picture comes: the screen says how old
    the last one is.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._listeners: list[SnapshotListener] = []
        self._asked: dict[int, Future[Any]] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = threading.Event()
        self._heard = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rotor-link", daemon=True)
        self.latest: Snapshot | None = None

    def open(self, seconds: float = 10.0) -> bool:
        """Begin; whether a picture came within these seconds."""
        self._thread.start()
        return self._heard.wait(seconds)

    def close(self) -> None:
        """End, and let go of the engine, which goes on."""
        self._closed.set()
        with self._lock:
            connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def subscribe(self, listener: SnapshotListener) -> Callable[[], None]:
        self._listeners.append(listener)
        if self.latest is not None:
            listener(self.latest)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def send(self, command: Command[T]) -> "Future[Reply[T]]":
        future: Future[Reply[T]] = Future()
        with self._lock:
            self._number += 1
            number, connection = self._number, self._socket
            if connection is not None:
                self._asked[number] = future
        if connection is None:
            future.set_result(Failed(say("the engine is out of reach: nothing was asked of it"), refused=True))
            return future
        try:
            connection.sendall(written({"number": number, "command": command}))
        except OSError:
            self._lost(number)
        return future

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._follow()
            except (OSError, ValueError, KeyError, NotReadable) as error:
                log.info("the engine is out of reach: %s", error)
            self._hung_up()
            self._closed.wait(_PAUSE)

    def _follow(self) -> None:
        """One connection, from the key to its end."""
        door = json.loads(door_of(self._home).read_text("utf-8"))
        with socket.create_connection(("127.0.0.1", int(door["port"])), _CONNECT_SECONDS) as connection:
            connection.settimeout(None)
            connection.sendall(str(door["key"]).encode("ascii") + b"\n")
            with self._lock:
                self._socket = connection
            with connection.makefile("rb") as lines:
                for line in lines:
                    self._take(read(line))

    def _take(self, said: dict[str, Any]) -> None:
        if "snapshot" in said:
            self.latest = said["snapshot"]
            self._heard.set()
            for listener in tuple(self._listeners):
                listener(said["snapshot"])
            return
        with self._lock:
            future = self._asked.pop(said["number"], None)
        if future is not None:
            future.set_result(said["reply"])

    def _hung_up(self) -> None:
        with self._lock:
            self._socket = None
            numbers = list(self._asked)
        for number in numbers:
            self._lost(number)

    def _lost(self, number: int) -> None:
        with self._lock:
            future = self._asked.pop(number, None)
        if future is not None:
            future.set_result(
                Failed(say("the engine went away before it answered: look at what became of this before you ask again"))
            )
