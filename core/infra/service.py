"""Start the engine at log-on and after a crash, by Windows' Task Scheduler or systemd, or as a background process."""

import getpass
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from core.i18n import say
from core.infra.home import Home, write_atomically
from core.infra.program import own_command
from core.model.errors import SetupError

_SECONDS = 30.0
_REFUSED = "2 3 4"
"""Exit codes after which a restart would not help: bad settings, refused, stopped with something open."""


class AutostartFailed(SetupError):
    """It could not be set up or removed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Autostart:
    """A unit or task: its file, and the commands that register and unregister it."""

    name: str
    file: Path
    text: str
    register: tuple[tuple[str, ...], ...]
    unregister: tuple[tuple[str, ...], ...]


def engine_command(home: Home, *options: str) -> tuple[str, ...]:
    """The command that runs the engine of a data folder without a screen; `options` go before it."""
    return own_command("--home", str(home.path), *options, "run")


def autostart_of(home: Home, environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> Autostart:
    """For a data folder on this system. Raises `AutostartFailed` where it has neither of the two."""
    name = f"rotor-{hashlib.sha256(str(home.path.resolve()).encode('utf-8')).hexdigest()[:8]}"
    command = engine_command(home)
    if platform == "win32":
        file = home.data / f"{name}.xml"
        task = f"\\rotor\\{name}"
        return Autostart(
            task,
            file,
            _task(home, command),
            (("schtasks", "/Create", "/TN", task, "/XML", str(file), "/F"),),
            (("schtasks", "/Delete", "/TN", task, "/F"),),
        )
    if platform == "linux":
        given = os.environ if environ is None else environ
        config = Path(given.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        unit = f"{name}.service"
        return Autostart(
            unit,
            config / "systemd" / "user" / unit,
            _unit(home, command),
            (("systemctl", "--user", "daemon-reload"), ("systemctl", "--user", "enable", unit)),
            (("systemctl", "--user", "disable", unit), ("systemctl", "--user", "daemon-reload")),
        )
    raise AutostartFailed(
        say("rotor sets up no start at log-on on {platform}: let your system run rotor run.", platform=platform)
    )


def is_on(autostart: Autostart) -> bool | None:
    """Whether the file is there as it would be written; None where there is another one."""
    try:
        text = autostart.file.read_bytes().decode("utf-16" if autostart.file.suffix == ".xml" else "utf-8")
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return None
    return True if text == autostart.text else None


def turn_on(autostart: Autostart) -> None:
    """Write the file and register it. Raises `AutostartFailed`, and `OSError`; the file is gone then."""
    autostart.file.parent.mkdir(parents=True, exist_ok=True)
    if autostart.file.suffix == ".xml":
        autostart.file.write_bytes(autostart.text.encode("utf-16"))  # what schtasks reads
    else:
        write_atomically(autostart.file, autostart.text)
    try:
        for command in autostart.register:
            _run(command)
    except AutostartFailed:
        autostart.file.unlink(missing_ok=True)
        raise


def turn_off(autostart: Autostart) -> None:
    """Unregister it and remove the file. Raises `AutostartFailed`, and `OSError`."""
    if not autostart.file.exists():
        return
    first, *rest = autostart.unregister
    _run(first)
    autostart.file.unlink(missing_ok=True)
    for command in rest:
        _run(command)


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            cwd=tempfile.gettempdir(),
            check=False,
        )
    except FileNotFoundError:
        raise AutostartFailed(
            say("{program} is not there: start rotor with what starts programs on this machine.", program=command[0])
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AutostartFailed(say("{command} failed: {error}.", command=" ".join(command), error=error)) from None
    if done.returncode != 0:
        why = " ".join((done.stderr or done.stdout).split()) or str(done.returncode)
        raise AutostartFailed(
            say(
                "{command} failed: {why}. It works in a session of your own, logged in at the machine, over RDP or "
                "ssh; on a Linux box, loginctl enable-linger keeps your units running without one.",
                command=" ".join(command),
                why=why.rstrip("."),
            )
        )


def _unit(home: Home, command: Sequence[str]) -> str:
    line = " ".join(_quoted(word) for word in command)
    return f"""\
# Written by: rotor autostart on
[Unit]
Description=rotor in {str(home.path).replace("%", "%%")}

[Service]
ExecStart={line}
WorkingDirectory={str(home.path).replace("%", "%%")}
Restart=on-failure
RestartSec=10
# Bad settings, a refusal, and an end by the user are no crash.
RestartPreventExitStatus={_REFUSED}
# It ends after the broker has confirmed the cancelling of open orders.
TimeoutStopSec=60

[Install]
WantedBy=default.target
"""


def _quoted(word: str) -> str:
    """As systemd reads a word: % and $ are its own."""
    inside = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{inside}"'


def _task(home: Home, command: Sequence[str]) -> str:
    program, *arguments = command
    user = escape(_user())
    return f"""\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>rotor in {escape(str(home.path))}</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled><UserId>{user}</UserId></LogonTrigger></Triggers>
  <Principals>
    <Principal id="Author"><UserId>{user}</UserId><LogonType>InteractiveToken</LogonType></Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>255</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(program)}</Command>
      <Arguments>{escape(subprocess.list2cmdline(arguments))}</Arguments>
      <WorkingDirectory>{escape(str(home.path))}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
"""


def _user() -> str:
    domain = os.environ.get("USERDOMAIN", "")
    return f"{domain}\\{getpass.getuser()}" if domain else getpass.getuser()


_ACCESS_DENIED = 5
_WMI = (
    "$made = Invoke-CimMethod -ClassName Win32_Process -MethodName Create -Arguments "
    "@{{CommandLine={command}; CurrentDirectory={folder}}}; exit $made.ReturnValue"
)


class NotStarted(SetupError):
    """The process could not be started; the message says why and what to do."""


def start_engine(home: Home, options: Sequence[str], output: Path) -> "subprocess.Popen[bytes] | None":
    """Start the engine of a data folder so that it outlives this session; None where Windows started it for us.

    `options` go before its command; it prints to `output`. Raises `NotStarted`.
    """
    command, folder = engine_command(home, *options), home.path
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
        # A hidden console of its own, no Ctrl+C from this one, and outside the job with which an ssh server ends
        # everything that a session has started.
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
        start_new_session=True,  # no terminal whose end could stop it
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _started_by_windows(command: Sequence[str], folder: Path) -> None:
    """The job cannot be left: a Windows service starts the process, outside the job and without our variables."""
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
