"""The engine's door for viewers in other processes: on loopback, for whoever can read the home.

A viewer is one more view of the one engine: it gets the same pictures and gives the same commands, through the same
gates. One that reads slowly gets the newest picture and holds up nobody.
"""

import asyncio
import contextlib
import hmac
import json
import logging
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from core.engine.wire import NotReadable, read, written
from core.home import Home, write_atomically
from core.model.command import Command, Failed
from core.model.snapshot import Snapshot

log = logging.getLogger(__name__)

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of one line at most: a page of the log is the longest."""

_GREETING_SECONDS = 5.0

Answer = Callable[[Command[Any]], Awaitable[Any]]
Subscribe = Callable[[Callable[[Snapshot], None]], Callable[[], None]]


def door_of(home: Home) -> Path:
    """The file that says where the door is and what opens it; for this user's eyes only."""
    return home.data / "door.json"


class Host:
    """Belongs to the engine's loop."""

    def __init__(self, home: Home, subscribe: Subscribe, answer: Answer) -> None:
        self._door = door_of(home)
        self._subscribe = subscribe
        self._answer = answer
        self._key = secrets.token_urlsafe(32)
        self._server: asyncio.Server | None = None
        self._viewers: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen on a free port of this machine, and write down which."""
        self._server = await asyncio.start_server(self._came, "127.0.0.1", 0, limit=LONGEST_LINE)
        port = self._server.sockets[0].getsockname()[1]
        # Made for this user alone from the first byte on, as every file that is written so.
        write_atomically(self._door, json.dumps({"port": port, "key": self._key, "pid": os.getpid()}))

    async def close(self) -> None:
        """Let every viewer go."""
        with contextlib.suppress(OSError):
            self._door.unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
        for viewer in tuple(self._viewers):
            viewer.cancel()
        if self._viewers:
            await asyncio.wait(self._viewers)

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._viewers.add(task)
            task.add_done_callback(self._viewers.discard)
        try:
            if await self._knows_the_key(reader):
                log.info("a viewer has come")
                await self._serve(reader, writer)
                log.info("a viewer has gone")
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    async def _knows_the_key(self, reader: asyncio.StreamReader) -> bool:
        try:
            async with asyncio.timeout(_GREETING_SECONDS):
                said = (await reader.readline()).strip()
        except TimeoutError:
            return False
        if hmac.compare_digest(said, self._key.encode("ascii")):
            return True
        log.warning("somebody on this machine came to the engine's door without its key")
        return False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        newest: list[Snapshot] = []
        fresh = asyncio.Event()

        def heard(snapshot: Snapshot) -> None:
            newest[:] = [snapshot]
            fresh.set()

        unsubscribe = self._subscribe(heard)
        turn = asyncio.Lock()
        showing = asyncio.create_task(self._show(newest, fresh, writer, turn))
        answering: set[asyncio.Task[None]] = set()
        try:
            while line := await reader.readline():
                task = asyncio.create_task(self._reply(line, writer, turn))
                answering.add(task)
                task.add_done_callback(answering.discard)
        finally:
            unsubscribe()
            # What was asked for goes on to its end, also where nobody waits for the answer.
            showing.cancel()

    async def _show(
        self, newest: list[Snapshot], fresh: asyncio.Event, writer: asyncio.StreamWriter, turn: asyncio.Lock
    ) -> None:
        while True:
            await fresh.wait()
            fresh.clear()
            line = await asyncio.to_thread(written, {"snapshot": newest[0]})
            async with turn:
                writer.write(line)
                await writer.drain()

    async def _reply(self, line: bytes, writer: asyncio.StreamWriter, turn: asyncio.Lock) -> None:
        number = -1
        try:
            asked = read(line)
            number, command = asked["number"], asked["command"]
            if not isinstance(command, Command):
                raise NotReadable("that is no command")
            reply = await self._answer(cast("Command[Any]", command))
        except (NotReadable, KeyError, TypeError):
            reply = Failed("the engine does not understand this viewer: both have to be of one version", refused=True)
        answer = await asyncio.to_thread(written, {"number": number, "reply": reply})
        with contextlib.suppress(OSError):
            async with turn:
                writer.write(answer)
                await writer.drain()
