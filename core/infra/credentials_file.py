"""A file of passwords for machines without a keyring, encrypted with one passphrase.

Scrypt derives the key from the passphrase, with the cost that OWASP's cheat sheet on password storage names (N = 2**17,
r = 8, p = 1: 128 MB and some tenths of a second); Fernet encrypts and signs each entry.
"""

import base64
import json
import secrets
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr

from core.i18n import say
from core.infra.home import changing, read_own, write_own
from core.model.errors import RefusedError

_N, _R, _P = 2**17, 8, 1
_MOST_N = 2**20
"""A file that asks for more is not ours, and would only use memory."""

_CHECK = "rotor"
LEAST_CHARACTERS = 8
"""Shortest passphrase."""


class CredentialsFileLocked(RefusedError):
    """The file cannot be opened or written; the message says why and what to do."""


class CredentialsFile:
    """Encrypted passwords by name. Entries can be removed without the passphrase.

    Calls read and write the disk, and opening takes some tenths of a second: not for the engine's own thread.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.Lock()
        self._key: bytes | None = None
        self._there = path.exists()

    @property
    def locked(self) -> bool:
        """Whether there is a file that is not open yet, as of the last call; reads no disk."""
        return self._there and self._key is None

    @property
    def open(self) -> bool:
        return self._key is not None

    def unlock(self, passphrase: SecretStr) -> None:
        """Open the file, or create it. Raises `CredentialsFileLocked`."""
        with self._turn:
            if (document := self._read()) is None:
                with self._changing():
                    if (document := self._read()) is None:
                        self._create(passphrase)
                        return
            self._key = _opened(self.path, document, passphrase)

    def _create(self, passphrase: SecretStr) -> None:
        if len(passphrase.get_secret_value()) < LEAST_CHARACTERS:
            raise CredentialsFileLocked(
                say("The passphrase needs {least} characters at least: nothing was kept.", least=LEAST_CHARACTERS)
            )
        salt = secrets.token_bytes(16)
        key = _derived(passphrase, salt, _N, _R, _P)
        kdf = {"name": "scrypt", "salt": base64.b64encode(salt).decode("ascii"), "n": _N, "r": _R, "p": _P}
        self._write({"version": 1, "kdf": kdf, "check": _encrypted(key, _CHECK), "entries": {}})
        self._key = key

    def get(self, name: str) -> SecretStr | None:
        """The entry, None where there is none. Raises `CredentialsFileLocked`."""
        with self._turn:
            document = self._read()
            token = None if document is None else document["entries"].get(name)
            if document is None or token is None:
                return None
            # The name is encrypted too, so an entry that was moved under another name is refused.
            owner, _, secret = _decrypted(self.path, self._key_of(document), token).partition("\n")
            if owner != name:
                raise _damaged(self.path)
            return SecretStr(secret)

    def holds(self, name: str) -> bool:
        """Whether there is such an entry, readable or not; False where the file itself cannot be read."""
        with self._turn:
            try:
                document = self._read()
            except CredentialsFileLocked:
                return False
            return document is not None and name in document["entries"]

    def put(self, name: str, secret: SecretStr) -> None:
        """Raises `CredentialsFileLocked`, also where the file was not opened."""
        with self._turn, self._changing():
            document = self._read()
            if document is None:
                raise _not_open()
            document["entries"][name] = _encrypted(self._key_of(document), f"{name}\n{secret.get_secret_value()}")
            self._write(document)

    def remove(self, name: str) -> None:
        """Remove the entry if there is one, and the file with its last entry. Raises `CredentialsFileLocked`."""
        with self._turn:
            document = self._read()
            if document is None or name not in document["entries"]:
                return
            with self._changing():
                self._remove(name)

    def _remove(self, name: str) -> None:
        document = self._read()
        if document is None or document["entries"].pop(name, None) is None:
            return
        if document["entries"]:
            self._write(document)
            return
        try:
            self.path.unlink()
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self._there, self._key = False, None

    @contextmanager
    def _changing(self) -> Generator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with changing(self.path):
                yield
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def _key_of(self, document: dict[str, Any]) -> bytes:
        """The key, if it is that of this document: another process may have begun a new file."""
        from cryptography.fernet import InvalidToken

        if self._key is None:
            raise _not_open()
        try:
            _plain(self._key, str(document["check"]))
        except (InvalidToken, ValueError, KeyError):
            self._key = None
            raise _not_open() from None
        return self._key

    def _read(self) -> dict[str, Any] | None:
        try:
            document = json.loads(read_own(self.path))
            kdf = document["kdf"]
            sound = (
                document["version"] == 1
                and kdf["name"] == "scrypt"
                and isinstance(document["entries"], dict)
                and all(isinstance(kdf[name], int) and 0 < kdf[name] <= _MOST_N for name in ("n", "r", "p"))
            )
        except FileNotFoundError:
            self._there = False
            return None
        except OSError as error:
            raise CredentialsFileLocked(
                say("{path} cannot be read: {why}.", path=self.path, why=error.strerror or str(error))
            ) from None
        except (ValueError, KeyError, TypeError):
            sound = False
            document = None
        if not sound:
            raise _damaged(self.path)
        self._there = True
        return cast("dict[str, Any]", document)

    def _write(self, document: dict[str, Any]) -> None:
        try:
            write_own(self.path, json.dumps(document, indent=1))
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self._there = True


def _opened(path: Path, document: dict[str, Any], passphrase: SecretStr) -> bytes:
    from cryptography.fernet import InvalidToken

    kdf = document["kdf"]
    try:
        key = _derived(passphrase, base64.b64decode(kdf["salt"]), kdf["n"], kdf["r"], kdf["p"])
        if _plain(key, str(document["check"])) != _CHECK:
            raise _damaged(path)
    except InvalidToken:
        raise CredentialsFileLocked(
            say("That is not the passphrase of {path}: nothing was opened.", path=path)
        ) from None
    except (ValueError, KeyError, TypeError, MemoryError):
        raise _damaged(path) from None
    return key


def _derived(passphrase: SecretStr, salt: bytes, n: int, r: int, p: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    raw = Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(passphrase.get_secret_value().encode("utf-8"))
    return base64.urlsafe_b64encode(raw)


def _encrypted(key: bytes, text: str) -> str:
    from cryptography.fernet import Fernet

    return Fernet(key).encrypt(text.encode("utf-8")).decode("ascii")


def _plain(key: bytes, token: str) -> str:
    from cryptography.fernet import Fernet

    return Fernet(key).decrypt(token.encode("ascii")).decode("utf-8")


def _decrypted(path: Path, key: bytes, token: object) -> str:
    from cryptography.fernet import InvalidToken

    try:
        return _plain(key, str(token))
    except (InvalidToken, ValueError):
        raise _damaged(path) from None


def _not_open() -> CredentialsFileLocked:
    return CredentialsFileLocked(say("The passwords are in an encrypted file that is not opened yet."))


def _damaged(path: Path) -> CredentialsFileLocked:
    return CredentialsFileLocked(
        say("{path} is damaged, and its passwords are lost: move it away and type them anew.", path=path)
    )


def _unwritable(path: Path, error: OSError) -> CredentialsFileLocked:
    return CredentialsFileLocked(say("{path} cannot be written: {why}.", path=path, why=error.strerror or str(error)))
