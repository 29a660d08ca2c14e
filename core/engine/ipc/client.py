"""A link to an engine that runs in another process of this home."""

import contextlib
import dataclasses
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from core import __version__
from core.engine.ipc.link import SnapshotListener
from core.engine.ipc.protocol import (
    PROTOCOL,
    BadHandshake,
    ClientHello,
    ProtocolError,
    ServerHello,
    read,
    read_welcome,
    with_change,
    written,
)
from core.engine.ipc.server import LONGEST_LINE
from core.i18n import say
from core.infra.home import Home
from core.model.command import Command, Failed, Reply
from core.model.snapshot import Snapshot

log = logging.getLogger(__name__)

T = TypeVar("T")
_PAUSE = 0.5
_CONNECT_SECONDS = 3.0

_SILENCE = 3.0
"""Seconds without a word from the door, which has one each second, after which the connection counts as dead."""

_BEATLESS = 5.0
"""Seconds without a beat of the engine's after which it counts as standing still."""


class IpcClient:
    """An `EngineLink` over loopback. It goes on trying to reach the engine for as long as it is open.

    While there is none, a command is answered at once with the reason, and no picture comes: `trouble` says since when.
    `watch`: this viewer only looks, and the engine holds it to that.
    """

    def __init__(self, home: Home, *, watch: bool = False) -> None:
        self._home = home
        self._watch = watch
        self._listeners: list[SnapshotListener] = []
        self._asked: dict[int, Future[Any]] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = threading.Event()
        self._heard = threading.Event()
        self._beaten = threading.Event()
        self._lost: str | None = None
        self._lost_at = time.time()
        self._beat: tuple[float, str, float] | None = None
        self._thread = threading.Thread(target=self._run, name="rotor-link", daemon=True)
        self._told: Snapshot | None = None
        self._ahead = 0
        self.latest: Snapshot | None = None
        self.welcome: ServerHello | None = None

    def begin(self) -> None:
        """Begin to reach the engine, and wait for nothing."""
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether a picture has come by then."""
        return self._heard.wait(seconds)

    def open(self, seconds: float = 10.0) -> bool:
        """Begin; whether a picture came within these seconds. At once False where this viewer is not let in."""
        self.begin()
        deadline = time.monotonic() + seconds
        while not self._heard.wait(0.05):
            if time.monotonic() > deadline or (self.welcome is not None and self.welcome.refused):
                return False
        return True

    def close(self) -> None:
        """End, and let go of the engine, which goes on."""
        self._closed.set()
        with self._lock:
            connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def trouble(self) -> str | None:
        """Why nothing comes of the engine, or what is wrong with it, in words; None where all is well."""
        if self.welcome is not None and self.welcome.refused:
            return self.welcome.refused
        if self._lost is not None:
            since = time.strftime("%H:%M:%S", time.localtime(self._lost_at))
            return say(
                "the engine is gone since {since} ({why}): nothing is watched and no stop fires until it runs again; "
                "this view comes back by itself then",
                since=since,
                why=self._lost,
            )
        beat = self._beat
        if beat is None:
            return None
        age = beat[0] + time.monotonic() - beat[2]
        if age < _BEATLESS:
            return None
        return say(
            "the engine has stood still for {age:.0f} s, no stop fires; the last thing it did: {doing}",
            age=age,
            doing=beat[1],
        )

    @property
    def beat_age(self) -> float | None:
        """Seconds since the engine's last beat, None where that is not known."""
        return None if self._beat is None else self._beat[0] + time.monotonic() - self._beat[2]

    @property
    def last_did(self) -> str | None:
        """The last thing that the engine did, as it said it."""
        return None if self._beat is None else self._beat[1]

    def wait_for_beat(self, seconds: float) -> bool:
        """Whether the engine's door has said by then how the engine does."""
        return self._beaten.wait(seconds)

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
            line = written({"number": number, "command": command})
            with self._sending:  # two that ask at once must not get into each other's words
                connection.sendall(line)
        except OSError:
            self._answer(number, Failed(_unanswered()))
        return future

    def _run(self) -> None:
        while not self._closed.is_set():
            why = say("it has ended")
            try:
                self._follow()
            except TimeoutError:
                why = say("it says nothing any more")
            except (OSError, ValueError, KeyError, TypeError, ProtocolError) as error:
                log.info("the engine is out of reach: %s", error)
                why = say("it was ended, or it died") if isinstance(error, OSError) else str(error)
            self._hung_up(why)
            self._closed.wait(_PAUSE)

    def _follow(self) -> None:
        """One connection, from the greeting to its end."""
        endpoint = json.loads(self._home.endpoint.read_text("utf-8"))
        with socket.create_connection(("127.0.0.1", int(endpoint["port"])), _CONNECT_SECONDS) as connection:
            connection.settimeout(_SILENCE)
            connection.sendall(ClientHello(str(endpoint["key"]), PROTOCOL, __version__, self._watch).line())
            with connection.makefile("rb") as lines:
                self.welcome = _welcomed(lines.readline(LONGEST_LINE))
                if self.welcome.refused:
                    return
                with self._lock:
                    self._socket = connection
                while line := lines.readline(LONGEST_LINE):
                    if not line.endswith(b"\n"):
                        raise ProtocolError("half a message came, and then the end")
                    self._take(read(line))

    def _take(self, said: dict[str, Any]) -> None:
        if "snapshot" in said:
            self._shows(said["snapshot"])
        elif "change" in said:
            if self._told is None:
                raise ProtocolError("a change came before a picture")
            self._shows(with_change(self._told, said["change"]))
        elif "beat" in said:
            beat = said["beat"]
            self._beat = (float(beat["age"]), str(beat["doing"]), time.monotonic())
            self._beaten.set()
        else:
            self._answer(int(said["number"]), said["reply"])

    def _shows(self, told: Snapshot) -> None:
        before, self._told = self._told, told
        if before is not None and self.latest is not None and told.number <= before.number:
            # Another engine counts from one again; for whoever listens here the newest has the highest number.
            self._ahead = self.latest.number + 1 - told.number
        shown = dataclasses.replace(told, number=told.number + self._ahead) if self._ahead else told
        self.latest, self._lost = shown, None
        self._heard.set()
        for listener in tuple(self._listeners):
            try:
                listener(shown)
            except Exception:  # one listener's fault must not blind the others
                log.exception("a listener failed")

    def _answer(self, number: int, reply: Any) -> None:  # noqa: ANN401  (what came)
        with self._lock:
            future = self._asked.pop(number, None)
        if future is not None and not future.done():
            future.set_result(reply)

    def _hung_up(self, why: str) -> None:
        with self._lock:
            self._socket = None
            asked, self._asked = self._asked, {}
        self._beat = None
        if self._lost is None and self.latest is not None:
            self._lost, self._lost_at = why, time.time()
        for future in asked.values():
            if not future.done():
                future.set_result(Failed(_unanswered()))


def _welcomed(line: bytes) -> ServerHello:
    try:
        return read_welcome(line)
    except BadHandshake as error:
        raise ProtocolError(say("whoever answers there is no engine of this version ({error})", error=error)) from None


def _unanswered() -> str:
    return say("the engine went away before it answered: look at what became of this before you try again")
