"""The encrypted file: its content, a damaged one, and no byte of a password in it."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.infra import credentials_file
from core.infra.credentials_file import CredentialsFile, CredentialsFileLocked

PASSPHRASE = SecretStr("correct horse")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "secrets.json"


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials_file, "_N", 2**10)


def test_typical_use_of_the_credentials_file(path: Path) -> None:
    """At its real cost: scrypt with N = 2**17."""
    credentials_file = CredentialsFile(path)
    assert not credentials_file.locked
    credentials_file.unlock(PASSPHRASE)
    credentials_file.put("factorcat:me", SecretStr("hunter2"))
    assert json.loads(path.read_text("utf-8"))["kdf"]["n"] == 2**17
    again = CredentialsFile(path)
    assert again.locked
    again.unlock(PASSPHRASE)
    assert again.get("factorcat:me") == SecretStr("hunter2")
    assert again.get("factorcat:you") is None
    assert b"hunter2" not in path.read_bytes()
    assert b"correct horse" not in path.read_bytes()


@pytest.mark.usefixtures("cheap")
class TestCheaply:
    def test_a_short_passphrase_is_refused(self, path: Path) -> None:
        with pytest.raises(CredentialsFileLocked, match="needs 8 characters"):
            CredentialsFile(path).unlock(SecretStr("short"))
        assert not path.exists()

    def test_two_rotors_keep_each_other_s_entries(self, path: Path) -> None:
        files = [CredentialsFile(path) for _ in range(4)]
        with ThreadPoolExecutor(len(files)) as pool:
            list(pool.map(lambda file: file.unlock(PASSPHRASE), files))
            list(pool.map(lambda item: item[1].put(f"email:{item[0]}", SecretStr("x")), enumerate(files)))
        assert sorted(json.loads(path.read_text("utf-8"))["entries"]) == [f"email:{number}" for number in range(4)]
        assert all(file.get("email:3") == SecretStr("x") for file in files)

    def test_a_key_of_an_earlier_file_is_not_used_for_a_new_one(self, path: Path) -> None:
        ours = self._with(path, "a", "old")
        CredentialsFile(path).remove("a")
        self._with(path, "b", "new")
        with pytest.raises(CredentialsFileLocked, match="not opened yet"):
            ours.put("c", SecretStr("lost"))
        assert ours.locked
        ours.unlock(PASSPHRASE)
        assert ours.get("b") == SecretStr("new")

    def test_an_entry_moved_to_another_name_is_refused(self, path: Path) -> None:
        credentials_file = self._with(path, "factorcat:me", "hunter2")
        document = json.loads(path.read_text("utf-8"))
        document["entries"]["email:me"] = document["entries"]["factorcat:me"]
        path.write_text(json.dumps(document), "utf-8")
        with pytest.raises(CredentialsFileLocked, match="damaged"):
            credentials_file.get("email:me")

    @pytest.mark.parametrize(
        "damage",
        [
            lambda document: document.pop("kdf"),
            lambda document: document.update(version=2),
            lambda document: document["kdf"].update(n=2**30),
            lambda document: document["kdf"].update(n=3),
            lambda document: document.update(entries=[]),
            lambda document: document["kdf"].update(salt="not base64 !"),
        ],
    )
    def test_a_damaged_file_is_reported(self, path: Path, damage: object) -> None:
        self._with(path, "a", "b")
        document = json.loads(path.read_text("utf-8"))
        damage(document)  # type: ignore[operator]
        path.write_text(json.dumps(document), "utf-8")
        with pytest.raises(CredentialsFileLocked, match=r"damaged|not the passphrase"):
            CredentialsFile(path).unlock(PASSPHRASE)

    def test_a_file_of_random_bytes_is_reported(self, path: Path) -> None:
        path.parent.mkdir()
        path.write_bytes(b"\xff\x00 noise")
        with pytest.raises(CredentialsFileLocked, match="damaged"):
            CredentialsFile(path).unlock(PASSPHRASE)

    def test_deleting_the_last_entry_deletes_the_file(self, path: Path) -> None:
        credentials_file = self._with(path, "a", "b")
        credentials_file.put("c", SecretStr("d"))
        credentials_file.remove("a")
        assert path.exists()
        CredentialsFile(path).remove("c")
        assert not path.exists()

    def _with(self, path: Path, name: str, secret: str) -> CredentialsFile:
        credentials_file = CredentialsFile(path)
        credentials_file.unlock(PASSPHRASE)
        credentials_file.put(name, SecretStr(secret))
        return credentials_file
