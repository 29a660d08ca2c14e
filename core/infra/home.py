"""The data folder: its settings, data and logs, and the lock that lets one engine run in it."""

import contextlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from core.i18n import joined, say
from core.model.errors import RefusedError, SetupError, UnavailableError
from core.model.settings import Settings

_PRIVATE = 0o700 if os.name == "posix" else 0o777
_REPLACE_TRIES = 20
_REPLACE_PAUSE = 0.05
_CHANGE_PATIENCE = 15.0
"""Seconds to wait for another process that changes the same file: it holds the lock for some tenths of one."""
_PROBE_PATIENCE = 0.3
"""Seconds to wait for a lock: a process that only checks whether it is free holds it for less."""


class HomeUnusable(SetupError):
    """The data folder cannot be created or written; the message says why and what to do."""


class HomeInUse(RefusedError):
    """Another engine runs in the data folder, or on the account; the message names its process and since when."""


class FileBusy(UnavailableError, OSError):
    """Another process has been changing the file for too long; nothing was written."""


class NotAFile(HomeUnusable, OSError):
    """A link, a folder or a pipe stands where rotor keeps a file of its own; the message says what to do."""


def find_home(option: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """The data folder's absolute path: the option, else ROTOR_HOME, else `cwd` with a config.toml, else the user's.

    Nothing is created.
    """
    chosen = option or (Path(environ["ROTOR_HOME"]) if environ.get("ROTOR_HOME") else None)
    if chosen is not None:
        return (cwd / chosen.expanduser()).resolve()
    if (cwd / "config.toml").is_file():
        return cwd.resolve()
    import platformdirs

    return platformdirs.user_data_path("rotor", appauthor=False)


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one data folder."""

    path: Path

    @property
    def config_file(self) -> Path:
        return self.path / "config.toml"

    @property
    def calendar_file(self) -> Path:
        """Sessions after the shipped ones, written by `rotor calendar update`; often missing."""
        return self.path / "calendar.csv"

    @property
    def calendar_copy(self) -> Path:
        """The calendar file as it was when it could be read last."""
        return self.data / "calendar.csv"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def database(self) -> Path:
        return self.data / "app.db"

    @property
    def credentials_file(self) -> Path:
        """The encrypted file of passwords, where the user has chosen one."""
        return self.data / "secrets.json"

    @property
    def endpoint(self) -> Path:
        """Address and key with which viewers connect to the running engine; readable by this user only."""
        return self.data / "door.json"

    @property
    def outbox(self) -> Path:
        """Notifications that wait for mail and push services."""
        return self.data / "outbox.db"

    @property
    def paper_database(self) -> Path:
        return self.data / "paper.db"

    def prepare(self) -> None:
        """Create the folders, for this user alone where the system knows such a thing, and try to write in them.

        Raises `HomeUnusable`.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for folder in (self.path, self.data, self.logs):
                folder.mkdir(mode=_PRIVATE, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            raise HomeUnusable(
                say(
                    "{path} cannot be used as home: {value}. Choose a folder that you may write, with --home or "
                    "ROTOR_HOME.",
                    path=self.path,
                    value=error.strerror or error,
                )
            ) from error


@contextlib.contextmanager
def changing(path: Path) -> Generator[None]:
    """One process and thread at a time reads and writes the file inside this. Raises `FileBusy`, `OSError`.

    The lock is a file beside it. On POSIX it stays, since a fresh one would be another lock; on Windows it is removed
    when nobody has it open.
    """
    target = path.resolve()
    lock = _file_lock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=_CHANGE_PATIENCE, poll_interval=0.02)
    except Timeout:
        raise FileBusy(say("another rotor is changing {file}; try again", file=path.name)) from None
    try:
        yield
    finally:
        lock.release()


def write_own(path: Path, text: str) -> None:
    """As `write_atomically`, for keys, passwords and locks: never through a link. Raises `NotAFile`, `OSError`."""
    check_own(path)
    write_atomically(path, text)


def read_own(path: Path) -> str:
    """The text of such a file; a pipe in its place, which would never answer, is refused. Raises as `write_own`."""
    check_own(path)
    return path.read_text(encoding="utf-8")


def check_own(path: Path) -> None:
    """Raises `NotAFile` where something else than an ordinary file has this name."""
    try:
        ordinary = stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not ordinary:
        raise NotAFile(say("{path} is a link, a folder or a pipe, not a file of rotor: remove it", path=path))


def _file_lock(path: Path) -> FileLock:
    check_own(path)
    # One thread may take it and another free it: the lock belongs to the process.
    return FileLock(path, thread_local=False)


def write_atomically(path: Path, text: str) -> None:
    """Replace the file's content as a whole: after a crash it is the old one or the new one. UTF-8, newlines as given.

    A link is followed: a user's file may live elsewhere. Raises `OSError`.
    """
    target = path.resolve()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        _replace(fresh, target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _replace(fresh: Path, target: Path) -> None:
    """`os.replace`, patient with Windows, which refuses while anybody (a virus scanner, say) has the target open."""
    for left in reversed(range(_REPLACE_TRIES)):
        try:
            fresh.replace(target)
            return
        except PermissionError:
            if not left:
                raise
            time.sleep(_REPLACE_PAUSE)


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that runs in a data folder; a field is None where it is not known."""

    pid: int | None
    since: datetime | None
    mode: str | None

    def __str__(self) -> str:
        """Such as `process 4711, since 2026-05-15 09:20:01, in paper mode`."""
        number = (
            say("process {pid}", pid=self.pid)
            if self.pid is not None
            else say("a process that did not leave its number")
        )
        parts = [number]
        if self.since is not None:
            parts.append(say("since {since:%Y-%m-%d %H:%M:%S}", since=self.since))
        if self.mode is not None:
            parts.append(say("in {mode} mode", mode=say(self.mode)))
        return joined(parts)


class ExclusiveLock:
    """A lock that one process at a time holds.

    The operating system frees it when the process ends, however that ends. A file beside it names the holder and means
    nothing while the lock is free.
    """

    def __init__(self, folder: Path, name: str, taken: str) -> None:
        """`taken`: the sentence for a second process, with `{holder}` where the first is named."""
        self._folder = folder
        self._lock_file = folder / f"{name}.lock"
        self._sidecar = folder / f"{name}.json"
        self._taken = taken
        self._lock: FileLock | None = None

    def acquire(self, mode: str, since: datetime) -> Self:
        """Take it for as long as this object lives, and write down the holder. Raises `HomeInUse`, `OSError`."""
        lock = _file_lock(self._lock_file)
        try:
            lock.acquire(timeout=_PROBE_PATIENCE, poll_interval=0.02)
        except Timeout:
            raise HomeInUse(self._taken.format(holder=self._told())) from None
        try:
            told = {"pid": os.getpid(), "since": since.isoformat(timespec="seconds"), "mode": mode}
            write_own(self._sidecar, json.dumps(told))
        except BaseException:
            lock.release()
            raise
        self._lock = lock
        return self

    def release(self) -> None:
        """Free it; does nothing where it is not held."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._sidecar.unlink(missing_ok=True)
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def holder(self) -> Holder | None:
        """The holder, which may be this process; None while it is free. Does not change the lock. Raises `OSError`."""
        if not self._folder.is_dir():
            return None
        probe = _file_lock(self._lock_file)
        try:
            probe.acquire(timeout=0)
        except Timeout:
            return self._told()
        except OSError:
            if self._lock_file.exists():
                raise
            return None  # the folder may only be read, and nobody has ever taken the lock
        probe.release()
        return None

    def _told(self) -> Holder:
        try:
            told = json.loads(read_own(self._sidecar))
            return Holder(int(told["pid"]), datetime.fromisoformat(told["since"]), str(told["mode"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Holder(None, None, None)


class HomeLock(ExclusiveLock):
    """The lock of the one engine of a data folder."""

    def __init__(self, home: Home) -> None:
        path = str(home.path).replace("{", "{{").replace("}", "}}")
        super().__init__(
            home.data,
            "engine",
            say(
                "{folder} is in use by another rotor: {holder}. Close that one first, or choose another with --home.",
                folder=path,
                holder="{holder}",
            ),
        )


def database_files(home: Home, settings: Settings) -> tuple[Path, Path]:
    """The database of the settings' mode and account, and that of its paper broker.

    One ledger per account: what was bought in practice must never count as the strategy's in another account.
    """
    if settings.mode == "sandbox":
        return home.database, home.paper_database
    folder = home.data / (settings.mode if settings.mode == "paper" else f"live-{settings.qmt.account}")
    return folder / home.database.name, folder / home.paper_database.name
