"""Keyrings for tests: one in memory, and ones that fail like real ones."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """Keeps passwords for one test."""

    # Below the one that always fails: only a test chooses it.
    priority = -1  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


class BrokenKeyring(MemoryKeyring):
    """Raises what `error` makes of the password, if anything, at every call or only at those of `where`."""

    def __init__(self, error: Callable[[str], Exception | None], where: str = "get set delete") -> None:
        super().__init__()
        self._error = error
        self._where = where.split()

    def get_password(self, service: str, username: str) -> str | None:
        self._fail("get", "")
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._fail("set", password)
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self._fail("delete", "")
        super().delete_password(service, username)

    def _fail(self, where: str, password: str) -> None:
        if where in self._where and (error := self._error(password)) is not None:
            raise error


class NullKeyring(MemoryKeyring):
    """Accepts a password and stores nothing."""

    def set_password(self, service: str, username: str, password: str) -> None: ...


class HangingKeyring(MemoryKeyring):
    """Asks its user on an invisible screen."""

    def get_password(self, service: str, username: str) -> str | None:
        time.sleep(5)
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        time.sleep(5)


class PlaintextKeyring(MemoryKeyring):
    """Named as the one that keeps passwords in a plain file, which is chosen where there is no better one."""


class WindowsError(Exception):
    """As pywintypes.error: no KeyringError, with its number in `winerror`."""

    def __init__(self, number: int, *text: str) -> None:
        super().__init__(number, *text)
        self.winerror = number


class FileKeyring(MemoryKeyring):
    """For processes of a test: as the system's, it outlives them. In the file that TEST_KEYRING names."""

    def __init__(self) -> None:
        super().__init__()
        self._file = Path(os.environ.get("TEST_KEYRING", os.devnull))

    def get_password(self, service: str, username: str) -> str | None:
        self._read()
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._read()
        super().set_password(service, username, password)
        self._write()

    def delete_password(self, service: str, username: str) -> None:
        self._read()
        super().delete_password(service, username)
        self._write()

    def _read(self) -> None:
        rows = json.loads(self._file.read_text("utf-8")) if self._file.exists() else []
        self.kept = {(service, username): password for service, username, password in rows}

    def _write(self) -> None:
        self._file.write_text(json.dumps([[*key, password] for key, password in self.kept.items()]), "utf-8")
