"""A process that outlives the session which starts it: no terminal, no console, no job of an ssh server's."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from core.i18n import say
from core.infra.home import Home
from core.infra.service import engine_command

_ACCESS_DENIED = 5
_WMI = (
    "$made = Invoke-CimMethod -ClassName Win32_Process -MethodName Create -Arguments "
    "@{{CommandLine={command}; CurrentDirectory={folder}}}; exit $made.ReturnValue"
)


class NotStarted(RuntimeError):
    """The process could not be started; the message says why and what to do."""


def start_engine(home: Home, options: Sequence[str], output: Path) -> "subprocess.Popen[bytes] | None":
    """Start the engine of a home so; `options` go before its command. Raises `NotStarted`."""
    return start_detached(engine_command(home, *options), home.path, output)


def start_detached(command: Sequence[str], folder: Path, output: Path) -> "subprocess.Popen[bytes] | None":
    """Start it in `folder`, what it prints going to `output`; None where the system started it in our place.

    Raises `NotStarted`.
    """
    try:
        with output.open("ab") as printed:
            return _started(command, folder, printed.fileno())
    except OSError as error:
        if sys.platform == "win32" and error.winerror == _ACCESS_DENIED:
            _started_by_windows(command, folder)
            return None
        raise NotStarted(say("{program} could not be started: {why}.", program=command[0], why=error)) from None


def _started(command: Sequence[str], folder: Path, printed: int) -> "subprocess.Popen[bytes]":
    if sys.platform == "win32":
        # A console of its own that nobody sees, no Ctrl+C of this one, and out of the job in which an ssh server
        # ends whatever a session has started.
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_BREAKAWAY_FROM_JOB
        return subprocess.Popen(
            list(command), cwd=folder, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, creationflags=flags
        )
    return subprocess.Popen(
        list(command),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=printed,
        stderr=printed,
        start_new_session=True,  # no terminal: its end hangs up on nobody
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _started_by_windows(command: Sequence[str], folder: Path) -> None:
    """A job that lets nobody out: Windows' own service starts the process, outside of it and without our variables."""
    script = _WMI.format(command=_literal(subprocess.list2cmdline(command)), folder=_literal(str(folder)))
    done = subprocess.run(
        ["powershell", "-NoProfile", "-NonInteractive", "-Command", script],
        capture_output=True,
        check=False,
        timeout=60,
    )
    if done.returncode != 0:
        raise NotStarted(
            say(
                "this session lets no process outlive it, and Windows did not start one (code {code}): use rotor "
                "autostart on, or start it over RDP.",
                code=done.returncode,
            )
        )


def _literal(text: str) -> str:
    """As PowerShell reads a text in which nothing is special."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
