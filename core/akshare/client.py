"""akshare tables, fetched in a child process with a timeout and refused whole where they look wrong."""

import asyncio
import json
import logging
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from core.i18n import listed, say
from core.infra.clock import Clock
from core.infra.home import read_own, write_atomically
from core.infra.network import child_environment
from core.infra.program import own_command
from core.infra.worker_thread import CallTimedOut, WorkerThread
from core.model.errors import InvalidDataError, UnavailableError

log = logging.getLogger(__name__)

T = TypeVar("T")

TIMEOUT = 60.0
"""Seconds for one table: akshare's import alone takes several on a cold disk."""

CHILD_COMMAND = own_command("akshare-table")

_MAX_ERROR_LENGTH = 160


class TableUnavailable(UnavailableError):
    """A table could not be fetched; the message says why."""


class TableRefused(InvalidDataError):
    """A table is not what it should be, and nothing of it is used; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by column, each value as text or None; `fetched_at` is when the request was sent."""

    name: str
    fetched_at: datetime
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str | None], ...]

    def as_document(self) -> dict[str, Any]:
        """For the JSON file on disk."""
        rows = [[row[column] for column in self.columns] for row in self.rows]
        return {"name": self.name, "fetched_at": self.fetched_at.isoformat(), "columns": self.columns, "rows": rows}

    @classmethod
    def saved_in(cls, file: Path, read: Callable[["Table"], T]) -> "tuple[Table, T] | None":
        """The table in a file and what `read` makes of it; None where there is none, or it cannot be used."""
        try:
            table = cls.from_document(json.loads(read_own(file)))
            return table, read(table)
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever the file holds: without it the table is fetched again
            log.warning("the saved table %s is not used: %s", file.name, error)
            return None

    def save(self, file: Path) -> None:
        """Raises `OSError`."""
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(self.as_document(), ensure_ascii=False))

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Raises `TableRefused` where the document is no table."""
        try:
            columns = tuple(str(column) for column in document["columns"])
            rows = tuple(dict(zip(columns, map(_cell, row), strict=True)) for row in document["rows"])
            return cls(str(document["name"]), datetime.fromisoformat(document["fetched_at"]), columns, rows)
        except (KeyError, TypeError, ValueError) as error:
            raise TableRefused(say("it is no table ({error})", error=f"{type(error).__name__}: {error}")) from None


def _cell(value: object) -> str | None:
    return None if value is None else str(value)


def check_shape(table: Table, columns: Sequence[str], min_rows: int) -> None:
    """Raises `TableRefused` where a column is missing or there are fewer than `min_rows` rows."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise TableRefused(say("it has no column {missing}", missing=listed(missing)))
    rows = len(table.rows)
    if rows < min_rows:
        raise TableRefused(
            say("it has {rows} rows, {floor} are the least that can be whole", rows=rows, floor=min_rows)
        )


class AkshareClient:
    """Runs one child process at a time: `command` with the table's name as its last argument."""

    def __init__(
        self, clock: Clock, command: Sequence[str] = CHILD_COMMAND, timeout: float = TIMEOUT, *, proxy: str = "none"
    ) -> None:
        self._clock = clock
        self._command = tuple(command)
        self._timeout = timeout
        self._proxy = proxy
        self._lock = asyncio.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    async def fetch(self, name: str) -> Table:
        """The table as it is now. Raises `TableUnavailable`, `TableRefused`."""
        async with self._lock:
            fetched_at = self._clock.now()
            worker = WorkerThread(f"akshare: {name}")
            try:
                output = await worker.call(lambda: self._run(name), self._timeout + 5)
            except CallTimedOut as error:
                raise TableUnavailable(str(error)) from None
            finally:
                worker.end()
        document = _parse_output(output)
        if "error" in document:
            raise TableUnavailable(_first_line(str(document["error"])))
        return Table.from_document({**document, "name": name, "fetched_at": fetched_at.isoformat()})

    def close(self) -> None:
        """Kill a child that still runs."""
        child = self._child
        if child is not None:
            child.kill()

    def _run(self, name: str) -> bytes:
        """The child's output; blocks. Raises `TableUnavailable`."""
        # The child needs none of our settings, and must not see a password among them.
        environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("ROTOR_")}
        try:
            child = subprocess.Popen(
                [*self._command, name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # progress bars
                env=child_environment(self._proxy, environment) | {"PYTHONUTF8": "1"},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise TableUnavailable(say("akshare could not be run: {error}", error=error.strerror or error)) from None
        self._child = child
        try:
            return child.communicate(timeout=self._timeout)[0]
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise TableUnavailable(say("it did not answer within {seconds:.0f} s", seconds=self._timeout)) from None
        finally:
            self._child = None


def _parse_output(output: bytes) -> dict[str, Any]:
    """The child's last line: akshare itself may print others before it. Raises `TableUnavailable`."""
    lines = output.decode("utf-8", errors="replace").strip().splitlines()
    try:
        document = json.loads(lines[-1]) if lines else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise TableUnavailable(say("akshare ended without an answer"))
    return cast("dict[str, Any]", document)


def _first_line(text: str) -> str:
    line = next(iter(text.strip().splitlines()), "")
    return line if len(line) <= _MAX_ERROR_LENGTH else f"{line[: _MAX_ERROR_LENGTH - 3]}..."
