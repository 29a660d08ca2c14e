"""The engine's door for viewers in other processes: on loopback, for whoever can read the home.

A viewer is one more view of the one engine: it gets the same pictures and gives the same commands, through the same
gates. The door has a thread of its own: viewers that stall, or come by the dozen, cost the engine's loop nothing, and
they are told when that loop itself stands still.
"""

import asyncio
import contextlib
import hmac
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable
from typing import Any, cast

from core import __version__
from core.engine.ipc.link import EngineLink
from core.engine.ipc.protocol import (
    ONLY_LOOKS,
    PROTOCOL,
    BadHandshake,
    ClientHello,
    ProtocolError,
    ServerHello,
    SnapshotDeltas,
    read,
    read_greeting,
    written,
)
from core.i18n import say
from core.infra.home import Home, write_atomically
from core.model.command import Command, Failed
from core.model.snapshot import Snapshot

log = logging.getLogger(__name__)

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of one line at most: a page of the log is the longest."""

BEAT = 1.0
"""Seconds between two words of the door that it lives, and how the engine does."""

_GREETING_SECONDS = 5.0
_ENOUGH = 64 * 1024
"""Bytes that may wait for a viewer before it counts as slow, and gets the newest picture when it has read them."""

Pulse = Callable[[], tuple[float, str]]
"""Seconds since the engine's last beat, and the last thing it did."""


class IpcServer:
    """`since` is when the engine began, as text."""

    def __init__(self, home: Home, link: EngineLink, since: str, pulse: Pulse) -> None:
        self._endpoint = home.endpoint
        self._link = link
        self._since = since
        self._pulse = pulse
        self._key = secrets.token_urlsafe(32)
        self._pictures = SnapshotDeltas()
        self._waiting: Snapshot | None = None
        self._handing_over = threading.Lock()
        self._viewers: set[_Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._open = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="rotor-door", daemon=True)

    def open(self) -> None:
        """Listen on a free port of this machine, and write down which. Raises `OSError`."""
        self._thread.start()
        self._open.wait()
        if self._failure is not None:
            raise self._failure

    def close(self, seconds: float = 3.0) -> None:
        """Let every viewer go."""
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
            log.exception("the door for viewers is shut")
        finally:
            self._open.set()

    async def _main(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._came, "127.0.0.1", 0, limit=LONGEST_LINE)
        port = server.sockets[0].getsockname()[1]
        # Made for this user alone from the first byte on, as every file that is written so.
        write_atomically(self._endpoint, json.dumps({"port": port, "key": self._key, "pid": os.getpid()}))
        unsubscribe = self._link.subscribe(self._heard)
        beating = asyncio.create_task(self._beat())
        self._open.set()
        try:
            await self._closing.wait()
        finally:
            unsubscribe()
            beating.cancel()
            server.close()
            tasks = [viewer.task for viewer in self._viewers]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _heard(self, shown: Snapshot) -> None:
        """On the engine's thread: hand the newest over and return."""
        with self._handing_over:  # else one that comes while another is taken would wait for ever, and all after it
            first, self._waiting = self._waiting is None, shown
        if first and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
                self._loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        with self._handing_over:
            shown, self._waiting = self._waiting, None
        if shown is not None:
            self._pictures.take(shown)
            for viewer in self._viewers:
                viewer.fresh.set()

    async def _beat(self) -> None:
        while True:
            age, doing = self._pulse()
            line = written({"beat": {"age": round(age, 1), "doing": doing}})
            for viewer in self._viewers:
                viewer.say_if_idle(line)
            await asyncio.sleep(BEAT)

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        viewer: _Viewer | None = None
        try:
            greeting = await self._greeted(reader, writer)
            if greeting is not None:
                task = asyncio.current_task()
                assert task is not None
                viewer = _Viewer(self._link, self._pictures, reader, writer, task, watch=greeting.watch)
                self._viewers.add(viewer)
                if not greeting.watch:
                    log.info("a viewer has come")
                await viewer.serve()
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            if viewer is not None:
                self._viewers.discard(viewer)
                if not viewer.watch:
                    log.info("a viewer has gone")
            writer.close()

    async def _greeted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> ClientHello | None:
        """The greeting of one that is let in; whoever is not is told why, without a word about the engine."""
        try:
            async with asyncio.timeout(_GREETING_SECONDS):
                greeting = read_greeting(await reader.readline())
        except (TimeoutError, BadHandshake):
            log.warning("somebody on this machine came to the engine's door and said nothing that it knows")
            return None
        if not hmac.compare_digest(greeting.key.encode("utf-8"), self._key.encode("ascii")):
            log.warning("somebody on this machine came to the engine's door without its key")
            refused = "the key is not that of this engine"
            writer.write(ServerHello("", 0, 0, "", refused).line())
            await writer.drain()
            return None
        refused = ""
        if greeting.protocol != PROTOCOL:
            refused = (
                f"the engine is rotor {__version__}, this is rotor {greeting.version}: they do not understand each "
                "other. Stop the engine and start it with this version, or look with the other one."
            )
        writer.write(ServerHello(__version__, PROTOCOL, os.getpid(), self._since, refused).line())
        await writer.drain()
        return None if refused else greeting


class _Viewer:
    """One connection: pictures and replies out, each line in one piece; commands in."""

    def __init__(
        self,
        link: EngineLink,
        pictures: SnapshotDeltas,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        task: "asyncio.Task[Any]",
        *,
        watch: bool,
    ) -> None:
        self.fresh = asyncio.Event()
        self.task = task
        self._link = link
        self._pictures = pictures
        self._reader = reader
        self._writer = writer
        self.watch = watch
        self._has: int | None = None
        self._turn = asyncio.Lock()
        self._answering: set[asyncio.Task[None]] = set()
        writer.transport.set_write_buffer_limits(high=_ENOUGH)

    async def serve(self) -> None:
        """Until it hangs up."""
        self.fresh.set()
        showing = asyncio.create_task(self._show())
        try:
            while line := await self._reader.readline():
                task = asyncio.create_task(self._reply(line))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
        finally:
            # What was asked for goes on to its end, also where nobody waits for the answer.
            showing.cancel()

    def say_if_idle(self, line: bytes) -> None:
        """One that does not read has enough to read."""
        if not self._turn.locked():
            self._writer.write(line)

    async def _show(self) -> None:
        while True:
            await self.fresh.wait()
            self.fresh.clear()
            async with self._turn:
                number = self._pictures.number
                self._writer.write(self._pictures.line_for(self._has))
                self._has = number
                await self._writer.drain()

    async def _reply(self, line: bytes) -> None:
        number = -1
        try:
            asked = read(line)
            number, command = asked["number"], asked["command"]
            if not isinstance(command, Command):
                raise ProtocolError("that is no command")
            reply = await self._answer(cast("Command[Any]", command))
        except (ProtocolError, KeyError, TypeError):
            reply = Failed("the engine does not understand this viewer: both have to be of one version", refused=True)
        answer = await asyncio.to_thread(written, {"number": number, "reply": reply})
        with contextlib.suppress(OSError):
            async with self._turn:
                self._writer.write(answer)
                await self._writer.drain()

    async def _answer(self, command: Command[Any]) -> Any:  # noqa: ANN401  (a reply)
        if self.watch and not isinstance(command, ONLY_LOOKS):
            return Failed(say("this view only watches: start rotor without --watch to act"), refused=True)
        # Shielded: a viewer that goes must not cancel what the engine has begun.
        return await asyncio.shield(asyncio.wrap_future(self._link.send(command)))
