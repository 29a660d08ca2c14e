"""Tables of akshare, from a child process with a deadline; one that is not what it should be is refused whole."""

import asyncio
import json
import logging
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from core.i18n import say
from core.infra.clock import Clock
from core.infra.program import own_command
from core.infra.worker_thread import CallTimedOut, WorkerThread
from core.model.errors import InvalidDataError, UnavailableError

log = logging.getLogger(__name__)

PATIENCE = 60.0
"""Seconds that a table may take: akshare's import alone takes several on a cold disk."""

CHILD = own_command("akshare-table")

_LONGEST = 160


class TableUnavailable(UnavailableError):
    """A table could not be fetched; the message says why."""


class TableRefused(InvalidDataError):
    """A table came and is not what it should be; nothing of it is used. The message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by column, each value as text, None where there is none; `fetched_at` is when it was asked for."""

    name: str
    fetched_at: datetime
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str | None], ...]

    def as_document(self) -> dict[str, Any]:
        """For the disk."""
        rows = [[row[column] for column in self.columns] for row in self.rows]
        return {"name": self.name, "fetched_at": self.fetched_at.isoformat(), "columns": self.columns, "rows": rows}


def table_of(document: Mapping[str, Any]) -> Table:
    """A table from its document. Raises `TableRefused` where that is none."""
    try:
        columns = tuple(str(column) for column in document["columns"])
        rows = tuple(dict(zip(columns, row, strict=True)) for row in document["rows"])
        return Table(str(document["name"]), datetime.fromisoformat(document["fetched_at"]), columns, rows)
    except (KeyError, TypeError, ValueError) as error:
        raise TableRefused(say("it is no table ({error})", error=f"{type(error).__name__}: {error}")) from None


def check_shape(table: Table, columns: Sequence[str], floor: int) -> None:
    """Raises `TableRefused` where a column is missing or there are fewer than `floor` rows."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise TableRefused(say("it has no column {missing}", missing=", ".join(missing)))
    if len(table.rows) < floor:
        raise TableRefused(
            say("it has {rows} rows, {floor} are the least that can be whole", rows=len(table.rows), floor=floor)
        )


class AkshareClient:
    """One child at a time. `command` is what is run, the table's name behind it."""

    def __init__(self, clock: Clock, command: Sequence[str] = CHILD, patience: float = PATIENCE) -> None:
        self._clock = clock
        self._command = tuple(command)
        self._patience = patience
        self._turn = asyncio.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    async def fetch(self, name: str) -> Table:
        """The table as it is now. Raises `TableUnavailable`, `TableRefused`."""
        async with self._turn:
            asked_at = self._clock.now()
            caller = WorkerThread(f"akshare: {name}")
            try:
                output = await caller.call(lambda: self._run(name), self._patience + 5)
            except CallTimedOut as error:
                raise TableUnavailable(str(error)) from None
            finally:
                caller.end()
        document = _document(output)
        if "error" in document:
            raise TableUnavailable(_short(str(document["error"])))
        return table_of({**document, "name": name, "fetched_at": asked_at.isoformat()})

    def end(self) -> None:
        """Wait for no child any more."""
        child = self._child
        if child is not None:
            child.kill()

    def _run(self, name: str) -> bytes:
        """On the caller's thread. Raises `TableUnavailable`."""
        try:
            environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("ROTOR_")}
            child = subprocess.Popen(
                [*self._command, name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # progress bars
                env=environment | {"PYTHONUTF8": "1"},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise TableUnavailable(say("akshare could not be run: {error}", error=error.strerror or error)) from None
        self._child = child
        try:
            output, _ = child.communicate(timeout=self._patience)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise TableUnavailable(say("it did not answer within {patience:.0f} s", patience=self._patience)) from None
        finally:
            self._child = None
        return output


def _document(output: bytes) -> dict[str, Any]:
    """What the child printed, whatever else akshare prints before it."""
    lines = output.decode("utf-8", errors="replace").strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TableUnavailable(say("akshare ended without an answer"))
    return cast("dict[str, Any]", found)


def _short(text: str) -> str:
    line = next(iter(text.strip().splitlines()), "")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
